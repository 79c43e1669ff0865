"""The dance of the sample clip: written by hand as footsteps, weight, arm targets and turns; no motion capture.

Feet never slide: footsteps are placed on the floor, legs follow by two-bone inverse kinematics, the pelvis rides on the
weight between the feet. Beats are 0.5 s (120 per minute). World: metres, y up, floor at y = 0, the dancer starts facing +z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

BEAT_S = 0.5
BEATS = 12


@dataclass(frozen=True)
class Step:
    """One foot leaves the floor and lands elsewhere. Position is the ball of the foot."""

    foot: str  # "L" or "R"
    lift: float  # beats
    land: float
    x: float  # metres, the dancer's left is +x
    z: float
    yaw_deg: float  # where the toes point, 0 = to the camera, 90 = to the dancer's left
    height: float = 0.07


STEPS = (
    Step("L", 0.15, 0.85, 0.42, 0.06, 18),
    Step("R", 1.05, 1.80, 0.17, 0.02, -6),  # touch beside
    Step("R", 2.05, 2.80, -0.38, 0.08, -20),
    Step("L", 3.05, 3.80, -0.10, 0.02, 4),  # touch beside
    Step("L", 4.05, 4.70, 0.34, 0.00, 18),
    Step("R", 4.75, 5.20, -0.26, 0.02, -18),
    Step("R", 6.35, 6.95, 0.18, 0.16, 75, 0.09),  # the turn to the left: across ...
    Step("L", 7.00, 7.55, -0.03, -0.08, 175, 0.09),
    Step("R", 7.60, 8.15, -0.10, -0.28, 290, 0.09),
    Step("L", 8.20, 8.75, 0.12, -0.02, 372, 0.09),
    Step("R", 8.80, 9.15, -0.16, 0.04, 348, 0.05),
    Step("L", 9.62, 10.22, 0.24, 0.06, 380, 0.0),  # the jump: both feet
    Step("R", 9.62, 10.22, -0.26, 0.06, 342, 0.0),
    Step("L", 10.75, 11.35, 0.40, 0.24, 385),
)
START = {"L": (0.12, 0.0, 12.0), "R": (-0.12, 0.0, -12.0)}
JUMP = (9.62, 10.22)  # beats in the air

# Keyframes: beat, then values. Angles in degrees.
YAW = ((0, 0), (1, 8), (2.2, -6), (3, -10), (4.2, 4), (5.5, -4), (6.3, -12), (7.0, 75), (7.6, 170), (8.2, 268), (8.8, 350), (9.2, 360), (10.5, 360), (11.4, 374), (12, 374))  # fmt: skip
HIP_ROLL = ((0, 0), (0.9, -7), (1.6, 4), (2.9, 7), (3.7, -4), (4.7, -8), (5.2, 8), (5.7, -8), (6.2, 5), (7, 0), (9, 0), (10.2, 0), (11.4, -9), (12, -8))
CHEST = (  # pitch (forward +), twist (to the left +), roll (to the dancer's right +... follows the hips back)
    (0, 2, 0, 0), (0.9, 4, 12, 6), (1.7, 2, -6, -4), (2.9, 4, -14, -6), (3.7, 2, 4, 4), (4.7, 0, 8, 9), (5.2, 0, -8, -9),
    (5.7, 0, 8, 9), (6.3, 4, -20, 0), (7.0, 2, 8, 0), (8.2, 2, 6, 0), (9.0, 4, 0, 0), (9.5, 16, 0, 0), (9.9, -4, 0, 0),
    (10.4, 12, 0, 0), (11.4, -2, -10, 8), (12, -2, -10, 8),
)  # fmt: skip
CROUCH = ((0, 0.02), (0.5, 0.0), (0.95, 0.05), (1.5, 0.015), (1.95, 0.05), (2.5, 0.0), (2.95, 0.05), (3.5, 0.015), (3.95, 0.05), (4.4, 0.01), (4.95, 0.05), (5.45, 0.03), (5.95, 0.05), (6.4, 0.03), (7, 0.02), (8.5, 0.02), (9.1, 0.06), (9.4, 0.17), (9.62, 0.0), (10.22, 0.04), (10.45, 0.17), (10.8, 0.05), (11.4, 0.03), (12, 0.05))  # fmt: skip
HEAD = ((0, 0, 0), (1, 4, 6), (2, -2, 0), (3, 4, -6), (4, -2, 0), (4.7, -6, 8), (5.2, -6, -8), (5.7, -6, 8), (6.5, 0, 0), (9, 2, 0), (9.45, 12, 0), (9.9, -10, 0), (10.4, 8, 0), (11.4, -4, 6), (12, -4, 6))  # fmt: skip
SPOT = ((0, 0), (60, -34), (140, -36), (215, 36), (300, 34), (360, 0), (380, -8))  # head yaw against body yaw: the turn is spotted

# Hand targets seen from the shoulder, in arm lengths: outwards, up, forward. Then where the elbow points, in the same axes.
REST, LOW = (0.26, -0.90, 0.12), (0.45, -0.35, -0.85)
GROOVE, BENT = (0.16, -0.42, 0.56), (0.55, -0.60, -0.60)
BACK, OUT = (0.40, -0.78, -0.22), (0.80, 0.00, -0.60)
SIDE, FLAT = (0.93, 0.06, 0.12), (0.20, -0.50, -0.85)
HIGH, WIDE = (0.34, 0.86, 0.16), (0.90, -0.10, -0.35)
OVER = (-0.18, 0.82, 0.24)
CHEST_HAND = (-0.22, -0.22, 0.50)
REACH = (0.62, 0.05, 0.62)
FRONT = (0.10, 0.02, 0.93)
HIP_HAND = (0.16, -0.62, 0.02)
ARMS = {
    "L": (
        (0, REST, LOW), (0.9, GROOVE, BENT), (1.7, BACK, LOW), (2.8, CHEST_HAND, BENT), (3.4, SIDE, FLAT), (4.0, (0.7, 0.5, 0.3), FLAT),
        (4.7, HIGH, WIDE), (5.2, OVER, WIDE), (5.7, HIGH, WIDE), (6.3, SIDE, FLAT), (7.0, CHEST_HAND, BENT), (8.2, CHEST_HAND, BENT),
        (8.9, SIDE, FLAT), (9.4, BACK, LOW), (9.68, REACH, FLAT), (9.95, HIGH, WIDE), (10.5, SIDE, FLAT), (11.3, HIGH, WIDE), (12, (0.42, 0.84, 0.14), WIDE),
    ),
    "R": (
        (0, REST, LOW), (0.9, BACK, LOW), (1.7, GROOVE, BENT), (2.4, SIDE, FLAT), (2.9, (0.8, 0.5, 0.15), FLAT), (3.6, FRONT, BENT),
        (4.1, (0.5, 0.4, 0.6), FLAT), (4.7, OVER, WIDE), (5.2, HIGH, WIDE), (5.7, OVER, WIDE), (6.3, FRONT, BENT), (7.0, CHEST_HAND, BENT),
        (8.2, CHEST_HAND, BENT), (8.9, SIDE, FLAT), (9.4, BACK, LOW), (9.68, REACH, FLAT), (9.95, HIGH, WIDE), (10.5, SIDE, FLAT), (11.2, HIP_HAND, OUT), (12, HIP_HAND, OUT),
    ),
}  # fmt: skip


def dance(joints_m: np.ndarray, sole_m: float, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local rotations [T, 24, 3, 3] and translations [T, 3] for a body with T-pose joints [24, 3] and soles at `sole_m`."""
    beats = times_s / BEAT_S
    dt = float(times_s[1] - times_s[0])
    yaw = np.deg2rad(_curve(YAW, beats, dt, 0.07)[:, 0])
    feet = {side: _foot(side, beats, yaw) for side in "LR"}
    pelvis = _pelvis(joints_m, sole_m, beats, dt, feet, _curve(CROUCH, beats, dt, 0.05)[:, 0])
    torso = np.deg2rad(np.concatenate([_curve(HIP_ROLL, beats, dt, 0.06), _curve(CHEST, beats, dt, 0.06), _curve(HEAD, beats, dt, 0.06)], 1))
    spot = np.deg2rad(gaussian_filter1d(PchipInterpolator(*np.array(SPOT, float).T)(np.clip(np.rad2deg(yaw), 0, 380)), 0.05 / dt))
    arms = {side: _arm_curves(ARMS[side], beats, dt) for side in "LR"}
    rotations = np.stack([
        _pose(joints_m, sole_m, yaw[t], pelvis[t], torso[t], spot[t], {s: f[t] for s, f in feet.items()}, {s: a[t] for s, a in arms.items()})
        for t in range(len(beats))
    ])  # fmt: skip
    return rotations, pelvis - joints_m[0]


