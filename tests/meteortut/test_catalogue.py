"""One row per meteor: matching, duplicates, flags, a file with units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from astropy.table import QTable
from hypothesis import given, settings
from hypothesis import strategies as st

from meteortut.chunking import ChunkGrid, merge_detections
from meteortut.focal import FRAME_S, GROUND_DRIFT_PX, to_focal
from meteortut.pipeline.catalogue import _first_of_each, build_catalogue
from meteortut.pipeline.ecsv import COLUMNS, to_ecsv
from meteortut.pipeline.events import BOX, _in_box
from meteortut.pipeline.matching import match_events, recall_curve
from meteortut.pipeline.stacking import stack_shifts
from meteortut.pipeline.track_model import MovingLight, render

ROWS = np.arange(48)
METEORS = [
    MovingLight(80.5, 12.0, 12.0, 0.30, 0.20, 0.6, 4, 4),
    MovingLight(90.5, 39.0, 40.0, -0.10, 0.25, 0.5, 5, 6),
    MovingLight(200.5, 30.0, 20.0, 0.02, -0.40, 0.5, 3, 4),
]


def sky(n_frames: int, *lights: MovingLight, rng: int = 0) -> np.ndarray:
    noise = np.random.default_rng(rng).standard_normal((n_frames, 48, 48)) / 128
    return (1 + noise + sum(render(light, 0, n_frames, ROWS, ROWS) for light in lights)).astype(np.float32)


def truth(lights: list[MovingLight]) -> pd.DataFrame:
    rows = []
    for light in lights:
        y, x = (int(np.abs(to_focal(ROWS) - place).argmin()) for place in (light.y, light.x))
        t = int(light.t)
        rows.append((t - 8, t, t + 8, y, x, light.speed_px, light.direction_deg, 20.0))
    return pd.DataFrame(rows, columns=["t_first", "t_peak", "t_last", "y", "x", "speed_px", "direction_deg", "snr"])


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return sky(300, *METEORS)


# --- matching ---------------------------------------------------------------------------------------------------------


def event(t: float, y: float, x: float) -> dict[str, float]:
    return {"t": t, "y": y, "x": x, "snr": 9.0}


def test_matching_is_one_to_one_and_counts_duplicates_and_false_alarms():
    there = truth(METEORS)
    on = [event(row.t_peak, row.y, row.x) for row in there.itertuples()]
    found = pd.DataFrame([*on, event(there.t_peak[0] + 1, there.y[0], there.x[0]), event(5, 3, 40)])
    matching = match_events(found, there, 300)
    assert matching.recall == matching.recall_bright == 1
    assert matching.precision == pytest.approx(3 / 5)
    assert matching.rows_per_meteor == pytest.approx(4 / 3)
    assert matching.false_per_hour == pytest.approx(1 / (300 * FRAME_S / 3600))
    assert dict(zip(matching.meteor, matching.found, strict=True)) == {0: 0, 1: 1, 2: 2}


def test_two_meteors_share_two_events_even_when_both_prefer_one():
    there = truth([METEORS[0], METEORS[0]])
    row = there.iloc[0]
    found = pd.DataFrame([event(row.t_peak, row.y, row.x), event(row.t_peak, row.y + 2, row.x)])
    assert match_events(found, there, 300).recall == 1


def test_an_event_far_along_the_track_belongs_to_it_and_one_off_it_does_not():
    light = MovingLight(80, 20.0, 20.0, 0, 0.5, 0.5, 4, 4)
    there = truth([light])
    assert match_events(pd.DataFrame([event(88, there.y[0], there.x[0] + 4)]), there, 300).recall == 1
    assert match_events(pd.DataFrame([event(72, there.y[0], there.x[0] + 4)]), there, 300).recall == 0
    assert match_events(pd.DataFrame([event(105, there.y[0], there.x[0] + 4)]), there, 300).recall == 0


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 299), st.floats(0, 47), st.floats(0, 47)), max_size=12),
    st.randoms(use_true_random=False),
)
def test_counts_hang_together_and_do_not_depend_on_the_order(places, random):
    found = pd.DataFrame([event(*place) for place in places], columns=["t", "y", "x", "snr"]).astype(float)
    first = match_events(found, truth(METEORS), 300)
    shuffled = match_events(found.iloc[random.sample(range(len(found)), len(found))], truth(METEORS), 300)
    assert len(first.found) <= min(first.n_found - first.n_false, first.n_meteors)
    assert len(set(first.found)) == len(first.found) and len(set(first.meteor)) == len(first.meteor)
    assert (first.recall, first.n_false) == (shuffled.recall, shuffled.n_false)


def test_an_instant_and_a_frame_mean_the_same_light():
    light = MovingLight(80.5, 20.0, 20.0, 0, 0.5, 0.5, 4, 4)
    there = truth([light])
    # 2.9 pixels off the track, in the middle of the brightest frame; half a frame is a quarter of a pixel
    place = {"y": there.y[0], "x": float(there.x[0]) + 2.9, "snr": 9.0}
    assert match_events(pd.DataFrame([{"t": 80.5, **place}]), there, 300).recall == 1
    assert match_events(pd.DataFrame([{"t": 80.0, **place}]), there, 300).recall == 0
    assert match_events(pd.DataFrame([{"t_peak": 80, **place}]), there, 300).recall == 1


def test_matching_with_nothing_on_one_side():
    none = pd.DataFrame({"t": [], "y": [], "x": [], "snr": []})
    assert match_events(none, truth(METEORS), 300).recall == 0
    assert np.isnan(match_events(none, truth(METEORS), 300).precision)
    assert np.isnan(match_events(none, truth([]).astype(float), 300).recall)
    assert recall_curve(none, truth(METEORS), 300).empty


def test_a_higher_threshold_finds_no_more(frames):
    curve = recall_curve(stack_shifts(frames, threshold=4.5), truth(METEORS), 300)
    assert (np.diff(curve.recall) <= 0).all() and (np.diff(curve.false_per_hour) <= 0).all()
    assert curve.recall.iloc[0] == 1


def test_matching_refuses_bad_tables():
    found = pd.DataFrame([event(1, 2, 3)])
    with pytest.raises(ValueError, match="lacks the columns"):
        match_events(found.drop(columns="y"), truth(METEORS), 300)
    with pytest.raises(ValueError, match="NaN or infinite"):
        match_events(found.assign(x=np.nan), truth(METEORS), 300)
    with pytest.raises(ValueError, match="n_frames"):
        match_events(found, truth(METEORS), 0)
    with pytest.raises(ValueError, match="lacks"):
        recall_curve(found, truth(METEORS), 300, score="probability")


# --- catalogue --------------------------------------------------------------------------------------------------------


def test_one_row_per_meteor_with_its_motion(frames):
    found = build_catalogue(frames, stack_shifts(frames), yaw_deg=200)
    assert list(found.columns) == list(COLUMNS)
    matching = match_events(found, truth(METEORS), 300)
    assert (matching.recall, matching.precision, matching.rows_per_meteor) == (1, 1, 1)
    for row, light in zip(found.itertuples(), METEORS, strict=True):
        assert row.flag == "none"
        assert row.speed_px == pytest.approx(light.speed_px, abs=4 * row.speed_err_px)
        assert row.direction_deg == pytest.approx(light.direction_deg, abs=4 * row.direction_err_deg)
        assert row.t_first < row.t_peak < row.t_last
        assert row.n_pixels >= 3 and row.snr > 4 and row.track_snr > 20 and 0.9 < row.chi2 < 1.1
        assert row.fwhm == pytest.approx(1.1774 * (light.rise + light.fall), rel=0.2)


def test_many_detections_of_one_meteor_become_one_row(frames):
    one = stack_shifts(frames).sort_values("snr").tail(1)
    many = pd.concat([one.assign(t=one.t + dt, x=one.x + dx) for dt, dx in ((0, 0), (2, 0.5), (-2, -0.5), (0, 1))])
    assert len(build_catalogue(frames, many)) == 1


def test_the_errors_are_the_scatter_of_the_place_given():
    # a slow rise and a fast fall: the peak is ill known, the place in a given frame is not
    light = MovingLight(60.3, 21.4, 22.2, 0.21, -0.43, 0.5, 5.0, 4.0)
    rows = pd.concat(
        build_catalogue(sky(120, light, rng=k), pd.DataFrame([event(60.5, 19, 20)]), yaw_deg=90) for k in range(40)
    )
    there = light.place(rows.t_peak.to_numpy() + 0.5)
    for name, place in zip(("y", "x"), there, strict=True):
        scatter = np.std(to_focal(rows[name]) - place)
        assert scatter == pytest.approx(rows[f"{name}_err"].median(), rel=0.3)


def test_two_tracks_on_both_sides_of_a_gap_are_measured_on_the_focal_surface():
    one = {
        "t_first": 70,
        "t_peak": 80,
        "t_last": 90,
        "y": 18.0,
        "vy": 0.3,
        "vx": 0.0,
        "track_snr": 30.0,
        "flag": "none",
    }
    table = pd.DataFrame([{**one, "x": 15.0}, {**one, "x": 16.5, "track_snr": 20.0}])
    assert _first_of_each(table, gap=1.0).tolist() == [True, True]  # 2.5 pixels apart
    assert _first_of_each(table, gap=0.0).tolist() == [True, False]  # 1.5 pixels apart


def test_boxes_of_merged_chunks_are_searched(frames):
    grid = ChunkGrid(frames.shape)
    scores = np.zeros(len(grid))
    for light, row in zip(METEORS, truth(METEORS).itertuples(), strict=True):
        scores[grid.containing(int(light.t), row.y, row.x)] = 0.9
    boxes = merge_detections(grid.origins, scores)
    found = build_catalogue(frames, boxes)
    assert match_events(found, truth(METEORS), 300).recall == 1
    assert (found.score == 0.9).all()
    # floats, and a box that hangs over the edge, are no other boxes
    ends = {f"{name}_last": boxes[f"{name}_last"].where(boxes.index > 0, 400.0) for name in ("t", "y", "x")}
    assert match_events(build_catalogue(frames, boxes.astype(float).assign(**ends)), truth(METEORS), 300).recall == 1


def test_a_box_holds_its_own_pixels_and_no_neighbours():
    light = MovingLight(80.5, 22.0, 30.0, 0.0, 0.0, 0.5, 5, 5)  # in the middle of pixel (20, 27)
    frames = sky(160, light)
    box = {"t_first": 70, "t_last": 90, "y_first": 12, "y_last": 19, "x_first": 24, "x_last": 31}
    events = pd.DataFrame([{"t": 80.0, "y": 15.5, "x": 27.5, **box}])
    assert _in_box(frames, next(events.itertuples()), 1.0) == [(80.0, 15.5, 27.5)]  # nothing inside: its centre
    ((_, y, x),) = _in_box(frames, next(events.assign(y_last=20).itertuples()), 1.0)
    assert (y, x) == pytest.approx((20, 27), abs=0.5)


def test_noise_is_faint():
    rng = np.random.default_rng(3)
    places = [event(100.5, *rng.uniform(4, 43, 2)) for _ in range(12)]
    found = build_catalogue(sky(200, rng=3), pd.DataFrame(places))
    assert set(found.flag) <= {"faint", "failed"}


@pytest.mark.parametrize(
    ("light", "flag"),
    [
        (MovingLight(100.5, 21.0, 21.0, GROUND_DRIFT_PX, 0.0, 0.8, 8, 8), "ground"),
        (MovingLight(100.5, 21.0, 21.0, 0.0, 0.0, 0.8, 8, 8), "static"),
        (MovingLight(100.5, 21.0, 21.0, GROUND_DRIFT_PX, 0.0, 9.0, 5, 8, 2.5), "flash"),
        (MovingLight(100.5, 21.0, 21.0, GROUND_DRIFT_PX, 0.0, 5.0, 0.2, 0.3), "flash"),
        (MovingLight(100.5, 21.0, 21.0, -GROUND_DRIFT_PX, 0.0, 0.8, 8, 8), "none"),
    ],
)
def test_flags_say_what_speaks_against_a_meteor(light, flag):
    found = build_catalogue(sky(200, light), pd.DataFrame([event(100.5, 19, 19)]), yaw_deg=90)
    assert found.flag.tolist() == [flag]


def test_no_event_gives_an_empty_table_with_all_columns(frames, tmp_path):
    empty = build_catalogue(frames, pd.DataFrame({"t": [], "y": [], "x": []}))
    assert list(empty.columns) == list(COLUMNS) and len(empty) == 0
    assert len(QTable.read(to_ecsv(empty, tmp_path / "empty.ecsv"))) == 0


def test_bad_input_is_refused_before_any_fit(frames):
    events = pd.DataFrame([event(80, 10, 10)])
    with pytest.raises(ValueError, match="lacks the columns"):
        build_catalogue(frames, events.drop(columns="t"))
    for wrong in ({"t": 302.0}, {"y": -2.0}, {"x": np.nan}):
        with pytest.raises(ValueError, match="inside the stream"):
            build_catalogue(frames, events.assign(**wrong))
    box = {name: 10 for name in BOX}
    for wrong in ({"t_first": 300, "t_last": 310}, {"y_first": -1}, {"x_last": 9}, {"t_last": np.nan}):
        with pytest.raises(ValueError, match="outside the stream of shape .* along [tyx]; expected 0 ≤ first ≤ last"):
            build_catalogue(frames, events.assign(**{**box, **wrong}))
    none = events.head(0)
    with pytest.raises(ValueError, match="flat has shape"):
        build_catalogue(frames, none, flat=np.ones((3, 3)))
    with pytest.raises(ValueError, match="noise holds NaN"):
        build_catalogue(frames, none, noise=np.full((48, 48), np.nan))
    with pytest.raises(ValueError, match="yaw_deg is nan"):
        build_catalogue(frames, none, yaw_deg=np.nan)
    broken = frames.copy()
    broken[250, 40, 40] = np.nan  # far from the event
    with pytest.raises(ValueError, match="NaN or infinite"):
        build_catalogue(broken, events)
    with pytest.raises(ValueError, match=r"frames\[None\]"):
        build_catalogue(frames[0], events)


# --- the file -----------------------------------------------------------------------------------------------------------


def test_the_file_keeps_values_and_knows_units(frames, tmp_path):
    table = build_catalogue(frames, stack_shifts(frames))
    path = to_ecsv(table, tmp_path / "meteors.ecsv")
    read = QTable.read(path)
    assert [file.name for file in tmp_path.iterdir()] == ["meteors.ecsv"]
    np.testing.assert_allclose(read["t_peak"].to_value("s"), table.t_peak * FRAME_S, rtol=1e-9)
    np.testing.assert_allclose(read["speed_px"].to_value("pix / s"), table.speed_px / FRAME_S, rtol=1e-5)
    np.testing.assert_allclose(read["direction_deg"].to_value("rad"), np.radians(table.direction_deg))
    assert list(read["flag"]) == table.flag.tolist()


def test_the_file_is_written_whole_or_not_at_all(frames, tmp_path, monkeypatch):
    table = build_catalogue(frames, stack_shifts(frames, threshold=12).head(1))
    path = to_ecsv(table, tmp_path / "meteors.ecsv")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="lacks the columns"):
        to_ecsv(table.drop(columns="chi2"), path)
    monkeypatch.setattr("astropy.table.Table.write", lambda self, file, **_: (file.write_text("half"), 1 / 0))
    with pytest.raises(ZeroDivisionError):
        to_ecsv(table, path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_a_folder_is_no_file(frames, tmp_path):
    table = build_catalogue(frames, pd.DataFrame({"t": [], "y": [], "x": []}))
    with pytest.raises(IsADirectoryError, match=r"meteors\.ecsv"):
        to_ecsv(table, tmp_path)
    with pytest.raises(FileNotFoundError, match="make it first"):
        to_ecsv(table, tmp_path / "missing" / "meteors.ecsv")


def test_the_last_step_of_a_stream_may_end_beyond_it():
    rng = np.random.default_rng(0)
    frames = (1 + rng.normal(0, 1 / 128, (101, 48, 48))).astype(np.float32)
    event = pd.DataFrame({"t": [102.0], "y": [20.0], "x": [20.0]})
    assert len(build_catalogue(frames, event)) == 1
    with pytest.raises(ValueError, match="inside the stream"):
        build_catalogue(frames, event.assign(t=103.0))
