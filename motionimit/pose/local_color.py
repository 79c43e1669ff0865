"""Local colour models: what colours the person has HERE against those of the background HERE."""

from __future__ import annotations

import cv2
import numpy as np

_COLORS = 28
_SOFTNESS = 7.0  # Lab units within which a pixel belongs to a palette colour
_ROUNDS = 3
_DEAF = 0.6  # log ratios up to this are no evidence: like on like, a white sleeve on a white wall
_GLOBAL = 0.04  # share of the whole picture's statistics in every neighbourhood


def follow_colors(rgb: np.ndarray, prior: np.ndarray, tall: float, outward: float, inward: float) -> np.ndarray:
    """[h, w, 3] uint8, prior [h, w] 0..1, person height in px → [h, w] float32 probability that follows colour borders.

    Each round counts palette colours, weighted by the current probability, in a neighbourhood of the pixel; the log ratio of
    person to background, added to the prior's log odds, is smoothed along the picture's edges. `outward` and `inward` bound,
    in person heights, how far the verdict may move off the prior's.
    """
    weights = _memberships(rgb)
    odds_prior = np.log((prior + 0.02) / (1.02 - prior))
    doubt = np.where(prior > 0.9, 1.6 - 8 * (prior - 0.9), 1.6)  # a mask that is nearly sure needs more than a like colour
    core, far = _limits(prior, tall, outward, inward)
    radius = max(round(0.012 * tall), 2)
    p = prior.astype(np.float32)
    for _ in range(_ROUNDS):
        colour = _log_ratio(weights, p, 0.05 * tall)
        colour -= np.clip(colour, -_DEAF, _DEAF)
        p = 1 / (1 + np.exp(-(odds_prior + np.where(colour < 0, doubt, 1.6) * colour)))
        p[core], p[far] = np.maximum(p[core], 0.98), 0.0
        p = cv2.ximgproc.guidedFilter(rgb, p.astype(np.float32), radius, 60.0).clip(0, 1)
        p[core], p[far] = np.maximum(p[core], 0.98), 0.0
    return p


def _limits(prior: np.ndarray, tall: float, outward: float, inward: float) -> tuple[np.ndarray, np.ndarray]:
    """Two [h, w] bool: certainly person (deep inside the sure mask), certainly not (beyond reach of it)."""
    sure, maybe = (prior > 0.85).astype(np.uint8), (prior > 0.5).astype(np.uint8)
    depth = cv2.distanceTransform(sure, cv2.DIST_L2, 3)
    size = 2 * max(round(inward * tall), 1) + 1
    ridge = depth > 0.6 * cv2.dilate(depth, np.ones((size, size), np.uint8))  # the middle of limbs thinner than the limit
    core = (depth > inward * tall) | (ridge & (depth > 0.002 * tall))
    far = cv2.distanceTransform(1 - maybe, cv2.DIST_L2, 3) > outward * tall
    return core, far & (prior < 0.3)


def _memberships(rgb: np.ndarray) -> np.ndarray:
    """[K, h, w] float32: how much each pixel belongs to each colour of the picture's own palette; sums to 1 over K."""
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    flat = lab.reshape(-1, 3)
    sample = flat[:: max(len(flat) // 4000, 1)]
    centres = _palette(sample)
    distance = (flat**2).sum(1)[:, None] - 2 * flat @ centres.T + (centres**2).sum(1)
    distance -= distance.min(1, keepdims=True)
    weights = np.exp(-distance / (2 * _SOFTNESS**2))
    weights /= weights.sum(1, keepdims=True)
    return np.ascontiguousarray(weights.T.reshape(-1, *rgb.shape[:2]), np.float32)


def _palette(sample: np.ndarray) -> np.ndarray:
    """[K, 3] colours: farthest-point start, then k-means; deterministic."""
    centres = [sample.mean(0)]
    nearest = np.full(len(sample), np.inf)
    for _ in range(_COLORS - 1):
        nearest = np.minimum(nearest, ((sample - centres[-1]) ** 2).sum(1))
        centres.append(sample[int(nearest.argmax())])
    out = np.array(centres, np.float32)
    for _ in range(6):
        owner = ((sample[:, None] - out) ** 2).sum(-1).argmin(1)
        count = np.bincount(owner, minlength=len(out))
        total = np.stack([np.bincount(owner, weights=sample[:, c], minlength=len(out)) for c in range(3)], 1)
        out = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], out).astype(np.float32)
    return out


def _log_ratio(weights: np.ndarray, p: np.ndarray, sigma: float) -> np.ndarray:
    """[h, w] log of person against background likelihood of each pixel's colour in its Gaussian neighbourhood, within ±2.5."""
    shrink = max(int(sigma / 4), 1)
    size = (max(p.shape[1] // shrink, 1), max(p.shape[0] // shrink, 1))
    person, other = _densities(weights, p, size, sigma / shrink), _densities(weights, 1 - p, size, sigma / shrink)
    like = np.zeros((2, *p.shape), np.float32)
    for k, weight in enumerate(weights):
        for row, density in zip(like, (person[k], other[k]), strict=True):
            row += weight * cv2.resize(density, (p.shape[1], p.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.clip(np.log((like[0] + 0.004) / (like[1] + 0.004)), -2.5, 2.5)


def _densities(weights: np.ndarray, share: np.ndarray, size: tuple[int, int], sigma: float) -> np.ndarray:
    """[K, h', w'] colour distribution of the class in every neighbourhood, mixed with the class's global one."""
    blurred = [cv2.GaussianBlur(cv2.resize(w * share, size, interpolation=cv2.INTER_AREA), (0, 0), sigma) for w in weights]
    stack = np.stack(blurred)
    overall = stack.mean((1, 2), keepdims=True)
    overall = overall / max(float(overall.sum()), 1e-9)
    return (stack + _GLOBAL * overall) / (stack.sum(0) + _GLOBAL)
