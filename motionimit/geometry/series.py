"""Filters along time [T], with the ends held: what scipy.ndimage does, which takes a third of a second to load at every start."""

from __future__ import annotations

import cv2
import numpy as np


def gaussian(values: np.ndarray, sigma: float) -> np.ndarray:
    """[T] float64 smoothed by a bell of `sigma` samples, cut off at four of them."""
    if round(4 * sigma) < 1 or not len(values):
        return np.array(values, np.float64)
    size = 2 * round(4 * sigma) + 1
    row = np.ascontiguousarray(values, np.float64)[None]
    return np.asarray(cv2.GaussianBlur(row, (size, 1), sigma, borderType=cv2.BORDER_REPLICATE)[0])


def percentile(values: np.ndarray, percent: float, size: int) -> np.ndarray:
    """[T] float64: of the `size` (odd) samples about each one, that at the rank `percent` of the way from least to largest."""
    padded = np.pad(np.asarray(values, np.float64), size // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)
    rank = int(size * percent / 100)
    return np.asarray(np.partition(windows, rank, axis=1)[:, rank])
