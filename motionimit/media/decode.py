"""Video containers through PyAV: opening, facts, time stamps, upright RGB."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np

from ..errors import BadInput
from ..types import VideoInfo
from .image import MAX_FRAME_PIXELS, check_pixels
from .paths import check_input, reason, shown
from .timing import Picture, stated_rate

DECODER_THREADS = 2

# Named, so that no playlist or script format is probed, which could read other files or addresses.
_CONTAINERS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,h264,hevc,m4v,ivf,mxf,nut,yuv4mpegpipe,dv,rm,obu,gif,"
    "mp3,wav,w64,flac,aac,aiff,amr,ac3,eac3,caf,au,opus"
)
_BROKEN = (av.error.FFmpegError, OSError, ValueError, ArithmeticError, EOFError)  # what broken files raise
_UNSPECIFIED = 2
_MATRICES = {1: "ITU709", 4: "FCC", 5: "ITU601", 6: "ITU601", 7: "SMPTE240M", 9: "BT2020", 10: "BT2020"}
_ONE_THREAD = {"threads": 1} if int(av.__version__.split(".")[0]) >= 17 else {}  # more only fight the decoder's


@dataclass(frozen=True, slots=True)
class Turn:
    """How stored pixels become upright ones: transpose, then flips (a display matrix reduced to quarter turns and mirrors)."""

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Turn [H, W, C]; the result is contiguous."""
        if self.transpose:
            image = image.swapaxes(0, 1)
        return np.ascontiguousarray(image[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1])


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What decoding needs beyond `VideoInfo`."""

    info: VideoInfo
    origin_s: Fraction  # container time of the first picture: zero of all times that users give
    turn: Turn
    counted: bool  # no usable time stamps: pictures are counted at `info.fps`
    length_s: Fraction  # of a picture that states none


def open_media(path: Path, kind: str = "video") -> Any:
    """Open a local file, for the caller to close. No address, playlist or name pattern is interpreted. Raises `BadInput`."""
    options = {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS}
    try:
        return av.open(f"file:{path}", options=options, metadata_errors="replace")
    except _BROKEN as error:
        raise BadInput(_unreadable(path, kind, error)) from None


def video_stream(container: Any, path: Path) -> Any:
    """The stream of moving pictures, set up for decoding with two threads. Raises `BadInput` for a file that has only sound."""
    streams = [s for s in container.streams.video if s.codec_context is not None and not _is_cover(s)]
    if not streams:
        if any(s.codec_context is None for s in container.streams.video):
            raise BadInput(f"The codec of {shown(path)} is not supported; convert it to H.264, H.265, VP9 or AV1.")
        if container.streams.audio:
            raise BadInput(f"{shown(path)} has sound but no picture; give a video.")
        raise BadInput(f"{shown(path)} has no video in it; give a video such as MP4, MOV, WebM or MKV.")
    stream = max(streams, key=lambda s: (s.codec_context.width or 0) * (s.codec_context.height or 0))
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = DECODER_THREADS
    return stream


def read_facts(path: Path) -> StreamFacts:
    """Open, decode the first picture, and say what the video is. Raises `BadInput`."""
    path = check_input(path, "video")
    with closing(open_media(path)) as container:
        try:
            stream = video_stream(container, path)
            check_pixels((stream.codec_context.width, stream.codec_context.height), path, "video", MAX_FRAME_PIXELS)
            frame = next(decoded(container, stream, []), None)
        except BadInput:
            raise
        except _BROKEN as error:
            raise BadInput(_unreadable(path, "video", error)) from None
        if frame is None or not frame.width or not frame.height:
            raise BadInput(f"The video {shown(path)} has no readable picture; it is damaged, or its codec is not supported.")
        return _facts(path, container, stream, frame)


def decoded(container: Any, stream: Any, warnings: list[str]) -> Iterator[Any]:
    """All frames of `stream`; damaged packets are skipped, a broken file ends early; both are added to `warnings`."""
    skipped, decoder = 0, _alpha_decoder(stream)
    try:
        for packet in container.demux(stream):
            try:
                yield from decoder.decode(packet) if decoder else packet.decode()
            except av.error.InvalidDataError:
                skipped += 1
    except av.error.EOFError:
        pass
    except (av.error.FFmpegError, OSError, ValueError) as error:
        warnings.append(f"the video breaks off ({reason(error)}); what came before is used")
    if skipped:
        warnings.append(f"{skipped} damaged part{'s' * (skipped > 1)} of the video could not be decoded")


def timed(container: Any, stream: Any, facts: StreamFacts, size_px: tuple[int, int], warnings: list[str]) -> Iterator[Picture]:
    """Frames from the container's present position as pictures of `size_px` (width, height; upright)."""
    base, fps = stream.time_base, facts.info.fps
    for count, frame in enumerate(decoded(container, stream, warnings)):
        if facts.counted or frame.pts is None:
            time_s = Fraction(count) / fps
        else:
            time_s = frame.pts * (frame.time_base or base) - facts.origin_s
        length = getattr(frame, "duration", None) or 0
        length_s = length * base if length and not facts.counted else facts.length_s
        yield Picture(time_s, length_s, partial(to_rgb, frame, size_px, facts.turn))


def seek(container: Any, stream: Any, time_s: Fraction) -> None:
    """Go to the key frame at or before a container time, in seconds."""
    container.seek(int(time_s / stream.time_base), stream=stream, backward=True)


