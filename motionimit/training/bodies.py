"""The exact SMPL-layout body of a synthetic person: the open body's betas that reproduce the drawn one, by shared UVs."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..body.model import BodyModel
from ..geometry.camera import Camera
from ..geometry.rotation import axis_angle_to_matrix
from ..types import BodyParams
from .people import BodyFactory, Person
from .skeleton import skin, skinning_transforms

_SAME_UV = 1e-4
_RIDGE = 1e-7  # per equation


class BodyMatcher:
    """Knows which base-mesh vertex every vertex of the open body is."""

    def __init__(self, factory: BodyFactory, model: BodyModel) -> None:
        if model.uv is None or model.uv_faces is None:
            raise ValueError("the body model has no UVs to match vertices by")
        ours = np.zeros((len(model.v_template), 2), np.float32)
        ours[model.faces.numpy().reshape(-1)] = model.uv[model.uv_faces].numpy().reshape(-1, 2)
        distance, corner = cKDTree(factory.uv.reshape(-1, 2)).query(ours)
        self.model = model
        self.vertex = np.flatnonzero(distance < _SAME_UV)[::5]  # a fifth is plenty for ten betas
        self.base = factory.faces.reshape(-1)[corner[self.vertex]]

    def betas(self, person: Person) -> Tensor:
        """[10] least-squares betas; fingers and feet count as little as their share of vertices allows."""
        body = person.layers[0]
        tpose = skinning_transforms(person.skeleton, np.tile(np.eye(3), (24, 1, 1)), np.zeros(3))
        points = skin(body.vertices_m[self.base], body.weights[self.base], tpose) - person.joints_m[0]
        origin = self.model.joint_mean[0].double().numpy()
        template = self.model.v_template[self.vertex].double().numpy() - origin
        basis = (self.model.shapedirs[self.vertex] - self.model.joint_basis[0]).double().numpy().reshape(-1, 10)
        normal = basis.T @ basis + _RIDGE * len(basis) * np.eye(10)
        return torch.from_numpy(np.linalg.solve(normal, basis.T @ (points - template).reshape(-1))).float()

    def params(
        self, betas: Tensor, person: Person, rotations: np.ndarray, translation_m: np.ndarray, camera: Camera
    ) -> BodyParams:
        """The exact parameters of poses [T, 24, 3, 3] with the person's translations [T, 3]."""
        root = self.model.rest_joints(betas)[0]
        moved = torch.from_numpy(translation_m + person.joints_m[0]).float() - root
        return BodyParams(torch.from_numpy(rotations).float(), betas, moved, camera)


def shaken(rng: np.random.Generator, params: BodyParams, constant_deg: float, jitter_deg: float) -> BodyParams:
    """The same motion as a fit would see it: every joint off by a constant and by a fresh error per frame."""
    frames = len(params.rotations)
    wrong = rng.normal(0, np.deg2rad(constant_deg), (1, 24, 3)) + rng.normal(0, np.deg2rad(jitter_deg), (frames, 24, 3))
    turned = params.rotations @ axis_angle_to_matrix(torch.from_numpy(wrong).float())
    return BodyParams(turned, params.betas, params.translation_m, params.camera)
