"""Landmarks from JSON files, ours or OpenPose's, as a `PersonTrack` that the body can be fitted to.

Ours:      {"size": [width, height], "landmarks": [[x, y, visibility], .. 33 of them, BlazePose's order]}
OpenPose:  {"people": [{"pose_keypoints_2d": [x, y, confidence, ..]}, ..]} with 18 (COCO) or 25 (BODY_25) keypoints, and
           optionally "canvas_width" and "canvas_height"

Coordinates are pixels from the upper left corner; where all lie in 0..1 and the picture's size is given, they are shares of it.
"""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import BadInput
from ..media.paths import check_input, shown
from ..types import LANDMARKS, PersonTrack
from ..values import LARGEST_PERSON, PersonChoice
from .choice import choose
from .detector import Detection
from .lifting import LEAST, SHOULDERS, lift
from .people import Person, box_of, plausibility
from .roi import Roi

MAX_BYTES = 4_000_000
MAX_PEOPLE = 1000
LARGEST_PX = 100_000.0
BESIDE = 0.25  # of the person's extent: the picture round people of whom nobody says how large it was
NECK = -1
_COCO = (0, NECK, 12, 14, 16, 11, 13, 15, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7)
_BODY_25 = (0, NECK, 12, 14, 16, 11, 13, 15, None, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7, 31, None, 29, 32, None, 30)
OPENPOSE = {18: _COCO, 25: _BODY_25}
"""Number of keypoints → the landmark that each is; None where there is none like it."""


def read_landmarks(path: Path, person: PersonChoice = LARGEST_PERSON) -> PersonTrack:
    """One person of a landmark file as a track of one frame without a mask.

    Landmarks that the file lacks have confidence 0 and lie where the rest lets expect them; depth is guessed by `lift`. Raises
    `BadInput` for what is no such file, for NaN, and where nobody (or fewer people than `person` needs) is in it.
    """
    content = _parsed(check_input(path, "landmark file"), path)
    people, size = _openpose(content, path) if "people" in content else _own(content, path)
    people = [p for p in people if (p[:, 2] > LEAST).any()]
    if not people:
        raise BadInput(f"Nobody is in the landmark file {shown(path)}: all confidences are 0; take one that shows a person.")
    people = _in_pixels(people, size, path)
    warnings = () if size else (f"{path.name} doesn't say how large its picture was; it is taken to end near the person",)
    width, height = size or _size_round(people)
    found = sorted((_person(p, width, height, path) for p in people), key=lambda p: p.center_px[0])
    chosen = choose(found, person, (width, height), shown(path))
    one = chosen.detection
    arrays = (chosen.box_px, one.joints_px, one.joints_m, one.confidence)
    box, px, metres, confidence = (torch.from_numpy(np.ascontiguousarray(a, np.float32))[None] for a in arrays)
    seen, masks = torch.ones(1, dtype=torch.bool), torch.zeros(0, 1, 1, 1)
    return PersonTrack((width, height), Fraction(1), box, px, metres, confidence, seen, (), (), masks, warnings)


def _parsed(path: Path, named: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_BYTES:
        raise BadInput(f"The landmark file {shown(named)} is too large for the landmarks of one picture; give one frame's file.")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError, OSError):
        raise BadInput(f"The landmark file {shown(named)} is not JSON; export it again.") from None
    if not isinstance(content, dict) or not {"people", "landmarks"} & set(content):
        raise BadInput(f"The landmark file {shown(named)} has neither 'landmarks' nor 'people'; see the README for both formats.")
    return content


def _own(content: dict[str, Any], path: Path) -> tuple[list[np.ndarray], tuple[int, int] | None]:
    """[33, 3] x, y, confidence, and the picture's size."""
    marks = _numbers(content["landmarks"], path, "landmarks")
    if marks.shape != (LANDMARKS, 3):
        raise BadInput(
            f"In the landmark file {shown(path)}, 'landmarks' is {list(marks.shape)}, not [33, 3]: x, y and visibility of each."
        )
    size = _numbers(content.get("size", []), path, "size")
    if size.shape != (2,):
        raise BadInput(f'The landmark file {shown(path)} doesn\'t say how large the picture is; add "size": [width, height].')
    return [marks], _size(size.tolist(), path)


