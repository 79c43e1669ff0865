"""The photo without the person."""

from __future__ import annotations

import cv2
import numpy as np

from .inpaint import inpaint

HALO_OF_HEIGHT = 0.015  # the person's rim, blur and contact shadow reach this far beyond the matte, as a share of their height


def hole_of(matte: np.ndarray) -> np.ndarray:
    """[H, W] bool: pixels that show anything of the person, including the soft rim."""
    rows = np.flatnonzero((matte > 0.5).any(1))
    reach = max(2, round(HALO_OF_HEIGHT * (rows[-1] - rows[0] + 1))) if len(rows) else 2
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate((matte > 0.05).astype(np.uint8), kernel) > 0


def clean_background(rgb: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """[H, W, 3] float32 photo (0..1) with the person filled in from around; pixels outside the person stay as they are."""
    hole = hole_of(matte)
    return inpaint(rgb, hole).astype(np.float32)
