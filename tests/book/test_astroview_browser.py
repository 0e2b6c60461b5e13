"""AstroView end to end: in Voilà, as `make astroview` starts it, and in JupyterLab; with the rest of the world out of reach."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import numpy as np
import pytest
from astropy.io import fits
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).resolve().parents[2]
N, ODD = 30, (5, 11, 23)
PATIENCE = 60_000  # ms; a kernel starts within a few seconds, on a busy machine within many


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Stars in noise, trails across some frames, a broken file, a note, and a table of features."""
    folder = tmp_path_factory.mktemp("astroview") / "night one"
    folder.mkdir()
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:128, :128]
    stars = sum(a * np.exp(-((y - v) ** 2 + (x - u) ** 2) / 3) for v, u, a in rng.uniform(0, [128, 128, 900], (25, 3)))
    rows = ["frame,brightness,score"]
    for k in range(N):
        frame = stars + rng.normal(1000, 8, y.shape) + (k in ODD) * 200 * np.exp(-((y - 0.7 * x - k) ** 2) / 3)
        fits.PrimaryHDU(frame.astype(np.uint16)).writeto(folder / f"f{k}.fits")
        rows.append(f"f{k}.fits,{frame.mean():.2f},{5 if k in ODD else rng.uniform():.2f}")
    (folder.parent / "features.csv").write_text("\n".join(rows) + "\n")
    (folder / "f2.fits").write_bytes((folder / "f2.fits").read_bytes()[:5000])
    (folder / "notes.txt").write_text("clear until midnight")
    return folder


@contextmanager
def server(command: list[str], where: Path, environment: dict[str, str], address: str, log: Path) -> Iterator[str]:
    """Start a server, wait until it prints an address like this one, and stop it with all its kernels."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=where, env={**os.environ, **environment}, stdout=file, stderr=file, start_new_session=True
        )
    try:
        for _ in range(600):
            if found := re.search(address, log.read_text()):
                yield found[0]
                break
            assert process.poll() is None, f"{shlex.join(command)} ended:\n{log.read_text()}"
            time.sleep(0.1)
        else:
            pytest.fail(f"{shlex.join(command)} printed no address within a minute:\n{log.read_text()}")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def private(folder: Path) -> dict[str, str]:
    """Jupyter's own folders, so that the settings of whoever runs the tests neither matter nor change."""
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    places = {f"JUPYTER_{name}": str(folder / name) for name in names} | {"IPYTHONDIR": str(folder / "ipython")}
    return {
        **places,
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "lab"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "lab"),
        "OMP_NUM_THREADS": "1",
    }


class Visit:
    """A page, what it asked of the rest of the world, and what went wrong on it."""

    def __init__(self, browser: Browser, width: int = 1280) -> None:
        self.outside: list[str] = []
        self.trouble: list[str] = []
        self.page: Page = browser.new_context(viewport={"width": width, "height": 1000}).new_page()
        self.page.route("**/*", self._decide)
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("console", lambda line: self.trouble.append(line.text) if line.type == "error" else None)

    def _decide(self, route) -> None:
        if route.request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def see_frame(self, k: int) -> None:
        """Wait until frame k is shown: in words, in the picture and in the box."""
        image = self.page.locator(".astroview-frame img")
        expect(image).to_have_attribute("alt", re.compile(rf"^Frame f{k}\.fits,"), timeout=PATIENCE)
        expect(self.page.locator(".astroview-index input")).to_have_value(str(k))

    def see_labels(self, text: str) -> None:
        expect(self.page.locator(".astroview")).to_contain_text(re.compile(rf"labels: {text}\n?"), timeout=PATIENCE)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    visit = Visit(browser)
    yield visit
    visit.page.context.close()


@pytest.fixture(scope="module")
def voila(browser: Browser, folder: Path, tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """The command of `make astroview`, on a free port; yields its address with the token, and the label file."""
    # inside another make, this one would say which folder it enters and leaves
    make = ["make", "--no-print-directory", "-n", "astroview"]
    plan = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    if not (ROOT / ".venv").is_dir():
        plan = plan.replace("../.venv/bin/", f"{Path(sys.executable).parent}/")
    place = tmp_path_factory.mktemp("voila")
    labels = place / "labels.csv"
    paths = {"FOLDER": str(folder), "LABELS": str(labels), "FEATURES": str(folder.parent / "features.csv")}
    command = ["sh", "-c", f"{plan.strip().splitlines()[-1]} --port={free_port()}"]
    address = r"http://127\.0\.0\.1:\d+/\?token=\w+"
    with server(command, ROOT, private(place) | paths, address, place / "log") as url:
        yield url, labels


def rows(labels: Path) -> list[str]:
    return labels.read_text().splitlines()[1:] if labels.exists() else []


def see_rows(labels: Path, wanted: list[str]) -> None:
    """The file follows the click within a moment."""
    for _ in range(100):
        if rows(labels) == wanted:
            return
        time.sleep(0.1)
    assert rows(labels) == wanted


def test_step_label_and_reload_in_voila(voila, visit: Visit):
    address, labels = voila
    page = visit.page
    page.goto(address)
    visit.see_frame(0)
    page.keyboard.press("ArrowRight")  # nothing was clicked: the keys work at once
    visit.see_frame(1)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".astroview-frame [role=alert]")).to_contain_text("f2.fits cannot be read")
    page.keyboard.press("k")
    visit.see_frame(5)
    page.keyboard.press("t")
    visit.see_labels("trajectory")
    page.get_by_role("button", name="anomaly ▶▶ k").click()
    visit.see_frame(11)
    page.get_by_role("button", name="cloud (c)").click()
    visit.see_labels("cloud")
    page.keyboard.press("g")  # the button has the focus, and the keys work still
    visit.see_labels("cloud, ghost")
    see_rows(labels, ["f5.fits,trajectory", "f11.fits,cloud|ghost"])
    page.reload()
    visit.see_frame(0)
    expect(page.locator(".astroview")).to_contain_text("2 labelled")
    page.locator(".astroview select").nth(1).select_option("ghost")
    visit.see_frame(11)
    visit.see_labels("cloud, ghost")
    page.keyboard.press("g")  # after a choice from a list the keys are the dashboard's again
    visit.see_labels("cloud")
    see_rows(labels, ["f5.fits,trajectory", "f11.fits,cloud"])
    assert visit.outside == []


