"""A drawn person with known landmarks, a finder that answers from a list, and weights of the right shapes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from motionimit.evaluation.people import Seen

SIZE = (300, 200)  # height, width
_POINTS = {
    0: (100, 48), 1: (104, 44), 2: (106, 44), 3: (108, 45), 4: (96, 44), 5: (94, 44), 6: (92, 45), 7: (114, 48), 8: (86, 48),
    9: (104, 56), 10: (96, 56), 11: (125, 85), 12: (75, 85), 13: (140, 120), 14: (60, 120), 15: (150, 155), 16: (50, 155),
    17: (153, 165), 18: (47, 165), 19: (151, 168), 20: (49, 168), 21: (147, 163), 22: (53, 163), 23: (112, 165), 24: (88, 165),
    25: (114, 215), 26: (86, 215), 27: (115, 262), 28: (85, 262), 29: (115, 268), 30: (85, 268), 31: (120, 270), 32: (80, 270),
}  # fmt: skip


def person(shift: tuple[float, float] = (0, 0), hidden: Sequence[int] = ()) -> Seen:
    """The drawn person, as a finder would see them, moved by `shift` (x, y) px."""
    landmarks = np.array([_POINTS[k] for k in range(33)], np.float32) + np.array(shift, np.float32)
    confidence = np.full(33, 0.9, np.float32)
    confidence[list(hidden)] = 0.1
    return Seen(landmarks, confidence, _mask(shift))


def picture(seed: int = 0) -> np.ndarray:
    """The person, textured, before a textured wall: [300, 200, 3] uint8."""
    rng = np.random.default_rng(seed)
    wall, skin = (cv2.GaussianBlur(rng.uniform(0, 255, (*SIZE, 3)), (0, 0), 1.5) for _ in range(2))
    stretched = (128 + 3 * (layer - 128) for layer in (wall, skin))
    wall, skin = (np.clip(layer, 0, 255).astype(np.uint8) for layer in stretched)
    return np.where(_mask((0, 0))[..., None], skin, wall)


def noisy(rgb: np.ndarray, sigma: float, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sigma, rgb.shape)
    return np.clip(rgb + noise, 0, 255).round().astype(np.uint8)


class ListedFinder:
    """Answers with the given sightings, one per call, the last one for ever."""

    def __init__(self, *answers: Seen | None) -> None:
        self._answers = list(answers)

    def __call__(self, rgb: np.ndarray) -> Seen | None:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def lpips_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights of LPIPS' shapes; heads are not negative, as the real ones."""
    rng, out = np.random.default_rng(seed), {}
    trunk = ((11, 3, 64), (5, 64, 192), (3, 192, 384), (3, 384, 256), (3, 256, 256))
    for k, (side, came, goes) in enumerate(trunk):
        spread = (2 / (side * side * came)) ** 0.5
        out[f"AlexNet_0.Conv_{k}.kernel"] = rng.normal(0, spread, (side, side, came, goes)).astype(np.float32)
        out[f"AlexNet_0.Conv_{k}.bias"] = np.zeros(goes, np.float32)
        out[f"NetLinLayer_{k}.Conv_0.kernel"] = rng.uniform(0, 1, (1, 1, goes, 1)).astype(np.float32)
    return out


def lpips_file(folder: Path) -> Path:
    path = folder / "lpips.npz"
    np.savez(path, **lpips_arrays())
    return path


def _mask(shift: tuple[float, float]) -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    moved = {k: (round(x + shift[0]), round(y + shift[1])) for k, (x, y) in _POINTS.items()}
    cv2.circle(mask, moved[0], 20, 1, -1)
    cv2.fillConvexPoly(mask, np.array([moved[k] for k in (11, 12, 24, 23)], np.int32), 1)
    for limb in (
        (11, 13),
        (13, 15),
        (15, 19),
        (12, 14),
        (14, 16),
        (16, 20),
        (23, 25),
        (25, 27),
        (27, 31),
        (24, 26),
        (26, 28),
        (28, 32),
    ):
        cv2.line(mask, moved[limb[0]], moved[limb[1]], 1, 12)
    cv2.line(mask, moved[0], ((moved[11][0] + moved[12][0]) // 2, moved[11][1]), 1, 14)
    return mask > 0
