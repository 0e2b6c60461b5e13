"""Screening a stream: the same scores as chunk by chunk, at the ends too; bad input; one window in memory at a time."""

import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meteortut import pipeline
from meteortut.chunking import ChunkGrid, scale_chunks
from meteortut.pipeline.weights import load_weights


@pytest.fixture(scope="module")
def model():
    """A network whose convolution has biases too, as a trained one has."""
    model = pipeline.build_cnn(seed=3)
    model.layers[1].bias.assign(np.random.default_rng(0).normal(0, 0.3, 24))
    return model


@pytest.fixture(scope="module")
def sky():
    """Noise on an uneven level, a drifting light, a bright flash at a corner, a dead and a hot pixel."""
    rng = np.random.default_rng(1)
    t, y, x = np.ogrid[:151, :48, :48]
    frames = 1 + 0.01 * y + 0.008 * rng.standard_normal((151, 48, 48))
    frames += 0.3 * np.exp(-0.5 * ((x - 0.05 * t - 10) ** 2 + (y - 20) ** 2) / 2)
    frames += 5 * np.exp(-0.5 * ((t - 60) / 3) ** 2) * np.exp(-0.5 * (x**2 + y**2) / 4)
    frames[:, 7, 8], frames[:, 30, 31] = 0, 4
    return frames.astype(np.float32)


def predicted(model, frames, grid):
    """Score materialised chunks."""
    chunks = np.concatenate(list(grid.batches(frames)))
    return model.predict(scale_chunks(chunks, "pixel"), verbose=0, batch_size=512)[:, 0]


@pytest.mark.parametrize("n_frames", [48, 71, 72, 96, 151])
def test_scores_are_those_of_the_chunks_at_any_length(model, sky, n_frames):
    frames = sky[:n_frames]
    scores = pipeline.screen(frames, model)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, predicted(model, frames, ChunkGrid(frames.shape)), atol=1e-3)
    assert np.ptp(scores) > 0.1  # not all the same, or the comparison would mean little


@settings(max_examples=8, deadline=None)
@given(
    step=st.tuples(st.integers(9, 50), st.integers(2, 9), st.integers(2, 9)),
    height=st.integers(8, 21),
    width=st.integers(8, 21),
)
def test_scores_are_those_of_the_chunks_on_any_grid(model, sky, step, height, width):
    frames = sky[:100, :height, 20 : 20 + width]
    grid = ChunkGrid(frames.shape, step=step)
    np.testing.assert_allclose(pipeline.screen(frames, model, grid), predicted(model, frames, grid), atol=1e-3)


@pytest.mark.parametrize("size", [2, 3, 9])
def test_finer_steps_and_chunks_of_a_small_or_an_odd_size(sky, size):
    model = pipeline.build_cnn(size, frames=20, hidden=16, seed=1)
    grid = ChunkGrid((80, 48, 48), (20, size, size), (12, 4, 3))
    np.testing.assert_allclose(pipeline.screen(sky[:80], model, grid), predicted(model, sky[:80], grid), atol=1e-3)


def test_by_default_the_shipped_network_scores(sky):
    shipped = load_weights(pipeline.build_cnn(), files("meteortut") / "weights" / "minieuso_cnn.safetensors")
    assert np.array_equal(pipeline.screen(sky[:72]), pipeline.screen(sky[:72], shipped))


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_memmaps_of_other_floats(model, sky, tmp_path, dtype):
    path = tmp_path / "frames.npy"
    np.save(path, sky[:100].astype(dtype))
    frames = np.load(path, mmap_mode="r")
    grid = ChunkGrid(frames.shape)
    np.testing.assert_allclose(pipeline.screen(frames, model), predicted(model, frames, grid), atol=1e-3)


def test_a_copy_of_a_memmap_keeps_its_class_and_is_screened_all_the_same(model, sky, tmp_path):
    path = tmp_path / "frames.npy"
    np.save(path, sky[:100].astype(np.float64))
    frames = np.load(path, mmap_mode="r").astype(np.float32)
    assert isinstance(frames, np.memmap)
    np.testing.assert_array_equal(pipeline.screen(frames, model), pipeline.screen(sky[:100], model))


def test_a_still_sky_gives_every_chunk_the_score_of_nothing(model):
    frames = np.full((60, 48, 48), 3.0, np.float32) + np.linspace(0, 1, 48, dtype=np.float32)
    nothing = model.predict(np.zeros((1, 48, 8, 8)), verbose=0)[0, 0]
    np.testing.assert_allclose(pipeline.screen(frames, model), nothing, atol=1e-5)


def test_a_night_takes_no_more_memory_than_an_hour():
    # a stream that is one frame repeated: it has a shape and can be cut, and takes no memory itself
    script = """
from pathlib import Path
import numpy as np
from meteortut import pipeline
model = pipeline.build_cnn(seed=1)
noise = np.random.default_rng(0).standard_normal((64, 48, 48)).astype(np.float32)
class Night:
    def __init__(self, n): self.shape, self.dtype = (n, 48, 48), np.dtype(np.float32)
    def __len__(self): return self.shape[0]
    def __getitem__(self, part): return noise[np.arange(*part.indices(len(self))) % 64]
for n in (1000, 8000):
    pipeline.screen(Night(n), model)
    status = Path("/proc/self/status").read_text()  # a child's ru_maxrss begins with its parent's
    print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    short, long = map(int, said.split())
    assert long < short + 40  # the frames alone would be 62 MiB more, the chunks 3 GiB
    assert long < 1024


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_is_refused_with_its_place(model, sky, value):
    frames = sky.copy()
    frames[130, 5, 6] = value
    with pytest.raises(ValueError, match=r"frames 96 to 143 hold NaN or infinite values"):
        pipeline.screen(frames, model)


def test_frames_that_are_no_stream_of_counts_are_refused(model, sky):
    with pytest.raises(ValueError, match=r"frames\[None\]"):
        pipeline.screen(sky[0], model)
    with pytest.raises(ValueError, match="type list; expected an array"):
        pipeline.screen(sky[:50].tolist(), model)
    with pytest.raises(ValueError, match="48 × 47 pixels"):
        pipeline.screen(sky[:, :, :47], model)
    with pytest.raises(ValueError, match="47 frames; expected at least 48"):
        pipeline.screen(sky[:47], model)
    for dtype in (np.uint16, np.int64, bool):
        with pytest.raises(ValueError, match=r"frames / 16384"):
            pipeline.screen(sky.astype(dtype), model)


def test_a_file_cut_short_is_refused_and_not_read(model, sky, tmp_path):
    path = tmp_path / "frames.npy"
    np.save(path, sky[:100])
    frames = np.load(path, mmap_mode="r")
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(ValueError, match="cut short"):
        pipeline.screen(frames, model)
    with pytest.raises(ValueError):  # numpy's own
        np.load(path, mmap_mode="r")


def test_another_network_or_grid_is_refused(model, sky):
    with pytest.raises(ValueError, match="score_batches"):
        pipeline.screen(sky, pipeline.build_cnn(pooling="global"))
    with pytest.raises(ValueError, match="make them the same"):
        pipeline.screen(sky, model, ChunkGrid(sky.shape, (48, 16, 16)))
    with pytest.raises(ValueError, match=r"ChunkGrid\(frames.shape\)"):
        pipeline.screen(sky, model, ChunkGrid((150, 48, 48)))
