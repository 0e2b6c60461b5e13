"""Bundles: round trip without network, the same bytes each time, and nothing unsafe ever written."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import os
import socket
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_server import ONE, RIGHT, THREE, HostileServer, assert_holds, status, write_files

from data_fetch import DataUnavailable, bundle, fetch, fetch_all, registry
from data_fetch.bundle import TEXTS, BadBundle, read_bundle, write_bundle

EVERYTHING = {**RIGHT, **{f"owner/repo/{name}": content for name, content in THREE.items()}}
pytestmark = pytest.mark.usefixtures("waits")


def without_texts(folder: Path) -> dict[str, bytes]:
    """Read what is under a folder, but for the bundle's texts."""
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if not p.is_dir()}
    return {name: content for name, content in found.items() if name not in TEXTS}


def refuse_network(*_arguments: object) -> None:
    raise OSError(errno.ENETUNREACH, "Network is unreachable")


@pytest.fixture
def archive(server: HostileServer, tmp_path: Path) -> Path:
    """Write a bundle of both data sets."""
    return write_bundle(tmp_path / "new/bundle.tar", progress=False)


def test_round_trip_without_network(
    archive: Path, server: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.socket, "connect", refuse_network)
    monkeypatch.setenv("METEORTUT_DATA_DIR", str(tmp_path / "fresh"))
    n_requests = len(server.requests)
    with pytest.raises(DataUnavailable, match="unreachable"):
        fetch("one", progress=False)
    paths = read_bundle(archive, tmp_path / "mirror")
    assert sorted(p.relative_to(tmp_path / "mirror").as_posix() for p in paths) == sorted(EVERYTHING)
    assert without_texts(tmp_path / "mirror") == EVERYTHING
    monkeypatch.setenv("METEORTUT_DATA_MIRROR", str(tmp_path / "mirror"))
    fetch_all(progress=False)
    assert_holds(tmp_path / "fresh", EVERYTHING)
    monkeypatch.delenv("METEORTUT_DATA_MIRROR")
    monkeypatch.setenv("METEORTUT_DATA_DIR", str(tmp_path / "mirror"))  # it serves as a cache, too
    fetch_all(progress=False)
    assert len(server.requests) == n_requests


