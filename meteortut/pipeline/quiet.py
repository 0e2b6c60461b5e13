"""Import TensorFlow without its greeting: lines about processor instructions, which no setting of its own silences."""

from __future__ import annotations

import importlib
import os
import tempfile


def import_tensorflow() -> None:
    """Import TensorFlow while the process's standard error goes to a file; it is shown when the import fails.

    Warnings and errors of TensorFlow's own code stay on; its remarks are turned off, unless ``TF_CPP_MIN_LOG_LEVEL``
    is set.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    with tempfile.TemporaryFile() as said:
        kept = os.dup(2)
        os.dup2(said.fileno(), 2)  # the lines are written by compiled code, past sys.stderr
        try:
            importlib.import_module("tensorflow")
        except BaseException:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
