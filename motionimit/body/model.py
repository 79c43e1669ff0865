"""The body: shape, joints, linear blend skinning, MediaPipe's landmarks; SMPL layout, smplx's kinematics.

Skinning is written as one matrix product: with X[v, (j, c)] = w_vj [v_rest; 1]_c, constant for a shape, the posed mesh is
``X @ A`` for all frames at once, where A stacks the joints' 3x4 skinning transforms.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..checks import check_shape
from ..types import BodyMesh, BodyParams
from .landmarks import find_landmarks
from .loading import BodyData, find_body, read_body
from .parts import PART_OF_JOINT, REGION_OF_JOINT, SMPL_PARENTS, Region, dominant, scalp_mask

CHUNK = 32  # frames skinned together: bounds the memory of pose blendshapes


class BodyModel:
    """A body in SMPL's layout on one device, float32: V vertices, F faces, 24 joints, 10 betas. Never changes once built."""

    def __init__(self, data: BodyData, device: torch.device | str = "cpu") -> None:
        self.data = data
        self.device = torch.device(device)
        landmarks, follows = data.landmarks, data.landmark_joint
        if landmarks is None or follows is None:
            landmarks, follows = find_landmarks(data)
        self.v_template = self._tensor(data.v_template)  # [V, 3] m
        self.shapedirs = self._tensor(data.shapedirs)  # [V, 3, 10] m
        self.joint_regressor = self._tensor(data.joint_regressor)  # [24, V]
        self.weights = self._tensor(data.weights)  # [V, 24]
        self.faces = self._tensor(data.faces)  # [F, 3] int64
        self.parents = torch.tensor(SMPL_PARENTS, device=self.device)  # [24] int64, -1 at the root
        self.landmark_regressor = self._tensor(landmarks)  # [33, V], on the rest mesh
        self.landmark_joint = self._tensor(follows)  # [33] int64: joint followed rigidly, -1 = skinned like the surface
        parts = dominant(data.weights, tuple(int(p) for p in PART_OF_JOINT))
        self.part_of_vertex = self._tensor(parts)  # [V] int64, see parts.Part
        self.part_of_face = self._tensor(dominant(data.weights[data.faces].mean(1), tuple(int(p) for p in PART_OF_JOINT)))  # [F]
        self.region_of_face = self._tensor(_regions(data, landmarks))  # [F] int64, see parts.Region
        self.uv = None if data.uv is None else self._tensor(data.uv)  # [U, 2], v up
        self.uv_faces = None if data.uv_faces is None else self._tensor(data.uv_faces)  # [F, 3] int64
        self.posedirs = None if data.posedirs is None else self._tensor(data.posedirs)  # [V, 3, 207] m
        shapes = torch.cat((self.v_template[..., None], self.shapedirs), -1)  # [V, 3, 11]: mean, then directions
        joints = torch.einsum("jv,vcb->jcb", self.joint_regressor, shapes)
        self.joint_mean, self.joint_basis = joints[..., 0], joints[..., 1:]  # [24, 3], [24, 3, 10] m
        table = self._landmark_basis(shapes)
        self.landmark_mean, self.landmark_basis = table[..., 0], table[..., 1:]  # [33, 24, 4], [33, 24, 4, 10]

    def _tensor(self, array: np.ndarray) -> Tensor:
        dtype = np.int64 if array.dtype.kind in "iub" else np.float32
        return torch.from_numpy(np.array(array, dtype)).to(self.device)

    def to(self, device: torch.device | str) -> BodyModel:
        """The same body on another device."""
        return self if torch.device(device) == self.device else BodyModel(self.data, device)

    def _landmark_basis(self, shapes: Tensor) -> Tensor:
        """[33, 24, 4, 11]: the landmark table of the mean (0) and its change per beta (1..10)."""
        homogeneous = torch.cat((shapes, torch.zeros_like(shapes[:, :1])), 1)
        homogeneous[:, 3, 0] = 1
        table = torch.einsum("kv,vj,vcb->kjcb", self.landmark_regressor, self.weights, homogeneous)
        rigid = self.landmark_joint >= 0
        whole = torch.einsum("kv,vcb->kcb", self.landmark_regressor[rigid], homogeneous)
        chosen = torch.nn.functional.one_hot(self.landmark_joint[rigid], 24).to(whole.dtype)
        table[rigid] = chosen[..., None, None] * whole[:, None]
        return table

    def rest(self, betas: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices [V, 3] and joints [24, 3] of the shape `betas` [10] in the T-pose, metres. Differentiable."""
        check_shape("betas", betas, (10,))
        betas = betas.to(self.v_template)
        return self.v_template + self.shapedirs @ betas, self.joint_mean + self.joint_basis @ betas

    def joint_transforms(self, rotations: Tensor, joints_rest: Tensor, translation_m: Tensor) -> Tensor:
        """Skinning transforms A [T, 24, 4, 4], translation included: a posed vertex is ``sum_j w_j A_j [v_rest; 1]``.

        `rotations` [T, 24, 3, 3] relative to the parent joint, `joints_rest` [24, 3], `translation_m` [T, 3]. Differentiable.
        """
        from smplx.lbs import batch_rigid_transform

        axes = check_shape("rotations", rotations, ("T", 24, 3, 3))
        check_shape("translation_m", translation_m, ("T", 3), axes)
        check_shape("joints_rest", joints_rest, (24, 3))
        joints = joints_rest.expand(len(rotations), 24, 3)
        _, transforms = batch_rigid_transform(rotations, joints, self.parents, dtype=rotations.dtype)
        shift = torch.nn.functional.pad(translation_m[:, None, :, None], (3, 0, 0, 1))
        return transforms + shift

    def landmark_table(self, betas: Tensor) -> Tensor:
        """P [33, 24, 4] such that landmark k, posed, is ``sum_j A_j @ P[k, j]``; linear in the betas [10]."""
        check_shape("betas", betas, (10,))
        return self.landmark_mean + self.landmark_basis @ betas.to(self.landmark_mean)

    def landmarks(self, params: BodyParams) -> Tensor:
        """The 33 landmarks of every frame, [T, 33, 3] metres."""
        transforms = self.transforms(params)
        return torch.einsum("tjrc,kjc->tkr", transforms[:, :, :3], self.landmark_table(params.betas))

    def mesh(self, params: BodyParams, frames: slice | None = None) -> BodyMesh:
        """The posed body of all frames, or of a slice of them, on this model's device, pose blendshapes included."""
        frames = slice(None) if frames is None else frames
        rest, joints = self.rest(params.betas)
        transforms = self.transforms(params, frames)
        if self.posedirs is None:
            ones = torch.ones_like(rest[:, 0])
            homogeneous = torch.stack((*rest.unbind(1), ones))  # [4, V]
            matrix = (self.weights.t()[:, None] * homogeneous).reshape(96, -1)  # Xᵀ
            stacked = transforms[:, :, :3].permute(0, 2, 1, 3).reshape(-1, 96)  # [(t, r), (j, c)]
            vertices = (stacked @ matrix).reshape(len(transforms), 3, len(rest)).permute(0, 2, 1).contiguous()
        else:
            rotations = params.rotations[frames].to(rest)
            pieces = zip(rotations.split(CHUNK), transforms.split(CHUNK), strict=True)
            vertices = torch.cat([self._skin_with_pose(rest, r, a) for r, a in pieces])
        posed = torch.einsum("tjrc,jc->tjr", transforms[:, :, :3], torch.cat((joints, torch.ones_like(joints[:, :1])), 1))
        return BodyMesh(vertices, posed, self.faces)

    def transforms(self, params: BodyParams, frames: slice | None = None) -> Tensor:
        """Skinning transforms [T, 24, 4, 4] of all frames, or of a slice of them; see `joint_transforms`."""
        frames = slice(None) if frames is None else frames
        joints = self.rest_joints(params.betas)
        return self.joint_transforms(params.rotations[frames].to(joints), joints, params.translation_m[frames].to(joints))

    def rest_joints(self, betas: Tensor) -> Tensor:
        """Joints [24, 3] of the shape in the T-pose, without the vertices."""
        return self.joint_mean + self.joint_basis @ betas.to(self.joint_mean)

    def _skin_with_pose(self, rest: Tensor, rotations: Tensor, transforms: Tensor) -> Tensor:
        """Skinning of one chunk with SMPL's pose blendshapes, rest + posedirs · (R - I) over the 23 body joints."""
        assert self.posedirs is not None
        feature = (rotations[:, 1:] - torch.eye(3, device=self.device)).reshape(-1, 207)
        shaped = rest + torch.einsum("tp,vcp->tvc", feature, self.posedirs)
        blended = torch.einsum("vj,tjrc->tvrc", self.weights, transforms[:, :, :3])
        return (blended[..., :3] @ shaped[..., None]).squeeze(-1) + blended[..., 3]

    def layer(self) -> torch.nn.Module:
        """The same model as a `smplx.SMPL` module (betas, body_pose, global_orient, transl → output), for code that wants one."""
        import smplx

        data = self.data
        empty = np.broadcast_to(np.float32(0), (len(data.v_template), 3, 207))
        struct = smplx.utils.Struct(
            v_template=data.v_template,
            shapedirs=data.shapedirs,
            posedirs=empty if data.posedirs is None else data.posedirs,
            J_regressor=data.joint_regressor,
            kintree_table=np.stack((np.array(SMPL_PARENTS), np.arange(24))),
            weights=data.weights,
            f=data.faces,
        )
        picks = self.landmark_regressor.argmax(1).tolist()
        names = _vertex_names(picks)
        with contextlib.redirect_stdout(io.StringIO()):  # smplx prints a warning about 10 betas
            return smplx.SMPL("", data_struct=struct, vertex_ids=names).to(self.device)


def _vertex_names(picks: list[int]) -> dict[str, int]:
    """smplx's extra joints (face, feet, fingertips) as vertices of this mesh: the main vertex of the matching landmark."""
    names = {"nose": 0, "reye": 5, "leye": 2, "rear": 8, "lear": 7}
    for side, s in (("l", 0), ("r", 1)):
        names |= {f"{side.upper()}{toe}": 31 + s for toe in ("BigToe", "SmallToe")} | {f"{side.upper()}Heel": 29 + s}
        names |= {f"{side}thumb": 21 + s, f"{side}index": 19 + s, f"{side}middle": 19 + s, f"{side}ring": 17 + s}
        names[f"{side}pinky"] = 17 + s
    return {name: picks[landmark] for name, landmark in names.items()}


def _regions(data: BodyData, landmarks: np.ndarray) -> np.ndarray:
    """[F] of `parts.Region`: the file's own, or by skinning weights and the hairline."""
    if data.region_of_face is not None:
        return data.region_of_face
    regions = dominant(data.weights[data.faces].mean(1), tuple(int(r) for r in REGION_OF_JOINT))
    points = landmarks @ data.v_template
    scalp = scalp_mask(data.v_template[data.faces].mean(1), points[[2, 5]], points[[7, 8]])
    regions[(regions == Region.FACE) & scalp] = Region.SCALP
    return regions


def load_body(path: Path | str | None = None, gender: str = "neutral", device: torch.device | str = "cpu") -> BodyModel:
    """Find, read and check a body (see `loading.find_body`): a user's SMPL file, or the open body.

    Raises MissingModel, BadInput.
    """
    return BodyModel(read_body(find_body(path, gender)), device)
