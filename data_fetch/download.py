"""Bring registered files to this machine: cache, then mirror, then the pinned address; the checksum decides."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import pooch
from tqdm.auto import tqdm

from data_fetch.registry import dataset_names, dataset_rows, human_size, local_path
from data_fetch.sources import Downloader, SourceTrouble, from_address, from_folder

#: Makes a downloader from the registered number of bytes and the progress bar's update.
Maker = Callable[[int, Callable[[int], object]], Downloader]

# pooch announces each file on stderr; the progress bar already says it, once per data set.
pooch.get_logger().setLevel("WARNING")


class DataUnavailable(RuntimeError):
    """A registered file could be had from nowhere; the message says what was tried and what to do."""


def data_dir() -> Path:
    """Give the cache folder: ``METEORTUT_DATA_DIR`` (``~`` is understood), or the user's own cache folder."""
    return Path(os.environ.get("METEORTUT_DATA_DIR") or pooch.os_cache("meteortut")).expanduser().absolute()


def fetch(name: str, progress: bool = True) -> list[Path]:
    """Give the verified files of one data set; download those that are not here yet.

    Parameters
    ----------
    name : str
        A data set of the registry, ``"gmn-ff"``.
    progress : bool
        Show a progress bar with the size of what is to come.

    Returns
    -------
    list of Path
        The files in the registry's order; the sha256 of each was checked in this call.

    Raises
    ------
    TypeError, ValueError
        If the name is no text; if there is no such data set.
    DataUnavailable
        If a file can be had neither from the cache, nor the mirror (``METEORTUT_DATA_MIRROR``), nor its pinned address.

    Notes
    -----
    Each file is kept once it is verified, so a call after an interruption goes on from there.
    """
    if not isinstance(name, str):
        raise TypeError(
            f"name is {name!r}; expected the name of one data set, such as 'gmn-ff'. Call fetch for each of several."
        )
    rows = dataset_rows(name)
    states = []
    for place, expected in zip(_places(rows), rows.sha256, strict=True):  # no comprehension: the warning counts frames
        states.append(_state(place, expected))
    rows = rows.assign(was_damaged=[state == "damaged" for state in states])
    _bring(rows[[state != "right" for state in states]], name, progress)
    return _places(rows)


def fetch_all(chapter: str | None = None, progress: bool = True) -> dict[str, list[Path]]:
    """Give the verified files of every data set, or of those that one chapter (``"06_lightcurves"``) uses.

    Raises
    ------
    ValueError
        If no data set belongs to that chapter.
    DataUnavailable
        As :func:`fetch`; files that arrived before stay in the cache, so the next call goes on from there.
    """
    return {name: fetch(name, progress) for name in dataset_names(chapter)}


def sha256(path: Path) -> str:
    """Compute the checksum of a file, block by block."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _places(rows: pd.DataFrame) -> list[Path]:
    return [local_path(data_dir(), path) for path in rows.path]


def _bring(missing: pd.DataFrame, name: str, progress: bool) -> None:
    if missing.empty:
        return
    size = int(missing.bytes.sum())
    with tqdm(total=size, unit="B", unit_scale=True, desc=f"{name} ({human_size(size)})", disable=not progress) as bar:
        for row in missing.itertuples():
            _obtain(row, bar.update)


def _state(place: Path, expected: str) -> str:
    """Look at a cached file: ``"right"``, ``"absent"``, or ``"damaged"``."""
    try:
        if not place.is_file():
            return "absent"
        if sha256(place) == expected:
            return "right"
    except FileNotFoundError:  # another process has just removed it
        return "absent"
    except OSError as error:
        raise DataUnavailable(
            f"{place} cannot be read ({error}). Remove it, or set METEORTUT_DATA_DIR to another folder."
        ) from error
    warnings.warn(f"{place} does not match its checksum; it is fetched anew.", stacklevel=3)
    return "damaged"


def _obtain(row: Any, update: Callable[[int], object]) -> None:
    """Fetch one file; a damaged one is replaced at the end, or removed when there is nothing to replace it with.

    Not removed at once: another process may just have replaced it, and may be reading it.
    """
    place = local_path(data_dir(), row.path)
    try:
        _try_sources(row, place, update)
    except BaseException:
        if row.was_damaged:
            _remove_damaged(place, row.sha256)
        raise


def _remove_damaged(place: Path, expected: str) -> None:
    try:
        if sha256(place) != expected:
            place.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise DataUnavailable(
            f"{place} is damaged and can neither be replaced nor removed ({error}). "
            "Remove it, or set METEORTUT_DATA_DIR to another folder."
        ) from error


def _try_sources(row: Any, place: Path, update: Callable[[int], object]) -> None:
    """Try each source in turn; pooch writes to a temporary name, verifies and renames, so nothing partial is left."""
    reasons: list[str] = []
    for url, make in _sources(row):
        counted = _Counted(update)
        try:
            pooch.retrieve(
                url, f"sha256:{row.sha256}", place.name, place.parent, downloader=make(row.bytes, counted.update)
            )
            return
        except SourceTrouble as error:
            reasons.append(f"  {url}: {error}")
        except ValueError:  # pooch found another checksum
            reasons.append(f"  {url}: it gave other bytes than registered")
        except OSError as error:
            raise DataUnavailable(
                f"{place} cannot be written ({error}). Free some space, "
                "or set METEORTUT_DATA_DIR to a folder that you can write to."
            ) from error
        counted.take_back()
    raise DataUnavailable(
        f"{row.path} (data set {row.dataset}) could not be had. "
        + ("The file in the cache was damaged and is removed. " if row.was_damaged else "")
        + "Tried:\n"
        + "\n".join(reasons)
        + f"\nConnect to the network and run `python -m data_fetch get {row.dataset}`; "
        "or set METEORTUT_DATA_MIRROR to a folder or http address that holds the files as owner/repo/path; "
        "or, with a bundle from elsewhere, run `python -m data_fetch unpack FILE`."
    )


class _Counted:
    """What one source has told the progress bar, so that it can be taken back when the source turns out to be wrong."""

    def __init__(self, update: Callable[[int], object]) -> None:
        self._update = update
        self._total = 0

    def update(self, n_bytes: int) -> None:
        self._total += n_bytes
        self._update(n_bytes)

    def take_back(self) -> None:
        self.update(-self._total)


def _sources(row: Any) -> list[tuple[str, Maker]]:
    """Give each source's address and what makes its downloader, in the order to try."""
    sources: list[tuple[str, Maker]] = [(row.url, from_address)]
    mirror = os.environ.get("METEORTUT_DATA_MIRROR")
    if mirror and mirror.lower().startswith(("http://", "https://")):
        sources.insert(0, (f"{mirror.rstrip('/')}/{quote(row.path)}", from_address))
    elif mirror:
        folder = Path(mirror).expanduser().absolute()
        sources.insert(0, (str(local_path(folder, row.path)), partial(from_folder, folder, row.path)))
    return sources
