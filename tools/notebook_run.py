"""One notebook in one fresh kernel: run its cells within budget, then take what it recorded out of its outputs.

A failure of the notebook comes back as text, not as an exception.
"""

from __future__ import annotations

import contextlib
import logging
import math
import re
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from kernel_watch import POLL_SECONDS, Budget, Family, KernelWatch, Tick, over_budget, over_time
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from meteortut.report import MIME

ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
WIDGETS = "application/vnd.jupyter.widget-state+json"


@dataclass(frozen=True)
class Run:
    """What a run used, and what went wrong (None when nothing did)."""

    seconds: float
    peak_rss_mib: float
    failure: str | None = None


def code_cells(notebook: NotebookNode) -> Iterator[tuple[int, str, NotebookNode]]:
    """Yield (index, name, cell) of every cell that runs.

    The name is ``cell 3 (first line)``; it counts from 1 as Jupyter's ``[1]`` does.
    """
    indexed = [(i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]
    for number, (index, cell) in enumerate(indexed, start=1):
        yield index, f"cell {number} ({cell.source.strip().splitlines()[0]})", cell


def execute(
    notebook: NotebookNode, folder: Path, budget: Budget, on_tick: Tick, poll_seconds: float = POLL_SECONDS
) -> Run:
    """Run a notebook's cells in a fresh kernel of this interpreter; outputs are written into ``notebook``.

    ``on_tick`` is called from another thread at every poll.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client, family = _client(notebook, folder, budget), Family()
    with contextlib.ExitStack() as cleanup:
        log = cleanup.enter_context(tempfile.TemporaryFile())
        cleanup.callback(family.kill)  # runs after the kernel was asked politely
        try:
            cleanup.enter_context(client.setup_kernel(cleanup_kc=True, env=family.env(), stdout=log, stderr=log))
            reply = client.wait_for_reply(client.kc.kernel_info())
        except (RuntimeError, OSError) as error:
            return Run(0.0, 0.0, f"the kernel did not start: {error}{_tail(log)}")
        family.pid = client.km.provisioner.pid
        notebook.metadata["language_info"] = reply["content"]["language_info"]
        with KernelWatch(family, budget, on_tick, poll_seconds) as watch:
            client.timeout_func = watch.left
            failure = _run_cells(client, watch, budget, log)
            seconds = watch.seconds
        if failure is not None:
            family.kill()
    return Run(seconds, watch.peak_rss_mib, failure)


def _client(notebook: NotebookNode, folder: Path, budget: Budget) -> Any:  # nbclient types each attribute as maybe None
    # With no folder to search, the one spec left is ipykernel's own, which starts sys.executable. A "python3" that the
    # user installed for another environment would win otherwise.
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    quiet = logging.getLogger("run_notebooks")
    quiet.setLevel(logging.CRITICAL + 1)  # what nbclient logs, the failure says
    return NotebookClient(
        notebook,
        km=manager,
        log=quiet,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        iopub_timeout=math.ceil(budget.seconds),
        raise_on_iopub_timeout=True,  # the default drops outputs, and records with them, of a cell that prints a lot
    )


def _run_cells(client: Any, watch: KernelWatch, budget: Budget, log: IO[bytes]) -> str | None:
    failure = None
    for index, name, _ in code_cells(client.nb):
        watch.cell += 1
        problem = _run_cell(client, watch, budget, index, log)
        if problem is not None:
            failure = f"{name}: {problem}"
            break
    client.set_widgets_metadata()
    return failure


def _run_cell(client: Any, watch: KernelWatch, budget: Budget, index: int, log: IO[bytes]) -> str | None:
    cell = client.nb.cells[index]
    try:
        client.execute_cell(cell, index, execution_count=watch.cell)
    except CellExecutionError as error:
        traceback = next((o.traceback for o in reversed(cell.outputs) if o.output_type == "error"), [str(error)])
        return f"{error.ename}: {error.evalue}\n" + ANSI.sub("", "\n".join(traceback))
    except CellTimeoutError:
        return over_budget(watch.seconds, watch.measure(), budget) or over_time(watch.seconds, budget)
    except DeadKernelError:
        return over_budget(watch.seconds, watch.measure(), budget) or f"{_death(client)}{_tail(log)}"
    return over_budget(watch.seconds, watch.measure(), budget)


def _death(client: Any) -> str:
    code = client.km.provisioner.process.poll()
    how = f"exit status {code}" if code is None or code >= 0 else f"signal {-code}, {signal.strsignal(-code)}"
    return f"the kernel died by itself ({how})"


def _tail(log: IO[bytes], n_bytes: int = 2000) -> str:
    log.seek(0)
    text = ANSI.sub("", log.read()[-n_bytes:].decode(errors="replace")).strip()
    return f"\n{text}" if text else ""


def harvest(notebook: NotebookNode) -> tuple[dict[str, Any], list[str]]:
    """Take what a chapter recorded out of its outputs.

    Returns
    -------
    recorded : dict
        Recorded values, a later one in the place of an earlier one of the same name.
    refused : list of str
        One sentence for every solution that its own check does not accept.
    """
    recorded: dict[str, Any] = {}
    refused = []
    for _, name, cell in code_cells(notebook):
        cell.outputs, payloads = _without_records(cell.outputs)
        for payload in payloads:
            recorded.update(payload.get("record", {}))
            check = payload.get("check")
            if check is not None and check["passed"] is not True and "solution" in cell.metadata.get("tags", []):
                refused.append(f"{name}: the solution of {check['name']!r} is refused by its own check")
    for widget in notebook.metadata.get("widgets", {}).get(WIDGETS, {}).get("state", {}).values():
        if "outputs" in widget["state"]:  # an Output widget: what it shows depends on the reader, so it records nothing
            widget["state"]["outputs"] = _without_records(widget["state"]["outputs"])[0]
    return recorded, refused


def _without_records(outputs: list[Any]) -> tuple[list[Any], list[dict[str, Any]]]:
    kept, payloads = [], []
    for output in outputs:
        data = output.get("data", {})
        payload = data.pop(MIME, None)
        output.get("metadata", {}).pop(MIME, None)
        if payload is not None:
            payloads.append(payload)
        if payload is None or data:
            kept.append(output)
    return kept, payloads
