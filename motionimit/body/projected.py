"""Where a detector would find the keypoints of a body whose pose is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..geometry.camera import Camera
from ..pose.keypoints import keypoints_of
from ..types import BodyParams
from .rig import Rig

if TYPE_CHECKING:
    from .model import BodyModel

# How far a point of the face may turn away from the camera, as the least cosine between its direction from the middle of the
# head and the camera's: a nose shows until 104°, an eye until 96° and an ear until 110°, which the far ear reaches at 20°.
_TURNED_AWAY = {0: -0.25, 2: -0.1, 5: -0.1, 7: -0.35, 8: -0.35}
_EARS = (7, 8)


def projected_keypoints(params: BodyParams, model: BodyModel) -> Tensor:
    """The 18 keypoints [18, 3] of a fitted body (T = 1) in its whole picture, as `seen_keypoints`."""
    width, height = params.camera.size_px
    return seen_keypoints(_landmarks_m(params, model), params.camera, (0, height, 0, width))


def found_keypoints(landmarks_px: Tensor, confidence: Tensor, params: BodyParams, model: BodyModel) -> Tensor:
    """Landmarks [33, 2] that a detector found in a picture of the fitted body (T = 1), and their confidence [33] → keypoints
    [18, 3]. Detectors are sure of faces on the back of heads; the body knows better."""
    return keypoints_of(landmarks_px, confidence * face_seen(_landmarks_m(params, model)))


def _landmarks_m(params: BodyParams, model: BodyModel) -> Tensor:
    """[33, 3] in the camera-aligned world."""
    shaped = Rig.landmarks(model).shaped(params.betas.double().numpy())
    posed = shaped.pose(params.rotations.double().numpy(), params.translation_m.double().numpy())
    return torch.from_numpy(posed.points_m[0]).float()


def seen_keypoints(landmarks_m: Tensor, camera: Camera, picture: tuple[int, int, int, int]) -> Tensor:
    """Landmarks [33, 3] in the camera-aligned world → keypoints [18, 3] in px; confidence 1, or 0 outside the picture (top,
    bottom, left, right px) and for points of the face that are turned away."""
    xy = camera.project(landmarks_m)
    top, bottom, left, right = picture
    inside = (xy[:, 0] >= left) & (xy[:, 0] < right) & (xy[:, 1] >= top) & (xy[:, 1] < bottom)
    return keypoints_of(xy, (inside & face_seen(landmarks_m)).float())


def face_seen(landmarks_m: Tensor) -> Tensor:
    """[33] bool: whether nose, eyes and ears [33, 3] are on the camera's side of the head, as detectors report them; True for
    all other landmarks. The camera stands at the origin."""
    middle = landmarks_m[list(_EARS)].mean(0)
    out = torch.ones(len(landmarks_m), dtype=torch.bool)
    towards = normalize(-middle, dim=0)
    for k, least in _TURNED_AWAY.items():
        out[k] = bool(normalize(landmarks_m[k] - middle, dim=0) @ towards > least)
    return out
