"""Landmarks of a picture alone → a guess at their depth, for detectors that give none.

Bones have the mean person's lengths; how much of one is lacking in the picture is its depth (Taylor, "Reconstruction of
articulated objects from point correspondences in a single uncalibrated image", 2000). Towards the camera or away from it is told
by the side that the person shows and by what joints can do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# fmt: off
STANDING_M = np.array([  # the 33 landmarks as detectors place them on people of 1.7 m: x the left, y up, z the front
    (0, .70, .13), (.01, .73, .11), (.03, .73, .10), (.04, .73, .10), (-.01, .73, .11), (-.03, .73, .10), (-.04, .73, .10),
    (.05, .72, .05), (-.05, .72, .05), (.02, .67, .11), (-.02, .67, .11),
    (.165, .49, 0), (-.165, .49, 0), (.33, .317, 0), (-.33, .317, 0), (.49, .154, 0), (-.49, .154, 0),
    (.54, .10, -.01), (-.54, .10, -.01), (.54, .10, .02), (-.54, .10, .02), (.52, .11, .03), (-.52, .11, .03),
    (.11, 0, 0), (-.11, 0, 0), (.13, -.39, 0), (-.13, -.39, 0), (.14, -.765, 0), (-.14, -.765, 0),
    (.13, -.83, -.04), (-.13, -.83, -.04), (.13, -.81, .16), (-.13, -.81, .16),
], np.float64)
# fmt: on
HEAD = tuple(range(11))
SHOULDERS, HIPS = (11, 12), (23, 24)
SPINE_M = 0.49
MEASURING = ((11, 12), (11, 23), (12, 24), *((a, a + 2) for a in (11, 12, 13, 14, 23, 24, 25, 26)))
"""Pairs of landmarks that tell how large the person is."""
LONGEST = 0.8  # quantile of their sizes that lie in the picture's plane
FLAT = 1.12  # people differ from the mean by so much: bones that are shorter by less lie in the picture's plane
LEAST = 0.05  # confidence of landmarks that are there at all
FOLDED = -0.75  # cosine between the two bones of a limb, bent as far as a limb bends
HEAD_STIFFNESS = 0.01  # m²: how strongly the head looks where the trunk does
# Where the bones of a limb on the body's left point when the picture doesn't tell: (left, up, front).
ARM, FOREARM, THIGH, SHANK = (np.array(v) for v in ((0.4, 0, 0.9), (-0.5, 0, 0.9), (0.3, 0, 0.9), (0.0, 0, -1)))


@dataclass(frozen=True, slots=True)
class Trunk:
    """Where the trunk is and how it is turned."""

    rotation: np.ndarray  # [3, 3] the body's left, up and front, as columns, in x right, y up, z towards the camera
    hips_px: np.ndarray  # [2] between the hips
    px_per_m: float


def lift(xy_px: np.ndarray, confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks [33, 2] px and their confidence [33] → metres [33, 3] as `Detection.joints_m` has them, and pixels [33, 2] where
    those that aren't there (confidence below `LEAST`) are at the place that the rest lets expect.

    Raises ValueError where neither both shoulders nor a shoulder and a hip are there.
    """
    there = confidence > LEAST
    trunk = _trunk(xy_px, there)
    flat = (xy_px - trunk.hips_px) * (1, -1) / trunk.px_per_m  # [33, 2] m, y up
    out = STANDING_M @ trunk.rotation.T
    core = [k for k in (*SHOULDERS, *HIPS) if there[k]]
    out[core, :2] = flat[core]
    for left in (0, 1):
        shoulder, hip = SHOULDERS[left], HIPS[left]
        side = np.array((-1.0 if left else 1.0, 1, 1))
        _limb(out, flat, there, trunk, (shoulder, shoulder + 2, shoulder + 4), (ARM * side, FOREARM * side), False)
        _limb(out, flat, there, trunk, (hip, hip + 2, hip + 4), (THIGH * side, SHANK * side), True)
        _hand(out, flat, there, shoulder)
        _foot(out, flat, there, trunk, hip)
    _head(out, flat, there, trunk)
    guessed = trunk.hips_px + out[:, :2] * (1, -1) * trunk.px_per_m
    return out - out[list(HIPS)].mean(0), np.where(there[:, None], xy_px, guessed)


def _trunk(xy_px: np.ndarray, there: np.ndarray) -> Trunk:
    scale = _px_per_m(xy_px, there)
    shoulders, hips = ([k for k in pair if there[k]] for pair in (SHOULDERS, HIPS))
    if not shoulders or (not hips and len(shoulders) < 2):
        raise ValueError("both shoulders, or a shoulder and a hip, are needed")
    neck_px = xy_px[shoulders].mean(0)
    hips_px = xy_px[hips].mean(0) if hips else neck_px + np.array((0, SPINE_M * scale))
    lean = (neck_px - hips_px) * (1, -1) / scale  # [2] m, y up
    up = lean / max(float(np.linalg.norm(lean)), 1e-6)
    across = np.array((up[1], -up[0]))  # the picture's right for somebody upright
    widths = [float((xy_px[a] - xy_px[b]) * (1, -1) @ across) / scale for a, b in (SHOULDERS, HIPS) if there[a] and there[b]]
    usual = [STANDING_M[a, 0] - STANDING_M[b, 0] for a, b in (SHOULDERS, HIPS) if there[a] and there[b]]
    cosine = float(np.clip(FLAT * sum(widths) / sum(usual), -1, 1)) if widths else 0.0
    sine = np.sqrt(1 - cosine**2) * _side(xy_px, there, across * (1, -1))
    depth = np.sign(cosine) * _lacking(float(np.linalg.norm(lean)), SPINE_M)  # who seems short in the trunk bends forward
    upright = np.append(up, depth / SPINE_M)
    upright /= np.linalg.norm(upright)
    left = np.append(across * cosine, -sine)
    left -= upright * (left @ upright)
    left /= max(float(np.linalg.norm(left)), 1e-6)
    return Trunk(np.stack([left, upright, np.cross(left, upright)], 1), hips_px, scale)


