"""Poses drawn at random: joint limits in degrees, arms that reach for places of the body, no limb inside it."""

from __future__ import annotations

import numpy as np

from ..body import so3
from ..body.parts import JOINT_NAMES, MIRROR_JOINT
from .skeleton import forward_kinematics

# Anatomical angles, in degrees, of the middle and the LEFT joints in SMPL's T-pose axes (x to the person's left, y up, z front):
# (low, usual, high) about x, y, z. The right side mirrors them.
# Shoulders are given as (twist of the upper arm, swing to the front, lowering): (0, 0, 0) is the T-pose, lowering 80 hangs.
LIMITS_DEG: dict[str, tuple[tuple[float, float, float], ...]] = {
    "spine1": ((-8, 2, 20), (-8, 0, 8), (-8, 0, 8)),
    "spine2": ((-6, 2, 15), (-10, 0, 10), (-8, 0, 8)),
    "spine3": ((-6, 1, 12), (-12, 0, 12), (-6, 0, 6)),
    "neck": ((-15, 2, 20), (-25, 0, 25), (-12, 0, 12)),
    "head": ((-15, 0, 18), (-30, 0, 30), (-12, 0, 12)),
    "left_collar": ((0, 0, 0), (-12, 0, 6), (-5, 0, 14)),
    "left_shoulder": ((-50, 0, 55), (-30, 20, 120), (-80, 50, 84)),
    "left_elbow": ((-35, 0, 55), (-145, -30, 0), (0, 0, 0)),  # y: flexion, never positive; x: turn of the forearm
    "left_wrist": ((0, 0, 0), (-20, 0, 20), (-45, 0, 45)),
    "left_hip": ((-105, -5, 20), (-20, 4, 40), (-8, 3, 40)),  # x: flexion is negative; y: turned out; z: spread
    "left_knee": ((0, 6, 135), (0, 0, 0), (0, 0, 0)),  # only backwards
    "left_ankle": ((-20, 0, 35), (-12, 0, 15), (-10, 0, 10)),
    "left_foot": ((-20, 0, 5), (0, 0, 0), (0, 0, 0)),
}
TWIST_FIRST = ("left_elbow", "left_wrist")  # x turns the bone itself before it is bent: R = Rz Ry Rx; others R = Rx Rz Ry
ACTIVITY = ((0.12, 0.62), (0.45, 0.2), (1.0, 0.18))  # (share of the limits used by legs and trunk, how often): mostly standing
_LEFT = {
    **{1: (0.11, -0.051, 0.011), 4: (0.135, -0.472, 0.011), 7: (0.143, -0.902, -0.002), 10: (0.151, -0.947, 0.142)},
    **{13: (0.023, 0.442, 0.033), 16: (0.177, 0.42, 0.028), 18: (0.448, 0.42, 0.028), 20: (0.692, 0.42, 0.028)},
    22: (0.795, 0.42, 0.028),
}
_MIDDLE = {3: (0, 0.111, -0.004), 6: (0, 0.191, -0.006), 9: (0, 0.33, -0.019), 12: (0, 0.516, 0.017), 15: (0, 0.584, 0.034)}
# Where photographed people keep the left wrist, in metres of the trunk's T-pose axes (pelvis = origin, shoulder at (0.18, 0.42)),
# where the elbow points, and how often. `BOTH` needs the other arm to do the same.
ARM_PLACES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float], float]] = {
    "hanging": ((0.26, -0.075, 0.04), (0.4, 0, -1), 0.30),
    "a_pose": ((0.45, 0.01, 0.03), (0.2, 0, -1), 0.14),
    "wide_a_pose": ((0.58, 0.13, 0.03), (0, 0, -1), 0.07),
    "t_pose": ((0.68, 0.41, 0.03), (0, -0.3, -1), 0.03),
    "on_hip": ((0.215, 0.03, 0.06), (1, 0, -0.35), 0.11),
    "in_pocket": ((0.235, -0.04, 0.08), (0.8, 0, -1), 0.06),
    "folded": ((-0.05, 0.22, 0.21), (0.7, -1, 0.3), 0.06),
    "clasped": ((0.055, -0.03, 0.19), (1, -0.2, -0.3), 0.05),
    "behind": ((0.08, 0.0, -0.17), (1, 0, -0.5), 0.05),
    "gesture": ((0.30, 0.18, 0.28), (0.7, -1, -0.3), 0.08),
    "waving": ((0.38, 0.66, 0.12), (1, -0.6, 0), 0.05),
    "at_chin": ((0.10, 0.47, 0.24), (0.6, -1, 0), 0.03),
    "raised": ((0.26, 0.88, 0.05), (1, 0, 0.2), 0.03),
}
BOTH = ("folded", "clasped", "behind")


