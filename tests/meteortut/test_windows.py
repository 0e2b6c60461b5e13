"""Windows along an axis: none is left out, none reaches beyond the end."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from meteortut.windows import window_starts


@given(length=st.integers(1, 300), size=st.integers(1, 300), step=st.integers(1, 80))
def test_windows_cover_the_axis_and_end_with_it(length: int, size: int, step: int) -> None:
    size = min(size, length)
    starts = window_starts(length, size, step)
    assert starts[0] == 0 and starts[-1] == length - size
    assert (np.diff(starts) >= 1).all() and (np.diff(starts) <= step).all()
    assert (starts[:-1] % step == 0).all()
    if step <= size:
        covered = np.zeros(length, bool)
        for first in starts:
            covered[first : first + size] = True
        assert covered.all()


def test_a_window_as_long_as_the_axis_stands_alone() -> None:
    assert window_starts(8, 8, 3).tolist() == [0]
    assert window_starts(10, 4, 3).tolist() == [0, 3, 6]
    assert window_starts(11, 4, 3).tolist() == [0, 3, 6, 7]