def _curve(keys: tuple[tuple[float, ...], ...], beats: np.ndarray, dt: float, smooth_s: float) -> np.ndarray:
    table = np.array(keys, float)
    return gaussian_filter1d(PchipInterpolator(table[:, 0], table[:, 1:])(np.clip(beats, 0, BEATS)), smooth_s / dt, axis=0, mode="nearest")


def _arm_curves(keys: tuple[tuple[float, tuple[float, ...], tuple[float, ...]], ...], beats: np.ndarray, dt: float) -> np.ndarray:
    """[T, 6]: hand target and elbow direction."""
    return _curve(tuple((b, *hand, *elbow) for b, hand, elbow in keys), beats, dt, 0.07)


def _foot(side: str, beats: np.ndarray, body_yaw: np.ndarray) -> np.ndarray:
    """[T, 6]: ball x, height, z (m), yaw, pitch (rad, heel up +), and 1 where the toes bear on the floor."""
    x, z, yaw = START[side]
    out = np.zeros((len(beats), 6))
    out[:, 5] = 1
    out[:, [0, 2, 3]] = x, z, np.deg2rad(yaw)
    for step in (s for s in STEPS if s.foot == side):
        phase = np.clip((beats - step.lift) / (step.land - step.lift), 0, 1)
        ease = phase * phase * (3 - 2 * phase)
        goal = np.array([step.x, step.z, np.deg2rad(step.yaw_deg)])
        out[:, [0, 2, 3]] += ease[:, None] * (goal - np.array([x, z, np.deg2rad(yaw)]))
        x, z, yaw = step.x, step.z, step.yaw_deg
        flying = (phase > 0) & (phase < 1)
        out[:, 1] += np.where(flying, step.height * np.sin(np.pi * phase) ** 1.5, 0)
        out[:, 5] -= np.where(flying, np.sin(np.pi * phase), 0)
        roll_off = np.clip(1 - np.abs(beats - step.lift - 0.05) / 0.28, 0, 1)
        touch_down = np.clip(1 - np.abs(beats - step.land) / 0.22, 0, 1)
        out[:, 4] += np.deg2rad(34) * _soft(roll_off) + np.deg2rad(14) * _soft(touch_down)
    inwards, outwards = np.deg2rad(26), np.deg2rad(46)
    low, high = (-inwards, outwards) if side == "L" else (-outwards, inwards)
    wanted = out[:, 3] - body_yaw
    pivot = np.clip(wanted, low, high) - wanted  # hips turn only so far: then the foot pivots on its ball, heel light
    out[:, 3] += pivot
    out[:, 4] += np.deg2rad(10) * _soft(np.clip(np.abs(pivot) / 0.6, 0, 1)) * out[:, 5]
    air = _air(beats)
    out[:, 1] += air * 0.9  # the feet leave the floor a little later than the pelvis rises
    out[:, 4] += np.deg2rad(30) * np.sqrt(air / 0.11)
    return out


