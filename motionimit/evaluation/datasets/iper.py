"""iPER's motion imitation protocol: 206 videos of 30 people, of which 42 are the test.

Verified against the public evaluator of the project impersonator (svip-lab, ``his_evaluators``) and its ``iPER_protocol.json``:
42 test videos; 1, 2, 3, 4 or 8 sources; spans that include their last frame; frames taken by their place in the sorted folder; a
self-imitation drives with the same video, a cross-imitation with another person's; the cross result is compared, as a set, with
the frames of the source's video that ``flag`` names, as many as were driven. Its ICCV-2019 variant takes each of three sources
alone. Folder layouts are those of impersonator and iPERCore.

Not verified, because the data set needs a licence of its own (research only): the pictures themselves, ``train.txt`` and
``val.txt`` beyond their form, and how videos in one file map onto frame folders. The protocol is the evaluator's file and doesn't
ship; put it beside ``val.txt``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...config.evaluate import Missing
from ...errors import BadInput, BadUsage
from ...media.paths import shown
from ...media.stills import IMAGE_SUFFIXES
from ...values import check_choice
from .files import check_folder, files_in, settle_missing, some
from .iper_protocol import MODES, SOURCE_COUNTS, TO_THE_END, ProtocolVideo, read_protocol, read_split

PROTOCOL = "iPER_protocol.json"
TEST_SPLIT = "val.txt"

_FRAME_FOLDERS = ("images_HD/{0}", "images/{0}", "primitives/{0}/processed/images", "{0}")
_FILM_FILES = ("videos/{1}.mp4", "iPER_1024_video_release/{1}.mp4", "iPER_256_video_release/{1}.mp4", "{1}.mp4")
_DIGITS = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """A source picture: frame `index` (from 0) of `film`. `picture` is its own file where the film is a folder of frames."""

    film: Path
    index: int
    picture: Path | None


@dataclass(frozen=True, slots=True)
class FilmTask:
    """One test of motion imitation: make the person of `sources` move as `driver` does."""

    name: str  # safe as a file name, such as 001_9_1
    sources: tuple[SourceFrame, ...]  # frontal first
    driver: Path  # a video, or a folder of frames
    span: tuple[int, int] | None  # first and last frame of the driver, both included, from 0; None: all
    mode: Literal["self", "cross"]  # self: the driver's frames are the truth
    real: tuple[Path, tuple[int, int]] | None = None  # cross: frames of the source's own film to compare the set with


def read_iper(
    folder: Path | str,
    *,
    mode: Literal["self", "cross"] = "self",
    sources: int = 1,
    missing: Missing = "stop",
    iccv: bool = False,
) -> tuple[list[FilmTask], list[str]]:
    """The protocol's tests in its order, and warnings.

    The folder holds ``iPER_protocol.json`` and the videos, as frames (``images_HD/001/9/1/0000.jpg``; also ``images``,
    ``primitives/001/9/1/processed/images``) or as files (``iPER_1024_video_release/001_9_1.mp4``; also
    ``iPER_256_video_release``, ``videos``). `iccv` makes three tests of each video, each from one of its three sources. Frames
    missing from a folder are missing files, but a span that ends behind the last frame is cut as the evaluator does; video files
    are not opened, so their frames are not counted. Without the protocol file, ``val.txt`` alone gives self-imitation of whole
    videos from their first frame, with a warning: that is not the protocol. Raises `BadInput`, `BadUsage`.
    """
    check_choice("--mode", mode, MODES)
    if sources not in SOURCE_COUNTS:
        raise BadUsage(f"iPER's protocol has 1, 2, 3, 4 or 8 source frames, got {sources}.")
    if iccv and sources != 1:
        raise BadUsage(f"The ICCV variant of iPER's protocol takes one source at a time, got {sources}.")
    folder = check_folder(folder, "iPER", missing)
    entries, warnings = _entries(folder, mode, sources)
    tasks: list[FilmTask] = []
    gone: dict[str, None] = {}
    films = _Films(folder)
    left_out = 0
    for entry in entries:
        lacks: list[str] = []
        made = _tasks(entry, films, mode, sources, iccv, lacks)
        gone.update(dict.fromkeys(lacks))
        left_out += len(made) if lacks else 0
        tasks += [] if lacks else made
    if films.from_one:
        warnings.append(f"frames are counted from 1, and taken so, in {some(films.from_one)}; where 0 was lost they are one off")
    where = f"{shown(folder)} that iPER's protocol needs"
    return tasks, warnings + settle_missing(list(gone), missing, where=where, left_out=left_out, kept=len(tasks), things="tests")


def _entries(folder: Path, mode: str, sources: int) -> tuple[list[ProtocolVideo], list[str]]:
    """The protocol, or what stands in for it."""
    if (folder / PROTOCOL).is_file():
        return read_protocol(folder / PROTOCOL), []
    advice = f"put the evaluator's {PROTOCOL} into it"
    if not (folder / TEST_SPLIT).is_file():
        raise BadInput(f"The iPER folder {shown(folder)} has neither {PROTOCOL} nor {TEST_SPLIT}; {advice}.")
    if mode != "self" or sources != 1:
        raise BadInput(
            f"The iPER folder {shown(folder)} has no {PROTOCOL}, which says who drives whom and what the sources are; {advice}."
        )
    videos = read_split(folder / TEST_SPLIT)
    stand_in = [ProtocolVideo(video, {1: (0,), 3: (0, 0, 0)}, (), {"self": (video, 0, TO_THE_END)}, None) for video in videos]
    return stand_in, [f"{shown(folder / PROTOCOL)} is not there: whole videos from their first frame, not iPER's protocol"]


class _Films:
    """Where the videos are; each is looked up once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[Path | None, dict[int, Path]]] = {}
        self.from_one: list[str] = []
        """Videos whose frames were taken as counted from 1."""

    def find(self, video: str) -> tuple[Path | None, dict[int, Path]]:
        """A film and, where it is a folder, its frames by number from 0. (None, {}): it is not there."""
        if video not in self._known:
            self._known[video] = self._look(video)
        return self._known[video]

    def _look(self, video: str) -> tuple[Path | None, dict[int, Path]]:
        names = video, video.replace("/", "_")
        for place in (self._folder / pattern.format(*names) for pattern in _FRAME_FOLDERS):
            frames = _numbered(place)
            if frames and min(frames) == 1:
                self.from_one.append(video)
                return place, {number - 1: path for number, path in frames.items()}
            if frames:
                return place, frames
        for file in (self._folder / pattern.format(*names) for pattern in _FILM_FILES):
            if file.is_file():
                return file, {}
        return None, {}


