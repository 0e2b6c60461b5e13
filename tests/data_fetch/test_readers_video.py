"""Video: the two real clips, streams of toy frames, and files that lie."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from hostile_files import changed, cuts, settles
from hypothesis import given, settings
from hypothesis import strategies as st

from data_fetch.readers.errors import UnreadableFile
from data_fetch.readers.video import MAX_PIXELS, Video, iter_frames, open_video

N_FRAMES = 12


def toy_frame(k: int) -> np.ndarray:
    """Grey frame of 48 x 64 with a bright square that moves."""
    frame = np.full((48, 64, 3), 40, dtype=np.uint8)
    frame[8:24, 4 * k : 4 * k + 12] = 200
    return frame


def make(path: Path, codec: str = "mpeg4", n_frames: int = N_FRAMES) -> bytes:
    """Content of a toy video in the container that the path's ending says."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuv420p"
        container.start_encoding()
        for k in range(n_frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(toy_frame(k), format="rgb24")))
        if n_frames:
            container.mux(stream.encode())
    return path.read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("video")


@pytest.fixture(scope="module")
def avi(folder: Path) -> bytes:
    return make(folder / "toy.avi")


@pytest.fixture(scope="module")
def mp4(folder: Path) -> bytes:
    return make(folder / "toy.mp4")


def write(folder: Path, content: bytes, name: str = "file.bin") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def every_frame(path: Path) -> int:
    return sum(1 for _ in open_video(path))


def frames_until_error(path: Path) -> tuple[list[np.ndarray], UnreadableFile | None]:
    frames = []
    try:
        for _, frame in iter_frames(path):
            frames.append(frame)
    except UnreadableFile as error:
        return frames, error
    return frames, None


def test_the_fireball_is_a_stream_of_frames(real_file):
    (path,) = real_file("fireball-video")
    video = open_video(path)
    assert (video.shape, round(video.fps, 2), video.n_frames) == ((480, 640), 29.97, 181)
    times, brightest = zip(*((time_s, frame.max()) for time_s, frame in video), strict=True)
    np.testing.assert_allclose(times, np.arange(181) / video.fps, atol=1e-6)
    assert min(brightest) > 100


def test_the_meteor_crosses_the_clip_from_the_space_station(real_file):
    (path,) = real_file("iss-meteor-clip")
    video = open_video(path)
    assert (video.shape, video.n_frames) == ((150, 266), 210) and video.fps == pytest.approx(29.97, abs=0.01)
    frames = np.array([frame for _, frame in video])
    assert frames.shape == (210, 150, 266) and not frames[0].any() and frames[3].any()
    excess = frames[[96, 105]].astype(int) - np.median(frames[80:120], axis=0)
    assert [np.unravel_index(image.argmax(), image.shape) for image in excess] == [(124, 124), (86, 110)]


