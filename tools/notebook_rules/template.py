"""Rules a, b and h: a clean file, the chapter's fixed order, and headings without gaps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import repo_url
from nbformat.validator import iter_validate

from notebook_rules.reading import Chapter, Heading, Problem, Problems, flat_tokens, joined

# What kernels, runners and front ends leave in a cell's metadata.
EXECUTION_METADATA = ("execution", "ExecuteTime", "papermill", "collapsed", "scrolled", "outputId")
LABELS = ("You will learn", "You need", "Time and memory", "Data")
CLOSING = ("Exercises", "Summary", "What's next", "References")
_LAST_RUN = re.compile(r"<!-- last-run -->(.*?)<!-- /last-run -->", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def format_problems(nb: object) -> Iterator[Problem]:
    """Yield what makes a notebook unreadable for the other rules; they run only if this yields nothing."""
    if not isinstance(nb, Mapping):
        yield None, f"not a notebook: the file holds a {type(nb).__name__}; expected a JSON object."
        return
    version = (nb.get("nbformat"), nb.get("nbformat_minor"))
    if version != (4, 5):
        yield None, f"nbformat is {version[0]}.{version[1]}; expected 4.5. Open and save it in JupyterLab."
        return
    broken = False
    for error in iter_validate(nb, version=4, version_minor=5):
        where = list(error.absolute_path)
        cell = where[1] if len(where) > 1 and where[0] == "cells" and isinstance(where[1], int) else None
        place = "/".join(map(str, where)) or "the top level"
        yield cell, f"invalid notebook at {place}: {error.message.splitlines()[0][:200]}"
        broken = True
    for index, node in enumerate([] if broken else nb["cells"]):
        if re.search(r"[\ud800-\udfff]", joined(node["source"])):
            yield index, "the source holds half a character (a lone surrogate such as \\ud800); type it again."


def unique_ids(chapter: Chapter) -> Problems:
    """Every cell has an id of its own."""
    counts = Counter(cell.node["id"] for cell in chapter.cells)
    for cell in chapter.cells:
        if counts[cell.node["id"]] > 1:
            yield (
                cell.index,
                f"the cell id {cell.node['id']!r} occurs {counts[cell.node['id']]} times; change all but one.",
            )


def kernel_is_python3(chapter: Chapter) -> Problems:
    """The kernel is the one that Binder, Colab and the runner have."""
    name = chapter.metadata.get("kernelspec", {}).get("name")
    if name != "python3":
        yield None, f"metadata.kernelspec.name is {name!r}; expected 'python3'."


def stripped(chapter: Chapter) -> Problems:
    """Nothing of a run is committed."""
    for cell in chapter.code:
        if cell.node["outputs"]:
            yield cell.index, "has outputs; clear all outputs before committing (nbstripout does it)."
        if cell.node["execution_count"] is not None:
            yield cell.index, f"execution_count is {cell.node['execution_count']}; expected null."
    for cell in chapter.cells:
        if left := [key for key in EXECUTION_METADATA if key in cell.metadata]:
            yield cell.index, f"metadata of a run is left over: {', '.join(left)}; remove it."
    if left := [key for key in ("widgets", "papermill") if key in chapter.metadata]:
        yield None, f"metadata of a run is left over in the notebook: {', '.join(left)}; remove it."


def title_first(chapter: Chapter) -> Problems:
    """The first cell is Markdown and begins with the title."""
    first = chapter.cells[0] if chapter.cells else None
    titles = [heading for heading in chapter.sections(1) if heading.cell == 0]
    if first is None or first.kind != "markdown" or not titles or not titles[0].text:
        yield 0, "the first cell is not a Markdown cell with the title; begin the chapter with '# Title'."


def colab_cell(chapter: Chapter) -> Problems:
    """The first code cell is the Colab cell, letter by letter."""
    if not chapter.code:
        yield None, "there is no code cell; the first one must be the Colab cell."
        return
    cell = chapter.code[0]
    if missing := {"colab", "remove-cell"} - cell.tags:
        yield cell.index, f"the first code cell is the Colab cell, but it lacks the tags {sorted(missing)}."
    # The address which the files carry: REPO_URL overrides it when the book is built, not in the sources.
    expected = repo_url.colab_cell(repo_url.declared_url())
    if cell.source != expected:
        advice = "if the address changed, run `python tools/repo_url.py NEW-URL`, else make the source exactly"
        yield cell.index, f"the Colab cell differs from repo_url.colab_cell(); {advice} {expected!r}."


def cover_cell(chapter: Chapter) -> Problems:
    """The second code cell draws the striking figure."""
    if len(chapter.code) < 2 or "cover" not in chapter.code[1].tags:
        where = chapter.code[1].index if len(chapter.code) > 1 else None
        yield where, "the second code cell must draw the chapter's striking figure and have the tag 'cover'."


def before_you_start(chapter: Chapter) -> Problems:
    """The first H2 tells what is learned and needed, what it costs, and the data, in this order."""
    sections = chapter.sections(2)
    if not sections or sections[0].text != "Before you start":
        found = f"'## {sections[0].text}'" if sections else "missing"
        yield sections[0].cell if sections else None, f"the first H2 is {found}; expected '## Before you start'."
        return
    start = sections[0]
    if len(chapter.code) > 1 and start.cell < chapter.code[1].index:
        yield start.cell, "'## Before you start' stands before the cover figure; move it below."
    parts = _labelled_parts(_own_cell_text(chapter, start))
    if parts is None:
        yield (
            start.cell,
            f"'## Before you start' needs the bold labels {', '.join(LABELS)}, in this order, in its cell.",
        )
        return
    for message in _part_problems(parts):
        yield start.cell, message


def _own_cell_text(chapter: Chapter, start: Heading) -> str:
    """Return the text below a heading, as far as its own cell and its own section go."""
    following = [heading for heading in chapter.sections(2) if heading.cell == start.cell and heading.line > start.line]
    stop = following[0].line if following else None
    return "\n".join(chapter.cells[start.cell].source.split("\n")[start.line + 1 : stop])


def _labelled_parts(text: str) -> dict[str, str] | None:
    """Split the text at its bold labels, or return None if one is missing or out of order."""
    spans: list[tuple[int, int]] = []
    for label in LABELS:
        # Below the label before: a table may have a bold "Data" of its own.
        hit = re.compile(rf"\*\*{label}[.:]?\*\*").search(text, spans[-1][1] if spans else 0)
        if hit is None:
            return None
        spans.append(hit.span())
    ends = [begin for begin, _ in spans[1:]] + [len(text)]
    return {label: text[span[1] : end] for label, span, end in zip(LABELS, spans, ends, strict=True)}


def _part_problems(parts: dict[str, str]) -> Iterator[str]:
    tokens = {label: list(flat_tokens(text)) for label, text in parts.items()}
    verbs = sum(token.type == "list_item_open" and token.level == 1 for token in tokens["You will learn"])
    if not 3 <= verbs <= 5:
        yield f"**You will learn** has {verbs} bullets; expected 3 to 5, below the label."
    for label in ("You need", "Data"):
        if not any(token.type == "table_open" for token in tokens[label]):
            yield f"**{label}** has no Markdown table below it."
    last_run = _LAST_RUN.search(parts["Time and memory"])
    if not last_run or not last_run[1].strip():
        yield "**Time and memory** needs <!-- last-run -->some text<!-- /last-run -->; the build fills in the figures."


def closing_sections(chapter: Chapter) -> Problems:
    """The chapter ends with its four closing sections, and none of them is empty."""
    sections = chapter.sections(2)
    last = sections[-len(CLOSING) :]
    if tuple(heading.text for heading in last) != CLOSING:
        found = ", ".join(f"'{heading.text}'" for heading in last) or "none"
        yield None, f"the last H2s are {found}; expected {', '.join(CLOSING)}, in this order."
        return
    for heading, following in zip(last, [*last[1:], None], strict=True):
        if not _COMMENT.sub("", chapter.text_between(heading, following)).strip():
            yield heading.cell, f"'## {heading.text}' is empty."


def headings_in_order(chapter: Chapter) -> Problems:
    """One title, no level skipped, every heading written with ``#`` signs."""
    titles = chapter.sections(1)
    if len(titles) != 1:
        yield titles[1].cell if titles else None, f"the notebook has {len(titles)} H1 headings; expected exactly one."
    previous = 0
    for heading in chapter.headings:
        if not heading.is_atx:
            sign = "#" * heading.level
            yield (
                heading.cell,
                f"the line below {heading.text!r} makes it a heading; write '{sign} ...' or add a blank line.",
            )
        if heading.level > previous + 1 and previous:
            yield heading.cell, f"heading {heading.text!r} jumps from H{previous} to H{heading.level}."
        previous = heading.level
    for cell in chapter.markdown:
        if any(token.type.startswith("html_") and re.search(r"<h[1-6]\b", token.content) for token in cell.tokens):
            yield cell.index, "an HTML heading is missing in the contents; write it with '#' signs."


def metadata_of(chapter: Chapter, key: str) -> Mapping[str, Any]:
    """Return a section of the notebook's metadata, empty if it is missing or not a mapping."""
    value = chapter.metadata.get(key, {})
    return value if isinstance(value, Mapping) else {}