def _numbered(place: Path) -> dict[int, Path]:
    """The frames of a folder by the last number in their names, sorted. Raises `BadInput`."""
    found: dict[int, Path] = {}
    for name, path in files_in(place, IMAGE_SUFFIXES).items():
        digits = _DIGITS.findall(path.stem)
        if not digits or int(digits[-1]) in found:
            raise BadInput(f"{shown(path)} is not a frame with a number of its own, such as 0155.jpg; move '{name}' elsewhere.")
        found[int(digits[-1])] = path
    return {number: found[number] for number in sorted(found)}


def _tasks(
    entry: ProtocolVideo, films: _Films, mode: Literal["self", "cross"], count: int, iccv: bool, lacks: list[str]
) -> list[FilmTask]:
    """The tests of one video. Names of missing files are added to `lacks`; the tests are then not to be used."""
    if mode not in entry.driver or (3 if iccv else count) not in entry.sources:
        raise BadInput(
            f"iPER's protocol has no {mode}-imitation from {count} frames for {entry.video}; use the evaluator's file."
        )
    sets = [(frame,) for frame in entry.sources[3]] if iccv else [entry.sources[count]]
    video, first, last = entry.driver[mode]
    film, span = _span(films, video, first, last, lacks)
    real = None
    if mode == "cross" and entry.real is not None:
        place, real_span = _span(films, entry.video, *entry.real, lacks)
        real = (place, real_span) if real_span is not None else None
    name = entry.video.replace("/", "_")
    out = []
    for number, frames in enumerate(sets, 1):
        chosen = _sources(films, entry.video, frames, lacks)
        out.append(FilmTask(f"{name}-{number}" if len(sets) > 1 else name, chosen, film, span, mode, real))
    return out


def _span(films: _Films, video: str, first: int, last: int, lacks: list[str]) -> tuple[Path, tuple[int, int] | None]:
    """The film and the places of frames first..last in it."""
    film, frames = films.find(video)
    if film is None:
        lacks.append(video)
        return Path(video), None
    if not frames:
        return film, None if last == TO_THE_END else (first, last)
    last = min(last, max(frames))
    if first > last:
        lacks.append(f"{video}/{first:04}")
        return film, None
    lacks += [f"{video}/{number:04}" for number in range(first, last + 1) if number not in frames]
    places = [place for place, number in enumerate(frames) if first <= number <= last]
    return film, (places[0], places[-1]) if places else None


def _sources(films: _Films, video: str, frames: Sequence[int], lacks: list[str]) -> tuple[SourceFrame, ...]:
    film, there = films.find(video)
    if film is None:
        lacks.append(video)
        return ()
    lacks += [f"{video}/{number:04}" for number in frames if there and number not in there]
    places = {number: place for place, number in enumerate(there)}
    return tuple(SourceFrame(film, places.get(number, number), there.get(number)) for number in frames)
