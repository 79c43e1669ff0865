"""A small writer of .bvh files from SMPL rotations, to read them again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from motionimit.body import so3
from motionimit.body.bvh import read_bvh
from motionimit.body.export import Motion
from motionimit.body.parts import JOINT_NAMES, SMPL_PARENTS
from motionimit.training.poses import sample_pose
from motionimit.training.skeleton import forward_kinematics

EYE = np.eye(3)
# A T-pose with SMPL's bone directions, metres; left half and middle.
LEFT = {
    1: (0.1, -0.05, 0),
    13: (0.03, 0.44, 0),
    16: (0.18, 0.42, 0.0),
    18: (0.45, 0.42, 0),
    20: (0.69, 0.42, 0),
    22: (0.79, 0.42, 0),
}
MIDDLE = {0: (0, 0, 0), 3: (0, 0.11, 0), 6: (0, 0.2, 0), 9: (0, 0.33, -0.01), 12: (0, 0.51, 0), 15: (0, 0.58, 0.02)}
THIGH, SHIN, FOOT = np.array([0.06, -1, 0]) * 0.42, np.array([0.02, -1, -0.03]) * 0.43, np.array([0.008, -0.045, 0.144])
Y_UP, Z_UP = EYE, np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # ours → the file's
SMPL_WORDS = dict(enumerate(JOINT_NAMES))


def t_pose() -> np.ndarray:
    left = {j: np.array(p, float) for j, p in LEFT.items()}
    left[4] = left[1] + THIGH
    left[7] = left[4] + SHIN
    left[10] = left[7] + FOOT
    out = np.zeros((24, 3))
    for j, p in left.items():
        out[j], out[j + 1] = p, p * (-1, 1, 1)
    for j, p in MIDDLE.items():
        out[j] = p
    return out


JOINTS = t_pose()


def about(axis: str, angle_deg: float) -> np.ndarray:
    return Rotation.from_euler(axis, angle_deg, degrees=True).as_matrix()


def rest_pose(kind: str) -> np.ndarray:
    """Local rotations [24, 3, 3] in which the file's skeleton stands while all its angles are zero."""
    out = np.tile(EYE, (24, 1, 1))
    lowered, bent = {"t": (0, 0), "a": (50, 0), "hanging": (80, 0), "relaxed": (45, 35)}[kind]
    for side, sign in ((0, 1), (1, -1)):
        out[16 + side] = about("z", -sign * lowered)
        out[18 + side] = about("y", -sign * bent)
    return out


def whole(rotations: np.ndarray) -> np.ndarray:
    """Local → global orientations [T, 24, 3, 3]."""
    return np.stack([forward_kinematics(JOINTS, frame)[:, :3, :3] for frame in rotations])


def bvh_text(
    rotations: np.ndarray,
    rest: np.ndarray | None = None,
    turned: np.ndarray | None = None,
    world: np.ndarray = Y_UP,
    unit: float = 0.01,
    order: str = "ZXY",
    names: dict[int, str] | None = None,
    root_m: np.ndarray | None = None,
    step: str = "0.0333333",
) -> str:
    """A .bvh of SMPL rotations [T, 24, 3, 3], in the file's world (`world` maps ours to it) and `unit` metres.

    `rest` are the local rotations of the skeleton's zero pose; `turned` [24, 3, 3] turns every joint's own axes besides.
    """
    names = SMPL_WORDS if names is None else names
    at_rest = forward_kinematics(JOINTS, rest_pose("t") if rest is None else rest)
    own = at_rest[:, :3, :3].swapaxes(-1, -2) if turned is None else turned
    globals_ = world @ (whole(rotations) @ own) @ (world.T if turned is None else EYE)
    root_m = np.zeros((len(rotations), 3)) if root_m is None else root_m
    lines, columns = ["HIERARCHY"], [root_m @ world.T / unit]

    def visit(j: int, depth: int) -> None:
        parent, pad = SMPL_PARENTS[j], "\t" * depth
        offset = np.zeros(3)
        if parent >= 0 and turned is None:
            offset = world @ (at_rest[j, :3, 3] - at_rest[parent, :3, 3]) / unit
        elif parent >= 0:
            offset = turned[parent].T @ (JOINTS[j] - JOINTS[parent]) / unit
        kind = "ROOT" if parent < 0 else "JOINT"
        lines.extend([f"{pad}{kind} {names[j]}", f"{pad}{{", f"{pad}\tOFFSET {offset[0]:.8f} {offset[1]:.8f} {offset[2]:.8f}"])
        angles = " ".join(f"{axis}rotation" for axis in order)
        moving = "6 Xposition Yposition Zposition" if parent < 0 else "3"
        lines.append(f"{pad}\tCHANNELS {moving} {angles}")
        local = globals_[:, j] if parent < 0 else globals_[:, parent].swapaxes(-1, -2) @ globals_[:, j]
        columns.append(Rotation.from_matrix(local).as_euler(order, degrees=True))
        children = [c for c in range(24) if SMPL_PARENTS[c] == j and c in names]
        for child in children:
            visit(child, depth + 1)
        if not children:
            lines.extend([f"{pad}\tEnd Site", f"{pad}\t{{", f"{pad}\t\tOFFSET 0 0 0", f"{pad}\t}}"])
        lines.append(f"{pad}}}")

    visit(0, 0)
    table = np.concatenate(columns, 1)
    rows = [" ".join(f"{value:.8f}" for value in row) for row in table]
    return "\n".join([*lines, "MOTION", f"Frames: {len(table)}", f"Frame Time: {step}", *rows]) + "\n"


def random_motion() -> np.ndarray:
    """[12, 24, 3, 3]: random poses, turned about; toes as the feet, because few skeletons move them."""
    rng = np.random.default_rng(11)
    out = np.stack([sample_pose(rng) for _ in range(12)])
    out[:, 0] = so3.exp(rng.normal(0, 0.35, (12, 3)))
    out[:, [22, 23]] = EYE
    return out


def error_deg(motion: np.ndarray, read: np.ndarray) -> np.ndarray:
    """[24] largest angle between global orientations."""
    relative = whole(motion).swapaxes(-1, -2) @ whole(read.astype(float))
    return np.rad2deg(np.linalg.norm(so3.log(relative), axis=-1)).max(0)


def read_text(path: Path, text: str, face_camera: bool = False) -> Motion:
    path.write_text(text, encoding="utf-8")
    return read_bvh(path, face_camera)
