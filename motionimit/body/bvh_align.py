"""How SMPL's T-pose axes lie in the frames of a foreign skeleton.

The global orientation of SMPL's joint j is ``R_j(t) A_j``: R_j is the foreign joint's, A_j is constant. Where a rest pose looks
like a person (whatever its arms do), SMPL is posed like it, which gives A_j exactly. Some files have no such rest: all bones lie
along their own axis. There A_j follows from the bones and, for the roll of limbs, from the movement, because elbows and knees
bend one way and feet stand flat.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations, product

import numpy as np

from . import so3
from .bvh_skeleton import NEXT, Array, ForeignSkeleton, Globals

LEFT, UP, FRONT = np.eye(3)
# Directions of SMPL's T-pose to the next joint; x to the person's left, y up, z front. Right: mirrored.
_LIMB = {1: (0.06, -1, 0), 4: (0.02, -1, -0.03), 7: (0.008, -0.045, 0.144), 16: (1, 0, 0), 18: (1, 0, 0), 20: (1, 0, 0)}
T_DIRECTION = {j + k: np.array(d) * (1 - 2 * k, 1, 1) for j, d in _LIMB.items() for k in (0, 1)}
BENDS_TO = {1: -FRONT, 2: -FRONT, 16: FRONT, 17: FRONT}  # the side to which the limb below goes, seen from the T-pose
HINGE = {1: LEFT, 2: LEFT, 16: -UP, 17: UP}  # about which the limb below bends
BENT_DEG = 12.0  # from here on a rest pose's elbow or knee shows the roll of its limb
FLAT_DEG = 50.0  # feet of a rest pose stand flat unless they point down more steeply
SNAP_DEG = 35.0  # frames measured from movement are moved onto the nearest axes, which is how skeletons are made
HEAD_SNAP_DEG = 18.0  # farther off, it is the dancer's habit or the skeleton's: nobody can tell, and level is the better guess
GROUNDED = 0.3  # share of the frames in which a foot is lowest: there it stands flat


def from_rest(skeleton: ForeignSkeleton, turned: Mapping[int, Array], up: Array) -> dict[int, Array]:
    """A_j, where a rest pose (global orientations per foreign joint) shows a person standing upright along `up` [3].

    Keys: SMPL joints, and ~s for the foreign joints s of the spine.
    """
    joints = skeleton.found.joints
    at = skeleton.places(turned)
    facing = _snapped(_facing(up, at[joints[1]] - at[joints[2]]), 8.0)
    posed = dict.fromkeys(joints, facing)
    bones = {smpl: _bone_in(skeleton, turned, at, smpl) for smpl in T_DIRECTION}
    for upper, lower in ((1, 4), (2, 5), (16, 18), (17, 19)):
        posed[upper], posed[lower] = _limb(facing, upper, lower, bones[upper], bones[lower])
    for ankle in (7, 8):
        posed[ankle] = posed[ankle + 3] = _standing_foot(facing, posed[ankle - 3], ankle, bones[ankle])
    for wrist in (20, 21):
        posed[wrist], bone = posed[wrist - 2], bones[wrist]
        if bone is not None and wrist in skeleton.found.knuckles:
            side = turned[joints[wrist]] @ skeleton.knuckle_line(wrist)
            posed[wrist] = _frame(bone, side) @ _frame(T_DIRECTION[wrist], FRONT).T
        elif bone is not None:
            posed[wrist] = so3.between(posed[wrist] @ T_DIRECTION[wrist], bone) @ posed[wrist]
    aligned = {smpl: turned[j].T @ posed[smpl] for smpl, j in joints.items()}
    return aligned | {~j: turned[j].T @ facing for j in skeleton.found.spine}


def _facing(up: Array, left: Array) -> Array:
    """Columns left, up, front."""
    side = _unit(left - (left @ up) * up)
    return np.stack([side, up, np.cross(side, up)], 1)


def _bone_in(skeleton: ForeignSkeleton, turned: Mapping[int, Array], at: Mapping[int, Array], smpl: int) -> Array | None:
    """A bone of a rest pose, in the file's world."""
    j, target = skeleton.found.joints.get(smpl), skeleton.found.joints.get(NEXT.get(smpl, -1))
    local = skeleton.bone(smpl)
    if j is None or local is None:
        return None
    return turned[j] @ local if target is None else at[target] - at[j]


