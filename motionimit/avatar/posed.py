"""The fitted body as the source photo sees it: which part covers each texture pixel, how deep, and what hides behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..body.model import BodyModel
from ..body.parts import Part
from ..flow.raster import Raster, rasterize
from ..geometry.camera import Camera
from ..types import BodyParams


@dataclass(frozen=True, slots=True)
class PartView:
    """One body part rasterised alone, so that it is known behind other parts too."""

    front: Raster  # nearest surface that faces the camera
    back: Raster  # nearest surface that faces away
    seam_px: np.ndarray  # [n, 2] where its mesh joins that of other parts, texture pixels
    rest_m: np.ndarray  # [h, w, 3] float32: where the front's surface lies in the rest pose, seen from the pelvis; NaN off it


@dataclass(frozen=True, slots=True)
class PosedBody:
    """The source body in the texture camera."""

    camera: Camera  # of the texture crop
    screen: Tensor  # [V, 3] x_px, y_px, depth_m
    transforms: Tensor  # [24, 4, 4] skinning matrices of the source pose
    rest_m: Tensor  # [V, 3] the person's shape in the rest pose
    label: np.ndarray  # [h, w] int: part that the camera sees, -1 off the body
    region: np.ndarray  # [h, w] int: `Region` that the camera sees, -1 off the body
    depth_m: np.ndarray  # [h, w] float32: depth of what it sees, inf off the body
    parts: dict[Part, PartView]

    @property
    def px_per_m(self) -> float:
        """Texture pixels per metre at the person's distance."""
        return self.camera.focal_px / float(self.screen[:, 2].median())


def pose_body(model: BodyModel, params: BodyParams, camera: Camera) -> PosedBody:
    """Rasterise the source body, whole and part by part. `params` must hold one frame."""
    rest, joints = model.rest(params.betas)
    transforms = model.joint_transforms(params.rotations, joints, params.translation_m)[0]
    vertices = model.mesh(params).vertices_m[0]
    screen = torch.cat((camera.project(vertices), -vertices[:, 2:]), 1)
    faces = model.faces
    whole = rasterize(screen, faces, camera.size_px)
    part_of_face = model.part_of_face
    label, region = (torch.where(whole.face >= 0, of[whole.face.clamp_min(0)], -1) for of in (part_of_face, model.region_of_face))
    a, b, c = screen[faces].unbind(1)
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    parts = {}
    for part in Part:
        of_part = part_of_face == part
        views = []
        for side in (area < 0, area >= 0):
            index = torch.nonzero(of_part & side).squeeze(1)
            view = rasterize(screen, faces[index], camera.size_px)
            ids = torch.where(view.face >= 0, index[view.face.clamp_min(0)] if len(index) else view.face, -1)
            views.append(Raster(ids, view.barycentric, view.depth_m))
        place = _interpolated(views[0], (rest - joints[0])[faces])
        parts[part] = PartView(views[0], views[1], _seam(faces, of_part, screen), place)
    return PosedBody(
        camera,
        screen,
        transforms,
        rest,
        label.numpy().astype(np.int32),
        region.numpy().astype(np.int32),
        whole.depth_m.numpy(),
        parts,
    )


def _interpolated(view: Raster, corners: Tensor) -> np.ndarray:
    """[h, w, C] what a raster's pixels see of values at the faces' corners [F, 3, C]; NaN where they see nothing."""
    out = torch.full((*view.face.shape, corners.shape[-1]), torch.nan)
    seen = view.face >= 0
    out[seen] = (corners[view.face[seen]] * view.barycentric[seen][..., None]).sum(1).float()
    return out.numpy()


def _seam(faces: Tensor, of_part: Tensor, screen: Tensor) -> np.ndarray:
    """[n, 2] pixel positions of the vertices that faces [F, 3] of a part ([F] bool) share with others."""
    inside, outside = (torch.zeros(len(screen), dtype=torch.bool) for _ in range(2))
    inside[faces[of_part].reshape(-1)] = True
    outside[faces[~of_part].reshape(-1)] = True
    return screen[inside & outside, :2].float().numpy()
