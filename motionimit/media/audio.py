"""The driver's sound beside new pictures: packets copied where the container takes them, else decoded and encoded again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np

from ..errors import BadInput
from . import decode
from .paths import check_input, reason, shown
from .samples import paused, playable_rate_hz, samples
from .stills import is_picture
from .timing import frame_number

# What players commonly play, not all that could be muxed: Opus in MP4, say, stays silent in many.
COPIED = {
    "mp4": ("aac", "mp3", "ac3", "eac3", "alac"),
    "mov": ("aac", "mp3", "ac3", "alac", "pcm_s16le", "pcm_s24le"),
    "mkv": ("aac", "mp3", "ac3", "eac3", "opus", "vorbis", "flac", "pcm_s16le"),
    "webm": ("opus", "vorbis"),
}
ENCODED = {"mp4": "aac", "mov": "aac", "mkv": "aac", "webm": "libopus"}
# PyAV 14 opens an encoder even for a stream of copied packets, which fails for most codecs.
_COPYABLE = (
    ("aac",) if int(av.__version__.split(".")[0]) < 15 else tuple({codec for codecs in COPIED.values() for codec in codecs})
)
_PREROLL_S = Fraction(3, 100)  # a decoder needs the packet before the first one; the edit list of MP4 and MOV hides it
_EXACT_S = Fraction(1, 1000)


class AudioTrack(Protocol):
    """Sound that is written in step with the pictures, so that the muxer never has to hold much."""

    def advance(self, to_s: Fraction) -> None:
        """Write what begins before `to_s`, in seconds of the new file."""

    def finish(self, end_s: Fraction) -> None:
        """Write the rest up to `end_s` and flush."""

    def close(self) -> None:
        """Release the source."""


def open_audio(
    source: Path | None,
    output: Any,
    kind: str,
    fps: Fraction,
    start_s: float,
    warnings: list[str],
    pause_s: tuple[Fraction, Fraction] | None = None,
) -> AudioTrack | None:
    """Add the sound of `source` to an open output container of `kind` (a key of `COPIED`); None where there is no sound.

    Time 0 of the new file is the source's frame nearest to `start_s`, as for `VideoReader`. `pause_s`: when in the new file the
    sound waits, and how long, in silence; such sound is always encoded again. Sound that can't be used never
    stops the video: it is left out with a line in `warnings`.
    """
    if source is None or source.is_dir() or (source.is_file() and is_picture(source)):
        return None
    try:
        zero_s = _origin_s(check_input(source, "audio")) + frame_number(max(0.0, start_s), fps) / fps
        for track in (_Copy.of, _Encode.of) if pause_s is None else (partial(_Encode.of, pause_s=pause_s),):
            container = decode.open_media(source, "audio")
            try:
                stream = _sound_stream(container)
                if stream is not None and (made := track(container, stream, output, kind, zero_s)):
                    return made
            except BaseException:
                container.close()
                raise
            container.close()
    except (BadInput, av.error.FFmpegError, OSError, ValueError) as error:
        warnings.append(f"the sound of {shown(source)} could not be used ({reason(error)}); the video is silent")
    return None


class _Copy:
    """Packets as they are, moved in time."""

    def __init__(self, container: Any, packets: Iterator[Any], stream: Any, shift: int) -> None:
        self._container, self._packets, self._stream, self._shift = container, packets, stream, shift
        self._next: Any = None

    @classmethod
    def of(cls, container: Any, stream: Any, output: Any, kind: str, zero_s: Fraction) -> _Copy | None:
        """None where a copy would not play, or would not begin at time zero to the millisecond."""
        codec = stream.codec_context.name.removesuffix("float")
        if codec not in COPIED[kind] or codec not in _COPYABLE or (codec == "aac" and not stream.codec_context.extradata):
            return None
        packets = _packets(container, stream, zero_s)
        first = next((p for p in packets if (p.pts + (p.duration or 0)) * stream.time_base - zero_s > -_PREROLL_S), None)
        if first is None or not (kind in ("mp4", "mov") or _begins_at(container, stream, first, zero_s)):
            return None
        return cls(container, chain([first], packets), output.add_stream_from_template(stream), round(zero_s / stream.time_base))

    def advance(self, to_s: Fraction) -> None:
        while True:
            packet = self._next or next(self._packets, None)
            self._next = packet
            if packet is None or (packet.pts - self._shift) * packet.time_base >= to_s:
                return
            packet.pts -= self._shift
            packet.dts = packet.pts
            packet.stream = self._stream
            self._stream.container.mux(packet)
            self._next = None

    def finish(self, end_s: Fraction) -> None:
        self.advance(end_s)

    def close(self) -> None:
        self._container.close()


class _Encode:
    """Decoded, cut to the sample, encoded as AAC or Opus."""

    def __init__(self, container: Any, chunks: Iterator[np.ndarray], stream: Any, rate_hz: int, layout: str) -> None:
        self._container, self._chunks, self._stream = container, chunks, stream
        self._rate_hz, self._layout = rate_hz, layout
        self._written = 0  # samples handed to the encoder
        self._pending: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        container: Any,
        source: Any,
        output: Any,
        kind: str,
        zero_s: Fraction,
        pause_s: tuple[Fraction, Fraction] | None = None,
    ) -> _Encode | None:
        """None where no sound is left after time zero."""
        rate_hz = playable_rate_hz(source, ENCODED[kind])
        layout = "mono" if source.codec_context.channels == 1 else "stereo"
        chunks = samples(container, source, zero_s, rate_hz, layout)
        if pause_s is not None:
            chunks = paused(chunks, round(pause_s[0] * rate_hz), round(pause_s[1] * rate_hz))
        first = next(chunks, None)
        if first is None:
            return None
        stream = output.add_stream(ENCODED[kind], rate=rate_hz)
        stream.codec_context.layout = layout
        stream.codec_context.bit_rate = 96_000 if layout == "mono" else 160_000
        return cls(container, chain([first], chunks), stream, rate_hz, layout)

    def advance(self, to_s: Fraction) -> None:
        self._write_until(int(to_s * self._rate_hz))

    def finish(self, end_s: Fraction) -> None:
        self._write_until(round(end_s * self._rate_hz))
        self._stream.container.mux(self._stream.encode(None))

    def close(self) -> None:
        self._container.close()

    def _write_until(self, position: int) -> None:
        while self._written < position:
            chunk = self._pending if self._pending is not None else next(self._chunks, None)
            self._pending = None
            if chunk is None:
                return
            room = position - self._written
            if chunk.shape[1] > room:
                chunk, self._pending = chunk[:, :room], chunk[:, room:]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(chunk), format="fltp", layout=self._layout)
            frame.sample_rate, frame.time_base, frame.pts = self._rate_hz, Fraction(1, self._rate_hz), self._written
            self._written += chunk.shape[1]
            self._stream.container.mux(self._stream.encode(frame))


def _begins_at(container: Any, stream: Any, first: Any, zero_s: Fraction) -> bool:
    """Whether a copy into Matroska starts at time zero: it has no edit list, only the codec delay of a whole Matroska stream."""
    is_whole = stream.start_time is None or first.pts <= stream.start_time
    begin_s = first.pts * stream.time_base - zero_s
    earliest_s = -_PREROLL_S if "matroska" in container.format.name else -_EXACT_S
    return is_whole and earliest_s <= begin_s <= _EXACT_S


def _packets(container: Any, stream: Any, zero_s: Fraction) -> Iterator[Any]:
    """Sound packets with time stamps from about a second before `zero_s` on; a broken file ends early."""
    if zero_s > 1:
        decode.seek(container, stream, zero_s - 1)
    try:
        for packet in container.demux(stream):
            if packet.pts is not None:
                yield packet
    except (av.error.FFmpegError, OSError):
        return


def _sound_stream(container: Any) -> Any:
    """The first stream that can be decoded; None where there is no sound. Raises `BadInput` for an unknown codec."""
    streams = container.streams.audio
    usable = [stream for stream in streams if stream.codec_context is not None]
    if streams and not usable:
        raise BadInput("its codec is not supported")
    return usable[0] if usable else None


def _origin_s(source: Path) -> Fraction:
    """Container time of the first picture; of a file with sound only, of its first sound."""
    try:
        return decode.read_facts(source).origin_s
    except BadInput:
        with closing(decode.open_media(source, "audio")) as container:
            starts = [s.start_time * s.time_base for s in container.streams.audio if s.start_time is not None]
            return max(min(starts), Fraction(0)) if starts else Fraction(0)
