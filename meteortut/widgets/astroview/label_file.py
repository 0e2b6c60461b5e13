"""Labels of frames in a CSV file: saved whole after every change, so that a process that is killed loses none.

The file has the header ``frame,labels`` and a row per labelled frame; several labels are joined by ``|``. Rows are keyed by the
frame's name, never by its position. Lines that make no sense, and rows of frames from elsewhere, are kept as they are.
"""

from __future__ import annotations

import csv
import io
import os
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: What a frame can be labelled; all but the last may stand together. The first four are those of Zhai et al. (2021).
KINDS = (
    *("trajectory", "slew", "cloud", "obstruction"),
    *("out_of_focus", "background", "ghost", "defocused_satellite"),
    "normal",
)
HEADER = "frame,labels"


@dataclass(frozen=True)
class _Line:
    """A line of the file: its text, and what it says, or why it says nothing."""

    text: str
    frame: str = ""
    kinds: tuple[str, ...] = ()
    problem: str = ""


class LabelFile:
    """The labels of frames, in memory and in a file.

    Parameters
    ----------
    path : path-like or None
        A CSV file, made with the first label if it does not exist. None keeps the labels in memory only.

    Attributes
    ----------
    path : Path or None
        The file; a link is followed, so that saving does not cut it.
    labels : dict of str to tuple of str
        Frame's name to its labels, in the order of `KINDS`. Frames without a label have no entry.
    problems : list of str
        A sentence for every line that makes no sense, with its number. Such lines stay in the file as they are.

    Raises
    ------
    ValueError
        The path is a folder, its folder does not exist or cannot be written to, or the file is no label file. The file is
        then left as it is.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = None if path is None else Path(path).expanduser().resolve()
        self._lines: list[_Line] = []
        if self.path is not None:
            _check_place(self.path)
            self._reload()

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """Labels of every labelled frame."""
        return {line.frame: line.kinds for line in self._lines if line.frame}

    @property
    def problems(self) -> list[str]:
        """What is wrong in the file, line by line; the header is line 1."""
        return [f"line {k}: {line.problem}" for k, line in enumerate(self._lines, start=2) if line.problem]

    def put(self, frame: str, kinds: Iterable[str]) -> None:
        """Set the labels of one frame and save.

        The file is read again before, so that rows that came into it meanwhile (another window, an editor) stay; the last
        one to save wins for one frame only. Two processes that save in the same few milliseconds are not kept apart.

        Parameters
        ----------
        frame : str
            Name of the frame.
        kinds : iterable of str
            Its labels; none removes its row.

        Raises
        ------
        ValueError
            An unknown label, "normal" beside another, a name that does not fit into a line, or a file that is none of ours
            any more. Nothing is changed then.
        OSError
            The file cannot be written; the labels in memory are those of before.
        """
        asked = set(kinds)
        if fault := _fault(frame, asked):
            raise ValueError(f"the labels {sorted(asked)} of frame {frame!r} cannot be saved: {fault}.")
        chosen = tuple(kind for kind in KINDS if kind in asked)
        if self.path is not None:
            self._reload()
        row = [_Line(_row(frame, chosen), frame, chosen)] if chosen else []
        at = next((k for k, line in enumerate(self._lines) if line.frame == frame), len(self._lines))
        lines = [*self._lines[:at], *row, *self._lines[at + 1 :]]
        if self.path is not None:
            write_whole(self.path, "\n".join([HEADER, *(line.text for line in lines), ""]))
        self._lines = lines

    def _reload(self) -> None:
        """Take what the file says now; one that was removed is written again with the next label."""
        assert self.path is not None
        try:
            # An editor's byte-order mark is dropped; bytes that are not UTF-8 (file names can hold any) go through unchanged.
            text = self.path.read_text(encoding="utf-8-sig", errors="surrogateescape")
        except FileNotFoundError:
            return
        first, *rest = text.split("\n")
        if text.strip() and first.strip() != HEADER:
            raise ValueError(
                f"{self.path} is no file of labels: line 1 is {first.strip()[:80]!r}; expected {HEADER!r}. "
                "Give another file, or mend this line; nothing was changed."
            )
        self._lines = _parse(rest)


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that at any moment either the old or the new content is there, also after a crash.

    Parameters
    ----------
    path : Path
        The file; its permissions are kept.
    text : str
        UTF-8; bytes that came in by ``surrogateescape`` go out unchanged.

    Raises
    ------
    OSError
        The disk is full or the folder cannot be written to; the old file is unharmed.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("x", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    if os.name == "posix":  # the new name is on the disk once the folder is
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _check_place(path: Path) -> None:
    """Find out now, and not at the first label, whether the file can be written."""
    if path.is_dir():
        raise ValueError(f"labels is {path}, a folder; expected a CSV file. Take {path / 'labels.csv'}.")
    if not path.parent.is_dir():
        raise ValueError(f"labels is {path}, and there is no folder {path.parent}. Make it first.")
    trial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        trial.touch(exist_ok=False)
        trial.unlink()
        if path.exists():
            path.open("r+b").close()
    except OSError as error:
        raise ValueError(
            f"labels is {path}, which cannot be written ({error.strerror}). Give a file in a folder of your own."
        ) from error


def _row(frame: str, kinds: tuple[str, ...]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow([frame, "|".join(kinds)])
    return stream.getvalue()


def _parse(texts: list[str]) -> list[_Line]:
    """Read line by line, so that a quotation mark left open spoils one line and not all that follow."""
    lines: list[_Line] = []
    seen: dict[str, int] = {}
    while texts and not texts[-1].strip():
        texts.pop()
    for number, text in enumerate((text.rstrip("\r") for text in texts), start=2):
        line = _line(text)
        if line.frame in seen and line.frame:
            line = _Line(text, problem=f"frame {line.frame!r} stands on line {seen[line.frame]} already")
        elif line.frame:
            seen[line.frame] = number
        lines.append(line)
    return lines


def _line(text: str) -> _Line:
    if not text.strip():
        return _Line(text)
    try:
        (row,) = csv.reader([text], strict=True)
    except csv.Error as error:
        return _Line(text, problem=f"{text[:80]!r} cannot be read ({error})")
    if len(row) != 2:
        return _Line(text, problem=f"{text[:80]!r} has {len(row)} fields; expected 2, a frame and its labels")
    frame, kinds = row[0], {kind.strip() for kind in row[1].split("|")} - {""}
    fault = _fault(frame, kinds) or ("" if kinds else "there is no label")
    if fault:
        return _Line(text, problem=f"{text[:80]!r}: {fault}")
    return _Line(text, frame, tuple(kind for kind in KINDS if kind in kinds))


def _fault(frame: str, kinds: set[str]) -> str:
    """Say what is wrong with a row, or nothing."""
    if not frame.strip() or "\n" in frame or "\r" in frame:
        return "a frame needs a name of one line"
    if unknown := sorted(kinds - set(KINDS)):
        return f"unknown label {', '.join(map(repr, unknown))}; expected {', '.join(KINDS)}"
    if "normal" in kinds and len(kinds) > 1:
        return "a frame is normal or something else, not both"
    return ""
