"""Execute every chapter in a fresh kernel, one at a time, within its budget of time and memory.

``python tools/run_notebooks.py [--only NAME]... [--force] [--source book/chapters] [--build _build]``

Executed copies go to ``BUILD/executed`` and are reused while nothing they depend on has changed; what they recorded
and used goes to ``BUILD/reports``. Budgets are the table ``[tool.meteortut.budgets]`` of pyproject.toml.
Exit status: 0 all is well, 1 a chapter failed, 2 the request itself is wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import nbformat
from kernel_watch import Budget, budget, over_budget
from nbformat import NotebookNode
from notebook_run import Run, code_cells, execute, harvest

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Outcome:
    """How a chapter ended; ``failure`` is None when it is well."""

    chapter: str
    run: Run
    recorded: dict[str, Any] = field(default_factory=dict)
    reused: bool = False

    @property
    def row(self) -> dict[str, Any]:
        """The chapter's row of chapters.json."""
        seconds, peak = round(self.run.seconds, 2), round(self.run.peak_rss_mib, 1)
        return {"chapter": self.chapter, "seconds": seconds, "peak_rss_mib": peak, "ok": self.run.failure is None}


def chapter_key(
    notebook: Path, packages: Sequence[Path], lock: Path, python: tuple[int, ...] = sys.version_info[:2]
) -> str:
    """Digest of all that an executed copy depends on: notebook, packages, locked versions, Python."""
    digest = hashlib.sha256(repr(python).encode())
    files = [(notebook, notebook.name), (lock, lock.name)]
    for folder in packages:
        files += [(path, path.relative_to(folder.parent).as_posix()) for path in sorted(folder.rglob("*"))]
    for path, label in files:
        if path.is_file() and not (path.parent.name == "__pycache__" and path.suffix == ".pyc"):
            content = path.read_bytes()
            digest.update(f"\0{label}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


@dataclass(frozen=True)
class Book:
    """Where everything is: chapters in ``source``, results under ``build``, the rest under ``root``."""

    root: Path
    source: Path
    build: Path

    def chapters(self) -> dict[str, Path]:
        """Paths of the chapters' notebooks by stem, in order."""
        found = {path.stem: path for path in sorted(self.source.glob("*.ipynb"))}
        if not found:
            raise ValueError(f"no chapter (*.ipynb) in {self.source}; give the right folder with --source.")
        return found

    def executed(self, name: str) -> Path:
        """Path of a chapter's executed copy."""
        return self.build / "executed" / f"{name}.ipynb"

    def failed(self, name: str) -> Path:
        """Path of a failed chapter's partial notebook."""
        return self.build / "reports" / "failed" / f"{name}.ipynb"

    def key(self, notebook: Path) -> str:
        """Digest of what the chapter depends on."""
        packages = [self.root / "meteortut", self.root / "data_fetch"]
        return chapter_key(notebook, packages, self.root / "requirements.lock")


def reusable(copy: Path, key: str) -> dict[str, Any] | None:
    """Return what an executed copy says of its run, or None when it has to be made again."""
    try:
        stored = nbformat.read(copy, as_version=4).metadata["meteortut"]["run"]
        # The network that a chapter missed may be back.
        return stored if stored["key"] == key and stored["recorded"].get("used_fallback") is not True else None
    except (FileNotFoundError, ValueError, KeyError):
        return None


def run_chapter(book: Book, name: str, allowed: Budget, force: bool, progress: Progress) -> Outcome:
    """Reuse a chapter's executed copy or make it; a chapter that fails has none afterwards."""
    source, copy, partial = book.chapters()[name], book.executed(name), book.failed(name)
    key = book.key(source)
    stored = None if force else reusable(copy, key)
    if stored is not None:
        used = (stored["seconds"], stored["peak_rss_mib"])
        run = Run(*used, over_budget(*used, allowed))
        if run.failure is not None:
            partial.parent.mkdir(parents=True, exist_ok=True)
            os.replace(copy, partial)
        return Outcome(name, run, stored["recorded"], reused=True)
    copy.unlink(missing_ok=True)
    partial.unlink(missing_ok=True)
    try:
        notebook = nbformat.read(source, as_version=4)
        nbformat.validate(notebook)
    except (ValueError, nbformat.ValidationError) as error:
        return Outcome(name, Run(0.0, 0.0, f"{source} is not a valid notebook: {error}"))
    progress.start(name, len(list(code_cells(notebook))), allowed)
    return _execute(notebook, book, name, key, allowed, progress)


def _execute(notebook: NotebookNode, book: Book, name: str, key: str, allowed: Budget, progress: Progress) -> Outcome:
    run = execute(notebook, book.source, allowed, progress.tick)
    recorded, refused = harvest(notebook)
    run = Run(round(run.seconds, 2), round(run.peak_rss_mib, 1), run.failure or "\n".join(refused) or None)
    if run.failure is None:
        about = {"key": key, "seconds": run.seconds, "peak_rss_mib": run.peak_rss_mib, "recorded": recorded}
        notebook.metadata.setdefault("meteortut", {})["run"] = about
    write_atomic(book.failed(name) if run.failure else book.executed(name), nbformat.writes(notebook))
    return Outcome(name, run, recorded)


class Progress:
    """A line per chapter, drawn again and again on a terminal, said once at each end in a log."""

    def __init__(self, names: Sequence[str], stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.live = self.stream.isatty()
        self.width = max(map(len, names))
        self.chapter, self.n_cells, self.allowed = "", 0, ""

    def start(self, name: str, n_cells: int, allowed: Budget) -> None:
        """Say that a chapter runs."""
        self.chapter, self.n_cells, self.allowed = f"{name:<{self.width}}", n_cells, f"{allowed.seconds:g} s"
        if not self.live:
            self._say(f"{self.chapter}  runs: {n_cells} cells in at most {self.allowed}\n")

    def tick(self, cell: int, seconds: float) -> None:
        """Say how far it is; silent in a log."""
        if self.live:
            self._say(f"{self.chapter}  cell {cell}/{self.n_cells}  {seconds:.0f} s of {self.allowed}")

    def end(self, outcome: Outcome, allowed: Budget, partial: Path) -> None:
        """Say how it ended, and why it failed."""
        run, word = outcome.run, "reused" if outcome.reused else "ok"
        word = word if run.failure is None else "FAILED"
        used = f"{run.seconds:.1f} s of {allowed.seconds:g} s   {run.peak_rss_mib:.0f} of {allowed.peak_rss_mib:g} MiB"
        self._say(f"{outcome.chapter:<{self.width}}  {word}  {used}\n")
        if run.failure is not None:
            print(f"{outcome.chapter}, {run.failure}", file=self.stream)
            if partial.exists():
                print(f"The notebook as far as it came: {partial}", file=self.stream, flush=True)

    def _say(self, text: str) -> None:
        self.stream.write(f"\r\033[K{text}" if self.live else text)
        self.stream.flush()


def write_atomic(path: Path, text: str) -> None:
    """Write a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    os.replace(draft, path)


def write_reports(book: Book, outcomes: Sequence[Outcome]) -> None:
    """Write chapters.json and results.json; rows of chapters that were not asked for stay while the chapter exists."""
    reports = book.build / "reports"
    others = set(book.chapters()) - {outcome.chapter for outcome in outcomes}
    rows = [row for row in _load(reports / "chapters.json", []) if row["chapter"] in others]
    results = {name: values for name, values in _load(reports / "results.json", {}).items() if name in others}
    rows += [outcome.row for outcome in outcomes]
    results |= {outcome.chapter: outcome.recorded for outcome in outcomes if outcome.run.failure is None}
    write_atomic(reports / "chapters.json", json.dumps(sorted(rows, key=lambda row: row["chapter"]), indent=1))
    write_atomic(reports / "results.json", json.dumps(results, indent=1, sort_keys=True))


def _load(path: Path, empty: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else empty


def _requested(book: Book, only: Sequence[str]) -> dict[str, Budget]:
    known = book.chapters()
    unknown = sorted(set(only) - set(known))
    if unknown:
        raise ValueError(f"no chapter called {', '.join(unknown)} in {book.source}; there are {', '.join(known)}.")
    for path in (book.root / "pyproject.toml", book.root / "requirements.lock"):
        if not path.is_file():
            raise ValueError(f"{path} is missing; run this tool of a complete checkout.")
    return {name: budget(name, book.root / "pyproject.toml") for name in known if not only or name in only}


def _remove_stale(book: Book) -> None:
    for name in ("executed", "reports/failed"):
        for path in (book.build / name).glob("*.ipynb"):
            if path.stem not in book.chapters():
                path.unlink()


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Execute the chapters within their budgets.")
    parser.add_argument(
        "--only", metavar="NAME", action="append", default=[], help="a chapter's file name without .ipynb"
    )
    parser.add_argument("--force", action="store_true", help="execute even what has not changed")
    parser.add_argument("--source", type=Path, default=root / "book" / "chapters", help="folder of the chapters")
    parser.add_argument("--build", type=Path, default=root / "_build", help="folder of the results")
    options = parser.parse_args(argv)
    book = Book(root, options.source, options.build)
    try:
        budgets = _requested(book, options.only)
    except ValueError as error:
        print(f"run_notebooks: {error}", file=sys.stderr)
        return 2
    if not options.only:
        _remove_stale(book)
    progress, outcomes = Progress(list(budgets)), []
    try:
        for name, allowed in budgets.items():
            outcomes.append(run_chapter(book, name, allowed, options.force, progress))
            progress.end(outcomes[-1], allowed, book.failed(name))
    finally:
        write_reports(book, outcomes)
    failed = [outcome.chapter for outcome in outcomes if outcome.run.failure is not None]
    if failed:
        print(f"{len(failed)} of {len(outcomes)} chapters failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a stopped job ends its kernel too
    sys.exit(main())
