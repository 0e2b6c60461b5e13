"""Rule d: every figure has alt text, so that a reader who cannot see it loses nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from notebook_rules.reading import Cell, Chapter, Problems, dotted

SHORTEST = 20
# Methods that put something on an axes or make one, whatever the object is called. Each belongs to Matplotlib, pandas
# or scikit-learn's displays alone. Names which other libraries share (step: an optimiser's, text, table, legend,
# update, show) are left out on purpose: a cell that uses those on an axes had to make the axes with one of these.
DRAWING_METHODS = frozenset(
    {"plot", "imshow", "matshow", "pcolor", "pcolormesh", "contour", "contourf", "tricontour", "scatter", "hexbin"}
    | {"hist", "hist2d", "bar", "barh", "stem", "stairs", "errorbar", "boxplot", "violinplot", "pie", "eventplot"}
    | {"fill_between", "fill_betweenx", "quiver", "streamplot", "specgram", "stackplot", "plot_surface"}
    | {"loglog", "semilogx", "semilogy", "axhline", "axvline", "axhspan", "axvspan"}
    | {"subplots", "subplot_mosaic", "add_subplot", "add_axes", "from_estimator", "from_predictions"}
)
# A Dask client and PyTorch scatter data, not points.
OTHER_OWNERS = frozenset({"client", "torch"})
# What pyplot offers beside figures: saving, settings, and closing show nothing.
NOT_DRAWING = frozenset(
    {"savefig", "close", "ion", "ioff", "isinteractive", "rc", "rcdefaults", "rc_context", "get_cmap", "set_cmap"}
    | {"switch_backend", "get_fignums", "get_backend", "setp", "getp"}
)
IMAGES = ("image/png", "image/svg+xml", "image/jpeg")
_EMPTY_WORDS = frozenset({"a", "the", "of", "figure", "fig", "plot", "image", "picture", "graph", "chart", "diagram"})
_STARTS = re.compile(r"(?:an? |the )?(?:image|figure) of\b", re.IGNORECASE)
_TAG = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_TAG_ALT = re.compile(r"\balt\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_DIRECTIVE = re.compile(r"^[ \t]*(?:`{3,}|:{3,})\{(?:figure|image)\}[^\n]*((?:\n[ \t]*:[\w-]+:[^\n]*)*)", re.MULTILINE)
_DIRECTIVE_ALT = re.compile(r"^[ \t]*:alt:(.*)$", re.MULTILINE)


def alt_text_of_code(chapter: Chapter) -> Problems:
    """A cell that draws says in ``metadata.mystnb.image.alt`` what is to be seen.

    Heuristic: it reads the source only. :func:`alt_text_of_outputs` is exact, after a run.
    """
    for cell in chapter.code:
        # Widgets carry the alt texts of their figures themselves, one per state.
        if _draws(cell) and not cell.calls_member_of("widgets") and (fault := _metadata_fault(cell)):
            yield cell.index, f"draws a figure, but {fault}"


def alt_text_of_outputs(chapter: Chapter) -> Problems:
    """Every image in an executed notebook sits in a cell with alt text."""
    for cell in chapter.code:
        kinds = [kind for output in cell.node["outputs"] for kind in IMAGES if kind in output.get("data", {})]
        if kinds and (fault := _metadata_fault(cell)):
            yield cell.index, f"shows {kinds[0]}, but {fault}"


def alt_text_of_markdown(chapter: Chapter) -> Problems:
    """Images in Markdown, as ``![...](...)``, ``<img>`` or a MyST directive, have alt text."""
    for cell in chapter.markdown:
        for alt in _markdown_alts(cell):
            # Badges are images too, so that a word or two is enough here.
            if fault := _fault(alt, shortest=1):
                yield cell.index, f"the alt text of an image {fault}."


def _markdown_alts(cell: Cell) -> Iterator[str]:
    for token in cell.tokens:
        if token.type == "image":
            yield token.content
        elif token.type.startswith("html_"):
            for tag in _TAG.findall(token.content):
                alt = _TAG_ALT.search(tag)
                yield (alt[1] or alt[2] or "") if alt else ""
    for options in _DIRECTIVE.findall(cell.source):
        option = _DIRECTIVE_ALT.search(options)
        yield option[1] if option else ""


def _metadata_fault(cell: Cell) -> str | None:
    value: Any = cell.metadata
    for key in ("mystnb", "image", "alt"):
        value = value.get(key) if isinstance(value, Mapping) else None
    fault = _fault(value if isinstance(value, str) else "", SHORTEST)
    return f'its metadata {{"mystnb": {{"image": {{"alt": "..."}}}}}} {fault}.' if fault else None


def _fault(alt: str, shortest: int) -> str | None:
    """Say what is wrong with an alt text, or return None."""
    alt = alt.strip()
    if not alt:
        return "is missing or empty"
    if len(alt) < shortest:
        return f"has {len(alt)} characters; expected at least {shortest} that say what is to be seen"
    if _STARTS.match(alt):
        return f"begins with {' '.join(alt.split()[:3])!r}; screen readers say so already, name what is to be seen"
    if set(re.findall(r"[^\W\d_]+", alt.lower())) <= _EMPTY_WORDS:
        return f"is {alt!r}, which says nothing; name what is to be seen"
    return None


def _draws(cell: Cell) -> bool:
    return any(isinstance(node, ast.Call) and _is_drawing(dotted(node.func)) for node in _executed_nodes(cell.tree))


def _is_drawing(name: str) -> bool:
    *owner, method = name.split(".")
    if method in NOT_DRAWING or not owner or owner[-1] in OTHER_OWNERS:
        return False
    # The companion package's plots.* exist to draw; pyplot's functions draw unless listed above.
    return owner[-1] in {"plots", "plt", "pyplot"} or method in DRAWING_METHODS


def _executed_nodes(tree: ast.Module | None) -> Iterator[ast.AST]:
    """Yield the nodes that run with the cell: the body of a function only if the cell mentions the function again."""
    if tree is None:
        return
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name in used:
            waiting.extend(ast.iter_child_nodes(node))