def test_a_real_video_cut_in_the_middle_gives_its_frames_then_the_error(real_file, folder):
    (path,) = real_file("fireball-video")
    whole, error = frames_until_error(path)
    assert error is None
    content = path.read_bytes()
    frames, error = frames_until_error(write(folder, content[: len(content) // 2], "cut.avi"))
    assert 60 < len(frames) < 90 and "of 181" in str(error)
    assert all(np.array_equal(a, b) for a, b in zip(frames, whole, strict=False))


@pytest.mark.parametrize(
    ("ending", "codec"),
    [("avi", "mpeg4"), ("avi", "rawvideo"), ("mp4", "mpeg4"), ("mkv", "mpeg4"), ("mpg", "mpeg1video"), ("wmv", "wmv2")],
)
def test_frames_come_back_in_order_with_their_times(folder, ending, codec):
    path = folder / f"order.{ending}"
    make(path, codec)
    video = open_video(path)
    assert (video.shape, video.fps) == ((48, 64), 25) and video.n_frames in (None, N_FRAMES)
    for _ in range(2):  # a video can be iterated again
        times, frames = zip(*video, strict=True)
        np.testing.assert_allclose(times, np.arange(N_FRAMES) / 25, atol=2e-3)
        assert all(frame.dtype == np.uint8 and frame.shape == (48, 64) for frame in frames)
        starts = [int((frame[16] > 120).argmax()) for frame in frames]
        np.testing.assert_allclose(starts, 4 * np.arange(N_FRAMES), atol=2)


def test_colour_frames_have_a_last_axis_of_three(folder, avi):
    video = open_video(write(folder, avi), gray=False)
    assert isinstance(video, Video) and video.shape == (48, 64)
    _, frame = next(iter(video))
    assert frame.shape == (48, 64, 3) and abs(frame.astype(int) - toy_frame(0)).mean() < 12


def test_one_frame_is_held_at_a_time(folder, avi):
    stream = iter_frames(write(folder, avi))
    first = next(stream)[1].copy()
    second = next(stream)[1]
    stream.close()
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("ending", ["avi", "mp4"])
def test_a_video_without_frames_is_refused(folder, ending):
    path = folder / f"none.{ending}"
    make(path, n_frames=0)
    with pytest.raises(UnreadableFile):
        open_video(path)


def test_sound_alone_is_refused(folder):
    path = folder / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(UnreadableFile, match="no video stream"):
        open_video(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello world\n" * 100,
        b"#EXTM3U\n#EXTINF:1\nother.mp4\n",
        b"ffconcat version 1.0\nfile 'other.mp4'\n",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"RIFF\x10\x00\x00\x00WAVEfmt " + bytes(100),
        b"\x1aE\xdf\xa3" + bytes(100),
    ],
    ids=["empty", "text", "playlist", "concat", "picture", "sound", "header"],
)
def test_what_is_no_video_is_refused_and_leads_nowhere_else(folder, avi, content):
    write(folder, avi, "other.mp4")
    with pytest.raises(UnreadableFile):
        open_video(write(folder, content))


def test_frames_of_absurd_size_are_refused_without_taking_memory(folder):
    content = make(folder / "raw.avi", "rawvideo")
    at = content.index(b"strf") + 12
    absurd = content[:at] + (60_000).to_bytes(4, "little") * 2 + content[at + 8 :]
    path = write(folder, absurd, "absurd.avi")
    with pytest.raises(UnreadableFile, match="finds frames of"):
        open_video(path)
    assert 60_000**2 > MAX_PIXELS
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak memory of a process is read from /proc")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from data_fetch.readers.video import open_video\n"
        "import av\n"
        "def peak():\n    return int(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\n"
        "before = peak()\n"
        "try:\n    open_video(sys.argv[1])\nexcept ValueError:\n    pass\n"
        "assert peak() - before < 65_536\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=root, capture_output=True, timeout=60, text=True)
    assert done.returncode == 0, done.stderr


def test_what_is_not_there_or_no_file_is_told_as_such(tmp_path):
    for call in (open_video, lambda path: next(iter_frames(path))):
        with pytest.raises(FileNotFoundError):
            call(tmp_path / "none.avi")
        with pytest.raises(IsADirectoryError):
            call(tmp_path)


@pytest.mark.parametrize("kind", ["avi", "mp4"])
def test_a_video_cut_short_gives_its_frames_then_the_error(folder, request, kind):
    content = request.getfixturevalue(kind)
    whole, error = frames_until_error(write(folder, content))
    assert len(whole) == N_FRAMES and error is None
    for part in cuts(content):
        frames, error = frames_until_error(write(folder, part))
        assert error is not None or len(frames) == N_FRAMES  # only the index behind the frames is gone
        assert all(np.array_equal(a, b) for a, b in zip(frames, whole, strict=False))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("kind", ["avi", "mp4"])
def test_changed_bytes_settle(folder, avi, mp4, kind, data):
    content = avi if kind == "avi" else mp4
    settles(every_frame, write(folder, data.draw(st.one_of(changed(content, last=600), changed(content)))))
