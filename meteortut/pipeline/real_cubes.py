"""Real tracks as cubes: meteors and satellites of the Global Meteor Network, and a meteor filmed from the ISS.

Nothing here is trained or tuned: cubes are cut about labels, and the files themselves tell the noise that is put back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_fetch.readers.gmn import FFFile, pseudo_cube, read_ff, read_ff_labels, read_ftpdetectinfo, read_slow_trails
from data_fetch.readers.video import iter_frames
from meteortut.focal import SIDE

#: Side of the window cut from an FF file, and of a cube's pixel in it, camera pixels.
FF_WINDOW, FF_BINNING = 720, 720 // SIDE
#: Length of a frame, seconds: 25 in a second, and 30.
FF_FRAME_S, CLIP_FRAME_S = 0.04, 1 / 30
#: The clip: frames, rows, columns; side of the window; frame, row and column of the meteor's first and last place.
CLIP_SHAPE, CLIP_WINDOW = (210, 150, 266), 144
CLIP_TRACK = ((96, 124, 124), (105, 86, 110))
#: Every sixth frame of the clip is a keyframe; between them the codec lets most pixels stand still.
CLIP_KEYFRAMES = 6
#: A row is on a track within so many pixels of it, and so many frames of when it shines (chosen); speed and direction
#: are compared for tracks of this length or more, pixels.
NEAR_PX, NEAR_FRAMES, LONG_PX = 2.0, 4.0, 3.0


@dataclass(frozen=True, eq=False)
class RealCube:
    """A real track in a cube, with what its label says.

    Attributes
    ----------
    name : str
        The file without its ending.
    kind : "meteor" or "satellite"
    frames : ndarray of float32 of shape (n_frames, n_pixels, n_pixels), counts
        Axes (time, y, x). FF file: a pseudo-cube, 256 frames of 40 ms. Clip: mean grey levels, 210 frames of 33 ms.
    noise : ndarray of shape (n_pixels, n_pixels), counts
        Standard deviation of a frame's noise that :func:`restore_noise` puts back.
    origin : (int, int)
        Row and column of the window's first camera pixel.
    binning : int
        Camera pixels along the side of a cube's pixel.
    truth : DataFrame, a row per labelled instant
        ``t`` (frame k lasts from k to k + 1; a label of frame k is put in its middle), ``y``, ``x`` (pixels of the cube;
        the centre of pixel i is at i). Of a satellite only the middle of its trail is known.
    length_px : float
        Length of the track, pixels of the cube.
    frame_s : float
        Length of a frame, seconds.
    """

    name: str
    kind: str
    frames: np.ndarray
    noise: np.ndarray
    origin: tuple[int, int]
    binning: int
    truth: pd.DataFrame
    length_px: float
    frame_s: float

    @property
    def velocity(self) -> tuple[float, float]:
        """Apparent motion (vy, vx) of a meteor, pixels of the cube per frame, by least squares; NaN for a satellite."""
        if self.kind == "satellite":
            return np.nan, np.nan
        t, y, x = (self.truth[name].to_numpy() for name in ("t", "y", "x"))
        vy, vx = np.polyfit(t - t.mean(), np.stack([y, x], axis=1), 1)[0].tolist()
        return vy, vx


def ff_cubes(paths: Iterable[str | Path]) -> list[RealCube]:
    """Cut the ten well labelled meteors and the two slow satellites out of the FF files of the data set ``gmn-ff``.

    Parameters
    ----------
    paths : iterable of path-like
        The FF files and the two FTPdetectinfo files; others (masks) are ignored.

    Returns
    -------
    list of RealCube, in order of name
        Twelve, each of 256 frames of 48 × 48 pixels of 15 × 15 camera pixels. One file has a meteor and a satellite.

    Raises
    ------
    ValueError
        If a file is missing, or a labelled meteor is in none of the texts.
    UnreadableFile
        As :func:`data_fetch.readers.read_ff` and :func:`data_fetch.readers.read_ftpdetectinfo`.

    Notes
    -----
    A pseudo-cube (:func:`data_fetch.readers.pseudo_cube`) is not a video: each camera pixel shines in one frame alone,
    and where the sky is quiet, in any. So its noise is never negative, comes in few large steps, and is zero in half of
    the voxels. A slow satellite becomes a string of flashes, one pixel after the other.

    The label's frame includes the delay of its row, row / 720 frames (rolling shutter); a pseudo-cube's frames do not.
    It is taken away: ``t`` is on the cube's clock. There a track's speed down the rows is wrong by its camera pixels per
    frame over 720, 1 % for the fastest here.
    """
    by_name = {Path(path).name: Path(path) for path in paths}
    labels, trails = read_ff_labels(), read_slow_trails()
    meteors = sorted(labels.ff_file[labels.label == "meteor"])
    wanted = {*meteors, *(f"{stem}.fits" for stem in trails.ff_stem)}
    texts = [path for name, path in by_name.items() if name.startswith("FTPdetectinfo")]
    missing = sorted(wanted - set(by_name)) + ([] if texts else ["FTPdetectinfo_….txt"])
    if missing:
        raise ValueError(
            f"paths lacks {', '.join(missing)}; expected all files of the data set gmn-ff. Fetch it again."
        )
    known = pd.concat([read_ftpdetectinfo(path) for path in texts])
    unlabelled = sorted(set(meteors) - set(known.ff_file))
    if unlabelled:
        raise ValueError(f"no FTPdetectinfo file has {', '.join(unlabelled)}; expected both stations' texts in paths.")
    cubes = []
    for name in sorted(wanted):
        ff = read_ff(by_name[name])
        for row in known[known.ff_file == name].itertuples():
            t = np.round(row.frame - row.y_px / ff.shape[0]) + 0.5
            cubes.append(_ff_cube(ff, "meteor", t, row.y_px, row.x_px))
        for row in trails[trails.ff_stem == Path(name).stem].itertuples():
            ends = np.array([row.frame_p5, row.frame_p95]) + 0.5
            cubes.append(_ff_cube(ff, "satellite", ends, np.full(2, row.y), np.full(2, row.x), trail_px=row.length_px))
    return cubes


def iss_clip_cube(path: str | Path, binning: int = 3) -> RealCube:
    """Cut the meteor out of the data set ``iss-meteor-clip``.

    Parameters
    ----------
    path : path-like
        The video: 210 frames of 150 × 266 pixels.
    binning : int
        Side of a cube's pixel, camera pixels: a divisor of 72, so that the number of pixels is even. With 3 the cube has
        48 × 48 and the meteor moves 1.5 of them in a frame, with 6 it has 24 × 24 and the meteor moves 0.75: the fastest
        that the networks were taught is about 0.7.

    Returns
    -------
    RealCube
        210 frames; the window of 144 × 144 pixels lies about the middle of the path, shifted to stay inside the frame.
        The frames before the picture begins (0 to 2, black or nearly) are replaced by the first after them, so that
        frame numbers stay.

    Raises
    ------
    ValueError
        If ``binning`` does not fit, or the video has another shape.
    UnreadableFile
        As :func:`data_fetch.readers.iter_frames`.

    Notes
    -----
    The codec lets pixels stand still and renews them at keyframes, every sixth frame: the noise of six frames comes in
    one step. Half the mean square of those steps is the variance of what stands still; white noise that is as strong
    when six frames are averaged has six times as much: ``noise``. Drifting city lights make steps too; there it is high.
    """
    if binning < 1 or CLIP_WINDOW % (2 * binning):
        raise ValueError(f"binning is {binning}; expected a divisor of {CLIP_WINDOW // 2}: 3 gives 48 × 48 pixels.")
    video = np.stack([frame for _, frame in iter_frames(path)]).astype(np.float32)
    if video.shape != CLIP_SHAPE:
        raise ValueError(
            f"{Path(path).name} has shape {video.shape}; expected {CLIP_SHAPE}, the data set iss-meteor-clip."
        )
    level = video.mean(axis=(1, 2))
    begin = int((level > np.median(level) / 2).argmax())
    video[:begin] = video[begin]
    t, y, x = np.array(CLIP_TRACK, float).T
    y0, x0 = (
        int(np.clip(round(place.mean()) - CLIP_WINDOW // 2, 0, side - CLIP_WINDOW))
        for place, side in ((y, CLIP_SHAPE[1]), (x, CLIP_SHAPE[2]))
    )
    window = video[:, y0 : y0 + CLIP_WINDOW, x0 : x0 + CLIP_WINDOW]
    frames = _blocks(window, binning).mean(axis=(2, 4))
    truth = _truth(t + 0.5, y, x, (y0, x0), binning)
    length = float(np.hypot(*np.ptp([y, x], axis=1))) / binning
    noise = _held_noise(frames[begin:])
    return RealCube(Path(path).stem, "meteor", frames, noise, (y0, x0), binning, truth, length, CLIP_FRAME_S)


def restore_noise(cube: RealCube, rng: int | np.random.Generator) -> RealCube:
    """Put back the noise that the file's making took out: Gaussian and white, as strong as ``cube.noise``.

    Parameters
    ----------
    cube : RealCube
    rng : int or Generator

    Returns
    -------
    RealCube
        The same with other ``frames``. What was in the cube stays.

    Notes
    -----
    The networks measure everything in units of a pixel's noise, and have seen Gaussian noise alone. An FF file keeps of
    each camera pixel its maximum and its standard deviation: a frame of the video, binned, had the noise √(Σ STDPIXEL²),
    if pixels were independent (a codec makes neighbours alike: it had rather more). A pseudo-cube has 0.11 to 0.17
    of it.
    """
    drawn = np.random.default_rng(rng).standard_normal(cube.frames.shape, np.float32)
    return replace(cube, frames=cube.frames + drawn * cube.noise.astype(np.float32))


def compare(catalogue: pd.DataFrame, cube: RealCube) -> dict[str, Any]:
    """Look for a cube's track in a catalogue of the cube.

    Parameters
    ----------
    catalogue : DataFrame, a row per light
        ``t_peak`` (frame), ``y``, ``x``; where there are, ``flag``, ``score``, ``speed_px`` and ``direction_deg`` too.
        Made with ``gap=0``. A row is a report when its flag is "none", or there are no flags.
    cube : RealCube

    Returns
    -------
    dict
        ``name``, ``kind``, ``length_px``; ``found``: whether a report lies within 2 pixels of the labelled track (of
        a satellite: of the circle about its trail) while it shines, give or take 4 frames; ``away_px``, ``flag``, ``score``
        and ``t_peak`` (frame) of the nearest such report (without one: of the nearest row at that time; NaN and "" if there
        is none);
        ``speed_px`` (pixels per frame, of a found track, else NaN); ``label_speed_px``, ``speed_error_percent`` and
        ``direction_error_deg`` (−180 to 180), of meteors of 3 pixels or more, else NaN; ``n_other``: reports elsewhere.

    Raises
    ------
    ValueError
        If columns are missing.
    """
    missing = [name for name in ("t_peak", "y", "x") if name not in catalogue]
    if missing:
        raise ValueError(f"catalogue lacks the columns {missing}; expected one as build_catalogue gives it.")
    away = _away(catalogue, cube)
    flags = catalogue.flag.to_numpy(str) if "flag" in catalogue else np.full(len(catalogue), "none")
    report = flags == "none"
    close = report & (away <= NEAR_PX)
    found = bool(close.any())
    ranked = np.where(close, away, np.inf) if found else away
    row = int(ranked.argmin()) if np.isfinite(ranked).any() else -1
    result: dict[str, Any] = {
        "name": cube.name,
        "kind": cube.kind,
        "length_px": cube.length_px,
        "found": found,
        "away_px": np.nan if row < 0 else float(away[row]),
        "flag": "" if row < 0 else str(flags[row]),
        "score": float(catalogue.score.iloc[row]) if row >= 0 and "score" in catalogue else np.nan,
        "t_peak": float(catalogue.t_peak.iloc[row]) if row >= 0 else np.nan,
    }
    moving = found and {"speed_px", "direction_deg"} <= set(catalogue)
    speed, direction = catalogue.iloc[row][["speed_px", "direction_deg"]] if moving else (np.nan, np.nan)
    return {**result, **_motion_errors(cube, float(speed), float(direction)), "n_other": int((report & ~close).sum())}


def _ff_cube(ff: FFFile, kind: str, t: np.ndarray, y: np.ndarray, x: np.ndarray, trail_px: Any = None) -> RealCube:
    """Cut a cube about a track given in camera pixels."""
    frames, (y0, x0) = pseudo_cube(ff, (float(y.mean()), float(x.mean())), FF_WINDOW, SIDE)
    spread = ff.stdpixel[y0 : y0 + FF_WINDOW, x0 : x0 + FF_WINDOW].astype(float)
    noise = np.sqrt(_blocks(spread[None] ** 2, FF_BINNING)[0].sum(axis=(1, 3)))
    truth = _truth(t, y, x, (y0, x0), FF_BINNING)
    own = float(np.hypot(y[-1] - y[0], x[-1] - x[0])) if trail_px is None else float(trail_px)
    return RealCube(
        Path(ff.ff_file).stem, kind, frames, noise, (y0, x0), FF_BINNING, truth, own / FF_BINNING, FF_FRAME_S
    )


def _truth(t: np.ndarray, y: np.ndarray, x: np.ndarray, origin: tuple[int, int], binning: int) -> pd.DataFrame:
    """A track in pixels of the cube: pixel i spans the camera's pixels from origin + binning · i on."""
    y, x = ((place - first + 0.5) / binning - 0.5 for place, first in zip((y, x), origin, strict=True))
    return pd.DataFrame({"t": t, "y": y, "x": x})


