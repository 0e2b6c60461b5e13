"""The guard of a kernel: what a chapter may use, what it does use, and the end of a kernel that uses more."""

from __future__ import annotations

import contextlib
import math
import os
import re
import signal
import threading
import time
import tomllib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

POLL_SECONDS = 0.1
THREADED = ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "TF_NUM_INTRAOP")  # …_THREADS
FAMILY_VARIABLE = "METEORTUT_RUNNER_FAMILY"
MIB = 2**20

Tick = Callable[[int, float], None]  # of the cell's number and the seconds so far


@dataclass(frozen=True)
class Budget:
    """What a chapter may use: wall time of its cells, and the peak RSS of its kernel."""

    seconds: float
    peak_rss_mib: float


def budget(name: str, pyproject_path: Path) -> Budget:
    """Read a chapter's budget: its row of ``[tool.meteortut.budgets]`` over the row ``default``.

    Raises
    ------
    ValueError
        If the table has no default, or a row holds another key or anything but positive finite numbers.
    """
    document = tomllib.loads(pyproject_path.read_text(encoding="utf-8"))
    table = document.get("tool", {}).get("meteortut", {}).get("budgets", {})
    rows = {row: table[row] for row in ("default", name) if row in table}
    where = f"[tool.meteortut.budgets] of {pyproject_path}"
    for row, values in rows.items():
        if not hasattr(values, "items"):
            raise ValueError(f"{where}: {row} is {values!r}; expected {{ seconds = …, peak_rss_mib = … }}.")
        for key, value in values.items():
            if key not in ("seconds", "peak_rss_mib"):
                raise ValueError(f"{where}, row {row!r}: unknown key {key!r}; expected seconds and peak_rss_mib.")
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise ValueError(f"{where}, row {row!r}: {key} is {value!r}; expected a positive number.")
    merged = {**rows.get("default", {}), **rows.get(name, {})}
    if len(merged) < 2:
        raise ValueError(
            f"{where} gives only {sorted(merged)} for {name!r}; add default = {{ seconds = …, peak_rss_mib = … }}."
        )
    return Budget(**merged)


def over_budget(seconds: float, peak_rss_mib: float, budget: Budget) -> str | None:
    """Say which budget is exceeded, or None."""
    if peak_rss_mib > budget.peak_rss_mib:
        return f"over memory: peak RSS {peak_rss_mib:.0f} MiB, the chapter's budget is {budget.peak_rss_mib:g} MiB"
    return over_time(seconds, budget) if seconds > budget.seconds else None


def over_time(seconds: float, budget: Budget) -> str:
    """Say that the time budget is exceeded."""
    return f"over time: {seconds:.1f} s, the chapter's budget is {budget.seconds:g} s"


def peak_rss_mib(pid: int, proc: Path = Path("/proc")) -> float:
    """Peak RSS in MiB (without /proc and Windows' own count: the present RSS); 0 for a process that is gone."""
    if (proc / "self" / "status").exists():
        try:
            status = (proc / str(pid) / "status").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return 0.0
        found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)  # a zombie has no such line
        return int(found[1]) / 1024 if found else 0.0
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.NoSuchProcess:
        return 0.0
    return getattr(memory, "peak_wset", memory.rss) / MIB


@dataclass
class Family:
    """A kernel and every process it starts."""

    pid: int | None = None
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def env(self) -> dict[str, str]:
        """Environment of the kernel: ours, with thread counts that make timings comparable."""
        threads = {f"{library}_THREADS": str(min(2, os.cpu_count() or 1)) for library in THREADED}
        return {**threads, **os.environ, "PYTHONHASHSEED": "0", FAMILY_VARIABLE: self.token}

    def kill(self) -> None:
        """Kill what is left of it.

        The process group does not hold a child that began its own session, and once the kernel is dead no parent
        link leads to that child any more. The token in its environment still does.
        """
        if self.pid is not None and hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        for _ in range(40):  # a process may have forked while we looked, and takes a moment to die
            found = [process for process in psutil.process_iter() if self._holds(process)]
            if not found:
                return
            for process in found:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            time.sleep(0.05)

    def _holds(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(FAMILY_VARIABLE) == self.token
        except (psutil.Error, OSError):  # of another user, or just gone
            return False


class KernelWatch(threading.Thread):
    """Stopwatch and memory guard of one run; a context manager."""

    def __init__(self, family: Family, budget: Budget, on_tick: Tick, poll_seconds: float = POLL_SECONDS) -> None:
        super().__init__(name="kernel-watch", daemon=True)
        self.cell = 0
        self.peak_rss_mib = 0.0
        self._family, self._budget, self._on_tick, self._poll_seconds = family, budget, on_tick, poll_seconds
        self._began = time.monotonic()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self.measure()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()
        self.measure()

    @property
    def seconds(self) -> float:
        """Seconds since the kernel was ready."""
        return time.monotonic() - self._began

    def left(self, _cell: object = None) -> float:
        """Seconds left, as nbclient asks before each cell; nbclient takes 0 for no limit."""
        return max(self._budget.seconds - self.seconds, 0.01)

    def measure(self) -> float:
        """Read the kernel's peak RSS now."""
        if self._family.pid is not None:
            self.peak_rss_mib = max(self.peak_rss_mib, peak_rss_mib(self._family.pid))
        return self.peak_rss_mib

    def run(self) -> None:
        """Kill the kernel as soon as it is above its memory budget."""
        while not self._ended.wait(self._poll_seconds):
            if self.measure() > self._budget.peak_rss_mib:
                self._family.kill()
                return
            with contextlib.suppress(OSError):  # a closed terminal must not end the guard
                self._on_tick(self.cell, self.seconds)
