"""Who is seen in a picture, by one and the same instrument for truths and results, and how far two sightings differ."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ..checks import check_shape
from ..runtime import quiet_stderr
from ..types import LANDMARKS
from .pictures import resized

VISIBLE = 0.5  # confidence above which a landmark counts
PAD = 0.08  # of the person's height, round the box
NEAR_PCT = 5.0  # PCK's radius, % of the person's height
_MAX_HEIGHT_PX = 720  # taller pictures are shrunk before the detector
_CRUMB = 0.02  # parts of a mask smaller than this share of the largest part are dropped
_TORSO = (11, 12, 23, 24)

Box = tuple[int, int, int, int]
"""y0, y1, x0, x1 in px; y1 and x1 are outside."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One person in one picture."""

    landmarks_px: np.ndarray  # [33, 2] float32, pixel edges at 0
    confidence: np.ndarray  # [33] float32, 0..1; 0 outside the picture
    mask: np.ndarray  # [H, W] bool, not empty

    def __post_init__(self) -> None:
        check_shape("landmarks_px", self.landmarks_px, (LANDMARKS, 2))
        check_shape("confidence", self.confidence, (LANDMARKS,))
        check_shape("mask", self.mask, ("H", "W"))
        if not self.mask.any():
            raise ValueError("the mask of a person who is seen is empty")

    @property
    def visible(self) -> np.ndarray:
        """[33] bool."""
        return self.confidence > VISIBLE

    @property
    def height_px(self) -> float:
        """Of the mask: less than the person's for people cut off by the picture, sitting or crouching."""
        rows = np.flatnonzero(self.mask.any(1))
        return float(rows[-1] + 1 - rows[0])

    @property
    def box(self) -> Box:
        """Of the mask, wider by 8 % of its height on each side, inside the picture."""
        (height, width), pad = self.mask.shape, round(PAD * self.height_px)
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        y0, y1, x0, x1 = (int(v) for v in (rows[0] - pad, rows[-1] + 1 + pad, columns[0] - pad, columns[-1] + 1 + pad))
        return max(0, y0), min(height, y1), max(0, x0), min(width, x1)

    @property
    def torso_px(self) -> tuple[np.ndarray, np.ndarray]:
        """Centre of the shoulders and of the hips, [2] each."""
        corners = self.landmarks_px[list(_TORSO)].astype(np.float64)
        return corners[:2].mean(0), corners[2:].mean(0)


Finder = Callable[[np.ndarray], Seen | None]
"""[H, W, 3] uint8 → who is seen in it."""


class PersonFinder:
    """MediaPipe's own Pose solution ("full" model), every picture as an unrelated still of at most 720 px height.

    The product looks closer (`pose.photo`: several people, odd poses, finer masks) and its landmarks differ from these by
    0.2 to 0.5 % of a person's height; a result must be judged by an instrument that is nothing of its own.
    Use from one thread at a time.
    """

    def __init__(self) -> None:
        self._net: Any = None

    def __call__(self, rgb: np.ndarray) -> Seen | None:
        """[H, W, 3] uint8 → the most prominent person, or None. Raises `ShapeError`."""
        axes = check_shape("rgb", rgb, ("H", "W", 3))
        height, width = axes["H"], axes["W"]
        if self._net is None:
            os.environ.setdefault("GLOG_minloglevel", "2")
            with quiet_stderr():  # it logs while it opens and with its first picture
                self._net = _open()
        if height > _MAX_HEIGHT_PX:
            rgb = resized(rgb, max(1, round(width * _MAX_HEIGHT_PX / height)), _MAX_HEIGHT_PX)
        answer = self._net.process(np.ascontiguousarray(rgb))
        if answer.pose_landmarks is None or answer.segmentation_mask is None:
            return None
        mask = _without_crumbs(cv2.resize(answer.segmentation_mask, (width, height)) > 0.5)
        if mask is None:
            return None
        marks = np.array([(p.x * width, p.y * height, p.visibility) for p in answer.pose_landmarks.landmark], np.float32)
        inside = ((marks[:, :2] >= 0) & (marks[:, :2] < (width, height))).all(1)
        return Seen(marks[:, :2], marks[:, 2] * inside, mask)

    def close(self) -> None:
        """Give back what the solution holds."""
        net, self._net = self._net, None
        if net is not None:
            with suppress(Exception):  # a graph that failed earlier complains again when it is closed
                net.close()


@dataclass(frozen=True, slots=True)
class LandmarkErrors:
    """How far the result's landmarks are from the truth's."""

    distance_px: np.ndarray  # [33]; infinite where nobody was found in the result
    sure: np.ndarray  # [33] bool: visible in the truth
    both: np.ndarray  # [33] bool: visible in the result as well

    def scores(self, height_px: float) -> dict[str, float]:
        """AKD, MKR and PCK@5 in % (of `height_px`, of the truth's visible landmarks). AKD is absent where no landmark is visible
        in both, all three where the truth shows none. AKD alone flatters results that hide what is wrong."""
        sure, pct = int(self.sure.sum()), self.distance_px / height_px * 100
        if not sure:
            return {}
        near = self.both & (pct < NEAR_PCT)
        out = {"mkr": 100.0 * float(1 - self.both.sum() / sure), "pck5": 100.0 * float(near.sum() / sure)}
        return {**out, "akd": float(pct[self.both].mean())} if self.both.any() else out


def landmark_errors(truth: Seen, made: Seen | None) -> LandmarkErrors:
    """What `LandmarkErrors` says of two sightings in pictures of one size."""
    if made is None:
        return LandmarkErrors(np.full(LANDMARKS, np.inf), truth.visible, np.zeros(LANDMARKS, bool))
    distance = np.linalg.norm(truth.landmarks_px - made.landmarks_px, axis=1).astype(np.float64)
    return LandmarkErrors(distance, truth.visible, truth.visible & made.visible)


def mask_iou(truth: Seen, made: Seen | None) -> float:
    """Intersection over union of the masks, 0..1; 0 where nobody was found. Raises `ShapeError`."""
    if made is None:
        return 0.0
    check_shape("made.mask", made.mask, truth.mask.shape)
    return float((truth.mask & made.mask).sum() / (truth.mask | made.mask).sum())


def _open() -> Any:
    from mediapipe.python.solutions.pose import Pose

    net = Pose(static_image_mode=True, model_complexity=1, enable_segmentation=True, min_detection_confidence=0.5)
    net.process(np.zeros((256, 256, 3), np.uint8))
    return net


def _without_crumbs(mask: np.ndarray) -> np.ndarray | None:
    """The mask without its smallest parts; None for an empty one."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return None
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = [k for k in range(1, count) if areas[k] > _CRUMB * areas[1:].max()]
    return np.isin(labels, kept)
