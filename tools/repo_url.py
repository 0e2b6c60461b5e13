"""The public address of the repository: read from one place, and changed everywhere from there.

``python tools/repo_url.py`` prints the address, ``python tools/repo_url.py NEW-URL`` rewrites ``pyproject.toml`` and
every file that carries the address as text: badges, launch links, citation, the Colab cells of the chapters.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from urllib.parse import quote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = "REPO_URL"
BRANCH = "main"

_ADDRESS = re.compile(r"https://(?P<host>[\w-]+(?:\.[\w-]+)*(?::\d+)?)/(?P<slug>[\w.-]+/[\w.-]+)", re.ASCII)
# The characters that end a repository's name: "name-data" and "name.github.io" are other repositories, "name.git" and
# the full stop of a sentence are not part of the name.
_NAME_ENDS = r"(?![\w-])(?!\.(?!git(?![\w-]))\w)"
# Services whose links hold only owner/name and which take that as a GitHub repository.
_GITHUB_ONLY = r"(?:mybinder\.org/v2/gh/|colab\.research\.google\.com/github/|shields\.io/github/(?:[\w.-]+/)*?)"


def validated(url: str, source: str = "the address") -> str:
    """Return ``url`` unchanged when it is ``https://host/owner/name``; ``source`` names it in the ValueError."""
    match = _ADDRESS.fullmatch(url)
    dots_only = match is not None and any(not part.strip(".") for part in match["slug"].split("/"))
    if match is None or dots_only or url.endswith(".git"):
        raise ValueError(
            f"{source} is {url!r}; expected https://host/owner/name without a trailing slash or '.git', "
            "for example https://github.com/owner/name."
        )
    return url


def declared_url(root: Path = ROOT) -> str:
    """Return the address in ``root/pyproject.toml``, the one that the repository's texts carry (no override)."""
    path = root / "pyproject.toml"
    project = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {})
    url = project.get("urls", {}).get("Repository")
    if not url:
        raise ValueError(f'{path} has no [project.urls] Repository; add: Repository = "https://host/owner/name".')
    return validated(str(url), f"[project.urls] Repository in {path}")


def repo_url() -> str:
    """Return the address: the environment variable REPO_URL if set and not empty, else pyproject.toml's."""
    override = os.environ.get(VARIABLE, "")
    return validated(override, f"environment variable {VARIABLE}") if override else declared_url()


def slug() -> str:
    """Return ``owner/name``."""
    return urlsplit(repo_url()).path.strip("/")


def binder_url(path: str) -> str:
    """Return the Binder link which opens the notebook at ``path``, relative to the repository's root."""
    return f"https://mybinder.org/v2/gh/{_github_slug('Binder')}/HEAD?urlpath=lab/tree/{_quoted(path)}"


def colab_url(path: str) -> str:
    """Return the Colab link which opens the notebook at ``path``, relative to the repository's root."""
    return f"https://colab.research.google.com/github/{_github_slug('Colab')}/blob/{BRANCH}/{_quoted(path)}"


def colab_cell(url: str | None = None) -> str:
    """Return the source of the Colab cell. It holds a ``%pip`` line, so it is IPython and not plain Python."""
    return (
        "# On Google Colab this installs the companion package. Everywhere else it does nothing.\n"
        "import sys\n"
        "\n"
        'if "google.colab" in sys.modules:\n'
        f'    %pip install -q "meteortut @ git+{url or repo_url()}"'
    )


def _github_slug(service: str) -> str:
    url = repo_url()
    if urlsplit(url).hostname != "github.com":
        raise ValueError(
            f"{service} link asked for a repository at {url}; these links are made for github.com only. "
            f"Use a GitHub address (or mirror) in pyproject.toml or {VARIABLE}, or leave the {service} button out."
        )
    return slug()


def _quoted(path: str) -> str:
    if not path or path.startswith("/") or "\\" in path or ".." in path.split("/"):
        raise ValueError(
            f"path is {path!r}; expected a path in the repository, such as notebooks/06_lightcurves.ipynb."
        )
    return quote(path)


def rewritten(text: str, old: str, new: str) -> str:
    """Return ``text`` with the address ``old`` turned into ``new``, only where it is part of a link to the repository.

    A move away from github.com raises ValueError when ``text`` holds a link that works for GitHub alone.
    """
    old_parts, new_parts = urlsplit(old), urlsplit(new)
    old_name, new_name = old_parts.path.strip("/"), new_parts.path.strip("/")
    # "github.com:owner/name" is the address that `git clone` uses over ssh.
    direct = re.compile(rf"(?<![\w.-]){re.escape(old_parts.netloc)}([/:]){re.escape(old_name)}{_NAME_ENDS}")
    text = direct.sub(lambda hit: f"{new_parts.netloc}{hit[1]}{new_name}", text)
    launch = re.compile(rf"(?<![\w-])({_GITHUB_ONLY}){re.escape(old_name)}{_NAME_ENDS}")
    if new_parts.hostname != "github.com" and (found := launch.search(text)):
        raise ValueError(f"{found[0]} works for GitHub only and {new} is elsewhere; remove that link first.")
    return launch.sub(lambda hit: f"{hit[1]}{new_name}", text)


def change_everywhere(new: str, root: Path = ROOT) -> list[Path]:
    """Rewrite the address in every text file that git knows or would add; return the changed paths."""
    old, new = declared_url(root), validated(new)
    changes: dict[Path, str] = {}
    for path in _text_files(root):
        text = _read(path)
        try:
            after = text if text is None else rewritten(text, old, new)
        except ValueError as error:
            raise ValueError(f"{path.relative_to(root)}: {error} Nothing was changed.") from None
        if after is not None and after != text:
            changes[path] = after
    # pyproject.toml goes last: as long as it holds the old address, an interrupted change can be run again.
    for path in sorted(changes, key=lambda item: (item == root / "pyproject.toml", item)):
        _replace(path, changes[path])
    return sorted(changes)


def _text_files(root: Path) -> list[Path]:
    """List the files of the working tree that are not ignored; links and submodules are left alone."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    result = subprocess.run(command, cwd=root, capture_output=True, check=False)
    if result.returncode:
        raise ValueError(f"git ls-files failed in {root}: {result.stderr.decode(errors='replace').strip()}")
    names = {os.fsdecode(name) for name in result.stdout.split(b"\0") if name} | {"pyproject.toml"}
    return sorted(path for name in names if (path := root / name).is_file() and not path.is_symlink())


def _read(path: Path) -> str | None:
    """Return the text with its own line ends, or None for a binary file."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return None


def _replace(path: Path, text: str) -> None:
    """Write by way of a file beside it, so that a reader or a crash never meets half a file."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode("utf-8"))
        shutil.copymode(path, name)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def main(arguments: list[str] | None = None) -> int:
    """Print the address, or change it everywhere and list the changed files."""
    parser = argparse.ArgumentParser(description="Print the repository's public address, or change it everywhere.")
    parser.add_argument("new_url", nargs="?", metavar="NEW-URL", help="https://host/owner/name")
    options = parser.parse_args(arguments)
    try:
        if options.new_url is None:
            print(repo_url())
            return 0
        changed = change_everywhere(options.new_url, ROOT)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for path in changed:
        print(path.relative_to(ROOT))
    print(f"{len(changed)} file(s) changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