def _soft(x: np.ndarray) -> np.ndarray:
    return x * x * (3 - 2 * x)


def _air(beats: np.ndarray) -> np.ndarray:
    """Height of free flight in metres: h = g/2 · t(T - t)."""
    t, total = (beats - JUMP[0]) * BEAT_S, (JUMP[1] - JUMP[0]) * BEAT_S
    return np.where((t > 0) & (t < total), 0.5 * 9.81 * t * (total - t), 0.0)


def _pelvis(joints: np.ndarray, sole: float, beats: np.ndarray, dt: float, feet: dict[str, np.ndarray], crouch: np.ndarray) -> np.ndarray:
    """[T, 3] pelvis positions over the weight, as high as both legs allow."""
    keys = {-1.0: 0.5, 20.0: 0.5}
    for i, step in enumerate(STEPS):
        if step.height == 0.0:
            keys[step.lift] = keys[step.land] = 0.5
            continue
        stance = 0.17 if step.foot == "L" else 0.83
        keys[(step.lift + step.land) / 2 - 0.1] = stance
        following = STEPS[i + 1].lift if i + 1 < len(STEPS) else BEATS + 1
        if following - step.land > 0.6:
            keys[step.land + 0.25] = 0.5
    table = np.array(sorted(keys.items()))
    share = gaussian_filter1d(np.interp(beats, table[:, 0], table[:, 1]), 0.11 / dt, mode="nearest")[:, None]
    over = share * feet["L"][:, [0, 2]] + (1 - share) * feet["R"][:, [0, 2]]
    over = gaussian_filter1d(over, 0.07 / dt, axis=0, mode="nearest")
    hip = joints[0, 1] - joints[1, 1]
    length = np.linalg.norm(joints[1] - joints[4]) + np.linalg.norm(joints[4] - joints[7])
    ankle = joints[7, 1] - sole
    height = np.full(len(beats), ankle + 0.985 * length + hip) - crouch + _air(beats)
    for side, j in (("L", 7), ("R", 8)):
        forward = np.stack([np.sin(feet[side][:, 3]), np.cos(feet[side][:, 3])], 1) * (joints[j + 3, 2] - joints[j, 2])
        across = np.linalg.norm(over - feet[side][:, [0, 2]] + forward, axis=1) - abs(joints[1, 0])
        heel = ankle + feet[side][:, 1] + np.sin(feet[side][:, 4]) * (joints[j + 3, 2] - joints[j, 2])
        height = np.minimum(height, heel + np.sqrt(np.maximum((0.985 * length) ** 2 - np.maximum(across, 0) ** 2, 0.1)) + hip)
    height = np.where(_air(beats) > 0, height, np.minimum(height, gaussian_filter1d(height, 0.05 / dt, mode="nearest")))
    back = 0.07  # the ankles, not the balls of the feet, carry the weight
    facing = _curve(YAW, beats, dt, 0.2)[:, 0]
    over = over - back * np.stack([np.sin(np.deg2rad(facing)), np.cos(np.deg2rad(facing))], 1)
    return np.stack([over[:, 0], gaussian_filter1d(height, 0.02 / dt, mode="nearest"), over[:, 1]], 1)


