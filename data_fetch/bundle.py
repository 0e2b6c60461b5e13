"""One archive for a room without network: the files of the book, their checksums and licences.

The archive is a plain tar: most files are compressed already, nothing can blow up while it is unpacked, and every
operating system unpacks it without this package. The files lie in it as ``owner/repo/path``, so the unpacked folder
serves as a mirror (``METEORTUT_DATA_MIRROR``) and as a cache (``METEORTUT_DATA_DIR``) alike.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit

import pandas as pd

from data_fetch.download import data_dir, fetch, sha256
from data_fetch.registry import dataset_names, local_path, registry

README = """Data of the book; whose files these are stands in LICENCES.csv, and `sha256sum -c CHECKSUMS` checks them.
Set METEORTUT_DATA_MIRROR to the folder that holds this file, or run: python -m data_fetch unpack BUNDLE.tar
"""
TEXTS = ("CHECKSUMS", "LICENCES.csv", "README.txt")
#: The texts about the whole registry take about 100 kB.
MAX_TEXT_BYTES = 1 << 20
BLOCK = tarfile.BLOCKSIZE


class BadBundle(ValueError):
    """An archive is no bundle, is cut short, or holds what a bundle must not hold; nothing of it was written."""


class _Member(NamedTuple):
    name: str
    size: int
    offset: int
    sha256: str = ""  # as registered


def write_bundle(path: str | Path, chapters: Iterable[str] | str | None = None, progress: bool = True) -> Path:
    """Write the files of some chapters, or of all, into one archive; files that are not here yet are fetched.

    Parameters
    ----------
    path : path-like
        The archive, ``bundle.tar``; written under another name first, so that it is whole or not there.
    chapters : iterable of str, optional
        Chapters by their stems, ``["06_lightcurves"]``; all data sets when left out.
    progress : bool
        Show progress bars of the downloads.

    Returns
    -------
    Path
        The archive. The same files give the same bytes: names are sorted, times and owners are zero.

    Raises
    ------
    ValueError
        If a chapter has no data, or no chapter is named; before any download.
    DataUnavailable
        If a file cannot be had.
    OSError
        If the archive cannot be written; what was there before stays.
    """
    names = _datasets(chapters)
    for name in names:
        fetch(name, progress)
    rows = _rows("dataset", names)
    with _replacing(Path(path)) as out, tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, text in _texts(rows).items():
            archive.addfile(_header(name, len(text)), io.BytesIO(text))
        for row_path, size in zip(rows.path, rows.bytes, strict=True):
            with local_path(data_dir(), row_path).open("rb") as stream:
                archive.addfile(_header(row_path, int(size)), stream)
    return Path(path)


def read_bundle(path: str | Path, into: str | Path | None = None) -> list[Path]:
    """Unpack a bundle; everything in it is checked against the registry before the first file is written.

    Parameters
    ----------
    path : path-like
        What :func:`write_bundle` wrote.
    into : path-like, optional
        A folder, made when it is missing; the cache when left out, and :func:`data_fetch.fetch` then needs no network.

    Returns
    -------
    list of Path
        The data files in the folder. ``CHECKSUMS``, ``LICENCES.csv`` and ``README.txt`` are written beside them, from
        this package's registry, not from the archive. A file that is there and right is left as it is.

    Raises
    ------
    BadBundle
        If the file is no bundle or is cut short, or a member is a link, folder or device, has an unsafe or unregistered
        name, occurs twice, or has another size or checksum than registered. Nothing is written then.
    OSError
        If the archive cannot be read or the folder cannot be written; each file is whole or not there.
    """
    path, folder = Path(path), Path(into) if into is not None else data_dir()
    with path.open("rb") as stream:
        members = _checked_members(path, stream)
        written = [_unpack(path, stream, member, folder) for member in members]
    for name, text in _texts(_rows("path", [member.name for member in members])).items():
        with _replacing(folder / name) as out:
            out.write(text)
    return written


def _datasets(chapters: Iterable[str] | str | None) -> list[str]:
    if chapters is None:
        return dataset_names()
    chosen = [chapters] if isinstance(chapters, str) else list(chapters)
    if not chosen:
        raise ValueError("chapters is empty; name at least one, or leave it out for all data sets.")
    return sorted({name for chapter in chosen for name in dataset_names(chapter)})


def _rows(column: str, values: list[str]) -> pd.DataFrame:
    table = registry()
    return table[table[column].isin(values)].sort_values("path")


def _texts(rows: pd.DataFrame) -> dict[str, bytes]:
    """Make the three texts, in the order of the archive; ``sha256sum -c CHECKSUMS`` understands the first."""
    sums = "".join(f"{value}  {path}\n" for path, value in zip(rows.path, rows.sha256, strict=True))
    licences = io.StringIO(newline="")
    writer = csv.writer(licences, lineterminator="\n")
    writer.writerow(["dataset", "licence", "citation", "url"])
    urls = rows.url.map(_home)
    writer.writerows(sorted(set(zip(rows.dataset, rows.licence, rows.citation, urls, strict=True))))
    texts = (sums, licences.getvalue(), README)
    return {name: text.encode() for name, text in zip(TEXTS, texts, strict=True)}


def _home(url: str) -> str:
    """Turn a pinned file's address into that of its repository, at the pinned commit."""
    parts = urlsplit(url)
    owner, repo, commit = parts.path.split("/")[1:4]
    if parts.netloc == "raw.githubusercontent.com":
        return f"https://github.com/{owner}/{repo}/tree/{commit}"
    return f"{parts.scheme}://{parts.netloc}/{owner}/{repo}/{commit}"


