"""tools/run_notebooks.py: when an executed copy is reused, made again, or taken away."""

import re

import nbformat
import pytest
from run_notebooks import chapter_key, reusable
from shelf import SAY, Shelf

from meteortut.report import MIME

COUNT = "with open('runs.txt', 'a') as file: file.write('x')"


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path)


def runs(shelf: Shelf) -> int:
    return len((shelf.chapters / "runs.txt").read_text())


def test_a_copy_is_reused_until_something_changes_or_force(shelf):
    shelf.add("01", COUNT, SAY.replace("n={n}", "n=3"))
    assert shelf.run() == 0
    before = shelf.report("chapters"), shelf.report("results"), shelf.executed("01").read_bytes()
    assert shelf.run() == 0
    assert runs(shelf) == 1
    assert re.fullmatch(r"01  reused  \d\.\d s of 60 s   \d+ of 1000 MiB\n", shelf.printed)
    assert (shelf.report("chapters"), shelf.report("results"), shelf.executed("01").read_bytes()) == before
    (shelf.root / "data_fetch" / "registry.csv").write_text("another")
    assert shelf.run() == 0
    assert runs(shelf) == 2
    assert shelf.run("--force", "--only", "01") == 0
    assert runs(shelf) == 3


def test_the_key_depends_on_all_that_a_chapter_depends_on(shelf):
    notebook = shelf.add("01", "1")
    packages, lock = [shelf.root / "meteortut", shelf.root / "data_fetch"], shelf.root / "requirements.lock"

    def key() -> str:
        return chapter_key(notebook, packages, lock)

    keys = [key(), chapter_key(notebook, packages, lock, python=(3, 99))]
    for path in ("meteortut/weights/small.txt", "data_fetch/registry.csv", "requirements.lock", "meteortut/new.py"):
        (shelf.root / path).write_text("changed")
        keys.append(key())
    shelf.add("01", "2")
    keys.append(key())
    (shelf.root / "meteortut" / "new.py").rename(shelf.root / "meteortut" / "weights" / "new.py")
    keys.append(key())
    assert len(set(keys)) == len(keys) == 8
    for path in ("meteortut/__pycache__/new.cpython-311.pyc", "book/chapters/02.ipynb", "README.md"):
        (shelf.root / path).parent.mkdir(exist_ok=True)
        (shelf.root / path).write_text("something else")
        assert key() == keys[-1]


def test_a_copy_is_reused_only_if_its_key_fits_and_it_used_no_fallback(tmp_path):
    def stored(recorded: dict, key: str = "k") -> dict | None:
        run = {"key": key, "seconds": 1.0, "peak_rss_mib": 1.0, "recorded": recorded}
        nbformat.write(nbformat.v4.new_notebook(metadata={"meteortut": {"run": run}}), tmp_path / "copy.ipynb")
        return reusable(tmp_path / "copy.ipynb", "k")

    assert stored({"used_fallback": False})["recorded"] == {"used_fallback": False}
    assert stored({"used_fallback": True}) is None
    assert stored({}, key="another") is None
    assert reusable(tmp_path / "missing.ipynb", "k") is None
    (tmp_path / "copy.ipynb").write_text("cut short")
    assert reusable(tmp_path / "copy.ipynb", "k") is None
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "copy.ipynb")
    assert reusable(tmp_path / "copy.ipynb", "k") is None


def test_a_chapter_that_used_a_fallback_runs_again(shelf):
    shelf.add("01", COUNT, f"display({{{MIME!r}: {{'record': {{'used_fallback': True}}}}}}, raw=True)")
    assert (shelf.run(), shelf.run()) == (0, 0)
    assert runs(shelf) == 2


def test_a_reused_copy_is_held_against_todays_budget(shelf):
    shelf.add("01", "1")
    assert shelf.run() == 0
    row = '\n"01" = { peak_rss_mib = 2 }\n'
    with (shelf.root / "pyproject.toml").open("a") as pyproject:
        pyproject.write(row)
    assert shelf.run() == 1
    assert re.search(r"01, over memory: peak RSS \d+ MiB, the chapter's budget is 2 MiB", shelf.printed)
    assert not shelf.executed("01").exists()
    assert shelf.failed("01").exists()
    assert shelf.report("results") == {}


def test_a_chapter_that_begins_to_fail_loses_its_copy_and_gets_it_back(shelf):
    shelf.add("01", "1")
    assert shelf.run() == 0
    shelf.add("01", "1 / 0")
    assert shelf.run() == 1
    assert (shelf.executed("01").exists(), shelf.failed("01").exists()) == (False, True)
    shelf.add("01", "1")
    assert shelf.run() == 0
    assert (shelf.executed("01").exists(), shelf.failed("01").exists()) == (True, False)
