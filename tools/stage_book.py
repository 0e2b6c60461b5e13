"""Put together what Jupyter Book builds: the pages of book/, the executed chapters, and pages made from the last run.

``python tools/stage_book.py`` writes ``_build/book``. A file is only touched when its content changes, so that an unchanged page
is not built again. Every chapter must have run: a missing or failed one stops the build.
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import book_pages
import nbformat
import yaml
from check_notebooks import check_executed
from repo_url import repo_url

ROOT = Path(__file__).resolve().parents[1]
#: Not part of the staged book: sources of chapters (their executed copies are), and what is unpacked or read by the tools.
LEFT_OUT = {"vendor.tar.xz", "vendor.md", "chapters.csv", "ruff.toml"}
#: Where a page with widgets looks for html-manager's icon font: beside itself, whatever the address of the script.
ICON_PLACES = ["web/chapters/@jupyter-widgets/html-manager/dist", "web/chapters/@jupyter-widgets"]


class StagingError(Exception):
    """The book cannot be put together; the message says why."""


def stage(book: Path, build: Path) -> Path:
    """Write the staged book and return its folder.

    Parameters
    ----------
    book : Path
        The folder with ``_config.yml``, ``_toc.yml`` and the pages.
    build : Path
        The build folder: ``executed/`` and ``reports/`` are read, ``book/`` is written.

    Raises
    ------
    StagingError
        If a chapter has no executed copy, or a figure in one has no alt text.
    """
    target = build / "book"
    chapters = {path.stem: _executed(path.stem, build) for path in sorted((book / "chapters").glob("*.ipynb"))}
    rows = json.loads((build / "reports" / "chapters.json").read_text(encoding="utf-8"))
    results = json.loads((build / "reports" / "results.json").read_text(encoding="utf-8"))
    wanted: dict[str, bytes] = {}
    for path in sorted(book.rglob("*")):
        name = path.relative_to(book).as_posix()
        hidden = any(part.startswith(".") for part in path.relative_to(book).parts)
        if path.is_file() and name not in LEFT_OUT and path.suffix != ".ipynb" and not hidden:
            wanted[name] = path.read_bytes()
    for stem, notebook in chapters.items():
        wanted[f"chapters/{stem}.ipynb"] = _page(notebook).encode()
    for name, content in book_pages.generated(book, build, chapters, rows).items():
        wanted[f"_generated/{name}"] = content
    wanted["_config.yml"] = _config(book / "_config.yml", results).encode()
    wanted |= _vendored(book / "vendor.tar.xz")
    _sync(wanted, target)
    return target


def _executed(stem: str, build: Path) -> nbformat.NotebookNode:
    path = build / "executed" / f"{stem}.ipynb"
    if not path.is_file():
        raise StagingError(
            f"{stem} has no executed copy in {path.parent}. Run: python tools/run_notebooks.py --only {stem}"
        )
    notebook = nbformat.read(path, as_version=4)
    findings = check_executed(notebook, stem)
    if findings:
        raise StagingError("\n".join(f"{stem}: {finding}" for finding in findings))
    return notebook


def _page(notebook: nbformat.NotebookNode) -> str:
    """Fill in what the last run needed, where the source names the budget."""
    run = notebook.metadata["meteortut"]["run"]
    measured = f"{book_pages.duration(run['seconds'])} and {run['peak_rss_mib']:.0f} MiB, when this page was built."
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "<!-- last-run -->" in cell.source:
            before, rest = cell.source.split("<!-- last-run -->", 1)
            cell.source = before + measured + rest.split("<!-- /last-run -->", 1)[1]
    return nbformat.writes(notebook, indent=1) + "\n"


def _config(path: Path, results: dict[str, Any]) -> str:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["sphinx"]["config"]["html_theme_options"]["repository_url"] = repo_url()
    config["sphinx"]["config"]["release"] = version("meteortut")
    config["parse"]["myst_substitutions"] = {"repo_url": repo_url(), "results": results}
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def _vendored(archive: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    with tarfile.open(archive) as members:
        for member in members:
            stream = members.extractfile(member)
            if stream is None:  # a folder
                continue
            name = member.name.removeprefix("./")
            targets = (
                [f"{place}/{Path(name).name}" for place in ICON_PLACES]
                if name.startswith("icons/")
                else [f"assets/js/{name}"]
            )
            files |= dict.fromkeys(targets, stream.read())
    return files


def _sync(wanted: dict[str, bytes], target: Path) -> None:
    for path in sorted(target.rglob("*")):
        if path.is_file() and path.relative_to(target).as_posix() not in wanted:
            path.unlink()
    for name, content in wanted.items():
        path = target / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def main(argv: list[str] | None = None) -> int:
    """Stage the book; exit status 1 when it cannot be put together."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--book", type=Path, default=ROOT / "book")
    parser.add_argument("--build", type=Path, default=ROOT / "_build")
    arguments = parser.parse_args(argv)
    try:
        print(f"staged in {stage(arguments.book, arguments.build)}")
    except StagingError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