def _limb(facing: Array, upper: int, lower: int, bone: Array | None, next_bone: Array | None) -> tuple[Array, Array]:
    """Orientations of upper and lower limb: the smallest turns from the T-pose, or, where it is bent, by the bend's own axis."""
    bone = facing @ T_DIRECTION[upper] if bone is None else bone
    one = so3.between(facing @ T_DIRECTION[upper], bone) @ facing
    if next_bone is None:
        return one, one
    if _angle_deg(bone, next_bone) > BENT_DEG:
        bent = _frame(bone, np.cross(bone, next_bone)) @ _frame(T_DIRECTION[upper], HINGE[upper]).T
        if np.rad2deg(np.linalg.norm(so3.log(one.T @ bent))) < 80:
            one = bent
    return one, so3.between(one @ T_DIRECTION[lower], next_bone) @ one


def _standing_foot(facing: Array, shin: Array, ankle: int, bone: Array | None) -> Array:
    if bone is None:
        return facing
    local = _unit(facing.T @ bone)
    if np.rad2deg(np.arcsin(-local[1])) > FLAT_DEG:
        return so3.between(shin @ T_DIRECTION[ankle], bone) @ shin
    toes = T_DIRECTION[ankle]
    turn = np.arctan2(local[0], local[2]) - np.arctan2(toes[0], toes[2])
    return facing @ so3.exp(turn * UP)


def from_movement(skeleton: ForeignSkeleton, sample: Globals, up: Array) -> dict[int, Array]:
    """A_j, where no rest pose shows a person, from the bones and a sample of frames; `up` [3] is the world's. Keys as above."""
    joints, spine = skeleton.found.joints, skeleton.found.spine
    chest, neck = (spine or (joints[0],))[-1], joints.get(12, joints.get(15))
    shoulders = [joints.get(collar, joints[collar + 3]) for collar in (13, 14)]
    out = {0: _trunk(skeleton, joints[0], [joints[1], joints[2]], spine[0] if spine else neck)}
    if spine:
        out[~chest] = _trunk(skeleton, chest, shoulders, neck)
    pelvis, trunk = sample.rotations[joints[0]] @ out[0], sample.rotations[chest] @ out[~chest if spine else 0]
    for smpl in (12, 15, 13, 14):
        if smpl in joints:
            out[smpl] = _snapped(_mean(sample.rotations[joints[smpl]], trunk), HEAD_SNAP_DEG if smpl == 15 else SNAP_DEG)
    for upper, lower in ((1, 4), (2, 5), (16, 18), (17, 19)):
        above = pelvis if upper < 3 else trunk
        out[upper] = _rolled(skeleton, sample, upper, lower, BENDS_TO[upper], 1.0, above)
        out[lower] = _rolled(skeleton, sample, lower, upper, BENDS_TO[upper], -1.0, above)
    for end, limb in ((7, 4), (8, 5), (20, 18), (21, 19)):
        if end in joints:
            out[end] = _end(skeleton, sample, end, sample.rotations[joints[limb]] @ out[limb], up)
    return out


def _trunk(skeleton: ForeignSkeleton, j: int, sides: list[int], above: int | None) -> Array:
    """A of pelvis or chest, from where its children sit."""
    left, right = (skeleton.between(j, side) for side in sides)
    up = -(left + right) if above is None or not skeleton.is_below(above, j) else skeleton.between(j, above)
    side = _unit(left - right)
    return _snapped(_facing(_unit(up - (up @ side) * side), side), 8.0)


def _rolled(skeleton: ForeignSkeleton, sample: Globals, smpl: int, other: int, bend: Array, sign: float, above: Array) -> Array:
    """A of a limb's bone: along it from the skeleton, about it from where the limb's other bone points on average.

    Where the limb never bends, or ends here, its average roll to the trunk `above` [n, 3, 3] counts.
    """
    bone, neighbour = skeleton.bone(smpl), skeleton.bone(other)
    turn = sample.rotations[skeleton.found.joints[smpl]]
    average = _mean(turn, above)
    if bone is None:
        return average
    side = np.zeros(3)
    if neighbour is not None:
        seen = sample.rotations[skeleton.found.joints[other]] @ _unit(neighbour)
        side = sign * np.einsum("nba,nb->na", turn, seen).mean(0)  # elbow → shoulder lies on the same side as the forearm
        side = side - (side @ _unit(bone)) * _unit(bone)
    if np.linalg.norm(side) < 0.02:
        side = average @ bend
    return _snapped_roll(bone, side) @ _frame(T_DIRECTION[smpl], bend).T


