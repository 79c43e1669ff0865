"""The photo without the person."""

from __future__ import annotations

import cv2
import numpy as np

from .fill import push_pull
from .inpaint import inpaint

HALO_OF_HEIGHT = 0.015  # the person's rim, blur and contact shadow reach this far beyond the matte, as a share of their height
RIM_PX, FADE = 3.0, 0.03  # a step along the hole's outline is measured over .. and fades over this share of the long side


def hole_of(matte: np.ndarray) -> np.ndarray:
    """[H, W] bool: pixels that show anything of the person, including the soft rim."""
    rows = np.flatnonzero((matte > 0.5).any(1))
    reach = max(2, round(HALO_OF_HEIGHT * (rows[-1] - rows[0] + 1))) if len(rows) else 2
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate((matte > 0.05).astype(np.uint8), kernel) > 0


def clean_background(rgb: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """[H, W, 3] float32 photo (0..1) with the person filled in from around; pixels outside the person stay as they are."""
    hole = hole_of(matte)
    filled = inpaint(rgb, hole).astype(np.float32)
    return np.where(hole[..., None], _without_step(filled, hole), filled)


def _without_step(filled: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The filled picture [H, W, 3] without a hard edge along the hole, where patches found no way to go on with what it cuts.

    At the outline its low frequencies are those that diffusion from outside would give, and inwards they fade into its own.
    """
    inside = cv2.distanceTransform(np.pad(hole, 1, mode="edge").astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    weight = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), RIM_PX)[..., None] + 1e-6
    own = cv2.GaussianBlur(filled * hole[..., None], (0, 0), RIM_PX) / weight
    rim = (hole & (inside <= RIM_PX)).astype(np.float32)
    step = push_pull(push_pull(filled, (~hole).astype(np.float32)) - own, rim)
    fade = np.exp(-inside / (FADE * max(hole.shape)))[..., None]
    return np.asarray(np.clip(filled + step * fade, 0, 1), np.float32)
