"""The registry: complete, equal to the manifest beside the project, and closed to names that would leave the cache."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from hostile_server import COMMIT

from data_fetch import registry
from data_fetch.registry import COLUMNS, human_size, local_path, read_registry

SETS = pd.DataFrame({"dataset": ["x"], "title": "t", "chapters": "00_x", "holds": "h", "citation": "c"})


def table(*urls: str, sha256: str = "0" * 64) -> pd.DataFrame:
    """Register these addresses."""
    rows = pd.DataFrame({"dataset": "x", "url": urls, "sha256": sha256, "bytes": 1, "licence": "CC0"})
    return read_registry(rows, SETS)


def test_everything_is_registered() -> None:
    whole = registry()
    assert list(whole.columns) == COLUMNS
    assert len(whole) == 539
    assert whole.dataset.nunique() == 13
    assert (whole.bytes > 0).all()
    assert whole.path.is_unique
    for column in ("title", "chapters", "licence", "citation", "holds"):
        assert whole[column].map(lambda text: isinstance(text, str) and bool(text.strip())).all(), column
    assert whole.url.str.startswith("https://").all()
    assert whole.chapters.str.fullmatch(r"0\d_\w+(;0\d_\w+)*").all()
    whole.loc[:, "sha256"] = ""
    assert registry().sha256.str.len().eq(64).all(), "the caller's table must be a copy"


def test_it_equals_the_manifest() -> None:
    mirror = os.environ.get("METEORTUT_DATA_MIRROR", "")
    if not (Path(mirror) / "MANIFEST.csv").is_file():
        pytest.skip("METEORTUT_DATA_MIRROR is no folder with a MANIFEST.csv")
    manifest = pd.read_csv(Path(mirror) / "MANIFEST.csv").rename(columns={"raw_url": "url"})
    manifest["path"] = manifest.repo + "/" + manifest.path
    same = ["dataset", "path", "url", "sha256", "bytes", "licence"]
    ours = registry().sort_values("path")[same].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, manifest.sort_values("path")[same].reset_index(drop=True))


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../../../x",
        "./x",
        "%2e%2e/x",
        "%2E%2e/x",
        "a%2f..%2fx",
        "%2fetc/x",
        "/etc/x",
        "a//x",
        "a/",
        "..%5cx",
        "a\\..\\x",
        "C:/x",
        "C%3Ax",
        "a%00",
        "a\x00b",
        "a%0ab",
        "a%7cb",
        "",
    ],
)
def test_unsafe_names_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"unsafe name|not pinned"):
        table(f"https://host/owner/repo/{COMMIT}/{path}")


@pytest.mark.parametrize("owner", ["..", "%2e%2e", "a%2fb", "", "C:"])
def test_unsafe_owners_are_refused(owner: str) -> None:
    with pytest.raises(ValueError, match=r"unsafe name|not pinned"):
        table(f"https://host/{owner}/repo/{COMMIT}/x")


def test_odd_but_safe_names_stay_below_the_folder(tmp_path: Path) -> None:
    for path in ("a b.fits", "...x", "a%252e%252e", "ä.xml", "~root", "-rf", "a%25b"):
        place = local_path(tmp_path, table(f"https://host/owner/repo/{COMMIT}/{path}").path[0])
        assert place.resolve().is_relative_to(tmp_path.resolve())


@pytest.mark.parametrize("url", [f"https://host/o/r/{COMMIT[:-1]}/x", "https://host/o/r/main/x", "x", ""])
def test_addresses_must_be_pinned(url: str) -> None:
    with pytest.raises(ValueError, match="not pinned; expected https"):
        table(url)


def test_tables_must_agree() -> None:
    url = f"https://host/o/r/{COMMIT}/x"
    with pytest.raises(ValueError, match="registered twice"):
        table(url, url.replace("host", "elsewhere"))
    for sha256 in ("", "0" * 63, "G" * 64, "A" * 64):
        with pytest.raises(ValueError, match="no valid sha256"):
            table(url, sha256=sha256)
    rows = pd.DataFrame({"dataset": ["x", "y"], "url": url, "sha256": "0" * 64, "bytes": 1, "licence": "CC0"})
    with pytest.raises(ValueError, match=r"disagree about \['y'\]"):
        read_registry(rows, SETS)


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (85_399_385, "85.4 MB"), (3e9, "3.0 GB")],
)
def test_human_size(n_bytes: float, text: str) -> None:
    assert human_size(n_bytes) == text
