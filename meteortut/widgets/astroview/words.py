"""What AstroView says: the lines beside the picture, and the alert above it."""

from __future__ import annotations

import html

from meteortut.widgets.astroview.label_file import LabelFile

#: Lines of a label file that are complained about one by one.
MOST_COMPLAINTS = 8


def escaped(text: str) -> str:
    """Text for HTML; bytes of a file name that are no UTF-8 become question marks, as a browser cannot take them."""
    return html.escape(text.encode("utf-8", "replace").decode(), quote=True)


def lines_html(lines: list[str]) -> str:
    """Lines below each other, empty ones left out, the first one bold."""
    first, *others = [escaped(line) for line in lines if line]
    return f'<div style="line-height: 1.4">{"<br>".join([f"<b>{first}</b>", *others])}</div>'


def alert_html(lines: list[str]) -> str:
    """Lines in a box that screen readers read at once, or nothing if all are empty."""
    shown = "<br>".join(escaped(line) for line in lines if line)
    return f'<div class="astroview-alert" role="alert">{shown}</div>' if shown else ""


def of_labels(file: LabelFile, here: set[str]) -> str:
    """Say how many frames are labelled, where that is kept, and how many rows are of other frames."""
    n_here = sum(name in here for name in file.labels)
    where = f"saved in {file.path}" if file.path else "in memory only, as no file was given"
    elsewhere = len(file.labels) - n_here
    more = f"; {elsewhere} rows in there are of frames that are not here, and are kept" if elsewhere else ""
    return f"{n_here} labelled, {where}{more}"


def of_ignored(names: list[str]) -> str:
    """Say which files of a folder were left out."""
    if not names:
        return ""
    few = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
    return f"{len(names)} other files in the folder are ignored: {few}"


def complaints(file: LabelFile) -> list[str]:
    """Say which lines of a label file make no sense, and what happens to them."""
    lines = [f"{file.path}, {problem}" for problem in file.problems]
    if len(lines) > MOST_COMPLAINTS:
        lines[MOST_COMPLAINTS:] = [f"and {len(lines) - MOST_COMPLAINTS} lines more"]
    if lines:
        lines.append("These lines stay in the file as they are and count for nothing; all others hold.")
    return lines
