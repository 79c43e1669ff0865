"""Points that ride on the skeleton, with regression and skinning collapsed into one table, and their derivatives.

A landmark is a weighted sum of vertices, a skinned vertex a weighted sum of joint transforms; so every landmark is
``x_k = Σ_j A_j P[k, j]`` with a table P [K, 24, 4] that depends on shape only, and affinely. The fit never skins the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..types import BETAS, JOINTS
from .calibration import landmark_shift_m

if TYPE_CHECKING:
    from .model import BodyModel

FREE = tuple(j for j in range(JOINTS) if j not in (10, 11, 22, 23))
"""Joints with a rotation of their own; toes and fingers have no landmarks that could tell."""
PARAMS = 3 * len(FREE) + 3  # rotation of the free joints, then translation


@dataclass(frozen=True)
class Rig:
    """Skeleton and riding points, affine in betas."""

    parents: np.ndarray  # [24] int, parents[0] = -1
    joints_m: np.ndarray  # [24, 3] at betas = 0
    joints_by_beta: np.ndarray  # [10, 24, 3] m per unit
    table: np.ndarray  # [K, 24, 4] at betas = 0
    table_by_beta: np.ndarray  # [10, K, 24, 4]

    @classmethod
    def landmarks(cls, model: BodyModel) -> Rig:
        """The rig whose points are the 33 landmarks."""
        zero = torch.zeros(BETAS)
        units = torch.eye(BETAS)
        table = model.landmark_table(zero).double().numpy()
        tables = np.stack([model.landmark_table(b).double().numpy() for b in units]) - table
        if model.data.landmarks is not None:  # the open body; other bodies' landmarks are found by name or shape
            table[np.arange(len(table)), table[:, :, 3].argmax(1), :3] += landmark_shift_m()
        return cls(*_skeleton(model), table, tables)

    @classmethod
    def vertices(cls, model: BodyModel, index: np.ndarray) -> Rig:
        """The rig whose points are the vertices with the given indices [K]."""
        weights = model.weights.double().numpy()[index]
        rest = model.v_template.double().numpy()[index]
        directions = np.moveaxis(model.shapedirs.double().numpy()[index], 2, 0)[:BETAS]
        table = weights[:, :, None] * np.concatenate([rest, np.ones((len(index), 1))], 1)[:, None]
        pad = np.concatenate([directions, np.zeros((BETAS, len(index), 1))], 2)
        return cls(*_skeleton(model), table, weights[None, :, :, None] * pad[:, :, None])

    @cached_property
    def below(self) -> np.ndarray:
        """[24, F] 1 where joint d moves with free joint f (d itself included)."""
        out = np.zeros((JOINTS, JOINTS))
        for j in range(JOINTS):
            k = j
            while k >= 0:
                out[j, k] = 1
                k = int(self.parents[k])
        return out[:, FREE]

    @cached_property
    def share(self) -> np.ndarray:
        """[K, 24] how much of each point hangs on each joint; rows sum to 1."""
        return self.table[:, :, 3]

    @cached_property
    def share_below(self) -> np.ndarray:
        return self.share @ self.below

    @cached_property
    def offsets_by_beta(self) -> np.ndarray:
        return self.table_by_beta[..., :3] - self.share[None, :, :, None] * self.joints_by_beta[:, None]

    @cached_property
    def rest_by_beta(self) -> np.ndarray:
        """[K, 10, 3] derivative of the rest pose's points."""
        return self.table_by_beta[..., :3].sum(2).swapaxes(0, 1)

    def shaped(self, betas: np.ndarray) -> Shaped:
        """Joints [24, 3] and per-joint offsets [K, 24, 3] of the rest pose for betas [10]."""
        joints = self.joints_m + np.tensordot(betas, self.joints_by_beta, 1)
        table = self.table + np.tensordot(betas, self.table_by_beta, 1)
        return Shaped(self, joints, table[..., :3] - self.share[..., None] * joints)


