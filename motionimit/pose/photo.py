"""One person in a still."""

from __future__ import annotations

import math
from fractions import Fraction

import cv2
import numpy as np
import torch

from ..errors import BadInput
from ..media.paths import shown
from ..types import PersonTrack, Photo
from ..values import LARGEST_PERSON, PersonChoice
from .choice import choose
from .detector import LEFT_RIGHT, Detection, MediaPipeDetector, PoseDetector
from .people import MIN_HEIGHT_PHOTO_PX, Person, box_of, find_people, plausibility, require_height, same_person
from .roi import Roi, crop, paste

_TURNS = (1, 3, 2)  # quarter turns tried when nobody stands upright
_CONVINCING = 0.6
_TORSO = [11, 12, 24, 23]
_LIMBS = (
    (11, 13, 0.014),
    (13, 15, 0.01),
    (12, 14, 0.014),
    (14, 16, 0.01),
    (23, 25, 0.03),
    (25, 27, 0.016),
    (24, 26, 0.03),
    (26, 28, 0.016),
)
_BORNE_OUT = 0.35  # mean of the mask along a limb below which its landmarks are mistaken
_SEARCH_PX = 1280  # people are searched at this long side; landmarks come from the full picture


def track_photo(photo: Photo, detector: PoseDetector | None = None, person: PersonChoice = LARGEST_PERSON) -> PersonTrack:
    """The person of a photo as a track of one frame, with a mask of the photo's full size (the photo's own matte if it has one).

    Raises `BadInput` if nobody is found (upright, lying or upside down), if there are fewer people than `person` needs, or if
    the person is under 128 px tall.
    """
    own = MediaPipeDetector() if detector is None else None
    used: PoseDetector = own if own is not None else detector  # type: ignore[assignment]
    height, width = photo.rgb.shape[:2]
    try:
        people = _everyone(photo.rgb, used)
        chosen = choose(people, person, (width, height), shown(photo.path))
        detection = _refined(photo.rgb, used, chosen.detection)
        box = box_of(detection, width, height)
        require_height(float(box[3] - box[1]), MIN_HEIGHT_PHOTO_PX, shown(photo.path))
        mask = photo.matte if photo.matte is not None else _mask(photo.rgb, used, people, detection, box)
    finally:
        if own is not None:
            own.close()
    if mask is None:
        raise BadInput(f"The pose estimator gives no mask for {shown(photo.path)}; use a photo whose background is transparent.")
    arrays = (box, detection.joints_px, detection.joints_m, detection.confidence)
    box_t, px, metres, confidence = (torch.from_numpy(np.ascontiguousarray(a, np.float32))[None] for a in arrays)
    masks = torch.from_numpy(np.ascontiguousarray(mask, np.float32))[None, None]
    seen = torch.ones(1, dtype=torch.bool)
    return PersonTrack((width, height), Fraction(1), box_t, px, metres, confidence, seen, (), (0,), masks)


def _mask(
    rgb: np.ndarray, detector: PoseDetector, people: list[Person], detection: Detection, box: np.ndarray
) -> np.ndarray | None:
    """[H, W] float32 from three sources: the landmark network's mask, which knows this person but cuts clothes off; a
    segmenter's, which knows clothes and hair but not whose they are (so other people's masks are taken out of it); and the
    bones, which are always inside the body. Near one half where the first two disagree: `refine_matte` decides there by
    colour."""
    if detection.mask is None:
        return None
    height, width = rgb.shape[:2]
    own = paste(detection.mask, detection.roi, width, height)
    second = _anybody(rgb, detector, detection, box)
    tall = float(box[3] - box[1])
    if second is None:
        return np.maximum(own, _bones(detection, own, tall))
    seen = np.maximum(own, second)
    bones = _bones(detection, seen, tall)
    limbs = cv2.GaussianBlur(_bones(detection, seen, tall, 2.5), (0, 0), max(0.008 * tall, 0.5))
    fused = np.maximum(0.42 * own + 0.58 * second, own * limbs)
    for other in people:
        if not same_person(other.detection, detection) and _overlap(other.box_px, box):
            fused *= 1 - _belongs_to(other, bones, width, height)
    return np.maximum(fused, bones)


