"""From what was seen per frame to a `PersonTrack`: outliers dropped, left/right swaps repaired, gaps bridged, masks sampled."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view

from ..types import LANDMARKS, PersonTrack
from .detector import Detection
from .people import torso_px
from .roi import paste
from .swaps import decidedness, part_pairs, repair_swaps

MAX_MASKS = 48
MASK_SIDE_PX = 256
_FLIP_S = 0.5
_PARTED = 0.3  # of the reported confidence is left to a landmark whose side its neighbours in time had to tell
_WIDE = 0.15  # of the torso's length: shoulders or hips narrower than this may be seen either way round


@dataclass(frozen=True, slots=True)
class Seen:
    """The few numbers of a detection that are kept for every frame."""

    joints_px: np.ndarray
    joints_m: np.ndarray
    confidence: np.ndarray
    box_px: np.ndarray

    @classmethod
    def of(cls, detection: Detection, box_px: np.ndarray) -> Seen:
        return cls(detection.joints_px, detection.joints_m, detection.confidence, box_px)


@dataclass(slots=True)
class MaskSample:
    """At most 48 masks, spread evenly over a clip of unknown length: every k-th frame, k doubling whenever the store is full."""

    every: int = 1
    kept: dict[int, np.ndarray] = field(default_factory=dict)

    def offer(self, index: int, detection: Detection, width: int, height: int) -> None:
        """Keep this frame's mask ([h, w] uint8, 255 = person, long side ≤ 256) if its turn has come."""
        if detection.mask is None or index % self.every:
            return
        scale = max(max(width, height) / MASK_SIDE_PX, 1.0)
        small = (max(round(width / scale), 1), max(round(height / scale), 1))
        mask = paste(detection.mask, detection.roi, *small, scale=scale)
        self.kept[index] = (mask * 255 + 0.5).astype(np.uint8)
        while len(self.kept) > MAX_MASKS:
            self.every *= 2
            self.kept = {i: m for i, m in self.kept.items() if i % self.every == 0}

    def tensors(self, valid: np.ndarray) -> tuple[tuple[int, ...], torch.Tensor]:
        """(frame indices, [M, 1, h, w] float32) of the frames that stayed valid."""
        indices = tuple(i for i in sorted(self.kept) if valid[i])
        if not indices:
            return (), torch.zeros(0, 1, 1, 1)
        stack = np.stack([self.kept[i] for i in indices])
        return indices, torch.from_numpy(stack).float().div_(255)[:, None]


def shots_of(count: int, cuts: tuple[int, ...]) -> list[tuple[int, int]]:
    """[start, end) of every shot."""
    edges = [0, *cuts, count]
    return [(a, b) for a, b in pairwise(edges) if b > a]


def build_track(
    seen: list[Seen | None], fps: Fraction, size_px: tuple[int, int], cuts: tuple[int, ...], masks: MaskSample
) -> PersonTrack:
    """`seen` must hold at least one frame that isn't None; see `PersonTrack` for the result."""
    count = len(seen)
    valid = np.array([s is not None for s in seen])
    px, metres = np.zeros((count, LANDMARKS, 2), np.float32), np.zeros((count, LANDMARKS, 3), np.float32)
    confidence, boxes = np.zeros((count, LANDMARKS), np.float32), np.zeros((count, 4), np.float32)
    for index, one in enumerate(seen):
        if one is not None:
            px[index], metres[index], confidence[index], boxes[index] = one.joints_px, one.joints_m, one.confidence, one.box_px
    repaired = parted = 0
    decided = decidedness(metres, valid)
    for start, end in shots_of(count, cuts):
        part = slice(start, end)
        valid[part] &= ~_spikes(px[part], valid[part])
        repaired += repair_swaps(px[part], metres[part], confidence[part], valid[part], float(fps), decided[part])
        parted += _settle(px[part], metres[part], confidence[part], valid[part], decided[part], float(fps))
    confidence[~valid] = 0
    warnings = _bridge(px, metres, boxes, valid, cuts)
    if repaired:
        warnings.append(f"left and right were swapped back in {repaired} of {count} frames")
    if parted:
        warnings.append(f"left and right were not told apart in {parted} of {count} frames, where they are taken from the others")
    mask_frames, mask_stack = masks.tensors(valid)
    return PersonTrack(
        size_px=size_px,
        fps=fps,
        box_xyxy_px=torch.from_numpy(boxes),
        joints_px=torch.from_numpy(px),
        joints_m=torch.from_numpy(metres),
        confidence=torch.from_numpy(confidence),
        valid=torch.from_numpy(valid),
        cuts=cuts,
        mask_frames=mask_frames,
        masks=mask_stack,
        warnings=tuple(warnings),
    )


