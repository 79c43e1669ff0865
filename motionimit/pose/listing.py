"""Who can be followed in a clip, photo or folder of pictures: the people that `--person` numbers, and those who come later."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..errors import BadInput
from ..media.paths import shown
from ..media.reader import VideoReader
from ..media.timing import frame_number
from ..types import Frame, Progress
from ..values import PERSON_PLACES, parse_person
from .appearance import DIFFERENT, Clothes, clothes_of
from .choice import choose, nobody_found
from .detector import MediaPipeDetector, PoseDetector
from .people import DRIVER_SIDE_PX, MIN_HEIGHT_CLIP_PX, Person, Search, find_people

MOMENTS = 8  # frames of a clip that are looked at, besides those before anybody comes
_SEARCH_S = 10  # how long the first person is waited for, frame by frame
_UNKNOWN_LENGTH_S = 8.0
_ALIKE = 1.5  # clothes, in units of `DIFFERENT`, as the tracker takes them after a cut
_NEWCOMER_COST = 0.5  # so that a skeleton seen twice on one body takes no frames from its owner
_NEWCOMER_SCORE = 0.6


@dataclass(frozen=True, slots=True)
class Listed:
    """One person, and what to give for `--start` and `--person` to follow them."""

    number: int  # `--person`, counted from 1, left to right in `frame`
    start_s: float  # `--start` with which the number holds
    frame: np.ndarray  # [H, W, 3] uint8, as read for tracking
    box_px: np.ndarray  # [4] x0, y0, x1, y1 in `frame`
    center_px: tuple[float, float]  # middle of the torso in `frame`
    plausibility: float  # 0..1
    places: tuple[str, ...]  # words of `--person` that mean them too; empty where they are alone
    seen: int = 1  # of the frames that were looked at, those in which they seem to be

    @property
    def position(self) -> tuple[float, float]:
        """Middle of the torso as shares of the frame's width and height: a point that `--person` takes, too."""
        height, width = self.frame.shape[:2]
        return min(max(self.center_px[0] / width, 0.0), 1.0), min(max(self.center_px[1] / height, 0.0), 1.0)

    @property
    def tall_enough(self) -> bool:
        return float(self.box_px[3] - self.box_px[1]) >= MIN_HEIGHT_CLIP_PX


@dataclass(frozen=True, slots=True)
class Listing:
    """The people of a file: first those whom its first frame with anybody shows, then later comers."""

    path: Path
    size_px: tuple[int, int]  # (width, height) of the file
    looked: int  # number of frames looked at
    people: tuple[Listed, ...]

    def height_px(self, person: Listed) -> float:
        """The height of a person in pixels of the file."""
        return float(person.box_px[3] - person.box_px[1]) * self.size_px[1] / person.frame.shape[0]


@dataclass(slots=True)
class _Known:
    """Somebody met, with all that is needed to know them again."""

    listed: Listed
    clothes: Clothes
    center_px: tuple[float, float]
    newcomer: bool
    seen: int = 1

    @property
    def believable(self) -> bool:
        return self.listed.tall_enough and self.listed.plausibility >= _NEWCOMER_SCORE

    def cost(self, person: Person, clothes: Clothes) -> float:
        """How unlike this one a found person is; infinite for somebody else."""
        differs = self.clothes.distance(clothes) / DIFFERENT
        if differs > _ALIKE:
            return np.inf
        moved = np.hypot(*np.subtract(self.center_px, person.center_px)) / max(person.height_px, 1.0)
        return float(differs + 0.3 * min(moved, 2.0) + (_NEWCOMER_COST if self.newcomer else 0.0))


