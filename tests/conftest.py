"""Fixtures shared by all tests: real files by data set, verified; one browser, which is told of nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from data_fetch import DataUnavailable, fetch

RealFile = Callable[..., list[Path]]
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update"


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


@pytest.fixture(scope="session")
def absent() -> Callable[[str], None]:
    """Give what to call when a book or a browser is missing: a failure in CI, a visible skip on a reader's laptop."""

    def missing(what: str) -> None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(what)

    return missing


@pytest.fixture(scope="session")
def browser(absent: Callable[[str], None]) -> Iterator[Browser]:
    """One for all tests: Playwright's event loop stays until the last of them, and lets no second one start."""
    found = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
    if found is None:
        absent("there is no Chromium. On Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=FLAGS.split())
        yield started
        started.close()
