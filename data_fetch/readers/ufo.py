"""UFOCapture triggers: the XML record of a clip, its peak-hold JPEG, what is burnt into that, and our own labels.

UFOCapture V2 (SonotaCo) writes a clip when some pixels brighten; beside it ``M<date>_<time>_<station>_<camera>.xml``
with one line per detection, and ``…P.jpg``, the brightest value that each pixel had.
"""

from __future__ import annotations

import io
import math
import re
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_fetch.readers.errors import UnreadableFile

LABELS = Path(__file__).parents[1] / "labels" / "ukmon_triggers.csv"
WHY_EXCLUDED = "uncertain: the one image does not show whether it is a meteor, so no score should depend on it"
#: The largest real record has 46 kB and the largest image 37 kB; more than this is something else.
MAX_XML_BYTES, MAX_JPEG_BYTES = 1 << 20, 16 << 20
#: Checked against the header before decoding: 16 Mpx are 48 MB in colour, a 4K camera has 8.3 Mpx.
MAX_PIXELS = 16_000_000
#: A progressive JPEG can ask for thousands of passes over the image in a few kilobytes; real ones need about ten.
MAX_SCANS = 25
XML_FORMAT = "a UFOCapture V2 record (an XML file with a ufocapture_record)"
JPEG_FORMAT = f"a JPEG image of at most {MAX_PIXELS} pixels"

_NAME = re.compile(r"M(\d{8}_\d{6})_(.+)_([^_]+?)P?\.(?:jpg|xml|txt)", re.IGNORECASE | re.ASCII)
#: Attribute, key in the header, lowest and highest sane value; whole numbers where the key starts with n_.
_PLACE = [("lat", "latitude_deg", -90, 90), ("lng", "longitude_deg", -360, 360), ("alt", "altitude_m", -1000, 10000)]
_CLIP = [("frames", "n_frames", 0, 10**7), ("head", "n_head_frames", 0, 10**7), ("tail", "n_tail_frames", 0, 10**7)]
_SIZE = [("cy", "n_rows", 1, 65535), ("cx", "n_columns", 1, 65535), ("fps", "frame_rate_hz", 0.001, 10000)]
_JPEG_FAULTS = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error)


