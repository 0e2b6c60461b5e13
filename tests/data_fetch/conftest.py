"""Fixtures of the data layer's tests: an empty cache, a hostile server, a small registry that points at it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # whatever pytest's import mode, and in child processes, too

from hostile_server import ONE, THREE, HostileServer, install, running, small_registry

from data_fetch import sources


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty cache folder, no mirror, and no proxy that could lead elsewhere."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("METEORTUT_DATA_DIR", str(folder))
    monkeypatch.delenv("METEORTUT_DATA_MIRROR", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    return folder


@pytest.fixture
def server(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostileServer]:
    """Run a server that has the data sets ``one`` (``a.bin``) and ``three``, and register these alone."""
    with running() as running_server:
        install(small_registry(running_server, {"one": {"a.bin": ONE}, "three": THREE}), monkeypatch.setattr)
        yield running_server


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note the waits between attempts instead of waiting, and give up on a silent server soon."""
    asked: list[float] = []
    monkeypatch.setattr(sources, "time", SimpleNamespace(monotonic=time.monotonic, sleep=asked.append))
    monkeypatch.setattr(sources, "TIMEOUT_S", (5.0, 3.0))
    return asked
