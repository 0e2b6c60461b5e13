"""Chapter 2: how much the search of the real films depends on the noise that is put back into them.

    python tools/draw_real_films.py [--draws 6] [--out meteortut/weights]

Puts the noise back with another seed each time, searches all films with the shipped weights, and counts. Nothing is chosen by it:
the chapter runs the first draw, whatever it gives, and prints the range of all. Fetches 46 MB. Writes ``real_films.json``.
About two minutes of a core per draw.
"""

from __future__ import annotations

import argparse
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from train_minieuso import write_json

from data_fetch import fetch
from meteortut import pipeline
from meteortut.pipeline import real_cubes

LIBRARIES = ("keras", "numpy", "pandas", "scikit-learn", "scipy", "tensorflow-cpu")


def counts(compared: pd.DataFrame) -> dict[str, int]:
    """What a search of all films gave, a row per film: FF files, then the film from the station, binned 6×6 and 3×3."""
    *_, coarse, fine = compared.found.astype(bool)
    files = compared.iloc[:-2]
    meteors, satellites = (files[files.kind == kind].found.astype(bool) for kind in ("meteor", "satellite"))
    return {
        "ff_found": int(meteors.sum()),
        "ff": len(meteors),
        "satellites_reported": int(satellites.sum()),
        "satellites": len(satellites),
        "film_found": int(coarse),
        "film_found_binned_3": int(fine),
        "rows_elsewhere": int(compared.n_other.iloc[:-1].sum()),
    }


def search(cubes: list[real_cubes.RealCube], draw: int) -> pd.DataFrame:
    """Search all films with one draw of their noise."""
    found: list[dict[str, Any]] = []
    for cube in cubes:
        rows = pipeline.find_meteors(real_cubes.restore_noise(cube, rng=draw).frames, gap=0)
        found.append(real_cubes.compare(rows.drop(columns="flag"), cube))
    return pd.DataFrame(found)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=6)
    parser.add_argument("--out", type=Path, default=Path("meteortut/weights"))
    given = parser.parse_args(arguments)
    if given.draws < 1:
        parser.error(f"--draws is {given.draws}; expected 1 or more.")
    began = time.process_time()
    (clip,) = fetch("iss-meteor-clip")
    cubes = [*real_cubes.ff_cubes(fetch("gmn-ff")), *(real_cubes.iss_clip_cube(clip, binning=k) for k in (6, 3))]
    draws = []
    for draw in range(1, given.draws + 1):
        draws.append({"draw": draw} | counts(search(cubes, draw)))
        print(draws[-1], f"{time.process_time() - began:.0f} s", flush=True)
    content = {
        "script": "tools/draw_real_films.py",
        "draws": draws,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
    }
    write_json(given.out / "real_films.json", content)


if __name__ == "__main__":
    main()
