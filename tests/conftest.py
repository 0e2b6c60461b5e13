"""Fixtures shared by all tests: real files by data set, verified."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from data_fetch import DataUnavailable, fetch

RealFile = Callable[..., list[Path]]


@pytest.fixture(scope="session")
def real_file() -> RealFile:
    """Give verified files of a data set: ``real_file("gmn-ff", ".fits")``; skipped visibly when there is no way to get them."""

    absent: dict[str, DataUnavailable] = {}  # asked once: without a network each attempt costs seconds

    def paths(dataset: str, ending: str | None = None) -> list[Path]:
        try:
            if dataset in absent:
                raise absent[dataset]
            found = fetch(dataset, progress=False)
        except DataUnavailable as error:
            absent[dataset] = error
            if os.environ.get("METEORTUT_REQUIRE_REAL") == "1":
                raise
            pytest.skip(f"needs real data: {error}")
        return [path for path in found if ending is None or path.name.endswith(ending)]

    return paths
