"""A notebook in the form which the rules read: cells with parsed Python and parsed Markdown, and the headings."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

#: What a rule yields: the cell's index (None: the whole notebook) and the message.
Problem = tuple[int | None, str]
Problems = Iterator[Problem]

# Formulas are parsed as such: an "=" alone on a line of $$...$$ is no underlined heading.
_MARKDOWN = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin)
# The body of these cell magics is ordinary Python in the same kernel, so the rules must see it.
_TRANSPARENT_MAGIC = re.compile(r"\A\s*%%(?:time|timeit|capture|prun)\b[^\n]*")


@dataclass(frozen=True)
class Heading:
    """A Markdown heading: where it stands, ``level`` 1 to 6, and whether it is written with ``#`` signs."""

    cell: int
    line: int
    level: int
    text: str
    is_atx: bool


class Cell:
    """A cell; ``tree`` is None for Markdown, and for code that does not parse (then ``syntax_error`` says why)."""

    def __init__(self, index: int, node: Mapping[str, Any]) -> None:
        self.index = index
        self.node = node
        self.kind: str = node["cell_type"]
        self.source = joined(node["source"])
        self.metadata: Mapping[str, Any] = node["metadata"]
        self.tags = frozenset(self.metadata.get("tags", ()))
        self.tree, self.syntax_error = parse(self.source) if self.kind == "code" else (None, None)

    @cached_property
    def tokens(self) -> list[Token]:
        """Markdown tokens, the children of inline tokens included; empty for other cells."""
        return list(flat_tokens(self.source)) if self.kind == "markdown" else []

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Yield every call with its dotted name."""
        for node in ast.walk(self.tree) if self.tree else ():
            if isinstance(node, ast.Call):
                yield dotted(node.func), node

    def calls_member_of(self, module: str) -> bool:
        """Tell whether the cell calls ``module.something(...)``, also through a package."""
        return any(re.search(rf"(?:^|\.){module}\.\w+$", name) for name, _ in self.calls())

    def strings(self) -> Iterator[str]:
        """Yield every string of the code, the arguments of magics included; ``{}`` fills the gaps of f-strings."""
        nodes = list(ast.walk(self.tree)) if self.tree else []
        fstrings = [node.values for node in nodes if isinstance(node, ast.JoinedStr)]
        pieces = {id(piece) for values in fstrings for piece in values}
        for values in fstrings:
            yield "".join(str(piece.value) if isinstance(piece, ast.Constant) else "{}" for piece in values)
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces:
                yield node.value


class Chapter:
    """A notebook of valid format."""

    def __init__(self, nb: Mapping[str, Any]) -> None:
        self.metadata: Mapping[str, Any] = nb["metadata"]
        self.cells = [Cell(index, node) for index, node in enumerate(nb["cells"])]
        self.code = [cell for cell in self.cells if cell.kind == "code"]
        self.markdown = [cell for cell in self.cells if cell.kind == "markdown"]
        self.headings = [heading for cell in self.markdown for heading in headings(cell)]

    def sections(self, level: int) -> list[Heading]:
        """Return the headings of exactly this level."""
        return [heading for heading in self.headings if heading.level == level]

    def text_between(self, start: Heading, end: Heading | None) -> str:
        """Return all source after the line of ``start`` and before ``end`` (None: the last cell's end)."""
        last = end.cell if end else len(self.cells) - 1
        parts = []
        for cell in self.cells[start.cell : last + 1]:
            lines = cell.source.split("\n")
            stop = end.line if end and cell.index == end.cell else len(lines)
            parts.append("\n".join(lines[start.line + 1 if cell.index == start.cell else 0 : stop]))
        return "\n".join(parts)


def headings(cell: Cell) -> Iterator[Heading]:
    """Yield the headings of a Markdown cell; code blocks hold none."""
    for token, following in zip(cell.tokens, cell.tokens[1:], strict=False):
        if token.type == "heading_open" and token.map:
            yield Heading(cell.index, token.map[0], int(token.tag[1]), following.content, token.markup.startswith("#"))


def flat_tokens(text: str) -> Iterator[Token]:
    """Parse Markdown and yield its block tokens, each followed by its inline children."""
    for token in _MARKDOWN.parse(text):
        yield token
        yield from token.children or ()


def joined(source: str | list[str]) -> str:
    """Return a cell's source as one string; files hold a list of lines."""
    return source if isinstance(source, str) else "".join(source)


def parse(source: str) -> tuple[ast.Module | None, str | None]:
    """Return the syntax tree of a cell, magics turned into calls first, or the reason why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "invalid escape sequence" is ruff's business
            return ast.parse(TransformerManager().transform_cell(_TRANSPARENT_MAGIC.sub("", source))), None
    except SyntaxError as error:
        return None, f"{error.msg} (line {error.lineno})"
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes; nesting too deep for the parser
        return None, str(error) or type(error).__name__


def dotted(node: ast.expr) -> str:
    """Return ``a.b.c`` for a chain of names; ``?`` stands for anything that is not a name, as in ``?.plot``."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "?")
    return ".".join(reversed(parts))
