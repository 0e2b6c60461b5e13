"""The scripts in tools/ are no package: put their folder, and this one with its helpers, where tests can import them."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# First, so that a module of the same name elsewhere never shadows the script under test.
for folder in (HERE, HERE.parents[1] / "tools"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
