"""What a person wears, as a few colours: enough to tell two people apart when they cross; and whole-frame change, which tells
cuts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from .detector import Detection

_GRID = np.linspace(0.12, 0.88, 6)
_SAME_LEVELS = 25.0  # of 255, that a still place may change between two looks at it
DIFFERENT = 22.0  # mean colour distance (Lab units) from which clothes count as another person's


@dataclass(frozen=True, slots=True)
class Clothes:
    """Median CIE Lab colour of upper torso, lower torso and thighs, with a weight per part (0 where it was hidden)."""

    lab: np.ndarray  # [3, 3]
    weight: np.ndarray  # [3]

    def distance(self, other: Clothes) -> float:
        """Weighted mean distance; lightness counts half, because shading changes as people move. 0 if no part is shared."""
        weight = self.weight * other.weight
        if weight.sum() < 1e-3:
            return 0.0
        delta = (self.lab - other.lab) * (0.5, 1.0, 1.0)
        return float((np.linalg.norm(delta, axis=-1) * weight).sum() / weight.sum())

    def blended(self, new: Clothes, rate: float) -> Clothes:
        """Follow slow changes of light and view."""
        step = (rate * new.weight / np.maximum(self.weight, 0.05)).clip(0, 1)[:, None]
        return Clothes(self.lab + (new.lab - self.lab) * step, np.maximum(self.weight, new.weight * rate))


def clothes_of(rgb: np.ndarray, detection: Detection) -> Clothes:
    """Sample a detection's torso and thighs in its frame. [H, W, 3] uint8."""
    j = detection.joints_px
    across, down = np.meshgrid(_GRID, _GRID)
    top = j[11] + (j[12] - j[11]) * across[..., None]
    bottom = j[23] + (j[24] - j[23]) * across[..., None]
    torso = top + (bottom - top) * down[..., None]
    thigh = np.stack([j[23] + (j[25] - j[23]) * f for f in _GRID] + [j[24] + (j[26] - j[24]) * f for f in _GRID])
    points = (torso[:3].reshape(-1, 2), torso[3:].reshape(-1, 2), thigh)
    confidence = detection.confidence
    sure = (confidence[[11, 12]].mean(), confidence[[23, 24]].mean(), confidence[[25, 26]].mean())
    lab, weight = np.zeros((3, 3)), np.zeros(3)
    height, width = rgb.shape[:2]
    for part, where in enumerate(points):
        x, y = where[:, 0].astype(int), where[:, 1].astype(int)
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        if inside.sum() < 6:
            continue
        colours = np.median(rgb[y[inside], x[inside]], axis=0).astype(np.float32)
        lab[part] = cv2.cvtColor(colours.reshape(1, 1, 3) / 255, cv2.COLOR_RGB2LAB)[0, 0]
        weight[part] = float(sure[part]) * inside.mean()
    return Clothes(lab, weight)


class CutDetector:
    """Compares each frame with the one before it, at thumbnail size, against what is usual in this shot."""

    def __init__(self) -> None:
        self._thumb: np.ndarray | None = None
        self._previous: np.ndarray | None = None
        self._kept: np.ndarray | None = None
        self._usual: deque[float] = deque(maxlen=24)

    def change(self, rgb: np.ndarray) -> float:
        """How far the frame [H, W, 3] is from a continuation of the last: above 1 it may begin a new shot."""
        step = max(min(rgb.shape[:2]) // 72, 1)
        thumb = cv2.resize(rgb[::step, ::step], (32, 24), interpolation=cv2.INTER_AREA).astype(np.float32)
        last = self._previous = self._thumb
        self._thumb = thumb
        if last is None:
            return 0.0
        difference = float(np.abs(thumb - last).mean())
        usual = float(np.median(self._usual)) if self._usual else 4.0
        self._usual.append(min(difference, 3 * usual + 3))
        histogram = float(np.abs(_histogram(thumb) - _histogram(last)).sum() / 2)
        return min(difference / (3 * usual + 7), 4.0) * min(0.4 + 2.4 * histogram, 1.6)

    def new_shot(self, keep: bool) -> None:
        """The last frame began a new shot; `keep` the picture before it for `is_back`."""
        self._usual.clear()
        if keep:
            self._kept = self._previous

    def is_back(self) -> bool:
        """The last frame shows the kept place again, whoever moved in it."""
        if self._kept is None or self._thumb is None:
            return False
        return float((np.abs(self._thumb - self._kept).max(-1) < _SAME_LEVELS).mean()) > 0.7


def _histogram(thumb: np.ndarray) -> np.ndarray:
    """[64] share of pixels per coarse colour."""
    bins = np.clip(thumb / 64, 0, 3).astype(np.int64)
    return np.bincount((bins[..., 0] * 16 + bins[..., 1] * 4 + bins[..., 2]).ravel(), minlength=64) / thumb[..., 0].size
