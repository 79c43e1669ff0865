"""The dance of the sample clip: written by hand as footsteps, weight, arm targets and turns; no motion capture.

Feet never slide: footsteps are placed on the floor, legs follow by two-bone inverse kinematics, the pelvis rides on the
weight between the feet. Beats are 0.5 s (120 per minute). World: metres, y up, floor at y = 0, the dancer starts facing +z.
"""

from __future__ import annotations

import numpy as np
from dance_keys import ARMS, BEATS, CHEST, CROUCH, HEAD, HIP_ROLL, JUMP, SPOT, START, STEPS, YAW
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

BEAT_S = 0.5


def dance(joints_m: np.ndarray, sole_m: float, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local rotations [T, 24, 3, 3] and translations [T, 3] for a body with T-pose joints [24, 3] and soles at `sole_m`."""
    beats = times_s / BEAT_S
    dt = float(times_s[1] - times_s[0])
    yaw = np.deg2rad(_curve(YAW, beats, dt, 0.07)[:, 0])
    feet = {side: _foot(side, beats, yaw) for side in "LR"}
    pelvis = _pelvis(joints_m, sole_m, beats, dt, feet, _curve(CROUCH, beats, dt, 0.05)[:, 0])
    torso = np.deg2rad(np.concatenate([_curve(keys, beats, dt, 0.06) for keys in (HIP_ROLL, CHEST, HEAD)], 1))
    spotted = PchipInterpolator(*np.array(SPOT, float).T)(np.clip(np.rad2deg(yaw), 0, 380))
    spot = np.deg2rad(gaussian_filter1d(spotted, 0.05 / dt))
    arms = {side: _arm_curves(ARMS[side], beats, dt) for side in "LR"}
    rotations = np.tile(np.eye(3), (len(beats), 24, 1, 1))
    for t, out in enumerate(rotations):
        _pose_torso(out, yaw[t], torso[t], spot[t])
        for side, hip, collar in (("L", 1, 13), ("R", 2, 14)):
            _leg(out, joints_m, sole_m, hip, yaw[t], pelvis[t], feet[side][t])
            _arm(out, joints_m, collar, arms[side][t])
    return rotations, pelvis - joints_m[0]


def _curve(keys: tuple[tuple[float, ...], ...], beats: np.ndarray, dt: float, smooth_s: float) -> np.ndarray:
    table = np.array(keys, float)
    return gaussian_filter1d(
        PchipInterpolator(table[:, 0], table[:, 1:])(np.clip(beats, 0, BEATS)), smooth_s / dt, axis=0, mode="nearest"
    )


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


def _pelvis(
    joints: np.ndarray, sole: float, beats: np.ndarray, dt: float, feet: dict[str, np.ndarray], crouch: np.ndarray
) -> np.ndarray:
    """[T, 3] pelvis positions over the weight, as high as both legs allow."""
    over = _weight(beats, dt, feet)
    hip = joints[0, 1] - joints[1, 1]
    length = np.linalg.norm(joints[1] - joints[4]) + np.linalg.norm(joints[4] - joints[7])
    ankle = joints[7, 1] - sole
    height = np.full(len(beats), ankle + 0.985 * length + hip) - crouch + _air(beats)
    for side, j in (("L", 7), ("R", 8)):
        forward = joints[j + 3, 2] - joints[j, 2]
        heading = np.stack([np.sin(feet[side][:, 3]), np.cos(feet[side][:, 3])], 1)
        across = np.linalg.norm(over - feet[side][:, [0, 2]] + heading * forward, axis=1) - abs(joints[1, 0])
        heel = ankle + feet[side][:, 1] + np.sin(feet[side][:, 4]) * forward
        height = np.minimum(height, heel + np.sqrt(np.maximum((0.985 * length) ** 2 - np.maximum(across, 0) ** 2, 0.1)) + hip)
    smooth = np.minimum(height, gaussian_filter1d(height, 0.05 / dt, mode="nearest"))
    height = gaussian_filter1d(np.where(_air(beats) > 0, height, smooth), 0.02 / dt, mode="nearest")
    facing = np.deg2rad(_curve(YAW, beats, dt, 0.2)[:, 0])
    over = over - 0.07 * np.stack([np.sin(facing), np.cos(facing)], 1)  # the ankles, not the balls, carry the weight
    return np.stack([over[:, 0], height, over[:, 1]], 1)


def _weight(beats: np.ndarray, dt: float, feet: dict[str, np.ndarray]) -> np.ndarray:
    """[T, 2] x and z of the point between the balls of the feet that bears the weight: over the standing foot in a step."""
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
    return gaussian_filter1d(over, 0.07 / dt, axis=0, mode="nearest")


def _pose_torso(out: np.ndarray, yaw: float, torso: np.ndarray, spot: float) -> None:
    """Pelvis, spine, neck and head of one frame's rotations [24, 3, 3], in place."""
    hip_roll, bow, twist, lean, nod, tilt = torso
    out[0] = turn_y(yaw) @ turn_z(hip_roll)
    for joint, share in ((3, 0.35), (6, 0.3), (9, 0.35)):
        out[joint] = turn_y(share * twist) @ turn_x(share * bow) @ turn_z(share * (-lean - 0.6 * hip_roll))
    for joint, share in ((12, 0.4), (15, 0.6)):
        out[joint] = turn_y(share * (spot - 0.7 * twist)) @ turn_x(share * (nod - 0.5 * bow)) @ turn_z(share * -tilt)


def _leg(out: np.ndarray, joints: np.ndarray, sole: float, hip: int, yaw: float, pelvis: np.ndarray, foot: np.ndarray) -> None:
    """One leg's four joints, so that the ball of the foot is where the score wants it."""
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


def _arm(out: np.ndarray, joints: np.ndarray, collar: int, arm: np.ndarray) -> None:
    """One arm's four joints, in the chest's frame; the collar rises with the hand."""
    shoulder, elbow, wrist = collar + 3, collar + 5, collar + 7
    side = 1.0 if collar == 13 else -1.0
    mirror = np.array([side, 1.0, 1.0])
    hand, pole = arm[:3] * mirror, arm[3:] * mirror
    shrug = np.deg2rad(20) * np.clip(0.25 + 0.75 * hand[1], -0.15, 1)
    out[collar] = turn_z(side * shrug) @ turn_y(-side * np.deg2rad(10) * np.clip(hand[2], 0, 1))
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


def two_bones(
    origin: np.ndarray, target: np.ndarray, bend: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
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
