"""Following one person through a stream of frames: windows from the last landmarks, identity by place, size and clothes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from ..errors import BadInput
from ..types import Frame, PersonTrack, Progress
from ..values import LARGEST_PERSON, PersonChoice
from .appearance import DIFFERENT, Clothes, CutDetector, clothes_of
from .assemble import MaskSample, Seen, build_track
from .choice import can_choose, choose
from .detector import Detection, MediaPipeDetector, PoseDetector
from .people import MIN_HEIGHT_CLIP_PX, Person, Search, box_of, look, plausibility, require_height, torso_px
from .photo import track_photo
from .rivals import Rivals
from .roi import Roi

__all__ = ["track_person", "track_photo"]

_CUT_SURE, _CUT_MAYBE = 0.8, 0.27  # `CutDetector.change`: ordinary motion stays below .3, hard cuts reach 1 to 6
_MIN_SCORE = 0.35
_CLOTHES_EVERY = 4  # frames between looks at the clothes of somebody alone


@dataclass(slots=True)
class _Target:
    """What is known of the followed person; all of it is of the last frame they were seen in."""

    detection: Detection
    clothes: Clothes
    torso_px: float  # smoothed
    speed_px: np.ndarray  # [2] px per frame, smoothed
    missing: int = 0  # frames since

    def window(self) -> Roi:
        """Where to look now: the last window, moved on at the last speed (for a few frames, then it waits)."""
        ahead = self.speed_px * (1.0 if self.missing == 0 else min(self.missing + 1, 4) * 0.7)
        return self.detection.next_roi.moved(float(ahead[0]), float(ahead[1]))

    def strangeness(self, detection: Detection) -> float:
        """How far place and size are from a continuation: ≥ 1 means somebody else or nonsense. Time apart widens what is
        allowed."""
        patience = 1 + 0.25 * min(self.missing, 12)
        moved = np.linalg.norm(detection.joints_px[23:25].mean(0) - np.asarray(self.window().center_px))
        side = detection.next_roi.side_px / max(self.detection.next_roi.side_px, 1.0)
        size = abs(np.log2(max(side, 1e-3))) / (1.0 if self.missing < 3 else 1.5)
        return float(max(moved / (max(self.torso_px, 1.0) * patience), size))

    def follow(self, detection: Detection, clothes: Clothes | None, alone: bool) -> None:
        """Take the detection as the person's; clothes are learnt only while nobody else is near who could lend theirs."""
        moved = detection.joints_px[23:25].mean(0) - self.detection.joints_px[23:25].mean(0)
        self.speed_px = 0.5 * self.speed_px + 0.5 * moved / (self.missing + 1)
        self.torso_px += 0.2 * (torso_px(detection.joints_px) - self.torso_px)
        if alone and clothes is not None:
            self.clothes = self.clothes.blended(clothes, 0.05 * _CLOTHES_EVERY)
        self.detection, self.missing = detection, 0


@dataclass(frozen=True, slots=True)
class _Interrupted:
    """The followed person when the picture changed: at a cut, or at black frames or a passer-by, after which the shot goes on."""

    target: _Target
    first: int  # frame
    cuts: int  # number of cuts before it


