"""Chunks of a stream: where they lie, what they hold, how they are labelled, scaled and put together again."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from meteortut.chunking import ChunkGrid, draw_examples, label_chunks, merge_detections, scale_chunks
from meteortut.chunking.merging import linked


@st.composite
def grids(draw, gaps=True):
    shape = tuple(draw(st.integers(1, limit)) for limit in (40, 12, 12))
    size = tuple(draw(st.integers(1, whole)) for whole in shape)
    step = tuple(draw(st.integers(1, 50 if gaps else part)) for part in size)
    return ChunkGrid(shape, size, step)


def every_voxel_counted(grid):
    counts = np.zeros(grid.shape, int)
    for t, y, x in grid.origins:
        counts[t : t + grid.size[0], y : y + grid.size[1], x : x + grid.size[2]] += 1
    return counts


@given(grids(gaps=False))
@settings(deadline=None)
def test_chunks_cover_every_voxel(grid):
    assert every_voxel_counted(grid).min() >= 1


@given(grids())
@settings(deadline=None)
def test_chunks_lie_inside_once_each_and_in_order(grid):
    origins = grid.origins
    assert len(grid) == len(origins) == len(np.unique(origins, axis=0))
    assert (origins >= 0).all() and (origins + grid.size <= grid.shape).all()
    assert np.array_equal(origins, origins[np.lexsort(origins.T[::-1])])


@given(grids())
@settings(deadline=None)
def test_first_and_last_voxel_of_each_axis_are_in_a_chunk_when_steps_leave_no_gap_there(grid):
    for starts, part, step, whole in zip(grid.starts, grid.size, grid.step, grid.shape, strict=True):
        assert starts[0] == 0
        assert starts[-1] + part == whole or step > part


@given(grids(), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_batches_are_the_chunks(grid, batch_size):
    frames = np.random.default_rng(0).integers(0, 9999, grid.shape).astype(np.int16)
    batches = list(grid.batches(frames, batch_size))
    assert max(map(len, batches)) <= batch_size
    assert all(batch.dtype == np.int16 for batch in batches)
    chunks = np.concatenate(batches)
    assert chunks.shape == (len(grid), *grid.size)
    for index, (t, y, x) in enumerate(grid.origins):
        expected = frames[t : t + grid.size[0], y : y + grid.size[1], x : x + grid.size[2]]
        assert np.array_equal(chunks[index], expected)
        assert np.array_equal(grid.chunk(frames, index), expected)


@given(grids())
@settings(deadline=None)
def test_containing_agrees_with_the_boxes(grid):
    voxel = tuple(whole // 2 for whole in grid.shape)
    inside = ((grid.origins <= voxel) & (np.array(voxel) < grid.origins + grid.size)).all(axis=1)
    assert np.array_equal(grid.containing(*voxel), np.flatnonzero(inside))


def test_exactly_one_chunk():
    grid = ChunkGrid((48, 8, 8))
    assert len(grid) == 1 and grid.origins.tolist() == [[0, 0, 0]]


def test_a_long_step_that_reaches_the_end_needs_no_extra_chunk():
    assert ChunkGrid((10, 1, 1), (4, 1, 1), (6, 1, 1)).starts[0].tolist() == [0, 6]


def test_a_chunk_is_a_view_and_a_batch_a_copy():
    frames = np.zeros((60, 9, 9), np.float32)
    grid = ChunkGrid(frames.shape)
    grid.chunk(frames, 0)[...] = 1
    assert frames[:48, :8, :8].min() == 1 and frames.sum() == 48 * 8 * 8
    next(iter(grid.batches(frames)))[...] = 7
    assert frames.max() == 1


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_memmaps_give_the_same_and_keep_their_changes(tmp_path, mode):
    frames = np.random.default_rng(1).random((200, 12, 12), np.float32)
    np.save(tmp_path / "frames.npy", frames)
    mapped = np.load(tmp_path / "frames.npy", mmap_mode=mode)
    if mode != "r":
        frames[100] = mapped[100] = 5
    grid = ChunkGrid(frames.shape)
    for _ in range(2):
        assert all(np.array_equal(a, b) for a, b in zip(grid.batches(frames, 7), grid.batches(mapped, 7), strict=True))


def test_zarr_gives_the_same():
    frames = np.random.default_rng(1).random((130, 16, 16), np.float32)
    stored = zarr.array(frames, chunks=(50, 16, 16))
    grid = ChunkGrid(frames.shape)
    assert all(np.array_equal(a, b) for a, b in zip(grid.batches(frames, 5), grid.batches(stored, 5), strict=True))
    assert np.array_equal(grid.chunk(stored, 3), grid.chunk(frames, 3))


def test_some_chunks_far_apart_are_cut_without_the_frames_between():
    frames = np.broadcast_to(np.arange(10**6, dtype=np.float32)[:, None, None], (10**6, 8, 8))
    grid = ChunkGrid(frames.shape)
    index = np.array([0, 1, 20_000, 41_000])
    tracemalloc.start()
    chunks = np.concatenate(list(grid.cut(frames, index, 4)))
    assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    tracemalloc.stop()
    assert np.array_equal(chunks[:, 0, 0, 0], grid.origin(index)[:, 0])


def test_memory_does_not_grow_with_the_stream():
    grid = ChunkGrid((20_000, 16, 16))
    frames = np.broadcast_to(np.float32(1), grid.shape)
    tracemalloc.start()
    assert sum(len(batch) for batch in grid.batches(frames, 256)) == len(grid)
    assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    tracemalloc.stop()


def test_the_first_batch_of_a_night_takes_no_more_than_that_of_a_minute():
    peaks = []
    for n_frames in (4_000, 1_054_688):
        grid = ChunkGrid((n_frames, 48, 48))
        frames = np.broadcast_to(np.float32(1), grid.shape)
        tracemalloc.start()
        next(grid.batches(frames, 256))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2**20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((10, 48, 48),), "48 long in time, the stream only 10"),
        (((100, 48, 4),), "8 long in x"),
        (((100, 48),), "three whole numbers"),
        (((100, 48, 48), (48, 8, 0)), "positive"),
        (((100, 48, 48), (48, 8, 8), (0, 4, 4)), "positive"),
        (((100, 48, 48), (48, 8, 8), (24, -4, 4)), "positive"),
        (((100, 48, 48), (48, 8.0, 8)), "whole numbers"),
        ((100,), "three whole numbers"),
    ],
)
def test_impossible_grids_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ChunkGrid(*arguments)


def test_frames_of_another_shape_are_refused_before_any_work():
    grid = ChunkGrid((100, 48, 48))
    with pytest.raises(ValueError, match=r"\(48, 48\); this grid was made for \(100, 48, 48\)"):
        grid.batches(np.zeros((48, 48)))
    with pytest.raises(ValueError, match="batch_size is 0"):
        grid.batches(np.zeros((100, 48, 48)), 0)
    with pytest.raises(ValueError, match="time is 100; expected 0 to 99"):
        grid.containing(100, 0, 0)


def voxels_of(*rows, snr=9.0):
    return pd.DataFrame(rows, columns=["meteor", "t", "y", "x"]).assign(snr=snr)


def labels_by_hand(grid, voxels, min_frames):
    labels = []
    for origin in grid.origins:
        position = voxels[["t", "y", "x"]].to_numpy()
        inside = voxels[((position >= origin) & (position < origin + grid.size)).all(axis=1)]
        most = inside[inside.snr >= 4].groupby(["meteor", "y", "x"]).size().max() if (inside.snr >= 4).any() else 0
        labels.append(1 if most >= min_frames else -1 if len(inside) else 0)
    return np.array(labels)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_labels_agree_with_the_definition(seed, min_frames):
    rng = np.random.default_rng(seed)
    grid = ChunkGrid((60, 12, 12), (16, 5, 5), (8, 3, 3))
    rows = [
        (meteor, t, y, x)
        for meteor in range(rng.integers(0, 4))
        for y, x in {tuple(rng.integers(0, 12, 2)) for _ in range(4)}
        for t in range(*np.sort(rng.integers(0, 60, 2)))
    ]
    voxels = voxels_of(*rows).assign(snr=rng.uniform(1, 9, len(rows)))
    assert np.array_equal(label_chunks(grid, voxels, min_frames), labels_by_hand(grid, voxels, min_frames))


def test_three_frames_of_three_pixels_are_ambiguous():
    grid = ChunkGrid((48, 8, 8))
    assert label_chunks(grid, voxels_of((0, 5, 1, 1), (0, 6, 1, 2), (0, 7, 1, 3))).tolist() == [-1]
    assert label_chunks(grid, voxels_of((0, 5, 1, 1), (0, 6, 1, 1), (0, 7, 1, 1))).tolist() == [1]
    assert label_chunks(grid, voxels_of()).tolist() == [0]


def test_light_that_never_hits_is_ambiguous():
    voxels = voxels_of((0, 5, 1, 1), (0, 6, 1, 1), (0, 7, 1, 1), snr=3.9)
    assert label_chunks(ChunkGrid((48, 8, 8)), voxels).tolist() == [-1]
    assert label_chunks(ChunkGrid((48, 8, 8)), voxels, hit_snr=3).tolist() == [1]


def test_two_meteors_on_one_pixel_are_not_added_up():
    voxels = voxels_of((0, 5, 1, 1), (0, 6, 1, 1), (1, 30, 1, 1))
    assert label_chunks(ChunkGrid((48, 8, 8)), voxels).tolist() == [-1]


def test_labels_refuse_voxels_of_another_stream():
    grid = ChunkGrid((48, 8, 8))
    with pytest.raises(ValueError, match="outside the stream"):
        label_chunks(grid, voxels_of((0, 48, 0, 0)))
    with pytest.raises(ValueError, match=r"lacks the columns \['meteor'\]"):
        label_chunks(grid, voxels_of().drop(columns="meteor"))
    with pytest.raises(ValueError, match="min_frames is 0"):
        label_chunks(grid, voxels_of(), 0)


@pytest.mark.parametrize("how", ["standard", "robust"])
def test_scaling_forgets_level_and_gain(how):
    chunks = np.random.default_rng(3).normal(5, 0.1, (4, 12, 6, 6))
    assert np.allclose(scale_chunks(chunks, how), scale_chunks(40 + 7 * chunks, how), atol=1e-3)
    scaled = scale_chunks(chunks, how)
    assert scaled.dtype == np.float32 and scaled.std() == pytest.approx(1, abs=0.1)


def test_a_city_squeezes_the_rest_of_a_chunk_unless_scaling_is_robust():
    chunk = np.random.default_rng(4).normal(1, 0.01, (1, 48, 8, 8))
    chunk[:, :, 0, 0] = 30
    assert scale_chunks(chunk, "standard")[0, :, 4:, 4:].std() < 0.01
    assert scale_chunks(chunk, "robust")[0, :, 4:, 4:].std() > 0.5


def test_by_pixel_a_slow_drift_goes_and_a_bell_stays():
    t = np.linspace(0, 1, 48)[:, None, None]
    noise = np.random.default_rng(6).normal(0, 0.01, (1, 48, 8, 8))
    bell = 0.1 * np.exp(-0.5 * ((t - 0.5) / 0.06) ** 2)
    scaled = scale_chunks(np.arange(1, 65).reshape(8, 8) / 20 * (1 + t) + noise, "pixel")
    assert scaled.std() == pytest.approx(0.5, rel=0.15) and np.abs(scaled).max() < 4
    noise[0, :, 2:3, 3:4] += bell
    assert scale_chunks(1 + noise, "pixel")[0, 22:26, 2, 3].mean() > 2.5


def test_by_pixel_a_city_leaves_the_others_alone():
    chunk = np.random.default_rng(4).normal(1, 0.01, (1, 48, 8, 8))
    alone = scale_chunks(chunk, "pixel")
    chunk[0, :, 0, 0] += 30 * np.exp(-0.5 * (np.arange(-24, 24) / 10) ** 2)
    together = scale_chunks(chunk, "pixel")
    assert np.array_equal(alone[0, :, 1:, 1:], together[0, :, 1:, 1:]) and 4 < together.max() <= 10


@pytest.mark.parametrize("how", ["standard", "robust", "pixel"])
@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_a_constant_chunk_becomes_zero(how, dtype):
    assert not scale_chunks(np.full((2, 5, 3, 3), 1000.1, dtype), how).any()


def test_a_nan_stays_in_its_chunk():
    chunks = np.random.default_rng(5).random((2, 5, 3, 3))
    chunks[0, 0, 0, 0] = np.nan
    scaled = scale_chunks(chunks, "standard")
    assert np.isnan(scaled[0]).all() and np.isfinite(scaled[1]).all()


def test_scaling_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match=r"chunk\[None\]"):
        scale_chunks(np.zeros((48, 8, 8)))
    with pytest.raises(ValueError, match="'minmax'"):
        scale_chunks(np.zeros((1, 48, 8, 8)), "minmax")


def test_chunks_over_one_meteor_become_one_event():
    grid = ChunkGrid((200, 48, 48))
    scores = np.full(len(grid), 0.1)
    scores[grid.containing(100, 20, 20)] = 0.9
    (event,) = merge_detections(grid.origins, scores).itertuples()
    assert event.n_chunks == len(grid.containing(100, 20, 20)) and event.score == 0.9
    assert event.t_first <= 100 <= event.t_last and event.y_first <= 20 <= event.y_last


def test_events_apart_stay_apart_and_touching_ones_do_not_overlap():
    origins = np.array([[0, 0, 0], [48, 0, 0], [200, 0, 0], [0, 0, 8]])
    assert len(merge_detections(origins, np.ones(4))) == 4
    assert len(merge_detections(origins - [[0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1]], np.ones(4))) == 2


def test_a_chain_of_chunks_is_one_event():
    origins = np.array([[24 * k, 0, 0] for k in range(10)])
    (event,) = merge_detections(origins, np.linspace(0.5, 1, 10)).itertuples()
    assert (event.t_first, event.t_last, event.n_chunks, event.score) == (0, 9 * 24 + 47, 10, 1)


def test_places_are_linked_through_others_and_not_further_than_the_reach():
    places = np.array([[0, 0, 0], [9, 9, 9], [1, 1, 1], [2, 2, 2], [9, 9, 10.5]])
    groups = linked(places, 1 + 1e-9)
    assert groups[0] == groups[2] == groups[3] and len(set(groups)) == 3
    assert linked(places[:1], 1).tolist() == [0]
    assert len(set(linked(places, 1 - 1e-9))) == 5


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_merging_does_not_depend_on_the_order(seed):
    rng = np.random.default_rng(seed)
    origins, scores = rng.integers(0, 100, (40, 3)), rng.random(40)
    order = rng.permutation(40)
    pd.testing.assert_frame_equal(
        merge_detections(origins, scores, (10, 10, 10)), merge_detections(origins[order], scores[order], (10, 10, 10))
    )


def test_nothing_found_is_an_empty_table_and_nonsense_an_error():
    assert len(merge_detections(np.zeros((3, 3), int), np.zeros(3))) == 0
    assert "score" in merge_detections(np.zeros((0, 3), int), np.zeros(0))
    with pytest.raises(ValueError, match="1 scores are NaN"):
        merge_detections(np.zeros((2, 3), int), np.array([0.5, np.nan]))
    with pytest.raises(ValueError, match=r"expected \(n_chunks, 3\) and \(n_chunks,\)"):
        merge_detections(np.zeros((2, 3), int), np.zeros(3))


STREAM = """
import resource, sys
import numpy as np
from meteortut.chunking import ChunkGrid

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

