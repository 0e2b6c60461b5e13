"""A folder of FITS files as a sequence of frames: each is read when it is asked for, and none is kept."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_fetch.readers import read_fits_image

ENDINGS = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fts.gz", ".fits.fz", ".fit.fz", ".fz")
BLOCK, CARD = 2880, 80
#: Blocks of header that are looked through for the date; chosen, far more than cameras write.
MOST_BLOCKS = 64


class FitsFolder(Sequence[np.ndarray]):
    """Frames of a folder; `open_folder` makes one.

    Attributes
    ----------
    folder : Path
        Where the files are; folders within it are not looked into.
    names : list of str
        File names, in the order of the frames. A name ends in ``.fits``, ``.fit``, ``.fts``, one of these and ``.gz``, or
        ``.fz``, in capitals or not, and does not begin with a dot.
    ignored : list of str
        Names of the other files.
    """

    def __init__(self, folder: Path, names: list[str], ignored: list[str]) -> None:
        self.folder, self.names, self.ignored = folder, names, ignored

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, k: Any) -> Any:
        """Read one frame from its file.

        Returns
        -------
        ndarray of shape (height, width), the unit of the file
            As :func:`data_fetch.readers.read_fits_image` gives it. A slice gives a `FitsFolder` of those files, unread.

        Raises
        ------
        data_fetch.readers.UnreadableFile
            The file is cut short, damaged, or holds no image.
        OSError
            It is gone or may not be read.
        IndexError
            There is no such frame.
        """
        if isinstance(k, slice):
            return FitsFolder(self.folder, self.names[k], self.ignored)
        image, _ = read_fits_image(self.folder / self.names[k])
        return image


def open_folder(path: str | os.PathLike[str], order: str = "name") -> FitsFolder:
    """Open a folder of FITS files as frames, without reading any.

    Parameters
    ----------
    path : path-like
        The folder. Files that are not FITS by their name are left out, and listed in ``ignored``.
    order : "name" or "date"
        By name, with numbers in their order (``f2`` before ``f10``), or by ``DATE-OBS`` of the header (only headers are read);
        files without that come last, and equal dates are sorted by name.

    Returns
    -------
    FitsFolder
        A sequence: ``len(frames)``, ``frames[k]`` an ndarray of shape (height, width), in the file's unit; ``names``. Sizes may
        differ from file to file.

    Raises
    ------
    ValueError
        It is no folder, there is no FITS file in it, or the order is neither of the two.
    """
    folder = Path(path).expanduser()
    if order not in ("name", "date"):
        raise ValueError(f"order is {order!r}; expected 'name' or 'date'.")
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is {'a file' if folder.exists() else 'not there'}; expected a folder of FITS files."
        )
    with os.scandir(folder) as entries:
        files = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()]
    # A name with a line break would not fit into a line of the label file.
    names = [name for name in files if name.lower().endswith(ENDINGS) and len(name.splitlines()) == 1]
    ignored = sorted(set(files) - set(names))
    if not names:
        raise ValueError(f"{folder} holds no FITS file, and {len(ignored)} others; expected names like {ENDINGS[0]!r}.")
    names.sort(key=_natural)
    if order == "date":
        dates = {name: _date(folder / name) for name in names}
        names.sort(key=lambda name: (not dates[name], dates[name]))
    return FitsFolder(folder, names, ignored)


def _natural(name: str) -> list[tuple[int, str]]:
    parts = re.split(r"([0-9]+)", name.lower())
    return [(int(part), "") if k % 2 else (-1, part) for k, part in enumerate(parts)] + [(-1, name)]


def _date(path: Path) -> str:
    """DATE-OBS of the first header that has it, "" if none does or the file cannot be read.

    Plain blocks of cards, since astropy takes milliseconds per file to parse what is not needed (FITS Standard 4.0, 3.1).
    """
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    empty = False
    try:
        with opener(path, "rb") as file:
            for _ in range(MOST_BLOCKS):
                block = file.read(BLOCK)
                cards = [block[k : k + CARD] for k in range(0, len(block), CARD)]
                for card in cards if b"DATE-OBS" in block else []:
                    if found := re.match(rb"DATE-OBS= *'(\d{4}-\d\d-\d\d[^' ]*)", card):
                        return found[1].decode("ascii", "replace")
                # Behind a header without data stands the next one, as in tile-compressed files; behind others stand pixels.
                empty |= bool(re.search(rb"NAXIS   = +0 ", block))
                if len(block) < BLOCK or (any(card.rstrip() == b"END" for card in cards) and not empty):
                    break
    except (OSError, EOFError, zlib.error):
        pass  # shown as unreadable when it is its turn
    return ""
