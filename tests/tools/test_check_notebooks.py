"""tools/check_notebooks.py: a good chapter passes, every rule catches its fault, and nothing makes the lint crash."""

import json
import subprocess
import sys

import check_notebooks
import nbformat
import pytest
import repo_url
from lint_chapter import (
    ALT,
    COLAB,
    FIRST_EXERCISE,
    LAST,
    READ,
    code,
    delete,
    good_chapter,
    insert,
    metadata,
    status,
    swap,
    text,
)
from lint_faults import MUTATIONS
from nbformat.v4 import new_output


@pytest.fixture
def chapter():
    return good_chapter()


@pytest.fixture(autouse=True)
def no_override(monkeypatch):
    monkeypatch.delenv(repo_url.VARIABLE, raising=False)


def test_a_good_chapter_has_no_findings(chapter):
    assert check_notebooks.check(chapter, "x.ipynb") == []


def test_a_notebook_node_is_as_good_as_a_file(chapter):
    assert check_notebooks.check(nbformat.from_dict(chapter), "x.ipynb") == []


def test_an_opening_needs_one_exercise(chapter):
    delete(FIRST_EXERCISE + 3, 9)(chapter)
    status("opening")(chapter)
    assert check_notebooks.check(chapter, "x.ipynb") == []


@pytest.mark.parametrize(
    ("rule", "mutate"),
    [
        pytest.param(rule, mutate, id=f"{rule}-{number}")
        for rule, mutations in MUTATIONS.items()
        for number, mutate in enumerate(mutations)
    ],
)
def test_each_fault_is_found_by_its_rule_alone(rule, mutate, chapter):
    mutate(chapter)
    findings = check_notebooks.check(chapter, "x.ipynb")
    assert {finding.rule for finding in findings} == {rule}, [str(finding) for finding in findings]


def test_every_rule_has_a_mutation():
    assert set(MUTATIONS) == {rule.__name__ for rule in check_notebooks.RULES} | {"valid_format"}


@pytest.mark.parametrize(
    "cell",
    [
        code(
            "# a comment\nplt.close('all')\nplt.style.use('grey')\nfig.savefig('x.png')\nclient.scatter(x)\noptimiser.step()"
        ),
        code("def show(ax):\n    ax.plot(x)"),
        code("widgets.slider(lambda i: plt.plot(x[i]))"),
        code("torch.manual_seed(1)\nrng = np.random.default_rng(1)\nrandom.Random(1)"),
        code("!ls data\n%timeit f(x)\n%load_ext autoreload"),
        code("%%bash\nls | grep pip"),
        code(
            "requests = ['https://x.org/home/tmp/x', f'{root}/tmp/x', './tmp/x', '%H:%M', r'$f:\\mathbb{R}$', '../data']"
        ),
        code("subprocess.run(['git', 'status'], check=True)"),
        code("subprocess.run(['git', 'log', '--grep', 'pipeline'], check=True)"),
        code("from meteortut import gradcam, tle_vae\nimport captum, lightning, safetensors.torch"),
        code("await f(x)\nf?"),
        code("x = 1\n" * 30),
        code(""),
        text("```python\n# a comment, no heading\n```\n\n    # code\n\n$$\na\n=\nb\n$$\n\n<!-- # hidden -->"),
        text(
            "An `inline` ![all is well](x.png), <https://x.org/home/me/x> and $f:\\mathbb{R}\\to\\mathbb{R}$ in [a](../start/x.md)."
        ),
        text("```{figure} meteor.png\n:name: m\n:alt: a meteor over a lake\n\nA caption\n```"),
        text('<img src="x.png" alt="a meteor"> and [![Binder](b.svg)](https://mybinder.org)'),
        dict(nbformat.v4.new_raw_cell("# raw")),
    ],
)
def test_what_is_allowed(cell, chapter):
    insert(cell)(chapter)
    assert [str(finding) for finding in check_notebooks.check(chapter, "x.ipynb")] == []


