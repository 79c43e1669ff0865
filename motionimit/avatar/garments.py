"""Garment parsing: what every pixel of a photo shows, from the body, the skin that face and hands share and the clothes' colours.

A prior by place on the body and colour likelihoods learned from the photo itself take turns (expectation maximisation);
mean-field steps along similar neighbours keep borders on colour edges (Krähenbühl and Koltun 2011, with few neighbours).
"""

from __future__ import annotations

from enum import IntEnum

import cv2
import numpy as np

from ..body.parts import Region
from .fill import nearest_index
from .palette import FLOOR, indexed, likelihoods, skin_tone

ROUNDS, FIELD_STEPS, LEARNED_PX = 5, 3, 240
SKIN_LIMIT = (
    2.5  # standard deviations from the person's skin at which skin and cloth are equally likely before colours are learned
)
COUPLING, EDGE_LAB = 1.2, 9.0  # of neighbours, and the colour difference that uncouples them
STEPS_OF_HEIGHT = (0.002, 0.006)  # neighbours are this far, as shares of the person's height
CRUMB_SHARE = 0.002  # of the person's pixels: smaller islands join what is round them
ISLAND_SHARE = 0.04  # of the largest piece of an upper or lower garment, the same
PATCH_SHARE = 0.02  # skin on the trunk smaller than this and without contact to bare limbs or the neck is a print on cloth
FAR_FROM_SKIN = 3.5  # standard deviations beyond which nothing teaches what skin looks like
TANNED = 3.5  # standard deviations by which bare legs may differ from the face and hands
BARE_LEG = 0.1  # weight of what may be bare in learning trousers and shoes
SHOD = 0.12  # share of shoe from which the feet's bare rest belongs to the shoes


class Garment(IntEnum):
    """What a pixel of a person shows."""

    SKIN = 0  # the face with brows, eyes and beard included
    HAIR = 1
    UPPER = 2
    LOWER = 3
    SHOES = 4


FRINGE = 0.6  # of a colour's share of the scalp: what it needs of the face to count as skin, not as hair before it
PLACE_PX = 10  # a place with fewer pixels says nothing of skin
_BARE = (Region.NECK, Region.LEFT_HAND, Region.RIGHT_HAND)
_LEG_REGIONS = [r for r in Region if r.name.endswith(("THIGH", "SHIN"))]
_FEET = (Region.LEFT_FOOT, Region.RIGHT_FOOT)


