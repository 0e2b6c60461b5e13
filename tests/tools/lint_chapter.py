"""A chapter without findings, and small changes to it, for the tests of the lint."""

import copy
import json

import nbformat
import repo_url
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ALT = {"mystnb": {"image": {"alt": "Brightness rises slowly and drops at once after the peak"}}}
BEFORE = """## Before you start

**You will learn**

* to read a light curve
* to clean it
* to classify it

**You need**

| concept | where to learn it |
|---|---|
| median | any book |

**Time and memory** <!-- last-run -->about one minute<!-- /last-run -->

**Data**

| name | size | licence | kind |
|---|---|---|---|
| AOP | 2 MB | CC BY 4.0 | real |
"""
CLOSING = "## Summary\n\nGood.\n\n## What's next\n\nMore.\n\n## References\n\n* A paper."
# Where the parts of the chapter below stand.
TITLE, COLAB, COVER, START, READ, PLOT = 0, 1, 2, 3, 5, 6
FIRST_EXERCISE, LAST = 8, 20


def exercise(number):
    """Return the three cells of an exercise; the fourth one is open-ended."""
    hint = "\n\nThis one is Open-Ended." if number == 4 else ""
    return [
        new_markdown_cell(f"### Exercise {number}: count peaks\n\nCount the peaks.{hint}"),
        new_code_cell("answer = ...\ncheck.peaks(answer)"),
        new_code_cell("answer = 3\ncheck.peaks(answer)", metadata={"tags": ["solution", "hide-cell"]}),
    ]


def good_chapter():
    """A minimal complete chapter without findings, as read from a file."""
    colab = repo_url.colab_cell(repo_url.declared_url())
    nb = new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    nb.metadata["meteortut"] = {"status": "complete"}
    nb.cells = [
        new_markdown_cell("# Light curves"),
        new_code_cell(colab, metadata={"tags": ["colab", "remove-cell"]}),
        new_code_cell("from meteortut import plots\n\nplots.curve(1)", metadata={"tags": ["cover"], **ALT}),
        new_markdown_cell(BEFORE),
        new_markdown_cell("## The data\n\n![a meteor](meteor.png)"),
        new_code_cell("import torch\n\ntable = read('data/table.csv')"),
        new_code_cell("%matplotlib inline\nfig, ax = plt.subplots()\nax.plot(table)", metadata=ALT),
        new_markdown_cell("## Exercises"),
        *(cell for number in range(1, 5) for cell in exercise(number)),
        new_markdown_cell(CLOSING),
    ]
    return json.loads(nbformat.writes(nb))


def code(source, **metadata):
    return dict(new_code_cell(source, metadata=metadata))


def text(source):
    return dict(new_markdown_cell(source))


def insert(cell, at=PLOT):
    """Return a mutation that inserts a cell."""
    return lambda nb: nb["cells"].insert(at, copy.deepcopy(cell))


def swap(index, old, new):
    """Return a mutation that replaces text in a cell."""

    def mutate(nb):
        source = "".join(nb["cells"][index]["source"])
        assert old in source
        nb["cells"][index]["source"] = source.replace(old, new)

    return mutate


def metadata(index, **values):
    """Return a mutation that replaces the metadata of a cell."""
    return lambda nb: nb["cells"][index].update(metadata=values)


def notebook(**values):
    """Return a mutation that updates the notebook's metadata."""
    return lambda nb: nb["metadata"].update(values)


def delete(index, count=1):
    """Return a mutation that deletes cells."""

    def mutate(nb):
        del nb["cells"][index : index + count]

    return mutate


def status(value):
    return notebook(meteortut={"status": value})
