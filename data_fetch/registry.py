"""The list of every file that the book uses: where it comes from, its checksum, whose it is.

``registry.csv`` has a row per file, ``datasets.csv`` a row per data set; :func:`registry` joins the two.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import pandas as pd

COLUMNS = ["dataset", "title", "chapters", "path", "url", "sha256", "bytes", "licence", "citation", "holds"]


def registry() -> pd.DataFrame:
    """Give the table of all files.

    Returns
    -------
    DataFrame, a row per file
        ``dataset``, ``title``, ``chapters`` (stems, joined by ``;``), ``path`` (``owner/repo/path``, the layout of the
        cache and of a mirror), ``url`` (pinned to a commit), ``sha256`` (64 hexadecimal digits), ``bytes``, ``licence``,
        ``citation``, ``holds`` (what is in the data set).
    """
    return _load().copy()


def dataset_rows(name: str) -> pd.DataFrame:
    """Give the rows of one data set.

    Raises
    ------
    ValueError
        If no data set has this name; the message lists those that exist.
    """
    table = _load()
    rows = table[table.dataset == name]
    if rows.empty:
        raise ValueError(f"no data set is called {name!r}; there are {', '.join(table.dataset.unique())}.")
    return rows


def dataset_names(chapter: str | None = None) -> list[str]:
    """Give the names of all data sets, or of those that one chapter uses.

    Raises
    ------
    ValueError
        If no data set belongs to that chapter; the message lists the chapters.
    """
    table = _load()
    chapters = table.chapters.str.split(";")
    if chapter is None:
        return list(table.dataset.unique())
    chosen = table[chapters.map(lambda names: chapter in names)]
    if chosen.empty:
        known = sorted({stem for names in chapters for stem in names})
        raise ValueError(f"no data set belongs to a chapter {chapter!r}; chapters with data are {', '.join(known)}.")
    return list(chosen.dataset.unique())


@cache
def _load() -> pd.DataFrame:
    here = files("data_fetch")
    with (here / "registry.csv").open(encoding="utf-8") as rows, (here / "datasets.csv").open(encoding="utf-8") as sets:
        return read_registry(pd.read_csv(rows), pd.read_csv(sets))


def read_registry(rows: pd.DataFrame, datasets: pd.DataFrame) -> pd.DataFrame:
    """Join and check the two tables; everything that a download relies on is checked here, once.

    Parameters
    ----------
    rows : DataFrame, a row per file
        ``dataset``, ``url``, ``sha256``, ``bytes``, ``licence``.
    datasets : DataFrame, a row per data set
        ``dataset``, ``title``, ``chapters``, ``holds``, ``citation``.

    Returns
    -------
    DataFrame
        As :func:`registry` describes it.

    Raises
    ------
    ValueError
        If a data set is missing from either table, a path would leave the cache, a checksum is malformed, or a file occurs twice.
    """
    unknown = set(rows.dataset) ^ set(datasets.dataset)
    if unknown:
        raise ValueError(
            f"registry.csv and datasets.csv disagree about {sorted(unknown)}. Give each data set a row in both."
        )
    table = rows.merge(datasets, on="dataset", how="left", validate="many_to_one")
    table["path"] = table.url.map(_mirror_path)
    bad_sums = table.loc[~table.sha256.astype(str).str.fullmatch(r"[0-9a-f]{64}"), "path"]
    if len(bad_sums):
        raise ValueError(f"no valid sha256 for {list(bad_sums)}; expected 64 lower-case hexadecimal digits.")
    if table.path.duplicated().any():
        raise ValueError(f"registered twice: {list(table.path[table.path.duplicated()])}.")
    return table[COLUMNS]


def _mirror_path(url: str) -> str:
    """Turn a pinned raw URL, ``https://host/owner/repo/commit/path``, into ``owner/repo/path``."""
    parts = [unquote(part) for part in urlsplit(url).path.split("/")[1:]]
    if len(parts) < 4 or not re.fullmatch(r"[0-9a-f]{40}", parts[2]):
        raise ValueError(f"{url!r} is not pinned; expected https://host/owner/repo/<40-digit commit>/path.")
    path = [*parts[:2], *parts[3:]]
    # Windows drops a final dot or space, so that ".. " would be ".."; the other characters it cannot have.
    if any(part in ("", ".", "..") or part[-1] in ". " or re.search(r'[\\/:\x00-\x1f"<>|?*]', part) for part in path):
        raise ValueError(f"{url!r} would leave the cache folder or has an unsafe name. Remove it from the registry.")
    return str(PurePosixPath(*path))


def human_size(n_bytes: float) -> str:
    """Write a number of bytes for people: ``"3.1 MB"``."""
    for unit in ("bytes", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "bytes" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} GB"


def local_path(folder: Path, path: str) -> Path:
    """Give the place of a registered path under a folder."""
    return folder.joinpath(*PurePosixPath(path).parts)
