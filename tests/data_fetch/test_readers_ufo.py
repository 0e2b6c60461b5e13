"""UFOCapture XML and JPEG, the overlay mask, the label table: all real files, and files that lie."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_fetch.readers.errors import UnreadableFile
from data_fetch.readers.ufo import (
    MAX_SCANS,
    read_trigger_image,
    read_trigger_labels,
    read_ufo_xml,
    trigger_name,
    trigger_overlay_mask,
)

RECORD = """<?xml version="1.0" encoding="UTF-8" ?>
<ufocapture_record version="215" y="2020" mo="07" d="11" h="23" m="59" s="59.50" trig="1" frames="63" lng="-0.1692"
 lat="51.6374" alt="86.0" tz="0" cx="720" cy="576" fps="25.000" head="30" tail="30" lid="Somewhere" sid="N1"
 interlace="1">
    <ufocapture_paths hit="2">
     <uc_path fno="30" ono="19" pixel="2" bmax="54" x="321.5" y="177.0"></uc_path>
     <uc_path fno="31" ono="19" pixel="12" bmax="206" x="322.5" y="178.0"></uc_path>
    </ufocapture_paths>
</ufocapture_record>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ufo")


def write(folder: Path, content: str | bytes, name: str = "M20200711_235959_Somewhere_N1.xml") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def jpeg(shape: tuple[int, int] = (24, 32), mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    levels = np.linspace(0, 255, shape[0] * shape[1]).reshape(shape).astype(np.uint8)
    Image.fromarray(levels).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def powers_of_two(content: bytes) -> list[bytes]:
    return [content[: 1 << k] for k in range(len(content).bit_length()) if 1 << k < len(content)]


# ---------------------------------------------------------------------------------------------------------- real files


def test_every_real_record_is_read_and_agrees_with_its_name(real_file):
    paths = real_file("ukmon-triggers", ".xml")
    assert len(paths) == 102
    n_detections = 0
    for path in paths:
        header, detections = read_ufo_xml(path)
        name = trigger_name(path)
        assert (header["station"], header["camera"]) == (name["station"], name["camera"])
        assert header["start"].floor("s").tz_localize(None) == name["start"]
        assert (header["n_rows"], header["n_columns"], header["frame_rate_hz"]) == (576, 720, 25.0)
        assert header["interlaced"] and header["n_head_frames"] == 30
        assert detections["frame"].is_monotonic_increasing and detections["frame"].max() < header["n_frames"]
        np.testing.assert_allclose(detections["time_s"], detections["frame"] / 25)
        n_detections += len(detections)
    assert n_detections == 2479


def test_every_real_image_is_read(real_file):
    paths = real_file("ukmon-triggers", ".jpg")
    assert len(paths) == 102
    for path in paths:
        image = read_trigger_image(path)
        assert image.shape == (576, 720) and image.dtype == np.uint8


@pytest.mark.parametrize("camera", ["_NEP.jpg", "_EP.jpg"])
def test_the_mask_covers_the_caption_and_the_borders(real_file, camera):
    images = np.stack([read_trigger_image(path) for path in real_file("ukmon-triggers", camera)]).astype(np.float32)
    mask = trigger_overlay_mask((576, 720))
    # Caption: where the picture differs from the sky just above it in most images; right of column 230 are trees (NE).
    low = images[:, 540:, :400]
    jump = np.median(np.abs(low - np.median(low[:, :16], axis=1)[:, None]), axis=0) > 30
    jump[:20, 230:] = False
    assert jump.sum() > 1000 and not (jump & ~mask[540:, :400])[16:].any()
    # Borders: what hardly changes from night to twilight although the sky beside it does.
    spread = images.std(axis=0)
    sky = np.median(spread[:450, 100:600])
    dead = spread[:450].mean(axis=0) < 0.25 * sky
    assert dead[:3].all() and dead[710:].all() and mask[100, dead].all()
    assert (spread[574:] < 0.25 * sky).mean() > 0.9 and mask[574:].all()
    # And little of the sky is given away.
    assert mask.mean() < 0.05 and not mask[:560, 8:704].any()


def test_the_labels_name_exactly_the_images_of_the_data_set(real_file):
    table = read_trigger_labels(include_uncertain=True)
    assert sorted(table["file"]) == sorted(path.name for path in real_file("ukmon-triggers", ".jpg"))


# ------------------------------------------------------------------------------------------------------ labels and mask


def test_labels_leave_out_the_uncertain_and_say_why():
    table, whole = read_trigger_labels(), read_trigger_labels(include_uncertain=True)
    assert table["label"].value_counts().to_dict() == {"non_meteor": 86, "meteor": 12}
    left_out = whole[whole["label"] == "uncertain"]
    assert len(left_out) == 4 and left_out["excluded_because"].str.contains("does not show").all()
    assert (table["excluded_because"] == "").all() and list(table.index) == list(range(98))
    assert table.isna().sum().sum() == 0


def test_nights_run_from_noon_to_noon_and_cameras_are_told_apart():
    table = read_trigger_labels()
    assert table["camera"].value_counts().to_dict() == {"NE": 76, "E": 22}
    meteors = table[table["label"] == "meteor"]["night"].value_counts().to_dict()
    assert meteors == {"2020-07-11": 11, "2020-07-10": 1}
    evening = table[table["file"] == "M20200712_211456_EastBarnet_EP.jpg"].iloc[0]
    assert evening["night"] == "2020-07-12" and evening["start"] == pd.Timestamp("2020-07-12T21:14:56Z")


@pytest.mark.parametrize("shape", [(480, 640), (576, 720)])
def test_the_mask_is_true_where_there_is_no_sky(shape):
    mask = trigger_overlay_mask(shape)
    assert mask.shape == shape and mask.dtype == bool and mask[-1].all() and not mask[200, 300]


def test_the_mask_of_an_unknown_camera_is_refused():
    with pytest.raises(ValueError, match="expected"):
        trigger_overlay_mask((720, 1280))


@pytest.mark.parametrize(
    "name", ["", "FF_UK000F.fits", "M2020_1_A_B.xml", "M20201311_000000_A_B.xml", "M\uff120200711_000000_A_B.xml"]
)
def test_a_name_of_another_kind_is_refused(name):
    with pytest.raises(ValueError, match="."):
        trigger_name(name)


# ------------------------------------------------------------------------------------------------------------------ XML


def test_units_and_types_of_a_record(folder):
    header, detections = read_ufo_xml(write(folder, RECORD))
    assert header["start"] == pd.Timestamp("2020-07-11T23:59:59.5Z") and header["longitude_deg"] == -0.1692
    assert list(detections.columns) == ["frame", "time_s", "object", "n_pixels", "peak_level", "x_px", "y_px"]
    assert detections.iloc[1].tolist() == [31, 1.24, 19, 12, 206, 322.5, 178.0]


def test_a_record_without_detections_gives_an_empty_table(folder):
    start, _, rest = RECORD.partition("     <uc_path")
    _, detections = read_ufo_xml(
        write(folder, start.replace('hit="2"', 'hit="0"') + "</ufocapture_paths></ufocapture_record>")
    )
    assert detections.shape == (0, 7) and detections["frame"].dtype == np.int64 and rest


def test_a_time_zone_is_taken_off(folder):
    header, _ = read_ufo_xml(write(folder, RECORD.replace('tz="0"', 'tz="9"')))
    assert header["start"] == pd.Timestamp("2020-07-11T14:59:59.5Z")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('fps="25.000"', 'fps="nan"'),
        ('fps="25.000"', 'fps="0"'),
        ('fps="25.000"', ""),
        ('s="59.50"', 's="inf"'),
        ('mo="07"', 'mo="13"'),
        ('d="11"', 'd="99"'),
        ('cx="720"', 'cx="99999999999"'),
        ('lat="51.6374"', 'lat="north"'),
        ('lid="Somewhere"', ""),
        ('fno="31"', 'fno="31.5"'),
        ('fno="31"', 'fno="1e400"'),
        ('x="322.5"', 'x="NaN"'),
        ('x="322.5"', 'x="900"'),
        ('y="178.0"', ""),
        ('hit="2"', 'hit="3"'),
        ("ufocapture_record", "ufoanalyzer_record"),
    ],
)
def test_a_record_with_a_bad_value_is_refused(folder, old, new):
    assert old in RECORD
    with pytest.raises(UnreadableFile, match="expected"):
        read_ufo_xml(write(folder, RECORD.replace(old, new)))