def test_curves_and_pictures_answer_the_mouse(voila, visit: Visit):
    page = visit.page
    page.goto(voila[0])
    visit.see_frame(0)
    for curve, share in [(0, 0.75), (1, 0.25)]:
        place = page.locator(".astroview-plot").nth(curve).bounding_box()
        page.mouse.click(place["x"] + share * place["width"], place["y"] + place["height"] / 2)
        visit.see_frame(int(share * N))
        line = page.locator(".astroview-line").bounding_box()
        assert abs(line["x"] + line["width"] / 2 - place["x"] - (int(share * N) + 0.5) / N * place["width"]) < 3
    before = page.locator(".astroview-frame img").get_attribute("src")
    page.locator(".astroview select").nth(3).select_option("asinh")
    page.wait_for_function("old => document.querySelector('.astroview-frame img').src !== old", arg=before)
    box = page.locator(".astroview-index input")
    box.fill("23")
    box.press("Enter")
    visit.see_frame(23)
    box.press("t")  # in a field, letters are text
    time.sleep(0.5)
    visit.see_labels("none")


def test_the_page_shows_no_code_and_lets_nobody_in_without_the_token(voila, visit: Visit):
    page = visit.page
    page.goto(voila[0].partition("?")[0])
    assert page.locator(".astroview").count() == 0
    assert "login" in page.url
    page.goto(voila[0])
    visit.see_frame(0)
    source = json.loads((ROOT / "apps" / "astroview.ipynb").read_text(encoding="utf-8"))
    code = [line.strip() for cell in source["cells"] if cell["cell_type"] == "code" for line in cell["source"]]
    served = page.content()
    assert [line for line in code if len(line) > 20 and line in served] == []


@pytest.mark.parametrize("width", [390, 1280])
def test_the_dashboard_fits_the_screen(voila, browser: Browser, width: int, tmp_path):
    visit = Visit(browser, width)
    visit.page.goto(voila[0])
    visit.see_frame(0)
    visit.page.screenshot(path=os.environ.get("ASTROVIEW_SHOT", str(tmp_path / "shot.png")), full_page=True)
    assert visit.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert visit.outside == []
    assert visit.trouble == []
    visit.page.context.close()


def test_without_a_folder_it_shows_simulated_frames(monkeypatch):
    for name in ("FOLDER", "LABELS", "FEATURES", "ORDER"):
        monkeypatch.delenv(name, raising=False)
    notebook = nbformat.read(ROOT / "apps" / "astroview.ipynb", as_version=4)
    # With no folder to search, the one spec left is ipykernel's own, which starts this Python.
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    NotebookClient(notebook, km=manager, timeout=120, resources={"metadata": {"path": str(ROOT / "apps")}}).execute()
    states = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
    said = [state["state"].get("value", "") for state in states]
    assert any("data:image/png" in str(value) for value in said)
    assert any("in memory only" in str(value) for value in said)
    curves = next(value for value in said if "astroview-plot" in str(value))
    assert "outlier score of 100 frames" in curves


def test_the_same_notebook_in_jupyterlab(browser: Browser, visit: Visit, folder: Path, tmp_path):
    (tmp_path / "apps").mkdir()
    shutil.copy(ROOT / "apps" / "astroview.ipynb", tmp_path / "apps")  # JupyterLab saves what it runs
    news = tmp_path / "CONFIG_DIR" / "labconfig" / "page_config.json"
    news.parent.mkdir(parents=True)
    news.write_text(json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
    paths = {"FOLDER": str(folder), "LABELS": str(tmp_path / "l.csv"), "FEATURES": str(folder.parent / "features.csv")}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1", "--port=0", "--allow-root"]
    command += [f"--ServerApp.root_dir={tmp_path}"]
    address = r"http://127\.0\.0\.1:\d+/lab\?token=\w+"
    with server(command, tmp_path, private(tmp_path) | paths, address, tmp_path / "log") as url:
        page = visit.page
        page.goto(url.replace("/lab?", "/lab/tree/apps/astroview.ipynb?"))
        page.get_by_text("| Idle").wait_for(timeout=PATIENCE)
        page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
        visit.see_frame(0)
        page.locator(".astroview-frame img").click()
        cells = page.locator(".jp-Cell").count()
        for key in "kxdd":  # JupyterLab would cut the cell with x and delete it with dd
            page.keyboard.press(key)
        visit.see_frame(ODD[0])
        page.keyboard.press("t")
        visit.see_labels("trajectory")
        see_rows(tmp_path / "l.csv", ["f5.fits,trajectory"])
        assert page.locator(".jp-Cell").count() == cells
        assert visit.outside == []
