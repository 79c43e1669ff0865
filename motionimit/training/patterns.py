"""New looks for a garment's texture: stripes, checks, dots, blotches and prints over its own folds and seams."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

_PLAIN = 0.35  # how much of the texture's own shading a pattern keeps at least


def patterned(rng: np.random.Generator, rgba: np.ndarray) -> np.ndarray:
    """A garment's texture [H, W, 4] (linear RGB, alpha) with a random pattern; its shading and alpha stay."""
    height, width = rgba.shape[:2]
    painter = _PAINTERS[rng.integers(len(_PAINTERS))]
    mask = painter(rng, height, width)[..., None]
    light = rgba[..., :3].mean(2, keepdims=True)
    relative = light / max(float(np.median(light[rgba[..., 3] > 0.5])) if (rgba[..., 3] > 0.5).any() else 1.0, 1e-3)
    shade = np.clip(relative, _PLAIN, 2.0)
    ink = random_color(rng) * shade
    ground = rgba[..., :3] if rng.random() < 0.4 else random_color(rng) * shade
    out = rgba.copy()
    out[..., :3] = np.clip(ground + mask * (ink - ground), 0, 1)
    return out


def random_color(rng: np.random.Generator) -> np.ndarray:
    """[3] float32 linear RGB; greys, darks and whites as often as people wear them."""
    saturation = rng.choice([0.05, 0.35, 0.8])
    hsv = np.array([[[rng.uniform(0, 360), saturation, rng.uniform(0.1, 1.0)]]], np.float32)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0] ** 2.2


def _axis(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Two coordinates [H, W], in periods across and along a random direction (mostly upright)."""
    angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
    y, x = np.mgrid[:height, :width].astype(np.float32) * (rng.uniform(12, 70) / max(height, width))
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def _bars(t: np.ndarray, share: float) -> np.ndarray:
    """Soft-edged bars of period 1 that cover `share` of it."""
    return np.clip((share / 2 - np.abs(t % 1 - 0.5)) * 12 + 0.5, 0, 1)


def stripes(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return _bars(_axis(rng, height, width)[0], rng.uniform(0.15, 0.6)).astype(np.float32)


def checks(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    u, v = _axis(rng, height, width)
    share = rng.uniform(0.2, 0.55)
    return (0.5 * (_bars(u, share) + _bars(v, share))).astype(np.float32)


def dots(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    u, v = _axis(rng, height, width)
    radius = rng.uniform(0.15, 0.38)
    distance = np.hypot(u % 1 - 0.5, v % 1 - 0.5)
    return np.clip((radius - distance) * 12 + 0.5, 0, 1).astype(np.float32)


def blotches(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    cells = rng.integers(6, 60)
    noise = rng.standard_normal((cells, cells)).astype(np.float32)
    smooth = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip((smooth - rng.uniform(-0.3, 0.6)) * 6, 0, 1)


def prints(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A handful of shapes and letters, wherever they fall on the pieces."""
    image = np.zeros((height, width), np.uint8)
    for _ in range(rng.integers(3, 16)):
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        size = int(rng.uniform(0.01, 0.06) * height) + 2
        kind = rng.integers(3)
        if kind == 0:
            cv2.circle(image, (x, y), size, 255, -1 if rng.random() < 0.5 else max(1, size // 4), cv2.LINE_AA)
        elif kind == 1:
            corners = np.array([x, y]) + rng.normal(0, size, (int(rng.integers(3, 7)), 2))
            cv2.fillPoly(image, [cv2.convexHull(corners.astype(np.int32))], 255, cv2.LINE_AA)
        else:
            word = "".join(chr(rng.integers(65, 91)) for _ in range(rng.integers(2, 7)))
            cv2.putText(image, word, (x, y), cv2.FONT_HERSHEY_DUPLEX, size / 18, 255, max(1, size // 9), cv2.LINE_AA)
    return image.astype(np.float32) / 255


_PAINTERS: tuple[Callable[[np.random.Generator, int, int], np.ndarray], ...] = (stripes, checks, dots, blotches, prints)