def _pose(
    joints: np.ndarray, sole: float, yaw: float, pelvis: np.ndarray, torso: np.ndarray, spot: float, feet: dict[str, np.ndarray], arms: dict[str, np.ndarray]
) -> np.ndarray:
    """One frame's local rotations [24, 3, 3]."""
    out = np.tile(np.eye(3), (24, 1, 1))
    hip_roll, pitch, twist, roll, nod, tilt = torso
    out[0] = turn_y(yaw) @ turn_z(hip_roll)
    for joint, share in ((3, 0.35), (6, 0.3), (9, 0.35)):
        out[joint] = turn_y(share * twist) @ turn_x(share * pitch) @ turn_z(share * (-roll - 0.6 * hip_roll))
    out[12] = turn_y(0.4 * (spot - 0.7 * twist)) @ turn_x(0.4 * (nod - 0.5 * pitch)) @ turn_z(0.4 * -tilt)
    out[15] = turn_y(0.6 * (spot - 0.7 * twist)) @ turn_x(0.6 * (nod - 0.5 * pitch)) @ turn_z(0.6 * -tilt)
    for side, hip in (("L", 1), ("R", 2)):
        _leg(out, joints, sole, hip, yaw, pelvis, feet[side])
    chest = out[0] @ out[3] @ out[6] @ out[9]
    for side, collar in (("L", 13), ("R", 14)):
        _arm(out, joints, collar, chest, arms[side])
    return out


