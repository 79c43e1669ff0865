"""The kinds of output: a container file, an animated GIF, numbered PNGs, one still. Each writes to the temporary path it gets."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np

from .audio import AudioTrack, open_audio
from .image import png_bytes, still_bytes
from .output import SOFTWARE, Target, one_frame_only

_SHORTEST_GIF_DELAY_CS = 2  # players slow anything shorter down to ten
_BT709, _LIMITED = 1, 1


@dataclass(frozen=True, slots=True)
class Encoding:
    """How hard to compress. `crf`: constant rate factor of H.264, lower is better; `preset`: x264's name for its speed."""

    crf: int = 17
    preset: str = "veryfast"
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Job:
    """What a sink is to write."""

    target: Target
    fps: Fraction
    size_px: tuple[int, int]  # (width, height) of the pictures handed in
    alpha: bool
    metadata: dict[str, str]
    encoding: Encoding
    audio_from: Path | None
    start_s: float
    duration_s: float | None
    pause_s: tuple[Fraction, Fraction] | None = None  # when the sound falls silent, and for how long, before it goes on


class Sink(Protocol):
    """Takes pictures [H, W, 3 or 4] uint8 in order; `finish` completes the file, `close` releases what is open, at any time."""

    def write(self, pixels: np.ndarray) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...


def open_sink(path: Path, job: Job, warnings: list[str]) -> Sink:
    """The sink for the job's kind, writing to the temporary `path`."""
    if job.target.kind in ("folder", "still"):
        return StillSink(path, job)
    return GifSink(path, job) if job.target.kind == "gif" else ContainerSink(path, job, warnings)


class ContainerSink:
    """MP4, MOV, MKV with H.264 (MOV with alpha: ProRes 4444), WebM with VP9; with sound."""

    def __init__(self, path: Path, job: Job, warnings: list[str]) -> None:
        kind = job.target.kind
        options = {"movflags": "+faststart"} if kind in ("mp4", "mov") else {}
        self._output = av.open(f"file:{path}", "w", format="matroska" if kind == "mkv" else kind, options=options)
        self._job, self._count = job, 0
        self._audio: AudioTrack | None = None
        try:
            self._output.metadata.update(job.metadata)
            self._stream = _video_stream(self._output, job)
            self._audio = open_audio(job.audio_from, self._output, kind, job.fps, job.start_s, warnings, job.pause_s)
        except BaseException:
            self.close()
            raise

    def write(self, pixels: np.ndarray) -> None:
        frame = _encodable(pixels, self._stream)
        frame.pts, frame.time_base = self._count, 1 / self._job.fps
        self._count += 1
        self._output.mux(self._stream.encode(frame))
        if self._audio:
            self._audio.advance(self._end_s())

    def finish(self) -> None:
        self._output.mux(self._stream.encode(None))
        if self._audio:
            self._audio.finish(self._end_s())
        self._output.close()

    def close(self) -> None:
        if self._audio:
            self._audio.close()
        with suppress(av.error.FFmpegError, OSError, ValueError):  # the trailer of an abandoned file
            self._output.close()

    def _end_s(self) -> Fraction:
        end_s = self._count / self._job.fps
        return end_s if self._job.duration_s is None else min(end_s, Fraction(self._job.duration_s))


class GifSink:
    """Animated GIF: a palette per frame with ordered dither (it stands still where the picture does), delays in whole 1/100 s."""

    def __init__(self, path: Path, job: Job) -> None:
        self._path, self._job, self._count, self._last_cs = path, job, 0, -_SHORTEST_GIF_DELAY_CS
        self._graph, self._source, self._end = _palette_graph(job)
        last_cs = max(_SHORTEST_GIF_DELAY_CS, round(100 / job.fps))
        self._output = av.open(f"file:{path}", "w", format="gif", options={"final_delay": str(last_cs)})
        self._stream = self._output.add_stream("gif", rate=100)
        self._stream.width, self._stream.height = job.size_px
        self._stream.pix_fmt = "pal8"
        self._stream.codec_context.time_base = Fraction(1, 100)

    def write(self, pixels: np.ndarray) -> None:
        stamp_cs = round(self._count * 100 / self._job.fps)
        self._count += 1
        if stamp_cs - self._last_cs < _SHORTEST_GIF_DELAY_CS:
            return
        self._last_cs = stamp_cs
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgba" if self._job.alpha else "rgb24")
        frame.pts, frame.time_base = stamp_cs, Fraction(1, 100)
        self._source.push(frame)
        mapped = self._end.pull()
        mapped.pts, mapped.time_base = stamp_cs, Fraction(1, 100)
        self._output.mux(self._stream.encode(mapped))

    def finish(self) -> None:
        self._output.mux(self._stream.encode(None))
        self._output.close()
        _add_gif_comment(self._path, self._job.metadata.get("comment", ""))

    def close(self) -> None:
        with suppress(av.error.FFmpegError, OSError, ValueError):
            self._output.close()