def test_findings_read_well(chapter):
    swap(READ, "import torch", "try:\n    import torch\nexcept:\n    import keras")(chapter)
    lines = [str(finding) for finding in check_notebooks.check(chapter, "x.ipynb")]
    assert lines == [
        f"x.ipynb: cell {READ}: imports TensorFlow (keras), but cell {READ} imports PyTorch (torch); one framework per notebook.",
        f"x.ipynb: cell {READ}: bare 'except:'; name the exception.",
    ]
    status("draft")(chapter)
    first = str(check_notebooks.check(chapter, "x.ipynb")[0])
    assert first == "x.ipynb: notebook: metadata.meteortut.status is 'draft'; expected one of opening, complete."


def test_the_colab_finding_says_how_to_mend_it(chapter):
    swap(COLAB, "-q", "--quiet")(chapter)
    message = str(check_notebooks.check(chapter, "x.ipynb")[0])
    assert "python tools/repo_url.py NEW-URL" in message
    assert repr(repo_url.colab_cell()) in message


def test_an_address_for_the_build_does_not_concern_the_sources(chapter, monkeypatch):
    monkeypatch.setenv(repo_url.VARIABLE, "https://github.com/fork/fork")
    assert check_notebooks.check(chapter, "x.ipynb") == []


@pytest.mark.parametrize("kind", ["image/png", "image/svg+xml", "image/jpeg"])
def test_executed_figures_need_alt_text(kind, chapter):
    outputs = chapter["cells"][READ]["outputs"]
    outputs.append(dict(new_output("stream", text="1")))
    outputs.append(dict(new_output("display_data", data={"text/plain": "a figure"})))
    assert check_notebooks.check_executed(chapter, "x.ipynb") == []
    outputs.append(dict(new_output("display_data", data={kind: "aGk="})))
    (finding,) = check_notebooks.check_executed(chapter, "x.ipynb")
    assert (finding.cell, finding.rule) == (READ, "alt_text_of_outputs")
    assert kind in finding.message
    metadata(READ, **ALT)(chapter)
    assert check_notebooks.check_executed(chapter, "x.ipynb") == []


def test_files(chapter, tmp_path, capsys):
    good, bad, broken = (tmp_path / name for name in ["a.ipynb", "b.ipynb", "c.ipynb"])
    good.write_text(json.dumps(chapter))
    delete(LAST)(chapter)
    bad.write_text(json.dumps(chapter))
    broken.write_text("{")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "d.ipynb").write_text("{")
    assert check_notebooks.main([str(good)]) == 0
    assert capsys.readouterr().out == ""
    assert check_notebooks.main([str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "b.ipynb: notebook: the last H2s are" in lines[0]
    assert "c.ipynb: notebook: cannot be read as a notebook: Expecting" in lines[1]
    assert check_notebooks.main([str(tmp_path / "missing.ipynb")]) == 1
    assert check_notebooks.main([str(tmp_path / ".ipynb_checkpoints")]) == 2
    assert check_notebooks.main(["--executed", str(bad)]) == 0


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[]", b"null", b"3", b"[" * 100_000, b'{"nbformat": 4}', b'"x"']
)
def test_broken_files_are_findings(content, tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    for executed in (False, True):
        assert {finding.rule for finding in check_notebooks.check_file(path, executed)} <= {"readable", "valid_format"}
        assert check_notebooks.check_file(path, executed)


def test_runs_as_a_script(chapter, tmp_path):
    (tmp_path / "x.ipynb").write_text(json.dumps(chapter))
    command = [sys.executable, check_notebooks.__file__, str(tmp_path / "x.ipynb")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


@pytest.mark.skipif(not check_notebooks.SOURCES.exists(), reason="there is no book/chapters yet")
def test_the_chapters_pass():
    files = check_notebooks.notebooks([check_notebooks.SOURCES])
    assert files, f"no notebook in {check_notebooks.SOURCES}"
    findings = [str(finding) for path in files for finding in check_notebooks.check_file(path)]
    assert not findings, "\n" + "\n".join(findings)
