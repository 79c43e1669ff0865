"""Video in: facts, and frames as a stream on a constant rate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Protocol

from ..errors import BadInput
from ..types import Frame, VideoInfo
from . import decode
from .paths import check_input, shown
from .stills import is_picture, open_pictures
from .timing import DEFAULT_FPS, Picture, frame_number, on_grid, steady

_SEEK_MARGINS_S = (Fraction(0), Fraction(2), Fraction(10))  # tried in turn where an index points behind the target


class _Source(Protocol):
    info: VideoInfo
    warnings: list[str]

    def pictures(self, first: int, size_px: tuple[int, int]) -> Iterator[Picture]: ...


class _ContainerSource:
    def __init__(self, path: Path) -> None:
        self.warnings: list[str] = []
        self._facts = decode.read_facts(path)
        self.info = self._facts.info

    def pictures(self, first: int, size_px: tuple[int, int]) -> Iterator[Picture]:
        """Pictures from at or before frame number `first` on."""
        facts = self._facts
        target_s = first / facts.info.fps
        margins = _SEEK_MARGINS_S if target_s > 1 and not facts.counted else ()
        for margin_s in (*margins, None):
            with closing(decode.open_media(facts.info.path)) as container:
                stream = decode.video_stream(container, facts.info.path)
                if margin_s is not None:
                    decode.seek(container, stream, facts.origin_s + max(target_s - margin_s, Fraction(0)))
                pictures = decode.timed(container, stream, facts, size_px, self.warnings)
                head = next(pictures, None)
                if head is None or (margin_s is not None and head.time_s > target_s):
                    continue
                yield head
                yield from pictures
                return


class VideoReader:
    """Frames of a video (or still, folder of stills, animated GIF) as a stream, upright, on a constant rate.

    `start_s` is rounded to the nearest frame; `duration_s` and `max_frames` end the stream, whichever comes first; frames are
    reduced to `max_side_px` on the long side while they are converted, which costs less than full size. `image_fps` is the rate
    of stills. Each iteration decodes anew. After it, `warnings` says what was wrong with the file. Raises `BadInput`.
    """

    def __init__(
        self,
        path: Path | str,
        start_s: float = 0.0,
        duration_s: float | None = None,
        max_frames: int | None = None,
        max_side_px: int | None = None,
        image_fps: Fraction = DEFAULT_FPS,
    ) -> None:
        self._source = _open_source(path, image_fps)
        self.info = self._source.info
        """Facts of the whole file, in its own size."""
        self.warnings = self._source.warnings
        self.size_px = _reduced(self.info.size_px, max_side_px)
        """(width, height) of the frames that are delivered."""
        self._first = frame_number(max(0.0, start_s), self.info.fps)
        self._limit = _least(max_frames, None if duration_s is None else max(1, frame_number(duration_s, self.info.fps)))
        self._running: list[Iterator[Frame]] = []
        if self.info.frames is not None and self._first > 0 and self._first >= self.info.frames + 1:
            raise BadInput(self._past_end(start_s))

    @property
    def frames(self) -> int | None:
        """How many frames to expect, as far as the file says."""
        if self.info.frames is None:
            return self._limit
        return _least(self._limit, max(1, self.info.frames - self._first))

    def __iter__(self) -> Iterator[Frame]:
        frames = self._frames()
        self._running.append(frames)
        return frames

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End every iteration that is under way and release its file."""
        while self._running:
            self._running.pop().close()  # type: ignore[attr-defined]

    def _frames(self) -> Iterator[Frame]:
        fps, index = self.info.fps, 0
        raw = self._source.pictures(self._first, self.size_px)
        with closing(raw):  # type: ignore[type-var]
            for picture in islice(on_grid(steady(raw, self.warnings), fps, self._first), self._limit):
                yield Frame(index, float(index / fps), picture.rgb())
                index += 1
        if index == 0:
            raise BadInput(self._past_end(float(self._first / fps)))
        expected = self.frames
        if expected is not None and index < expected - max(2, round(fps / 2)):
            self.warnings.append(
                f"the video ends after {float(index / fps):.2f} s of the {float(expected / fps):.2f} s that it states"
            )

    def _past_end(self, start_s: float) -> str:
        length = f" of {self.info.duration_s:.2f} s" if self.info.duration_s else ""
        return f"The start at {start_s:.2f} s lies behind the end{length} of {shown(self.info.path)}; choose an earlier --start."


def probe(path: Path | str) -> VideoInfo:
    """What a video (or still, folder of stills, animated GIF) is; its first picture is decoded as a check. Raises `BadInput`."""
    return _open_source(path, DEFAULT_FPS).info


def read_frames(
    path: Path | str,
    start_s: float = 0.0,
    duration_s: float | None = None,
    max_frames: int | None = None,
    max_side_px: int | None = None,
    warnings: list[str] | None = None,
) -> Iterator[Frame]:
    """`VideoReader` as a plain generator; `warnings` receives what was wrong with the file. Raises `BadInput`."""
    with VideoReader(path, start_s, duration_s, max_frames, max_side_px) as reader:
        try:
            yield from reader
        finally:
            if warnings is not None:
                warnings.extend(reader.warnings)


def read_metadata(path: Path | str) -> dict[str, str]:
    """The container's text fields with lower-case names, such as `comment`. Raises `BadInput`."""
    path = check_input(path, "video")
    with closing(decode.open_media(path)) as container:
        return {key.lower(): value for key, value in container.metadata.items()}


def _open_source(path: Path | str, image_fps: Fraction) -> _Source:
    path = check_input(path, "video", folder_ok=True)
    return open_pictures(path, image_fps) if path.is_dir() or is_picture(path) else _ContainerSource(path)


def _reduced(size_px: tuple[int, int], max_side_px: int | None) -> tuple[int, int]:
    scale = 1.0 if max_side_px is None else min(1.0, max_side_px / max(size_px))
    return max(1, round(size_px[0] * scale)), max(1, round(size_px[1] * scale))


def _least(*limits: int | None) -> int | None:
    given = [limit for limit in limits if limit is not None]
    return min(given) if given else None
