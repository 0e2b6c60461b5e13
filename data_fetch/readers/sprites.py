"""Sprites: camera images with boxes drawn by hand in the YOLO text format."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from data_fetch.readers.errors import UnreadableFile
from data_fetch.readers.ufo import read_trigger_image, trigger_name

FORMAT = "YOLO boxes: lines '0 x y width height', centre and size as fractions of the image, class 0 (sprite)"
#: The largest real file has 116 bytes.
MAX_BYTES = 1 << 20


def read_sprite(image_path: str | Path, box_path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read one image and its boxes.

    Parameters
    ----------
    image_path : path-like
        ``….jpg`` of the data set ``sprites``.
    box_path : path-like
        The text file of the same name: see :func:`pair_sprites`.

    Returns
    -------
    image : ndarray of uint8 of shape (n_rows, n_columns)
        Grey levels 0 to 255; (480, 640) in ``sprites``. A caption is burnt in:
        :func:`~data_fetch.readers.ufo.trigger_overlay_mask`.
    boxes : ndarray of float64 of shape (n_boxes, 4)
        ``y0, x0, y1, x1`` in pixels, measured from the outer edge of the first pixel, clipped to the image, so that
        ``image[round(y0):round(y1), round(x0):round(x1)]`` is the box. Shape (0, 4) when the file holds blank lines
        only: an image without a sprite.

    Raises
    ------
    UnreadableFile
        If the image is no whole JPEG, or the box file is empty, not this format, of another class than 0, or has a box
        outside the image.
    FileNotFoundError
        If either file does not exist.

    Notes
    -----
    Format: Ultralytics, *Detection datasets*; files: CMAtkins/sprite-detection. The 147 images hold 165 boxes,
    one to three each.
    """
    fractions = _boxes(Path(box_path))
    image = read_trigger_image(image_path)
    x, y, width, height = fractions.T
    corners = np.stack([y - height / 2, x - width / 2, y + height / 2, x + width / 2], axis=1)
    rows, columns = image.shape
    return image, np.clip(corners, 0.0, 1.0) * np.array([rows, columns, rows, columns], dtype=float)


def pair_sprites(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Find the box file of every image.

    Parameters
    ----------
    paths : iterable of path-like
        Images and box files together, in any order, as ``fetch("sprites")`` gives them:
        ``images/<split>/<name>.jpg`` and ``labels/<split>/<name>.txt``.

    Returns
    -------
    DataFrame, a row per image, ordered by split and name
        ``image`` and ``boxes`` (paths), ``split`` (the folder's name), ``station``, ``camera`` and ``night`` from the
        file name (``night``: date of the evening, noon to noon by the camera's clock). No path gives an empty table
        with these columns.

    Raises
    ------
    ValueError
        If an image has no box file or the other way round, one is given twice, or a path is neither.

    Notes
    -----
    All 147 images are in the split ``train``: make your own test split, by night. They come from 42 nights, one of
    which gives 38, and up to three cameras looked at the same storm. The clock's zone is not stated.
    """
    found: dict[str, dict[tuple[str, str], Path]] = {".jpg": {}, ".txt": {}}
    for path in map(Path, paths):
        group = found.get(path.suffix.lower())
        if group is None:
            raise ValueError(f"paths holds {path.name}; expected images (.jpg) and box files (.txt) only.")
        key = (path.parent.name, path.stem)
        if key in group:
            raise ValueError(f"paths holds {path.name} of the split {path.parent.name} twice; give each file once.")
        group[key] = path
    images, boxes = found[".jpg"], found[".txt"]
    if lonely := sorted(images.keys() ^ boxes.keys()):
        names = ", ".join("/".join(key) for key in lonely[:5])
        raise ValueError(f"{len(lonely)} files have no partner ({names}); expected a .jpg and a .txt of each name.")
    rows = [
        {"image": images[key], "boxes": boxes[key], "split": key[0], **trigger_name(images[key])}
        for key in sorted(images)
    ]
    return pd.DataFrame(rows, columns=["image", "boxes", "split", "station", "camera", "night"])


def _boxes(path: Path) -> np.ndarray:
    """Read ``x, y, width, height`` as fractions of the image, of shape (n_boxes, 4)."""
    size = path.stat().st_size
    if not path.is_file():
        raise UnreadableFile(path, "it is not a file", FORMAT)
    if not 0 < size <= MAX_BYTES:
        raise UnreadableFile(path, f"it has {size} bytes", f"{FORMAT}, 1 to {MAX_BYTES} bytes")
    try:
        lines = [fields for line in path.read_bytes().decode("utf-8").splitlines() if (fields := line.split())]
        boxes = [_box(fields) for fields in lines]
    except ValueError as error:  # UnicodeDecodeError is one
        raise UnreadableFile(path, str(error), FORMAT) from error
    return np.array(boxes, dtype=float).reshape(-1, 4)


def _box(fields: list[str]) -> list[float]:
    if len(fields) != 5 or fields[0] != "0":
        raise ValueError(f"it has the line {' '.join(fields)[:60]!r}")
    x, y, width, height = values = [float(field) for field in fields[1:]]
    inside = all(math.isfinite(value) for value in values) and 0 <= x <= 1 and 0 <= y <= 1
    if not (inside and 0 < width <= 1 and 0 < height <= 1):
        raise ValueError(f"it has a box outside the image, {' '.join(fields)[:60]!r}")
    return values
