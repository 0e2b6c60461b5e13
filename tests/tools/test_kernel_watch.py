"""tools/kernel_watch.py and notebook_run.py: budgets, the guard of a kernel, and what is left when it is gone."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from kernel_watch import Budget, Family, KernelWatch, budget, over_budget, peak_rss_mib
from notebook_run import execute

ROOT = Path(__file__).resolve().parents[2]
AMPLE = Budget(seconds=60, peak_rss_mib=1000)
# A child that outlives its kernel unless somebody looks for it: it has left the process group, or hides its origin.
CHILD = """import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], {how})
open("child.pid", "w").write(str(child.pid))"""
ORPHAN = CHILD.format(how="start_new_session=True")


def quiet(cell: int, seconds: float) -> None:
    """Show no progress."""


def notebook(*sources: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


def child_is_gone(folder: Path) -> bool:
    pid = int((folder / "child.pid").read_text())
    deadline = time.monotonic() + 5  # the killed takes a moment
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def write_budgets(folder: Path, rows: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(f"[tool.meteortut.budgets]\n{rows}\n")
    return path


def test_a_chapters_row_goes_over_the_default(tmp_path):
    path = write_budgets(
        tmp_path, 'default = { seconds = 240, peak_rss_mib = 1500 }\n"02_pipeline" = { seconds = 300.5 }'
    )
    assert budget("02_pipeline", path) == Budget(seconds=300.5, peak_rss_mib=1500)
    assert budget("03_gradcam", path) == Budget(seconds=240, peak_rss_mib=1500)


def test_the_projects_own_table_is_read():
    assert budget("a chapter without a row", ROOT / "pyproject.toml") == Budget(seconds=240, peak_rss_mib=1500)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("default = { seconds = 240, peak_rss_mb = 1500 }", "unknown key 'peak_rss_mb'"),
        ("default = { seconds = 0, peak_rss_mib = 1500 }", "seconds is 0; expected a positive number"),
        ("default = { seconds = 240, peak_rss_mib = inf }", "peak_rss_mib is inf"),
        ("default = { seconds = true, peak_rss_mib = 1500 }", "seconds is True"),
        ("default = { seconds = '240', peak_rss_mib = 1500 }", "seconds is '240'"),
        ("default = 240", "default is 240; expected {"),
        ("default = { seconds = 240 }", r"gives only \['seconds'\]"),
        ("", r"gives only \[\] for '01'"),
        ("default = { seconds = 240, peak_rss_mib = 1500 }\n01 = { seconds = -1 }", "row '01': seconds is -1"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        budget("01", write_budgets(tmp_path, rows))


def test_a_budget_may_be_used_up_but_not_exceeded():
    allowed = Budget(seconds=10, peak_rss_mib=100)
    assert over_budget(10, 100, allowed) is None
    assert over_budget(10.1, 100, allowed) == "over time: 10.1 s, the chapter's budget is 10 s"
    assert over_budget(10, 101, allowed) == "over memory: peak RSS 101 MiB, the chapter's budget is 100 MiB"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only /proc remembers a peak")
def test_a_peak_between_two_polls_is_seen_after_it_is_over():
    code = "input(); data = b'1' * (100 * 2**20); del data; print('done', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        with KernelWatch(Family(process.pid), AMPLE, quiet, poll_seconds=600) as watch:
            process.stdin.write(b"\n")
            process.stdin.flush()
            assert process.stdout.readline().strip() == b"done"
        now = psutil.Process(process.pid).memory_info().rss / 2**20
        process.kill()
    assert watch.peak_rss_mib > 100 > now


def test_memory_is_measured_without_proc_too(tmp_path):
    here = psutil.Process().memory_info().rss / 2**20
    assert peak_rss_mib(os.getpid(), proc=tmp_path) == pytest.approx(here, rel=0.2)


@pytest.mark.parametrize("proc", [Path("/proc"), Path("/nowhere")])
def test_a_process_that_is_gone_uses_nothing(proc):
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert peak_rss_mib(process.pid, proc) == 0


def test_threads_and_hash_seed_are_set_and_a_users_choice_is_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("PYTHONHASHSEED", "123")
    for library in ("OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "TF_NUM_INTRAOP"):
        monkeypatch.delenv(f"{library}_THREADS", raising=False)
    env = Family().env()
    assert env["OMP_NUM_THREADS"] == "7"
    assert env["PYTHONHASHSEED"] == "0"
    for library in ("OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "TF_NUM_INTRAOP"):
        assert env[f"{library}_THREADS"] == str(min(2, os.cpu_count()))
        assert f"{library}_THREADS" not in os.environ


def test_above_its_memory_a_kernel_is_killed_with_its_children(tmp_path):
    # It stops by itself, so that a guard that is broken costs this machine a failing test and no more.
    greedy = "hoard = []\nfor _ in range(50): hoard.append(b'1' * 2**24)\nchild.wait()"
    run = execute(notebook(ORPHAN, greedy), tmp_path, Budget(seconds=60, peak_rss_mib=200), quiet)
    assert run.failure.startswith("cell 2 (hoard = []): over memory: peak RSS ")
    assert 200 < run.peak_rss_mib < 800
    assert run.seconds < 30
    assert child_is_gone(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only /proc remembers a peak")
def test_a_burst_between_two_polls_counts_for_the_cell_it_happened_in(tmp_path):
    chapter = notebook("data = b'1' * (300 * 2**20); del data", "1 + 1")
    run = execute(chapter, tmp_path, Budget(seconds=60, peak_rss_mib=200), quiet, poll_seconds=600)
    assert run.failure.startswith("cell 1 (data = b'1' * (300 * 2**20); del data): over memory: peak RSS 3")
    assert chapter.cells[1].execution_count is None


def test_the_time_is_that_of_the_whole_notebook(tmp_path):
    sources = ["import time; time.sleep(0.8)", "", "time.sleep(0.8)  # too much together\nnever = 1", "1"]
    began = time.monotonic()
    run = execute(notebook(*sources), tmp_path, Budget(seconds=1.2, peak_rss_mib=1000), quiet)
    assert run.failure.startswith("cell 2 (time.sleep(0.8)  # too much together): over time: 1.2 s")
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("how", ["start_new_session=True", "env={}"])
def test_over_time_no_child_is_left(tmp_path, how):
    run = execute(
        notebook(CHILD.format(how=how), "child.wait()"), tmp_path, Budget(seconds=1, peak_rss_mib=1000), quiet
    )
    assert "cell 2 (child.wait()): over time" in run.failure
    assert child_is_gone(tmp_path)


def test_a_kernel_that_dies_by_itself_is_said_to_and_leaves_no_child(tmp_path):
    run = execute(notebook(ORPHAN, "import os\nos.kill(os.getpid(), 9)"), tmp_path, AMPLE, quiet)
    assert run.failure.startswith("cell 2 (import os): the kernel died by itself (signal 9, ")
    assert run.peak_rss_mib > 10
    assert child_is_gone(tmp_path)


def test_a_chapter_that_is_well_leaves_no_child_either(tmp_path):
    assert execute(notebook(ORPHAN), tmp_path, AMPLE, quiet).failure is None
    assert child_is_gone(tmp_path)


def test_a_kernel_that_does_not_start_is_said_to(tmp_path):
    run = execute(notebook("1"), tmp_path / "missing", AMPLE, quiet)
    assert run.failure.startswith("the kernel did not start: ")
    assert "missing" in run.failure


def test_the_kernel_is_this_interpreter_whatever_the_user_installed(tmp_path, monkeypatch):
    stray = tmp_path / "jupyter" / "kernels" / "python3"
    stray.mkdir(parents=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "stray", "language": "python"}
    (stray / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    assert KernelSpecManager().get_kernel_spec("python3").argv[0] == "/bin/false"  # it would win

    chapter = notebook(
        "import sys, os\nprint(sys.executable, os.environ['METEORTUT_REQUIRE_REAL'], os.getcwd(), sep='\\n')"
    )
    chapter.metadata["kernelspec"] = {"name": "stray", "display_name": "stray"}
    monkeypatch.setenv("METEORTUT_REQUIRE_REAL", "1")
    assert execute(chapter, tmp_path, AMPLE, quiet).failure is None
    assert chapter.cells[0].outputs[0].text.splitlines() == [sys.executable, "1", str(tmp_path.resolve())]
    assert chapter.metadata["language_info"]["name"] == "python"
