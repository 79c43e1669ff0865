"""What a limb hides, from its twin: sleeves and trouser legs are alike on both sides."""

from __future__ import annotations

import numpy as np

from ..body.parts import MIRROR_PART, Part
from .posed import PosedBody

SLICE_M = 0.03  # of a limb's length
HIDDEN, SHOWN = 0.25, 0.5  # a slice of which less is seen is taken from the twin's, of which more must be
FEW_PX = 12


def from_twin(body: PosedBody, part: Part, rgb: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours [h, w, 3] and where to take them [h, w] bool: slices of a limb that the photo hides and whose twin it shows.

    rgb [h, w, 3] of the photo, known [L, h, w] bool: where it shows each part. A slice has one colour, the median of the twin's.
    """
    twin = MIRROR_PART[part]
    own, other = (_slices(body, p) for p in (part, twin))
    count = int(max(own.max(), other.max(), 0)) + 1  # at least one: both can lie outside the photo
    lacks = _shares(own, known[part], count) < HIDDEN
    has = _shares(other, known[twin], count) > SHOWN
    colors = np.zeros((count, 3), np.float32)
    for k in np.flatnonzero(lacks & has):
        pixels = rgb[(other == k) & known[twin]]
        if len(pixels) >= FEW_PX:
            colors[k] = np.median(pixels, axis=0)
        else:
            has[k] = False
    where = (own >= 0) & (lacks & has)[own]
    return colors[own], where


def along_limb(body: PosedBody, part: Part) -> np.ndarray:
    """[h, w] metres off the midline for an arm, below the pelvis for a leg, of its front in the rest pose; NaN off it."""
    place = body.parts[part].rest_m
    return np.asarray(np.abs(place[..., 0]) if part in (Part.LEFT_ARM, Part.RIGHT_ARM) else -place[..., 1])


def _slices(body: PosedBody, part: Part) -> np.ndarray:
    """[h, w] int: which slice of the limb each pixel of its front is, -1 off it."""
    along = along_limb(body, part)
    return np.where(np.isfinite(along), np.maximum(np.nan_to_num(along), 0) / SLICE_M, -1).astype(int)


def _shares(slices: np.ndarray, seen: np.ndarray, count: int) -> np.ndarray:
    """[count] how much of each slice is seen; 1 for a slice without pixels."""
    total = np.bincount(slices[slices >= 0], minlength=count)
    shown = np.bincount(slices[(slices >= 0) & seen], minlength=count)
    return np.where(total > 0, shown / np.maximum(total, 1), 1.0)
