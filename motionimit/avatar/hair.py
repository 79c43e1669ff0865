"""The head as seen from behind: hair (or scalp) where the photo shows the face."""

from __future__ import annotations

import cv2
import numpy as np

from ..body.parts import Region
from .fill import push_pull
from .inpaint import inpaint
from .posed import PosedBody

ENOUGH_PX = 20
NECK_IS_BARE = 0.35  # share of hair beside the neck below which the neck's back shows skin
UNLIKE_SKIN = 20.0  # CIELAB difference to the face beyond which nothing on the neck is skin
CHIN_SHADOW = 12  # the shadow (or beard) under the chin is this part of the face's height


def head_from_behind(body: PosedBody, rgb: np.ndarray, head: np.ndarray) -> np.ndarray:
    """[h, w, 3] the head layer with skin above the chin replaced by patches of hair. rgb [h, w, 3] 0..1, head [h, w] bool.

    What is hair is told by colour: nearer to the scalp's, above the face, than to the face's. A bald head, whose scalp looks like
    the face, takes patches of the scalp.
    """
    rows, columns = np.flatnonzero(head.any(1)), np.flatnonzero(head.any(0))
    if not len(rows):
        return rgb
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    inside, region = head[window], body.region[window]
    hair = _hair(rgb[window], inside, region)
    chin = np.flatnonzero((region == Region.FACE).any(1))
    neck = np.zeros(inside.shape, bool)
    if len(chin) and chin[-1] + 1 < len(inside):
        below = np.s_[chin[-1] - (chin[-1] - chin[0]) // 4 :]  # the nape begins above the chin
        beside = inside[below] & (region[below] != Region.NECK)
        if hair[below].sum() < NECK_IS_BARE * max(int(beside.sum()), 1):
            neck[below] = inside[below]
    if hair.sum() < ENOUGH_PX:
        return rgb
    out = rgb.copy()
    behind = inpaint(rgb[window], ~hair)
    share = cv2.GaussianBlur(neck.astype(np.float32), (0, 0), 1.5)[..., None]
    out[window] = behind * (1 - share) + _nape(rgb[window], behind, inside & ~hair, region) * share
    return out


def _nape(rgb: np.ndarray, behind: np.ndarray, skin: np.ndarray, region: np.ndarray) -> np.ndarray:
    """[h, w, 3] the photo with mouth, chin and the shadow under it replaced by the neck's skin; where none is bare, as under a
    collar, by the hair `behind` [h, w, 3].

    `skin` [h, w] bool: pixels of the head that aren't hair. Of the neck's, the half that looks most like the face is taken for
    bare, if it is like it at all: the rest is collar, chain or shadow.
    """
    face = region == Region.FACE
    reach = max(1, int(face.any(1).sum()) // CHIN_SHADOW)
    covered = cv2.dilate(face.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    neck = skin & (region == Region.NECK)
    neck = neck & (covered == 0) if (neck & (covered == 0)).sum() >= 2 * ENOUGH_PX else neck
    if neck.sum() < ENOUGH_PX or not (skin & face).any():
        return rgb
    lab = cv2.cvtColor(cv2.GaussianBlur(rgb, (0, 0), 1.0).astype(np.float32), cv2.COLOR_RGB2Lab)
    off = np.linalg.norm(lab - np.median(lab[skin & face], axis=0), axis=-1)
    bare = neck & (off <= min(float(np.median(off[neck])), UNLIKE_SKIN))
    share = cv2.GaussianBlur(covered.astype(np.float32), (0, 0), reach)[..., None]
    below = push_pull(rgb, bare.astype(np.float32)) if bare.sum() >= ENOUGH_PX else behind
    return np.asarray(rgb * (1 - share) + below * share)


def _hair(rgb: np.ndarray, inside: np.ndarray, region: np.ndarray) -> np.ndarray:
    """[h, w] bool: pixels of the head that look like hair."""
    scalp = inside & (region == Region.SCALP)
    face = inside & (cv2.erode((region == Region.FACE).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
    above = inside & (region < 0)
    crown = above if scalp.sum() < ENOUGH_PX else scalp
    if crown.sum() < ENOUGH_PX or face.sum() < ENOUGH_PX:
        return crown
    lab = cv2.cvtColor(cv2.GaussianBlur(rgb, (0, 0), 1.0).astype(np.float32), cv2.COLOR_RGB2Lab)
    to_crown, to_face = (np.linalg.norm(lab - np.median(lab[where], axis=0), axis=-1) for where in (crown, face))
    hair = inside & (to_crown < 0.8 * to_face) & ~_middle(face)
    return hair if hair.sum() >= ENOUGH_PX else crown


def _middle(face: np.ndarray) -> np.ndarray:
    """[h, w] bool: eyes, brows and mouth are dark like hair, but lie inside the face."""
    rows, columns = np.flatnonzero(face.any(1)), np.flatnonzero(face.any(0))
    y, x = np.mgrid[: face.shape[0], : face.shape[1]]
    across = (x - (columns[0] + columns[-1]) / 2) / (0.4 * (columns[-1] - columns[0] + 1))
    return (np.abs(across) < 1) & (y >= rows[0]) & (y <= rows[-1])
