"""A picture for each data set of the gallery, drawn from its files.

Only data sets that are at hand are drawn: nobody has to download all of them to build the book. With ``METEORTUT_DATA_MIRROR``
set, or ``METEORTUT_REQUIRE_REAL=1``, all are. Pictures are kept in ``_build/gallery`` until the files or this module change.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data_fetch import data_dir, fetch, readers
from data_fetch.registry import dataset_rows, local_path
from meteortut import lightcurves, plots

Paths = list[Path]


def picture(name: str, folder: Path) -> tuple[bytes, str] | None:
    """Give the picture of a data set as PNG, and its alt text; ``None`` when its files are not at hand.

    Parameters
    ----------
    name : str
        The data set.
    folder : Path
        Where pictures are kept between builds.
    """
    rows = dataset_rows(name)
    at_hand = all(local_path(data_dir(), path).is_file() for path in rows.path)
    wanted = os.environ.get("METEORTUT_DATA_MIRROR") or os.environ.get("METEORTUT_REQUIRE_REAL") == "1"
    if not (at_hand or wanted):
        return None
    sources = [Path(__file__), *sorted(Path(readers.__file__).parent.glob("*.py"))]
    key = hashlib.sha256("".join(rows.sha256).encode() + b"".join(path.read_bytes() for path in sources)).hexdigest()[
        :16
    ]
    kept = folder / f"{name}-{key}.png"
    draw, alt = PICTURES[name]
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        figure = draw(fetch(name, progress=False))
        temporary = kept.with_suffix(".part")
        figure.savefig(temporary, format="png", dpi=100, bbox_inches="tight")
        plt.close(figure)
        temporary.replace(kept)
    return kept.read_bytes(), alt


def _row(n: int, height: float = 2.2) -> tuple[Figure, list[Axes]]:
    figure, axes = plt.subplots(1, n, figsize=(9.5, height), squeeze=False, layout="constrained")
    return figure, list(axes[0])


def _show(axes: Axes, image: np.ndarray, title: str = "") -> None:
    low, high = np.nanpercentile(image, [2, 99.7])
    axes.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-9), origin="upper", interpolation="nearest")
    axes.set_title(title, fontsize=8)
    axes.axis("off")


def _curves(series: list[tuple[np.ndarray, np.ndarray, str]], label: str) -> Figure:
    figure, row = _row(len(series), 1.8)
    for axes, (time, values, title) in zip(row, series, strict=True):
        axes.plot(time, values, color=plots.BLUE, linewidth=0.8)
        axes.set_title(title, fontsize=8)
        axes.set_xlabel(label, fontsize=8)
        axes.set_yticks([])
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


def _aop(paths: Paths) -> Figure:
    table = lightcurves.read_aop(paths[0])
    rows = table[table.usable & table.n_samples.between(20, 60)].sample(6, random_state=4)
    figure = _curves(
        [(row.time_s, row.magnitude, f"{row.station} {row.start:%d %b %Y}") for row in rows.itertuples()], "s"
    )
    for axes in figure.axes:
        axes.invert_yaxis()
    return figure


def _gmn(paths: Paths) -> Figure:
    labels = readers.read_ff_labels()
    good = set(labels.ff_file[labels.label == "meteor"])
    found = {path.name: path for path in paths if path.name in good}
    tracks = {
        row.ff_file: row
        for path in paths
        if path.name.startswith("FTPdetectinfo")
        for row in readers.read_ftpdetectinfo(path).itertuples()
    }
    figure, grid = plt.subplots(2, 5, figsize=(9.5, 4.2), layout="constrained")
    for axes, (name, path) in zip(grid.flat, sorted(found.items()), strict=True):
        track = tracks[name]
        length = np.hypot(np.ptp(track.y_px), np.ptp(track.x_px))
        size = int(np.clip(48 * np.ceil(length / 24), 96, 720))  # a short track needs a finer cut to be seen
        cube, _ = readers.pseudo_cube(readers.read_ff(path), (track.y_px.mean(), track.x_px.mean()), size)
        _show(axes, cube.max(axis=0), f"{name[10:25].replace('_', ' ')}, {size} px")
    return figure


def _triggers(paths: Paths) -> Figure:
    labels = readers.read_trigger_labels()
    by_name = {path.name: path for path in paths}
    chosen = [
        labels[labels.label == label].file.iloc[k] for label, k in (("meteor", 6), ("meteor", 7), ("non_meteor", 9))
    ]
    figure, row = _row(3, 2.7)
    for axes, name, title in zip(row, chosen, ("a meteor", "a meteor", "no meteor"), strict=True):
        image = readers.read_trigger_image(by_name[name])
        _show(axes, np.where(readers.trigger_overlay_mask(image.shape), np.nan, image), title)
    return figure


def _maximum(paths: Paths, first: int, last: int | None) -> Figure:
    frames = (frame for _, frame in readers.iter_frames(paths[0]))
    brightest: np.ndarray | None = None
    for frame in islice(frames, first, last):
        brightest = frame if brightest is None else np.maximum(brightest, frame)
    figure, row = _row(1, 3.2)
    _show(row[0], np.asarray(brightest))
    return figure


def _sprites(paths: Paths) -> Figure:
    pairs = readers.pair_sprites(paths)
    figure, row = _row(3, 2.6)
    for axes, pair in zip(row, pairs.iloc[[3, 60, 120]].itertuples(), strict=True):
        image, boxes = readers.read_sprite(pair.image, pair.boxes)
        _show(axes, image)
        for y0, x0, y1, x1 in boxes:
            axes.add_patch(plt.Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=plots.SKY))
    return figure


def _mmia(paths: Paths) -> Figure:
    counts = readers.read_mmia_labels(paths[0]).classification.value_counts()
    figure, row = _row(1, 1.8)
    bars = row[0].barh(list(counts.index), counts.to_numpy(), color=plots.SKY, edgecolor=plots.BLUE)
    row[0].bar_label(bars, padding=3, fontsize=8)
    row[0].invert_yaxis()
    row[0].set_xlabel("labelled frames")
    row[0].spines[["top", "right"]].set_visible(False)
    return figure


def _glm(paths: Paths) -> Figure:
    flashes = readers.read_glm_flashes(paths).nlargest(60, "n_groups").sample(6, random_state=1)
    curves = [readers.flash_light_curve(row.time_s, row.energy_j) for row in flashes.itertuples()]
    return _curves([(1000 * time, energy, f"{len(time)} steps of 2 ms") for time, energy in curves], "ms")


def _lightning7(paths: Paths) -> Figure:
    series, labels = readers.read_ts(next(path for path in paths if "TRAIN" in path.name))
    chosen = [(label, series[np.flatnonzero(labels == label)[0], 0]) for label in np.unique(labels)]
    return _curves([(np.arange(len(values)), values, f"class {label}") for label, values in chosen], "sample")


def _frames(paths: Paths) -> Figure:
    figure, row = _row(len(paths), 2.3)
    for axes, path in zip(row, paths, strict=True):
        image, _ = readers.read_fits_image(path)
        step = max(1, max(image.shape) // 400)
        _show(axes, np.asarray(image, float)[::step, ::step], path.stem[:26])
    return figure


PICTURES: dict[str, tuple[Callable[[Paths], Figure], str]] = {
    "aop-lightcurves": (_aop, "Six light curves of meteors, each rising and falling within a second or so."),
    "gmn-ff": (
        _gmn,
        "Ten square cuts of night sky, each with the bright streak of a meteor, long in some and a short dash in others.",
    ),
    "ukmon-triggers": (_triggers, "Three pictures of a night camera: two with the streak of a meteor, one without."),
    "fireball-video": (
        lambda p: _maximum(p, 0, None),
        "The brightest value of each pixel in an all-sky film, with a fireball.",
    ),
    "iss-meteor-clip": (
        lambda p: _maximum(p, 96, 106),
        "City lights seen from orbit, and the faint trail of a meteor above them.",
    ),
    "sprites": (_sprites, "Three camera pictures of sprites above distant storms; boxes drawn around the sprites."),
    "mmia-labels": (_mmia, "Bars: how many labelled frames each of the five classes has."),
    "glm-flashes": (
        _glm,
        "Six lightning flashes: radiant energy in steps of two milliseconds, each a chain of narrow pulses.",
    ),
    "lightning7": (_lightning7, "Seven radio signals of lightning, one of each class."),
    "m13-series": (_frames, "Five frames of one globular cluster, almost the same."),
    "telescope-frames": (_frames, "Five telescope frames with stars, a trailed source and a masked edge among them."),
    "telescope-trails": (_frames, "Three telescope frames crossed by the straight trails of satellites."),
    "allsky-clouds": (
        _frames,
        "Four all-sky frames: one cloudy, one starry, two of another camera at dusk and at night.",
    ),
}