def _belongs_to(other: Person, bones: np.ndarray, width: int, height: int) -> np.ndarray:
    """[H, W] float32: 1 where another person's mask lies nearer to their bones than to `bones`, which are the wanted person's."""
    if other.detection.mask is None:
        return np.zeros((height, width), np.float32)
    mask = paste(other.detection.mask, other.detection.roi, width, height)
    theirs = _bones(other.detection, mask, other.height_px)
    to_own, to_theirs = (cv2.distanceTransform((b < 0.5).astype(np.uint8), cv2.DIST_L2, 3) for b in (bones, theirs))
    nearer = np.clip(0.5 + (to_own - to_theirs) / (0.04 * other.height_px), 0, 1)
    return (mask * nearer).astype(np.float32)


def _anybody(rgb: np.ndarray, detector: PoseDetector, detection: Detection, box: np.ndarray) -> np.ndarray | None:
    """[H, W] float32 mask of anybody in the person's surroundings, sharper about head and shoulders, where it is asked twice."""
    height, width = rgb.shape[:2]
    tall = float(box[3] - box[1])
    head = detection.joints_px[:11].mean(0)
    whole = (box[0] - 0.1 * tall, box[1] - 0.1 * tall, box[2] + 0.1 * tall, box[3] + 0.1 * tall)
    upper = (head[0] - 0.21 * tall, head[1] - 0.19 * tall, head[0] + 0.21 * tall, head[1] + 0.23 * tall)
    out = np.zeros((height, width), np.float32)
    for window, weight in ((whole, 1.0), (upper, 0.7)):
        x0, y0, x1, y1 = (int(np.clip(v, 0, m)) for v, m in zip(window, (width, height, width, height), strict=True))
        if min(x1 - x0, y1 - y0) < 32:
            continue
        part = detector.people_mask(rgb[y0:y1, x0:x1])
        if part is None:
            return None
        out[y0:y1, x0:x1] += (part - out[y0:y1, x0:x1]) * weight * _faded(y1 - y0, x1 - x0, window is upper)
    return out


def _bones(detection: Detection, mask: np.ndarray, tall: float, thick: float = 1.0) -> np.ndarray:
    """[H, W] float32: 0.92 on the torso and along the limbs whose ends are both seen well and that the mask [H, W] bears out
    on average; at `thick` 1 thinner than any limb, at 2.5 about as thick as limbs are."""
    canvas = np.zeros(mask.shape, np.uint8)
    joints = detection.joints_px
    if detection.confidence[_TORSO].min() > 0.6:
        hull = joints[_TORSO].mean(0) + (joints[_TORSO] - joints[_TORSO].mean(0)) * 0.8
        cv2.fillConvexPoly(canvas, np.round(hull).astype(np.int32), 255)
    for a, b, thickness in _LIMBS:
        along = joints[a] + (joints[b] - joints[a]) * np.linspace(0, 1, 24)[:, None]
        x, y = (np.clip(along[:, k].astype(int), 0, mask.shape[1 - k] - 1) for k in (0, 1))
        if min(detection.confidence[a], detection.confidence[b]) > 0.7 and mask[y, x].mean() > _BORNE_OUT:
            ends = (tuple(int(v) for v in joints[a]), tuple(int(v) for v in joints[b]))
            cv2.line(canvas, *ends, 255, max(round(thickness * thick * tall), 1))
    return canvas.astype(np.float32) * (0.92 / 255)


