"""The colours of one picture, few enough to count: an adaptive palette in Lab, how likely labels show its colours, and skin."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

COLORS = 40
LIGHTNESS = 0.6  # weight of L against a and b: shading changes it
SAMPLES, TURNS = 6000, 12
FLOOR = 2e-3  # least likelihood of a colour: unseen colours cost, but not without bound
SKIN_CHROMA, SKIN_SHARE = 0.04, 0.1  # least spread of one person's skin in a and b over L + 16, and as a share of these
SKIN_WIDEST = 6.0  # light of several colours spreads it up to this many times
SKIN_INNER, SKIN_INNER_SPREADS = 0.35, 0.454  # share of a face that is surely skin, and its half width if normally distributed
SKIN_CURVE = 0.3  # log light up to which a and b may stay instead
SKIN_LIGHT, SKIN_LIGHT_FREE = 0.27, 0.15  # spread in log(L + 16), and what is free of it
SKIN_NOISE = 2.0  # Lab units of noise, which dark pixels show most
SKIN_ALONE, SKIN_TURNS = 0.2, 3


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """[.., h, w, 3] uint8 RGB → float32 CIE Lab, L 0..100."""
    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)


def indexed(lab: np.ndarray, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Palette index [h, w] of every pixel and the palette [COLORS, 3] in Lab, learned by k-means from `where` [h, w] bool.

    Deterministic: it starts from quantiles of the colours along their main axis.
    """
    scale = np.array([LIGHTNESS, 1, 1], np.float32)
    pixels = lab[where] * scale
    some = pixels[:: max(1, len(pixels) // SAMPLES)]
    axis = np.linalg.svd(some - some.mean(0), full_matrices=False)[2][0]
    start = np.argsort(np.argsort(some @ axis)) * min(COLORS, len(some)) // len(some)
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, TURNS, 0.0)
    count = int(start.max()) + 1
    _, _, centers = cv2.kmeans(some, count, start.astype(np.int32)[:, None], criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    flat = (lab * scale).reshape(-1, 3)
    cross = flat @ centers.T
    index = (np.square(centers).sum(1) - 2 * cross).argmin(1)
    return index.reshape(lab.shape[:2]), centers / scale


def likelihoods(index: np.ndarray, share: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """[K, COLORS]: how likely each of K labels shows each colour, from pixels [n] of the palette and their shares [K, n].

    Counts leak into colours near by, because shading and noise move colours a little.
    """
    counts = np.stack([np.bincount(index, s, minlength=len(palette)) for s in share])
    apart = np.square((palette[:, None] - palette) * np.array([LIGHTNESS, 1, 1], np.float32)).sum(-1)
    leak = np.exp(-apart / (2 * 4.0**2))
    smooth = counts @ (leak / leak.sum(1, keepdims=True))
    return np.asarray(smooth / np.maximum(smooth.sum(1, keepdims=True), 1e-6) + FLOOR)


@dataclass(frozen=True, slots=True)
class SkinTone:
    """One person's skin under any amount of one kind of light.

    Shading multiplies L + 16, a and b alike (each is a cube root of light, or a difference of two), so that a and b as shares of
    L + 16 stay, dark skin's as well as fair skin's. Gloss pales what it lightens, and cameras keep more colour in shadows:
    between shares that stay and a and b that stay, everything is this skin.
    """

    light: float  # log(L + 16)
    chroma: np.ndarray  # [2] a and b over L + 16
    spread: np.ndarray  # [2] standard deviations of chroma along its hue and across it

    @classmethod
    def around(cls, light: float, chroma: np.ndarray) -> SkinTone:
        """With the least spread that skin has, which is larger for stronger colours."""
        return cls(light, chroma, np.full(2, np.hypot(SKIN_CHROMA, SKIN_SHARE * np.linalg.norm(chroma))))

    def departures(self, lab: np.ndarray) -> np.ndarray:
        """[.., 3] of colours lab [.., 3]: in log light, and in chroma along and across the hue."""
        light, chroma = _light_and_chroma(lab)
        strength = float(np.linalg.norm(self.chroma))
        hue = self.chroma / max(strength, 1e-6)
        lighter = light - self.light
        at_constant_chroma = strength * np.exp(-lighter.clip(-SKIN_CURVE, SKIN_CURVE))
        along = chroma @ hue
        near = np.clip(along, np.minimum(strength, at_constant_chroma), np.maximum(strength, at_constant_chroma))
        return np.stack((lighter, along - near, chroma @ np.array([-hue[1], hue[0]])), -1)

    def distance(self, lab: np.ndarray) -> np.ndarray:
        """How far each colour of lab [.., 3] is from this skin, in standard deviations; some light more or less is free."""
        away = self.departures(lab)
        noise = SKIN_NOISE / (np.maximum(lab[..., :1], 0) + 16)
        lit = np.maximum(np.abs(away[..., 0]) - SKIN_LIGHT_FREE, 0) / SKIN_LIGHT
        return np.asarray(np.sqrt((away[..., 1:] ** 2 / (self.spread**2 + noise**2)).sum(-1) + lit**2))


def skin_tone(palette: np.ndarray, face: np.ndarray, bare: np.ndarray) -> SkinTone:
    """What the face and other bare places have in common, as varied as the face is.

    palette [colours, 3] in Lab, face [colours] the share each has of the face without its hair, bare [colours] of neck and hands.
    Neither the lightest nor the darkest wins by that alone: there is fair hair over dark skin and dark hair over fair skin.
    """
    light, chroma = _light_and_chroma(palette)
    tones = [SkinTone.around(float(k), c) for k, c in zip(light, chroma, strict=True)]
    near = np.stack([np.exp(-0.5 * tone.distance(palette) ** 2) for tone in tones])
    tone = tones[int((np.sqrt(near @ face) * (SKIN_ALONE + near @ bare)).argmax())]
    for _ in range(SKIN_TURNS):
        weight = (face + bare) * np.exp(-0.5 * tone.distance(palette) ** 2)
        weight /= max(weight.sum(), 1e-12)
        tone = SkinTone.around(float(weight @ light), weight @ chroma)
    away = np.abs(tone.departures(palette)[:, 1:])
    varied = np.array([_quantile(a, face, SKIN_INNER) for a in away.T]) / SKIN_INNER_SPREADS
    return SkinTone(tone.light, tone.chroma, np.clip(varied, tone.spread, SKIN_WIDEST * tone.spread))


def _quantile(values: np.ndarray, weight: np.ndarray, share: float) -> float:
    """The least of values [n] that, with those below it, has this share of the weight [n]."""
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(weight[order]), share * weight.sum()).clip(max=len(order) - 1)])


def _light_and_chroma(lab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log(L + 16) [..] and a and b over L + 16 [.., 2] of lab [.., 3]."""
    root = np.maximum(lab[..., 0], 0) + 16
    return np.log(root), lab[..., 1:] / root[..., None]