def read_ufo_xml(path: str | Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """Read the record of one trigger.

    Parameters
    ----------
    path : path-like
        ``M….xml`` of the data set ``ukmon-triggers``.

    Returns
    -------
    header : dict
        ``station`` and ``camera`` (the file's ``lid`` and ``sid``), ``start`` (UTC), ``latitude_deg`` (north),
        ``longitude_deg`` (east), ``altitude_m``, ``frame_rate_hz``, ``n_frames``, ``n_head_frames`` and
        ``n_tail_frames`` (recorded before the first and after the last trigger), ``n_rows`` and ``n_columns`` of the
        image, ``interlaced``.
    detections : DataFrame, a row per changed patch of a frame, in the file's order
        ``frame`` (counted from the clip's first, 0), ``time_s`` (``frame / frame_rate_hz``, from the clip's first
        frame), ``object`` (UFOCapture's number of the moving patch; a fast meteor gets several), ``n_pixels``,
        ``peak_level`` (0 to 255), ``x_px`` (column) and ``y_px`` (row, downwards) of its centre. Two rows of one frame
        and object are its two interlaced fields. No detection gives an empty table with these columns.

    Raises
    ------
    UnreadableFile
        If the file is no such record, has a value missing or out of range, or an XML entity or document type.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    Format as seen in the 102 records of markmac99/MeteorTools and as its class ``UCXml`` reads them. The time zone
    ``tz`` is taken as hours east; it is 0 in every record seen. No source says to which frame ``start`` belongs.
    """
    path = Path(path)
    root = _parse_xml(path)
    try:
        record = root.attrib
        header: dict[str, Any] = {"station": record["lid"], "camera": record["sid"], "start": _start(record)}
        header |= {
            key: _number(record, name, low, high, key[:2] == "n_") for name, key, low, high in _PLACE + _CLIP + _SIZE
        }
        header["interlaced"] = _number(record, "interlace", 0, 2, True) > 0
        found = [_detection(line.attrib, header) for line in root.iter("uc_path")]
        stated = [int(_number(group.attrib, "hit", 0, 10**7, True)) for group in root.iter("ufocapture_paths")]
    except KeyError as error:
        raise UnreadableFile(path, f"it has no attribute {error}", XML_FORMAT) from error
    except (ValueError, OverflowError) as error:
        raise UnreadableFile(path, str(error), XML_FORMAT) from error
    if sum(stated) != len(found):
        raise UnreadableFile(path, f"it has {len(found)} detections", f"{sum(stated)}, as its attribute hit states")
    whole = {"frame": int, "object": int, "n_pixels": int, "peak_level": int}
    columns = ["frame", "time_s", "object", "n_pixels", "peak_level", "x_px", "y_px"]
    return header, pd.DataFrame(found, columns=columns, dtype=float).astype(whole)


def read_trigger_image(path: str | Path) -> np.ndarray:
    """Read a peak-hold image as grey.

    Parameters
    ----------
    path : path-like
        ``M…P.jpg`` of the data set ``ukmon-triggers``, or any other JPEG; colour becomes luma (ITU-R 601).

    Returns
    -------
    ndarray of uint8 of shape (n_rows, n_columns), levels 0 to 255, row 0 at the top
        Captions and borders included: see :func:`trigger_overlay_mask`.

    Raises
    ------
    UnreadableFile
        If the file is no whole JPEG, or its header claims more than ``MAX_PIXELS``; nothing is decoded then.
    FileNotFoundError
        If there is no such file.
    """
    from PIL import Image

    path = Path(path)
    content = _content(path, MAX_JPEG_BYTES, JPEG_FORMAT)
    # Inside the compressed data FF is always followed by 00: every FF DA starts a pass (or stands in a comment).
    if (scans := content.count(b"\xff\xda")) > MAX_SCANS:
        raise UnreadableFile(path, f"it needs {scans} passes", f"{JPEG_FORMAT} in at most {MAX_SCANS} passes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own, larger limit, and remarks about odd metadata
            with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
                columns, rows = image.size
                if rows * columns > MAX_PIXELS:
                    raise UnreadableFile(path, f"its header claims {rows} x {columns} pixels", JPEG_FORMAT)
                return np.array(image.convert("L"), dtype=np.uint8)
    except UnreadableFile:
        raise
    except (*_JPEG_FAULTS, Image.DecompressionBombError) as error:
        raise UnreadableFile(path, str(error) or type(error).__name__, JPEG_FORMAT) from error


def trigger_overlay_mask(shape: tuple[int, int]) -> np.ndarray:
    """Say which pixels are not sky: the caption that UFOCapture burns in, and the dead borders of the digitiser.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the image: (576, 720) for ``ukmon-triggers``, (480, 640) for ``sprites``.

    Returns
    -------
    ndarray of bool of shape (n_rows, n_columns)
        True where the image must not be used (as in :mod:`numpy.ma`).

    Raises
    ------
    ValueError
        For another shape: nothing was measured there.

    Notes
    -----
    Measured over all images, the two cameras of (576, 720) apart and then joined. Borders: where the spread over the
    images falls below half of that of the columns (rows) next to it; columns 0 to 5 and from 706, rows from 572.
    Caption (time, frame, trigger number, **camera name**): where the median difference from the sky just above exceeds
    30 levels (25 in ``sprites``); rows 562 to 570, columns 5 to 354; widened to whole 8x8 JPEG blocks, since their
    ringing carries it too. In ``sprites`` the caption fills rows 464 to 479 from edge to edge (no box reaches into it),
    and rows 0 and 1 are dark.
    """
    if tuple(shape) not in ((576, 720), (480, 640)):
        raise ValueError(f"shape is {tuple(shape)}; expected (576, 720) or (480, 640), where the overlay was measured.")
    mask = np.zeros(shape, dtype=bool)
    if tuple(shape) == (576, 720):
        mask[:, :6] = mask[:, 706:] = mask[572:] = mask[560:, :360] = True
    else:
        mask[:2] = mask[464:] = True
    return mask


def read_trigger_labels(include_uncertain: bool = False) -> pd.DataFrame:
    """Read this project's own labels of the data set ``ukmon-triggers``, made by eye.

    Parameters
    ----------
    include_uncertain : bool
        Keep also the four images that nobody can be sure of.

    Returns
    -------
    DataFrame, a row per image, in order of time
        ``file`` (name of the JPEG), ``label`` (``meteor``, ``non_meteor`` or ``uncertain``), ``note``, ``station``,
        ``camera``, ``start`` (UTC, whole seconds), ``night`` (date of its evening, noon to noon, ``"2020-07-10"``),
        ``excluded_because`` (empty unless uncertain). 98 rows: 12 meteors, 86 others; with the uncertain ones 102.

    Notes
    -----
    Split by camera and night: eleven of the twelve meteors fall in one night, in which nothing else was sure.
    """
    table = pd.read_csv(LABELS, dtype=str, keep_default_na=False)
    table = table.join(pd.DataFrame([trigger_name(name) for name in table["file"]]))
    table["start"] = table["start"].dt.tz_localize("UTC")
    table["excluded_because"] = np.where(table["label"] == "uncertain", WHY_EXCLUDED, "")
    return table if include_uncertain else table[table["label"] != "uncertain"].reset_index(drop=True)


def trigger_name(path: str | Path) -> dict[str, Any]:
    """Read ``station``, ``camera``, ``start`` (the camera's clock, no zone) and ``night`` from a UFOCapture file name.

    ``night`` is the date of its evening (noon to noon). ValueError when the name is not of that kind.
    """
    name = Path(path).name
    if not (match := _NAME.fullmatch(name)):
        raise ValueError(f"the file name is {name!r}; expected M<yyyymmdd>_<hhmmss>_<station>_<camera>P.jpg or .xml.")
    start = pd.to_datetime(match[1], format="%Y%m%d_%H%M%S")
    night = (start - pd.Timedelta(hours=12)).strftime("%Y-%m-%d")
    return {"station": match[2], "camera": match[3], "start": start, "night": night}


def _content(path: Path, limit: int, expected: str) -> bytes:
    size = path.stat().st_size
    if not (path.is_file() and 0 < size <= limit):
        raise UnreadableFile(path, f"it has {size} bytes or is not a file", f"{expected}, 1 to {limit} bytes")
    return path.read_bytes()


def _parse_xml(path: Path) -> Any:
    from defusedxml import ElementTree

    content = _content(path, MAX_XML_BYTES, XML_FORMAT)
    try:
        root = ElementTree.fromstring(content, forbid_dtd=True)
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # defusedxml's own are ValueErrors
        raise UnreadableFile(path, str(error) or type(error).__name__, XML_FORMAT) from error
    if root.tag != "ufocapture_record":
        raise UnreadableFile(path, f"its root is <{root.tag[:40]}>", XML_FORMAT)
    return root


def _number(attributes: Mapping[str, str], name: str, low: float, high: float, whole: bool = False) -> float:
    value = float(attributes[name])
    if not (math.isfinite(value) and low <= value <= high) or (whole and value != int(value)):
        raise ValueError(f"its {name} is {attributes[name][:40]!r}, not a {'whole ' * whole}number in {low} … {high}")
    return int(value) if whole else value


def _start(record: Mapping[str, str]) -> pd.Timestamp:
    limits = {"y": (1900, 2200), "mo": (1, 12), "d": (1, 31), "h": (0, 23), "m": (0, 59)}
    year, month, day, hour, minute = (int(_number(record, name, *limits[name], True)) for name in limits)
    hours, seconds = hour - _number(record, "tz", -14, 14), _number(record, "s", 0, 60)
    return pd.Timestamp(year, month, day, tz="UTC") + pd.Timedelta(hours=hours, minutes=minute, seconds=seconds)


def _detection(line: Mapping[str, str], header: Mapping[str, Any]) -> tuple[float, ...]:
    frame = _number(line, "fno", 0, 10**7, True)
    counts = (_number(line, name, 0, 10**9, True) for name in ("ono", "pixel", "bmax"))
    centre = (_number(line, name, 0, header[size]) for name, size in (("x", "n_columns"), ("y", "n_rows")))
    return (frame, frame / header["frame_rate_hz"], *counts, *centre)
