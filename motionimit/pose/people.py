"""Who is in an image: every person as a detection with a box, left to right."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import BadInput
from .detector import LEFT_RIGHT, Detection, PoseDetector
from .roi import Roi

DRIVER_SIDE_PX = 720  # long side at which clips are read: landmarks gain nothing from larger frames
MIN_HEIGHT_CLIP_PX = 64
MIN_HEIGHT_PHOTO_PX = 128
TORSO = [11, 12, 23, 24]
_FIND_SCORE = 0.5
_THOROUGH_EVERY = 15  # frames, while nobody is seen
_SAME_PERSON = 0.35  # mean torso distance over torso length below which two detections are one person


@dataclass(frozen=True, slots=True)
class Person:
    detection: Detection
    box_px: np.ndarray  # [4] x0, y0, x1, y1, inside the frame
    score: float  # 0..1, how plausible the skeleton is

    @property
    def height_px(self) -> float:
        return float(self.box_px[3] - self.box_px[1])

    @property
    def center_px(self) -> tuple[float, float]:
        """Middle of the torso, x and y."""
        x, y = self.detection.joints_px[TORSO].mean(0)
        return float(x), float(y)

    @property
    def area_px(self) -> float:
        return float((self.box_px[2] - self.box_px[0]) * (self.box_px[3] - self.box_px[1]))


def box_of(detection: Detection, width: int, height: int) -> np.ndarray:
    """[4] float32 box of landmarks and mask, inside the frame. Landmarks end at the eyes and toes, hence the allowance on top."""
    sure = detection.confidence > 0.3
    joints = detection.joints_px[sure] if sure.sum() >= 4 else detection.joints_px
    low, high = joints.min(0), joints.max(0)
    tall = max(float(high[1] - low[1]), 1.0)
    low, high = low - np.array((0.05 * tall, 0.09 * tall)), high + np.array((0.05 * tall, 0.03 * tall))
    if detection.mask is not None:
        rows, cols = np.nonzero(detection.mask[::4, ::4] > 0.5)
        if len(rows):
            grid = np.stack((cols, rows), -1) * 4 / detection.mask.shape[0] + 0.5 / detection.mask.shape[0]
            points = detection.roi.to_frame(grid)
            low = np.minimum(low, np.maximum(points.min(0), low - 0.12 * tall))
            high = np.maximum(high, np.minimum(points.max(0), high + 0.12 * tall))
    size = np.array([width, height], np.float64)
    low, high = np.clip(low, 0, size - 1), np.clip(high, 1, size)
    return np.concatenate((low, np.maximum(high, low + 1))).astype(np.float32)


def plausibility(detection: Detection) -> float:
    """0..1: mean confidence of the torso and of the better half of the limbs, × whether the torso has a sane shape.

    A window without a person gives a collapsed or scattered skeleton: its torso is far smaller or larger than its window tells.
    """
    confidence = detection.confidence
    limbs = np.sort(confidence[[13, 14, 15, 16, 25, 26, 27, 28]])[4:]
    torso = torso_px(detection.joints_px)
    share = torso / detection.next_roi.side_px
    sane = 1.0 if 0.05 < share < 0.6 else 0.3
    return float((0.6 * confidence[TORSO].mean() + 0.4 * limbs.mean()) * sane)


def torso_px(joints_px: np.ndarray) -> float:
    """A size in px that hardly changes with pose: the longest of shoulder-to-hip (both sides) and shoulder width."""
    left = np.linalg.norm(joints_px[11] - joints_px[23])
    right = np.linalg.norm(joints_px[12] - joints_px[24])
    return float(max(left, right, np.linalg.norm(joints_px[11] - joints_px[12])))


def same_person(a: Detection, b: Detection) -> bool:
    """Two detections lie on the same body: their torsos coincide (with or without left and right swapped)."""
    size = max(torso_px(a.joints_px), torso_px(b.joints_px), 1.0)
    straight = np.linalg.norm(a.joints_px[TORSO] - b.joints_px[TORSO], axis=-1).mean()
    crossed = np.linalg.norm(a.joints_px[TORSO] - b.joints_px[LEFT_RIGHT][TORSO], axis=-1).mean()
    return float(min(straight, crossed)) < _SAME_PERSON * size


def look(rgb: np.ndarray, detector: PoseDetector, roi: Roi) -> Person | None:
    """Landmarks in a window, once more in the window they give (the first one is rough), with box and score; None if
    implausible."""
    first = detector.detect(rgb, roi)
    if first is None:
        return None
    second = detector.detect(rgb, first.next_roi)
    if second is None:
        return None
    score = plausibility(second)
    if score < 0.35:
        return None
    return Person(second, box_of(second, rgb.shape[1], rgb.shape[0]), score)


_WHOLE = -1  # a level of `_windows`


def _tiles(width: int, height: int, level: int) -> list[tuple[int, int, int]]:
    """(x, y, side) of overlapping squares: level 0 along the long side, deeper ones a grid of half, third, … the short side."""
    side = min(width, height) if level == 0 else max(math.ceil(min(width, height) / (level + 0.5)), 1)
    columns = 1 if width <= side * 1.05 else math.ceil((width - side) / (side * 0.5)) + 1
    rows = 1 if height <= side * 1.05 else math.ceil((height - side) / (side * 0.5)) + 1
    xs = np.linspace(0, max(width - side, 0), columns).astype(int)
    ys = np.linspace(0, max(height - side, 0), rows).astype(int)
    return [(int(x), int(y), side) for y in ys for x in xs]


def _windows(rgb: np.ndarray, detector: PoseDetector, level: int) -> list[Roi]:
    """Windows found in the tiles of one level, in frame pixels."""
    height, width = rgb.shape[:2]
    if level == _WHOLE:
        return detector.find(rgb, _FIND_SCORE)
    out: list[Roi] = []
    for x, y, side in _tiles(width, height, level):
        out += [roi.moved(x, y) for roi in detector.find(rgb[y : y + side, x : x + side], _FIND_SCORE)]
    return out


def find_people(rgb: np.ndarray, detector: PoseDetector, thorough: bool = True) -> list[Person]:
    """Everyone in the image, left to right.

    The detector's input is small, so people who are small or beside others are found in overlapping tiles; `thorough=False` looks
    at the whole image alone. Each found window is verified by its landmarks; windows on one body count once.
    """
    height, width = rgb.shape[:2]
    people: list[Person] = []
    oblong = max(width, height) > 1.2 * min(width, height)
    for level in (_WHOLE, *((0, 1) if oblong else (1,))) if thorough else (_WHOLE,):
        for roi in _windows(rgb, detector, level):
            _add(people, rgb, detector, roi)
    if thorough and not people:
        for roi in _windows(rgb, detector, 3):
            _add(people, rgb, detector, roi)
    return sorted(_real(people), key=lambda p: p.center_px[0])


def _real(people: list[Person]) -> list[Person]:
    """Without ghosts: a leg or a shoe taken for a small person, or a second, worse skeleton on one body. Their masks tell: a
    ghost's lies within another's. Larger people are believed first."""
    kept: list[Person] = []
    for person in sorted(people, key=lambda p: -p.area_px * p.score):
        inside = [(_covered(person.detection, k.detection), _covered(k.detection, person.detection)) for k in kept]
        if not any(a > 0.9 or (a > 0.8 and b > 0.8) for a, b in inside):
            kept.append(person)
    return kept


def _covered(a: Detection, b: Detection) -> float:
    """Share of a's mask that lies within b's; 0 where either has none."""
    if a.mask is None or b.mask is None:
        return 0.0
    rows, cols = np.nonzero(a.mask[::4, ::4] > 0.5)
    if not len(rows):
        return 0.0
    size = b.mask.shape[0]
    points = a.roi.to_frame((np.stack((cols, rows), -1) * 4 + 0.5) / a.mask.shape[0])
    there = np.floor(b.roi.to_crop(points) * size).astype(int)
    there = there[((there >= 0) & (there < size)).all(1)]
    return float((b.mask[there[:, 1], there[:, 0]] > 0.5).sum() / len(points))


def _add(people: list[Person], rgb: np.ndarray, detector: PoseDetector, roi: Roi) -> None:
    """Verify a window and keep its person unless the list has them already."""
    centre = np.asarray(roi.center_px)
    for other in people:  # cheap test first: the same window again
        known = other.detection.next_roi
        if np.linalg.norm(centre - known.center_px) < 0.06 * known.side_px and 0.7 < roi.side_px / known.side_px < 1.4:
            return
    person = look(rgb, detector, roi)
    if person is None or person.height_px < 8:
        return
    for index, other in enumerate(people):
        if same_person(person.detection, other.detection):
            if person.score > other.score + 0.1:
                people[index] = person
            return
    people.append(person)


@dataclass(slots=True)
class Search:
    """Looks for people frame by frame until there are any, in few frames thoroughly; the first that shows any is the one that
    choices are made in, so it is looked at thoroughly too. Tracker and listing share this, so that both number alike."""

    detector: PoseDetector
    looks: int = 0
    met: bool = False

    def people(self, rgb: np.ndarray) -> list[Person]:
        """Everyone seen in the next frame [H, W, 3] uint8, left to right."""
        thorough = self.looks % _THOROUGH_EVERY == 0
        self.looks += 1
        people = find_people(rgb, self.detector, thorough)
        if people and not thorough and not self.met:
            people = find_people(rgb, self.detector)
        self.met = self.met or bool(people)
        return people


def require_height(height_px: float, minimum_px: int, where: str) -> None:
    """Raises `BadInput` if the person is smaller than the figures that follow could resolve."""
    if height_px < minimum_px:
        raise BadInput(
            f"The person in {where} is only {height_px:.0f} px tall, at least {minimum_px} px are needed;"
            " use a larger or closer view."
        )
