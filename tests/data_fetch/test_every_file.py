"""Every file of the registry, fetched, verified and read by its reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_fetch import readers, registry
from data_fetch.registry import dataset_names


def _image(path: Path) -> int:
    image, _ = readers.read_fits_image(path)
    assert image.ndim == 2
    return int(np.isfinite(image).sum())


def _ff(path: Path) -> int:
    ff = readers.read_ff(path)
    assert ff.shape == (720, 1280)
    return ff.n_frames


def _ts(path: Path) -> int:
    series, labels = readers.read_ts(path)
    assert series.shape[1:] == (1, 319)
    return len(labels)


#: (data set, ending) → reader, which gives a count of what it found; each must find something.
READERS: dict[tuple[str, str], Callable[[Path], int]] = {
    ("aop-lightcurves", ".Rda"): lambda path: len(readers.read_aop(path)),
    ("gmn-ff", ".fits"): _ff,
    ("gmn-ff", ".txt"): lambda path: len(readers.read_ftpdetectinfo(path)),
    ("gmn-ff", ".bmp"): lambda path: int(readers.read_mask(path).sum()),
    ("ukmon-triggers", ".xml"): lambda path: len(readers.read_ufo_xml(path)[1]),
    ("ukmon-triggers", ".jpg"): lambda path: readers.read_trigger_image(path).size,
    ("fireball-video", ".avi"): lambda path: sum(1 for _ in readers.iter_frames(path)),
    ("iss-meteor-clip", ".mp4"): lambda path: sum(1 for _ in readers.iter_frames(path)),
    ("mmia-labels", ".xlsx"): lambda path: len(readers.read_mmia_labels(path)),
    ("glm-flashes", ".nc"): lambda path: len(readers.read_glm_flashes(path)),
    ("lightning7", ".ts"): _ts,
    ("m13-series", ".fits"): _image,
    ("telescope-frames", ".fits"): _image,
    ("telescope-trails", ".fits"): _image,
    ("allsky-clouds", ".fits"): _image,
}
COUNTS = {"aop-lightcurves": 12_010, "iss-meteor-clip": 210, "lightning7": 143, "mmia-labels": 555}


@pytest.mark.parametrize("name", dataset_names())
def test_every_file_of_the_data_set_is_read(name: str, real_file):
    paths = real_file(name)
    assert len(paths) == (registry().dataset == name).sum()
    if name == "sprites":
        pairs = readers.pair_sprites(paths)
        found = [len(readers.read_sprite(pair.image, pair.boxes)[1]) for pair in pairs.itertuples()]
        assert 2 * len(found) == len(paths)
    else:
        found = [READERS[name, path.suffix](path) for path in paths]
    assert min(found) > 0
    if name in COUNTS:
        assert sum(found) == COUNTS[name]


def test_the_counts_that_the_book_states(real_file):
    texts = real_file("gmn-ff", ".txt")
    assert sorted(len(readers.read_ftpdetectinfo(path, include_bad=True)) for path in texts) == [23, 29]
    flashes = len(readers.read_glm_flashes(real_file("glm-flashes")))
    assert flashes == 377  # about two thirds of the 571 in three files of this series; two of them are given
