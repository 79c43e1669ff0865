"""The colours of one picture, few enough to count: an adaptive palette in Lab, and how likely labels show its colours."""

from __future__ import annotations

import cv2
import numpy as np

COLORS = 40
LIGHTNESS = 0.6  # weight of L against a and b: shading changes it
SAMPLES, TURNS = 6000, 12
FLOOR = 2e-3  # least likelihood of a colour: unseen colours cost, but not without bound
SKIN_SPREAD_AB, SKIN_SPREAD_L, SKIN_SLACK_L = 5.0, 16.0, 10.0  # of one person's skin round the face's median, Lab units


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """[.., h, w, 3] uint8 RGB → float32 CIE Lab, L 0..100."""
    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)


def indexed(lab: np.ndarray, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Palette index [h, w] of every pixel and the palette [COLORS, 3] in Lab, learned by k-means from `where` [h, w] bool.

    Deterministic: it starts from quantiles of the colours along their main axis.
    """
    scale = np.array([LIGHTNESS, 1, 1], np.float32)
    pixels = lab[where] * scale
    some = pixels[:: max(1, len(pixels) // SAMPLES)]
    axis = np.linalg.svd(some - some.mean(0), full_matrices=False)[2][0]
    start = np.argsort(np.argsort(some @ axis)) * min(COLORS, len(some)) // len(some)
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, TURNS, 0.0)
    count = int(start.max()) + 1
    _, _, centers = cv2.kmeans(some, count, start.astype(np.int32)[:, None], criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    flat = (lab * scale).reshape(-1, 3)
    cross = flat @ centers.T
    index = (np.square(centers).sum(1) - 2 * cross).argmin(1)
    return index.reshape(lab.shape[:2]), centers / scale


def likelihoods(index: np.ndarray, share: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """[K, COLORS]: how likely each of K labels shows each colour, from pixels [n] of the palette and their shares [K, n].

    Counts leak into colours near by, because shading and noise move colours a little.
    """
    counts = np.stack([np.bincount(index, s, minlength=len(palette)) for s in share])
    apart = np.square((palette[:, None] - palette) * np.array([LIGHTNESS, 1, 1], np.float32)).sum(-1)
    leak = np.exp(-apart / (2 * 4.0**2))
    smooth = counts @ (leak / leak.sum(1, keepdims=True))
    return np.asarray(smooth / np.maximum(smooth.sum(1, keepdims=True), 1e-6) + FLOOR)


def skin_distance(lab: np.ndarray, face: np.ndarray) -> np.ndarray:
    """How far each colour of lab [.., 3] is from the skin of the face's pixels [n, 3], in standard deviations.

    Lightness may depart by `SKIN_SLACK_L` for free.
    """
    face = face[face[:, 0] >= np.median(face[:, 0])]  # hair, brows and beard are the darker half
    middle = np.median(face, axis=0)
    spread = np.maximum(1.48 * np.median(np.abs(face - middle), axis=0), [0, SKIN_SPREAD_AB, SKIN_SPREAD_AB])
    away = np.abs(lab - middle)
    light = np.maximum(away[..., 0] - SKIN_SLACK_L, 0) / SKIN_SPREAD_L
    return np.asarray(np.sqrt(np.square(away[..., 1:] / spread[1:]).sum(-1) + light**2))
