"""The house itself: files that must agree, checks that must pass, borders that imports must respect."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CPU_INDEX = "https://download.pytorch.org/whl/cpu"

# The machines that readers have, as environment markers see them.
PLATFORMS = {
    "linux-x86_64": ("linux", "Linux", "x86_64", "posix"),
    "linux-arm64": ("linux", "Linux", "aarch64", "posix"),
    "macos-arm64": ("darwin", "Darwin", "arm64", "posix"),
    "windows": ("win32", "Windows", "AMD64", "nt"),
}
PYTHONS = ("3.11.9", "3.12.8", "3.13.2")


def run(*command: str | Path, cwd: Path = ROOT, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False
    )


def tool(name: str) -> Path:
    """The program of this environment, never one that happens to be on the PATH."""
    found = shutil.which(name, path=str(BIN))
    assert found, f"{name} is not installed beside {sys.executable}; run `make test` or pip install '.[dev]'."
    return Path(found)


def passes(*command: str | Path, cwd: Path = ROOT) -> None:
    result = run(*command, cwd=cwd)
    assert result.returncode == 0, f"{shlex.join(map(str, command))} failed:\n{result.stdout}\n{result.stderr}"


@cache
def tracked_files() -> tuple[Path, ...]:
    """What git knows or would add with `git add .`, so that a file is checked before it is committed, too."""
    listing = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    assert listing.returncode == 0, f"git ls-files failed: {listing.stderr}"
    paths = (ROOT / name for name in sorted(set(listing.stdout.split("\0"))) if name)
    return tuple(path for path in paths if path.is_file() and not path.is_symlink())


def load_yaml(path: str | Path) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


# --- one list of dependencies -----------------------------------------------------------------------------------------


def lock_lines() -> list[str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return [line for line in map(str.strip, lines) if line and not line.startswith("#")]


def lock() -> list[tuple[Requirement, str]]:
    """Each line of the lock, and the one version that it names."""
    pins = []
    for requirement in map(Requirement, lock_lines()):
        (specifier,) = requirement.specifier
        pins.append((requirement, specifier.version))
    return pins


def declared() -> list[Requirement]:
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group]


def environment(platform: str, python: str) -> dict[str, str]:
    sys_platform, system, machine, os_name = PLATFORMS[platform]
    return {
        "sys_platform": sys_platform,
        "platform_system": system,
        "platform_machine": machine,
        "os_name": os_name,
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }


def applies(requirement: Requirement, where: dict[str, str] | None = None) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(where)


def test_every_line_of_the_lock_is_an_exact_version() -> None:
    pinned = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!]+( ?; [^#]+)?")
    strange = [line for line in lock_lines() if not pinned.fullmatch(line)]
    assert not strange, f"not of the form name==version[; marker]: {strange}"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_lock_satisfies_pyproject(platform: str, python: str) -> None:
    where = environment(platform, python)
    pins: dict[str, str] = {}
    for requirement, version in lock():
        if applies(requirement, where):
            name = canonicalize_name(requirement.name)
            assert name not in pins, f"{name} is pinned twice for {platform}, Python {python}"
            pins[name] = version
    wanted = [requirement for requirement in declared() if applies(requirement, where)]
    problems = [
        f"{requirement} has {pins.get(canonicalize_name(requirement.name), 'no line')}"
        for requirement in wanted
        if not requirement.specifier.contains(pins.get(canonicalize_name(requirement.name), "0"), prereleases=True)
        or canonicalize_name(requirement.name) not in pins
    ]
    assert not problems, f"requirements.lock does not meet pyproject.toml; run `make lock`: {problems}"


@pytest.mark.parametrize("python", PYTHONS)
def test_each_platform_gets_its_own_tensorflow(python: str) -> None:
    for platform in PLATFORMS:
        where = environment(platform, python)
        names = {item.name for item, _ in lock() if item.name.startswith("tensorflow") and applies(item, where)}
        assert names == ({"tensorflow-cpu"} if platform == "linux-x86_64" else {"tensorflow"}), platform


@pytest.mark.skipif(
    Path(sys.prefix).resolve() != (ROOT / ".venv").resolve(), reason="only the project's own .venv follows the lock"
)
def test_installed_versions_are_those_of_the_lock() -> None:
    problems = []
    for requirement, version in lock():
        if not applies(requirement):
            continue
        try:
            installed = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            installed = "nothing"
        # "2.13.0+cpu" is the lock's 2.13.0, built for the CPU.
        if installed == "nothing" or Version(installed).public != Version(version).public:
            problems.append(f"{requirement.name}: lock {version}, installed {installed}")
    assert not problems, f".venv differs from requirements.lock: {problems}"


def test_conda_environment_is_the_lock_and_the_package() -> None:
    dependencies = load_yaml("environment.yml")["dependencies"]
    conda = [line for line in dependencies if isinstance(line, str)]
    (pip,) = [line["pip"] for line in dependencies if isinstance(line, dict)]
    assert [line.partition("=")[0] for line in conda] == ["python", "pip"], "conda brings Python and pip, no more"
    assert pip == [f"--extra-index-url {CPU_INDEX}", "-r requirements.lock", "-e ."]
    python = conda[0].partition("=")[2]
    assert SpecifierSet(PROJECT["requires-python"]).contains(python), f"environment.yml asks for Python {python}"


def test_there_is_no_further_list_of_dependencies() -> None:
    pattern = re.compile(
        r"requirements.*\.(txt|in)|constraints.*|environment.*\.ya?ml|Pipfile|setup\.(py|cfg)|.*\.lock"
    )
    found = {path.relative_to(ROOT).as_posix() for path in tracked_files() if pattern.fullmatch(path.name)}
    assert found == {"environment.yml", "requirements.lock"}


def workflows() -> list[Path]:
    return sorted((ROOT / ".github/workflows").glob("*.yml"))


def shell_commands(workflow: Path) -> Iterator[str]:
    for job in load_yaml(workflow)["jobs"].values():
        for step in job["steps"]:
            yield from step.get("run", "").replace("\\\n", " ").splitlines()


def pip_installs(command: str) -> Iterator[list[str]]:
    """What each `pip install` of a shell command asks for, options left out; also within `bash -c "…"`."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = [*lexer, ";"]
    for position, word in enumerate(words):
        if " " in word:
            yield from pip_installs(word)
        elif word == "install" and position and words[position - 1] in {"pip", "pip3"}:
            end = next(i for i in range(position, len(words)) if not set(words[i]) - set("();<>|&"))
            yield [item for item in words[position + 1 : end] if not item.startswith("-") and item != CPU_INDEX]


