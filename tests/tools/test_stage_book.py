"""Staging: what is filled in, what is refused, what is left untouched."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import book_pages
import gallery
import nbformat
import pytest
import stage_book
import yaml

from data_fetch.registry import dataset_names

ROOT = Path(__file__).resolve().parents[2]
PNG = base64.b64encode(b"\x89PNG not really").decode()


def chapter(alt: str | None = "Points of light over a year of nights.") -> nbformat.NotebookNode:
    image = nbformat.v4.new_output("display_data", data={"image/png": PNG})
    cover = nbformat.v4.new_code_cell("draw()", outputs=[image], metadata={"tags": ["cover"]})
    if alt is not None:
        cover.metadata["mystnb"] = {"image": {"alt": alt}}
    text = nbformat.v4.new_markdown_cell("**Time and memory**\n\n<!-- last-run -->At most.<!-- /last-run --> After.")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A"), cover, text])
    run = {"key": "k", "seconds": 65.2, "peak_rss_mib": 412.4, "recorded": {}}
    notebook.metadata["meteortut"] = {"status": "opening", "run": run}
    return notebook


@pytest.fixture
def folders(tmp_path: Path, monkeypatch) -> tuple[Path, Path]:
    monkeypatch.setenv("METEORTUT_DATA_DIR", str(tmp_path / "empty"))  # no pictures: they have a test of their own
    monkeypatch.delenv("METEORTUT_DATA_MIRROR", raising=False)
    monkeypatch.delenv("METEORTUT_REQUIRE_REAL", raising=False)
    book, build = tmp_path / "book", tmp_path / "_build"
    shutil.copytree(ROOT / "book", book, ignore=shutil.ignore_patterns("*.ipynb"))
    (book / "chapters").mkdir(exist_ok=True)
    (book / "chapters" / "06_lightcurves.ipynb").write_text("{}", encoding="utf-8")  # only its name counts
    (build / "executed").mkdir(parents=True)
    (build / "reports").mkdir()
    nbformat.write(chapter(), build / "executed" / "06_lightcurves.ipynb")
    rows = [{"chapter": "06_lightcurves", "seconds": 65.2, "peak_rss_mib": 412.4, "ok": True}]
    (build / "reports" / "chapters.json").write_text(json.dumps(rows), encoding="utf-8")
    (build / "reports" / "results.json").write_text(json.dumps({"06_lightcurves": {"n_usable": 7}}), encoding="utf-8")
    return book, build


def test_the_last_run_takes_the_place_of_the_budget(folders):
    staged = stage_book.stage(*folders)
    (text,) = [cell.source for cell in nbformat.read(staged / "chapters/06_lightcurves.ipynb", 4).cells[2:]]
    assert "1 min 5 s and 412 MiB" in text
    assert "At most" not in text
    assert text.endswith("After.")


def test_cover_cards_timings_and_gallery_are_generated(folders):
    generated = stage_book.stage(*folders) / "_generated"
    assert (generated / "cover_06_lightcurves.png").read_bytes() == base64.b64decode(PNG)
    cards = (generated / "chapter_cards.md").read_text(encoding="utf-8")
    assert cards.count("Not written yet.") == 5
    assert "The opening can be read now." in cards
    timings = (generated / "timings.md").read_text(encoding="utf-8")
    assert "65.2 s | 240 s | 412 MiB | 1500 MiB" in timings
    gallery = (generated / "data_gallery.md").read_text(encoding="utf-8")
    assert gallery.count("\n## ") + 1 == 13
    assert gallery.count("| licence |") == 13


def test_every_data_set_has_a_picture_or_says_why_not(folders):
    assert set(gallery.PICTURES) == set(dataset_names())
    page = (stage_book.stage(*folders) / "_generated" / "data_gallery.md").read_text(encoding="utf-8")
    assert page.count("No picture:") == 13
    assert "```{image}" not in page


def test_pictures_are_drawn_once_from_the_files(tmp_path, real_file, monkeypatch):
    real_file("lightning7")
    first, alt = gallery.picture("lightning7", tmp_path)
    assert first.startswith(b"\x89PNG")
    assert "radio" in alt
    monkeypatch.setattr(gallery, "fetch", lambda *_: pytest.fail("drawn twice"))
    monkeypatch.setenv("METEORTUT_REQUIRE_REAL", "1")
    assert gallery.picture("lightning7", tmp_path)[0] == first


def test_address_and_results_reach_the_pages(folders, monkeypatch):
    monkeypatch.setenv("REPO_URL", "https://github.com/someone/fork")
    config = yaml.safe_load((stage_book.stage(*folders) / "_config.yml").read_text(encoding="utf-8"))
    assert config["sphinx"]["config"]["html_theme_options"]["repository_url"] == "https://github.com/someone/fork"
    assert config["parse"]["myst_substitutions"]["results"] == {"06_lightcurves": {"n_usable": 7}}
    cards = (folders[1] / "book/_generated/start_cards.md").read_text(encoding="utf-8")
    assert "mybinder.org/v2/gh/someone/fork/HEAD" in cards


def test_a_second_time_nothing_is_touched_and_stale_files_go(folders):
    staged = stage_book.stage(*folders)
    before = {path: path.stat().st_mtime_ns for path in staged.rglob("*") if path.is_file()}
    (staged / "stale.md").write_text("old", encoding="utf-8")
    stage_book.stage(*folders)
    assert {path: path.stat().st_mtime_ns for path in staged.rglob("*") if path.is_file()} == before


def test_a_chapter_that_did_not_run_stops_the_build(folders, capsys):
    (folders[1] / "executed" / "06_lightcurves.ipynb").unlink()
    assert stage_book.main(["--book", str(folders[0]), "--build", str(folders[1])]) == 1
    assert "python tools/run_notebooks.py --only 06_lightcurves" in capsys.readouterr().err


def test_a_figure_without_alt_text_stops_the_build(folders):
    nbformat.write(chapter(alt=None), folders[1] / "executed" / "06_lightcurves.ipynb")
    with pytest.raises(stage_book.StagingError, match="alt"):
        stage_book.stage(*folders)


def test_a_cover_that_draws_nothing_is_an_error():
    notebook = chapter()
    notebook.cells[1].outputs = []
    with pytest.raises(ValueError, match="drew no figure"):
        book_pages.cover(notebook)


def test_vendored_scripts_are_those_of_the_list(folders):
    import hashlib

    staged = stage_book.stage(*folders)
    listed = (ROOT / "book" / "vendor.md").read_text(encoding="utf-8")
    scripts = sorted((staged / "assets" / "js").rglob("*.js"))
    assert len(scripts) == 3
    for script in scripts:
        assert hashlib.sha256(script.read_bytes()).hexdigest() in listed
