"""The one error that every reader raises for a file it cannot use."""

from __future__ import annotations

from pathlib import Path


class UnreadableFile(ValueError):
    """A file is not what its reader expects: empty, cut short, of another format, or without what must be in it.

    Parameters
    ----------
    path : path-like
        The file.
    found : str
        What was found, ``"it is empty"``.
    expected : str
        What the reader expected, and what to do when that is not obvious.
    """

    def __init__(self, path: str | Path, found: str, expected: str) -> None:
        super().__init__(f"{Path(path).name} cannot be read: {found}; expected {expected}. (File: {path})")
        self.path = Path(path)