def _openpose(content: dict[str, Any], path: Path) -> tuple[list[np.ndarray], tuple[int, int] | None]:
    """Each person's [33, 3], and the picture's size where the file has it."""
    people = content["people"]
    if not isinstance(people, list) or not people or len(people) > MAX_PEOPLE:
        raise BadInput(f"Nobody is in the landmark file {shown(path)}: 'people' is empty; take one that shows a person.")
    out = []
    for one in people:
        flat = one.get("pose_keypoints_2d") if isinstance(one, dict) else None
        points = _numbers([] if flat is None else flat, path, "pose_keypoints_2d").reshape(-1)
        if len(points) not in [3 * count for count in OPENPOSE]:
            raise BadInput(
                f"In the landmark file {shown(path)}, pose_keypoints_2d has {len(points)} numbers; 54 (18 keypoints, COCO) or 75"
                " (25, BODY_25) are needed."
            )
        out.append(_as_landmarks(points.reshape(-1, 3)))
    size = [content.get("canvas_width"), content.get("canvas_height")]
    return out, None if size == [None, None] else _size(_numbers(size, path, "canvas_width and canvas_height").tolist(), path)


def _as_landmarks(points: np.ndarray) -> np.ndarray:
    """OpenPose's keypoints [18 or 25, 3] → [33, 3]; where one shoulder is missing, the neck tells where it is."""
    order, out = OPENPOSE[len(points)], np.zeros((LANDMARKS, 3))
    for mark, point in zip(order, points, strict=True):
        if mark is not None and mark != NECK:
            out[mark] = point
    neck = points[order.index(NECK)]
    for here, there in (SHOULDERS, SHOULDERS[::-1]):
        if out[here, 2] <= LEAST < min(neck[2], out[there, 2]):
            out[here] = *(2 * neck[:2] - out[there, :2]), min(neck[2], out[there, 2])
    return out


def _in_pixels(people: list[np.ndarray], size: tuple[int, int] | None, path: Path) -> list[np.ndarray]:
    """Shares of the picture → pixels; confidences in 0..1."""
    sure = np.concatenate([p[p[:, 2] > LEAST, :2] for p in people])
    scale = (1.0, 1.0)
    if ((sure >= 0) & (sure <= 1)).all():
        if size is None:
            raise BadInput(
                f"The landmark file {shown(path)} gives shares of a picture of unknown size; add canvas_width and canvas_height."
            )
        scale = size
    return [p * (*scale, 1.0) for p in people]


def _person(points: np.ndarray, width: int, height: int, path: Path) -> Person:
    confidence = points[:, 2].clip(0, 1)
    try:
        metres, pixels = lift(points[:, :2], confidence)
    except ValueError as error:
        raise BadInput(f"The landmark file {shown(path)} shows too little of a person: {error}.") from None
    extent = float(np.ptp(pixels, axis=0).max())
    roi = Roi((float(pixels[:, 0].mean()), float(pixels[:, 1].mean())), max(extent, 1.0))
    found = Detection(pixels, metres, confidence, roi, roi)
    return Person(found, box_of(found, width, height), plausibility(found))


def _size_round(people: list[np.ndarray]) -> tuple[int, int]:
    """(width, height) of a picture that holds everybody, with room to the right of and below them."""
    sure = np.concatenate([p[p[:, 2] > LEAST, :2] for p in people])
    far = sure.max(0) + BESIDE * max(float(np.ptp(sure, axis=0).max()), 1.0)
    return max(int(far[0]), 2), max(int(far[1]), 2)


def _size(values: list[float], path: Path) -> tuple[int, int]:
    if not all(2 <= v <= LARGEST_PX for v in values):
        raise BadInput(f"The landmark file {shown(path)} has no usable picture size ({values}); give width and height in px.")
    return int(values[0]), int(values[1])


def _numbers(value: Any, path: Path, name: str) -> np.ndarray:
    """[..] float64, finite and of usable size."""
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.array(math.nan)
    if not (np.abs(array) <= LARGEST_PX).all():
        raise BadInput(
            f"In the landmark file {shown(path)}, {name} holds something other than usable finite numbers; export it again."
        )
    return array