def test_pip_installs_are_found() -> None:
    command = 'docker run image -c "python3 -m pip install . numpy && ls" ; pip install -e ".[book,dev]" > log'
    assert list(pip_installs(command)) == [[".", "numpy"], [".[book,dev]"]]


@pytest.mark.parametrize("workflow", workflows(), ids=lambda path: path.stem)
def test_workflows_install_only_what_the_project_lists(workflow: Path) -> None:
    allowed = re.compile(r"\.(\[[a-z,]+\])?|requirements\.lock|pip")
    for command in shell_commands(workflow):
        assert not re.search(r"\b(conda|mamba|uv|pipx|poetry) (pip )?(install|create|sync|add)\b", command), command
        for asked in pip_installs(command):
            foreign = [item for item in asked if not allowed.fullmatch(item)]
            assert not foreign, f"{workflow.name} installs {foreign}, which pyproject.toml should list"


# --- Binder -----------------------------------------------------------------------------------------------------------


def copy_of_the_repository(target: Path) -> Path:
    for path in tracked_files():
        copy = target / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    return target


def repo2docker(repository: Path) -> subprocess.CompletedProcess[str]:
    return run(tool("jupyter-repo2docker"), "--no-build", "--debug", repository, cwd=repository)


def test_binder_builds_from_environment_yml(tmp_path: Path) -> None:
    result = repo2docker(copy_of_the_repository(tmp_path))
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    python = load_yaml("environment.yml")["dependencies"][0].partition("=")[2]
    assert f"conda environment for python={python}" in output
    assert re.search(r'env update .*--file "environment\.yml"', output), "the image is not made from environment.yml"


def test_nothing_hides_environment_yml_from_binder() -> None:
    tops = {path.relative_to(ROOT).parts[0] for path in tracked_files()}
    assert not tops & {"binder", ".binder", "Dockerfile", "environment.yaml"}, "Binder would ignore environment.yml"


@pytest.mark.parametrize("broken", ["name: [meteortut\n", "name: meteortut\ndependencies: 3\n"])
def test_binder_refuses_a_broken_environment(tmp_path: Path, broken: str) -> None:
    (tmp_path / "environment.yml").write_text(broken, encoding="utf-8")
    assert repo2docker(tmp_path).returncode != 0


# --- files with a schema, and the plain checks ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("vendor.github-workflows", ".github/workflows/*.yml"),
        ("vendor.dependabot", ".github/dependabot.yml"),
        ("vendor.github-issue-forms", ".github/ISSUE_TEMPLATE/*.yml"),
        ("vendor.citation-file-format", "CITATION.cff"),
    ],
)
def test_file_follows_its_schema(schema: str, pattern: str) -> None:
    files = sorted(ROOT.glob(pattern))
    assert files, f"no file {pattern}"
    # --no-cache, because the schemas come with the tool and nothing may be fetched.
    passes(tool("check-jsonschema"), "--no-cache", "--builtin-schema", schema, *files)