def _header(name: str, size: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)  # its defaults, time 0 and no owner, are the same on every machine
    header.size = size
    return header


@contextmanager
def _replacing(place: Path) -> Iterator[IO[bytes]]:
    """Write under a temporary name in the same folder; take the final name only when all went well."""
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".unfinished-")
    try:
        with open(handle, "wb") as out:
            yield out
        os.chmod(temporary, 0o644)  # a temporary file's 0600 would lock out other users of a shared folder
        os.replace(temporary, place)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _checked_members(path: Path, stream: IO[bytes]) -> list[_Member]:
    """Check the whole archive: every member by its name, size and checksum, and that CHECKSUMS names the same files."""
    known: dict[str, Any] = {str(row.path): row for row in registry().itertuples()}
    listed: set[bytes] | None = None
    members: dict[str, _Member] = {}
    for member in _members(path, stream):
        if member.name in members:
            raise BadBundle(f"{path} holds {member.name!r} twice. Get the bundle anew.")
        if member.name not in known and member.name not in TEXTS:
            raise BadBundle(
                f"{path} holds {member.name!r}, which is not registered. Make the bundle with this version."
            )
        row = known.get(member.name)
        if member.size > (MAX_TEXT_BYTES if row is None else row.bytes):
            raise BadBundle(f"{path}: {member.name} has more bytes ({member.size}) than registered.")
        stream.seek(member.offset)
        content = stream.read(member.size)
        if row is not None and hashlib.sha256(content).hexdigest() != row.sha256:
            raise BadBundle(f"{path}: {member.name} does not match its checksum. Get the bundle anew.")
        if member.name == "CHECKSUMS":
            listed = set(content.splitlines())
        members[member.name] = member._replace(sha256=row.sha256 if row is not None else "")
    if listed is None:
        raise BadBundle(f"{path} is no bundle: it has no CHECKSUMS. Make one with `python -m data_fetch bundle`.")
    data = [member for member in members.values() if member.name not in TEXTS]
    odd = listed ^ {f"{member.sha256}  {member.name}".encode() for member in data}
    if odd:
        raise BadBundle(f"{path}: its files and its CHECKSUMS disagree about {len(odd)} of them. Get the bundle anew.")
    return data


def _members(path: Path, stream: IO[bytes]) -> Iterator[_Member]:
    """Walk the headers one by one; ``tarfile`` itself would follow links, sparse maps and endless extended headers."""
    size = os.fstat(stream.fileno()).st_size
    offset = 0
    while True:
        stream.seek(offset)
        block = stream.read(BLOCK)
        if block == bytes(BLOCK):
            return
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError) as error:
            raise BadBundle(f"{path} is no bundle or is damaged or cut short at byte {offset} ({error}).") from error
        if header.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise BadBundle(f"{path} holds {header.name!r}, which is no plain file (tar type {header.type!r}).")
        if not 0 <= header.size <= size - offset - BLOCK:
            raise BadBundle(f"{path} is cut short: {header.name!r} should have {header.size} bytes.")
        yield _Member(header.name, header.size, offset + BLOCK)
        offset += BLOCK * (1 + -(-header.size // BLOCK))


def _unpack(path: Path, stream: IO[bytes], member: _Member, folder: Path) -> Path:
    place = local_path(folder, member.name)
    if place.is_file() and sha256(place) == member.sha256:
        return place
    stream.seek(member.offset)
    content = stream.read(member.size)
    if hashlib.sha256(content).hexdigest() != member.sha256:
        raise BadBundle(f"{path} changed while it was read. Unpack it again.")
    with _replacing(place) as out:
        out.write(content)
    return place
