"""A small checkout with chapters, for the tests of tools/run_notebooks.py."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import nbformat
from run_notebooks import main

from meteortut.report import MIME

SAY = "from meteortut import report\nreport.say('We read **{n}** records.', n={n})"
CHECK = "display({{{mime!r}: {{'check': {{'name': {name!r}, 'passed': {passed}}}}}}}, raw=True)"


def cell(source: str, *tags: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


def check(name: str, passed: bool | None) -> str:
    return CHECK.format(mime=MIME, name=name, passed=passed)


class Shelf:
    """A small checkout with chapters, and the tool run on it."""

    def __init__(self, root: Path) -> None:
        self.root, self.chapters = root, root / "book" / "chapters"
        self.printed = self.complaints = ""
        for path, text in {
            "book/chapters/.keep": "",
            "meteortut/weights/small.txt": "weights",
            "data_fetch/registry.csv": "dataset",
            "requirements.lock": "numpy==2.0",
            "pyproject.toml": "[tool.meteortut.budgets]\ndefault = { seconds = 60, peak_rss_mib = 1000 }\n",
        }.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)

    def add(self, name: str, *cells: nbformat.NotebookNode | str) -> Path:
        path = self.chapters / f"{name}.ipynb"
        cells = [cell(item) if isinstance(item, str) else item for item in cells]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"meteortut": {"status": "opening"}}), path)
        return path

    def run(self, *arguments: str) -> int:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(list(arguments), root=self.root)
        self.printed, self.complaints = out.getvalue(), err.getvalue()
        return status

    def report(self, name: str) -> Any:
        return json.loads((self.root / "_build" / "reports" / f"{name}.json").read_text())

    def executed(self, name: str) -> Path:
        return self.root / "_build" / "executed" / f"{name}.ipynb"

    def failed(self, name: str) -> Path:
        return self.root / "_build" / "reports" / "failed" / f"{name}.ipynb"
