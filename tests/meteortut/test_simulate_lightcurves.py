"""The stand-in world: its truth holds in its data, and the same seed gives the same world."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from meteortut import lightcurves
from meteortut.simulate.lightcurves import LIMITING_MAGNITUDE, simulate_light_curves


@pytest.fixture(scope="module")
def world() -> tuple[pd.DataFrame, pd.DataFrame]:
    return simulate_light_curves(400, rng=1)


def test_the_same_seed_gives_the_same_world():
    first, second = simulate_light_curves(20, rng=5)[0], simulate_light_curves(20, rng=np.random.default_rng(5))[0]
    for name in ["magnitude", "ra_deg"]:
        np.testing.assert_array_equal(np.concatenate(first[name].tolist()), np.concatenate(second[name].tolist()))


def test_it_has_the_shape_of_the_archive(world, real_file):
    (path,) = real_file("aop-lightcurves")
    real = lightcurves.read_aop(path, true_order=False)
    assert list(world[0].columns) == list(real.columns)


def test_swapped_records_are_the_ones_that_truth_names(world):
    data, truth = world
    found = lightcurves.undo_field_swap(data).was_swapped
    long = data.n_samples >= 8
    assert (found == truth.swapped)[long].mean() > 0.99
    assert not truth.swapped[data.station == "CAM4"].any()
    assert truth.swapped.any()


def test_nothing_is_much_fainter_than_the_camera_sees(world):
    data, truth = world
    assert np.concatenate(data.magnitude.tolist()).max() < LIMITING_MAGNITUDE + 1.5
    assert (truth.peak_magnitude < LIMITING_MAGNITUDE).all()


def test_nights_are_dark(world):
    hour = world[0].start.dt.hour
    assert ((hour >= 15) | (hour <= 9)).all()


def test_without_swapping_no_record_is_swapped():
    _, truth = simulate_light_curves(50, rng=2, swapped_share=0.0)
    assert not truth.swapped.any()


@pytest.mark.parametrize(("n", "share"), [(0, 0.5), (-3, 0.5), (5, 1.5), (5, -0.1)])
def test_bad_requests_are_refused(n, share):
    with pytest.raises(ValueError, match="expected"):
        simulate_light_curves(n, rng=1, swapped_share=share)
