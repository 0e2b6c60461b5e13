"""Rule c: exercises are numbered, can be checked, and hide their solutions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from notebook_rules.reading import Cell, Chapter, Heading, Problems
from notebook_rules.template import metadata_of

# How many exercises a chapter has: "opening" is the first part of a chapter that is still being written.
LEAST = {"opening": 1, "complete": 4}
_TITLE = re.compile(r"Exercise (\d+): \S")
_TITLE_LIKE = re.compile(r"Exercise\b", re.IGNORECASE)


@dataclass(frozen=True)
class Exercise:
    """An exercise: its heading, and the cells up to the next exercise or H2."""

    heading: Heading
    cells: list[Cell]
    statement: str


def exercises(chapter: Chapter) -> list[Exercise]:
    """Return the exercises of a chapter in order."""
    return [_exercise(chapter, heading) for heading in chapter.headings if _is_exercise(heading)]


def _is_exercise(heading: Heading) -> bool:
    return heading.level == 3 and _TITLE_LIKE.match(heading.text) is not None


def _exercise(chapter: Chapter, heading: Heading) -> Exercise:
    later = chapter.headings[chapter.headings.index(heading) + 1 :]
    end = next((item for item in later if item.level <= 2 or _is_exercise(item)), None)
    cells = chapter.cells[heading.cell + 1 : end.cell if end else None]
    solved = next((cell.index for cell in cells if "solution" in cell.tags), len(chapter.cells))
    prose = [cell.source for cell in cells if cell.kind == "markdown" and cell.index < solved]
    # In the heading's own cell only what follows the title belongs to this exercise.
    own_end = end if end and end.cell == heading.cell else None
    own = chapter.cells[heading.cell].source.split("\n")[heading.line + 1 : own_end.line if own_end else None]
    return Exercise(heading, cells, "\n".join([heading.text, *own, *prose]))


def exercises_numbered(chapter: Chapter) -> Problems:
    """``### Exercise N: title``, from 1, without a gap."""
    number = 0
    for heading in chapter.headings:
        match = _TITLE.match(heading.text)
        if match and heading.level != 3:
            yield heading.cell, f"{heading.text!r} is an H{heading.level}; write it as '### Exercise N: title'."
        elif _is_exercise(heading):
            number += 1
            if match is None or int(match[1]) != number:
                yield heading.cell, f"heading {heading.text!r}; expected '### Exercise {number}: title'."


def exercises_checkable(chapter: Chapter) -> Problems:
    """A ``check.`` call for the reader, then a folded solution that passes it."""
    for exercise in exercises(chapter):
        for message in _cell_problems(exercise):
            yield exercise.heading.cell, f"{exercise.heading.text!r}: {message}"


def _cell_problems(exercise: Exercise) -> Iterator[str]:
    code = [cell for cell in exercise.cells if cell.kind == "code"]
    attempts = [cell.index for cell in code if "solution" not in cell.tags and cell.calls_member_of("check")]
    solutions = [cell for cell in code if "solution" in cell.tags]
    if not attempts:
        yield "no code cell calls check.… for the reader's answer."
    if not solutions:
        yield "no code cell has the tag 'solution'."
        return
    if attempts and attempts[0] > solutions[0].index:
        yield "the solution stands before the reader's check.… cell."
    if not any(cell.calls_member_of("check") for cell in solutions):
        yield "the solution does not call check.…, so nothing shows that it is right."
    if any("hide-cell" not in cell.tags for cell in solutions):
        yield "the solution lacks the tag 'hide-cell', so the page shows it unfolded."


def exercises_enough(chapter: Chapter) -> Problems:
    """As many exercises as the chapter's status asks for, one of them open-ended."""
    status = metadata_of(chapter, "meteortut").get("status")
    if not isinstance(status, str) or status not in LEAST:
        yield None, f"metadata.meteortut.status is {status!r}; expected one of {', '.join(LEAST)}."
        return
    found = exercises(chapter)
    if len(found) < LEAST[status]:
        yield None, f"{len(found)} exercises; a chapter with status {status!r} needs at least {LEAST[status]}."
    if status == "complete" and not any("open-ended" in exercise.statement.lower() for exercise in found):
        yield None, "no exercise is called 'open-ended' in its title or statement; one must be."


def solutions_in_exercises(chapter: Chapter) -> Problems:
    """make_student.py removes solutions; outside an exercise that would tear a hole into the chapter."""
    inside = {cell.index for exercise in exercises(chapter) for cell in exercise.cells}
    for cell in chapter.cells:
        if "solution" in cell.tags and cell.index not in inside:
            yield cell.index, "has the tag 'solution' but belongs to no exercise."
