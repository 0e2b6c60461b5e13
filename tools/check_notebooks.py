"""The lint of the chapters.

``python tools/check_notebooks.py [PATH...]`` checks the sources (default: ``book/chapters/*.ipynb``) and prints
``FILE: cell N: message`` per finding, cells counted from 0; exit status 1 if there are any. ``--executed`` checks executed
copies instead (default: ``_build/executed``): every figure in their outputs has alt text.

To add a rule, write a function in ``tools/notebook_rules`` and put it in ``RULES``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from notebook_rules import code, exercises, figures, template
from notebook_rules.reading import Chapter, Problem, Problems

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "book" / "chapters"
EXECUTED = ROOT / "_build" / "executed"

Rule = Callable[[Chapter], Problems]

RULES: list[Rule] = [
    template.unique_ids,
    template.kernel_is_python3,
    template.stripped,
    template.title_first,
    template.colab_cell,
    template.cover_cell,
    template.before_you_start,
    template.closing_sections,
    template.headings_in_order,
    exercises.exercises_numbered,
    exercises.exercises_checkable,
    exercises.exercises_enough,
    exercises.solutions_in_exercises,
    figures.alt_text_of_code,
    figures.alt_text_of_markdown,
    code.parses,
    code.one_framework,
    code.relative_paths,
    code.installs_only_on_colab,
    code.short_cells,
    code.no_bare_except,
    code.no_global_seed,
]
EXECUTED_RULES: list[Rule] = [figures.alt_text_of_outputs]


@dataclass(frozen=True)
class Finding:
    """What is wrong: file, cell index (None: the notebook as a whole), message, and the rule's name."""

    file: str
    cell: int | None
    message: str
    rule: str

    def __str__(self) -> str:
        where = "notebook" if self.cell is None else f"cell {self.cell}"
        return f"{self.file}: {where}: {self.message}"


def check(nb: object, name: str) -> list[Finding]:
    """Return the findings in a chapter's source; ``nb`` is the notebook as read by json or nbformat."""
    return _apply(RULES, nb, name)


def check_executed(nb: object, name: str) -> list[Finding]:
    """Return the findings in an executed copy: images without alt text."""
    return _apply(EXECUTED_RULES, nb, name)


def check_file(path: Path, executed: bool = False) -> list[Finding]:
    """Read a file and check it; a file that cannot be read is a finding."""
    name = os.path.relpath(path)
    try:
        nb = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return [Finding(name, None, f"cannot be read as a notebook: {error}", "readable")]
    return check_executed(nb, name) if executed else check(nb, name)


def _apply(rules: list[Rule], nb: object, name: str) -> list[Finding]:
    unreadable = _findings("valid_format", name, template.format_problems(nb))
    if unreadable:
        return unreadable
    chapter = Chapter(nb)  # type: ignore[arg-type]  # format_problems has just made sure that it is a mapping
    found = [finding for rule in rules for finding in _findings(rule.__name__, name, rule(chapter))]
    return sorted(found, key=lambda finding: -1 if finding.cell is None else finding.cell)


def _findings(rule: str, name: str, problems: Iterable[Problem]) -> list[Finding]:
    return [Finding(name, cell, message, rule) for cell, message in problems]


def notebooks(paths: Iterable[Path]) -> list[Path]:
    """Return the given files, and the notebooks below the given folders."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.rglob("*.ipynb")) if path.is_dir() else [path]
        found += [item for item in inside if ".ipynb_checkpoints" not in item.parts]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Print the findings; return 0 if there are none, 1 if there are, 2 if there is nothing to check."""
    parser = argparse.ArgumentParser(description="Check the chapters' notebooks.")
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="notebook or folder (default: book/chapters)"
    )
    parser.add_argument("--executed", action="store_true", help="check executed copies (default: _build/executed)")
    options = parser.parse_args(arguments)
    folders = options.paths or [EXECUTED if options.executed else SOURCES]
    files = notebooks(folders)
    if not files:
        print(f"no notebook in {', '.join(map(str, folders))}; nothing was checked.", file=sys.stderr)
        return 2
    findings = [finding for path in files for finding in check_file(path, options.executed)]
    for finding in findings:
        print(finding)
    print(f"{len(files)} notebook(s), {len(findings)} finding(s).", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
