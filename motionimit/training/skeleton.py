"""Anny's 104 bones seen as SMPL's 24 joints, exactly as the open body folds them: rest joints, the T-pose, forward kinematics.

A vertex is skinned ONCE, straight from Anny's relaxed rest pose: ``x' = sum_j W_j G_j T_j x``, where T_j brings joint j's bones
from the rest pose to the T-pose and G_j poses that T-pose. So the 24 rotations are exact ground truth in the SMPL layout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
_FINGERS = tuple(f"finger{f}-{i}" for f in range(2, 6) for i in range(1, 4))
_HAND = ("wrist", *(f"finger1-{i}" for i in range(1, 4)), *(f"metacarpal{i}" for i in range(1, 5)))
_TOES = ("toe1-1", "toe1-2", *(f"toe{t}-{i}" for t in range(2, 6) for i in range(1, 4)))
# Joint: (bones that it carries, bones whose heads' mean is its centre); the person's left, the right is one further.
_SIDED = {
    1: (("upperleg01", "upperleg02"), ("upperleg01",)),
    4: (("lowerleg01", "lowerleg02"), ("lowerleg01",)),
    7: (("foot",), ("foot",)),
    10: (_TOES, tuple(f"toe{t}-1" for t in range(1, 6))),
    13: (("clavicle", "shoulder01"), ("clavicle",)),
    16: (("upperarm01", "upperarm02"), ("upperarm01",)),
    18: (("lowerarm01", "lowerarm02"), ("lowerarm01",)),
    20: (_HAND, ("wrist",)),
    22: (_FINGERS, tuple(f"finger{f}-1" for f in range(2, 6))),
}
_MIDDLE = {
    0: (("root", "pelvis.L", "pelvis.R", "spine05", "spine04"), ("root", "spine04")),
    3: (("spine03",), ("spine03",)),
    6: (("spine02",), ("spine02",)),
    9: (("spine01",), ("spine01",)),
    12: (("neck01", "neck02"), ("neck01",)),
    15: (("neck03", "head", "eye.L", "eye.R"), ("neck03",)),
}
_TABLE = _MIDDLE | {
    joint + k: tuple(tuple(f"{b}.{side}" for b in group) for group in groups)
    for joint, groups in _SIDED.items()
    for k, side in enumerate("LR")
}
BONES_OF_JOINT: dict[int, tuple[str, ...]] = {j: t[0] for j, t in sorted(_TABLE.items())}
CENTRE_BONES: dict[int, tuple[str, ...]] = {j: t[1] for j, t in sorted(_TABLE.items())}
# T-pose directions of the left limbs, and the joints they lead to.
DIRECTIONS = {16: (1, 0, 0), 18: (1, 0, 0), 20: (1, 0, 0), 1: (0.06, -1, 0), 4: (0.02, -1, -0.03)}
CHILD = {16: 18, 18: 20, 20: 22, 1: 4, 4: 7}


def fold_matrix(bones: list[str]) -> np.ndarray:
    """[B, 24] with a 1 where a joint carries a bone: bone weights [N, B] times this are joint weights."""
    owner = {bone: joint for joint, group in BONES_OF_JOINT.items() for bone in group}
    out = np.zeros((len(bones), 24))
    out[np.arange(len(bones)), [owner[b] for b in bones]] = 1.0
    return out


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A person's joints in Anny's rest pose and how they reach the T-pose."""

    rest_joints_m: np.ndarray  # [24, 3]
    tpose: np.ndarray  # [24, 4, 4] rigid transforms rest → T-pose

    @property
    def joints_m(self) -> np.ndarray:
        """[24, 3] joints of the T-pose."""
        return np.einsum("jab,jb->ja", self.tpose[:, :3, :3], self.rest_joints_m) + self.tpose[:, :3, 3]

    @classmethod
    def from_bones(cls, heads_m: np.ndarray, bones: list[str]) -> Skeleton:
        """Bone heads [104, 3] of the rest pose in the y-up frame, with Anny's bone names."""
        index = {name: i for i, name in enumerate(bones)}
        rest = np.stack([heads_m[[index[b] for b in CENTRE_BONES[j]]].mean(0) for j in range(24)])
        palms = [heads_m[index[f"finger2-1.{s}"]] - heads_m[index[f"finger5-1.{s}"]] for s in "LR"]
        return cls(rest, _tpose(rest, palms))


def _tpose(rest: np.ndarray, palms: list[np.ndarray]) -> np.ndarray:
    """Arms straight out with the elbows' bend and the knuckles to the front, legs straight and a little splayed."""
    out = np.tile(np.eye(4), (24, 1, 1))
    for j in range(1, 24):
        parent = out[PARENTS[j]]
        turn = parent[:3, :3].copy()
        left = next((k for k in (j, j - 1) if k in DIRECTIONS), None)
        if left is not None:
            child = CHILD[left] + (j - left)
            goal = np.array(DIRECTIONS[left], float) * (1 if left == j else -1, 1, 1)
            turn = swing(turn @ (rest[child] - rest[j]), goal) @ turn
            if left in (16, 20):  # the forearm (16), the knuckle line (20) must point to the front
                side = turn @ (rest[child + 2] - rest[child] if left == 16 else palms[j - left])
                turn = _turn_about_x(np.arctan2(side[1], side[2])) @ turn
        out[j, :3, :3] = turn
        out[j, :3, 3] = parent[:3, :3] @ rest[j] + parent[:3, 3] - turn @ rest[j]
    return out


def _turn_about_x(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1.0, 0, 0], [0, c, -s], [0, s, c]])


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
