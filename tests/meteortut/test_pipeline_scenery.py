"""What the ground shows behind a light: told from other frames, and taken away; lights beside it, too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from meteortut.focal import from_focal, to_focal
from meteortut.pipeline import catalogue
from meteortut.pipeline.camera import Camera, check_camera
from meteortut.pipeline.kinematics import fit_at, fit_track
from meteortut.pipeline.scenery import _between, _median, drifting_scenery
from meteortut.pipeline.track_model import MovingLight, render, without_lines

ROWS, N = np.arange(48), 420
KNOWN = Camera(yaw_deg=35.0)
METEOR = MovingLight(t=210.3, y=24.4, x=25.2, vy=-0.16, vx=0.09, light=0.3, rise=4.0, fall=5.5)


def ground(seed: int, yaw_deg: float = 35.0) -> np.ndarray:
    """A cloudy ground that drifts by, counts per GTU: (N, 48, 48)."""
    field = gaussian_filter(np.random.default_rng(seed).standard_normal((160, 160)), 2.5, mode="wrap")
    field = 1 + 0.4 * field / field.std() * (field > 0)
    dy, dx = Camera(yaw_deg=yaw_deg).drift
    y, x = to_focal(ROWS)[:, None], to_focal(ROWS)[None]
    return np.stack(
        [
            map_coordinates(field, np.broadcast_arrays(y - dy * (t + 0.5) + 60, x - dx * (t + 0.5) + 60), order=3)
            for t in range(N)
        ]
    )


@pytest.fixture(scope="module")
def drifting() -> np.ndarray:
    return ground(3)


def noisy(clean: np.ndarray, seed: int) -> np.ndarray:
    return clean + np.sqrt(clean / 128**2) * np.random.default_rng(seed).standard_normal(clean.shape)


def test_the_scenery_of_a_drifting_ground_is_what_the_pixels_show(drifting):
    span, rows, columns = (180, 240), np.arange(18, 29), np.arange(16, 28)
    scenery = drifting_scenery(drifting, span, rows, columns, KNOWN, (200, 220))
    np.testing.assert_allclose((scenery**2).sum(axis=0), 1)
    np.testing.assert_allclose(scenery, without_lines(scenery), atol=1e-9)
    cube = drifting[180:240, 18:29, 16:28]
    before, after = (np.sqrt((without_lines(cube, own) ** 2).mean()) for own in (None, scenery))
    assert after < 0.15 * before
    # along the wrong direction it explains nothing much
    wrong = drifting_scenery(drifting, span, rows, columns, replace(KNOWN, yaw_deg=215.0), (200, 220))
    assert np.sqrt((without_lines(cube, wrong) ** 2).mean()) > 0.5 * before


def test_the_scenery_knows_response_gaps_and_what_only_flashes(drifting):
    response = np.exp(0.2 * np.random.default_rng(1).standard_normal((48, 48)))
    response[22, 20] = 0
    place = (180, 240), np.arange(18, 26), np.arange(14, 30), replace(KNOWN, flat=response), (200, 220)
    plain = drifting_scenery(drifting, *place[:3], KNOWN, place[4])
    seen = drifting * response
    seen[150:155] += 3.0  # lightning, in one look of many
    own = drifting_scenery(seen, *place)
    alike = (plain * own).sum(axis=0)  # the cosine of two curves
    assert np.median(alike) > 0.995 and alike.min() > 0.9
    broken = seen.copy()
    broken[120, 20, 20] = np.nan
    assert np.isfinite(drifting_scenery(broken, *place)).all()


def test_where_no_other_pixel_looked_there_is_no_scenery(drifting):
    short = drifting[190:230]
    assert not drifting_scenery(short, (0, 40), ROWS[:8], ROWS[:8], KNOWN, (10, 20)).any()
    found = drifting_scenery(drifting, (180, 240), ROWS, ROWS, KNOWN, (200, 220))
    assert ((found**2).sum(axis=0) > 0.5).mean() > 0.9


def test_a_light_over_a_drifting_ground_is_measured_as_if_the_ground_were_not_there(drifting):
    clean = drifting + render(METEOR, 0, N, ROWS, ROWS)
    place = METEOR.t, float(from_focal(METEOR.y)), float(from_focal(METEOR.x))
    errors = {None: [], 35.0: []}
    for seed in range(6):
        frames = noisy(clean, seed)
        for yaw_deg, own in errors.items():
            track = fit_track(frames, *place, yaw_deg=yaw_deg)
            off = np.array([track.light.vy - METEOR.vy, track.light.vx - METEOR.vx])
            own.append((np.hypot(*off), track.chi2, np.sqrt(off @ np.linalg.inv(track.covariance[3:5, 3:5]) @ off)))
    blind, known = (np.median(own, axis=0) for own in errors.values())
    assert known[0] < 0.7 * blind[0]
    assert known[1] == pytest.approx(1.0, abs=0.1) and known[2] < 2.5


def test_medians_leave_out_what_is_not_known():
    looks = np.random.default_rng(0).standard_normal((7, 5, 4, 3))
    looks[np.random.default_rng(1).random(looks.shape) < 0.4] = np.nan
    looks[:, 0, 0, 0] = np.nan
    expected = np.nan_to_num([np.nanmedian(own[np.isfinite(own)]) if np.isfinite(own).any() else 0
                              for own in looks.reshape(7, -1).T])  # fmt: skip
    np.testing.assert_allclose(_median(looks).ravel(), expected)


def test_between_pixels_is_a_straight_line_and_outside_is_nothing():
    ((start, weights),) = _between(np.array([6, 7, 8]), np.array([0.25]), 48, 1.0)
    values = to_focal(np.arange(start, start + weights.shape[1]))
    np.testing.assert_allclose(weights @ values, to_focal(np.array([6, 7, 8])) + 0.25)
    (_, outside), (_, beyond) = _between(np.array([47]), np.array([2.0, 0.2]), 48, 1.0)
    assert not outside.any() and beyond.any()


def test_a_camera_that_cannot_be_is_refused():
    for broken, word in (
        (Camera(gap=-1.0), "gap is -1.0"),
        (Camera(yaw_deg=np.inf), "yaw_deg is inf"),
        (Camera(flat=np.ones((4, 4))), r"flat has shape \(4, 4\)"),
        (Camera(noise=np.full((48, 48), -1.0)), "noise holds"),
    ):
        with pytest.raises(ValueError, match=word):
            check_camera(broken, (100, 48, 48))
    assert check_camera(Camera(flat=[[1, 1], [1, 1]]), (9, 2, 2)).flat.dtype == float


# --- neighbours ----------------------------------------------------------------------------------------------------------

BRIGHT = MovingLight(t=60.3, y=21.4, x=22.2, vy=0.25, vx=0.10, light=6.0, rise=4.0, fall=5.5)
FAINT = MovingLight(t=62.3, y=23.9, x=19.9, vy=-0.12, vx=-0.20, light=0.25, rise=3.0, fall=3.0)


def test_a_faint_light_beside_a_bright_one_is_fitted_when_that_is_known():
    frames = noisy(1 + render(BRIGHT, 0, 120, ROWS, ROWS) + render(FAINT, 0, 120, ROWS, ROWS), 4)
    place = FAINT.t, float(from_focal(FAINT.y)), float(from_focal(FAINT.x))
    alone, parted = (fit_at(frames, *place, Camera(others=others)) for others in ((), (BRIGHT,)))

    def off(track):
        return np.hypot(track.light.vy - FAINT.vy, track.light.vx - FAINT.vx)

    assert parted.converged and off(parted) < 0.05 < off(alone)


def test_a_catalogue_keeps_both(monkeypatch):
    frames = noisy(1 + render(BRIGHT, 0, 120, ROWS, ROWS) + render(FAINT, 0, 120, ROWS, ROWS), 4)
    places = [(own.t, float(from_focal(own.y)), float(from_focal(own.x))) for own in (BRIGHT, FAINT)]
    events = pd.DataFrame(places, columns=["t", "y", "x"])
    rows = catalogue.build_catalogue(frames, events)
    assert len(rows) == 2 and set(rows.event) == {0, 1}
    faint = rows.set_index("event").loc[1]
    assert faint.speed_px == pytest.approx(FAINT.speed_px, abs=0.05) and faint.flag == "none"
    monkeypatch.setattr(catalogue, "_part_neighbours", lambda *_: None)
    unparted = catalogue.build_catalogue(frames, events)
    assert "none" not in set(unparted.flag[unparted.event == 1])  # the fit ran to the bright one


def test_what_is_beside_a_light_shines_when_and_where_it_does():
    assert catalogue._beside(BRIGHT, 62.0, 23.0, 20.0)
    assert not catalogue._beside(BRIGHT, 62.0, 40.0, 20.0)
    assert not catalogue._beside(BRIGHT, 110.0, 23.0, 20.0) and not catalogue._beside(BRIGHT, 10.0, 23.0, 20.0)
