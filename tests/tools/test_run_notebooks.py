"""tools/run_notebooks.py: what is executed, reused, recorded, reported and refused."""

import io
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from kernel_watch import Budget
from notebook_run import Run
from run_notebooks import Outcome, Progress, chapter_key
from shelf import SAY, Shelf, cell, check

from meteortut.report import MIME

ROOT = Path(__file__).resolve().parents[2]
FIGURE = f"""class Figure:
    def _repr_mimebundle_(self, **_):
        data = {{'image/png': 'iVBORw0K', {MIME!r}: {{'record': {{'last': 2}}}}}}
        return data, {{'image/png': {{'alt': 'a track'}}}}
Figure()"""


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Run a book once in which some chapters fail."""
    shelf = Shelf(tmp_path_factory.mktemp("mixed"))
    (shelf.chapters / "00_broken.ipynb").write_text("{")
    shelf.add(
        "01_good",
        SAY.replace("n={n}", "n=3"),
        f"display({{{MIME!r}: {{'record': {{'silent': 'yes', 'last': 1}}}}}}, raw=True)",
        FIGURE,
        cell(check("angle", True), "solution"),
        check("angle", None),
        check("open question", False),
        cell("raise KeyError('on purpose')", "raises-exception"),
    )
    shelf.add("02_raises", "1", "", "# divide\n1 / 0", "2")
    answers = [cell(check(name, passed), "solution") for name, passed in [("angle", False), ("speed", None)]]
    shelf.add("03_refused", *answers, SAY.replace("n={n}", "n=1"))
    shelf.add("04_after", "from pathlib import Path\nassert Path('04_after.ipynb').exists()")
    shelf.status = shelf.run()
    return shelf


def test_a_chapter_that_fails_stops_no_other(mixed):
    assert mixed.status == 1
    ok = {row["chapter"]: row["ok"] for row in mixed.report("chapters")}
    assert ok == {"00_broken": False, "01_good": True, "02_raises": False, "03_refused": False, "04_after": True}
    assert mixed.complaints == "3 of 5 chapters failed: 00_broken, 02_raises, 03_refused\n"
    assert {name for name in ok if mixed.executed(name).exists()} == {"01_good", "04_after"}


def test_a_row_says_what_was_used(mixed):
    rows = {row["chapter"]: row for row in mixed.report("chapters")}
    assert list(rows) == sorted(rows)
    assert all(list(row) == ["chapter", "seconds", "peak_rss_mib", "ok"] for row in rows.values())
    assert 0 < rows["01_good"]["seconds"] < 60
    assert 20 < rows["01_good"]["peak_rss_mib"] < 1000


def test_recorded_values_of_good_chapters_are_reported(mixed):
    assert mixed.report("results") == {"01_good": {"n": 3, "silent": "yes", "last": 2}, "04_after": {}}


def test_the_executed_copy_is_free_of_records(mixed):
    copy = nbformat.read(mixed.executed("01_good"), as_version=4)
    assert MIME not in str([cell.outputs for cell in copy.cells])
    said, silent, figure, *checks, error = [cell.outputs for cell in copy.cells]
    assert said[0].data["text/markdown"] == "We read **3** records."
    assert [silent, *checks] == [[], [], [], []]
    assert set(figure[0].data) == {"text/plain", "image/png"}
    assert figure[0].metadata == {"image/png": {"alt": "a track"}}
    assert error[0].ename == "KeyError"


def test_the_executed_copy_says_how_it_was_made(mixed):
    about = nbformat.read(mixed.executed("01_good"), as_version=4).metadata["meteortut"]
    row = next(row for row in mixed.report("chapters") if row["chapter"] == "01_good")
    packages = [mixed.root / "meteortut", mixed.root / "data_fetch"]
    key = chapter_key(mixed.chapters / "01_good.ipynb", packages, mixed.root / "requirements.lock")
    used = {"seconds": row["seconds"], "peak_rss_mib": row["peak_rss_mib"]}
    assert about == {"status": "opening", "run": {"key": key, **used, "recorded": mixed.report("results")["01_good"]}}


def test_a_failure_names_chapter_cell_and_cause(mixed):
    assert "00_broken, " in mixed.printed
    assert "00_broken.ipynb is not a valid notebook" in mixed.printed
    failure = mixed.printed[mixed.printed.index("02_raises, cell 2 (# divide): ZeroDivisionError: division by zero") :]
    assert "----> 2 1 / 0" in failure
    assert "\x1b" not in mixed.printed
    assert f"The notebook as far as it came: {mixed.failed('02_raises')}" in failure
    partial = nbformat.read(mixed.failed("02_raises"), as_version=4)
    assert [len(cell.outputs) for cell in partial.cells] == [1, 0, 1, 0]


def test_a_solution_its_own_check_refuses_fails_the_chapter(mixed):
    assert "03_refused, cell 1 (display(" in mixed.printed
    for name in ("angle", "speed"):
        assert f"the solution of '{name}' is refused by its own check" in mixed.printed
    assert mixed.failed("03_refused").exists()


def test_a_log_has_a_line_at_each_end_of_a_chapter(mixed):
    lines = [line for line in mixed.printed.splitlines() if line.startswith("04_after")]
    assert lines[0] == "04_after    runs: 1 cells in at most 60 s"
    assert re.fullmatch(r"04_after    ok  \d\.\d s of 60 s   \d+ of 1000 MiB", lines[1])
    assert len(lines) == 2


def test_a_terminal_line_is_drawn_again():
    stream = io.StringIO()
    stream.isatty = lambda: True
    progress = Progress(["06_lightcurves", "07"], stream)
    progress.start("07", 9, Budget(240, 1500))
    progress.tick(4, 12.3)
    progress.end(Outcome("07", Run(13.21, 411.7)), Budget(240, 1500), Path("missing"))
    assert stream.getvalue().split("\r\033[K") == [
        "",
        "07              cell 4/9  12 s of 240 s",
        "07              ok  13.2 s of 240 s   412 of 1500 MiB\n",
    ]


def test_only_keeps_what_the_others_reported_while_they_exist(shelf):
    for name in ("01", "02", "03"):
        shelf.add(name, "1", SAY.replace("n={n}", f"n={int(name)}"))
    assert shelf.run() == 0
    (shelf.chapters / "03.ipynb").unlink()
    shelf.add("02", SAY.replace("n={n}", "n=22"))
    shelf.add("01", "1 / 0")
    assert shelf.run("--only", "02") == 0
    assert shelf.report("results") == {"01": {"n": 1}, "02": {"n": 22}}
    assert [row["chapter"] for row in shelf.report("chapters")] == ["01", "02"]
    assert shelf.executed("03").exists()  # left to the next full run
    assert shelf.run() == 1
    assert not shelf.executed("03").exists()
    assert shelf.report("results") == {"02": {"n": 22}}
    assert [row["ok"] for row in shelf.report("chapters")] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "02", "--only", "01"], "no chapter called 02 in .*; there are 01, 03."),
        (["--source", "nowhere"], "no chapter .* in nowhere; give the right folder with --source"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_runs(shelf, arguments, message):
    shelf.add("01", "1")
    shelf.add("03", "1")
    assert shelf.run(*arguments) == 2
    assert re.search(message, shelf.complaints)
    assert not (shelf.root / "_build").exists()


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_an_incomplete_checkout_is_refused(shelf, name):
    shelf.add("01", "1")
    (shelf.root / name).unlink()
    assert shelf.run() == 2
    assert f"{name} is missing" in shelf.complaints


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM to catch")
def test_a_stopped_runner_takes_its_kernel_along(shelf):
    shelf.add("01", "import os, time\nopen('kernel.pid', 'w').write(str(os.getpid()))\ntime.sleep(60)")
    command = [
        sys.executable,
        ROOT / "tools" / "run_notebooks.py",
        "--source",
        shelf.chapters,
        "--build",
        shelf.root / "b",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while not (shelf.chapters / "kernel.pid").exists() or not (shelf.chapters / "kernel.pid").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 143
    assert not psutil.pid_exists(int((shelf.chapters / "kernel.pid").read_text()))
    assert not list((shelf.root / "b").glob("executed/*.ipynb"))
