"""The environment doctor."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest

from meteortut import __main__ as doctor


def test_a_healthy_environment_says_so(capsys):
    assert doctor.main() == 0
    out = capsys.readouterr().out
    assert "core" in out
    assert "of 539 files" in out


def test_what_is_missing_or_too_old_is_named_with_one_command(capsys, monkeypatch):
    real = doctor.version

    def version(name: str) -> str:
        if name == "torch":
            raise PackageNotFoundError(name)
        return "0.0.1" if name == "pandas" else real(name)

    monkeypatch.setattr(doctor, "version", version)
    assert doctor.main() == 1
    out = capsys.readouterr().out
    assert "missing pandas >=" in out
    assert "(here: 0.0.1)" in out
    assert "missing torch" in out
    assert out.count("To mend it:") == 1
    assert "pip install" in out


def test_every_extra_is_told():
    from importlib.metadata import metadata

    assert set(metadata("meteortut").get_all("Provides-Extra")) == set(doctor.EXTRAS) - {""}


@pytest.mark.parametrize("module", ["meteortut", "data_fetch"])
def test_both_run_as_commands(module, tmp_path, monkeypatch):
    monkeypatch.setenv("METEORTUT_DATA_DIR", str(tmp_path))
    command = [sys.executable, "-m", module, *(["list"] if module == "data_fetch" else [])]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "539 files" in result.stdout
