"""tools/check_notebooks.py meets anything: random cells are findings or fine, never a traceback."""

import check_notebooks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lint_chapter import LAST, code, good_chapter, text
from notebook_rules import reading

MARKDOWN = [
    "# ",
    "## ",
    "### ",
    "Exercise ",
    "1: ",
    "![",
    "](",
    "<img ",
    "alt=",
    "<!--",
    "-->",
    "|",
    "-",
    "--",
    "$$",
    "$",
]
MARKDOWN += [
    "```",
    ":::{figure}",
    "**Data**",
    "**You need**",
    "## Before you start",
    "## Exercises",
    "## References",
    "&#",
]
PYTHON = [
    "check.",
    "x(",
    ")",
    "plt.plot(",
    "'",
    '"',
    '"""',
    "f'{",
    "}",
    "import ",
    "torch",
    "keras",
    "from ",
    "try:",
    "=",
    "(",
]
PYTHON += [
    "except:",
    "[",
    "{",
    "\u03bb",
    "@",
    "def f():",
    "lambda",
    "await ",
    ">>> ",
    "In [1]: ",
    ";",
    "%%bash",
    "%pip ",
    "!",
    "?",
]
PATHS = ["/home/", "../", "shared", "C:\\", "~/", "http://[", "%%time", "\\\n", "\n", "    ", "\t", "\r", "\0", "\x0c"]
PIECES = st.sampled_from(MARKDOWN + PYTHON + PATHS)
SOURCES = st.one_of(st.text(), st.lists(PIECES, max_size=25).map("".join), st.lists(st.text(), max_size=4))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(["mystnb", "image", "alt"]), inner)
    ),
    max_leaves=6,
)
METADATA = st.dictionaries(
    st.sampled_from(["mystnb", "tags", "meteortut", "execution", "x"]), JSON
) | st.fixed_dictionaries({"tags": st.lists(st.sampled_from(["solution", "hide-cell", "colab", "cover"]), unique=True)})
CELLS = st.one_of(
    st.builds(code, SOURCES).flatmap(lambda cell: METADATA.map(lambda value: {**cell, "metadata": value})),
    st.builds(text, SOURCES).flatmap(lambda cell: METADATA.map(lambda value: {**cell, "metadata": value})),
    JSON,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cells=st.lists(CELLS, max_size=5), at=st.integers(0, LAST + 1), values=METADATA | JSON)
def test_random_cells_never_crash_the_lint(cells, at, values):
    chapter = good_chapter()
    for nb in (
        {**chapter, "cells": cells},
        {**chapter, "cells": [*chapter["cells"][:at], *cells, *chapter["cells"][at:]]},
        {**chapter, "cells": cells, "metadata": values},
    ):
        findings = check_notebooks.check(nb, "x.ipynb") + check_notebooks.check_executed(nb, "x.ipynb")
        assert all(str(finding).startswith("x.ipynb: ") for finding in findings)


@settings(max_examples=500, deadline=None)
@given(SOURCES.map(reading.joined))
def test_random_source_parses_or_has_a_reason(source):
    tree, reason = reading.parse(source)
    assert (tree is None) == (reason is not None)
    list(reading.flat_tokens(source))


@given(JSON)
def test_anything_else_is_no_notebook(value):
    assert {finding.rule for finding in check_notebooks.check(value, "x.ipynb")} == {"valid_format"}
