"""Every page in headless Chromium, with the rest of the world out of reach."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

PHONE, LAPTOP = 390, 1280


class Visit:
    """One page, and everything that went wrong while it was open."""

    def __init__(self, browser: Browser, address: str, width: int) -> None:
        self.address = address
        self.outside: list[str] = []
        self.trouble: list[str] = []
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.route("**/*", self._decide)
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("console", lambda line: self.trouble.append(line.text) if line.type == "error" else None)
        self.page.on("response", lambda r: self.trouble.append(f"{r.status} {r.url}") if r.status >= 400 else None)

    def _decide(self, route) -> None:
        if route.request.url.startswith((self.address, "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def open(self, name: str) -> Page:
        self.page.goto(self.address + name, wait_until="networkidle")
        return self.page


@pytest.fixture(params=[PHONE, LAPTOP])
def visit(request, browser: Browser, address: str) -> Iterator[Visit]:
    visit = Visit(browser, address, request.param)
    yield visit
    visit.page.close()


def pages() -> list[str]:
    """The table of contents names every page; built pages are looked for when the test runs."""
    import yaml

    toc = yaml.safe_load((Path(__file__).resolve().parents[2] / "book" / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"]), "search", "genindex"]


@pytest.mark.parametrize("name", pages())
def test_a_page_stands_alone_and_fits(visit: Visit, name: str):
    page = visit.open(f"{name}.html")
    assert visit.outside == []
    assert visit.trouble == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, "the page scrolls sideways"
    images = page.eval_on_selector_all("img", "all => all.map(i => [i.src.slice(0, 80), i.alt.trim(), i.naturalWidth])")
    assert [source for source, alt, _ in images if not alt] == []
    assert [source for source, _, width in images if width == 0] == []
    if name not in ("search", "genindex"):
        assert page.locator(".bd-article h1").count() == 1


def test_the_slider_turns_the_pages_without_a_kernel(visit: Visit):
    page = visit.open("chapters/06_lightcurves.html")
    shown = page.locator(".jupyter-widgets img").first  # the explorer further down has a figure, too
    shown.wait_for()
    before = shown.get_attribute("alt")
    page.locator(".noUi-handle").first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("old => document.querySelector('.jupyter-widgets img')?.alt !== old", arg=before)
    after = shown.get_attribute("alt")
    assert before != after
    assert visit.outside == []


def test_launch_buttons_open_the_chapter_of_this_repository(visit: Visit):
    import tomllib

    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    slug = project["project"]["urls"]["Repository"].removeprefix("https://github.com/")
    page = visit.open("chapters/06_lightcurves.html")
    links = page.eval_on_selector_all("a", "all => all.map(a => a.href)")
    assert any(
        link.startswith(f"https://mybinder.org/v2/gh/{slug}/") and "06_lightcurves.ipynb" in link for link in links
    )
    notebook = "blob/main/book/chapters/06_lightcurves.ipynb"
    assert f"https://colab.research.google.com/github/{slug}/{notebook}" in links
    assert any(link.endswith("_sources/chapters/06_lightcurves.ipynb") for link in links), "no download"


def test_the_solution_is_folded(visit: Visit):
    page = visit.open("chapters/06_lightcurves.html")
    solution = page.locator(".tag_solution")
    assert solution.count() >= 1
    assert not solution.first.locator("pre").first.is_visible()
    solution.first.locator("summary").first.click()
    assert solution.first.locator("pre").first.is_visible()


def test_dark_mode_darkens_the_page(visit: Visit):
    page = visit.open("intro.html")
    page.evaluate("localStorage.setItem('mode', 'dark'); localStorage.setItem('theme', 'dark')")
    page.reload(wait_until="networkidle")
    red, green, blue = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")[:3]
    assert max(red, green, blue) < 60


def test_search_finds_a_chapter(visit: Visit):
    page = visit.open("search.html?q=Perseids")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    assert any(
        "06_lightcurves" in link
        for link in page.eval_on_selector_all("#search-results a", "all => all.map(a => a.href)")
    )


def test_a_formula_is_set_by_the_book_itself(visit: Visit):
    page = visit.open("reference/glossary.html")
    page.locator("mjx-container").first.wait_for()
    # Widgets call MathJax 2's queue, whenever they happen to be drawn: before, while or after MathJax 3 starts.
    page.evaluate("""() => {
        const place = document.createElement('p');
        place.id = 'late';
        place.textContent = '\\\\(x^2\\\\)';
        document.querySelector('.bd-article').append(place);
        MathJax.Hub.Queue(['Typeset', MathJax.Hub, place]);
    }""")
    page.locator("#late mjx-container").wait_for()
    assert visit.trouble == []
    assert visit.outside == []