class StillSink:
    """Numbered PNGs in a folder, or one still. Each PNG carries the mark by which a later run knows that it may replace them."""

    def __init__(self, path: Path, job: Job) -> None:
        self._path, self._job, self._count = path, job, 0
        self._text = {"Software": SOFTWARE} | {key.capitalize(): value for key, value in job.metadata.items()}
        if job.target.kind == "folder":
            path.mkdir()

    def write(self, pixels: np.ndarray) -> None:
        if self._job.target.kind == "folder":
            (self._path / (self._job.target.pattern % self._count)).write_bytes(png_bytes(pixels, self._text))
        elif self._count:
            raise one_frame_only(self._job.target.path)
        else:
            self._path.write_bytes(still_bytes(pixels, self._job.target.path.suffix.lower(), self._text))
        self._count += 1

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


def _video_stream(output: Any, job: Job) -> Any:
    """The encoder. H.264 in 4:2:0 needs even sides: an odd one gets one more pixel, a copy of the edge."""
    width, height = job.size_px
    if job.target.kind == "webm":
        codec, pixel_format = "libvpx-vp9", "yuva420p" if job.alpha else "yuv420p"
        options = {
            "crf": str(job.encoding.crf + 7),
            "b": "0",
            "deadline": "good",
            "cpu-used": "5",
            "row-mt": "1",
            "lag-in-frames": "16",
        }
        options["auto-alt-ref"] = "0" if job.alpha else "1"  # hidden frames and alpha exclude each other
    elif job.alpha:
        codec, pixel_format = "prores_ks", "yuva444p10le"
        options = {"profile": "4444", "vendor": "apl0", "alpha_bits": "16"}
    else:
        codec, pixel_format = "libx264", "yuv420p"
        options = {"crf": str(job.encoding.crf), "preset": job.encoding.preset}
        width, height = width + width % 2, height + height % 2
    stream = output.add_stream(codec, rate=job.fps, options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
    context = stream.codec_context
    context.time_base = 1 / job.fps
    context.thread_count = job.encoding.threads
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = _LIMITED
    if codec == "libvpx-vp9" and job.alpha:
        stream.metadata["alpha_mode"] = "1"
    return stream


def _encodable(pixels: np.ndarray, stream: Any) -> Any:
    """[H, W, 3 or 4] uint8 as a frame in the encoder's format, BT.709, limited range."""
    down, right = stream.height - pixels.shape[0], stream.width - pixels.shape[1]
    if down or right:
        pixels = np.pad(pixels, ((0, down), (0, right), (0, 0)), mode="edge")
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgba" if pixels.shape[2] == 4 else "rgb24")
    frame = frame.reformat(
        format=stream.pix_fmt,
        src_colorspace="ITU601",  # no effect on RGB; PyAV skips the matrix where both agree
        dst_colorspace="ITU709",
        src_color_range="JPEG",
        dst_color_range="MPEG",
    )
    frame.colorspace, frame.color_range = _BT709, _LIMITED
    return frame


def _palette_graph(job: Job) -> tuple[Any, Any, Any]:
    """(graph, source, sink); the graph is returned because it must outlive its parts."""
    graph = av.filter.Graph()
    width, height = job.size_px
    source = graph.add_buffer(width=width, height=height, format="rgba" if job.alpha else "rgb24", time_base=Fraction(1, 100))
    split = graph.add("split")
    generate = graph.add("palettegen", f"stats_mode=single:reserve_transparent={int(job.alpha)}")
    use = graph.add("paletteuse", "dither=bayer:bayer_scale=4:new=1")
    end = graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(generate, 1, 0)
    generate.link_to(use, 0, 1)
    use.link_to(end)
    graph.configure()
    return graph, source, end


def _add_gif_comment(path: Path, comment: str) -> None:
    """Put a comment block before the trailer byte; FFmpeg's muxer writes none."""
    blocks = [comment.encode()[i : i + 255] for i in range(0, len(comment.encode()), 255)]
    if not blocks:
        return
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x21\xfe" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0\x3b")