def to_rgb(frame: Any, size_px: tuple[int, int], turn: Turn) -> np.ndarray:
    """A frame as upright RGB [H, W, 3] uint8 of `size_px` (width, height); what is transparent is shown over white.

    Matrix and range are the frame's. Untagged video counts as BT.709 from 1280 px wide or 577 px high on and as BT.601 below, as
    video players do.
    """
    width, height = size_px[::-1] if turn.transpose else size_px
    matrix, full = _colour(frame)
    alpha = any(component.is_alpha for component in frame.format.components) or frame.format.name == "pal8"
    pixels = frame.reformat(
        width=width,
        height=height,
        format="rgba" if alpha else "rgb24",
        src_colorspace=matrix,
        dst_colorspace="ITU601" if matrix == "ITU709" else "ITU709",  # no effect on RGB; PyAV skips the matrix where both agree
        src_color_range="JPEG" if full else "MPEG",
        dst_color_range="JPEG",
        interpolation="AREA" if width < frame.width else "BICUBIC",
        **_ONE_THREAD,
    ).to_ndarray()
    if alpha:
        opacity = pixels[..., 3:].astype(np.uint16)
        pixels = ((pixels[..., :3] * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
    return turn.apply(pixels)


def _facts(path: Path, container: Any, stream: Any, frame: Any) -> StreamFacts:
    fps = stated_rate(stream.average_rate, stream.base_rate)
    turn = display_turn(frame)
    aspect = stream.sample_aspect_ratio
    width = round(frame.width * aspect) if aspect and Fraction(1, 10) < aspect < 10 else frame.width
    counted = container.format.name == "avi" or frame.pts is None  # AVI stamps are decoding order
    origin_s = Fraction(0) if counted else frame.pts * (frame.time_base or stream.time_base)
    duration_s = _duration_s(container, stream, origin_s)
    frames = stream.frames or None
    if duration_s is not None and not counted:
        by_time = max(1, round(duration_s * fps))
        frames = frames if frames and abs(frames - by_time) <= 1 else by_time
    info = VideoInfo(
        path=path,
        size_px=(frame.height, width) if turn.transpose else (width, frame.height),
        fps=fps,
        frames=frames,
        duration_s=float(duration_s) if duration_s is not None else (float(frames / fps) if frames else None),
        has_audio=bool(container.streams.audio),
    )
    return StreamFacts(info, origin_s, turn, counted, 1 / fps)


def _duration_s(container: Any, stream: Any, origin_s: Fraction) -> Fraction | None:
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    tag = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", str(stream.metadata.get("DURATION", "")).strip("\0 "))
    if tag:  # Matroska's, of this stream; the container's own covers the sound as well
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3]) - origin_s
    if container.duration and container.duration > 0:
        before_s = origin_s if "matroska" in container.format.name else 0  # Matroska counts from zero, not from its first picture
        return max(Fraction(container.duration, 1_000_000) - before_s, Fraction(0))
    return None


def display_turn(frame: Any) -> Turn:
    """The display matrix of a frame as a `Turn`. Nine int32, row vectors: x' = a x + c y, y' = b x + d y, y down."""
    data = None
    with suppress(KeyError, ValueError):
        data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return Turn()
    a, b, _, c, d = np.frombuffer(bytes(data), dtype="<i4", count=5).tolist()
    if abs(b) > abs(a):
        return Turn(transpose=True, flip_rows=b < 0, flip_columns=c < 0)
    return Turn(flip_rows=d < 0, flip_columns=a < 0)


def _colour(frame: Any) -> tuple[str, bool]:
    """(matrix by PyAV's name, full range?)"""
    name = frame.format.name
    full = frame.color_range == 2 or name.startswith(("yuvj", "gray", "rgb", "bgr", "gbr", "pal8", "argb", "abgr"))
    tag = int(frame.colorspace)
    if tag == _UNSPECIFIED or tag not in _MATRICES:
        return ("ITU709" if frame.width >= 1280 or frame.height > 576 else "ITU601"), full
    matrix = _MATRICES[tag]
    known = matrix in av.video.reformatter.Colorspace.__members__
    return (matrix if known else "ITU709"), full


def _alpha_decoder(stream: Any) -> Any:
    """VP8 and VP9 keep alpha beside the picture, where only libvpx looks for it; None for all other streams."""
    names = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
    if stream.type != "video" or stream.codec_context.name not in names:
        return None
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if tags.get("alpha_mode") != "1":
        return None
    decoder = av.CodecContext.create(names[stream.codec_context.name], "r")
    decoder.thread_count = DECODER_THREADS
    return decoder


def _is_cover(stream: Any) -> bool:
    """A picture attached to sound (cover art). Old PyAV has no disposition: there, a still codec without a frame rate."""
    disposition = getattr(stream, "disposition", None)
    if disposition is not None:
        return bool(getattr(disposition, "value", disposition) & 0x400)
    return stream.codec_context is not None and stream.codec_context.name in ("mjpeg", "png") and not stream.average_rate


def _unreadable(path: Path, kind: str, error: Exception) -> str:
    with suppress(OSError), path.open("rb") as file:
        head = file.read(12)
        if head[4:8] == b"ftyp":
            return f"The {kind} {shown(path)} is incomplete or damaged (its index can't be read); copy or record it again."
    return f"The {kind} {shown(path)} is not a video that can be read ({reason(error)}); give MP4, MOV, WebM, MKV or GIF."
