"""Pages and fragments that are made from the last run and the registry: cards, timings, data gallery."""

from __future__ import annotations

import base64
import csv
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import gallery
from kernel_watch import budget
from nbformat import NotebookNode
from repo_url import binder_url, colab_url

from data_fetch.registry import dataset_names, human_size, registry

ROOT = Path(__file__).resolve().parents[1]
#: Whose cover opens the book: intro.md tells what it shows, and that it is real.
LANDING = "06_lightcurves"
#: Versions that decide how fast a chapter runs, for the timings page.
TOLD = ["numpy", "pandas", "matplotlib", "astropy", "tensorflow-cpu", "tensorflow", "torch", "jupyter-book"]


def generated(
    book: Path, build: Path, chapters: dict[str, NotebookNode], rows: list[dict[str, Any]]
) -> dict[str, bytes]:
    """Give all generated files, name → content; Markdown fragments refer to each other from the book's root.

    Parameters
    ----------
    book : Path
        The folder with ``chapters.csv``.
    build : Path
        The build folder; pictures of the gallery are kept in it.
    chapters : dict
        Executed notebooks by stem.
    rows : list of dict
        ``chapters.json`` of the runner.
    """
    covers = {stem: cover(notebook) for stem, notebook in chapters.items()}
    with (book / "chapters.csv").open(encoding="utf-8", newline="") as stream:
        planned = list(csv.DictReader(stream))
    first = next(iter(chapters))
    pictures = {name: gallery.picture(name, build / "gallery") for name in dataset_names()}
    texts = {
        "landing_figure.md": _landing_figure(LANDING, covers[LANDING][1]),
        "start_cards.md": _start_cards(first),
        "chapter_cards.md": _chapter_cards(planned, chapters, covers),
        "timings.md": _timings(rows),
        "data_gallery.md": _data_gallery(pictures),
    }
    files = {name: text.encode() for name, text in texts.items()}
    files |= {f"cover_{stem}.png": image for stem, (image, _) in covers.items()}
    return files | {f"gallery_{name}.png": found[0] for name, found in pictures.items() if found}


def cover(notebook: NotebookNode) -> tuple[bytes, str]:
    """Give the PNG that the cell tagged ``cover`` drew, and its alt text.

    Raises
    ------
    ValueError
        If the cell drew nothing.
    """
    cell = next(cell for cell in notebook.cells if "cover" in cell.metadata.get("tags", []))
    for output in cell.outputs:
        if "image/png" in output.get("data", {}):
            return base64.b64decode(output["data"]["image/png"]), cell.metadata["mystnb"]["image"]["alt"]
    raise ValueError("the cell tagged cover drew no figure. Its last line must be the figure.")


def duration(seconds: float) -> str:
    """Write a duration for people: ``"7 s"``, ``"2 min 5 s"``."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def _landing_figure(stem: str, alt: str) -> str:
    return f"```{{image}} /_generated/cover_{stem}.png\n:alt: {alt}\n:class: landing-figure\n:target: chapters/{stem}.html\n```\n"


def _start_cards(stem: str) -> str:
    notebook = f"book/chapters/{stem}.ipynb"
    cards = [
        (
            binder_url(notebook),
            "In the browser: Binder",
            "Nothing to install, no account. The first start can take some minutes.",
        ),
        (colab_url(notebook), "In the browser: Colab", "Starts at once. Needs a Google account."),
    ]
    lines = ["::::{grid} 1 1 3 3", ":gutter: 3", ""]
    for link, title, text in cards:
        lines += [f":::{{grid-item-card}} {title}", f":link: {link}", "", text, ":::", ""]
    lines += [":::{grid-item-card} On your laptop", ":link: /start/setup", ":link-type: doc", ""]
    return "\n".join([*lines, "`make lab`, and you work at your own pace.", ":::", "::::", ""])


def _chapter_cards(planned: list[dict[str, str]], chapters: dict[str, NotebookNode], covers: dict[str, Any]) -> str:
    lines = ["::::{grid} 1 2 3 3", ":gutter: 3", ""]
    for row in planned:
        stem, title = row["stem"], f"{int(row['stem'][:2])} · {row['title']}"
        written = stem in chapters
        lines.append(f":::{{grid-item-card}} {title}")
        if written:
            lines += [f":link: /chapters/{stem}", ":link-type: doc", f":img-top: /_generated/cover_{stem}.png"]
            lines.append(f":img-alt: {covers[stem][1]}")
        else:
            lines.append(":class-card: card-soon")
        opening = written and chapters[stem].metadata["meteortut"]["status"] == "opening"
        state = "The opening can be read now." if opening else "" if written else "Not written yet."
        source = row["source"][0].upper() + row["source"][1:]
        lines += ["", row["question"], "", f"*{source}.* {state}".strip(), ":::", ""]
    return "\n".join([*lines, "::::", ""])


def _timings(rows: list[dict[str, Any]]) -> str:
    lines = ["| chapter | time | of | peak memory | of |", "|---|--:|--:|--:|--:|"]
    for row in rows:
        allowed = budget(row["chapter"], ROOT / "pyproject.toml")
        time = f"{row['seconds']:.1f} s | {allowed.seconds:.0f} s"
        memory = f"{row['peak_rss_mib']:.0f} MiB | {allowed.peak_rss_mib:.0f} MiB"
        lines.append(f"| [{row['chapter']}](/chapters/{row['chapter']}.ipynb) | {time} | {memory} |")
    found = [f"{name} {release}" for name in TOLD if (release := _version(name))]
    machine = f"{os.cpu_count()} processor cores, {platform.system()}, Python {platform.python_version()}"
    return "\n".join([*lines, "", f"Measured on {machine}; {', '.join(found)}.", ""])


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _data_gallery(pictures: dict[str, tuple[bytes, str] | None]) -> str:
    sections = []
    for name, rows in registry().groupby("dataset", sort=False):
        first = rows.iloc[0]
        used = ", ".join(f"`{stem}`" for stem in first.chapters.split(";"))
        pinned = sorted({"`" + "/".join(url.split("/")[3:5]) + "@" + url.split("/")[5][:7] + "`" for url in rows.url})
        licence = "; ".join(dict.fromkeys(rows.licence))
        found = pictures[str(name)]
        absent = f"No picture: these files were not here when the book was built. `python -m data_fetch get {name}` brings them."
        shown = f"```{{image}} /_generated/gallery_{name}.png\n:alt: {found[1]}\n```" if found else absent
        sections.append(
            f"## {first.title}\n\n`{name}`: {first.holds}.\n\n{shown}\n\n"
            f"| | |\n|---|---|\n| files | {len(rows)}, {human_size(rows.bytes.sum())} |\n| licence | {licence} |\n"
            f"| source | {first.citation} |\n| pinned to | {', '.join(pinned)} |\n| chapters | {used} |\n"
        )
    return "\n".join(sections)
