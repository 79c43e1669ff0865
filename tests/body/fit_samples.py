"""A synthetic dancer: known rotations, seen through the fit's own camera by a perfect (or noisy) landmark detector."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch

from motionimit.body import so3
from motionimit.body.model import BodyModel
from motionimit.body.rig import Rig
from motionimit.geometry.camera import Camera
from motionimit.types import BodyParams, PersonTrack

SIZE_PX = (720, 960)
STATURE_M = 1.7


def dance(frames: int, fps: float = 30.0, turn_deg: float = 360.0, betas: np.ndarray | None = None) -> BodyParams:
    """A turn on the spot with swinging arms, bending knees and a nodding head; hinges bend about their own axes only."""
    t = np.arange(frames) / fps
    vectors = np.zeros((frames, 24, 3))
    vectors[:, 0, 1] = np.radians(turn_deg) * np.arange(frames) / max(frames - 1, 1)
    vectors[:, [3, 6, 9], 0] = 0.06 * np.sin(2 * t)[:, None]
    for side, (hip, knee, shoulder, elbow) in ((1, (1, 4, 16, 18)), (-1, (2, 5, 17, 19))):
        vectors[:, hip, 0] = -0.35 + 0.3 * side * np.sin(3 * t)
        vectors[:, knee, 0] = 0.5 + 0.3 * np.sin(3 * t + side)
        vectors[:, shoulder, 2] = -side * (0.8 + 0.3 * np.sin(2.5 * t + side))
        vectors[:, elbow, 1] = -side * (0.7 + 0.4 * np.sin(2 * t + 2 * side))
    vectors[:, 15, 0] = 0.1 * np.sin(4 * t)
    place = np.stack([0.15 * np.sin(t), 0.1 + 0.02 * np.cos(6 * t), -3.4 + 0.1 * np.sin(1.5 * t)], -1)
    shape = np.zeros(10) if betas is None else betas
    return BodyParams(
        torch.from_numpy(so3.exp(vectors)).float(),
        torch.from_numpy(shape).float(),
        torch.from_numpy(place).float(),
        Camera.for_image(*SIZE_PX),
    )


def detect(
    params: BodyParams, model: BodyModel, fps: float = 30.0, noise: float = 0.0, cuts: tuple[int, ...] = ()
) -> PersonTrack:
    """What a detector would report, with Gaussian noise of `noise` person heights in the image and in 3D."""
    rng = np.random.default_rng(7)
    posed = (
        Rig.landmarks(model)
        .shaped(params.betas.double().numpy())
        .pose(params.rotations.double().numpy(), params.translation_m.double().numpy())
    )
    points = torch.from_numpy(posed.points_m)
    xy = params.camera.project(points).numpy()
    height_px = params.camera.focal_px * STATURE_M / -posed.positions_m[:, :1, 2:]
    xy = xy + rng.normal(size=xy.shape) * noise * height_px
    box = np.concatenate([xy.min(1), xy.max(1)], 1)
    center = (box[:, :2] + box[:, 2:]) / 2 - params.camera.center_px
    ray = np.stack([center[:, 0], -center[:, 1], -np.full(len(box), params.camera.focal_px)], -1)
    turn = so3.between(np.broadcast_to([0.0, 0.0, -1.0], ray.shape), ray)  # the detector looks straight at the person
    world = posed.points_m @ turn
    world = world - world[:, [23, 24]].mean(1, keepdims=True) + rng.normal(size=world.shape) * noise * STATURE_M
    frames = len(xy)
    return PersonTrack(
        SIZE_PX,
        Fraction(fps).limit_denominator(),
        torch.from_numpy(box).float(),
        torch.from_numpy(xy).float(),
        torch.from_numpy(world).float(),
        torch.ones(frames, 33),
        torch.ones(frames, dtype=torch.bool),
        cuts,
        (),
        torch.zeros(0, 1, 8, 8),
    )


def joints_m(params: BodyParams, model: BodyModel) -> np.ndarray:
    """[T, 24, 3] relative to the pelvis."""
    joints = model.mesh(params).joints_m.numpy()
    return joints - joints[:, :1]


def rotation_error_deg(a: BodyParams, b: BodyParams) -> np.ndarray:
    """[T, 24] angle between world rotations of the joints."""
    model_a, model_b = (_globals(p) for p in (a, b))
    return np.degrees(np.linalg.norm(so3.log(model_a @ model_b.swapaxes(-1, -2)), axis=-1))


def _globals(params: BodyParams) -> np.ndarray:
    from motionimit.body.parts import SMPL_PARENTS

    local = params.rotations.double().numpy()
    out = local.copy()
    for j, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            out[:, j] = out[:, parent] @ local[:, j]
    return out
