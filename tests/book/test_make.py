"""`make book` must fail when a chapter does, and leave a working environment alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project with one tiny chapter, sharing the environment."""
    copy = tmp_path / "project"
    skipped = shutil.ignore_patterns("_build", ".venv", ".git", "*.ipynb", "tests", ".hypothesis", ".*_cache")
    shutil.copytree(ROOT, copy, ignore=skipped)
    if not (ROOT / ".venv").is_dir():
        pytest.skip("the tests do not run inside .venv")
    (copy / ".venv").symlink_to(ROOT / ".venv")
    return copy


def make(target: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "METEORTUT_DATA_MIRROR": "", "METEORTUT_REQUIRE_REAL": "0"}
    return subprocess.run(["make", target], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_chapter_that_raises_fails_the_build(checkout: Path):
    cells = [nbformat.v4.new_code_cell("1 + 1"), nbformat.v4.new_code_cell("raise RuntimeError('clouded out')")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), checkout / "book" / "chapters" / "99_raises.ipynb")
    result = make("book", checkout)
    assert result.returncode != 0
    said = result.stdout + result.stderr
    assert "99_raises" in said
    assert "clouded out" in said
    assert not (checkout / "_build" / "html").exists()


def test_a_broken_page_fails_the_build(checkout: Path):
    """-W turns a warning of the page builder into a failure, and the exit status gets through make."""
    cover = "from IPython.display import Image\nimport base64\n"
    cover += f"Image(base64.b64decode({TINY_PNG!r}))"
    cell = nbformat.v4.new_code_cell(
        cover, metadata={"tags": ["cover"], "mystnb": {"image": {"alt": "A point, very small."}}}
    )
    text = nbformat.v4.new_markdown_cell("# A chapter\n\n[nowhere](../no/such/page.md)")
    notebook = nbformat.v4.new_notebook(cells=[text, cell], metadata={"meteortut": {"status": "opening"}})
    nbformat.write(notebook, checkout / "book" / "chapters" / "06_lightcurves.ipynb")
    (checkout / "book" / "intro.md").write_text("# Landing page\n", encoding="utf-8")
    result = make("book", checkout)
    assert result.returncode != 0
    assert "no/such/page" in result.stdout + result.stderr


@pytest.mark.parametrize("target", ["book", "test", "lab", "bench", "astroview"])
def test_the_environment_is_made_when_it_is_missing_and_only_then(checkout: Path, target: str):
    def plan() -> str:
        return subprocess.run(["make", "-n", target], cwd=checkout, capture_output=True, text=True, check=True).stdout

    assert "pip install" not in plan()
    (checkout / ".venv").unlink()
    assert "pip install -q -r requirements.lock" in plan()


def test_a_set_up_that_fails_leaves_no_environment_behind(checkout: Path):
    (checkout / ".venv").unlink()
    lock = checkout / "requirements.lock"
    lock.write_text("torch==0.0.0\n", encoding="utf-8")
    command = ["make", "clean", "test", "TORCH_INDEX=file:///nowhere"]
    result = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "torch" in result.stderr
    assert not (checkout / ".venv").exists()


def test_clean_keeps_the_environment(checkout: Path):
    (checkout / "_build").mkdir()
    assert make("clean", checkout).returncode == 0
    assert not (checkout / "_build").exists()
    assert (checkout / ".venv").exists()


TINY_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