def _leg(out: np.ndarray, joints: np.ndarray, sole: float, hip: int, yaw: float, pelvis: np.ndarray, foot: np.ndarray) -> None:
    knee, ankle, toes = hip + 3, hip + 6, hip + 9
    x, lift, z, foot_yaw, pitch, bears = foot
    foot_turn = turn_y(foot_yaw) @ turn_x(pitch)
    ball = np.array([x, joints[toes, 1] - sole + lift, z])
    target = ball - foot_turn @ (joints[toes] - joints[ankle])
    origin = pelvis + out[0] @ (joints[hip] - joints[0])
    middle = foot_yaw + 0.35 * (yaw - foot_yaw)
    bend = np.array([np.sin(middle), 0.0, np.cos(middle)])
    elbow, end = two_bones(origin, target, bend, joints[knee] - joints[hip], joints[ankle] - joints[knee])
    front = np.array([0.0, 0.0, 1.0])
    thigh = _aim(elbow - origin, bend, joints[knee] - joints[hip], front)
    shin = _aim(end - elbow, bend, joints[ankle] - joints[knee], front)
    out[hip] = out[0].T @ thigh
    out[knee] = thigh.T @ shin
    out[ankle] = shin.T @ foot_turn
    out[toes] = turn_x(-pitch * max(bears, 0.25))


def _arm(out: np.ndarray, joints: np.ndarray, collar: int, chest: np.ndarray, arm: np.ndarray) -> None:
    shoulder, elbow, wrist = collar + 3, collar + 5, collar + 7
    side = 1.0 if collar == 13 else -1.0
    mirror = np.array([side, 1.0, 1.0])
    hand, pole = arm[:3] * mirror, arm[3:] * mirror
    out[collar] = turn_z(side * np.deg2rad(20) * np.clip(0.25 + 0.75 * hand[1], -0.15, 1)) @ turn_y(-side * np.deg2rad(10) * np.clip(hand[2], 0, 1))
    upper, fore = joints[elbow] - joints[shoulder], joints[wrist] - joints[elbow]
    length = np.linalg.norm(upper) + np.linalg.norm(fore)
    bent, end = two_bones(np.zeros(3), hand * length, pole, upper, fore)
    hinge = np.cross(bent, pole)  # across the plane of the arm, so that the elbow bends as a hinge
    up = np.array([0.0, side, 0.0])
    humerus = _aim(bent, hinge, upper, up)
    ulna = _aim(end - bent, hinge, fore, up)
    out[shoulder] = out[collar].T @ humerus
    out[elbow] = humerus.T @ ulna
    out[wrist] = turn_z(side * -0.12) @ turn_y(-side * 0.05)


def two_bones(origin: np.ndarray, target: np.ndarray, bend: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle and end of a two-bone chain that reaches for `target` and bends towards `bend`."""
    a, b = np.linalg.norm(first), np.linalg.norm(second)
    reach = target - origin
    distance = np.clip(np.linalg.norm(reach), abs(a - b) + 0.02, 0.998 * (a + b))
    axis = reach / np.linalg.norm(reach)
    along = (a * a - b * b + distance * distance) / (2 * distance)
    side = bend - (bend @ axis) * axis
    side /= np.linalg.norm(side)
    middle = origin + along * axis + np.sqrt(max(a * a - along * along, 0.0)) * side
    return middle, origin + distance * axis


def _aim(direction: np.ndarray, side: np.ndarray, rest_direction: np.ndarray, rest_side: np.ndarray) -> np.ndarray:
    """Rotation that brings a rest direction onto `direction`, and `rest_side` as near as it can onto `side`."""
    return _frame(direction, side) @ _frame(rest_direction, rest_side).T


def _frame(main: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Orthonormal columns: main, the part of side across it, and their cross product."""
    x = main / np.linalg.norm(main)
    y = side - (side @ x) * x
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], 1)


def turn_x(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1.0, 0, 0], [0, c, -s], [0, s, c]])


def turn_y(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1.0, 0], [-s, 0, c]])


def turn_z(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