def reference_joints() -> np.ndarray:
    """[24, 3] metres: T-pose joints of an average adult, as the open body has them."""
    out = np.zeros((24, 3))
    for joint, place in _LEFT.items():
        out[joint], out[joint + 1] = place, np.multiply(place, (-1, 1, 1))
    for joint, place in _MIDDLE.items():
        out[joint] = place
    return out


JOINTS_M = reference_joints()
_MIRROR = np.diag([-1.0, 1.0, 1.0])
_LIKE_LEFT = tuple(name.replace("right_", "left_") for name in JOINT_NAMES)
_RIGHT = [j for j, name in enumerate(JOINT_NAMES) if name.startswith("right_")]
_SHOULDERS = [JOINT_NAMES.index("left_shoulder"), JOINT_NAMES.index("right_shoulder")]
_TWIST_FIRST = np.isin(_LIKE_LEFT, TWIST_FIRST)
_LIMITS = np.array([LIMITS_DEG.get(name, ((0, 0, 0),) * 3) for name in _LIKE_LEFT], float)  # [24, axis, low | usual | high]


def mirrored(rotations: np.ndarray) -> np.ndarray:
    """Local rotations [.., 24, 3, 3] of the pose seen in a mirror: sides swapped, M R M with M = diag(-1, 1, 1)."""
    return _MIRROR @ rotations[..., list(MIRROR_JOINT), :, :] @ _MIRROR


def pose_of_angles(angles_deg: np.ndarray) -> np.ndarray:
    """Angles [24, 3] as `LIMITS_DEG` defines them (right: mirrored) → local rotations [24, 3, 3]; the pelvis is identity."""
    angles = np.deg2rad(angles_deg)
    x, y, z = so3.exp(angles.T[..., None] * np.eye(3)[:, None])
    out = np.where(_TWIST_FIRST[:, None, None], z @ y @ x, x @ z @ y)
    _, front, low = angles[_SHOULDERS].T
    along = np.stack([np.cos(front) * np.cos(low), -np.sin(low), np.sin(front) * np.cos(low)], -1)
    out[_SHOULDERS] = so3.between(np.array([[1.0, 0, 0]]), along) @ x[_SHOULDERS]
    out[_RIGHT] = _MIRROR @ out[_RIGHT] @ _MIRROR
    return out


def sample_angles(rng: np.random.Generator) -> np.ndarray:
    """[24, 3] degrees within `LIMITS_DEG`: arms anywhere, legs and trunk mostly near standing, no limb inside the body."""
    shares = np.array([share for share, _ in ACTIVITY])
    active = shares[rng.choice(len(shares), p=[often for _, often in ACTIVITY])]
    out = np.zeros((24, 3))
    for _ in range(8):
        for j in range(1, 24):
            out[j] = _draw(rng, j, active)
        if legs_apart(pose_of_angles(out)):
            break
    arms = [j for j, name in enumerate(JOINT_NAMES) if name.partition("_")[2] in ("collar", "shoulder", "elbow", "wrist")]
    for _ in range(40):
        if arms_outside(pose_of_angles(out)):
            return out
        for j in arms:
            out[j] = _draw(rng, j, active)
    for j in arms:  # none of them fits (a leg held up high): hanging arms
        out[j] = (0, 0, 70) if "shoulder" in JOINT_NAMES[j] else 0
    return out


def _draw(rng: np.random.Generator, joint: int, active: float) -> np.ndarray:
    """Angles [3] of one joint; legs and spine use the share `active` of their limits."""
    name, (low, usual, high) = _LIKE_LEFT[joint], _LIMITS[joint].T
    if name == "left_shoulder":  # directions even on the sphere, or, as often, on its part below the shoulders
        sine = rng.uniform(*np.sin(np.deg2rad([low[2] if rng.random() < 0.5 else 15.0, high[2]])))
        return np.array([rng.triangular(low[0], 0, high[0]), rng.uniform(low[1], high[1]), np.rad2deg(np.arcsin(sine))])
    drawn = np.where(high > low, rng.triangular(low, usual, np.maximum(high, low + 1e-9)), usual)
    if name == "left_elbow":
        drawn[1] = rng.uniform(low[1], high[1])
    share = active if name in ("left_hip", "left_knee", "left_ankle") or name.startswith("spine") else 1.0
    return usual + share * (drawn - usual)


def sample_pose(rng: np.random.Generator) -> np.ndarray:
    """Local rotations [24, 3, 3] of a random plausible pose; the pelvis stands upright and faces the camera."""
    return pose_of_angles(sample_angles(rng))


