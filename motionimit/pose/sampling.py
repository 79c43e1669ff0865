"""Alpha in the unknown band of a matte: each pixel as a mix of a nearby person colour and a nearby background colour."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_REACH = (0.0, 0.02)  # person heights: where around a pixel its nearest samples are asked for
_UNIFORM_LEVELS = 7.0  # a background is plain when it leaves its smooth fit by less than this (RMS of 255)


@dataclass(frozen=True, slots=True)
class Band:
    """Sure person, sure background and the pixels in between. All [h, w] bool."""

    person: np.ndarray
    background: np.ndarray

    @property
    def unknown(self) -> np.ndarray:
        return ~(self.person | self.background)


def alpha_in_band(rgb: np.ndarray, shape: np.ndarray, tall: float) -> np.ndarray:
    """[h, w, 3] uint8, probability [h, w] that follows colour borders, person height in px → alpha [h, w] float32.

    In the band alpha = (I - B)·(F - B) / |F - B|² for the pair of samples with the least residual; where no pair separates, the
    probability itself, steepened, decides. A confidence-weighted guided filter makes one surface of both.
    """
    plain = _plain_background(rgb, shape)
    band = _band(shape, tall, plain is not None)
    smooth = cv2.GaussianBlur(rgb, (0, 0), 0.8).astype(np.float32)
    steep = np.clip((shape - 0.5) * 1.8 + 0.5, 0, 1)
    ys, xs = np.nonzero(band.unknown)
    alpha = band.person.astype(np.float32)
    if not len(ys) or not band.person.any() or not band.background.any():
        return np.where(band.unknown, steep, alpha).astype(np.float32)
    persons = _samples(smooth, band.person | (shape > 0.85), ys, xs, tall)
    others = _samples(smooth, band.background, ys, xs, tall)
    if plain is not None:
        others = np.concatenate((others[:1], plain[ys, xs][None]))
    pixels = rgb[ys, xs].astype(np.float32)
    value, trust = _unmix(pixels, persons, others, shape[ys, xs], None if plain is None else _tint(pixels, plain[ys, xs]))
    alpha[ys, xs] = value
    confidence = np.full(alpha.shape, 0.6, np.float32)
    confidence[ys, xs] = trust
    alpha[ys, xs] = trust * value + (1 - trust) * steep[ys, xs]
    return _smoothed(rgb, alpha, confidence, band, tall)


def _band(shape: np.ndarray, tall: float, plain: bool) -> Band:
    """Trimap: in front of a plain background it may reach further out, because nothing there can be mistaken."""
    inner, outer = max(0.006 * tall, 1.5), max((0.03 if plain else 0.012) * tall, 2.0)
    sure = cv2.distanceTransform((shape > 0.9).astype(np.uint8), cv2.DIST_L2, 5)
    away = cv2.distanceTransform((shape < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    limit = 0.02 if plain else 0.1
    return Band(sure > inner, (away > outer) & (shape < max(limit, 0.1)))


def _samples(image: np.ndarray, where: np.ndarray, ys: np.ndarray, xs: np.ndarray, tall: float) -> np.ndarray:
    """[S, N, 3] colours of the sample pixels nearest to each unknown pixel and to points around it."""
    _, labels = cv2.distanceTransformWithLabels((~where).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    seeds = np.zeros((labels.max() + 1, 3), np.float32)
    seeds[labels[where]] = image[where]
    height, width = where.shape
    out = []
    for reach in _REACH:
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)) if reach else ((0, 0),):
            y = np.clip(ys + round(dy * reach * tall), 0, height - 1)
            x = np.clip(xs + round(dx * reach * tall), 0, width - 1)
            out.append(seeds[labels[y, x]])
    return np.stack(out)


def _tint(pixels: np.ndarray, background: np.ndarray) -> np.ndarray:
    """[N] 0..1: how surely a pixel is no shade of the plain background behind it, by its distance from the line of its shades."""
    along = (pixels * background).sum(-1) / np.maximum((background**2).sum(-1), 1)
    off = np.linalg.norm(pixels - along[:, None] * background, axis=-1)
    return np.clip(off / 20 - 0.5, 0, 1)


def _unmix(
    pixels: np.ndarray, persons: np.ndarray, others: np.ndarray, guess: np.ndarray, tint: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Best (alpha, trust) per pixel over all pairs of samples. Trust falls with the residual, with too similar samples and where
    the mix contradicts `guess`: then the right person colour was not among the samples, or it is a shadow. A tinted pixel in
    front of a plain background is neither."""
    best = np.full(len(pixels), np.inf, np.float32)
    alpha, trust = np.zeros_like(best), np.zeros_like(best)
    for person in persons:
        for other in others:
            span = person - other
            length = (span**2).sum(-1)
            a = np.clip(((pixels - other) * span).sum(-1) / np.maximum(length, 1), 0, 1)
            residual = np.sqrt(((pixels - other - a[:, None] * span) ** 2).sum(-1))
            apart = length / (length + 45.0**2)
            off = np.abs(a - guess)
            cost = residual + 25 * off + 12 * (1 - apart)
            better = cost < best
            best = np.where(better, cost, best)
            alpha = np.where(better, a, alpha)
            agrees = np.clip(2 - off / 0.4, 0.05, 1)
            if tint is not None:
                agrees = np.where(a > guess, np.maximum(agrees, tint), agrees)
            trust = np.where(better, apart**2 * np.exp(-((residual / 25) ** 2)) * agrees, trust)
    return alpha, trust


