"""Other surroundings for stills: clutter painted by chance, so that networks don't learn the few walls that people are drawn
before."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

_SHAPES = (0, 14)  # rectangles, ellipses and bars, up to
_RIM = (0.35, 0.95)  # of the matte: fainter pixels still show the old wall


def clutter(rng: np.random.Generator, height: int, width: int) -> Tensor:
    """[3, height, width] in 0..1: soft colour fields, shapes of all sizes, grain; in or out of focus."""
    base = rng.random((3, 4, 3), np.float32) * rng.uniform(0.1, 0.6) + rng.random(3, np.float32) * 0.6
    picture = cv2.resize(base, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(*_SHAPES))):
        color = rng.random(3).tolist()
        x, y = int(rng.integers(width)), int(rng.integers(height))
        w, h = (max(2, int(n * rng.uniform(0.01, 0.5) ** 1.5)) for n in (width, height))
        kind = rng.integers(3)
        if kind == 0:
            cv2.rectangle(picture, (x - w, y - h), (x + w, y + h), color, -1)
        elif kind == 1:
            cv2.ellipse(picture, (x, y), (w, h), float(rng.uniform(0, 180)), 0, 360, color, -1, cv2.LINE_AA)
        else:
            cv2.line(picture, (x, y), (int(rng.integers(width)), int(rng.integers(height))), color, max(1, w // 8), cv2.LINE_AA)
    blur = rng.uniform(0.0, 4.0)
    picture = cv2.GaussianBlur(picture, (0, 0), blur) if blur > 0.5 else picture
    picture = picture + rng.normal(0, rng.uniform(0, 0.03), picture.shape).astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(picture.clip(0, 1).transpose(2, 0, 1)))


def moved_before(rgb: Tensor, alpha: Tensor, backdrop: Tensor) -> Tensor:
    """The person of rgb [3, H, W] with the matte alpha [1, H, W] before another backdrop [3, H, W]."""
    low, high = _RIM
    return torch.lerp(backdrop, rgb, ((alpha - low) / (high - low)).clamp(0, 1))
