"""``python -m data_fetch``: what it prints, and its exit status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hostile_server import ONE, RIGHT, THREE, HostileServer, assert_holds, status

from data_fetch.__main__ import main

pytestmark = pytest.mark.usefixtures("waits")


def test_list(server: HostileServer, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["get", "one"]) == 0
    capsys.readouterr()
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["one", "1", "files", "5.1", "kB", "1", "here", "CC0"]
    assert lines[1].split() == ["three", "3", "files", "1.6", "kB", "0", "here", "CC0"]
    assert str(cache) in lines[2]


def test_get_tells_the_size_first(server: HostileServer, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["get", "one", "three"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("4 files, of which 4 (6.7 kB) are to be downloaded\n")
    assert "three: 3 files, verified" in out
    assert main(["get", "one"]) == 0
    assert capsys.readouterr().out.startswith("1 files, of which 0 (0 bytes)")


def test_get_unknown(server: HostileServer, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["get", "one", "two", "four"]) == 2
    assert "no data set is called two, four; there are one, three." in capsys.readouterr().err
    assert not server.requests


def test_get_what_cannot_be_had(server: HostileServer, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.serve("a.bin", status(404))
    assert main(["get", "one"]) == 1
    assert "HTTP 404" in capsys.readouterr().err
    assert_holds(cache, {})


def test_all(server: HostileServer, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["all", "--chapter", "00_chapter"]) == 0
    assert_holds(cache, RIGHT)
    assert main(["all", "--chapter", "09_none"]) == 2
    assert "chapters with data are 00_chapter, 01_chapter" in capsys.readouterr().err
    assert main(["all"]) == 0
    assert len(server.requests) == 4


def test_verify(server: HostileServer, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify"]) == 0
    assert "0 of 4 files are here and right, 0 wrong, 4 not here." in capsys.readouterr().out
    assert main(["get", "three"]) == 0
    wrong = cache / "owner/repo/b1.bin"
    wrong.write_bytes(b"other")
    capsys.readouterr()
    assert main(["verify"]) == 1
    out = capsys.readouterr().out
    assert f"wrong: {wrong} (`python -m data_fetch get three` replaces it)" in out
    assert "2 of 4 files are here and right, 1 wrong, 1 not here." in out
    with pytest.warns(UserWarning, match="checksum"):
        assert main(["get", "three"]) == 0
    assert wrong.read_bytes() == THREE["b1.bin"]
    assert main(["verify"]) == 0


def test_bundle_and_unpack(
    server: HostileServer,
    cache: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive, into = tmp_path / "b.tar", tmp_path / "into"
    assert main(["bundle", "--chapter", "00_chapter", "--output", str(archive)]) == 0
    assert main(["bundle", "--chapter", "09_none", "--output", str(archive)]) == 2
    assert main(["unpack", str(archive), "--into", str(into)]) == 0
    out = capsys.readouterr().out
    assert f"1 files in {into}, verified" in out
    assert f"set METEORTUT_DATA_MIRROR to {into}" in out
    assert (into / "owner/repo/a.bin").read_bytes() == ONE
    monkeypatch.setenv("METEORTUT_DATA_DIR", str(tmp_path / "empty"))
    assert main(["unpack", str(archive)]) == 0
    assert (tmp_path / "empty/owner/repo/a.bin").read_bytes() == ONE
    archive.write_bytes(b"no tar")
    assert main(["unpack", str(archive)]) == 1
    assert main(["unpack", str(tmp_path / "none.tar")]) == 1
    assert "none.tar" in capsys.readouterr().err


def test_default_output(server: HostileServer, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bundle"]) == 0
    assert (tmp_path / "meteortut-data.tar").is_file()


def test_as_a_module(cache: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "data_fetch", "list"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "539 files" in done.stdout
    assert str(cache) in done.stdout
    assert not cache.exists()