def _end(skeleton: ForeignSkeleton, sample: Globals, end: int, limb: Array, up: Array) -> Array:
    """A of a foot or a hand; `limb` [n, 3, 3] is SMPL's orientation of the shin or the forearm."""
    bone, turn = skeleton.bone(end), sample.rotations[skeleton.found.joints[end]]
    average = _mean(turn, limb)
    if bone is None:
        return _snapped(average, SNAP_DEG)
    if end in skeleton.found.knuckles:
        return _frame(bone, skeleton.knuckle_line(end)) @ _frame(T_DIRECTION[end], FRONT).T
    if end in (7, 8):
        slope = _slope(sample, skeleton.found.joints[end], bone, up)
        toes = np.cos(slope) * _unit(T_DIRECTION[end] * (1, 0, 1)) - np.sin(slope) * UP
        return _snapped_roll(bone, average @ UP) @ _frame(toes, UP).T
    return _snapped_roll(bone, average @ FRONT) @ _frame(T_DIRECTION[end], FRONT).T


def _slope(sample: Globals, foot: int, bone: Array, up: Array) -> float:
    """By how much the bone of a foot that stands flat points down, in radians."""
    down = -(sample.rotations[foot] @ _unit(bone)) @ up
    height = sample.positions[foot] @ up + np.minimum(0, -down * np.linalg.norm(bone))
    standing = height <= np.quantile(height, GROUNDED)
    return float(np.clip(np.arcsin(np.clip(np.median(down[standing]), -1, 1)), 0, np.deg2rad(60)))


def _mean(turns: Array, goal: Array) -> Array:
    """The constant [3, 3] that best takes orientations [n, 3, 3] to others: the rotation nearest to the mean of turnsᵀ goal."""
    u, _, vt = np.linalg.svd(np.einsum("nba,nbc->ac", turns, goal))
    return u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt


def _snapped_roll(bone: Array, side: Array) -> Array:
    """Frame along `bone` whose second axis is the local axis nearest to `side`, where one is near enough."""
    frame = _frame(bone, side)
    axes = [sign * np.eye(3)[k] for k in range(3) for sign in (1, -1)]
    near = [a for a in axes if abs(_unit(bone) @ a) < 0.3 and _angle_deg(frame[:, 1], a) < SNAP_DEG]
    return _frame(bone, near[0]) if near else frame


def _snapped(rotation: Array, limit_deg: float) -> Array:
    """The nearest rotation that maps axes to axes, where one is near enough."""
    best = max(_AXIS_TURNS, key=lambda turn: float(np.trace(turn.T @ rotation)))
    return best if np.rad2deg(np.linalg.norm(so3.log(best.T @ rotation))) < limit_deg else rotation


_AXIS_TURNS = [
    turn
    for order in permutations(range(3))
    for signs in product((1.0, -1.0), repeat=3)
    if np.linalg.det(turn := np.eye(3)[list(order)] * np.array(signs)[:, None]) > 0
]


def _unit(v: Array) -> Array:
    return v / max(float(np.linalg.norm(v)), 1e-12)


def _frame(first: Array, second: Array) -> Array:
    """Axes [3, 3] (columns): `first`, what of `second` is across it (any direction where nothing is), and their cross product."""
    a = _unit(first)
    b = second - (second @ a) * a
    if np.linalg.norm(b) < 1e-6 * np.linalg.norm(second) or not np.any(b):
        b = np.eye(3)[int(np.argmin(np.abs(a)))]
        b = b - (b @ a) * a
    b = _unit(b)
    return np.stack([a, b, np.cross(a, b)], 1)


def _angle_deg(a: Array, b: Array) -> float:
    return float(np.rad2deg(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))
