"""How well a fitted body explains what the detector saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from ..types import BodyParams, FitQuality, PersonTrack
from .initialise import STATURE_M, shots
from .residuals import image_normals
from .rig import Rig, Shaped
from .silhouette import coverage, iou

if TYPE_CHECKING:
    from .model import BodyModel

CHUNK = 256  # frames posed at a time
MASKS = 16  # silhouettes drawn at most
MASK_PX = 256


class Skin:
    """Linear blend skinning of the whole mesh for one shape, in NumPy."""

    def __init__(self, model: BodyModel, betas: np.ndarray) -> None:
        rest, joints = model.rest(torch.from_numpy(betas).float())
        self.rest = np.concatenate([rest.double().numpy(), np.ones((len(rest), 1))], 1)
        self.joints = joints.double().numpy()
        self.weights = model.weights.double().numpy()
        self.parents = [int(p) for p in model.parents]
        self.faces = model.faces.numpy()

    def __call__(self, rotations: np.ndarray, translation: np.ndarray) -> np.ndarray:
        """Vertices [V, 3] of one pose: rotations [24, 3, 3], translation [3]."""
        table = np.zeros((0, 24, 4))
        empty = Rig(np.asarray(self.parents), self.joints, np.zeros((10, 24, 3)), table, np.zeros((10, 0, 24, 4)))
        posed = Shaped(empty, self.joints, table[..., :3]).pose(rotations[None], translation[None])
        turn, place = posed.globals_[0], posed.positions_m[0]
        shift = place - (turn @ self.joints[..., None])[..., 0]
        transforms = np.concatenate([turn, shift[..., None]], -1)  # [24, 3, 4]
        blended = (self.weights @ transforms.reshape(24, 12)).reshape(-1, 3, 4)
        return np.einsum("vab,vb->va", blended, self.rest)


def measure_fit(track: PersonTrack, params: BodyParams, model: BodyModel, warnings: tuple[str, ...] = ()) -> FitQuality:
    """Reprojection error in % of the person's apparent stature (mean and 95th percentile over landmarks with confidence > 0.5),
    IoU of the bare body with the detector's masks, and the mean 3D joint acceleration in mm per frame²."""
    rotations, translation = params.rotations.double().numpy(), params.translation_m.double().numpy()
    betas = params.betas.double().numpy()
    shaped = Rig.landmarks(model).shaped(betas)
    errors, joints = [], []
    for start in range(0, len(rotations), CHUNK):
        part = slice(start, start + CHUNK)
        posed = shaped.pose(rotations[part], translation[part])
        joints.append(posed.positions_m)
        xy, _ = image_normals(posed.points_m, params.camera)
        height = params.camera.focal_px * STATURE_M / np.maximum(-posed.positions_m[:, 0, 2], 0.1)
        error = np.linalg.norm(xy - track.joints_px[part].numpy(), axis=-1) / height[:, None] * 100
        errors.append(error[(track.confidence[part] > 0.5).numpy() & track.valid[part].numpy()[:, None]])
    error = np.concatenate(errors)
    return FitQuality(
        float(error.mean()) if len(error) else float("nan"),
        float(np.percentile(error, 95)) if len(error) else float("nan"),
        mask_agreement(track, params, model),
        jitter_mm(np.concatenate(joints), track.cuts),
        warnings,
    )


def jitter_mm(joints_m: np.ndarray, cuts: tuple[int, ...]) -> float:
    """Mean length of the second difference of joints [T, J, 3] in mm per frame², not across cuts; 0 for too few frames."""
    second = [np.linalg.norm(np.diff(joints_m[s], 2, axis=0), axis=-1).ravel() for s in shots(len(joints_m), cuts)]
    flat = np.concatenate(second)
    return float(flat.mean() * 1000) if len(flat) else 0.0


def mask_agreement(track: PersonTrack, params: BodyParams, model: BodyModel) -> float | None:
    """Mean IoU of the projected bare body with up to 16 of the kept masks; None where there are none."""
    chosen = [i for i, t in enumerate(track.mask_frames) if bool(track.valid[t])]
    if not chosen:
        return None
    chosen = chosen[:: max(1, -(-len(chosen) // MASKS))]
    skin = Skin(model, params.betas.double().numpy())
    values = []
    for i in chosen:
        mask = track.masks[i, 0].numpy()
        step = max(1, max(mask.shape) // MASK_PX)
        mask = mask[::step, ::step]
        t = track.mask_frames[i]
        vertices = skin(params.rotations[t].double().numpy(), params.translation_m[t].double().numpy())
        height, width = mask.shape
        xy, _ = image_normals(vertices, params.camera)
        xy = xy * (np.array([width, height]) / params.camera.size_px)
        values.append(iou(coverage(xy, skin.faces, (width, height)), mask > 0.5))
    return float(np.mean(values))