@dataclass(frozen=True)
class Shaped:
    """A rig at given betas."""

    rig: Rig
    joints_m: np.ndarray  # [24, 3]
    offsets_m: np.ndarray  # [K, 24, 3]

    @cached_property
    def rest_points_m(self) -> np.ndarray:
        """[K, 3] the points in rest pose."""
        return (self.offsets_m + self.rig.share[..., None] * self.joints_m).sum(1)

    def pose(self, rotations: np.ndarray, translation: np.ndarray) -> Posed:
        """Forward kinematics of rotations [T, 24, 3, 3] and translation [T, 3]."""
        globals_, positions = np.empty_like(rotations), np.empty(rotations.shape[:3])
        for j, parent in enumerate(self.rig.parents):
            if parent < 0:
                globals_[:, j], positions[:, j] = rotations[:, j], self.joints_m[j] + translation
                continue
            globals_[:, j] = globals_[:, parent] @ rotations[:, j]
            positions[:, j] = positions[:, parent] + globals_[:, parent] @ (self.joints_m[j] - self.joints_m[parent])
        return Posed(self, globals_, positions)


@dataclass(frozen=True)
class Posed:
    """A shaped rig in T poses."""

    shaped: Shaped
    globals_: np.ndarray  # [T, 24, 3, 3] world rotation of each joint
    positions_m: np.ndarray  # [T, 24, 3]

    @cached_property
    def pieces_m(self) -> np.ndarray:
        """[T, K, 24, 3] what each joint contributes to each point."""
        turned = np.matmul(self.shaped.offsets_m.transpose(1, 0, 2)[None], self.globals_.swapaxes(-1, -2))  # [T, 24, K, 3]
        return turned.swapaxes(1, 2) + self.shaped.rig.share[None, :, :, None] * self.positions_m[:, None]

    @cached_property
    def points_m(self) -> np.ndarray:
        """[T, K, 3]; by two products, because the pieces of a long clip would fill the memory."""
        turned = np.einsum("tjac,kjc->tka", self.globals_, self.shaped.offsets_m, optimize=True)
        return turned + np.matmul(self.shaped.rig.share, self.positions_m)

    @cached_property
    def levers_m(self) -> np.ndarray:
        """[T, K, F, 3]: turning free joint f by a small world rotation w moves point k by ``w × lever``."""
        rig = self.shaped.rig
        hanging = np.matmul(rig.below.T, self.pieces_m)  # [T, K, F, 3]
        return hanging - rig.share_below[None, :, :, None] * self.positions_m[:, None, FREE]

    @cached_property
    def parent_frames(self) -> np.ndarray:
        """[T, F, 3, 3] world rotation of each free joint's parent (identity for the root): maps local turns to world turns."""
        out = self.globals_[:, [max(int(self.shaped.rig.parents[j]), 0) for j in FREE]].copy()
        out[:, 0] = np.eye(3)
        return out

    def points_by_beta(self) -> np.ndarray:
        """[T, K, 10, 3] derivative of the points with respect to betas, pose and translation held."""
        rig = self.shaped.rig
        joints = np.empty((*self.positions_m.shape[:2], BETAS, 3))
        for j, parent in enumerate(rig.parents):
            if parent < 0:
                joints[:, j] = rig.joints_by_beta[:, j]
            else:
                step = rig.joints_by_beta[:, j] - rig.joints_by_beta[:, parent]
                joints[:, j] = joints[:, parent] + step @ self.globals_[:, parent].swapaxes(-1, -2)
        turned = np.einsum("tjac,bkjc->tkba", self.globals_, rig.offsets_by_beta, optimize=True)
        return turned + np.einsum("kj,tjba->tkba", rig.share, joints, optimize=True)


def _skeleton(model: BodyModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    zero = model.rest(torch.zeros(BETAS))[1].double().numpy()
    moved = np.stack([model.rest(b)[1].double().numpy() for b in torch.eye(BETAS)])
    return np.asarray([int(p) for p in model.parents]), zero, moved - zero
