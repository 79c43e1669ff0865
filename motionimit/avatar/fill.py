"""Filling what the photo doesn't show: push-pull diffusion of known pixels into unknown ones."""

from __future__ import annotations

import cv2
import numpy as np


def push_pull(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Extend an image smoothly over its unknown pixels (Gortler et al. 1996, "The Lumigraph", section 3.4.2).

    image [h, w, C] float32; known [h, w] float32 weights 0..1. Pixels of weight 1 come back unchanged, weight 0 takes the value
    of the finest pyramid level that knows anything there. All unknown: the image comes back as it is.
    """
    if known.max() <= 0:
        return image.copy()
    levels = [(image * known[..., None], known)]
    while max(levels[-1][1].shape) > 1 and levels[-1][1].min() < 1:
        color, weight = levels[-1]
        size = (max(1, (weight.shape[1] + 1) // 2), max(1, (weight.shape[0] + 1) // 2))
        color, weight = (cv2.resize(a, size, interpolation=cv2.INTER_AREA) for a in (color, weight))
        gain = np.minimum(1 / np.maximum(weight, 1e-6), 4.0)  # a level four times coarser is surer of the same sample
        levels.append((color.reshape(*size[::-1], -1) * gain[..., None], weight * gain))
    color, weight = levels[-1]
    out = color / np.maximum(weight, 1e-6)[..., None]
    for color, weight in reversed(levels[:-1]):
        coarse = cv2.resize(out, weight.shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(color.shape)
        out = color + coarse * (1 - weight)[..., None]
    return np.asarray(out, np.float32)


def nearest_index(covered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For every pixel its nearest covered pixel: flat indices [h, w] int64 and distances [h, w] float32 in pixels.

    covered [h, w] bool with at least one True (ValueError otherwise).
    """
    if not covered.any():
        raise ValueError("nearest_index needs at least one covered pixel")
    distance, label = cv2.distanceTransformWithLabels(
        np.where(covered, 0, 255).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    flat = np.zeros(label.max() + 1, np.int64)
    flat[label[covered]] = np.flatnonzero(covered)
    return flat[label], distance


def distance_to(region: np.ndarray) -> np.ndarray:
    """[h, w] float32 distance in pixels to a boolean region, 0 inside; large everywhere where the region is empty."""
    if not region.any():
        return np.full(region.shape, 1e4, np.float32)
    return cv2.distanceTransform(np.where(region, 0, 255).astype(np.uint8), cv2.DIST_L2, 5)
