"""Small media that the tests make themselves: pictures that carry their number, clicks that carry their time."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

BITS = 10
SIZE = (80, 48)  # width, height
CLICK_HZ, CLICK_S, CLICK_EVERY_S = 2000, 0.01, 0.5


def stamp(number: int, size_px: tuple[int, int] = SIZE) -> np.ndarray:
    """A picture [H, W, 3] uint8 with its number as black and white columns, readable after lossy coding and scaling."""
    width, height = size_px
    bits = (number >> (np.arange(width) * BITS // width)) & 1
    return np.repeat(np.where(bits, 225, 30).astype(np.uint8)[None, :, None], height, 0).repeat(3, 2)


def number_of(rgb: np.ndarray) -> int:
    """The number in a picture of `stamp`."""
    width = rgb.shape[1]
    centres = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    levels = rgb[rgb.shape[0] // 4 : -rgb.shape[0] // 4 or None, centres].mean(axis=(0, 2))
    return int(((levels > 128) << np.arange(BITS)).sum())


def clicks(rate_hz: int, seconds: float, channels: int = 2) -> np.ndarray:
    """[channels, samples] float32: a 10 ms tone at each half second."""
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    tone = 0.7 * np.sin(2 * np.pi * CLICK_HZ * time_s) * (time_s % CLICK_EVERY_S < CLICK_S)
    return np.repeat(tone[None].astype(np.float32), channels, 0)


def make_video(
    path: Path,
    frames: Sequence[np.ndarray],
    fps: Fraction | int = 25,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    container: str | None = None,
    stamps: tuple[Sequence[int], Fraction] | None = None,
    sound: tuple[str, int] | None = None,
    sound_late_s: Fraction = Fraction(0),
    matrix: tuple[str, int, bool] | None = None,
    options: dict[str, str] | None = None,
    aspect: Fraction | None = None,
    index_first: bool = False,
) -> Path:
    """Encode `frames` (rgb or rgba). `stamps`: own time stamps and their unit; `sound`: (codec, rate in Hz) for `clicks`, and how
    much later than the pictures they begin; `matrix`: (PyAV's name, tag, full range)."""
    fps = Fraction(fps)
    unit = stamps[1] if stamps else 1 / fps
    with av.open(f"file:{path}", "w", format=container, options={"movflags": "+faststart"} if index_first else {}) as output:
        stream = output.add_stream(codec, rate=fps, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = unit
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if matrix:
            stream.codec_context.colorspace = stream.codec_context.color_primaries = matrix[1]
            stream.codec_context.color_range = 2 if matrix[2] else 1
        noise = _sound_stream(output, sound) if sound else None
        samples = clicks(sound[1], float(len(frames) / fps)) if sound else None
        for i, pixels in enumerate(frames):
            frame = _frame(pixels, pixel_format, matrix)
            frame.pts, frame.time_base = (stamps[0][i] if stamps else i), unit
            output.mux(stream.encode(frame))
            if noise is not None and samples is not None:
                _add_sound(output, noise, samples, i / fps, (i + 1) / fps, i == len(frames) - 1, sound_late_s)
        output.mux(stream.encode(None))
        if noise is not None:
            output.mux(noise.encode(None))
    return path


def make_sound(path: Path, codec: str = "aac", rate_hz: int = 44100, seconds: float = 1.0) -> Path:
    """A file with clicks only."""
    with av.open(f"file:{path}", "w") as output:
        stream = _sound_stream(output, (codec, rate_hz))
        _add_sound(output, stream, clicks(rate_hz, seconds), Fraction(0), Fraction(seconds), last=True)
        output.mux(stream.encode(None))
    return path


def numbers(path: Path) -> list[int]:
    """The numbers of all frames, by a decoder that is not ours."""
    with av.open(f"file:{path}") as container:
        return [number_of(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def heard(path: Path) -> tuple[str, int, float, np.ndarray]:
    """(codec, samples, time of the first sample, times of the clicks), times in seconds from the first picture."""
    with av.open(f"file:{path}") as container:
        zero_s = float(next(container.decode(video=0)).time)
    with av.open(f"file:{path}") as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        rate = stream.codec_context.sample_rate
        parts = [f.to_ndarray() for f in frames]
        mono = np.concatenate(
            [p[0] if f.format.is_planar else p[0, :: f.layout.nb_channels] for p, f in zip(parts, frames, strict=True)]
        )
        name = stream.codec_context.name
    loud = np.flatnonzero(np.abs(mono) > 0.2)
    begins = loud[np.diff(loud, prepend=-rate) > 0.1 * rate]
    first_s = float(frames[0].pts * frames[0].time_base) - zero_s
    return name, len(mono), first_s, begins / rate + first_s


def turn_in_place(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Set a, b, c, d of the track's display matrix in an MP4 (16.16 fixed point), as a phone held upright does."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: the matrix stands 40 bytes behind the flags
    a, b, c, d = (value << 16 for value in matrix)
    struct.pack_into(">9i", data, at, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Run as a user without rights, if the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def open_files() -> int:
    """File descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


def _frame(pixels: np.ndarray, pixel_format: str, matrix: tuple[str, int, bool] | None) -> Any:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgba" if pixels.shape[2] == 4 else "rgb24")
    name, tag, full = matrix or ("ITU601", 2, False)
    frame = frame.reformat(
        format=pixel_format,
        src_colorspace="ITU709" if name == "ITU601" else "ITU601",
        dst_colorspace=name,
        src_color_range="JPEG",
        dst_color_range="JPEG" if full else "MPEG",
    )
    frame.colorspace, frame.color_range = tag, (2 if full else 1) if matrix else 0
    return frame


def _sound_stream(output: Any, sound: tuple[str, int]) -> Any:
    stream = output.add_stream(sound[0], rate=sound[1])
    stream.codec_context.layout = "stereo"
    return stream


def _add_sound(
    output: Any, stream: Any, samples: np.ndarray, begin_s: Fraction, end_s: Fraction, last: bool, late_s: Fraction = Fraction(0)
) -> None:
    rate = stream.codec_context.sample_rate
    begin, end = round(begin_s * rate), samples.shape[1] if last else round(end_s * rate)
    part = np.ascontiguousarray(samples[:, begin:end])
    if part.shape[1] == 0:
        return
    frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), begin + round(late_s * rate)
    output.mux(stream.encode(frame))
