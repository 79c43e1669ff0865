"""Differences between two pictures of one size, pixel by pixel: PSNR, SSIM, their masked variants, L1 and flicker.

Pictures are uint8 [H, W, 3] RGB, masks bool [H, W]. All raise `ShapeError` where sizes differ, ValueError for other number types
and `BadInput` below 7 px.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..checks import check_shape
from ..errors import BadInput

WINDOW_PX = 7  # SSIM's
_PEAK = 255.0
_C1, _C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2


def check_pair(truth: np.ndarray, made: np.ndarray) -> None:
    """Check that both are uint8 [H, W, 3] of one size, at least 7 px a side. Raises `ShapeError`, ValueError, `BadInput`."""
    axes = check_shape("truth", truth, ("H", "W", 3))
    check_shape("made", made, ("H", "W", 3), axes)
    if truth.dtype != np.uint8 or made.dtype != np.uint8:
        raise ValueError(f"pictures must be uint8, got {truth.dtype} and {made.dtype}")
    if min(axes["H"], axes["W"]) < WINDOW_PX:
        raise BadInput(
            f"A picture of {axes['W']}x{axes['H']} px is too small to be compared; use at least {WINDOW_PX} px a side."
        )


def psnr(truth: np.ndarray, made: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, ``10 log10(255² / mean squared error)``; infinite for equal pictures."""
    check_pair(truth, made)
    return _decibels(truth.astype(np.float64) - made)


def ssim(truth: np.ndarray, made: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004), -1..1: mean of `ssim_map`."""
    return float(ssim_map(truth, made).mean())


def ssim_map(truth: np.ndarray, made: np.ndarray) -> np.ndarray:
    """[H - 6, W - 6] float64: SSIM in windows of 7 x 7 px that lie inside the picture, mean over the channels.

    Uniform windows and unbiased covariances, K1 = 0.01, K2 = 0.03: scikit-image's defaults.
    """
    check_pair(truth, made)
    a, b = truth.astype(np.float64), made.astype(np.float64)
    mean_a, mean_b = _windowed(a), _windowed(b)
    unbiased = WINDOW_PX**2 / (WINDOW_PX**2 - 1)
    var_a = unbiased * (_windowed(a * a) - mean_a * mean_a)
    var_b = unbiased * (_windowed(b * b) - mean_b * mean_b)
    both = unbiased * (_windowed(a * b) - mean_a * mean_b)
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    structure = (2 * both + _C2) / (var_a + var_b + _C2)
    return (luminance * structure).mean(-1)


def mask_psnr(truth: np.ndarray, made: np.ndarray, mask: np.ndarray) -> float | None:
    """PSNR in dB over the mask's pixels; None for an empty mask."""
    _check_mask(truth, made, mask)
    return _decibels(truth[mask].astype(np.float64) - made[mask]) if mask.any() else None


def mask_ssim(truth: np.ndarray, made: np.ndarray, mask: np.ndarray) -> tuple[float, float] | None:
    """SSIM of both pictures multiplied by the mask (mask-SSIM of PG², Ma et al. 2017): its mean over the whole picture, where
    a small person counts little, and over the mask's pixels alone. None for a mask that is empty but for the outermost 3 px."""
    _check_mask(truth, made, mask)
    rim = WINDOW_PX // 2
    inside = mask[rim:-rim, rim:-rim]
    if not inside.any():
        return None
    similarity = ssim_map(truth * mask[..., None], made * mask[..., None])
    return float(similarity.mean()), float(similarity[inside].mean())


def mask_l1(truth: np.ndarray, made: np.ndarray, mask: np.ndarray) -> float | None:
    """Mean absolute difference over the mask's pixels in grey levels of 255; None for an empty mask."""
    _check_mask(truth, made, mask)
    return float(np.abs(truth[mask].astype(np.float64) - made[mask]).mean()) if mask.any() else None


def motion(truth: tuple[np.ndarray, np.ndarray], made: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    """(previous, current) of the truth and of the result → mean absolute changes in grey levels: of the truth, of the result,
    and of their difference (flicker). A frozen result has little of its own but all of the truth's as flicker."""
    for was, now in (truth, made):
        check_pair(was, now)
    check_pair(truth[1], made[1])
    change_truth, change_made = (now.astype(np.float64) - was for was, now in (truth, made))
    return {
        "flicker": float(np.abs(change_made - change_truth).mean()),
        "motion_truth": float(np.abs(change_truth).mean()),
        "motion_pred": float(np.abs(change_made).mean()),
    }


def jitter(before: np.ndarray, now: np.ndarray, after: np.ndarray) -> float:
    """Mean absolute second difference in time, in grey levels: 0 for pixels that are still or change steadily."""
    check_pair(before, now)
    check_pair(now, after)
    return float(np.abs(after.astype(np.float64) - 2.0 * now + before).mean())


def resized(picture: np.ndarray, width_px: int, height_px: int) -> np.ndarray:
    """[H, W, 3] → [height, width, 3]: by area where it shrinks both ways, else bilinear; the same array if nothing changes."""
    height, width = picture.shape[:2]
    if (width, height) == (width_px, height_px):
        return picture
    shrinks = width_px <= width and height_px <= height
    return cv2.resize(picture, (width_px, height_px), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _windowed(values: np.ndarray) -> np.ndarray:
    """[H, W, C] → [H - 6, W - 6, C] means over the windows."""
    rim = WINDOW_PX // 2
    return cv2.blur(values, (WINDOW_PX, WINDOW_PX))[rim:-rim, rim:-rim]


def _decibels(error: np.ndarray) -> float:
    mean = float((error**2).mean())
    return float("inf") if mean == 0 else float(10 * np.log10(_PEAK**2 / mean))


def _check_mask(truth: np.ndarray, made: np.ndarray, mask: np.ndarray) -> None:
    check_pair(truth, made)
    check_shape("mask", mask, (truth.shape[0], truth.shape[1]))
    if mask.dtype != bool:
        raise ValueError(f"a mask must be bool, got {mask.dtype}")