frames = np.memmap(sys.argv[1], np.float32, "r", shape=(100_000, 48, 48))
before = peak()
n = sum(len(batch) for batch in ChunkGrid(frames.shape).batches(frames))
print(n, peak() - before)
"""


def test_an_hour_of_stream_takes_little_memory(tmp_path):
    path = tmp_path / "hour.dat"
    with open(path, "wb") as stream:
        stream.truncate(100_000 * 48 * 48 * 4)  # a sparse file: 921 MB that take no room on the disk
    done = subprocess.run([sys.executable, "-c", STREAM, path], capture_output=True, text=True, check=True, timeout=300)
    n_chunks, mib = (float(value) for value in done.stdout.split())
    assert n_chunks == len(ChunkGrid((100_000, 48, 48)))
    assert mib < 600


def test_examples_are_drawn_from_both_kinds_and_never_from_the_ambiguous():
    frames = np.arange(200, dtype=np.float32)[:, None, None] * np.ones((1, 8, 8), np.float32)
    grid = ChunkGrid(frames.shape, step=(4, 4, 4))
    labels = np.resize(np.array([1, 0, -1, 0], np.int8), len(grid))
    chunks, is_meteor = draw_examples(grid, frames, labels, 3, 5, rng=1)
    assert is_meteor.sum() == 3 and len(chunks) == 8
    drawn = np.flatnonzero(np.isin(grid.origins[:, 0], chunks[:, 0, 0, 0].astype(int)))
    assert set(labels[drawn]) <= {0, 1}
    everything, _ = draw_examples(grid, frames, labels, None, None, rng=1)
    assert len(everything) == (labels >= 0).sum()
    nothing, kinds = draw_examples(grid, frames, np.full(len(grid), -1, np.int8), None, None, rng=1)
    assert nothing.shape == (0, 48, 8, 8) and not len(kinds)
    with pytest.raises(ValueError, match=r"labels has shape \(3,\)"):
        draw_examples(grid, frames, labels[:3], 1, 1, rng=1)
