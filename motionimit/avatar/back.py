"""The trunk as seen from behind: the photo's colours without what only fronts have."""

from __future__ import annotations

import cv2
import numpy as np

from ..body.parts import Part, Region
from .fill import distance_to, nearest_index
from .inpaint import inpainted
from .posed import PosedBody

SLICE_M = 0.03  # of the trunk's height
SIDE = 0.55  # share of the trunk's half width from which on back and front are of one cloth
STRANGE_LAB = 12.0  # colours further than this from the sides' are the front's own: ties, shirts in jackets, hair
SKIN_LAB = 16.0  # colours nearer than this to the face's median are skin
LIGHT = 0.6  # weight of lightness beside hue: folds and shade are no other cloth
SAMPLES, COMMON, COMMON_SKIN = 200, 0.05, 0.4  # of the sides' colours: how many are asked, and what share must agree
RIM_M = 0.015  # this near to its outline the trunk's layer may show sleeves
FEWEST, FEW = 30, 3  # pixels of the sides that tell what is usual in a slice, and of a line what it is like there
SEAM_WITHIN_M, SEAM_BIN_M, SEAM_SMOOTH_M = 0.06, 0.005, 0.015
SEAM_LIGHT = 0.025  # relative lightness of zips and plackets against the cloth round them, the same all the way up
DARK = 0.3  # of three channels: noise in darker cloth is no line
STRIPES = 0.5  # share of such lines from which they are a pattern
CLOSED_M, GROWN_M, FEATHER_M = 0.02, 0.015, 0.004  # gaps, edges and shadows of what is taken out go with it
BAND_M, RING_M = 0.01, 0.03  # new cloth's colour is told every .. of height, from what is this near to the hole
DETAIL_M = 0.012  # its folds and pattern are smaller than this


