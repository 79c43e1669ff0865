"""The parts of a person that a mean over the whole box hides: squares round the true head and hands, scaled to one size."""

from __future__ import annotations

import numpy as np

from .people import VISIBLE, Box, Seen
from .pictures import resized

HEAD_PX, HAND_PX = 128, 64
_FACE = slice(0, 11)  # nose, eyes, ears, mouth
_HANDS = ((15, (17, 19, 21)), (16, (18, 20, 22)))  # wrist; little finger, index, thumb
_SHOULDERS = [11, 12]
_HEAD_SHARES = (0.13, 0.4)  # least and largest side of the square, of the person's height
_HAND_SHARES = (0.1, 0.3)
_LEAST_PX = 8
_LEAST_INSIDE = 0.5  # share of the square that must lie in the picture


def head_box(seen: Seen) -> Box | None:
    """The square round the head with hair and chin; None where the face's landmarks are unsure, or it is mostly outside.

    Its side is the larger of 3.4 times the farthest face landmark's distance from their mean and 1.7 times the way from there
    to the line between the shoulders, kept between 13 and 40 % of the person's height: turned heads and half figures fit as well.
    """
    if float(seen.confidence[_FACE].mean()) <= VISIBLE:
        return None
    face = seen.landmarks_px[_FACE].astype(np.float64)
    centre, neck = face.mean(0), seen.landmarks_px[_SHOULDERS].astype(np.float64).mean(0)
    up = centre - neck
    side = max(3.4 * float(np.linalg.norm(face - centre, axis=1).max()), 1.7 * float(np.linalg.norm(up)))
    side = _limited(side, _HEAD_SHARES, seen.height_px)
    raised = centre + 0.1 * side * up / max(
        float(np.linalg.norm(up)), 1e-6
    )  # the landmarks sit low: there is a forehead and hair
    return _square(raised, side, seen.mask.shape)


def hand_boxes(seen: Seen) -> list[Box]:
    """A square for each hand whose wrist and fingers are visible and which lies in the picture, left before right."""
    out = []
    for wrist, fingers in _HANDS:
        if float(seen.confidence[[wrist, *fingers]].min()) <= VISIBLE:
            continue
        start, knuckles = seen.landmarks_px[wrist].astype(np.float64), seen.landmarks_px[list(fingers)].astype(np.float64).mean(0)
        side = _limited(3 * float(np.linalg.norm(knuckles - start)), _HAND_SHARES, seen.height_px)
        square = _square(start + 1.1 * (knuckles - start), side, seen.mask.shape)
        if square is not None:
            out.append(square)
    return out


def cut(picture: np.ndarray, box: Box, side_px: int | None = None) -> np.ndarray:
    """[H, W, 3] → the box's pixels, scaled to a square of `side_px` where that is given."""
    y0, y1, x0, x1 = box
    part = picture[y0:y1, x0:x1]
    return part if side_px is None else resized(np.ascontiguousarray(part), side_px, side_px)


def _limited(side_px: float, shares: tuple[float, float], height_px: float) -> float:
    return min(max(side_px, shares[0] * height_px), shares[1] * height_px)


def _square(centre_px: np.ndarray, side_px: float, frame: tuple[int, ...]) -> Box | None:
    """The square, moved into the picture (and cut where it is larger than that); None where too little of it was inside."""
    size = max(round(side_px), _LEAST_PX)
    height, width = frame[:2]
    x0, y0 = (round(float(c) - size / 2) for c in centre_px)
    inside_x, inside_y = min(x0 + size, width) - max(x0, 0), min(y0 + size, height) - max(y0, 0)
    if min(inside_x, inside_y) <= 0 or inside_x * inside_y < _LEAST_INSIDE * size * size:
        return None
    x0, y0 = max(0, min(x0, width - size)), max(0, min(y0, height - size))
    return y0, min(y0 + size, height), x0, min(x0 + size, width)