LAUGHS = "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10 if k else "ha" * 10}">' for k in range(10))
ENTITIES = {
    "billion laughs": f"<!DOCTYPE r [{LAUGHS}]>" + RECORD.partition("?>")[2].replace('"Somewhere"', '"&a9;"'),
    "external entity": '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + RECORD.partition("?>")[2],
    "external subset": '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd">' + RECORD.partition("?>")[2],
    "undefined entity": RECORD.replace('"Somewhere"', '"&unknown;"'),
    "unknown encoding": RECORD.replace("UTF-8", "klingon-8"),
    "a multi-byte encoding": RECORD.replace("UTF-8", "shift_jis"),
    "deep nesting": "<a>" * 300_000,
    "deep nesting, closed": "<a>" * 140_000 + "</a>" * 140_000,
    "latin-1": RECORD.replace("Somewhere", "Zürich").encode("latin-1"),
    "empty": b"",
    "zeros": bytes(1000),
    "a JPEG": b"\xff\xd8\xff\xe0" + bytes(100),
    "too large": RECORD + " " * (1 << 20),
}


@pytest.mark.parametrize("kind", ENTITIES)
def test_hostile_xml_is_refused(folder, kind):
    with pytest.raises(UnreadableFile, match="cannot be read"):
        read_ufo_xml(write(folder, ENTITIES[kind]))


