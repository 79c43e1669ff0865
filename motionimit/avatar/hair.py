"""The head as seen from behind: hair (or scalp) where the photo shows the face."""

from __future__ import annotations

import cv2
import numpy as np

from ..body.parts import Region
from .fill import distance_to, push_pull
from .inpaint import inpaint
from .posed import PosedBody

ENOUGH_PX = 20
NECK_IS_BARE = 0.35  # share of hair beside the neck below which the neck's back shows skin
UNLIKE_SKIN = 20.0  # CIELAB difference to the face beyond which nothing on the neck is skin
LONG = 1.0  # share of the scalp's pixels from which on what is beside cheeks and neck is hair, for the most part
SAMPLES, BESIDE = 120, 0.6  # pixels that stand for hair and for skin; share of the face's height beside which there is hair
STRAND = 0.03  # size of strands as a share of the head's height
CHIN_SHADOW = 12  # the shadow (or beard) under the chin is this part of the face's height


def head_from_behind(body: PosedBody, rgb: np.ndarray, head: np.ndarray) -> np.ndarray:
    """[h, w, 3] the head layer with skin above the chin replaced by patches of hair. rgb [h, w, 3] 0..1, head [h, w] bool.

    What is hair is told by colour (see `_hair`). A bald head, whose scalp looks like the face, takes patches of the scalp.
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
        skin = _off_skin(rgb[window], inside & (region == Region.FACE)) < UNLIKE_SKIN
        beside = inside[below] & (region[below] != Region.NECK) & (hair | skin)[below]  # not the collar
        if hair[below].sum() < NECK_IS_BARE * max(int(beside.sum()), 1):
            neck[below] = inside[below]
    if hair.sum() < ENOUGH_PX:
        return rgb
    out = rgb.copy()
    behind = _combed(rgb[window], hair)
    share = cv2.GaussianBlur(neck.astype(np.float32), (0, 0), 1.5)[..., None]
    out[window] = behind * (1 - share) + _nape(rgb[window], behind, inside & ~hair, region) * share
    return out


def _combed(rgb: np.ndarray, hair: np.ndarray) -> np.ndarray:
    """[h, w, 3] hair all over: the colours of `hair` [h, w] bool run on smoothly, with the strands of patches."""
    core = hair & (distance_to(~hair) > 1.5)
    core = core if core.sum() >= ENOUGH_PX else hair
    patches = inpaint(rgb, ~core)
    strands = patches - cv2.GaussianBlur(patches, (0, 0), max(1.0, STRAND * len(rgb)))
    even = cv2.GaussianBlur(push_pull(rgb, core.astype(np.float32)), (0, 0), max(1.0, STRAND * len(rgb)))
    soft = cv2.GaussianBlur(core.astype(np.float32), (0, 0), 1.0)[..., None]
    return np.asarray(np.clip((even + strands) * (1 - soft) + rgb * soft, 0, 1), np.float32)


def _off_skin(rgb: np.ndarray, face: np.ndarray) -> np.ndarray:
    """[h, w] CIELAB difference to the face's skin: the warmer half of its pixels, without beards, brows and glasses."""
    lab = _lab(rgb)
    if not face.any():
        return np.full(face.shape, np.inf, np.float32)
    warmth = lab[..., 1] + lab[..., 2]
    return np.asarray(np.linalg.norm(lab - np.median(lab[face & (warmth >= np.median(warmth[face]))], axis=0), axis=-1))


def _lab(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.cvtColor(cv2.GaussianBlur(rgb, (0, 0), 1.0).astype(np.float32), cv2.COLOR_RGB2Lab))


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
    off = _off_skin(rgb, skin & face)
    bare = neck & (off <= min(float(np.median(off[neck])), UNLIKE_SKIN))
    share = cv2.GaussianBlur(covered.astype(np.float32), (0, 0), reach)[..., None]
    below = push_pull(rgb, bare.astype(np.float32)) if bare.sum() >= ENOUGH_PX else behind
    return np.asarray(rgb * (1 - share) + below * share)


def _hair(rgb: np.ndarray, inside: np.ndarray, region: np.ndarray) -> np.ndarray:
    """[h, w] bool: pixels of the head that look more like its hair than like its skin.

    Hair is known on the scalp and, off the body, beside forehead and eyes; roots and ends may differ, so the nearest of many
    samples decides.
    """
    scalp, off = inside & (region == Region.SCALP), inside & (region < 0)
    face = inside & (cv2.erode((region == Region.FACE).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
    crown = off if scalp.sum() < ENOUGH_PX else scalp
    if crown.sum() < ENOUGH_PX or face.sum() < ENOUGH_PX:
        return crown
    rows = np.flatnonzero(face.any(1))
    above = np.arange(len(face))[:, None] < rows[0] + BESIDE * (rows[-1] - rows[0])
    skin = face & (_off_skin(rgb, face) < UNLIKE_SKIN)
    long = (off & ~above).sum() > LONG * crown.sum()
    known, lab = crown | (off & above) if long else crown, _lab(rgb)
    to_hair, to_skin = (_to_samples(lab, where) for where in (known, skin if skin.sum() >= ENOUGH_PX else face))
    hair = inside & (to_hair < to_skin) & ~skin & ~_middle(face)
    hair = hair if long else _hanging(hair, crown)
    return hair if hair.sum() >= ENOUGH_PX else crown


def _hanging(hair: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[h, w] bool: the pieces that reach up to `known` hair; collars may look like hair, too."""
    _, number = cv2.connectedComponents(hair.astype(np.uint8), connectivity=4)
    return hair & np.isin(number, np.unique(number[hair & known]))


def _to_samples(lab: np.ndarray, where: np.ndarray) -> np.ndarray:
    """[h, w] distance in colour to the nearest tenth of samples of what is `where` [h, w] bool."""
    pixels, asked = lab[where], lab.reshape(-1, 3)
    chosen = pixels[np.linspace(0, len(pixels) - 1, min(SAMPLES, len(pixels))).astype(int)]
    square = (asked**2).sum(1, keepdims=True) + (chosen**2).sum(1) - 2 * asked @ chosen.T
    nearest = np.partition(square, len(chosen) // 10, axis=1)[:, len(chosen) // 10]
    return np.asarray(np.sqrt(np.maximum(nearest, 0)).reshape(where.shape))


def _middle(face: np.ndarray) -> np.ndarray:
    """[h, w] bool: eyes, brows and mouth are dark like hair, but lie inside the face."""
    rows, columns = np.flatnonzero(face.any(1)), np.flatnonzero(face.any(0))
    y, x = np.mgrid[: face.shape[0], : face.shape[1]]
    across = (x - (columns[0] + columns[-1]) / 2) / (0.4 * (columns[-1] - columns[0] + 1))
    return (np.abs(across) < 1) & (y >= rows[0]) & (y <= rows[-1])