def test_citation_agrees_with_pyproject() -> None:
    citation = load_yaml("CITATION.cff")
    assert citation["version"] == PROJECT["version"]
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in PROJECT["authors"]]
    assert PROJECT["license"] in citation["license"]


def test_licences_are_complete() -> None:
    apache = (ROOT / "LICENSE").read_text(encoding="utf-8")
    creative_commons = (ROOT / "LICENSE-TEXT").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in apache
    assert all(f"\n   {number}. " in apache for number in range(1, 10))
    assert all(f"\nSection {number} -- " in creative_commons for number in range(1, 9))


def test_pre_commit_configuration() -> None:
    passes(tool("pre-commit"), "validate-config", ".pre-commit-config.yaml")
    pins = {requirement.name: version for requirement, version in lock()}
    revisions = {Path(entry["repo"]).name: entry.get("rev") for entry in load_yaml(".pre-commit-config.yaml")["repos"]}
    for repository, name in {"ruff-pre-commit": "ruff", "codespell": "codespell"}.items():
        assert revisions[repository] == f"v{pins[name]}", f"{repository} and requirements.lock differ"


@pytest.mark.parametrize("command", ["ruff check .", "ruff format --check .", "mypy", "codespell"])
def test_plain_check_passes(command: str) -> None:
    name, *arguments = command.split()
    passes(tool(name), *arguments)


def test_ci_script_is_executable_bash() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK), "chmod +x .ci/run"
    passes("bash", "-n", script)


# --- imports: quick, light, and one way -------------------------------------------------------------------------------

FRAMEWORKS = {"tensorflow", "keras", "torch"}
FRAMEWORK_MODULES = {"pipeline", "gradcam", "tle_vae"}
CHAPTERS = {"chunking", "pipeline", "gradcam", "tle_vae", "previewer", "lightcurves", "scaling"}
SHARED = {
    "simulate",
    "metrics",
    "splits",
    "states",
    "shapes",
    "focal",
    "showers",
    "lightning7",
    "windows",
    "plots",
    "widgets",
    "report",
    "check",
}
NETWORK = {"requests", "urllib", "urllib3", "http", "httpx", "aiohttp", "socket", "ftplib", "pooch"}


def sources(package: str) -> list[Path]:
    return [path for path in sorted((ROOT / package).rglob("*.py")) if "__pycache__" not in path.parts]


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_by(path: Path) -> Iterator[str]:
    """Absolute names of all that a file imports, inside functions, too; `from a import b` gives a and a.b."""
    package = dotted(path).split(".") if path.name == "__init__.py" else dotted(path).split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def room(path: Path) -> str:
    """The name below the package: simulate/sky.py and simulate/__init__.py are both in the room "simulate"."""
    return [*dotted(path).split("."), ""][1]


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("path", sources("data_fetch"), ids=dotted)
def test_data_fetch_knows_nothing_of_meteortut(path: Path) -> None:
    wrong = [name for name in imported_by(path) if inside(name, "meteortut")]
    assert not wrong, f"{dotted(path)} imports {wrong}; imports point the other way"


@pytest.mark.parametrize("path", sources("meteortut"), ids=dotted)
def test_meteortut_stays_off_the_network(path: Path) -> None:
    wrong = [name for name in imported_by(path) if name.partition(".")[0] in NETWORK]
    assert not wrong, f"{dotted(path)} imports {wrong}; only data_fetch may use the network"


@pytest.mark.parametrize("path", [path for path in sources("meteortut") if room(path) in SHARED], ids=dotted)
def test_shared_rooms_import_no_chapter(path: Path) -> None:
    chapters = [name for name in imported_by(path) for chapter in CHAPTERS if inside(name, f"meteortut.{chapter}")]
    assert not chapters, f"{dotted(path)} imports {chapters}; a shared room must not need a chapter's module"


def test_relative_imports_are_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """simulate/lightcurves.py and lightcurves.py share a name; only the second one is a chapter."""
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    module = tmp_path / "meteortut/simulate/sky.py"
    module.parent.mkdir(parents=True)
    module.write_text("from .lightcurves import a\ndef f():\n    from .. import lightcurves\n", encoding="utf-8")
    assert list(imported_by(module)) == [
        "meteortut.simulate.lightcurves",
        "meteortut.simulate.lightcurves.a",
        "meteortut",
        "meteortut.lightcurves",
    ]