def test_a_record_cut_anywhere_is_refused(folder):
    for part in powers_of_two(RECORD.encode()):
        with pytest.raises(UnreadableFile):
            read_ufo_xml(write(folder, part))


@settings(max_examples=100, deadline=None)
@given(edits=st.lists(st.tuples(st.integers(0, len(RECORD) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_mutated_record_is_read_or_refused(folder, edits):
    content = bytearray(RECORD.encode())
    for place, value in edits:
        content[place] = value
    try:
        _, detections = read_ufo_xml(write(folder, bytes(content), "mutated.xml"))
    except UnreadableFile:
        return
    assert np.isfinite(detections.to_numpy(float)).all()


# ----------------------------------------------------------------------------------------------------------------- JPEG


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_any_colour_becomes_grey(folder, mode):
    image = read_trigger_image(write(folder, jpeg(mode=mode), "a.jpg"))
    assert image.shape == (24, 32) and image.dtype == np.uint8 and np.ptp(image) > 200


@pytest.mark.parametrize("size", [(65500, 65500), (9500, 9500), (4001, 4000)])
def test_a_jpeg_bomb_is_refused_before_decoding(folder, size):
    content = bytearray(jpeg(mode="L"))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = size[0].to_bytes(2, "big") + size[1].to_bytes(2, "big")
    with pytest.raises(UnreadableFile, match="pixels"):
        read_trigger_image(write(folder, bytes(content), "bomb.jpg"))


def test_a_jpeg_of_endless_passes_is_refused(folder):
    content = jpeg(mode="L", progressive=True)
    last = content.rindex(b"\xff\xda")
    read_trigger_image(write(folder, content, "progressive.jpg"))
    bomb = content[:-2] + content[last:-2] * MAX_SCANS + content[-2:]
    with pytest.raises(UnreadableFile, match="passes"):
        read_trigger_image(write(folder, bomb, "passes.jpg"))


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"GIF89a" + bytes(50), RECORD.encode(), bytes(500)]
)
def test_what_is_no_jpeg_is_refused(folder, content):
    with pytest.raises(UnreadableFile, match="expected a JPEG"):
        read_trigger_image(write(folder, content, "no.jpg"))


def test_a_png_under_the_name_of_a_jpeg_is_refused(folder):
    Image.new("L", (8, 8)).save(folder / "p.jpg", "PNG")
    with pytest.raises(UnreadableFile):
        read_trigger_image(folder / "p.jpg")


def test_an_image_cut_anywhere_is_refused(folder):
    for part in powers_of_two(jpeg((64, 64), quality=95)):
        with pytest.raises(UnreadableFile):
            read_trigger_image(write(folder, part, "cut.jpg"))


def test_a_folder_is_refused_and_a_missing_file_is_missing(folder):
    for reader in (read_ufo_xml, read_trigger_image):
        with pytest.raises(UnreadableFile, match="not a file"):
            reader(folder)
        with pytest.raises(FileNotFoundError):
            reader(folder / "nothing")


@settings(max_examples=100, deadline=None)
@given(data=st.data(), progressive=st.booleans())
def test_a_mutated_image_is_read_or_refused(folder, data, progressive):
    content = bytearray(jpeg(progressive=progressive))
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), min_size=1, max_size=6)
    ):
        content[place] = value
    try:
        image = read_trigger_image(write(folder, bytes(content), "mutated.jpg"))
    except UnreadableFile:
        return
    assert image.ndim == 2 and image.dtype == np.uint8
