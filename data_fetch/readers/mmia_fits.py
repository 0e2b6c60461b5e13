"""ASIM/MMIA photometry: a loader for level-1 FITS files that a reader brings.

The ASIM Science Data Centre (https://asdc.space.dtu.dk) gives the files to registered users only, so that this loader
**has never met a real file.** It follows what public code says of their structure:

* RCJoergensen/Synthesis_CVAE_ASIM, ``ReadMMIAfits_OCRE.py`` (O. Chanrion, DTU Space): table in the first extension, a
  row per frame; columns ``observation_id``, ``frame_number``, ``frame_time_phot`` (text, ISO 8601 with ``+00:00``; the
  centre of the frame), ``PHOT1Data_exists`` …, ``PHOT1_photon_flux`` … (level 1, µW/m²) or ``PHOT1Data`` … (level 0,
  counts); 100 kHz. Its companions plot photometers 1, 2, 3 as 337 nm, 180-230 nm (UV), 777.4 nm.
* The data centre's reader for the CDF form (J. Navarro-González, University of Valencia, as changed by J. López): the
  same names, 8320 samples a frame; values of 100 and more in photometer 3 are taken for artefacts there (nothing is
  removed here).

Not known: the units' text in the header, whether arrays have variable length, what happens between two frames.
"""

from __future__ import annotations

import re
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_fetch.readers.errors import UnreadableFile

SAMPLE_S = 1e-5
FITS_FORMAT = (
    "an MMIA level-1 FITS file, not compressed: a table with PHOT1_photon_flux, PHOT2_… and PHOT3_…, a row per frame"
)
#: Nine frames with both cameras' images, 1026 x 1056 pixels in float32, take 78 MB.
MAX_FITS_BYTES, MAX_FRAMES = 256 << 20, 100_000
#: Names of a flux column without case, spaces and underscores; {} is the photometer's number.
VARIANTS = ("phot{}photonflux", "phot{}flux", "photometer{}photonflux", "photometer{}flux")
#: Bytes of a number by its code in TFORM.
BYTES = {"B": 1, "I": 2, "J": 4, "K": 8, "E": 4, "D": 8}
_MICROWATT = ("", "uwm2", "muwm2", "microwm2", "microwattm2", "microwattsm2", "106wm2", "uw", "microwatt")
_WATT = ("wm2", "wattm2", "wattsm2")
#: Header and heap of a damaged file lead astropy into nearly any of these.
_FAULTS = (OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError)
_MORE_FAULTS = (AssertionError, MemoryError, struct.error)


