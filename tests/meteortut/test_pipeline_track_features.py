"""What a fitted track tells: motion against rest and ground, rise against fall, and light that goes on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from meteortut.focal import FRAME_S, GROUND_DRIFT_PX, METEOR_DRIFT_PX, METEOR_KM_PX
from meteortut.pipeline.camera import Camera
from meteortut.pipeline.catalogue import fit_events
from meteortut.pipeline.kinematics import fit_track, remove_drift
from meteortut.pipeline.track_features import GROUND_FEATURES, TRACK_FEATURES, image_features, track_features
from meteortut.pipeline.track_model import PSF_PX, MovingLight, render

ROWS = np.arange(48)
YAW = 30.0
KNOWN = Camera(yaw_deg=YAW)
DRIFT = GROUND_DRIFT_PX * np.array([np.sin(np.radians(YAW)), np.cos(np.radians(YAW))])
LIGHTS = {
    "satellite": MovingLight(350.5, 38.0, 30.0, 0.0, 0.05, 0.25, 1e7, 1e7),
    "goes on": MovingLight(450.5, 12.0, 20.0, 0.1, 0.1, 0.5, 3, 3),
    "meteor": MovingLight(60.5, 10.0, 10.0, 0.05, 0.25, 0.5, 3, 3),
    "lopsided": MovingLight(60.5, 30.0, 12.0, -0.1, 0.2, 0.5, 2, 6),
    "flash": MovingLight(150.5, 12.0, 32.0, *DRIFT, 0.8, 4, 4),
}
BELLS = ["meteor", "lopsided", "flash"]


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((700, 48, 48)) / 128
    lights = sum(render(light, 0, 700, ROWS, ROWS) for light in LIGHTS.values())
    ember = render(replace(LIGHTS["goes on"], light=0.2, rise=1e7, fall=1e7), 0, 700, ROWS, ROWS)
    ember[:450] = 0
    return (1 + noise + lights + ember).astype(np.float32)


@pytest.fixture(scope="module")
def found(frames: np.ndarray) -> pd.DataFrame:
    # not in order of time, and one light twice
    places = pd.DataFrame(
        [(350, 34, 27), (450, 11, 18), (60, 9, 9), (60, 27, 11), (150, 11, 29), (61, 9, 9)], columns=["t", "y", "x"]
    )
    table, tracks = fit_events(frames, places, KNOWN)
    assert len(table) == len(tracks) == 5 and (table.vy == [track.light.vy for track in tracks]).all()
    features = track_features(frames, table, tracks, KNOWN)
    return features.set_index(np.array([*LIGHTS, "meteor"])[table.event])


def test_a_meteor_goes_out_and_a_satellite_goes_on(found):
    assert found.loc["satellite", ["before_sigmas", "after_sigmas"]].min() > 10
    assert found.loc["satellite", ["before_share", "after_share"]].min() > 0.4
    assert found.loc["goes on", "after_sigmas"] > 5 > 4 > abs(found.loc["goes on", "before_sigmas"])
    assert found.loc["goes on", "after_share"] == pytest.approx(0.4, abs=0.2)
    assert found.loc[BELLS, ["before_sigmas", "after_sigmas"]].abs().to_numpy().max() < 5
    assert found.loc[BELLS, ["before_share", "after_share"]].abs().to_numpy().max() < 0.1


def test_what_moves_with_the_ground_is_near_it_in_units_of_its_errors(found):
    assert found.ground_sigmas["flash"] < 3.5 and found.ground_px["flash"] < 0.01
    assert found.drop("flash").ground_sigmas.min() > 10 and found.rest_sigmas.min() > 5
    # were the flash at 100 km, it would rest in the air less the difference of the drifts
    difference = (METEOR_DRIFT_PX - GROUND_DRIFT_PX) * METEOR_KM_PX / FRAME_S
    error = 3 * found.speed_err_px["flash"] * METEOR_KM_PX / FRAME_S
    assert found.own_km_s["flash"] == pytest.approx(difference, abs=error) and error < difference
    meteor = LIGHTS["meteor"]
    own, _ = remove_drift(meteor.vy, meteor.vx, YAW)
    assert found.own_km["meteor"] == pytest.approx(own * meteor.fwhm * FRAME_S, rel=0.1)
    assert found.trusted.all() and found.lit["lopsided"] > found.lit["meteor"] > 5


def test_rise_and_fall_are_told_apart(found):
    assert found.asymmetry["lopsided"] == pytest.approx(np.log(3), abs=0.3) and found.asymmetry_sigmas["lopsided"] > 5
    assert found.loc[["meteor", "flash"], "asymmetry_sigmas"].max() < 3.5


def test_narrow_and_wide_images_are_told_from_points():
    rng = np.random.default_rng(1)
    found = {}
    for size in (0.35, PSF_PX, 0.8):
        light = replace(LIGHTS["meteor"], size=size, light=2.0)
        frames = 1 + rng.standard_normal((150, 48, 48)) / 128 + render(light, 0, 150, ROWS, ROWS)
        track = fit_track(frames, 60.5, 9.0, 9.0)
        found[size] = image_features(track)["size_sigmas"]
    assert found[0.35] < -5 < -3 < found[PSF_PX] < 3 < 5 < found[0.8]
    known = fit_track(frames, 60.5, 9.0, 9.0, fit_size=False)
    assert np.isnan(image_features(known)["size_sigmas"])


def test_columns_and_what_is_not_known(frames, found):
    assert tuple(found) == TRACK_FEATURES and np.isfinite(found.to_numpy()).all()
    table, tracks = fit_events(frames, pd.DataFrame([(60, 9, 9)], columns=["t", "y", "x"]), Camera())
    without = track_features(frames, table, tracks, Camera())
    assert without[list(GROUND_FEATURES)].isna().all(axis=None)
    assert not without.drop(columns=list(GROUND_FEATURES)).isna().any(axis=None)
    pd.testing.assert_series_equal(
        without.rest_sigmas, found.rest_sigmas["meteor":"meteor"], check_index=False, rtol=0.1
    )
    with pytest.raises(ValueError, match="2 rows, but there are 1 tracks"):
        track_features(frames, pd.concat([table, table]), tracks, Camera())


def test_no_track_gives_no_row(frames):
    table, tracks = fit_events(frames, pd.DataFrame(columns=["t", "y", "x"], dtype=float), KNOWN)
    assert track_features(frames, table, tracks, KNOWN).shape == (0, len(TRACK_FEATURES))


def test_where_the_line_is_outside_nothing_is_said(frames):
    # begins with the stream, and leaves the field as its bell ends
    light = MovingLight(6.5, 24.0, 49.5, 0.0, 0.6, 0.8, 2, 2)
    edge = frames + render(light, 0, 700, ROWS, ROWS)
    table, tracks = fit_events(edge, pd.DataFrame([(6, 22, 44)], columns=["t", "y", "x"]), KNOWN)
    own = track_features(edge, table, tracks, KNOWN).iloc[0]
    assert own.trusted and np.isfinite(own.to_numpy()).all()
    assert own[["before_sigmas", "after_sigmas", "before_share", "after_share"]].tolist() == [0, 0, 0, 0]


def test_a_fit_that_knows_no_errors_says_so(frames):
    table, tracks = fit_events(frames, pd.DataFrame([(60, 9, 9)], columns=["t", "y", "x"]), KNOWN)
    blind = replace(tracks[0], covariance=np.full((9, 9), np.inf))
    own = track_features(frames, table, [blind], KNOWN).iloc[0]
    unknown = ["rest_sigmas", "ground_sigmas", "asymmetry_sigmas", "size_sigmas"]
    assert own[unknown].isna().all() and np.isfinite(own.ground_px)
    with pytest.raises(ValueError, match="yaw_deg is nan"):
        track_features(frames, table, tracks, Camera(yaw_deg=np.nan))


def test_other_cameras_and_short_streams(frames):
    short = np.ascontiguousarray(frames[30:95, :24, :24])
    table, tracks = fit_events(short, pd.DataFrame([(30, 9, 9)], columns=["t", "y", "x"]), Camera(gap=0))
    own = track_features(short, table, tracks, Camera(gap=0)).drop(columns=list(GROUND_FEATURES))
    assert np.isfinite(own.to_numpy()).all() and own.after_share[0] < 0.2