def _settle(
    px: np.ndarray, metres: np.ndarray, confidence: np.ndarray, valid: np.ndarray, decided: np.ndarray, fps: float
) -> int:
    """Take left and right apart where the estimator mixed them and lower the confidence of what is in doubt, in place, within one
    shot; returns the number of frames with mixed landmarks."""
    steady = _torso_steadiness(px, valid, fps)
    parted = part_pairs(px, metres, decided, valid, steady >= 0.5, fps)
    confidence *= np.where(parted, _PARTED, decided * steady)
    confidence *= _steadiness(px, valid)
    return int(parted.any(1).sum())


def _spikes(px: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """[T] bool: single frames whose torso leaps away from both neighbours, which agree with each other."""
    out = np.zeros(len(px), bool)
    for t in range(1, len(px) - 1):
        if not valid[t - 1 : t + 2].all() or out[t - 1]:
            continue
        centre = px[t - 1 : t + 2, [11, 12, 23, 24]].mean(1)
        size = max(torso_px(px[t - 1]), torso_px(px[t + 1]), 1.0)
        leap = np.linalg.norm(centre[1] - (centre[0] + centre[2]) / 2)
        out[t] = leap > 0.4 * size and leap > 2 * np.linalg.norm(centre[2] - centre[0])
    return out


def _steadiness(px: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """[T, 33] factor on confidence: 1 / (1 + (d / 0.25 torso)²), d the distance from the median of 5 frames, which a leap for
    a frame or two exceeds and a swing's turning point does not."""
    out = np.ones(px.shape[:2], np.float32)
    frames = np.flatnonzero(valid)
    if len(frames) < 5:
        return out
    seen = px[frames]
    padded = np.concatenate((seen[:1], seen[:1], seen, seen[-1:], seen[-1:]))
    median = np.median(np.stack([padded[k : k + len(seen)] for k in range(5)]), axis=0)
    size = np.array([torso_px(p) for p in seen]).clip(1.0)
    leap = np.linalg.norm(seen - median, axis=-1) / np.median(size)
    out[frames] = 1 / (1 + (leap / 0.25) ** 2)
    return out


def _torso_steadiness(px: np.ndarray, valid: np.ndarray, fps: float) -> np.ndarray:
    """[T, 33] factor on confidence where the torso turns front to back and back again within half a second: 1 / (1 + (d / 0.1
    torso)²), d how far left and right lie the other way round than in the median of that time. Such a flip takes the estimator
    through half-way poses, which `repair_swaps` can't put right. A true turn goes one way, and a median leaves that alone."""
    out = np.ones(px.shape[:2], np.float32)
    frames = np.flatnonzero(valid)
    half = round(_FLIP_S * fps / 2)
    if half < 1 or len(frames) < 2 * half + 1:
        return out
    torso = px[frames][:, [11, 12, 23, 24]]
    up = torso[:, :2].mean(1) - torso[:, 2:].mean(1)
    size = np.median([torso_px(p) for p in px[frames]]).clip(1.0)
    side = np.stack((-up[:, 1], up[:, 0]), -1) / np.linalg.norm(up, axis=-1, keepdims=True).clip(0.2 * size)
    width = ((torso[:, [0, 2]] - torso[:, [1, 3]]) * side[:, None]).sum(-1) / size
    usual = np.median(sliding_window_view(np.pad(width, ((half, half), (0, 0)), mode="edge"), 2 * half + 1, axis=0), axis=-1)
    other_way = np.where(np.abs(usual) > _WIDE, np.maximum(-width * np.sign(usual), 0), 0).max(-1)
    out[frames] = (1 / (1 + (other_way / 0.1) ** 2))[:, None]
    return out


def _bridge(px: np.ndarray, metres: np.ndarray, boxes: np.ndarray, valid: np.ndarray, cuts: tuple[int, ...]) -> list[str]:
    """Fill invalid frames in place: linear inside a shot, held at its ends; a shot without any takes the nearest seen frame."""
    known = np.flatnonzero(valid)
    times = np.arange(len(valid))
    for start, end in shots_of(len(valid), cuts):
        inside = known[(known >= start) & (known < end)]
        if not len(inside):
            inside = known[[np.abs(known - (start + end) // 2).argmin()]]
        missing = times[start:end][~valid[start:end]]
        for array in (px, metres, boxes):
            flat = array.reshape(len(array), -1)
            for column in range(flat.shape[1]):
                flat[missing, column] = np.interp(missing, inside, flat[inside, column])
    return [
        f"frame {a}: the person was not seen, bridged" if a == b else f"frames {a} to {b}: the person was not seen, bridged"
        for a, b in _runs(~valid)
    ]


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """(first, last) of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
