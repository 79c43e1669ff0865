"""Write a motion as .bvh, the text format of motion capture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from ..media.paths import whole_file
from ..types import JOINTS, BodyParams
from . import so3
from .bvh_own import OWN_NAMES, UNIT_M, camera_name
from .model import BodyModel
from .parts import SMPL_PARENTS, dominant

CHANNELS = "Zrotation Xrotation Yrotation"  # Biovision's own order, which every program takes
_END_AXIS = {10: (0, 0, 1), 11: (0, 0, 1), 15: (0, 1, 0), 22: (1, 0, 0), 23: (-1, 0, 0)}  # where the last bones point
_END_M = 0.05  # length of a last bone that no vertex follows


def _depth_first(joint: int = 0) -> tuple[int, ...]:
    below = (_depth_first(child) for child in range(JOINTS) if SMPL_PARENTS[child] == joint)
    return (joint, *(j for branch in below for j in branch))


FILE_ORDER = _depth_first()
"""SMPL's joints in the order in which the file lists them; the camera's joint comes after the head (15)."""


def write_bvh(path: Path, params: BodyParams, model: BodyModel, fps: Fraction) -> None:
    """Write the motion of `params` with the person's own bones: 24 joints under Mixamo's names, cm, y up, facing +z at rest.

    The world is ours: the camera at the origin looks along -z, and `bvh.read_bvh` puts the person back there. Angles have no
    jumps of 360 degrees, also near gimbal lock. Raises `BadInput` where it can't be written, ValueError for no frames or numbers
    that aren't finite.
    """
    rest, joints = (tensor.detach().cpu().double().numpy() for tensor in model.rest(params.betas))
    root_m = joints[0] + params.translation_m.detach().cpu().double().numpy()
    angles_deg = np.rad2deg(euler_zxy(params.rotations.detach().cpu().double().numpy()))
    if not len(root_m) or not (np.isfinite(root_m).all() and np.isfinite(angles_deg).all()):
        raise ValueError("a .bvh needs at least one frame, and finite numbers only")
    columns = [root_m / UNIT_M]
    for joint in FILE_ORDER:
        columns.append(angles_deg[:, joint])
        if joint == 15:
            columns.append(np.zeros((len(root_m), 3)))  # the camera's joint
    table = np.round(np.concatenate(columns, 1), 6) + 0.0  # no -0
    line = " ".join(["%.6f"] * table.shape[1]) + "\n"
    with whole_file(path) as temporary, temporary.open("w", encoding="ascii", newline="\n") as file:
        file.write("HIERARCHY\n" + "".join(_hierarchy(params, joints / UNIT_M, _ends(rest, joints, model) / UNIT_M)))
        file.write(f"MOTION\nFrames: {len(table)}\nFrame Time: {float(1 / fps):.12f}\n")
        file.writelines(line % tuple(row) for row in table.tolist())


def _hierarchy(params: BodyParams, joints: np.ndarray, ends: np.ndarray) -> list[str]:
    """Lines of the skeleton; joints and ends of the last bones [24, 3] in the file's unit, from the world's origin at rest."""
    lines: list[str] = []

    def opened(kind: str, offset: np.ndarray, depth: int, channels: str | None) -> None:
        pad = "\t" * depth
        x, y, z = np.round(offset, 6) + 0.0
        lines.extend([f"{pad}{kind}\n", f"{pad}{{\n", f"{pad}\tOFFSET {x:.6f} {y:.6f} {z:.6f}\n"])
        if channels is not None:
            lines.append(f"{pad}\tCHANNELS {channels}\n")

    def ended(offset: np.ndarray, depth: int) -> None:
        opened("End Site", offset, depth, None)
        lines.append("\t" * depth + "}\n")

    def visit(joint: int, depth: int) -> None:
        parent = SMPL_PARENTS[joint]
        offset = joints[joint] - joints[parent] if parent >= 0 else np.zeros(3)
        kind = f"{'JOINT' if parent >= 0 else 'ROOT'} {OWN_NAMES[joint]}"
        moving = f"3 {CHANNELS}" if parent >= 0 else f"6 Xposition Yposition Zposition {CHANNELS}"
        opened(kind, offset, depth, moving)
        for child in range(JOINTS):
            if SMPL_PARENTS[child] == joint:
                visit(child, depth + 1)
        if joint == 15:
            opened(f"JOINT {camera_name(params.camera)}", ends[15] - joints[15], depth + 1, f"3 {CHANNELS}")
            ended(np.array([0.0, 1.0, 0.0]), depth + 2)
            lines.append("\t" * (depth + 1) + "}\n")
        elif joint in _END_AXIS:
            ended(ends[joint] - joints[joint], depth + 1)
        lines.append("\t" * depth + "}\n")

    visit(0, 0)
    return lines


def _ends(rest: np.ndarray, joints: np.ndarray, model: BodyModel) -> np.ndarray:
    """[24, 3]: where the last bones end at rest, by the outermost vertex that follows them; zero for the other joints."""
    owner = dominant(model.weights.cpu().numpy(), tuple(range(JOINTS)))
    out = np.zeros((JOINTS, 3))
    for joint, axis in _END_AXIS.items():
        along = (rest[owner == joint] - joints[joint]) @ np.array(axis, float)
        out[joint] = joints[joint] + np.array(axis) * max(float(along.max(initial=0)), _END_M)
    return out


def euler_zxy(rotations: np.ndarray) -> np.ndarray:
    """Rotations [T, J, 3, 3] → angles [T, J, 3] in radians with R = Rz(a) Rx(b) Ry(c), steady over time.

    Of the two solutions and their whole turns, the one nearest to the frame before is taken. At gimbal lock (b = ±90°) a and c
    turn about the same axis: a stays as it was and c takes it all, so that the product is exact everywhere.
    """
    cosine = np.hypot(rotations[..., 0, 1], rotations[..., 1, 1])
    first = np.arctan2(-rotations[..., 0, 1], rotations[..., 1, 1])
    out, last = np.empty(rotations.shape[:-1]), np.zeros(rotations.shape[1:-1])
    for t, rotation in enumerate(rotations):
        a = np.where(cosine[t] < 1e-6, last[..., 0], first[t])
        rest = so3.exp(-a[..., None] * np.array([0.0, 0.0, 1.0])) @ rotation
        b = np.arctan2(rest[..., 2, 1], rest[..., 1, 1])
        c = np.arctan2(rest[..., 0, 2], rest[..., 0, 0])
        ways = np.stack([np.stack([a, b, c], -1), np.stack([a + np.pi, np.pi - b, c + np.pi], -1)])
        ways += 2 * np.pi * np.round((last - ways) / (2 * np.pi))
        nearer = np.abs(ways - last).sum(-1).argmin(0)
        out[t] = last = np.take_along_axis(ways, nearer[None, ..., None], 0)[0]
    return out
