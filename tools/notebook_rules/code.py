"""Rules e, f, g and i: what the code of a chapter may do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from notebook_rules.reading import Cell, Chapter, Problems, dotted

LONGEST = 30
TENSORFLOW, PYTORCH = "TensorFlow", "PyTorch"
FRAMEWORKS = {
    **dict.fromkeys(("tensorflow", "keras", "tf_keras", "meteortut.pipeline", "safetensors.tensorflow"), TENSORFLOW),
    **dict.fromkeys(("torch", "torchvision", "captum", "lightning", "pytorch_lightning", "safetensors.torch"), PYTORCH),
    **dict.fromkeys(("meteortut.gradcam", "meteortut.tle_vae"), PYTORCH),
}
_ROOTS = "home|Users|tmp|root|work|content|workspace|var|opt|usr|etc|mnt|media|srv|private|Volumes"
_ABSOLUTE = re.compile(rf"(?<![\w.~}}])/(?:{_ROOTS})(?:/|$)|(?<![\w./])~/|\b[A-Za-z]:\\\w|\b[A-Za-z]:/[\w.]|\bfile://")
# Web addresses have paths of their own, and formulas such as $f:\mathbb{R}$ look like a Windows drive.
_NOT_PATHS = re.compile(r"\b(?:git\+)?(?:https?|ftp|s3|ssh)://[^\s)>\"']*|\$\$.*?\$\$|\$[^$\n]*\$", re.DOTALL)
_OUT_TO_SHARED = re.compile(r"\.\.[\\/](?:\S*[\\/])?shared\b")
_CLIMBS = re.compile(r"(?:^|[\\/])\.\.(?:[\\/]|$)")
_SHARED = re.compile(r"(?:^|[\\/])shared(?:[\\/]|$)")
_INSTALLERS = r"(?:pip3?|conda|mamba|micromamba|apt|apt-get|aptitude|wget|curl)\b"
_INSTALL_COMMAND = re.compile(rf"(?:^|[;&|(]|\bsudo|-m|\buv)\s*{_INSTALLERS}", re.MULTILINE)
_INSTALL_MAGIC = re.compile(rf"(?:{_INSTALLERS}|uv\b)")
_SHELL_MAGICS = frozenset({"bash", "sh", "script", "system", "sx", "!", "!!"})
_SHELL_CALLS = frozenset({"os.system", "os.popen", "pip.main"})
# torch.manual_seed, tf.random.set_seed and keras.utils.set_random_seed are allowed: those frameworks have no other way.
_GLOBAL_SEEDS = frozenset({"np.random.seed", "numpy.random.seed", "random.seed"})


def parses(chapter: Chapter) -> Problems:
    """Every code cell is Python, magics apart."""
    for cell in chapter.code:
        if cell.syntax_error:
            yield cell.index, f"does not parse as Python: {cell.syntax_error}."


def one_framework(chapter: Chapter) -> Problems:
    """TensorFlow and PyTorch together need more memory than the budget, and fight over threads."""
    first: dict[str, tuple[int, str]] = {}
    for cell in chapter.code:
        for module in _imported(cell):
            if framework := _framework(module):
                first.setdefault(framework, (cell.index, module))
    if len(first) > 1:
        (earlier, (there, one)), (later, (here, other)) = first.items()
        yield (
            here,
            f"imports {later} ({other}), but cell {there} imports {earlier} ({one}); one framework per notebook.",
        )


def _imported(cell: Cell) -> Iterator[str]:
    """Yield the dotted names of all modules that the cell may import; ``from a import b`` gives both."""
    for node in ast.walk(cell.tree) if cell.tree else ():
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] in {"import_module", "__import__"}:
            yield from (
                arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
            )


def _framework(module: str) -> str | None:
    parts = module.split(".")
    prefixes = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
    return next((FRAMEWORKS[prefix] for prefix in prefixes if prefix in FRAMEWORKS), None)


def relative_paths(chapter: Chapter) -> Problems:
    """No path of one machine, in code or prose, and no way out of the repository; data_fetch knows where data are."""
    for cell in chapter.cells:
        texts = list(cell.strings()) if cell.kind == "code" else [cell.source]
        for text in texts:
            if hit := _ABSOLUTE.search(_NOT_PATHS.sub(" ", text)):
                yield cell.index, f"absolute path {_around(hit)!r}; ask data_fetch.fetch(name), or use a relative path."
        if _leaves_for_shared(cell, texts):
            yield cell.index, "climbs out of the repository to 'shared'; ask data_fetch.fetch(name) instead."


def _leaves_for_shared(cell: Cell, texts: list[str]) -> bool:
    whole = any(_OUT_TO_SHARED.search(text) for text in texts)
    # In code the parts may be joined later, as in Path("..") / "shared".
    pieces = any(_CLIMBS.search(text) for text in texts) and any(_SHARED.search(text) for text in texts)
    return whole or (cell.kind == "code" and pieces)


def _around(hit: re.Match[str]) -> str:
    return re.split(r"\s", hit.string[hit.start() : hit.start() + 40])[0]


def installs_only_on_colab(chapter: Chapter) -> Problems:
    """The environment is made before the notebook is opened; only Colab gives no chance to."""
    for position, cell in enumerate(chapter.code):
        if position == 0 and "colab" in cell.tags:
            continue
        for command in _commands(cell):
            yield cell.index, f"installs or downloads with {command[:60]!r}; only the Colab cell may."


def _commands(cell: Cell) -> Iterator[str]:
    """Yield what the cell gives to a package manager or downloader, by magic, by shell or by subprocess."""
    for name, call in cell.calls():
        texts = [
            node.value for node in ast.walk(call) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        if name.endswith((".run_line_magic", ".run_cell_magic")):
            magic, *body = texts or [""]
            if _INSTALL_MAGIC.fullmatch(magic) or (magic in _SHELL_MAGICS and _INSTALL_COMMAND.search("\n".join(body))):
                yield " ".join(["%" + magic, *body])
        elif name in _SHELL_CALLS or name.endswith((".getoutput", ".system")):
            yield from (text for text in texts if name == "pip.main" or _INSTALL_COMMAND.search(text))
        elif name.startswith("subprocess.") or name.split(".")[-1] in {
            "run",
            "call",
            "check_call",
            "check_output",
            "Popen",
        }:
            words = [word for text in texts for word in re.split(r"[\s/]", text)]
            if any(re.fullmatch(_INSTALLERS, word) for word in words):
                yield " ".join(texts)


def short_cells(chapter: Chapter) -> Problems:
    """What is longer belongs in the package, where it is tested."""
    for cell in chapter.code:
        lines = len(cell.source.strip().splitlines())
        if lines > LONGEST:
            yield cell.index, f"has {lines} lines; expected at most {LONGEST}. Split it, or move code to the package."


def no_bare_except(chapter: Chapter) -> Problems:
    """``except:`` hides typing errors and the stop button."""
    for cell in chapter.code:
        for node in ast.walk(cell.tree) if cell.tree else ():
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                yield cell.index, "bare 'except:'; name the exception."


def no_global_seed(chapter: Chapter) -> Problems:
    """Seeds are arguments: a global one makes a result depend on the cells that ran before."""
    for cell in chapter.code:
        names = {name for name, _ in cell.calls()} & _GLOBAL_SEEDS
        if names or {"numpy.random.seed", "random.seed"} & set(_imported(cell)):
            yield cell.index, "seeds a global generator; pass rng=np.random.default_rng(seed) instead."
