"""``make bench``: print each pair of timings and their ratio. Timings are never part of a test."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from benchmarks import chunking, gradcam, lightcurves, pipeline, previewer, tle_vae


@dataclass(frozen=True)
class Pair:
    """Two ways to the same result.

    Attributes
    ----------
    name, peer_name : str
        What is timed, and beside what.
    ours, peer : callable
        Without arguments; both give the same result, which the benchmark's module has checked.
    """

    name: str
    peer_name: str
    ours: Callable[[], object]
    peer: Callable[[], object]


def best_of(calls: list[Callable[[], object]], rounds: int = 3) -> list[float]:
    """Give the shortest time of each call, seconds; the calls take turns, so that a busy moment hits all of them."""
    times = [[0.0] * rounds for _ in calls]
    for k in range(rounds):
        for row, call in zip(times, calls, strict=True):
            began = perf_counter()
            call()
            row[k] = perf_counter() - began
    return [min(row) for row in times]


def main() -> int:
    """Run all pairs and print them as a table."""
    pairs = [
        Pair(*parts)
        for chapter in (chunking, pipeline, gradcam, tle_vae, previewer, lightcurves)
        for parts in chapter.pairs()
    ]
    print(f"{'what':44} {'ours':>9} {'peer':>9}  ratio  peer")
    for pair in pairs:
        ours, peer = best_of([pair.ours, pair.peer])
        print(f"{pair.name:44} {ours:7.3f} s {peer:7.3f} s  {peer / ours:5.1f}  {pair.peer_name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
