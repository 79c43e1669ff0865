"""From a coarse person mask to a matte with soft edges, and the person's own colours under those edges.

Three steps. `segment`: at most 448 px high, local colour models of person and background (a palette whose bins are counted in a
Gaussian neighbourhood, as in SnapCut's local classifiers) move the mask onto the colours' border. `alpha_in_band`: in the
unknown band along that border each pixel is explained as a mix of a sampled person colour and a sampled background colour
(sampling matting), and an edge-aware filter (He et al., guided filter) removes the noise. `foreground_colors`: the person
colours that were mixed.
"""

from __future__ import annotations

import cv2
import numpy as np

from .local_color import follow_colors
from .sampling import alpha_in_band, spread

SEGMENT_PX = 448
MATTE_PX = 1024
_OUTWARD, _INWARD = 0.06, 0.015  # how far, in person heights, the matte may leave the mask
_MARGIN = 0.12
_THIN = 0.3  # alpha below which a pixel counts as gap


def refine_matte(rgb: np.ndarray, mask: np.ndarray, box: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8, a coarse mask [H, W] (0..1) and the person's box (x0, y0, x1, y1) in px → matte [H, W] float32, 0..1.

    The matte follows the picture's own edges: hair and cloth get soft borders, islands go, and what the mask cut off comes
    back if its colour says so, within a band of 6 % of the person's height outside the mask and 1.5 % inside. It works on the
    box plus a margin, at most 1024 px high, whatever the picture's size. Deterministic.
    """
    height, width = rgb.shape[:2]
    x0, y0, x1, y1 = _window(box, width, height)
    part, coarse = rgb[y0:y1, x0:x1], np.asarray(mask[y0:y1, x0:x1], np.float32)
    scale = min(MATTE_PX / max(part.shape[:2]), 1.0)
    image, prior = _shrunk(part, scale), _shrunk(coarse, scale)
    tall = float(box[3] - box[1]) * scale
    shape = _segment(image, prior, tall)
    alpha = alpha_in_band(image, shape, tall)
    alpha = _solid(_without_islands(alpha, prior), tall)
    out = np.zeros((height, width), np.float32)
    full = alpha if scale == 1 else _enlarged(alpha, part)
    out[y0:y1, x0:x1] = full
    return out


def foreground_colors(rgb: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8 and matte [H, W] → [H, W, 3] float32, 0..255: the person's pure colours, in its box and a margin
    round it (elsewhere the picture's own).

    Where the matte is 1 they are the picture's. In the soft edge I = a F + (1 - a) B is solved for F with B spread from the sure
    background, held near the F spread from the sure person; outside, F goes on, so that filtering never picks up background.
    """
    out = rgb.astype(np.float32)
    ys, xs = np.nonzero(matte > 0.03)
    if not len(ys):
        return out
    margin = 8 + (ys.max() - ys.min()) // 16
    view = (slice(max(ys.min() - margin, 0), ys.max() + margin), slice(max(xs.min() - margin, 0), xs.max() + margin))
    image, a = out[view], matte[view].astype(np.float32)
    inner, outer = _spread_small(image, a > 0.97), _spread_small(image, a < 0.03)
    colors, soft = np.where((a > 0.97)[..., None], image, inner), (a > 0.03) & (a <= 0.97)
    weight, near = a[soft][:, None], inner[soft]
    solved = (image[soft] - (1 - weight) * outer[soft]) / np.maximum(weight, 0.15)
    trust = np.clip((weight - 0.3) / 0.6, 0, 1)
    colors[soft] = near + (np.clip(solved, near - 40, near + 40) - near) * trust
    out[view] = np.clip(colors, 0, 255, out=colors)
    return out


def _spread_small(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """`spread`, at most 1024 px high: it makes smooth colours, which lose nothing when they are enlarged."""
    scale = min(MATTE_PX / max(image.shape[:2]), 1.0)
    share = _shrunk(known.astype(np.float32), scale)
    if scale == 1:
        return spread(image, share)
    total = _shrunk(image * known[..., None], scale)
    small = spread(total / np.maximum(share, 1e-3)[..., None], (share > 0.05).astype(np.float32))
    return cv2.resize(small, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)


def _window(box: np.ndarray, width: int, height: int) -> tuple[int, int, int, int]:
    margin = _MARGIN * float(box[3] - box[1])
    return (
        max(int(box[0] - margin), 0),
        max(int(box[1] - margin), 0),
        min(int(np.ceil(box[2] + margin)), width),
        min(int(np.ceil(box[3] + margin)), height),
    )


def _shrunk(image: np.ndarray, scale: float) -> np.ndarray:
    if scale >= 1:
        return image
    size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _segment(image: np.ndarray, prior: np.ndarray, tall: float) -> np.ndarray:
    """[h, w] float32 probability on the colours' borders, found small and brought back to the image's size."""
    scale = min(SEGMENT_PX / max(image.shape[:2]), 1.0)
    small, guess = _shrunk(image, scale), _shrunk(prior, scale)
    shape = follow_colors(small, guess, tall * scale, _OUTWARD, _INWARD)
    if scale == 1:
        return shape
    return cv2.resize(shape, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)


def _without_islands(alpha: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Keep the parts that hang together with the mask's body or are sizeable and believed by the mask."""
    solid = (alpha > 0.3).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=8)
    if count <= 1:
        return alpha
    areas = stats[1:, cv2.CC_STAT_AREA]
    belief = np.bincount(labels.ravel(), weights=prior.ravel(), minlength=count)[1:] / np.maximum(areas, 1)
    keep = (areas == areas.max()) | ((areas > 0.01 * areas.max()) & (belief > 0.6))
    kept = np.concatenate(([False], keep))[labels]
    near = cv2.dilate(kept.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return np.where(near, alpha, 0).astype(np.float32)


def _solid(alpha: np.ndarray, tall: float) -> np.ndarray:
    """Close pinholes, and make opaque what lies deep inside: only edges, about 1 % of the person's height wide, let light
    through. Cloth of nearly the wall's colour is half explained as wall otherwise."""
    gaps = (alpha < _THIN).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(gaps, connectivity=4)
    pinhole = stats[:, cv2.CC_STAT_AREA] < (0.008 * tall) ** 2
    pinhole[0] = False
    body = ((gaps == 0) | pinhole[labels]).astype(np.uint8)
    depth = cv2.distanceTransform(body, cv2.DIST_L2, 5) / tall
    return np.maximum(alpha, np.clip((depth - 0.003) / 0.007, 0, 1)).astype(np.float32)


def _enlarged(alpha: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Bring the matte to the picture's own size along its own edges (fast guided filter: coefficients small, guide large)."""
    size = (part.shape[1], part.shape[0])
    return cv2.resize(alpha, size, interpolation=cv2.INTER_CUBIC).clip(0, 1)