def _overlap(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((np.maximum(a[:2], b[:2]) < np.minimum(a[2:], b[2:])).all())


def _faded(height: int, width: int, fade: bool) -> np.ndarray:
    """[height, width] weight of a window that ends softly, so that no edge of it shows."""
    if not fade:
        return np.ones((height, width), np.float32)
    ramps = [np.clip(np.minimum(np.arange(n) + 1, n - np.arange(n)) / (0.2 * n), 0, 1) for n in (height, width)]
    return (ramps[0][:, None] * ramps[1]).astype(np.float32)


def _everyone(rgb: np.ndarray, detector: PoseDetector) -> list[Person]:
    """People of the picture upright, else in the first quarter turn that shows a convincing one; in full-size pixels."""
    scale = min(_SEARCH_PX / max(rgb.shape[:2]), 1.0)
    small = rgb if scale == 1 else cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    upright = find_people(small, detector)
    best = max((p.score for p in upright), default=0.0)
    found, quarter = upright, 0
    for turns in _TURNS if best < _CONVINCING else ():
        turned = find_people(np.ascontiguousarray(np.rot90(small, turns)), detector)
        if max((p.score for p in turned), default=0.0) > max(best, _CONVINCING):
            found, quarter = turned, turns
            break
    if quarter == 0 and scale == 1:
        return upright
    out: list[Person] = []
    for person in found:
        for window in (person.detection.next_roi, person.detection.roi):  # the second one has shown them before
            roi = _unturned(window, quarter, small.shape[1], small.shape[0])
            full = Roi((roi.center_px[0] / scale, roi.center_px[1] / scale), roi.side_px / scale, roi.angle_rad)
            one = detector.detect(rgb, full)
            if one is not None:
                out.append(Person(one, box_of(one, rgb.shape[1], rgb.shape[0]), plausibility(one)))
                break
    return sorted(out, key=lambda p: float(p.detection.joints_px[[11, 12, 23, 24], 0].mean()))


def _unturned(roi: Roi, turns: int, width: int, height: int) -> Roi:
    """A window of `np.rot90(image, turns)` in the pixels of the image itself (`width` × `height`)."""
    x, y = roi.center_px
    for left in range(turns, 0, -1):
        x, y = (width if left % 2 else height) - y, x
    return Roi((x, y), roi.side_px, roi.angle_rad + turns * math.pi / 2)


def _refined(rgb: np.ndarray, detector: PoseDetector, first: Detection) -> Detection:
    """Mean over the window that the landmarks give and a larger one, each also mirrored: steadier than any single look."""
    width = rgb.shape[1]
    flipped = np.ascontiguousarray(rgb[:, ::-1])
    found: list[Detection] = []
    for factor in (1.0, 1.1):
        window = first.next_roi.scaled(factor)
        straight, mirror = detector.detect(rgb, window), detector.detect(flipped, _mirrored_roi(window, width))
        found += [d for d in (straight, None if mirror is None else _mirrored(mirror, width)) if d is not None]
    return _mean(found) if found else first


def _mirrored_roi(roi: Roi, width: int) -> Roi:
    return Roi((width - roi.center_px[0], roi.center_px[1]), roi.side_px, -roi.angle_rad)


def _mirrored(detection: Detection, width: int) -> Detection:
    """The detection of a mirrored image in the pixels of the original."""
    return Detection(
        detection.joints_px[LEFT_RIGHT] * (-1, 1) + (width, 0),
        detection.joints_m[LEFT_RIGHT] * (-1, 1, 1),
        detection.confidence[LEFT_RIGHT],
        _mirrored_roi(detection.roi, width),
        _mirrored_roi(detection.next_roi, width),
        None if detection.mask is None else np.ascontiguousarray(detection.mask[:, ::-1]),
    )


def _mean(found: list[Detection]) -> Detection:
    """Median landmarks of several looks at one person, and the mean of their masks in the largest window."""
    wide = max((d.roi for d in found), key=lambda r: r.side_px)
    masks = [_in_window(d.mask, d.roi, wide) for d in found if d.mask is not None]
    return Detection(
        np.median([d.joints_px for d in found], axis=0).astype(np.float32),
        np.median([d.joints_m for d in found], axis=0).astype(np.float32),
        np.mean([d.confidence for d in found], axis=0).astype(np.float32),
        wide,
        found[0].next_roi,
        np.mean(masks, axis=0).astype(np.float32) if masks else None,
    )


def _in_window(mask: np.ndarray, roi: Roi, wide: Roi) -> np.ndarray:
    """A mask of one window resampled to another that has the same centre and angle."""
    if roi == wide:
        return mask
    size = mask.shape[0]
    inner = Roi((size / 2, size / 2), size * wide.side_px / roi.side_px)
    return crop(mask, inner, size)