def read_mmia_fits(path: str | Path, to_microwatt: float | None = None) -> pd.DataFrame:
    """Read the photometers of one MMIA level-1 FITS file. **Written from public code, never tried on a real file.**

    Parameters
    ----------
    path : path-like
        ``mmiatriggeredobservationtmlevel1_….fits``, not compressed, from the ASIM Science Data Centre.
    to_microwatt : float, optional
        Factor from the file's flux to µW/m². By default 1, or 10⁶ when the column's unit is W/m².

    Returns
    -------
    DataFrame, a row per frame, in the file's order
        ``observation_id`` and ``frame_number`` (-1 when the file has none), ``centre`` (UTC of the frame's middle; NaT
        when missing), ``photometry`` (ndarray of float32 of shape (3, n_samples), µW/m², bands 337, 180-230 and 777.4
        nm; NaN where the file has NaN), ``time_s`` (ndarray of float64 of shape (n_samples,), from the file's first
        sample, frames taken as contiguous at 100 kHz). A frame marked as without photometer data has arrays of shape
        (3, 0) and (0,).

    Raises
    ------
    UnreadableFile
        If the file is not FITS, cut short, without the three flux columns (the message lists what was found), with
        bands of unequal length or an unknown unit, or without any sample.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    Sources: see the module. ``np.concatenate(list(table["photometry"]), axis=1)`` is the series that the labels
    count slices of. Column names are matched without case, spaces and underscores.
    """
    from astropy.io import fits

    path = Path(path)
    _check_fits(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks about headers; what matters is checked
            # The file is opened here, since astropy leaves its own open when a header is bad.
            with path.open("rb") as file, fits.open(file, disable_image_compression=True) as hdus:
                hdu, names = _photometer_table(path, hdus)
                return _frames(path, hdu, names, to_microwatt)
    except UnreadableFile:
        raise
    except (*_FAULTS, *_MORE_FAULTS, fits.VerifyError) as error:
        raise UnreadableFile(path, f"{type(error).__name__}: {error}"[:300], FITS_FORMAT) from error


def _check_fits(path: Path) -> None:
    size = path.stat().st_size
    if not path.is_file():
        raise UnreadableFile(path, "it is not a file", FITS_FORMAT)
    if not 2880 <= size <= MAX_FITS_BYTES:
        raise UnreadableFile(path, f"it has {size} bytes", f"{FITS_FORMAT}, 2880 to {MAX_FITS_BYTES} bytes")
    with path.open("rb") as file:
        start = file.read(9)
    if start != b"SIMPLE  =":
        known = {b"\xcd\xf3": "a CDF file", b"\x1f\x8b": "compressed", b"BZ": "compressed", b"PK": "compressed"}
        raise UnreadableFile(path, f"it is {known.get(start[:2], 'not FITS')}", FITS_FORMAT)


def _plain(name: object) -> str:
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def _photometer_table(path: Path, hdus: Any) -> tuple[Any, dict[str, str]]:
    """Find the table with the three flux columns; give it and its columns as plain name → name."""
    from astropy.io import fits

    found: list[str] = []
    for hdu in hdus:
        # Asked of the header, since astropy prepares as many columns as it claims.
        if not isinstance(hdu, fits.BinTableHDU) or not 0 < hdu.header["TFIELDS"] <= 999:
            continue
        columns = [str(hdu.header.get(f"TTYPE{i}", "")) for i in range(1, hdu.header["TFIELDS"] + 1)]
        names = {_plain(name): name for name in reversed(columns)}
        found += columns
        flux = [next((names[form.format(i)] for form in VARIANTS if form.format(i) in names), None) for i in (1, 2, 3)]
        if None not in flux:
            _check_size(path, hdu)
            return hdu, names | {f"flux{i}": str(name) for i, name in zip((1, 2, 3), flux, strict=True)}
    level0 = " (PHOT1Data: a level-0 file, in counts)" if "phot1data" in map(_plain, found) else ""
    raise UnreadableFile(path, f"it has the columns {', '.join(found)[:2000] or 'of no table'}{level0}", FITS_FORMAT)


def _check_size(path: Path, hdu: Any) -> None:
    header = hdu.header
    width, frames, heap = header["NAXIS1"], header["NAXIS2"], header.get("PCOUNT", 0)
    if not (width > 0 and 0 < frames <= MAX_FRAMES and heap >= 0):
        raise UnreadableFile(path, f"its table has {frames} rows of {width} bytes", f"1 to {MAX_FRAMES} rows")
    end, size = hdu.fileinfo()["datLoc"] + width * frames + heap, path.stat().st_size
    if end > size:
        raise UnreadableFile(path, f"it is cut short, {size} bytes", f"{end} bytes by its header; fetch it again")
    if (columns := hdu.columns.dtype.itemsize) != width:
        raise UnreadableFile(path, f"its rows have {width} bytes", f"{columns}, as its columns together")


def _frames(path: Path, hdu: Any, names: dict[str, str], to_microwatt: float | None) -> pd.DataFrame:
    bands = [_band(path, hdu, names[f"flux{i}"], to_microwatt) for i in (1, 2, 3)]
    exists = np.all([_scalars(hdu, names, f"phot{i}dataexists", True, bool) for i in (1, 2, 3)], axis=0)
    none = np.empty((3, 0), dtype=np.float32)
    lengths = {len({len(band) for band in frame}) for frame in zip(*bands, strict=True)}
    if lengths != {1}:
        raise UnreadableFile(path, "a frame has bands of different length", "the same number of samples in all three")
    photometry = [
        np.stack(frame) if there else none for frame, there in zip(zip(*bands, strict=True), exists, strict=True)
    ]
    stops = np.cumsum([frame.shape[1] for frame in photometry])
    if stops[-1] == 0:
        raise UnreadableFile(path, "it has no photometer samples", FITS_FORMAT)
    centres = pd.Series(_scalars(hdu, names, "frametimephot", "", str)).str.strip()
    return pd.DataFrame(
        {
            "observation_id": _scalars(hdu, names, "observationid", -1, np.int64),
            "frame_number": _scalars(hdu, names, "framenumber", -1, np.int64),
            "centre": pd.to_datetime(centres, format="ISO8601", utc=True, errors="coerce"),
            "photometry": photometry,
            "time_s": [
                SAMPLE_S * np.arange(stop - frame.shape[1], stop) for frame, stop in zip(photometry, stops, strict=True)
            ],
        }
    )


def _band(path: Path, hdu: Any, name: str, to_microwatt: float | None) -> list[np.ndarray]:
    """Give one photometer's samples, an array of float32 in µW/m² for each frame."""
    column = hdu.columns[name]
    code = re.fullmatch(r"\d*([PQ]?)([BIJKED])(?:\(\d*\))?", str(column.format).strip())
    if not code:
        raise UnreadableFile(path, f"its column {name} has the format {column.format}", "numbers")
    if code[1]:
        # Arrays of variable length may all point at one place: what they claim together must fit into the file's heap.
        counts, starts = hdu.data.view(np.ndarray)[name].astype(float).T
        sizes, heap = counts * BYTES[code[2]], hdu.header["PCOUNT"]
        if (counts < 0).any() or (starts < 0).any() or sizes.sum() > heap or (starts + sizes > heap).any():
            raise UnreadableFile(path, f"its column {name} claims {sizes.sum():.0f} bytes", f"{heap} bytes at most")
    unit = _plain(column.unit or "")
    if to_microwatt is None and unit not in _MICROWATT + _WATT:
        raise UnreadableFile(
            path, f"its column {name} has the unit {column.unit!r}", "µW/m² or W/m²; else give to_microwatt"
        )
    factor = np.float32(to_microwatt if to_microwatt is not None else 1e6 if unit in _WATT else 1)
    return [np.asarray(values, dtype=np.float32).ravel() * factor for values in hdu.data[name]]


def _scalars(hdu: Any, names: dict[str, str], name: str, default: object, dtype: type) -> np.ndarray:
    """Give one value per frame, the default when there is no such column."""
    if name not in names:
        return np.full(hdu.header["NAXIS2"], default, dtype=dtype)
    return np.asarray(hdu.data[names[name]]).reshape(hdu.header["NAXIS2"]).astype(dtype)
