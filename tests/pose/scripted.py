"""A pose estimator that reads drawn frames: people are rectangles of their own colour, marker pixels say what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np

from motionimit.pose.detector import LEFT_RIGHT, Detection
from motionimit.pose.roi import Roi, roi_from_joints
from motionimit.types import Frame, PersonTrack

WIDTH, HEIGHT = 320, 240
RED, BLUE, GREEN = (200, 30, 30), (30, 30, 200), (30, 180, 30)
FPS = Fraction(30)

_LEFT = {11: (0.25, 0.2), 13: (0.12, 0.35), 15: (0.05, 0.5), 17: (0.04, 0.54), 19: (0.05, 0.55), 21: (0.07, 0.53)} | {
    23: (0.35, 0.52), 25: (0.34, 0.74), 27: (0.33, 0.94), 29: (0.34, 0.97), 31: (0.28, 0.99)
}  # fmt: skip
_FACE = {0: (0.5, 0.08), 1: (0.47, 0.06), 2: (0.46, 0.06), 3: (0.45, 0.06), 7: (0.42, 0.07), 9: (0.47, 0.1)}


def skeleton() -> np.ndarray:
    """[33, 2] of a person seen from behind (left in the image is left), in a unit box."""
    out = np.zeros((33, 2))
    for index, place in (_LEFT | _FACE).items():
        out[index] = place
        twin = LEFT_RIGHT[index]
        if twin != index:
            out[twin] = (1 - place[0], place[1])
    return out


def frame(
    people: list[tuple[tuple[int, int, int], float, float]], tall: int = 160, swapped: bool = False, noise: int = 0
) -> np.ndarray:
    """People as (colour, centre x, top y), later ones in front. `swapped` makes the estimator exchange left and right."""
    rgb = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    rgb += np.random.default_rng(noise).integers(0, 3, rgb.shape, dtype=np.uint8)
    for colour, x, y in people:
        half = tall * 0.25
        rgb[max(int(y), 0) : int(y + tall), max(int(x - half), 0) : max(int(x + half), 0)] = colour
    rgb[0, 0] = (255, 0, 255) if swapped else (0, 0, 0)
    return rgb


class ScriptedDetector:
    """`PoseDetector` for `frame`: finds the colours, gives each a rigid skeleton in its visible box."""

    def __init__(self) -> None:
        self.found = self.detected = 0

    def find(self, rgb: np.ndarray, score: float = 0.5) -> list[Roi]:
        self.found += 1
        return [roi_from_joints(j) for j in (self._joints(rgb, c) for c in (RED, BLUE, GREEN)) if j is not None]

    def detect(self, rgb: np.ndarray, roi: Roi) -> Detection | None:
        self.detected += 1
        people = [j for j in (self._joints(rgb, c) for c in (RED, BLUE, GREEN)) if j is not None]
        near = [j for j in people if np.linalg.norm(j[23:25].mean(0) - roi.center_px) < 0.35 * roi.side_px]
        if not near:
            return None
        joints = min(near, key=lambda j: float(np.linalg.norm(j[23:25].mean(0) - roi.center_px)))
        tall = float(np.ptp(joints[:, 1]))
        metres = np.concatenate(((joints - joints[23:25].mean(0)) * (1, -1) * 1.7 / tall, np.full((33, 1), 0.0)), 1)
        metres[:11, 2] = -0.1
        if (rgb[0, 0] == (255, 0, 255)).all():
            joints, metres = joints[LEFT_RIGHT], metres[LEFT_RIGHT] * (1, 1, -1)
        window = roi_from_joints(joints)
        mask = np.zeros((256, 256), np.float32)
        mask[40:216, 80:176] = 1
        confidence = np.full(33, 0.95, np.float32)
        return Detection(joints.astype(np.float32), metres.astype(np.float32), confidence, roi, window, mask)

    def people_mask(self, rgb: np.ndarray) -> np.ndarray | None:
        return None

    def close(self) -> None:
        pass

    def _joints(self, rgb: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray | None:
        near = [(max(c - 11, 0), min(c + 11, 255)) for c in colour]
        rows, cols = np.nonzero(cv2.inRange(rgb, *np.array(near).T))
        if len(rows) < 400:
            return None
        tall, wide = float(np.ptp(rows)) + 1, float(np.ptp(cols)) + 1
        if tall > 3 * wide:  # a sliver beside whoever stands in front
            return None
        return skeleton() * (wide, tall) + (cols.min(), rows.min())


def clip(images: list[np.ndarray]) -> Iterator[Frame]:
    return iter([Frame(i, i / 30, rgb) for i, rgb in enumerate(images)])


def centre_x(track: PersonTrack) -> np.ndarray:
    """[T] x of the middle of the torso, px."""
    return track.joints_px[:, [11, 12, 23, 24], 0].mean(1).numpy()