def _blocks(frames: np.ndarray, binning: int) -> np.ndarray:
    """Axes (time, y, y in block, x, x in block)."""
    n, height, width = frames.shape
    return frames.reshape(n, height // binning, binning, width // binning, binning)


def _held_noise(frames: np.ndarray) -> np.ndarray:
    """Standard deviation of white noise as strong, over six frames, as what stands still between: (height, width)."""
    squares = np.diff(frames.astype(float), axis=0) ** 2
    by_phase = [squares[phase::CLIP_KEYFRAMES].mean(axis=0) for phase in range(CLIP_KEYFRAMES)]
    steps = max(by_phase, key=np.mean)
    return np.sqrt(CLIP_KEYFRAMES * steps / 2)


def _away(catalogue: pd.DataFrame, cube: RealCube) -> np.ndarray:
    """Distance of each row from the labelled track at that instant, pixels; infinite when it does not shine: (n,)."""
    t, y, x = (cube.truth[name].to_numpy() for name in ("t", "y", "x"))
    at = catalogue.t_peak.to_numpy(float) + 0.5
    away = np.hypot(
        catalogue.y.to_numpy(float) - np.interp(at, t, y), catalogue.x.to_numpy(float) - np.interp(at, t, x)
    )
    if cube.kind == "satellite":
        away = np.maximum(away - cube.length_px / 2, 0)
    shines = (at >= t[0] - NEAR_FRAMES) & (at <= t[-1] + NEAR_FRAMES)
    return np.where(shines, away, np.inf)


def _motion_errors(cube: RealCube, speed: float, direction: float) -> dict[str, float]:
    """What a fitted speed and direction are off by; NaN where they are not judged."""
    vy, vx = cube.velocity if cube.length_px >= LONG_PX else (np.nan, np.nan)
    label = float(np.hypot(vy, vx))
    turn = direction - np.degrees(np.arctan2(vy, vx))
    return {
        "speed_px": speed,
        "label_speed_px": label,
        "speed_error_percent": 100 * (speed / label - 1),
        "direction_error_deg": float((turn + 180) % 360 - 180),
    }