def trunk_from_behind(
    body: PosedBody, rgb: np.ndarray, trunk: np.ndarray, known: np.ndarray, alpha: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The trunk's layer as its back would look: [h, w, 3] colours, and [h, w] bool: where they aren't the photo's.

    Ties, necklines and what an open jacket shows are told by colours that the trunk's sides don't have at the same height, zips
    and plackets by their line; cloth like that on both sides takes their place. rgb [h, w, 3] of the photo, trunk [h, w, 3] the
    layer's colours, known [h, w] bool: where the photo shows it, alpha [h, w] of the layer. What the photo shows of the person's
    back stays.
    """
    drawn, rest = alpha > 0.5, body.parts[Part.TRUNK].rest_m
    on_body = np.isfinite(rest[..., 0])
    if not on_body.any() or not drawn.any():
        return trunk, np.zeros(drawn.shape, bool)
    place = rest.reshape(-1, 3)[nearest_index(on_body)[0]]
    place[..., 1] -= place[..., 1].min()
    height = (place[..., 1] / SLICE_M).astype(int)
    half = np.zeros(height.max() + 1)
    np.maximum.at(half, height[on_body], np.abs(place[on_body][:, 0]))
    middle = drawn & (place[..., 2] > 0) & (np.abs(place[..., 0]) < SIDE * half[height])
    inner = distance_to(~(drawn & known)) > RIM_M * body.px_per_m
    hole = _strange(body, rgb, trunk, height, middle, inner & ~middle)
    hole |= middle & _seam(body, trunk, place, height, middle & known & ~hole)
    if not hole.any():
        return trunk, hole
    closed = distance_to(distance_to(hole) > CLOSED_M * body.px_per_m) > CLOSED_M * body.px_per_m
    hole = drawn & (distance_to(hole | closed) <= max(1.5, GROWN_M * body.px_per_m))
    if not (drawn & ~hole).any():
        return trunk, np.zeros(drawn.shape, bool)
    cloth = _cloth(body, trunk, place, hole, drawn)
    blurred = cv2.GaussianBlur(np.dstack((hole, drawn)).astype(np.float32), (0, 0), max(0.5, FEATHER_M * body.px_per_m))
    share = blurred[..., :1] / np.maximum(blurred[..., 1:], 1e-3)
    return np.asarray(trunk + (cloth - trunk) * share), hole


def _strange(
    body: PosedBody, rgb: np.ndarray, trunk: np.ndarray, height: np.ndarray, middle: np.ndarray, sides: np.ndarray
) -> np.ndarray:
    """[h, w] bool: pixels of the trunk's middle whose colours its sides don't have at that height.

    Skin must be common there: a neckline is lower in front, but straps leave the shoulders' skin free on both sides.
    """
    lab = _lab(cv2.medianBlur(trunk.astype(np.float32), 5))
    face, skin = body.region == Region.FACE, np.zeros(middle.shape, bool)
    if face.any():
        skin = np.linalg.norm(lab - _lab(np.median(rgb[face], axis=0).reshape(1, 1, 3)), axis=-1) < SKIN_LAB
    out, random = np.zeros(middle.shape, bool), np.random.default_rng(0)
    for k in np.unique(height[middle]):
        beside, here = sides & (np.abs(height - k) <= 1), middle & (height == k)
        if beside.sum() < FEWEST:
            continue
        usual = lab[beside][random.integers(int(beside.sum()), size=SAMPLES)]
        near = np.linalg.norm(lab[here][:, None] - usual, axis=-1) < STRANGE_LAB
        out[here] = near.mean(1) < np.where(skin[here], COMMON_SKIN, COMMON)
    return cv2.morphologyEx(out.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0


def _lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB [.., 3] with lightness weighed."""
    return cv2.cvtColor(rgb.astype(np.float32), cv2.COLOR_RGB2Lab) * np.array((LIGHT, 1, 1), np.float32)


def _seam(body: PosedBody, trunk: np.ndarray, place: np.ndarray, height: np.ndarray, cloth: np.ndarray) -> np.ndarray:
    """[h, w] bool: lines near the trunk's midline that are lighter or darker than what is beside them in most slices."""
    light = trunk.sum(-1)
    smooth = cv2.GaussianBlur(light, (0, 0), SEAM_SMOOTH_M * body.px_per_m)
    relief, bins = (light - smooth) / (smooth + DARK), round(2 * SEAM_WITHIN_M / SEAM_BIN_M)
    column = np.floor((place[..., 0] + SEAM_WITHIN_M) / SEAM_BIN_M).astype(int)
    asked = cloth & (column >= 0) & (column < bins)
    if not asked.any():
        return asked
    cell, count = (height * bins + column)[asked], (height.max() + 1) * bins
    sums = [np.bincount(cell, w, count).reshape(-1, bins) for w in (relief[asked], np.ones(len(cell)))]
    total, pixels = (cv2.filter2D(s, -1, np.array([[0.5, 1, 0.5]]), borderType=cv2.BORDER_CONSTANT) for s in sums)
    mean = np.where(pixels > FEW, total / np.maximum(pixels, 1), np.nan)
    told = np.isfinite(mean).sum(0) > len(mean) / 3
    line = np.zeros(bins, bool)
    line[told] = np.abs(np.nanmedian(mean[:, told], axis=0)) > SEAM_LIGHT
    line &= line.mean() < STRIPES
    return (column >= 0) & (column < bins) & line[np.clip(column, 0, bins - 1)]


def _cloth(body: PosedBody, trunk: np.ndarray, place: np.ndarray, hole: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """[h, w, 3] new cloth for the hole: at each height, colours that run from those left of it to those right of it, with the
    folds and the pattern of patches."""
    band = place[..., 1] / BAND_M
    bands = int(band.max()) + 2
    ring = drawn & ~hole & (distance_to(hole) < RING_M * body.px_per_m)
    middle = np.median(place[hole][:, 0])
    sides = [ring & (place[..., 0] < middle), ring & (place[..., 0] >= middle)]
    told = [_by_height(trunk, band, bands, side if side.any() else drawn & ~hole) for side in sides]
    left, right = (np.stack([np.interp(band, np.arange(bands), c) for c in colors.T], -1) for colors in told)
    reach = np.percentile(np.abs(place[hole][:, 0] - middle), 90) + 1e-3
    share = np.clip((place[..., 0] - middle) / (2 * reach) + 0.5, 0, 1)[..., None]
    patches = inpainted(trunk, drawn, hole | ~drawn)
    detail = patches - cv2.GaussianBlur(patches, (0, 0), max(1.0, DETAIL_M * body.px_per_m))
    return np.clip(left + (right - left) * share + detail, 0, 1).astype(np.float32)


def _by_height(trunk: np.ndarray, band: np.ndarray, bands: int, where: np.ndarray) -> np.ndarray:
    """[bands, 3] mean colour at each height of what is asked; bands without a pixel take the nearest that have some."""
    number = band[where].round().astype(int)  # of at least one pixel
    sums = np.stack([np.bincount(number, w, bands) for w in (*trunk[where].T, np.ones(len(number)))], -1)
    total = sum(
        weight * cv2.GaussianBlur(sums, (1, 0), sigmaX=0.1, sigmaY=sigma)
        for sigma, weight in ((1.0, 1.0), (8.0, 1e-3), (100.0, 1e-6))
    )
    return total[:, :3] / np.maximum(total[:, 3:], 1e-12)
