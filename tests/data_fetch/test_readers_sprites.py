"""Sprite images and their YOLO boxes: all real files, and files that lie."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_fetch.readers.errors import UnreadableFile
from data_fetch.readers.sprites import pair_sprites, read_sprite
from data_fetch.readers.ufo import trigger_overlay_mask

BOXES = "0 0.5 0.25 0.5 0.5\n\n0 0.9 0.9 0.4 0.1\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sprites")
    Image.fromarray(np.zeros((20, 40), dtype=np.uint8)).save(folder / "image.jpg", "JPEG")
    return folder


def read(folder: Path, boxes: str | bytes) -> tuple[np.ndarray, np.ndarray]:
    path = folder / "boxes.txt"
    path.write_bytes(boxes if isinstance(boxes, bytes) else boxes.encode())
    return read_sprite(folder / "image.jpg", path)


def test_every_real_image_has_boxes_and_every_box_file_an_image(real_file):
    paths = real_file("sprites")
    table = pair_sprites(reversed(paths))
    assert len(paths) == 294 and len(table) == 147 and set(table["split"]) == {"train"}
    assert all(image.stem == boxes.stem for image, boxes in zip(table["image"], table["boxes"], strict=True))
    assert table["camera"].nunique() == 7 and set(table["station"]) == {"FGCU"}
    counts, mask = [], trigger_overlay_mask((480, 640))
    for image_path, box_path in zip(table["image"], table["boxes"], strict=True):
        image, boxes = read_sprite(image_path, box_path)
        assert image.shape == (480, 640) and image.dtype == np.uint8
        assert boxes.shape[1] == 4 and (boxes[:, :2] < boxes[:, 2:]).all() and (boxes >= 0).all()
        assert (boxes <= [480, 640, 480, 640]).all()
        counts.append(len(boxes))
        assert not any(mask[round(y0) : round(y1), round(x0) : round(x1)].any() for y0, x0, y1, x1 in boxes)
    assert sum(counts) == 165 and (min(counts), max(counts)) == (1, 3)
    assert table["night"].nunique() == 42 and table.groupby("night").size().max() == 38


def test_a_sprite_is_brighter_than_its_surroundings_in_most_boxes(real_file):
    """The boxes are where the sprites are: rows first, y downwards."""
    brighter = total = 0
    for row in pair_sprites(real_file("sprites")).itertuples():
        image, boxes = read_sprite(row.image, row.boxes)
        for y0, x0, y1, x1 in boxes.round().astype(int):
            inside = np.percentile(image[y0:y1, x0:x1], 99)
            beside = np.percentile(image[y0:y1, 640 - x1 : 640 - x0], 99)
            brighter, total = brighter + (inside > beside), total + 1
    assert brighter / total > 0.8


def test_the_mask_covers_the_caption(real_file):
    images = [read_sprite(row.image, row.boxes)[0] for row in pair_sprites(real_file("sprites")).itertuples()]
    low = np.stack(images)[:, 440:].astype(np.float32)
    jump = np.median(np.abs(low - np.median(low[:, :16], axis=1)[:, None]), axis=0) > 25
    mask = trigger_overlay_mask((480, 640))
    assert jump.sum() > 1000 and not (jump & ~mask[440:])[10:].any() and mask.mean() < 0.05


def test_boxes_are_corners_in_pixels_clipped_to_the_image(folder):
    image, boxes = read(folder, BOXES)
    assert image.shape == (20, 40)
    np.testing.assert_allclose(boxes, [[0, 10, 10, 30], [17, 28, 19, 40]])


def test_blank_lines_only_mean_no_sprite(folder):
    assert read(folder, "\n  \n")[1].shape == (0, 4)


@pytest.mark.parametrize(
    "boxes",
    [
        b"",
        bytes(100),
        b"\xff\xd8\xff\xe0",
        "0 0.5 0.5 0.1 0.\xfc".encode("latin-1"),
        "0 0.5 0.5 0.1",
        "0 0.5 0.5 0.1 0.1 0.9",
        "1 0.5 0.5 0.1 0.1",
        "0 nan 0.5 0.1 0.1",
        "0 0.5 0.5 inf 0.1",
        "0 1.5 0.5 0.1 0.1",
        "0 0.5 0.5 0 0.1",
        "0 0.5 0.5 -0.1 0.1",
        "0 1e400 0.5 0.1 0.1",
        "0 a b c d",
        "0 0.5 0.5 0.1 0.1\n" * 100_000,
    ],
)
def test_hostile_box_files_are_refused(folder, boxes):
    with pytest.raises(UnreadableFile, match="expected YOLO boxes"):
        read(folder, boxes)


def test_a_box_file_cut_anywhere_is_refused_or_whole_lines(folder):
    for k in range(len(BOXES).bit_length()):
        try:
            _, boxes = read(folder, BOXES[: 1 << k])
        except UnreadableFile:
            continue
        assert boxes.shape[1] == 4


def test_a_bad_image_is_refused(folder):
    (folder / "bad.jpg").write_bytes((folder / "image.jpg").read_bytes()[:200])
    read(folder, BOXES)
    with pytest.raises(UnreadableFile, match="JPEG"):
        read_sprite(folder / "bad.jpg", folder / "boxes.txt")


def test_a_folder_is_refused_and_a_missing_file_is_missing(folder):
    with pytest.raises(UnreadableFile, match="not a file"):
        read_sprite(folder / "image.jpg", folder)
    for image, boxes in (("image.jpg", "nothing.txt"), ("nothing.jpg", "boxes.txt")):
        read(folder, BOXES)
        with pytest.raises(FileNotFoundError):
            read_sprite(folder / image, folder / boxes)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["images/train/M20200101_000000_A_01P.jpg"], "no partner"),
        (["images/train/M20200101_000000_A_01P.jpg", "labels/test/M20200101_000000_A_01P.txt"], "no partner"),
        (["images/train/M20200101_000000_A_01P.jpg", "labels/train/M20200101_000000_A_02P.txt"], "no partner"),
        (["images/train/M20200101_000000_A_01P.jpg"] * 2, "twice"),
        (["images/train/M20200101_000000_A_01P.png"], "expected images"),
        (["images/train/sprite.jpg", "labels/train/sprite.txt"], "file name"),
    ],
)
def test_files_that_do_not_pair_are_named(names, message):
    with pytest.raises(ValueError, match=message):
        pair_sprites(names)


def test_no_files_give_an_empty_table():
    assert list(pair_sprites([]).columns) == ["image", "boxes", "split", "station", "camera", "night"]


@settings(max_examples=100, deadline=None)
@given(edits=st.lists(st.tuples(st.integers(0, len(BOXES) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_mutated_box_file_is_read_or_refused(folder, edits):
    content = bytearray(BOXES.encode())
    for place, value in edits:
        content[place] = value
    try:
        image, boxes = read(folder, bytes(content))
    except UnreadableFile:
        return
    assert boxes.shape[1] == 4 and np.isfinite(boxes).all() and (boxes <= [*image.shape, *image.shape]).all()


@settings(max_examples=50, deadline=None)
@given(content=st.binary(max_size=300))
def test_random_bytes_are_never_an_image(folder, content):
    (folder / "random.jpg").write_bytes(content)
    (folder / "boxes.txt").write_text(BOXES)
    with pytest.raises(UnreadableFile):
        read_sprite(folder / "random.jpg", folder / "boxes.txt")
    assert io.BytesIO(content).read() == content