@dataclass(slots=True)
class _Tracker:
    detector: PoseDetector
    person: PersonChoice
    where: str
    grace: int  # frames in which the wanted person may still appear
    scan_every: int  # frames between looks for other people
    cuts: list[int] = field(default_factory=list)
    target: _Target | None = None
    rivals: Rivals = field(default_factory=Rivals)
    _changes: CutDetector = field(default_factory=CutDetector)
    _last_clothes: Clothes | None = None
    _search: Search | None = None  # while nobody is followed
    _held: _Interrupted | None = None
    crowd: list[Person] = field(default_factory=list)  # the most people seen while the wanted one was waited for

    def step(self, index: int, rgb: np.ndarray) -> Detection | None:
        """The person in the next frame, or None where they are not to be seen."""
        change = self._changes.change(rgb)
        if self.target is None:
            if change > _CUT_SURE and index:
                self._cut(index)
            return self._acquire(index, rgb)
        seen = self._continue(rgb, dressed=bool(self.rivals) or index % _CLOTHES_EVERY == 0)
        if change > _CUT_MAYBE and index and self._is_cut(change, seen):
            self._cut(index)
            return self._acquire(index, rgb)
        if self.rivals.due(index, self.scan_every, self.target.detection.next_roi):
            self.rivals.scan(index, rgb, self.detector, seen[0] if seen else self.target.detection)
        if seen is None or (seen[1] is not None and self.rivals.claims(seen[1], self.target.clothes)):
            seen = self._recover(rgb)
        if seen is None:
            self.target.missing += 1
            return None
        self.target.follow(*seen, alone=not self.rivals.near(seen[0].next_roi))
        return seen[0]

    def _continue(self, rgb: np.ndarray, dressed: bool) -> tuple[Detection, Clothes | None] | None:
        """Look where the person should be; None if nobody plausible is there. Their clothes too if `dressed`."""
        assert self.target is not None
        if self.target.missing > 3:
            return None
        detection = self.detector.detect(rgb, self.target.window())
        if detection is None or plausibility(detection) < _MIN_SCORE or self.target.strangeness(detection) >= 1:
            return None
        return detection, clothes_of(rgb, detection) if dressed else None

    def _is_cut(self, change: float, seen: tuple[Detection, Clothes | None] | None) -> bool:
        """A flash of light changes the frame but not the pose; a jump cut changes the pose more than the frame."""
        assert self.target is not None
        if seen is None:
            return change > _CUT_SURE
        jump = np.linalg.norm(seen[0].joints_px - self.target.detection.joints_px - self.target.speed_px, axis=-1)
        moved = float((jump * seen[0].confidence).sum() / max(seen[0].confidence.sum(), 1e-6)) / self.target.torso_px
        return moved > max(0.25, 0.11 / change)

    def _cut(self, index: int) -> None:
        if self.target is not None:
            self._last_clothes = self.target.clothes
            self._held = _Interrupted(self.target, index, len(self.cuts))
        self.cuts.append(index)
        self._changes.new_shot(keep=self.target is not None)
        self.rivals = Rivals()
        self.target = self._search = None

    def _rejoin(self, index: int, detection: Detection) -> None:
        """Withdraw the cuts since the person was lost, if the old picture is back with the person where they would be by now."""
        held, self._held = self._held, None
        if held is None or not 0 < index - held.first <= self.grace or not self._changes.is_back():
            return
        held.target.missing = index - held.first
        if held.target.strangeness(detection) < 1:
            del self.cuts[held.cuts :]

    def _acquire(self, index: int, rgb: np.ndarray) -> Detection | None:
        """Find the person without a past: at the start, by number or size; after a cut, by clothes and size."""
        self._search = self._search or Search(self.detector)
        people = self._search.people(rgb)
        if not people:
            return None
        if self._last_clothes is None:
            if not can_choose(people, self.person) and index < self.grace:
                self.crowd = max(self.crowd, people, key=len)
                return None
            chosen = choose(people, self.person, (rgb.shape[1], rgb.shape[0]), self.where)
        else:
            known = self._last_clothes
            alike = [p for p in people if known.distance(clothes_of(rgb, p.detection)) < 1.5 * DIFFERENT]
            chosen = max(alike or people, key=lambda p: p.area_px * (0.5 + p.score))
        detection = chosen.detection
        self._rejoin(index, detection)
        self.target = _Target(detection, clothes_of(rgb, detection), torso_px(detection.joints_px), np.zeros(2))
        return detection

    def _recover(self, rgb: np.ndarray) -> tuple[Detection, Clothes | None] | None:
        """Search the neighbourhood and the whole frame; take the candidate most like the person. Rarer the longer they are
        gone."""
        target = self.target
        assert target is not None
        if target.missing > 8 and target.missing % 3:
            return None
        best: tuple[Detection, Clothes | None] | None = None
        lowest = 1.0
        for roi in self._candidates(rgb, target):
            person = look(rgb, self.detector, roi)
            if person is None:
                continue
            clothes = clothes_of(rgb, person.detection)
            dressed = target.clothes.distance(clothes) / DIFFERENT * (1.0 if self.rivals else 0.5)
            cost = max(target.strangeness(person.detection), dressed)
            if cost < lowest and not self.rivals.claims(clothes, target.clothes):
                best, lowest = (person.detection, clothes), cost
        return best

    def _candidates(self, rgb: np.ndarray, target: _Target) -> list[Roi]:
        height, width = rgb.shape[:2]
        window = target.window()
        reach = window.side_px * 0.9
        x0, y0 = (int(max(c - reach, 0)) for c in window.center_px)
        x1, y1 = int(min(window.center_px[0] + reach, width)), int(min(window.center_px[1] + reach, height))
        found = self.detector.find(rgb)
        if x1 - x0 > 32 and y1 - y0 > 32 and (x1 - x0) * (y1 - y0) < 0.6 * width * height:
            found += [roi.moved(x0, y0) for roi in self.detector.find(np.ascontiguousarray(rgb[y0:y1, x0:x1]))]
        return found[:6]


def track_person(
    frames: Iterator[Frame],
    fps: Fraction,
    detector: PoseDetector | None = None,
    person: PersonChoice = LARGEST_PERSON,
    progress: Progress | None = None,
    where: str = "the video",
) -> PersonTrack:
    """Follow one person through a stream of frames (all of one size); memory does not grow with the frames' pixels.

    `person` is chosen in the first frame that shows anyone (within the first second, that shows enough people for the number).
    Frames where the person was not seen are bridged inside a shot and reported in `warnings`. Raises `BadInput` if nobody is
    found, if there are fewer people than `person` needs, or if the person is under 64 px tall; `where` names the source in
    those messages.
    """
    own = MediaPipeDetector() if detector is None else None
    used: PoseDetector = own if own is not None else detector  # type: ignore[assignment]
    tracker = _Tracker(used, person, where, grace=max(int(fps), 1), scan_every=max(round(fps / 3), 2))
    seen: list[Seen | None] = []
    masks = MaskSample()
    size = (0, 0)
    try:
        for index, frame in enumerate(frames):
            size = (frame.rgb.shape[1], frame.rgb.shape[0])
            detection = tracker.step(index, frame.rgb)
            seen.append(None if detection is None else Seen.of(detection, box_of(detection, *size)))
            if detection is not None:
                masks.offer(index, detection, *size)
            if progress is not None:
                progress("pose", index + 1, None)
    finally:
        if own is not None:
            own.close()
    if not seen:
        raise BadInput(f"There are no frames in {where}; use a video that plays from start to end.")
    if not any(seen):
        choose(tracker.crowd, person, size, where)
    track = build_track(seen, fps, size, tuple(tracker.cuts), masks)
    boxes = track.box_xyxy_px[track.valid]
    require_height(float((boxes[:, 3] - boxes[:, 1]).quantile(0.9)), MIN_HEIGHT_CLIP_PX, where)
    return track
