"""Numbers that a chapter prints: said in a sentence, and recorded under a name.

No number in the book is typed by hand. A chapter hands it to :func:`say`, which shows the sentence as Markdown (the same in
Jupyter, on Binder and on the page) and leaves the values in the cell's output, where the runner finds them.
"""

from __future__ import annotations

import math
import os
import string
from typing import Any

#: MIME type under which a cell's output carries recorded values: ``{"record": {name: value}}``. Front ends ignore it.
MIME = "application/vnd.meteortut+json"

Scalar = bool | int | float | str | None


def say(template: str, **values: Any) -> None:
    """Show a sentence as Markdown with its numbers filled in, and record the numbers.

    Parameters
    ----------
    template : str
        Markdown with format fields, ``"We read **{n_records:,}** records."``
    **values : bool, int, float, str or None
        One value for every field (NumPy scalars too). A value that no field uses is recorded all the same.

    Raises
    ------
    ValueError
        If a field has no value, or a number is not finite.
    TypeError
        If a value is not a scalar.

    Examples
    --------
    >>> say("We read **{n_records:,}** records.", n_records=12010)  # doctest: +SKIP
    """
    recorded = _plain(values)
    missing = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None and name not in values]
    if missing:
        raise ValueError(f"the sentence uses {missing} but got values for {sorted(values)}. Pass each as a keyword.")
    text = template.format(**recorded)
    _display({"text/markdown": text, "text/plain": text, MIME: {"record": recorded}})


def record(**values: Any) -> None:
    """Record values silently; same rules as :func:`say`.

    Raises
    ------
    ValueError
        If a number is not finite.
    TypeError
        If a value is not a scalar.
    """
    _display({MIME: {"record": _plain(values)}})


def _plain(values: dict[str, Any]) -> dict[str, Scalar]:
    return {name: _scalar(name, value) for name, value in values.items()}


def _scalar(name: str, value: Any) -> Scalar:
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()  # NumPy scalars are not JSON
    if not isinstance(value, bool | int | float | str | None):
        raise TypeError(
            f"{name} is a {type(value).__name__}; expected a number, bool, str or None. Reduce it to a scalar."
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is {value}; a number in the book is finite. Find out why before printing it.")
    return value


def _display(bundle: dict[str, Any]) -> None:
    from IPython.display import display

    display(bundle, raw=True)


def fallback(error: Exception) -> bool:
    """Tell the reader that simulated records take the place of real ones.

    Parameters
    ----------
    error : Exception
        Why the real data could not be had.

    Returns
    -------
    bool
        ``True``, to be recorded as ``used_fallback``.

    Raises
    ------
    Exception
        The error itself when the environment variable ``METEORTUT_REQUIRE_REAL`` is 1: a build must not pass on simulated data.
    """
    if os.environ.get("METEORTUT_REQUIRE_REAL") == "1":
        raise error
    text = (
        "> **No real data here.** The files could not be had, so this page runs on *simulated* records. Its numbers say nothing"
        f" about real meteors.\n>\n> {str(error).splitlines()[0]}"
    )
    _display({"text/markdown": text, "text/plain": text})
    return True
