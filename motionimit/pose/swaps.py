"""Left and right of a body or of a pair of limbs, exchanged or mixed by the estimator for a few frames, put back.

Per frame the labelling is either as reported or mirrored; the cheapest sequence is found by dynamic programming (Viterbi) over
cost = Σ prior · [mirrored] + Σ |x(t) - 2 x(t-1) + x(t-2)|, the acceleration under the chosen labellings, in the image AND in
3D. A body taken back to front has its depth reversed as well. Someone who truly turns round goes on at an even rate under the
reported labels, while the mirrored ones would bounce back, so a true turn stays; a burst of wrong labels costs four kinks and
goes.

An estimator that can't tell front from back may also report something between a pose and its mirror image, and left and right
come together. `decidedness` tells such frames by bones that are too short; they are no evidence of which labels are right, and
`part_pairs` takes their left and right apart again.
"""

from __future__ import annotations

import itertools

import numpy as np

from .detector import LEFT_RIGHT

_BODY = np.array([11, 13, 15, 23, 25, 27, 31])  # left landmarks; their twins are the right ones
_ARMS = np.array([13, 15, 19])
_LEGS = np.array([25, 27, 31])
# Labels that change cost up to 4 at each end, so mirrored stretches beyond 2.7 s (legs 1.3 s, arms 0.7 s) are always believed.
_BODY_PRIOR_PER_S, _LEGS_PRIOR_PER_S, _ARMS_PRIOR_PER_S = 3.0, 6.0, 12.0
# A bone from left to right, the landmarks that share its doubts, and the share of its length that may be missing: hips seen from
# behind are reported a third too narrow where nothing is wrong.
_GROUPS = (((11, 12), np.arange(11, 23), 0.35), ((23, 24), np.arange(23, 33), 0.45))
_DECIDED = 0.5  # landmarks with less say nothing of left and right
_APART_S = 0.75  # a frame's left and right are known from frames that are no further away
_CAP = 1.0  # torso lengths or half metres: beyond, all jumps are alike


def repair_swaps(
    px: np.ndarray, metres: np.ndarray, confidence: np.ndarray, valid: np.ndarray, fps: float, decided: np.ndarray | None = None
) -> int:
    """Put swapped labels back, in place, within one shot. [T, 33, 2], [T, 33, 3], [T, 33], [T]; returns the number changed.
    Landmarks whose `decidedness` [T, 33] is under a half have no say."""
    decided = np.ones(px.shape[:2], np.float32) if decided is None else decided
    changed = np.zeros(len(valid), bool)
    arms, legs = (valid & (decided[:, left[0]] >= _DECIDED) for left in (_ARMS, _LEGS))
    frames = np.flatnonzero(arms | legs)
    body = _mirrored_frames(
        px[frames], metres[frames], (confidence * decided)[frames], _BODY, _BODY_PRIOR_PER_S / fps, depth=-1.0
    )
    _exchange((px, metres, confidence), frames[body], np.arange(33))
    metres[frames[body], :, 2] *= -1
    changed[frames[body]] = True
    for told, left, members, prior in (
        (arms, _ARMS, np.arange(13, 23), _ARMS_PRIOR_PER_S),
        (legs, _LEGS, np.arange(25, 33), _LEGS_PRIOR_PER_S),
    ):
        some = np.flatnonzero(told)
        limb = _mirrored_frames(px[some], metres[some], confidence[some], left, prior / fps, depth=1.0)
        _exchange((px, metres, confidence), some[limb], members)
        changed[some[limb]] = True
    whole = arms & legs
    whole[frames[body]] = False
    _interpolate(metres, np.flatnonzero(whole), frames[body])
    return int(changed.sum())


