"""People who stand before a camera that may look down on them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from motionimit.body.model import BodyModel, load_body
from motionimit.body.upright import rest_pose, vertical
from motionimit.geometry.camera import Camera
from motionimit.types import BodyParams


@lru_cache
def body() -> BodyModel:
    return load_body()


def standing(
    tilt_deg: float = 0.0, depth_m: float = 3.4, size_px: tuple[int, int] = (480, 720), arms: str = "a", yaw_deg: float = 0.0
) -> BodyParams:
    """Someone with arms out who faces a camera that looks down by `tilt_deg`, or is turned by `yaw_deg` before it (T = 1)."""
    from motionimit.body.upright import turn

    rotations = rest_pose(arms).double()  # type: ignore[arg-type]
    rotations[0] = torch.from_numpy(vertical(tilt_deg) @ turn(np.array(yaw_deg)))
    place = torch.tensor([[0.1, -0.05, -depth_m]])
    betas = torch.tensor([0.8, -0.4, 0.2, 0, 0, 0, 0, 0, 0, 0])
    return BodyParams(rotations.float()[None], betas, place, Camera.for_image(*size_px))


def walking(frames: int, tilt_deg: float = 0.0) -> BodyParams:
    """Someone whose arms and legs swing on the way from the left to the right of the picture."""
    one = standing(tilt_deg, depth_m=4.5)
    swing = torch.sin(torch.arange(frames) * 0.7).double()
    rotations = one.rotations.expand(frames, 24, 3, 3).double().clone()
    for joint, side in ((1, 1), (2, -1), (16, -1), (17, 1)):
        for t in range(frames):
            rotations[t, joint] = torch.from_numpy(vertical(float(25 * side * swing[t]))) @ rotations[t, joint]
    place = one.translation_m.repeat(frames, 1)
    place[:, 0] = torch.linspace(-0.3, 0.3, frames)
    return BodyParams(rotations.float(), one.betas, place, one.camera)
