"""Local colour models: what colours the person has HERE against those of the background HERE."""

from __future__ import annotations

import cv2
import numpy as np

_LEVELS = (7, 9, 9)  # soft bins over the picture's own range of L, a, b
_ROUNDS = 3


def soften_by_color(rgb: np.ndarray, prior: np.ndarray, tall: float, outward: float, inward: float) -> np.ndarray:
    """[h, w, 3] uint8, prior [h, w] 0..1, person height in px → [h, w] float32 probability that follows colour borders.

    Each round counts palette colours, weighted by the current probability, in a Gaussian neighbourhood of 6 % of the person's height
    (and once globally), and combines their ratio with the prior in log odds. Outside the band the prior's verdict stands.
    """
    weights, index = _palette(rgb)
    floor = np.log(0.02 / 0.98)
    evidence = np.clip(np.log((prior + 0.01) / (1.01 - prior)), floor, -floor)
    inside, outside = _band(prior, tall, outward, inward)
    p = prior.copy()
    for step in range(_ROUNDS):
        near = _ratio(weights, index, p, 0.05 * tall)
        wide = _ratio(weights, index, p, 0.2 * tall)
        odds = 0.7 * evidence + 1.4 * near + 0.5 * wide
        p = 1 / (1 + np.exp(-odds))
        p[inside], p[outside] = np.maximum(p[inside], 0.97), 0.0
        radius = max(round(0.006 * tall), 1)
        p = cv2.ximgproc.guidedFilter(rgb, p.astype(np.float32), radius * 2, 120.0).clip(0, 1)
    return p.astype(np.float32)


def _palette(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bilinear (two bins per channel would be eight) kept to the nearest bin of a smoothed picture: [h, w] bin ids, compacted."""
    lab = cv2.cvtColor(cv2.bilateralFilter(rgb, 5, 20, 3), cv2.COLOR_RGB2LAB).astype(np.float32)
    raise NotImplementedError
