"""The published network, and how it is taught: sizes, turns, reproducibility, bad input."""

import gc
import json
import subprocess
import sys
import weakref

import numpy as np
import pytest

from meteortut import pipeline


@pytest.fixture(scope="module")
def bells():
    """Chunks of noise, a third of them with a bell of light in one pixel."""
    rng = np.random.default_rng(0)
    chunks = rng.standard_normal((600, 48, 8, 8)).astype(np.float32)
    is_meteor = np.arange(600) % 3 == 0
    for chunk in chunks[is_meteor]:
        y, x = rng.integers(0, 8, 2)
        chunk[:, y, x] += 9 * np.exp(-0.5 * ((np.arange(48) - 24) / 3) ** 2)
    return chunks, is_meteor


def test_the_published_network_has_the_published_number_of_parameters():
    assert pipeline.build_cnn().count_params() == 125_465


def test_layers_are_those_of_the_paper():
    layers = [type(layer).__name__ for layer in pipeline.build_cnn().layers]
    assert layers == ["Permute", "Conv2D", "MaxPooling2D", "Flatten", "Dropout", "Dense", "Dense", "Dense"]
    assert [layer.units for layer in pipeline.build_cnn().layers[-3:]] == [256, 64, 1]


@pytest.mark.parametrize(("size", "pooling"), [(4, "local"), (16, "local"), (9, "local"), (48, "global")])
def test_other_sizes_take_chunks_of_that_size(size, pooling):
    model = pipeline.build_cnn(size, hidden=16, pooling=pooling)
    assert model.predict(np.zeros((2, 48, size, size)), verbose=0).shape == (2, 1)


def test_a_global_maximum_does_not_care_where():
    model = pipeline.build_cnn(12, pooling="global", seed=3)
    here, there = np.zeros((1, 48, 12, 12), np.float32), np.zeros((1, 48, 12, 12), np.float32)
    here[0, 20:28, 3, 3] = there[0, 20:28, 8, 7] = 5
    assert model.predict(here, verbose=0) == pytest.approx(model.predict(there, verbose=0), abs=1e-6)


def test_it_learns_bells_and_the_loss_falls(bells):
    chunks, is_meteor = bells
    model = pipeline.build_cnn(seed=1)
    losses = pipeline.fit(model, chunks, is_meteor, rng=1, epochs=25, batch_size=16)
    assert losses[-1] < losses[0] / 2
    scores = pipeline.score_batches(model, np.array_split(chunks, 3), lambda batch: batch)
    assert scores.shape == (600,)
    assert scores[is_meteor].mean() > scores[~is_meteor].mean() + 0.3


def test_the_same_seed_gives_the_same_network(bells):
    chunks, is_meteor = (part[:64] for part in bells)
    first, second, other = pipeline.build_cnn(seed=5), pipeline.build_cnn(seed=5), pipeline.build_cnn(seed=6)
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))
    assert not np.array_equal(first.get_weights()[0], other.get_weights()[0])
    for model in (first, second):
        pipeline.fit(model, chunks, is_meteor, rng=5, epochs=1, batch_size=32)
    # threads add up in any order, so the last digits differ
    np.testing.assert_allclose(first.predict(chunks, verbose=0), second.predict(chunks, verbose=0), atol=0.02)


def test_training_leaves_the_chunks_as_they_are(bells):
    chunks, is_meteor = (part[:64].copy() for part in bells)
    before = chunks.copy()
    pipeline.fit(pipeline.build_cnn(seed=1), chunks, is_meteor, rng=1, epochs=1)
    assert np.array_equal(chunks, before)


def test_bad_input_is_refused_before_training(bells):
    chunks, is_meteor = (part[:8] for part in bells)
    model = pipeline.build_cnn()
    with pytest.raises(ValueError, match="do not fit together"):
        pipeline.fit(model, chunks, is_meteor[:-1], rng=1)
    with pytest.raises(ValueError, match="all labels are the same"):
        pipeline.fit(model, chunks, np.ones(8, bool), rng=1)
    with pytest.raises(ValueError, match="NaN or infinite"):
        pipeline.fit(model, np.where(chunks > 2, np.nan, chunks), is_meteor, rng=1)
    with pytest.raises(ValueError, match="'median'"):
        pipeline.build_cnn(pooling="median")
    with pytest.raises(ValueError, match="size 1"):
        pipeline.build_cnn(1)


def test_the_script_of_the_sizes_redoes_a_slice(tmp_path):
    out = tmp_path / "sizes.json"
    options = "--sizes 4 --repeats 1 --frames 2400 --epochs 8 --meteor-chunks 400 --out".split()
    subprocess.run([sys.executable, "tools/train_chunk_sizes.py", *options, out], check=True, timeout=300)
    made = json.loads(out.read_text())
    with open("meteortut/weights/chunk_sizes.json") as stream:
        shipped = json.load(stream)
    assert made.keys() == shipped.keys() and made["rows"][0].keys() == shipped["rows"][0].keys()
    assert made["rows"][0]["parameters"] == shipped["rows"][0]["parameters"]
    assert made["rows"][0]["roc_auc"] > 0.7  # shipped: 0.95, with more chunks and epochs
    assert {row["size"] for row in shipped["rows"]} == {4, 8, 16, 24, 48}
    assert {tuple(row["n_train"]) for row in shipped["rows"]} == {tuple(shipped["rows"][0]["n_train"])}


def test_chunks_are_let_go_and_the_learning_rate_is_back_after_training(bells):
    chunks, is_meteor = (part[:64].copy() for part in bells)
    held = weakref.ref(chunks)
    model = pipeline.build_cnn(seed=1)
    before = float(model.optimizer.learning_rate)
    pipeline.fit(model, chunks, is_meteor, rng=1, epochs=2)
    assert float(model.optimizer.learning_rate) == before  # a second training begins as the first did
    del chunks
    gc.collect()
    assert held() is None