def test_real_bundle_of_a_chapter(
    real_file: Callable[..., list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["aop-lightcurves", "gmn-ff", "lightning7"]
    for name in names:
        real_file(name)
    made = write_bundle(tmp_path / "bundle.tar", ["06_lightcurves"], progress=False)
    monkeypatch.setattr(socket.socket, "connect", refuse_network)
    read_bundle(made, tmp_path / "mirror")
    monkeypatch.setenv("METEORTUT_DATA_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("METEORTUT_DATA_DIR", str(tmp_path / "fresh"))
    found = fetch_all("06_lightcurves", progress=False)
    assert sorted(found) == names
    assert sum(len(paths) for paths in found.values()) == 19
    with pytest.raises(DataUnavailable):
        fetch("mmia-labels", progress=False)


def test_what_is_in_it(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive, "r:") as opened:
        assert opened.getnames() == [*TEXTS, *sorted(EVERYTHING)]
        assert all(member.isreg() and member.mtime == 0 and member.mode == 0o644 for member in opened)
        opened.extractall(tmp_path / "plain", filter="data")
    plain = tmp_path / "plain"
    assert without_texts(plain) == EVERYTHING
    with (plain / "LICENCES.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["dataset"] for row in rows] == ["one", "three"]
    assert {(row["licence"], row["citation"]) for row in rows} == {("CC0", "Nobody 1900")}
    assert all(row["url"].endswith("/owner/repo/0123456789abcdef0123456789abcdef01234567") for row in rows)
    assert (plain / "README.txt").read_text().count("\n") == 2
    for line in (plain / "CHECKSUMS").read_text().splitlines():
        sha256, name = line.split("  ", 1)
        assert hashlib.sha256((plain / name).read_bytes()).hexdigest() == sha256
    assert (archive.stat().st_mode & 0o777) == 0o644
    read_bundle(archive, tmp_path / "ours")
    for name in TEXTS:
        assert (tmp_path / "ours" / name).read_bytes() == (plain / name).read_bytes()


def test_sha256sum_understands_checksums(archive: Path, tmp_path: Path) -> None:
    read_bundle(archive, tmp_path / "x")
    try:
        done = subprocess.run(["sha256sum", "-c", "CHECKSUMS"], cwd=tmp_path / "x", capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no sha256sum on this machine")
    assert done.returncode == 0, done.stderr


def test_same_files_same_bytes(
    archive: Path, server: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METEORTUT_DATA_DIR", str(tmp_path / "other"))
    assert write_bundle(tmp_path / "b.tar", progress=False).read_bytes() == archive.read_bytes()
    both = ["01_chapter", "00_chapter", "01_chapter"]
    assert write_bundle(tmp_path / "c.tar", both, progress=False).read_bytes() == archive.read_bytes()


def test_chapters(server: HostileServer, cache: Path, tmp_path: Path) -> None:
    for chapters in (["00_chapter"], "00_chapter"):
        write_bundle(tmp_path / "b.tar", chapters, progress=False)
        assert [path.name for path in read_bundle(tmp_path / "b.tar", tmp_path / "into")] == ["a.bin"]
    assert_holds(cache, RIGHT)
    n_requests = len(server.requests)
    for wrong in ([], ["00_chapter", "09_none"], "09_none"):
        with pytest.raises(ValueError, match="chapter"):
            write_bundle(tmp_path / "none.tar", wrong, progress=False)
    assert len(server.requests) == n_requests
    assert not (tmp_path / "none.tar").exists()


def test_a_failed_bundle_leaves_the_old_one(
    server: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "out/bundle.tar"
    write_files(tmp_path / "out", {"bundle.tar": b"old"})
    server.serve("b3 #%41.bin", status(404))
    with pytest.raises(DataUnavailable):
        write_bundle(place, progress=False)
    assert_holds(place.parent, {"bundle.tar": b"old"})

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    with pytest.raises(OSError, match="No space"):
        write_bundle(place, "00_chapter", progress=False)
    assert_holds(place.parent, {"bundle.tar": b"old"})


# ---- hostile archives


def refused(archive: Path, into: Path, said: str) -> None:
    """Check that an archive is refused with these words and that nothing was written."""
    with pytest.raises(BadBundle, match=said):
        read_bundle(archive, into)
    assert not into.exists()


def packed(place: Path, members: list[tuple[tarfile.TarInfo | str, bytes]], format_: int = tarfile.GNU_FORMAT) -> Path:
    """Write an archive of any members."""
    with tarfile.open(place, "w", format=format_) as archive:
        for header, content in members:
            member = tarfile.TarInfo(header) if isinstance(header, str) else header
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))
    return place


def checksums(files: dict[str, bytes]) -> tuple[str, bytes]:
    text = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    return "CHECKSUMS", text.encode()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


GOOD: list[tuple[tarfile.TarInfo | str, bytes]] = [checksums(RIGHT), ("owner/repo/a.bin", ONE)]


@pytest.mark.usefixtures("server")
def test_what_packed_makes_is_accepted(tmp_path: Path) -> None:
    for format_ in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT):
        read_bundle(packed(tmp_path / "b.tar", GOOD, format_), tmp_path / "x")
        assert without_texts(tmp_path / "x") == RIGHT


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (("/etc/passwd", b"x"), "not registered"),
        (("../evil", b"x"), "not registered"),
        (("owner/repo/../../../evil", ONE), "not registered"),
        (("owner/repo/./a.bin", ONE), "not registered"),
        (("./owner/repo/a.bin", ONE), "not registered"),
        (("C:\\evil", b"x"), "not registered"),
        (("owner/repo/A.BIN", ONE), "not registered"),
        (("owner/repo/a.bin", ONE), "twice"),
        (("README.txt", bytes(2 << 20)), "more bytes"),
        (("owner/repo/b1.bin", b"other"), "checksum"),
        (("owner/repo/b1.bin", THREE["b1.bin"] + b"x"), "more bytes"),
        (("owner/repo/b1.bin", THREE["b1.bin"]), "disagree about 1"),
        (checksums(RIGHT), "twice"),
        ((special("owner/repo/b1.bin", tarfile.SYMTYPE, "/etc/passwd"), b""), "no plain file"),
        ((special("owner/repo/b1.bin", tarfile.LNKTYPE, "owner/repo/a.bin"), b""), "no plain file"),
        ((special("owner/repo/b1.bin", tarfile.CHRTYPE), b""), "no plain file"),
        ((special("owner/repo/b1.bin", tarfile.FIFOTYPE), b""), "no plain file"),
        ((special("owner/repo", tarfile.DIRTYPE), b""), "no plain file"),
        ((special("owner/repo/b1.bin", tarfile.GNUTYPE_SPARSE), b""), "no plain file"),
        (("owner/repo/" + "a" * 300, b"x"), "no plain file"),
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_unsafe_member(tmp_path: Path, extra: tuple[tarfile.TarInfo | str, bytes], said: str, first: bool) -> None:
    members = [extra, *GOOD] if first else [*GOOD, extra]
    refused(packed(tmp_path / "b.tar", members), tmp_path / "x", said)


@pytest.mark.usefixtures("server")
def test_wrong_list_of_files(tmp_path: Path) -> None:
    refused(packed(tmp_path / "b.tar", GOOD[1:]), tmp_path / "x", "no CHECKSUMS")
    refused(packed(tmp_path / "b.tar", GOOD[:1]), tmp_path / "x", "disagree about 1")
    refused(packed(tmp_path / "b.tar", [("CHECKSUMS", b"\xff" * 999), GOOD[1]]), tmp_path / "x", "disagree about 2")


def test_cut_short_anywhere(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    data_end = len(whole.rstrip(b"\0")) // 512 * 512 + 512
    cuts = {0, 1, *(1 << n for n in range(20)), *range(511, data_end, 512), *range(512, data_end + 1, 512)}
    for cut in sorted(cut for cut in cuts if cut <= data_end):
        archive.write_bytes(whole[:cut])
        refused(archive, tmp_path / "x", "cut short")
    archive.write_bytes(whole[: data_end + 512])
    assert len(read_bundle(archive, tmp_path / "x")) == 4


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "content", [b"no tar", bytes(range(256)) * 16, b"PK\x03\x04" + bytes(600), b"\x1f\x8b" + bytes(600)]
)
def test_no_tar(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b.tar").write_bytes(content)
    refused(tmp_path / "b.tar", tmp_path / "x", "is no bundle or is damaged or cut short at byte 0")
    with pytest.raises(FileNotFoundError):
        read_bundle(tmp_path / "none.tar", tmp_path / "x")


def test_mutated_headers_never_harm(archive: Path, tmp_path: Path) -> None:
    """Change every byte of the first data file's header; a header whose checksum still fits is tried as well."""
    whole = archive.read_bytes()
    at = whole.index(b"owner/repo/a.bin", whole.index(b"README.txt"))
    for offset in range(512):
        changed = bytearray(whole)
        changed[at + offset] ^= 0x55
        block = bytes(changed[at : at + 148]) + b" " * 8 + bytes(changed[at + 156 : at + 512])
        changed[at + 148 : at + 156] = b"%06o\0 " % sum(block)
        archive.write_bytes(bytes(changed))
        try:
            read_bundle(archive, tmp_path / "x")
        except BadBundle:
            continue
        assert without_texts(tmp_path / "x") == EVERYTHING


def test_what_is_there_stays_and_what_is_wrong_is_replaced(archive: Path, tmp_path: Path) -> None:
    into = tmp_path / "x"
    write_files(into, {"owner/repo/a.bin": ONE, "owner/repo/b1.bin": b"wrong", "mine.txt": b"mine"})
    before = (into / "owner/repo/a.bin").stat().st_mtime_ns
    read_bundle(archive, into)
    assert without_texts(into) == {**EVERYTHING, "mine.txt": b"mine"}
    assert (into / "owner/repo/a.bin").stat().st_mtime_ns == before


def test_full_disk_while_unpacking(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []
    replace = os.replace

    def full_after_one(source: str, target: Path) -> None:
        done.append(target)
        if len(done) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(bundle.os, "replace", full_after_one)
    with pytest.raises(OSError, match="No space"):
        read_bundle(archive, tmp_path / "x")
    assert_holds(tmp_path / "x", RIGHT)


def test_every_registered_name_fits_a_plain_tar_header() -> None:
    for path in registry().path:
        block = tarfile.TarInfo(path).tobuf(tarfile.USTAR_FORMAT)
        assert len(block) == 512
        assert tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape").name == path


def test_home_of_a_repository() -> None:
    raw = "https://raw.githubusercontent.com/o/r/0123456789abcdef0123456789abcdef01234567/x/y"
    assert bundle._home(raw) == "https://github.com/o/r/tree/0123456789abcdef0123456789abcdef01234567"
