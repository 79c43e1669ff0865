"""Left and right of a body or of a pair of limbs, exchanged by the estimator for a few frames, put back.

Per frame the labelling is either as reported or mirrored; the cheapest sequence is found by dynamic programming (Viterbi) over
cost = Σ prior · [mirrored] + Σ jump(t-1 → t under the chosen labellings), where a jump is measured in the image AND in 3D. A person who
turns round crosses left and right in the image, but goes on smoothly in 3D under the reported labels, so a true turn stays.
"""

from __future__ import annotations

import numpy as np

from .detector import LEFT_RIGHT

_BODY = [11, 13, 15, 23, 25, 27, 31]  # left landmarks; their twins are the right ones
_ARMS = [13, 15, 19]
_LEGS = [25, 27, 31]
_SECONDS = 0.5  # a mirrored stretch longer than about this is believed


def repair_swaps(px: np.ndarray, metres: np.ndarray, confidence: np.ndarray, valid: np.ndarray, fps: float) -> int:
    """Put swapped labels back, in place, within one shot. [T, 33, 2], [T, 33, 3], [T, 33], [T]; returns how many frames changed."""
    frames = np.flatnonzero(valid)
    if len(frames) < 3:
        return 0
    changed = np.zeros(len(valid), bool)
    for left, gain in ((_BODY, 1.6), (_ARMS, 2.2), (_LEGS, 2.2)):
        mirrored = _labelling(px[frames], metres[frames], confidence[frames], np.diff(frames), left, gain / (_SECONDS * fps))
        which = frames[mirrored]
        members = np.arange(33) if left is _BODY else _limb(left)
        for array in (px, metres, confidence):
            array[np.ix_(which, members)] = array[np.ix_(which, LEFT_RIGHT[members])]
        if left is _BODY:
            _smooth_depth(metres, frames, mirrored)
        changed[which] = True
    return int(changed.sum())


def _limb(left: list[int]) -> np.ndarray:
    """All landmarks of both limbs below shoulder or hip."""
    low, high = (13, 23) if left is _ARMS else (25, 33)
    return np.arange(low, high)


def _labelling(
    px: np.ndarray, metres: np.ndarray, confidence: np.ndarray, gaps: np.ndarray, left: list[int], prior: float
) -> np.ndarray:
    """[N] bool: mirrored frames of the cheapest sequence; `gaps` are frames between neighbours."""
    keep = _jumps(px, metres, confidence, left, mirrored=False) / gaps
    swap = _jumps(px, metres, confidence, left, mirrored=True) / gaps
    count = len(px)
    cost = np.array([0.0, prior])
    back = np.zeros((count, 2), np.int64)
    for t in range(1, count):
        step = np.array([[keep[t - 1], swap[t - 1]], [swap[t - 1], keep[t - 1]]])  # [from, to]
        total = cost[:, None] + step
        back[t] = total.argmin(0)
        cost = total.min(0) + (0.0, prior)
    path = np.zeros(count, bool)
    state = int(cost.argmin())
    for t in range(count - 1, -1, -1):
        path[t] = bool(state)
        state = int(back[t, state])
    return path


def _jumps(px: np.ndarray, metres: np.ndarray, confidence: np.ndarray, left: list[int], mirrored: bool) -> np.ndarray:
    """[N-1] cost of going from each frame to the next, labels equal or exchanged: 2D in torso lengths plus 3D in half metres."""
    pair = np.array([*left, *LEFT_RIGHT[left]])
    twin = LEFT_RIGHT[pair] if mirrored else pair
    torso = np.linalg.norm(px[:, [11, 12]] - px[:, [23, 24]], axis=-1).max(-1).clip(1.0)
    flat = np.linalg.norm(px[1:, twin] - px[:-1, pair], axis=-1) / torso[:-1, None]
    deep = np.linalg.norm(metres[1:, twin] - metres[:-1, pair], axis=-1) / 0.5
    weight = np.sqrt(confidence[1:, twin] * confidence[:-1, pair]) + 0.02
    each = np.minimum(flat, 1) + np.minimum(deep, 1)
    return (each * weight).sum(-1) / weight.sum(-1)


def _smooth_depth(metres: np.ndarray, frames: np.ndarray, mirrored: np.ndarray) -> None:
    """A body seen back to front has its depth wrong too: take 3D of mirrored frames from their neighbours in time."""
    good, bad = frames[~mirrored], frames[mirrored]
    if not len(good) or not len(bad):
        return
    flat = metres.reshape(len(metres), -1)
    for column in range(flat.shape[1]):
        flat[bad, column] = np.interp(bad, good, flat[good, column])
