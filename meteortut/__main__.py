"""``python -m meteortut``: the doctor. What is installed, what is missing, and the one command that mends it."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from packaging.requirements import Requirement

#: What each extra is for, in the reader's words.
EXTRAS = {
    "": "the package itself",
    "tensorflow": "chapters 1 and 2",
    "torch": "chapters 3, 4 and 6",
    "book": "running and building the book",
    "dev": "the tests",
}


def main() -> int:
    """Print the findings; exit status 1 when the package itself lacks something."""
    print(
        f"meteortut {version('meteortut')}, Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    )
    print(f"{os.cpu_count()} processor cores; environment {sys.prefix}")
    missing = {extra: _missing(extra) for extra in EXTRAS}
    for extra, purpose in EXTRAS.items():
        state = "ok" if not missing[extra] else "missing " + ", ".join(missing[extra])
        print(f"  {extra or 'core':11} {purpose:30} {state}")
    _print_data()
    wanting = [extra for extra in EXTRAS if missing[extra]]
    if not wanting:
        print("All is well.")
    else:
        print(f"To mend it: {_remedy([extra for extra in wanting if extra])}")
    return 1 if missing[""] else 0


def _missing(extra: str) -> list[str]:
    """Name the requirements of an extra ("" is the package itself) which are not installed, or too old."""
    wrong = []
    for line in requires("meteortut") or []:
        requirement = Requirement(line)
        marker = requirement.marker
        belongs = marker is None or marker.evaluate({"extra": extra})
        if not belongs or (extra and (marker is None or marker.evaluate({"extra": ""}))):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(requirement.name)
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            wrong.append(f"{requirement.name} {requirement.specifier} (here: {installed})")
    return wrong


def _remedy(extras: list[str]) -> str:
    """Give one command: the lock where the repository is at hand, else the package with what lacks."""
    root = Path(__file__).resolve().parents[1]
    if (root / "requirements.lock").is_file():
        return f'"{sys.executable}" -m pip install -r "{root / "requirements.lock"}"'
    names = f"[{','.join(extras)}]" if extras else ""
    return f'"{sys.executable}" -m pip install --upgrade "meteortut{names} @ git+{_repository()}"'


def _repository() -> str:
    addresses = metadata("meteortut").get_all("Project-URL") or []  # "Repository, https://…"
    return next(line.split(", ", 1)[1] for line in addresses if line.startswith("Repository"))


def _print_data() -> None:
    """Say where data are looked for; the data layer itself may be what is missing."""
    try:
        from data_fetch import data_dir, registry
    except ImportError as error:
        print(f"  data        cannot be looked at: {error}")
        return
    table = registry()
    here = sum((data_dir() / path).is_file() for path in table.path)
    print(f"  data        {here} of {len(table)} files in {data_dir()}")
    print(f"  mirror      {os.environ.get('METEORTUT_DATA_MIRROR') or 'none set (METEORTUT_DATA_MIRROR)'}")


if __name__ == "__main__":
    sys.exit(main())