def _px_per_m(xy_px: np.ndarray, there: np.ndarray) -> float:
    pairs = [(a, b) for a, b in MEASURING if there[a] and there[b]]
    sizes = [np.linalg.norm(xy_px[a] - xy_px[b]) / np.linalg.norm(STANDING_M[a] - STANDING_M[b]) for a, b in pairs]
    if not sizes:
        raise ValueError("no two landmarks of a limb or the trunk are there")
    return max(float(np.quantile(sizes, LONGEST)), 1e-3)


def _side(xy_px: np.ndarray, there: np.ndarray, across: np.ndarray) -> float:
    """1 or -1: whether the person faces the right or the left of the picture, seen upright. Noses are before ears, toes before
    heels and ankles, knees before the line from hip to ankle."""
    votes = [0.0]
    if there[0] and there[[7, 8]].any():
        votes.append(float((xy_px[0] - xy_px[[k for k in (7, 8) if there[k]]].mean(0)) @ across))
    for left in (0, 1):
        hip, knee, ankle, heel, toe = (k + left for k in (23, 25, 27, 29, 31))
        if there[toe] and (there[heel] or there[ankle]):
            votes.append(0.5 * float((xy_px[toe] - xy_px[heel if there[heel] else ankle]) @ across))
        if there[[hip, knee, ankle]].all():
            votes.append(0.5 * float((xy_px[knee] - (xy_px[hip] + xy_px[ankle]) / 2) @ across))
    return 1.0 if sum(votes) >= 0 else -1.0


def _lacking(seen_m: float, length_m: float) -> float:
    """How far a bone of a length reaches in depth, of which the picture shows so much; 0 within what people differ by."""
    return float(length_m * np.sqrt(1 - min(FLAT * seen_m / length_m, 1.0) ** 2))


def _limb(
    out: np.ndarray,
    flat: np.ndarray,
    there: np.ndarray,
    trunk: Trunk,
    joints: tuple[int, int, int],
    usual: tuple[np.ndarray, np.ndarray],
    knee: bool,
) -> None:
    """Place the middle and the end of a limb in `out` [33, 3], from its root on; what isn't there goes on as in `STANDING_M`."""
    before = None
    for start, end, points in zip(joints, joints[1:], usual, strict=False):
        length = float(np.linalg.norm(STANDING_M[end] - STANDING_M[start]))
        if not there[end]:
            out[end] = out[start] + (STANDING_M[end] - STANDING_M[start]) @ trunk.rotation.T
            continue
        seen = flat[end] - out[start, :2]
        depth = _lacking(float(np.linalg.norm(seen)), length)
        sign = 1.0 if (trunk.rotation @ points)[2] >= 0 else -1.0
        ways = [np.append(seen, way * depth) for way in (sign, -sign)]
        possible = [w for w in ways if before is None or _bends(before, w, trunk.rotation[:, 0], knee)]
        before = (possible or ways)[0]
        out[end] = out[start] + before


def _bends(upper: np.ndarray, lower: np.ndarray, left: np.ndarray, knee: bool) -> bool:
    """Whether two bones [3] can follow each other: not folded flat, and a shank not bent forward."""
    size = float(np.linalg.norm(upper) * np.linalg.norm(lower)) or 1.0
    return bool(upper @ lower > FOLDED * size and (not knee or np.cross(upper, lower) @ left > -0.15 * size))


def _hand(out: np.ndarray, flat: np.ndarray, there: np.ndarray, shoulder: int) -> None:
    """The knuckles: where they are seen, at the wrist's depth, else along the forearm."""
    elbow, wrist = shoulder + 2, shoulder + 4
    along = out[wrist] - out[elbow]
    for knuckle in (shoulder + 6, shoulder + 8, shoulder + 10):
        share = np.linalg.norm(STANDING_M[knuckle] - STANDING_M[wrist]) / max(float(np.linalg.norm(along)), 1e-6)
        out[knuckle] = np.append(flat[knuckle], out[wrist, 2]) if there[knuckle] else out[wrist] + share * along


def _foot(out: np.ndarray, flat: np.ndarray, there: np.ndarray, trunk: Trunk, hip: int) -> None:
    """Heel and toes: as seen from the ankle, in depth as feet that point where the trunk does."""
    ankle = hip + 4
    for point in (hip + 6, hip + 8):
        out[point] = out[ankle] + (STANDING_M[point] - STANDING_M[ankle]) @ trunk.rotation.T
        if there[point]:
            out[point, :2] = flat[point]


def _head(out: np.ndarray, flat: np.ndarray, there: np.ndarray, trunk: Trunk) -> None:
    """A rigid head, turned so that it covers what is seen of it, else as the trunk is."""
    seen = [k for k in HEAD if there[k]]
    if not seen:
        return
    mean, middle = STANDING_M[seen].mean(0), flat[seen].mean(0)
    points = STANDING_M[seen] - mean
    covariance = points.T @ points + HEAD_STIFFNESS * np.eye(3)
    rows = ((flat[seen] - middle).T @ points + HEAD_STIFFNESS * trunk.rotation[:2]) @ np.linalg.inv(covariance)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    u, _, v = np.linalg.svd(np.concatenate([rows, np.cross(*rows)[None]]))
    turn = u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v
    centre = out[list(HEAD)].mean(0)  # its depth is the trunk's
    out[list(HEAD)] = (STANDING_M[list(HEAD)] - mean) @ turn.T + np.append(middle, centre[2])