def label_garments(lab: np.ndarray, regions: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`Garment` [h, w] int32 of a photo's pixels (-1 off the person), and each pixel's colour as a palette index [h, w].

    lab [h, w, 3], regions [h, w] (-1 off the person), prior [5, h, w].
    """
    share, colors = _learned(lab, regions, prior)
    labels = np.where(regions >= 0, share.argmax(0), -1).astype(np.int32)
    return _whole_feet(_tidy(labels, regions), regions), colors


def _learned(lab: np.ndarray, regions: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares [K, h, w] of the garments per pixel, and the palette index [h, w]. Colours are learned on a smaller picture."""
    smooth = cv2.bilateralFilter(lab, 5, EDGE_LAB, 2.0)
    index, palette = indexed(smooth, regions >= 0)
    step = max(1, lab.shape[0] // LEARNED_PX)
    small = np.s_[::step, ::step]
    inside, seen = regions[small] >= 0, index[small]
    like, tone = _skin_first(seen, regions[small], palette)
    near, population = _neighbours(smooth[small], inside), np.bincount(seen[inside], minlength=len(palette))
    teaches = _teachers(regions[small][inside], tone[seen[inside]])
    for _ in range(ROUNDS):
        share = _settled(prior[:, ::step, ::step], like[:, seen], near, inside)
        like = likelihoods(seen[inside], share[:, inside] * teaches, palette)
        skin = population * tone
        if skin.sum() > 0:
            like[Garment.SKIN] = 0.5 * (like[Garment.SKIN] + skin / skin.sum() + FLOOR)
    whole = regions >= 0
    return _settled(prior, like[:, index].astype(np.float32), _neighbours(smooth, whole), whole), index


def _teachers(region: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """[K, n] weights with which pixels of a region [n] and a likeness to the face's skin [n] teach each garment's colours.

    Skin is learned from what may be skin; bare legs must not teach trousers, nor bare feet shoes.
    """
    out = np.ones((len(Garment), len(region)), np.float32)
    like_skin = tone > np.exp(-0.5 * SKIN_LIMIT**2)
    out[Garment.SKIN] = np.where((tone > np.exp(-0.5 * FAR_FROM_SKIN**2)) | (region == Region.FACE), 1, 0)
    out[Garment.LOWER] = np.where(np.isin(region, _LEG_REGIONS) & (tone > np.exp(-0.5 * TANNED**2)), BARE_LEG, 1)
    out[Garment.SHOES] = np.where(like_skin, BARE_LEG, 1)
    return out


def _skin_first(index: np.ndarray, regions: np.ndarray, palette: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Likelihoods [K, colours] before anything is learned: like the person's skin, or not. And the skin's alone [colours]."""
    face, scalp, *bare = (_shares(index[_inner(regions, r)], len(palette)) for r in (Region.FACE, Region.SCALP, *_BARE))
    face = np.maximum(face - FRINGE * scalp, 0)
    like, tone = np.ones((len(Garment), len(palette))), np.zeros(len(palette))
    if face.any():
        like[:] = np.exp(-0.5 * SKIN_LIMIT**2)
        tone = np.exp(-0.5 * skin_tone(palette, face, np.mean(bare, axis=0)).distance(palette) ** 2)
        like[Garment.SKIN] = tone + 0.1 * like[Garment.SKIN]
    return like, tone


def _inner(regions: np.ndarray, region: Region) -> np.ndarray:
    return cv2.erode((regions == region).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _shares(index: np.ndarray, colors: int) -> np.ndarray:
    """[colors]: the share of the pixels [n] that each has; all 0 of a place that is too small to say."""
    return np.bincount(index, minlength=colors) / len(index) if len(index) > PLACE_PX else np.zeros(colors)


def _neighbours(lab: np.ndarray, inside: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """(dy, dx, coupling [h, w]) to the pixel that `np.roll` by (dy, dx) brings here."""
    rows = np.flatnonzero(inside.any(1))
    height = rows[-1] - rows[0] + 1 if len(rows) else 1
    out = []
    for reach in sorted({max(1, round(s * height)) for s in STEPS_OF_HEIGHT}):
        for dy, dx in ((reach, 0), (-reach, 0), (0, reach), (0, -reach)):
            apart = np.square(lab - np.roll(lab, (dy, dx), (0, 1))).sum(-1)
            alike = np.exp(-apart / (2 * EDGE_LAB**2)) * np.roll(inside, (dy, dx), (0, 1))
            out.append((dy, dx, (COUPLING * alike).astype(np.float32)))
    return out


def _settled(prior: np.ndarray, like: np.ndarray, near: list[tuple[int, int, np.ndarray]], inside: np.ndarray) -> np.ndarray:
    """Mean-field shares [K, h, w] from prior and likelihood [K, h, w]."""
    evidence = np.log(prior) + np.log(like).astype(np.float32)
    share = _softmax(evidence)
    for _ in range(FIELD_STEPS):
        pull = sum(alike * np.roll(share, (dy, dx), (1, 2)) for dy, dx, alike in near)
        share = _softmax(evidence + pull)
    return np.where(inside, share, 0)


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(0))
    return np.asarray((e / e.sum(0)).astype(np.float32))


def _tidy(labels: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Without islands: crumbs, and skin in the middle of cloth, take the label round them."""
    person = labels >= 0
    bare = np.isin(regions, [r for r in Region if r not in (Region.CHEST, Region.PELVIS)])
    total, doubtful = int(person.sum()), np.zeros(labels.shape, bool)
    for garment in Garment:
        count, number, stats, _ = cv2.connectedComponentsWithStats((labels == garment).astype(np.uint8), connectivity=4)
        least = CRUMB_SHARE * total
        if garment in (Garment.UPPER, Garment.LOWER):
            least = max(least, ISLAND_SHARE * stats[1:, cv2.CC_STAT_AREA].max(initial=0))
        for k in range(1, count):
            left, top, width, height, area = stats[k]
            here = np.s_[top : top + height, left : left + width]
            island = number[here] == k
            lost = garment == Garment.SKIN and area < PATCH_SHARE * total and not (bare[here] & island).any()
            if area < least or lost:
                doubtful[here] |= island
    sure = person & ~doubtful
    if not sure.any():
        return labels
    index, _ = nearest_index(sure)
    return np.where(person, labels.reshape(-1)[index], -1).astype(np.int32)


def _whole_feet(labels: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Feet in sandals or pumps go with them; bare ones stay skin. Both feet decide together: shoes come in pairs."""
    feet = np.isin(regions, _FEET) & np.isin(labels, (Garment.SKIN, Garment.SHOES))
    shod = feet.any() and (labels[feet] == Garment.SHOES).mean() > SHOD
    return np.where(feet, Garment.SHOES, labels).astype(np.int32) if shod else labels
