"""Exposure and white balance: the photos of one person brought to the light of the first, by what several of them show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import cv2
import numpy as np
import torch
from torch import Tensor

from ..body.parts import Region
from .portrait import Portrait

COMPARABLE: dict[str, tuple[Region, ...]] = {
    "trunk": (Region.CHEST,),
    "hips": (Region.PELVIS,),
    "upper arms": (Region.LEFT_UPPER_ARM, Region.RIGHT_UPPER_ARM),
    "forearms": (Region.LEFT_FOREARM, Region.RIGHT_FOREARM),
    "hands": (Region.LEFT_HAND, Region.RIGHT_HAND),
    "thighs": (Region.LEFT_THIGH, Region.RIGHT_THIGH),
    "shins": (Region.LEFT_SHIN, Region.RIGHT_SHIN),
    "feet": (Region.LEFT_FOOT, Region.RIGHT_FOOT),
}
"""Regions that are one material from any side, left and right together. Face, scalp and neck are not: skin here, hair there."""

SOLID = 0.95  # alpha
INSIDE_PX = 2  # rims of regions are left out: mixed colours, and where the fit may be off
SAMPLES = 48  # colours per region
ENOUGH = 60  # pixels of a region
DARK, BRIGHT = 0.012, 0.95  # linear light: below is noise, above is clipped
LIGHT_WIDTH, TINT_WIDTH = 0.15, 0.05  # of the peak of log ratios: light varies with shading, tint hardly
LIGHT_NOISE, TINT_NOISE = 0.06, 0.03  # sigmas of the measure, from pairs of photos in one light
LIGHT_PRIOR, TINT_PRIOR = 0.45, 0.25  # sigmas of log gains
MOST_LOG_LIGHT, MOST_LOG_TINT = np.log(2.0), np.log(1.3)
NARROW, WIDE = (1.0,), (4.0, 2.0, 1.0)  # of the widths, in turn, while a peak is approached
STARTS = ((0.0, NARROW), (-0.5, WIDE), (0.0, WIDE), (0.5, WIDE))  # log gains; the light is mostly the same
TURNS, STILL = 6, 1e-3  # steps of the mean shift at each width, and what is too small a step to go on
ALIKE = 0.2  # least likeness of the colours in a common light, below which they say nothing of the light

Look = dict[str, np.ndarray]
"""The colours that a photo shows of each of `COMPARABLE`: [N, 3] natural logs of linear light, up to `SAMPLES`."""


def exposure_gains(portraits: Sequence[Portrait]) -> list[np.ndarray]:
    """Per photo the gain [3] (R, G, B in linear light) that brings it to the light of the first, whose own is 1.

    Between two photos, the log ratios of all pairs of colours of one region pile up at the gain, because pairs of one material
    agree and the others scatter; `log_gain` takes that peak. The gains are the least squares of all pairs of photos. 1 where too
    little is comparable or the regions contradict each other (other clothes rather than other light); small ones shrink.
    """
    looks = [look_of(p) for p in portraits]
    normal, right = 1e-3 * np.eye(len(looks)), np.zeros((len(looks), 3))
    for i, j in combinations(range(len(looks)), 2):
        gain, alike = log_gain(looks[i], looks[j])
        if alike < ALIKE:
            continue
        pair = np.zeros(len(looks))
        pair[i], pair[j] = -1, 1
        normal += alike * np.outer(pair, pair)
        right += alike * pair[:, None] * gain
    others = np.linalg.solve(normal[1:, 1:], right[1:])
    return [np.ones(3), *(np.exp(_believed(_sane(g))) for g in others)]


def look_of(portrait: Portrait) -> Look:
    """The colours of the photo's comparable regions, evenly over each, without their rims; regions hardly seen are left out."""
    photo, regions = portrait.photo.numpy(), portrait.regions.numpy()
    solid = photo[..., 3] >= SOLID * 255
    inner = np.ones((2 * INSIDE_PX + 1,) * 2, np.uint8)
    out = {}
    for name, members in COMPARABLE.items():
        pixels = photo[cv2.erode((np.isin(regions, members) & solid).astype(np.uint8), inner) > 0, :3]
        if len(pixels) >= ENOUGH:
            some = np.linspace(0, len(pixels) - 1, SAMPLES).round().astype(int)
            out[name] = np.log(np.maximum(_linear(pixels[some] / 255.0), DARK / 4)).astype(np.float32)
    return out


