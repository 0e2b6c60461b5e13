"""Time series in the ``.ts`` text format of sktime and aeon: equal lengths, class labels, nothing missing."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from data_fetch.readers.errors import UnreadableFile

FORMAT = "a .ts file of series of equal length with class labels (@equalLength true, @classLabel true …, @data)"
#: The real files have 0.3 MB. A line is split at once, and a token costs some 60 bytes: the limits bound memory and
#: time.
MAX_BYTES, MAX_LINE, MAX_SERIES = 32 << 20, 4 << 20, 200_000
#: Directives whose value must not be this, and what it would mean.
REFUSED = {
    "timestamps": ("true", "its samples carry time stamps"),
    "missing": ("true", "it declares missing values"),
    "equallength": ("false", "its series are of unequal length"),
    "classlabel": ("false", "it has no class labels"),
}


def read_ts(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read every series of the file and its class label.

    Parameters
    ----------
    path : path-like
        ``Lightning7_TRAIN.ts`` or ``Lightning7_TEST.ts`` of the data set ``lightning7`` (70 and 73 series of 319
        samples, 7 classes), or another file of the UCR and UEA archives, up to 32 MiB.

    Returns
    -------
    series : ndarray of float64 of shape (n_series, n_channels, n_times)
        In the file's units: ``lightning7`` holds VHF power, each series scaled to mean 0 and deviation 1. The format
        gives no sampling interval.
    labels : ndarray of shape (n_series,)
        int64 when every declared class is a whole number, else str.

    Raises
    ------
    UnreadableFile
        If the file is no text in this format, holds no series, or has unequal lengths, missing or infinite values, time
        stamps, no class labels or one that it does not declare.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    Format: sktime, *ts File Format v1.0* (2022): lines starting with ``#`` are comments, directives start with
    ``@`` and go up to ``@data``; then a line per series, channels separated by ``:``, the class label last.
    """
    path = Path(path)
    lines = _lines(path)
    start = next((i for i, line in enumerate(lines) if line.lower() == "@data"), None)
    if start is None:
        raise UnreadableFile(path, "it has no line @data", FORMAT)
    classes, n_times = _header(path, lines[:start])
    rows = lines[start + 1 :]
    if not 0 < len(rows) <= MAX_SERIES:
        raise UnreadableFile(path, f"{len(rows)} series follow @data", f"{FORMAT}, 1 to {MAX_SERIES} of them")
    first = rows[0].split(":")
    shape = (len(rows), len(first) - 1, n_times or first[0].count(",") + 1)
    # A value and what parts it from the next take two characters at least: no header makes this allocate what is not
    # there.
    if shape[1] < 1 or 2 * np.prod(shape, dtype=float) > sum(map(len, rows)):
        raise UnreadableFile(
            path, f"{shape[0]} series of {shape[1]} channels of {shape[2]} samples do not fit in it", FORMAT
        )
    series, known = np.empty(shape), dict.fromkeys(classes)  # a dict keeps the order and finds a label at once
    labels = [_series(path, number, row, series[number], known) for number, row in enumerate(rows)]
    numeric = all(
        name.removeprefix("-").isascii() and name.removeprefix("-").isdigit() and len(name) < 18 for name in classes
    )
    return series, np.array(labels, dtype=np.int64 if numeric else str)


def _lines(path: Path) -> list[str]:
    size = path.stat().st_size
    if not path.is_file():
        raise UnreadableFile(path, "it is not a file", FORMAT)
    if not 0 < size <= MAX_BYTES:
        raise UnreadableFile(path, f"it has {size} bytes", f"{FORMAT}, 1 to {MAX_BYTES} bytes")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile(path, f"it is not UTF-8 text ({error.reason} at byte {error.start})", FORMAT) from error
    lines = [stripped for line in text.split("\n") if (stripped := line.strip()) and not stripped.startswith("#")]
    if lines and (longest := max(map(len, lines))) > MAX_LINE:
        raise UnreadableFile(path, f"one of its lines has {longest} characters", f"{FORMAT}, lines up to {MAX_LINE}")
    return lines


def _header(path: Path, lines: list[str]) -> tuple[list[str], int | None]:
    """Give the declared classes and the declared length (None when the file does not say)."""
    directives: dict[str, list[str]] = {}
    for line in lines:
        if not line.startswith("@"):
            raise UnreadableFile(
                path, f"it has the line {line[:40]!r} before @data", "directives there, starting with @"
            )
        name, *values = line[1:].split() or [""]
        directives[name.lower()] = values
    for name, (refused, meaning) in REFUSED.items():
        if [value.lower() for value in directives.get(name, [])[:1]] == [refused]:
            raise UnreadableFile(path, meaning, FORMAT)
    kind, *classes = directives.get("classlabel") or [""]
    if kind.lower() != "true" or not classes:
        raise UnreadableFile(path, "it declares no classes", FORMAT)
    length = directives.get("serieslength", [])
    if not length:
        return classes, None
    if not (length[0].isascii() and length[0].isdigit() and 0 < len(length[0]) < 9 and int(length[0]) > 0):
        raise UnreadableFile(path, f"it declares @seriesLength {length[0][:40]}", "a whole number above 0")
    return classes, int(length[0])


def _series(path: Path, number: int, row: str, out: np.ndarray, classes: Collection[str]) -> str:
    """Fill ``out``, of shape (n_channels, n_times), with series ``number`` and give its label."""
    *channels, label = row.split(":")
    where = f"series {number} (counted from 0)"
    if len(channels) != len(out):
        raise UnreadableFile(
            path, f"{where} has {len(channels)} channels and a label", f"{len(out)} channels, then the label"
        )
    if label.strip() not in classes:
        raise UnreadableFile(
            path, f"{where} has the label {label.strip()[:40]!r}", f"one of the declared: {', '.join(classes)[:200]}"
        )
    for values, channel in zip(channels, out, strict=True):
        if (n_times := values.count(",") + 1) != channel.size:
            raise UnreadableFile(
                path, f"{where} has {n_times} samples", f"{channel.size} in every series, no unequal lengths"
            )
        try:
            channel[:] = np.array(values.split(","), dtype=float)
        except ValueError as error:
            raise UnreadableFile(path, f"{where}: {error}", "numbers (no missing values, no time stamps)") from error
    if not np.isfinite(out).all():
        raise UnreadableFile(path, f"{where} holds NaN or infinity", "numbers only; fill or drop missing values first")
    return label.strip()
