"""Run a risky read in a process of its own, with a limit on time.

Some libraries written in C hang or crash on damaged bytes, and take the notebook's kernel with them: HDF5 loops for
ever on some files in which a few bytes have changed. Apart, the kernel survives and the file is reported like any other.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from data_fetch.readers.errors import UnreadableFile

__all__ = ["run_apart"]


def run_apart(script: str | Path, arguments: list[str], path: str | Path, expected: str, timeout_s: float) -> bytes:
    """Run a Python script and return what it writes to its standard output.

    Parameters
    ----------
    script : path-like
        The script; it imports no module of this package, so that it starts quickly, and sets its own limit of memory.
    arguments : list of str
        Its arguments.
    path : path-like
        The file that is read, for the message.
    expected : str
        What was expected of it, for the message.
    timeout_s : float
        The script is ended after so many seconds.

    Returns
    -------
    bytes

    Raises
    ------
    UnreadableFile
        The script took too long, crashed, or failed; its last line on standard error is in the message.
    """
    # One thread: libraries of linear algebra reserve memory per core, which would count against the script's limit.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(script), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnreadableFile(path, f"reading it did not end within {timeout_s:g} s", expected) from error
    if done.returncode < 0:
        raise UnreadableFile(path, f"reading it crashed (signal {-done.returncode})", expected)
    if done.returncode > 0:
        said = done.stderr.decode("utf-8", errors="replace").strip().splitlines() or ["no reason was given"]
        raise UnreadableFile(path, said[-1][:300], expected)
    return done.stdout