@dataclass(slots=True)
class _Gathering:
    """All people met so far."""

    known: list[_Known] = field(default_factory=list)
    looked: int = 0

    def meet(self, frame: Frame, start_s: float, people: list[Person], newcomers: bool) -> None:
        """Take in the people of one more frame, which `--start start_s` would begin their numbers with."""
        self.looked += 1
        clothes = [clothes_of(frame.rgb, p.detection) for p in people]
        again = self._recognised(people, clothes)
        for index, person in enumerate(people):
            if index in again:
                again[index].seen += 1
                again[index].center_px = person.center_px
            elif not newcomers or not any(_within(person, other) for other in people):
                self.known.append(_Known(_listed(frame, start_s, people, index), clothes[index], person.center_px, newcomers))

    def _recognised(self, people: list[Person], clothes: list[Clothes]) -> dict[int, _Known]:
        """Index of a found person → who that is; each counts once. Strangers are left out."""
        if not people or not self.known:
            return {}
        cost = np.array([[k.cost(p, c) for k in self.known] for p, c in zip(people, clothes, strict=True)])
        rows, columns = linear_sum_assignment(np.minimum(cost, 1e3))
        return {int(r): self.known[c] for r, c in zip(rows, columns, strict=True) if np.isfinite(cost[r, c])}

    def listed(self) -> tuple[Listed, ...]:
        """The people of the first frame, and newcomers who were seen well and more than once (more than never, if there are
        no others)."""
        regulars = [k for k in self.known if not k.newcomer]
        for often in (2, 1):
            newcomers = [k for k in self.known if k.newcomer and k.seen >= often and k.believable]
            if regulars or newcomers:
                break
        return tuple(replace(k.listed, seen=k.seen) for k in (*regulars, *newcomers))


def list_people(
    path: Path | str, start_s: float = 0.0, detector: PoseDetector | None = None, progress: Progress | None = None
) -> Listing:
    """Find the people of a video, photo, animation or folder of pictures from `start_s` on, as tracking numbers them.

    The first frame that shows anybody is found as the tracker finds it, so its numbers are what `--person` takes; a few frames
    over the rest tell in how many of them those people seem to be (by clothes and place), and who comes later. Raises `BadInput`
    where nobody is found or the file can't be read.
    """
    own = MediaPipeDetector() if detector is None else None
    used: PoseDetector = own if own is not None else detector  # type: ignore[assignment]
    try:
        with VideoReader(path, start_s, max_side_px=DRIVER_SIDE_PX) as reader:
            gathering = _Gathering()
            first = _first(reader, used, start_s, gathering)
            moments = _moments(reader, start_s + (_SEARCH_S if first is None else first.time_s))
        for done, moment_s in enumerate(moments, 1):
            frame = _frame_at(reader.info.path, moment_s)
            if frame is None:
                break
            gathering.meet(frame, moment_s, find_people(frame.rgb, used), newcomers=True)
            if progress is not None:
                progress("people", done, len(moments))
    finally:
        if own is not None:
            own.close()
    people = gathering.listed()
    if not people:
        raise nobody_found(shown(path))
    return Listing(reader.info.path, reader.info.size_px, gathering.looked, people)


def _first(reader: VideoReader, detector: PoseDetector, start_s: float, gathering: _Gathering) -> Frame | None:
    """The first frame that shows anybody, met; None if nobody comes soon."""
    search = Search(detector)
    for frame in reader:
        people = search.people(frame.rgb)
        if people:
            gathering.meet(frame, start_s, people, newcomers=False)
            return frame
        if frame.time_s > _SEARCH_S:
            break
    return None


def _moments(reader: VideoReader, after_s: float) -> list[float]:
    """Times in s, in whole hundredths (as `--start` is given), spread over the file from behind `after_s` on."""
    fps = reader.info.fps
    length_s = after_s + _UNKNOWN_LENGTH_S if reader.info.frames is None else float(reader.info.frames / fps)
    times = [round(after_s + (length_s - after_s) * i / MOMENTS, 2) for i in range(1, MOMENTS)]
    by_frame = {frame_number(t, fps): t for t in reversed(times)}
    return sorted(t for number, t in by_frame.items() if number > frame_number(after_s, fps))


def _frame_at(path: Path, time_s: float) -> Frame | None:
    """The frame that a run with this `--start` begins with; None where the file ends before."""
    try:
        with VideoReader(path, time_s, max_frames=1, max_side_px=DRIVER_SIDE_PX) as reader:
            return next(iter(reader), None)
    except BadInput:
        return None


def _within(person: Person, other: Person) -> bool:
    """Most of a box lies in that of somebody larger: rather a second skeleton on one body than another person."""
    sides = np.minimum(person.box_px[2:], other.box_px[2:]) - np.maximum(person.box_px[:2], other.box_px[:2])
    return other.area_px > person.area_px and float(np.prod(np.maximum(sides, 0))) > 0.6 * person.area_px


def _listed(frame: Frame, start_s: float, people: list[Person], index: int) -> Listed:
    size = (frame.rgb.shape[1], frame.rgb.shape[0])
    person = people[index]
    places = [p for p in PERSON_PLACES if choose(people, parse_person(p), size, "") is person] if len(people) > 1 else []
    return Listed(index + 1, start_s, frame.rgb, person.box_px, person.center_px, person.score, tuple(places))