def log_gain(first: Look, second: Look) -> tuple[np.ndarray, float]:
    """Log of the gain [3] that takes the second photo's colours to the first's, and how alike they are then (`likeness`).

    Mean shift over the log ratios from several starts; of the peaks, the one with the best density times prior.
    """
    shared = [name for name in COMPARABLE if name in first and name in second]
    ours, theirs = [np.zeros((0, 3), np.float32)], [np.zeros((0, 3), np.float32)]
    for name in shared:
        a, b = (look[name][_measurable(look[name])] for look in (first, second))
        ours.append(np.repeat(a, len(b), 0))
        theirs.append(np.tile(b, (len(a), 1)))
    a, b = np.concatenate(ours), np.concatenate(theirs)
    best, top = np.zeros(3, np.float32), -np.inf
    for start, widths in STARTS if len(a) else ():
        peak, density = _peak(a, b, np.full(3, start, np.float32), widths)
        light, tint = _split(peak)
        score = np.log(density + 1e-12) - 0.5 * (light / LIGHT_PRIOR) ** 2 - 0.5 * (tint @ tint) / TINT_PRIOR**2
        if score > top:
            best, top = peak, score
    best = _sane(best)
    return best, likeness(first, second, best, shared)


def _peak(ours: np.ndarray, theirs: np.ndarray, at: np.ndarray, widths: Sequence[float]) -> tuple[np.ndarray, float]:
    """The peak of the log ratios of paired colours [P, 3] that is uphill from `at` [3], and the density there."""
    ratio = ours - theirs
    density = 0.0
    for width in widths:
        for _ in range(TURNS):
            # what clips in the other photo's light is missing from it: leave it out on this side too
            fair = _measurable(ours - at) & _measurable(theirs + at)
            near = _nearness((ratio - at) / width) * fair
            density = float(near.sum() / (fair.sum() + 1))
            before, at = at, (near @ ratio) / (near.sum() + 1e-9)
            if np.abs(at - before).max() < STILL:
                break
    return at, density


def likeness(first: Look, second: Look, gain_log: np.ndarray, names: Sequence[str]) -> float:
    """0..1: the cosine between the two photos' densities of colour in the named regions, the second in the first's light."""
    low, high = np.log(DARK), np.log(BRIGHT)
    ours = [np.clip(first[n], low, high) for n in names]
    theirs = [np.clip(second[n] + gain_log, low, high) for n in names]
    cross = sum(_overlap(a, b) for a, b in zip(ours, theirs, strict=True))
    own = sum(_overlap(a, a) for a in ours) * sum(_overlap(b, b) for b in theirs)
    return float(cross / np.sqrt(own)) if own else 0.0


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float(_nearness(a[:, None] - b).mean())


def _measurable(log_color: np.ndarray) -> np.ndarray:
    """Neither black nor clipped: [.., 3] → [..] bool."""
    top = log_color.max(-1)
    return np.asarray((top > np.log(DARK)) & (top < np.log(BRIGHT)))


def _split(log_color: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[.., 3] → light [..], the mean of the channels, and tint [.., 3], what is left."""
    light = log_color.mean(-1)
    return light, log_color - light[..., None]


def _nearness(log_ratio: np.ndarray) -> np.ndarray:
    light, tint = _split(log_ratio)
    return np.asarray(np.exp(-0.5 * ((light / LIGHT_WIDTH) ** 2 + np.square(tint / TINT_WIDTH).sum(-1))))


def with_gain(portrait: Portrait, gain: np.ndarray) -> Portrait:
    """The portrait in another light: its textures and its photo times `gain` [3] in linear light, clipped to white."""
    if np.allclose(gain, 1, atol=1e-3):
        return portrait
    table = np.stack([_encoded(_linear(np.arange(256) / 255) * g) for g in gain], -1)
    table = np.rint(table * 255).astype(np.uint8)
    return replace(portrait, layers=_mapped(portrait.layers, table), photo=_mapped(portrait.photo, table))


def _sane(gain_log: np.ndarray) -> np.ndarray:
    light, tint = _split(gain_log)
    return np.clip(light, -MOST_LOG_LIGHT, MOST_LOG_LIGHT) + np.clip(tint, -MOST_LOG_TINT, MOST_LOG_TINT)


def _believed(gain_log: np.ndarray) -> np.ndarray:
    """The posterior mean of a measured gain: half of all photos share their light exactly, and the measure is a little off."""
    light, tint = _split(gain_log)
    in_light = _changed(float(light), LIGHT_NOISE, LIGHT_PRIOR)
    in_tint = _changed(float(np.linalg.norm(tint)), TINT_NOISE, TINT_PRIOR)
    return np.asarray(light * in_light + tint * in_tint)


def _changed(measured: float, noise: float, prior: float) -> float:
    """Probability that a measured log gain is more than noise: a Gaussian of changes against one of none."""
    wide = float(np.hypot(noise, prior))
    same, other = (float(np.exp(-0.5 * (measured / s) ** 2)) / s for s in (noise, wide))
    return other / (same + other)


def _mapped(rgba: Tensor, table: np.ndarray) -> Tensor:
    out = rgba.clone()
    for channel in range(3):
        out[..., channel] = torch.from_numpy(table[:, channel])[rgba[..., channel].long()]
    return out


def _linear(srgb: np.ndarray) -> np.ndarray:
    """sRGB 0..1 → linear light."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _encoded(linear: np.ndarray) -> np.ndarray:
    """Linear light → sRGB 0..1, clipped."""
    value = np.clip(linear, 0, 1)
    return np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
