"""Procedural floor and wall textures, painted in linear albedo at a fixed number of pixels per metre."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from .backdrop import Surface
from .people import srgb_to_linear

PX_PER_M = 320


def noise(rng: np.random.Generator, height: int, width: int, cell: tuple[float, float], octaves: int = 4) -> np.ndarray:
    """[H, W] float32 fractal noise, zero mean, unit deviation; `cell` is the coarsest feature's (height, width) in pixels."""
    out = np.zeros((height, width), np.float32)
    for k in range(octaves):
        rows, columns = (max(2, int(n / c * 2**k) + 2) for n, c in zip((height, width), cell, strict=True))
        coarse = rng.standard_normal((min(rows, height), min(columns, width))).astype(np.float32)
        out += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * 0.55**k
    return (out - out.mean()) / out.std()


def _srgb(hex_color: str) -> np.ndarray:
    rgb = np.array([int(hex_color[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255
    return srgb_to_linear(rgb)


def _shaded(color: np.ndarray, variation: np.ndarray) -> np.ndarray:
    """Multiply [.., 3] by exp(variation [H, W])."""
    return (color * np.exp(variation)[..., None]).astype(np.float32)


def planks(
    rng: np.random.Generator, color: str = "#b98a5a", width_m: float = 8.0, depth_m: float = 6.0, plank_m: float = 0.14
) -> Surface:
    """A wooden floor, planks running along x."""
    height, width = int(depth_m * PX_PER_M), int(width_m * PX_PER_M)
    board = int(plank_m * PX_PER_M)
    log = 0.10 * noise(rng, height, width, (10, 500), 5) + 0.05 * noise(rng, height, width, (3, 90), 2)
    for top in range(0, height, board):
        rows = slice(top, top + board)
        ends = [0, *np.cumsum(rng.uniform(1.0, 2.2, 16) * PX_PER_M).astype(int)]
        start = int(rng.uniform(0, 1.5) * PX_PER_M)
        for a, b in pairwise(ends):
            left, right = max(a - start, 0), min(b - start, width)
            if right > left:
                log[rows, left:right] += rng.normal(0, 0.13)
                log[rows, max(right - 3, 0) : right] -= 0.9
        log[top : top + 3] -= 0.8
        log[top + 3 : top + 6] += 0.08
    return Surface(_shaded(_srgb(color), log), (width_m, depth_m))


def slabs(
    rng: np.random.Generator, color: str = "#a29c92", width_m: float = 8.0, depth_m: float = 6.0, slab_m: float = 0.6
) -> Surface:
    """Concrete paving with joints and stains."""
    height, width = int(depth_m * PX_PER_M), int(width_m * PX_PER_M)
    log = 0.10 * noise(rng, height, width, (300, 300), 5) + 0.09 * rng.standard_normal((height, width)).astype(np.float32)
    log += 0.05 * noise(rng, height, width, (6, 6), 2)
    side = int(slab_m * PX_PER_M)
    for row, top in enumerate(range(0, height, side)):
        for left in range(-(row % 2) * side // 2, width, side):
            box = (slice(top, top + side), slice(max(left, 0), left + side))
            log[box] += rng.normal(0, 0.08)
            log[box[0], max(left, 0) : max(left + 4, 0)] -= 0.75
        log[top : top + 4] -= 0.75
    return Surface(_shaded(_srgb(color), log), (width_m, depth_m))


def bricks(rng: np.random.Generator, width_m: float = 8.0, height_m: float = 4.0) -> Surface:
    """A weathered brick wall over a concrete plinth. Its relief is painted: lit upper left edges, dark lower right ones."""
    height, width = int(height_m * PX_PER_M), int(width_m * PX_PER_M)
    color = np.empty((height, width, 3), np.float32)
    relief = 0.25 * noise(rng, height, width, (8, 8), 3)
    color[:] = _shaded(_srgb("#8a8377"), 0.12 * noise(rng, height, width, (40, 40), 4))
    brick = (int(0.075 * PX_PER_M), int(0.235 * PX_PER_M))
    tones = [_srgb(c) for c in ("#b3a58c", "#a99880", "#c0b49c", "#9c8d78", "#b8a083", "#8f867a")]
    joint = 3
    for row, top in enumerate(range(0, height, brick[0])):
        for left in range(-(row % 2) * brick[1] // 2, width, brick[1]):
            box = (slice(top + joint, top + brick[0]), slice(max(left + joint, 0), max(left + brick[1], 0)))
            color[box] = tones[rng.integers(len(tones))] * np.exp(rng.normal(0, 0.12))
            relief[box] += 2.2
    relief = cv2.GaussianBlur(relief, (0, 0), 0.9)
    light = np.clip(
        np.roll(relief, -1, 0) - np.roll(relief, 1, 0) - 0.5 * (np.roll(relief, 1, 1) - np.roll(relief, -1, 1)), -3, 3
    )
    shade = 0.13 * light + 0.10 * noise(rng, height, width, (5, 5), 3) + 0.12 * noise(rng, height, width, (400, 300), 4)
    plinth = int(0.32 * PX_PER_M)
    color[-plinth:] = _srgb("#8b8780")
    shade[-plinth:] = 0.10 * noise(rng, plinth, width, (60, 60), 5) - 0.1
    shade[-plinth : -plinth + 6] += 0.25
    shade[-plinth + 6 : -plinth + 10] -= 0.25
    return Surface(_shaded(color, shade), (width_m, height_m))


def plaster(
    rng: np.random.Generator,
    upper: str = "#d8d2c4",
    lower: str = "#4f7d82",
    band_m: float = 1.15,
    width_m: float = 8.0,
    height_m: float = 4.0,
) -> Surface:
    """A wall painted in two colours with a rail between them and a skirting board."""
    height, width = int(height_m * PX_PER_M), int(width_m * PX_PER_M)
    band = height - int(band_m * PX_PER_M)
    color = np.empty((height, width, 3), np.float32)
    color[:band], color[band:] = _srgb(upper), _srgb(lower)
    shade = 0.05 * noise(rng, height, width, (260, 260), 4) + 0.025 * noise(rng, height, width, (5, 5), 2)
    rail, board = int(0.06 * PX_PER_M), int(0.12 * PX_PER_M)
    color[band - rail // 2 : band + rail // 2] = _srgb("#8a6240")
    shade[band - rail // 2 : band + rail // 2] += (
        0.12 * noise(rng, 2 * (rail // 2), width, (4, 160), 4) + np.linspace(0.25, -0.25, 2 * (rail // 2))[:, None]
    )
    shade[band + rail // 2 : band + rail // 2 + 12] -= np.linspace(0.35, 0, 12)[:, None]
    color[-board:] = _srgb("#e4e0d6")
    shade[-board - 3 : -board] -= 0.3
    shade[-board : -board + 4] += 0.1
    return Surface(_shaded(color, shade), (width_m, height_m))


def hang(
    surface: Surface, picture: np.ndarray, center_m: tuple[float, float], size_m: tuple[float, float], frame: str = "#2b2622"
) -> Surface:
    """Hang a framed sRGB picture [h, w, 3] on a wall; `center_m` is x from the middle and height above the floor."""
    image = surface.image.copy()
    w, h = (int(s * PX_PER_M) for s in size_m)
    left = int((center_m[0] + surface.size_m[0] / 2) * PX_PER_M) - w // 2
    top = int((surface.size_m[1] - center_m[1]) * PX_PER_M) - h // 2
    edge, cast = int(0.025 * PX_PER_M), 14
    shadow = np.zeros(image.shape[:2], np.float32)
    shadow[top - edge + cast : top + h + edge + cast, left - edge - cast : left + w + edge - cast] = 1
    image *= 1 - 0.45 * cv2.GaussianBlur(shadow, (0, 0), 7)[..., None]
    image[top - edge : top + h + edge, left - edge : left + w + edge] = _srgb(frame)
    image[top : top + h, left : left + w] = srgb_to_linear(cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA))
    return Surface(image, surface.size_m)
