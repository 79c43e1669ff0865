"""The parsing map of the photo: which body part every pixel of the person belongs to."""

from __future__ import annotations

import cv2
import numpy as np

from ..body.parts import Part, Region
from .fill import distance_to, nearest_index
from .posed import PosedBody

SURE_M = 0.01  # up to this far outside the bare body the nearest part owns a pixel whatever its colour
BORDER_M, CLEARLY = 0.03, 1.5  # beside an arm's border, and the mean log likelihood ratio that moves a pixel over it
NEAR_M = 0.15  # how far round a hand a leg's colours are learned: the dress beside it, not the bare leg below
SOFT_M = 0.06  # beyond, this much more distance weighs as much as one e-fold in colour likelihood ..
COLOR_WEIGHT = 0.5  # .. times this
BINS = 10
RIM_PX = 4
HOLE_ALPHA = 0.9  # below this there is a hole; it is closed where one part lies under more than ..
HOLE_COVERED, HOLE_RIM = 0.8, 0.65  # .. these shares of it and of its rim


def label_matte(body: PosedBody, rgb: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """[h, w] int, the `Part` at every pixel. rgb [h, w, 3] float32 0..1, matte [h, w].

    On the bare body the fitted mesh decides. Clothes and hair outside it go to the part that is near and looks alike, so that a
    wide skirt stays with the legs where a hand holds it, and hair beside an arm stays with the head.
    """
    on_body = (body.label >= 0) & (matte > 0.5)
    if not on_body.any():
        on_body = body.label >= 0
    index, distance = nearest_index(on_body)
    nearest = body.label.reshape(-1)[index]
    px_per_m = body.camera.focal_px / float(np.median(body.depth_m[np.isfinite(body.depth_m)]))
    doubtful = (matte > 0.02) & (distance > SURE_M * px_per_m)
    bins = _color_bins(rgb)
    if not doubtful.any():
        return _settle_arms(body, nearest.copy(), bins, matte, px_per_m)
    cost = np.full((len(Part), int(doubtful.sum())), np.inf, np.float32)
    for part in Part:
        own = on_body & (body.label == part)
        if own.sum() < 20:
            continue
        likelihood = _likelihood(bins[own])[bins[doubtful]]
        cost[part] = distance_to(own)[doubtful] / (SOFT_M * px_per_m) - COLOR_WEIGHT * np.log(likelihood)
    label = nearest.copy()
    if np.isfinite(cost).any():
        label[doubtful] = cost.argmin(0)
    label = np.where(doubtful, cv2.medianBlur(label.astype(np.uint8), 5), nearest).astype(np.int32)
    return _settle_arms(body, label, bins, matte, px_per_m)


def _settle_arms(body: PosedBody, label: np.ndarray, bins: np.ndarray, matte: np.ndarray, px_per_m: float) -> np.ndarray:
    """Along the border of an arm with the trunk, where the fit may be off, colours that are clearly the other's decide.

    By a hand they also win pixels from a leg, but lose none: the bare body's fingers are stretched, those of a photo seldom.
    """
    reach = BORDER_M * px_per_m
    for arm, hand in ((Part.LEFT_ARM, Region.LEFT_HAND), (Part.RIGHT_ARM, Region.RIGHT_HAND)):
        for other in (Part.TRUNK, Part.LEFT_LEG, Part.RIGHT_LEG):
            ours, theirs = (matte > 0.5) & (label == arm), (matte > 0.5) & (label == other)
            if other != Part.TRUNK:
                ours &= body.region == hand
            band = (ours | theirs) & (distance_to(ours) < reach) & (distance_to(theirs) < reach)
            sure = [ours & ~band, theirs & ~band]
            if other != Part.TRUNK:
                sure = [ours, theirs & ~band & (distance_to(band) < NEAR_M * px_per_m)]
            if not band.any() or min(int(s.sum()) for s in sure) < 50:
                continue
            arms, others = (np.log(_likelihood(bins[s]))[bins] for s in sure)
            verdict = cv2.blur(np.where(band, arms - others, 0).astype(np.float32), (3, 3))
            label[band & (verdict > CLEARLY)] = arm
            if other == Part.TRUNK:
                label[band & (verdict < -CLEARLY)] = other
    return label


def region_map(body: PosedBody, label: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """[h, w] int, the `Region` at every pixel of the person, -1 elsewhere: that of the nearest visible body of its part."""
    out = np.full(label.shape, -1, np.int32)
    for part in Part:
        visible, own = body.label == part, (label == part) & (matte > 0.5)
        if visible.any() and own.any():
            index, _ = nearest_index(visible)
            out[own] = body.region.reshape(-1)[index[own]]
    return out


def close_holes(body: PosedBody, matte: np.ndarray) -> np.ndarray:
    """The matte [h, w] without holes on the bare body: braces or a print in the wall's colour are no windows into the room.

    A hole is closed where the matte encloses it and one part of the fitted body lies under it and its rim; the gap between an arm
    and the waist stays open.
    """
    open_ = (matte < HOLE_ALPHA).astype(np.uint8)
    count, number, stats, _ = cv2.connectedComponentsWithStats(open_, connectivity=4)
    border = np.unique(np.concatenate((number[0], number[-1], number[:, 0], number[:, -1])))
    holes = np.zeros(matte.shape, np.uint8)
    for hole in np.setdiff1d(np.arange(1, count), border):
        left, top, width, height = stats[hole, :4]
        around = np.s_[max(top - RIM_PX, 0) : top + height + RIM_PX, max(left - RIM_PX, 0) : left + width + RIM_PX]
        inside, below = number[around] == hole, body.label[around]
        rim = (cv2.dilate(inside.astype(np.uint8), np.ones((2 * RIM_PX + 1,) * 2, np.uint8)) > 0) & ~inside
        under = below[inside]
        part = np.bincount(under[under >= 0], minlength=1).argmax()
        if (under == part).mean() > HOLE_COVERED and (below[rim] == part).mean() > HOLE_RIM:
            holes[around][inside] = 1
    return np.maximum(matte, cv2.GaussianBlur(cv2.dilate(holes, np.ones((5, 5), np.uint8)).astype(np.float32), (0, 0), 0.7))


def _color_bins(rgb: np.ndarray) -> np.ndarray:
    """[h, w] index of the Lab bin; lightness counts half, because shading changes it."""
    lab = cv2.cvtColor(rgb.astype(np.float32), cv2.COLOR_RGB2Lab)
    level = np.stack((lab[..., 0] / 100 * (BINS / 2), (lab[..., 1] + 60) / 120 * BINS, (lab[..., 2] + 60) / 120 * BINS), -1)
    level = np.clip(level, 0, [BINS / 2 - 1, BINS - 1, BINS - 1]).astype(int)
    return (level[..., 0] * BINS + level[..., 1]) * BINS + level[..., 2]


def _likelihood(bins: np.ndarray) -> np.ndarray:
    """[bins] smoothed histogram, floored so that unseen colours cost, but not without bound."""
    count = np.bincount(bins, minlength=BINS * BINS * BINS).reshape(BINS, BINS, BINS).astype(np.float32)
    for axis in range(3):
        count = 0.25 * np.roll(count, 1, axis) + 0.5 * count + 0.25 * np.roll(count, -1, axis)
    return (count / count.sum()).reshape(-1) + 1e-3
