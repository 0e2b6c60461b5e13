"""Video as a stream of frames: one frame in memory, with its time.

FFmpeg (through PyAV) decodes. It is held to local files, to containers that cameras write, and to frames of a bounded
size: left alone it would also follow playlists to other files and hosts.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_fetch.readers.errors import UnreadableFile

if TYPE_CHECKING:
    from av.container import InputContainer

__all__ = ["Video", "iter_frames", "open_video"]

#: Largest frame that is decoded; 8192 x 8192.
MAX_PIXELS = 1 << 26
#: Containers that are opened, by FFmpeg's names; playlists, subtitles, pictures and devices are not among them.
FORMATS = ("avi", "mov", "mp4", "matroska", "webm", "mpeg", "mpegts", "asf", "flv", "ogg")

_EXPECTED = "a video (avi, mp4, mov, mkv, mpeg, wmv) with at least one frame"


@dataclass(frozen=True)
class Video:
    """A video file that can be iterated, any number of times; nothing stays open between the loops.

    Iterating gives ``(time_s, frame)``: seconds after the first frame, and what `iter_frames` says of the frames.

    Parameters
    ----------
    path : Path
        The file.
    shape : (int, int)
        (n_rows, n_columns) of every frame.
    fps : float
        Frames per second, as the container says (mean rate).
    n_frames : int or None
        Frames as the container says; None when it does not say. The truth is what iterating gives.
    gray : bool
        Frames are grey (true) or in colour.
    """

    path: Path
    shape: tuple[int, int]
    fps: float
    n_frames: int | None
    gray: bool = True

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """Start from the first frame; see `iter_frames`."""
        return iter_frames(self.path, self.gray)


def open_video(path: str | Path, gray: bool = True) -> Video:
    """Look at a video and decode its first frame, so that an unusable file is refused here.

    Parameters
    ----------
    path : path-like
        The file.
    gray : bool
        Give grey frames (luma) instead of RGB.

    Returns
    -------
    Video

    Raises
    ------
    UnreadableFile
        Empty, not a video, without a frame, with a frame of more than ``MAX_PIXELS`` pixels, without a frame rate.
    FileNotFoundError, IsADirectoryError, PermissionError
        As from `open`.
    """
    with closing(iter_frames(path, gray)) as frames:
        _, frame = next(frames)  # never ends without a frame or an error
    with _opened(path) as container:
        stream = container.streams.video[0]
        n_rows, n_columns = frame.shape[:2]
        return Video(Path(path), (n_rows, n_columns), _rate(path, stream), stream.frames or None, gray)


def iter_frames(path: str | Path, gray: bool = True) -> Generator[tuple[float, np.ndarray], None, None]:
    """Decode a video frame by frame.

    Parameters
    ----------
    path : path-like
        The file; its first video stream is used, sound is ignored.
    gray : bool
        Give luma instead of RGB.

    Yields
    ------
    time_s : float
        Seconds after the first frame, from the container's time stamps; index / fps where a frame has none.
    frame : ndarray of shape (n_rows, n_columns) or (n_rows, n_columns, 3), uint8
        Axis order (y, x) or (y, x, colour R G B), row 0 on top, 0 to 255 (limited-range video is stretched). A new
        array each time. A rotation that the container asks for is not applied.

    Raises
    ------
    UnreadableFile
        As `open_video`; and *after the frames that could be decoded* when the file is cut short or damaged in the
        middle: a packet is incomplete or cannot be decoded, or the stream ends more than one frame before the number
        that the container states. Some containers (mkv, mpeg) state none; a cut between two packets then goes unseen.
    FileNotFoundError, IsADirectoryError, PermissionError
        As from `open`, at the first step of the loop.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        fps, stated = _rate(path, stream), stream.frames
        shape, first_s, count, packets, whole = None, None, 0, 0, True
        for packet in container.demux(stream):
            # A packet cut by the end of the file is worth nothing, the frames that the decoder still holds back are.
            whole = whole and not packet.is_corrupt
            packets += whole and packet.size > 0
            for frame in packet.decode() if whole else stream.decode(None):
                shape = shape or (frame.height, frame.width)
                if (frame.height, frame.width) != shape:
                    found = f"frame {count} has {frame.height} x {frame.width} pixels"
                    raise UnreadableFile(path, found, f"{shape[0]} x {shape[1]}, as the first")
                time_s = count / fps if frame.time is None else frame.time
                first_s = time_s if first_s is None else first_s
                yield time_s - first_s, frame.to_ndarray(format="gray" if gray else "rgb24")
                count += 1
            if not whole:
                break
    if count == 0 or not whole or packets < stated - 1:
        found = f"it ends or is damaged after {count} frames of {stated or 'an unstated number'}"
        raise UnreadableFile(path, found, _EXPECTED)


@contextmanager
def _opened(path: str | Path) -> Iterator[InputContainer]:
    """Container with a video stream of a decodable size; FFmpeg's errors inside the block become `UnreadableFile`."""
    import av

    with open(path, "rb") as file:
        if not file.read(1):
            raise UnreadableFile(path, "it is empty", _EXPECTED)
    limits = {"max_pixels": str(MAX_PIXELS)}
    options = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "file"}
    try:
        with av.open(str(path), options=limits, container_options=options, metadata_errors="replace") as container:
            if not container.streams.video:
                raise UnreadableFile(path, "it has no video stream", _EXPECTED)
            context = container.streams.video[0].codec_context
            if context is None:
                raise UnreadableFile(path, "its video is in a code that FFmpeg does not know", _EXPECTED)
            context.options = limits
            if not 0 < context.width * context.height <= MAX_PIXELS:
                found = f"FFmpeg finds frames of {context.height} x {context.width} pixels"
                raise UnreadableFile(path, found, f"{_EXPECTED} of at most {MAX_PIXELS} pixels")
            yield container
    except (av.FFmpegError, ValueError, MemoryError, OverflowError) as error:
        if isinstance(error, UnreadableFile):
            raise
        raise UnreadableFile(path, f"FFmpeg says {type(error).__name__}: {error}", _EXPECTED) from error


def _rate(path: str | Path, stream: Any) -> float:
    """Mean frame rate, or the one that FFmpeg guesses, frames per second."""
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    if not rate or rate <= 0:
        raise UnreadableFile(path, f"it states a rate of {rate} frames per second", _EXPECTED)
    return float(rate)