def decidedness(metres: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """[T, 33] in 0..1: 1 / (1 + (lack / c)⁶), where lack is the share of its median length that the bone from shoulder to
    shoulder (arms, c = 0.35) or hip to hip (legs, c = 0.45) is short of in 3D. The mean of a pose and its mirror image has short
    bones between left and right, and no turn of a body has."""
    out = np.ones(metres.shape[:2], np.float32)
    for (left, right), group, half in _GROUPS:
        length = np.linalg.norm(metres[:, left] - metres[:, right], axis=-1)
        usual = float(np.median(length[valid])) if valid.any() else 0.0
        lack = np.maximum(1 - length / max(usual, 1e-6), 0)
        out[:, group] = (1 / (1 + (lack / half) ** 6))[:, None]
    return out


def part_pairs(
    px: np.ndarray, metres: np.ndarray, decided: np.ndarray, valid: np.ndarray, steady: np.ndarray, fps: float
) -> np.ndarray:
    """Where `decided` [T, 33] is under a half, keep the middle of a left landmark and its twin, which is right all the same (but
    for its depth, which a mirror image reverses), and take the vector between them from decided frames that are `steady` [T, 33],
    by interpolation in time; in place. Returns [T, 33] bool: what was parted."""
    parted = np.zeros(decided.shape, bool)
    for (first, _), group, _ in _GROUPS:
        sure = decided[:, first] >= _DECIDED
        good, bad = np.flatnonzero(valid & sure & steady[:, first]), np.flatnonzero(valid & ~sure)
        if not len(good) or not len(bad):
            continue
        bad = bad[np.abs(bad[:, None] - good).min(1) <= _APART_S * fps]
        left = group[group % 2 == 1]
        right = LEFT_RIGHT[left]
        for array in (px, metres):
            between = _between_frames((array[:, left] - array[:, right]) / 2, good, bad)
            middle = (array[np.ix_(bad, left)] + array[np.ix_(bad, right)]) / 2
            array[np.ix_(bad, left)], array[np.ix_(bad, right)] = middle + between, middle - between
        metres[bad[:, None], group, 2] = _between_frames(metres[:, group, 2], good, bad)
        parted[np.ix_(bad, group)] = True
    return parted


def _mirrored_frames(
    px: np.ndarray, metres: np.ndarray, confidence: np.ndarray, left: np.ndarray, prior: float, depth: float
) -> np.ndarray:
    """[N] bool: the mirrored frames of the cheapest sequence. `depth` is what mirroring does to z."""
    if len(px) < 4:
        return np.zeros(len(px), bool)
    pair = np.concatenate((left, LEFT_RIGHT[left]))
    torso = np.median(np.linalg.norm(px[:, [11, 12]] - px[:, [23, 24]], axis=-1).max(-1)).clip(1.0)
    image, space, sure = px[:, pair] / torso, metres[:, pair] / 0.5, confidence[:, pair] + 0.02
    twin = np.roll(np.arange(len(pair)), len(left))
    states = ((image, space, sure), (image[:, twin], space[:, twin] * (1, 1, depth), sure[:, twin]))
    kinks = {triple: _kinks(*(states[s] for s in triple)) for triple in itertools.product((0, 1), repeat=3)}
    return _cheapest(kinks, prior, len(px))


def _kinks(*three: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """[N-2] acceleration at t+1 when frames t, t+1, t+2 are labelled by the first, second, third of the given states."""
    total = np.zeros(len(three[0][0]) - 2)
    weight = np.sqrt(three[0][2][:-2] * three[1][2][1:-1] * three[2][2][2:])
    for channel in (0, 1):
        bend = np.linalg.norm(three[2][channel][2:] - 2 * three[1][channel][1:-1] + three[0][channel][:-2], axis=-1)
        total += (np.minimum(bend, _CAP) * weight).sum(-1) / weight.sum(-1)
    return total


def _cheapest(kinks: dict[tuple[int, ...], np.ndarray], prior: float, count: int) -> np.ndarray:
    """Second-order Viterbi over pairs (label of t-1, label of t); a pair (b, c) is numbered 2 b + c."""
    cost = [0.0, prior, prior, 2 * prior]
    back: list[list[int]] = []
    for t in range(count - 2):
        new, step = [], []
        for b, c in itertools.product((0, 1), repeat=2):
            options = [cost[2 * a + b] + float(kinks[(a, b, c)][t]) for a in (0, 1)]
            step.append(int(options[1] < options[0]))
            new.append(min(options) + prior * c)
        cost = new
        back.append(step)
    pair = int(np.argmin(cost))
    path = [pair % 2, pair // 2]
    for step in reversed(back):
        pair = 2 * step[pair] + pair // 2
        path.append(pair // 2)
    return np.array(path[::-1], bool)


def _exchange(arrays: tuple[np.ndarray, ...], frames: np.ndarray, members: np.ndarray) -> None:
    """Exchange left and right of `members` in place in the given frames."""
    for array in arrays:
        array[np.ix_(frames, members)] = array[np.ix_(frames, LEFT_RIGHT[members])]


def _interpolate(metres: np.ndarray, good: np.ndarray, bad: np.ndarray) -> None:
    """Depth of a body seen back to front is worthless: take its 3D from the neighbours in time."""
    if len(good) and len(bad):
        metres[bad] = _between_frames(metres, good, bad)


def _between_frames(values: np.ndarray, good: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """[B, ...] values [T, ...] of the `bad` frames [B], interpolated linearly between the `good` ones."""
    flat = values.reshape(len(values), -1)
    columns = [np.interp(bad, good, column) for column in flat[good].T]
    return np.stack(columns, -1).reshape(len(bad), *values.shape[1:])