def photo_pose(rng: np.random.Generator) -> np.ndarray:
    """Local rotations [24, 3, 3] as people stand for a photo: hanging arms, A-pose, hands on hips, folded, waving and so on."""
    angles = sample_angles(rng)
    calm = _LIMITS[..., 1]
    legs = rng.choice([0.15, 0.5, 1.0], p=[0.75, 0.2, 0.05])
    share = np.array([1.0 if n in ("neck", "head") else legs for n in JOINT_NAMES])[:, None]
    calmed = calm + share * (angles - calm)
    if rng.random() < 0.08:  # arms anywhere
        return pose_of_angles(np.where(np.isin(np.arange(24), range(13, 24))[:, None], angles, calmed))
    out = pose_of_angles(calmed)
    weights = np.array([often for *_, often in ARM_PLACES.values()])
    first, second = (list(ARM_PLACES)[i] for i in rng.choice(len(weights), 2, p=weights / weights.sum()))
    if rng.random() < 0.6 or first in BOTH or second in BOTH:
        second = first
    out[[13, 14]] = np.eye(3)
    out[[16, 18, 20]] = reach(rng, first)
    out[[17, 19, 21]] = _MIRROR @ reach(rng, second) @ _MIRROR
    return out


def reach(rng: np.random.Generator, place: str, spread_m: float = 0.025) -> np.ndarray:
    """[3, 3, 3] local rotations of the left shoulder, elbow and wrist that put the wrist near a place of `ARM_PLACES`."""
    wrist, pole, _ = ARM_PLACES[place]
    shoulder, elbow, end = JOINTS_M[[16, 18, 20]]
    upper_m, lower_m = np.linalg.norm(elbow - shoulder), np.linalg.norm(end - elbow)
    to = np.array(wrist) + rng.normal(0, spread_m, 3) - shoulder
    distance = float(np.clip(np.linalg.norm(to), abs(upper_m - lower_m) + 0.05, 0.995 * (upper_m + lower_m)))
    along = to / np.linalg.norm(to)
    side = np.array(pole) + rng.normal(0, 0.15, 3)
    side = side - (side @ along) * along
    side /= np.linalg.norm(side)
    cosine = (upper_m**2 + distance**2 - lower_m**2) / (2 * upper_m * distance)
    upper = cosine * along + np.sqrt(1 - cosine**2) * side
    lower = distance * along - upper_m * upper
    axis = np.cross(upper, lower)
    axis /= np.linalg.norm(axis)  # the T-pose's -y: the elbow flexes from x to z about it
    flexion = np.arccos(np.clip(upper @ lower / lower_m, -1, 1))
    turn, bend, tilt = np.deg2rad(rng.normal(0, (14, 7, 10)))
    return np.stack(
        [
            np.stack([upper, -axis, np.cross(upper, -axis)], 1),
            so3.exp(np.array([0, -flexion, 0])) @ so3.exp(np.array([turn, 0, 0])),
            so3.exp(np.array([0, bend, tilt])),
        ]
    )


def arms_outside(rotations: np.ndarray) -> bool:
    """Whether forearms and hands of a pose [24, 3, 3] keep clear of the trunk, the head, the thighs and each other."""
    world = forward_kinematics(JOINTS_M, rotations)
    at = world[:, :3, 3]
    arms = [_along(at[e], at[h], 7) for e, h in ((18, 22), (19, 23))]
    points = np.concatenate(arms)
    trunk = (points - at[6]) @ world[6, :3, :3]  # in the axes of spine2
    inside = ((trunk[:, 0] / 0.19) ** 2 + ((trunk[:, 2] - 0.01) / 0.155) ** 2 < 1) & (trunk[:, 1] > -0.33) & (trunk[:, 1] < 0.31)
    head = at[15] + world[15, :3, :3] @ np.array([0, 0.09, 0.02])
    thighs = np.concatenate([_along(at[h], at[k], 7) for h, k in ((1, 4), (2, 5))])
    return bool(
        not inside.any()
        and _nearest(points, head[None]) > 0.15
        and _nearest(points, at[12:13]) > 0.11
        and _nearest(points, thighs) > 0.12
        and _nearest(arms[0], arms[1]) > 0.09
    )


def legs_apart(rotations: np.ndarray) -> bool:
    """Whether the legs of a pose [24, 3, 3] keep clear of each other."""
    at = forward_kinematics(JOINTS_M, rotations)[:, :3, 3]
    left, right = (np.concatenate([_along(at[h], at[k], 6)[3:], _along(at[k], at[a], 6)]) for h, k, a in ((1, 4, 7), (2, 5, 8)))
    return _nearest(left, right) > 0.13


def _along(a: np.ndarray, b: np.ndarray, count: int) -> np.ndarray:
    return a + np.linspace(0.1, 1, count)[:, None] * (b - a)


def _nearest(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a[:, None] - b[None], axis=-1).min())
