"""The colours of one picture, few enough to count: an adaptive palette in Lab, and how likely labels show its colours."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

COLORS = 40
LIGHTNESS = 0.6  # weight of L against a and b: shading changes it
SAMPLES, TURNS = 6000, 12
FLOOR = 2e-3  # least likelihood of a colour: unseen colours cost, but not without bound
SKIN_CHROMA = 0.04  # spread of one person's skin in a and b over L + 16 ..
SKIN_GLOSS, SKIN_TURN = 0.2, 0.1  # .. and, as shares of how strong its colour is, along its hue and across it
SKIN_LIGHT, SKIN_LIGHT_FREE = 0.27, 0.15  # spread in log(L + 16), and what is free of it
SKIN_NOISE = 2.0  # Lab units of noise, which dark pixels show most
SKIN_TURNS = 3


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
    L + 16 stay, dark skin's as well as fair skin's. Gloss lightens and pales a colour along its own hue.
    """

    light: float  # log(L + 16)
    chroma: np.ndarray  # [2] a and b over L + 16

    def distance(self, lab: np.ndarray) -> np.ndarray:
        """How far each colour of lab [.., 3] is from this skin, in standard deviations; some light more or less is free."""
        light, chroma = _light_and_chroma(lab)
        strength = float(np.linalg.norm(self.chroma))
        hue = self.chroma / max(strength, 1e-6)
        away = chroma - self.chroma
        along, across = away @ hue, away @ np.array([-hue[1], hue[0]])
        noise = np.square(SKIN_NOISE / np.exp(light))
        gloss = np.where(light > self.light - SKIN_LIGHT_FREE, SKIN_GLOSS, SKIN_TURN)
        paler = np.square(along) / (SKIN_CHROMA**2 + (gloss * strength) ** 2 + noise)
        turned = np.square(across) / (SKIN_CHROMA**2 + (SKIN_TURN * strength) ** 2 + noise)
        lit = np.maximum(np.abs(light - self.light) - SKIN_LIGHT_FREE, 0) / SKIN_LIGHT
        return np.asarray(np.sqrt(paler + turned + lit**2))


def common_tone(palette: np.ndarray, votes: np.ndarray) -> SkinTone:
    """The skin that most places of the body have in common.

    palette [colours, 3] in Lab, votes [colours]: how much speaks for each being skin; less than nothing speaks against it.
    Neither the lightest nor the darkest wins by that alone: fair hair over dark skin is as frequent as dark hair over fair skin.
    """
    light, chroma = _light_and_chroma(palette)
    tones = [SkinTone(float(k), c) for k, c in zip(light, chroma, strict=True)]
    near = np.stack([np.exp(-0.5 * tone.distance(palette) ** 2) for tone in tones])
    tone = tones[int(np.where(votes > 0, near @ votes, -np.inf).argmax())]
    for _ in range(SKIN_TURNS):
        weight = np.maximum(votes, 0) * np.exp(-0.5 * tone.distance(palette) ** 2)
        weight /= max(weight.sum(), 1e-12)
        tone = SkinTone(float(weight @ light), weight @ chroma)
    return tone


def _light_and_chroma(lab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log(L + 16) [..] and a and b over L + 16 [.., 2] of lab [.., 3]."""
    root = np.maximum(lab[..., 0], 0) + 16
    return np.log(root), lab[..., 1:] / root[..., None]