def _smoothed(rgb: np.ndarray, alpha: np.ndarray, confidence: np.ndarray, band: Band, tall: float) -> np.ndarray:
    """Guided filter of alpha weighted by confidence, kept to the band, its ends pulled to exactly 0 and 1."""
    radius = max(round(0.004 * tall), 1)
    weight = np.clip(confidence, 0.05, 1)
    guide = cv2.ximgproc.createGuidedFilter(rgb, radius, 40.0)
    smooth = guide.filter(alpha * weight) / np.maximum(guide.filter(weight), 0.02)
    smooth = np.clip((smooth - 0.04) / 0.92, 0, 1)
    return np.where(band.unknown, smooth, alpha).astype(np.float32)


def _plain_background(rgb: np.ndarray, shape: np.ndarray) -> np.ndarray | None:
    """[h, w, 3] smooth fit of the background (quadratic in x, y) if it is plain: a studio wall, a green screen; else None."""
    height, width = shape.shape
    away = cv2.distanceTransform((shape < 0.1).astype(np.uint8), cv2.DIST_L2, 3) > 0.02 * height
    ys, xs = np.nonzero(away)
    if len(ys) < 0.1 * shape.size:
        return None
    step = max(len(ys) // 4000, 1)
    x, y = xs[::step] / width - 0.5, ys[::step] / height - 0.5
    colours = rgb[ys[::step], xs[::step]].astype(np.float64)
    terms = _quadratic(x, y)
    keep = np.ones(len(x), bool)
    for _ in range(3):
        solution = np.linalg.lstsq(terms[keep], colours[keep], rcond=None)[0]
        off = np.sqrt(((terms @ solution - colours) ** 2).mean(-1))
        keep = off < max(2.5 * np.median(off), 2.0)
    if np.sqrt((off**2).mean()) > _UNIFORM_LEVELS or keep.mean() < 0.8:
        return None
    gy, gx = np.mgrid[0:height, 0:width]
    fitted = _quadratic((gx / width - 0.5).ravel(), (gy / height - 0.5).ravel()) @ solution
    return np.clip(fitted, 0, 255).reshape(height, width, 3).astype(np.float32)


def _quadratic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack((np.ones_like(x), x, y, x * y, x * x, y * y), -1)


def spread(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[H, W, C] float32 whose known pixels (mask [H, W], 0 or 1) flow outward (pull-push pyramid) into the rest."""
    if max(image.shape[:2]) == 1 or known.min() > 0:
        return image if known.max() > 0 else np.zeros_like(image)
    size = ((image.shape[1] + 1) // 2, (image.shape[0] + 1) // 2)
    weight = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(image * known[..., None], size, interpolation=cv2.INTER_AREA)
    coarse = total / np.maximum(weight, 1e-6)[..., None]
    deeper = spread(coarse, (weight > 1e-3).astype(np.float32))
    up = cv2.resize(deeper, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.where(known[..., None] > 0, image, up).astype(np.float32)
