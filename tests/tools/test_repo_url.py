"""tools/repo_url.py: one address, validated, and changed in links to the repository and nowhere else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import repo_url
from hypothesis import given
from hypothesis import strategies as st

OLD = "https://github.com/old-owner/old.name"
NEW = "https://github.com/new-owner/new_name"


@pytest.fixture(autouse=True)
def no_override(monkeypatch):
    monkeypatch.delenv(repo_url.VARIABLE, raising=False)


@pytest.fixture
def checkout(tmp_path):
    """A git repository with tracked, new, ignored and binary files."""
    files = {
        "pyproject.toml": f'[project]\nname = "x"\n[project.urls]\nRepository = "{OLD}"\nIssues = "{OLD}/issues"\n',
        "README.md": "Clone git@github.com:old-owner/old.name.git, or ask old-owner/old.name.\r\n",
        "CITATION.cff": f"repository-code: {OLD}\n",
        ".github/ISSUE_TEMPLATE/config.yml": f"url: {OLD}/discussions\n",
        "book/chapters/01.ipynb": '{"source": "%pip install -q \\"meteortut @ git+' + OLD + '\\""}',
        "other.txt": "https://github.com/old-owner/other and old-owner/old.name\n",
        ".gitignore": "_build/\n",
        "_build/page.html": OLD,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\xff" + OLD.encode())
    (tmp_path / "link.md").symlink_to("README.md")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    (tmp_path / "new.md").write_text(f"not yet added: {OLD}.")
    return tmp_path


def test_the_project_has_a_valid_address():
    assert repo_url.repo_url() == repo_url.declared_url()
    assert repo_url.repo_url().endswith("/" + repo_url.slug())


def test_environment_overrides_and_empty_does_not(monkeypatch):
    monkeypatch.setenv(repo_url.VARIABLE, NEW)
    assert repo_url.repo_url() == NEW
    assert repo_url.slug() == "new-owner/new_name"
    assert repo_url.declared_url() != NEW
    monkeypatch.setenv(repo_url.VARIABLE, "")
    assert repo_url.repo_url() == repo_url.declared_url()


@pytest.mark.parametrize(
    "bad",
    [
        NEW + "/",
        NEW + ".git",
        NEW + "/tree/main",
        NEW + "?a=b",
        NEW + "\n",
        "http://github.com/a/b",
        "a/b",
        "x",
        "https://h/a",
    ]
    + ["https:///a/b", "https://github.com//b", "https://user:pw@github.com/a/b", "https://github.com/a/..", " " + NEW],
)
def test_bad_address_is_refused(bad, monkeypatch):
    monkeypatch.setenv(repo_url.VARIABLE, bad)
    with pytest.raises(ValueError, match="REPO_URL is .*expected https://host/owner/name without a trailing slash"):
        repo_url.repo_url()


@pytest.mark.parametrize("text", ["", "[project]\n", "[project.urls]\nRepository = ''\n"])
def test_pyproject_without_address(text, tmp_path):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ValueError, match=r"has no \[project.urls\] Repository; add"):
        repo_url.declared_url(tmp_path)


def test_launch_links(monkeypatch):
    monkeypatch.setenv(repo_url.VARIABLE, NEW)
    assert repo_url.binder_url("notebooks/06.ipynb") == (
        "https://mybinder.org/v2/gh/new-owner/new_name/HEAD?urlpath=lab/tree/notebooks/06.ipynb"
    )
    assert repo_url.colab_url("notebooks/a b&c.ipynb") == (
        "https://colab.research.google.com/github/new-owner/new_name/blob/main/notebooks/a%20b%26c.ipynb"
    )


@pytest.mark.parametrize("link", [repo_url.binder_url, repo_url.colab_url])
def test_launch_links_refuse_other_hosts_and_other_paths(link, monkeypatch):
    for path in ["", "/notebooks/06.ipynb", "../x.ipynb", "notebooks\\06.ipynb"]:
        with pytest.raises(ValueError, match="expected a path in the repository"):
            link(path)
    monkeypatch.setenv(repo_url.VARIABLE, "https://gitlab.com/owner/name")
    with pytest.raises(ValueError, match="github.com only"):
        link("notebooks/06.ipynb")


def test_colab_cell(monkeypatch):
    monkeypatch.setenv(repo_url.VARIABLE, NEW)
    lines = repo_url.colab_cell().splitlines()
    assert lines[0] == "# On Google Colab this installs the companion package. Everywhere else it does nothing."
    assert lines[1:4] == ["import sys", "", 'if "google.colab" in sys.modules:']
    assert lines[4:] == [f'    %pip install -q "meteortut @ git+{NEW}"']
    assert repo_url.colab_cell("https://h/a/b").endswith('git+https://h/a/b"')


LINKS = [
    "{url}",
    "({url}).",
    "{url}.git",
    "git+{url}@main",
    "{url}/actions/workflows/ci.yml/badge.svg",
    "git@github.com:{slug}.git",
    "https://www.mybinder.org/v2/gh/{slug}/HEAD?urlpath=lab/tree/{slug2}",
    "https://colab.research.google.com/github/{slug}/blob/main/x.ipynb",
    "https://img.shields.io/github/license/{slug}",
    "https://img.shields.io/github/actions/workflow/status/{slug}/ci.yml?branch=main",
]


@pytest.mark.parametrize("link", LINKS)
def test_links_are_rewritten(link):
    def written(url):
        return link.format(url=url, slug=url.removeprefix("https://github.com/"), slug2="a/b")

    assert repo_url.rewritten(f"see {written(OLD)} there", OLD, NEW) == f"see {written(NEW)} there"


@pytest.mark.parametrize(
    "text",
    ["old-owner/old.name", f"{OLD}-data", f"{OLD}.github.io", f"{OLD}2", "https://github.com/old-owner", f"{OLD}.git-x"]
    + [
        "https://github.com/old-owner/old-name",
        "https://notgithub.com/old-owner/old.name",
        "https://x.org/old-owner/old.name",
    ]
    + ["https://github.com/my-old-owner/old.name", "https://mybinder.org/v2/gl/old-owner/old.name"],
)
def test_everything_else_is_left_alone(text):
    assert repo_url.rewritten(text, OLD, NEW) == text


@given(st.text())
def test_text_without_the_address_is_unchanged(text):
    assert repo_url.rewritten(text, OLD, NEW) == text


def test_move_to_another_host():
    elsewhere = "https://codeberg.org/group/name"
    assert repo_url.rewritten(f"{OLD}/issues", OLD, elsewhere) == f"{elsewhere}/issues"
    assert repo_url.rewritten(f"{elsewhere}/issues", elsewhere, OLD) == f"{OLD}/issues"
    with pytest.raises(ValueError, match="works for GitHub only"):
        repo_url.rewritten("https://mybinder.org/v2/gh/old-owner/old.name/HEAD", OLD, elsewhere)


def test_change_everywhere(checkout):
    (checkout / "README.md").chmod(0o755)
    untouched = {name: (checkout / name).read_bytes() for name in ["other.txt", "logo.png", "_build/page.html"]}
    changed = {path.relative_to(checkout).as_posix() for path in repo_url.change_everywhere(NEW, checkout)}
    assert changed == {
        "pyproject.toml",
        "README.md",
        "CITATION.cff",
        ".github/ISSUE_TEMPLATE/config.yml",
        "book/chapters/01.ipynb",
        "new.md",
    }
    assert repo_url.declared_url(checkout) == NEW
    text = (checkout / "README.md").read_bytes().decode()
    assert text == "Clone git@github.com:new-owner/new_name.git, or ask old-owner/old.name.\r\n"
    assert (checkout / "README.md").stat().st_mode & 0o777 == 0o755
    assert (checkout / "link.md").is_symlink()
    assert all((checkout / name).read_bytes() == data for name, data in untouched.items())
    assert not [path for path in checkout.rglob(".*") if re.match(r"\.(README|new|pyproject)", path.name)]
    assert repo_url.change_everywhere(NEW, checkout) == []


def test_refused_change_leaves_every_file(checkout):
    (checkout / "z.md").write_text("https://mybinder.org/v2/gh/old-owner/old.name/HEAD")
    with pytest.raises(ValueError, match="z.md: .*Nothing was changed"):
        repo_url.change_everywhere("https://gitlab.com/a/b", checkout)
    with pytest.raises(ValueError, match="expected https"):
        repo_url.change_everywhere("gitlab.com/a/b", checkout)
    assert repo_url.declared_url(checkout) == OLD
    assert OLD in (checkout / "CITATION.cff").read_text()


def test_interrupted_change_can_be_repeated(checkout, monkeypatch):
    """pyproject.toml is written last, so that the old address is still known."""
    replace, written = repo_url._replace, []

    def interrupted(path, text):
        if len(written) == 2:
            raise OSError("disk full")
        written.append(path)
        replace(path, text)

    monkeypatch.setattr(repo_url, "_replace", interrupted)
    with pytest.raises(OSError, match="disk full"):
        repo_url.change_everywhere(NEW, checkout)
    assert repo_url.declared_url(checkout) == OLD
    monkeypatch.setattr(repo_url, "_replace", replace)
    repo_url.change_everywhere(NEW, checkout)
    assert repo_url.declared_url(checkout) == NEW
    assert NEW in (checkout / "CITATION.cff").read_text()


def test_failed_write_leaves_the_file_and_no_rest(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError("no")

    (tmp_path / "a.md").write_text("before")
    monkeypatch.setattr(repo_url.os, "replace", refused)
    with pytest.raises(OSError, match="no"):
        repo_url._replace(tmp_path / "a.md", "after")
    assert [path.name for path in tmp_path.iterdir()] == ["a.md"]
    assert (tmp_path / "a.md").read_text() == "before"


def test_outside_a_git_repository(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text(f'[project.urls]\nRepository = "{OLD}"\n')
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ValueError, match="git ls-files failed"):
        repo_url.change_everywhere(NEW, tmp_path)


def test_command_line(checkout, monkeypatch, capsys):
    assert repo_url.main([]) == 0
    assert capsys.readouterr().out.strip() == repo_url.repo_url()
    monkeypatch.setattr(repo_url, "ROOT", checkout)
    assert repo_url.main([NEW]) == 0
    assert "CITATION.cff\n" in capsys.readouterr().out
    assert repo_url.main(["nonsense"]) == 1
    assert "expected https://host/owner/name" in capsys.readouterr().err


def test_runs_as_a_script():
    script = Path(repo_url.__file__)
    result = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, cwd="/")
    assert result.stdout.strip() == repo_url.declared_url()