def fresh_python(code: str) -> Any:
    """Run code in a new interpreter and return what it prints, read as JSON."""
    result = run(sys.executable, "-c", code)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_import_is_quick_and_light() -> None:
    code = (
        "import json, sys, time; start = time.perf_counter(); import meteortut; end = time.perf_counter();"
        "print(json.dumps([end - start, sorted(sys.modules)]))"
    )
    runs = [fresh_python(code) for _ in range(3)]
    heavy = (FRAMEWORKS | {"pandas", "matplotlib"}) & set(runs[0][1])
    assert not heavy, f"import meteortut brings {sorted(heavy)}"
    assert min(seconds for seconds, _ in runs) < 0.5


@pytest.mark.parametrize("installed", [True, False], ids=["frameworks installed", "frameworks missing"])
def test_modules_import_without_a_framework(installed: bool) -> None:
    names = [dotted(path) for path in sources("meteortut") if room(path) not in FRAMEWORK_MODULES | {"__main__"}]
    code = f"""
import importlib, json, sys
if not {installed}:
    sys.modules.update(dict.fromkeys({sorted(FRAMEWORKS)}))
problems = {{}}
for name in {names}:
    try:
        importlib.import_module(name)
    except ImportError as error:
        problems[name] = str(error)
    loaded = [item for item in {sorted(FRAMEWORKS)} if sys.modules.get(item) is not None]
    if loaded:
        problems[name] = f"brings {{loaded}}"
        break
print(json.dumps(problems))
"""
    assert fresh_python(code) == {}


# --- what no file may hold --------------------------------------------------------------------------------------------

# In pieces, so that this file does not hold them.
REGISTRY_HOSTS = [f"{host}.org" for host in ("pypi", "pythonhosted", "deb.debian", "registry.npmjs")]
# Somebody's home folder; not the path of a web address, and not an example's /…/me/.
MACHINE_PATH = re.compile(r"(?<![\w.:/~$}-])/(?:home|Users|root)/(?!me\b)\w+|file:///(?:opt|srv|mnt|tmp)/")


def texts() -> Iterator[tuple[str, str]]:
    for path in tracked_files():
        # latin-1 reads any bytes: a path baked into a weight file or an image is found as well.
        yield path.relative_to(ROOT).as_posix(), path.read_bytes().decode("latin-1")


def test_no_file_names_a_registry() -> None:
    found = [(name, host) for name, text in texts() for host in REGISTRY_HOSTS if host in text.lower()]
    assert not found, f"a package index belongs into the reader's own settings: {found}"


def test_no_file_knows_this_machine() -> None:
    here = [str(path) for path in (ROOT, ROOT.parent / "shared", Path(sys.prefix)) if len(path.parts) > 2]
    boundary = re.compile("|".join(rf"(?<![\w.:/-]){re.escape(path)}(?![\w-])" for path in here))
    found = [
        (name, match.group())
        for name, text in texts()
        for match in [MACHINE_PATH.search(text) or (boundary.search(text) if here else None)]
        if match
    ]
    assert not found, f"a path of one machine: {found}"


def test_notebooks_carry_no_outputs() -> None:
    full = []
    for path in (path for path in tracked_files() if path.suffix == ".ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        if any(cell.get("outputs") or cell.get("execution_count") for cell in cells):
            full.append(path.relative_to(ROOT).as_posix())
    assert not full, f"strip their outputs with nbstripout: {full}"


# --- words that must be true ------------------------------------------------------------------------------------------


def pages() -> list[Path]:
    named = [path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md") if path.exists()]
    return named + [
        path for path in tracked_files() if path.suffix == ".md" and path.relative_to(ROOT).parts[0] == "book"
    ]


def quoted_commands(text: str) -> str:
    """The fenced blocks and `code spans` of a page, a line each: "make sure" in a sentence is no command."""
    fences = re.findall(r"^ *(```+|~~~+)[^\n]*\n(.*?)^ *\1", text, flags=re.DOTALL | re.MULTILINE)
    spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)
    return "\n".join([*(body for _, body in fences), *spans])


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_on_the_page_exist(page: Path) -> None:
    commands = quoted_commands(page.read_text(encoding="utf-8"))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {name for line in re.findall(r"^([\w. -]+):(?!=)", makefile, flags=re.MULTILINE) for name in line.split()}
    calls = re.findall(r"^\s*(?:\$ )?(?:\w+=\S+ )*make((?: +[a-z][\w-]*)+)", commands, flags=re.MULTILINE)
    asked = {name for call in calls for name in call.split()}
    assert asked <= targets, f"no such target in the Makefile: {sorted(asked - targets)}"
    scripts = set(re.findall(r"\btools/\w+\.py\b", commands))
    missing = sorted(script for script in scripts if not (ROOT / script).exists())
    assert not missing, f"no such script: {missing}"
