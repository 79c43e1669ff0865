"""Put a driver's motion into the photo: the photo's body and camera, the driver's rotations, and a translation by strategy.

smooth  travel relative to the driver's start, scaled by leg length, half in depth, kept in the frame; feet on the photo's floor.
source  the photo's place; only up and down follows, so that feet stay on the floor.
copy    the driver's own place and size in the picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from ..geometry.series import gaussian
from ..types import BodyParams
from .ground import HEAD, Stage, floor_clearance, floor_slope, in_frame, stage_of, touch_points, touch_rig, travel
from .initialise import shots
from .rig import Posed, Shaped

if TYPE_CHECKING:
    from .model import BodyModel

CameraMode = Literal["smooth", "source", "copy"]
SETTLE_S = 0.05  # the lift that keeps feet on the floor is smoothed by this much


def retarget(
    source: BodyParams,
    driver: BodyParams,
    model: BodyModel,
    driver_model: BodyModel | None = None,
    mode: CameraMode = "smooth",
    fps: float = 30.0,
    cuts: tuple[int, ...] = (),
) -> BodyParams:
    """The motion [T] of `driver` on the body and in the camera of `source` (T = 1).

    `driver_model` is the driver's body where it differs from `model`; `cuts` are frames that begin a new shot of the driver.
    The driver's facing is kept as its own camera sees it: where the person is moved to another side of the picture, the body
    turns with the line of sight. Raises ValueError for an unknown mode.
    """
    if mode not in ("smooth", "source", "copy"):
        raise ValueError(f"mode must be smooth, source or copy, got {mode!r}")
    body = touch_rig(model).shaped(source.betas.double().numpy())
    theirs = body.rig if driver_model is None else touch_rig(driver_model)
    acted = _posed(theirs.shaped(driver.betas.double().numpy()), driver)
    rotations = driver.rotations.double().numpy().copy()
    if mode == "copy":
        root = _copied(body, acted, rotations, source, driver)
    else:
        root = _staged(body, _posed(body, source), acted, rotations, source, mode == "smooth", fps, cuts)
    return BodyParams(
        torch.from_numpy(rotations).float(),
        source.betas.float(),
        torch.from_numpy(root - body.joints_m[0]).float(),
        source.camera,
    )


def leg_length_m(shaped: Shaped) -> float:
    """Thigh plus shank in rest pose."""
    hip, knee, ankle = shaped.joints_m[[1, 4, 7]]
    return float(np.linalg.norm(hip - knee) + np.linalg.norm(knee - ankle))


def _posed(shaped: Shaped, params: BodyParams) -> Posed:
    return shaped.pose(params.rotations.double().numpy(), params.translation_m.double().numpy())


def _turn_with_sight(rotations: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
    """Turn roots in place about the vertical, so that a body moved from `before` [T, 3] to `after` shows the same side."""
    angle = np.arctan2(before[:, 0], -before[:, 2]) - np.arctan2(after[:, 0], -after[:, 2])
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros(len(angle)), np.ones(len(angle))
    turn = np.stack([np.stack([c, zero, s], -1), np.stack([zero, one, zero], -1), np.stack([-s, zero, c], -1)], -2)
    rotations[:, 0] = turn @ rotations[:, 0]


def _copied(body: Shaped, acted: Posed, rotations: np.ndarray, source: BodyParams, driver: BodyParams) -> np.ndarray:
    """Root positions [T, 3] at which our body covers the driver's place in the picture; turns `rotations` in place.

    The middle of the joints lands where the driver's is (as a share of the frame) and the body's size in the picture is the
    driver's (as a share of the frame's height), by a depth scaled with the ratio of the two bodies' sizes.
    """
    origin = np.zeros((len(rotations), 3))
    ours = body.pose(rotations, origin).positions_m
    theirs = acted.positions_m
    spread = [np.linalg.norm(j - j.mean(1, keepdims=True), axis=(1, 2)) for j in (ours, theirs)]
    ratio = float(np.median(spread[0] / spread[1]))
    there, here = driver.camera, source.camera
    zoom = here.size_px[1] / there.size_px[1]
    middle = theirs.mean(1)
    depth = middle[:, 2] * ratio * here.focal_px / (there.focal_px * zoom)
    x = (there.center_px[0] - there.focal_px * middle[:, 0] / middle[:, 2]) * here.size_px[0] / there.size_px[0]
    y = (there.center_px[1] + there.focal_px * middle[:, 1] / middle[:, 2]) * zoom
    target = np.stack(
        [-(x - here.center_px[0]) * depth / here.focal_px, (y - here.center_px[1]) * depth / here.focal_px, depth], -1
    )
    _turn_with_sight(rotations, middle, target)
    turned = body.pose(rotations, origin).positions_m
    return target - turned.mean(1) + turned[:, 0]


def _staged(
    body: Shaped,
    photo: Posed,
    acted: Posed,
    rotations: np.ndarray,
    source: BodyParams,
    roams: bool,
    fps: float,
    cuts: tuple[int, ...],
) -> np.ndarray:
    """Root positions [T, 3] on the photo's stage; turns `rotations` in place."""
    frames = len(rotations)
    ratio = leg_length_m(body) / leg_length_m(acted.shaped)
    stage = stage_of(photo, source.camera)
    touching = touch_points(acted)
    slope = floor_slope(touching, cuts)
    lift = floor_clearance((touching[..., 1] - slope[:, None] * touching[..., 2]).min(1), fps, cuts) * ratio
    root = np.repeat(stage.root_m[None], frames, 0)
    if roams:
        root += travel(acted.positions_m[:, 0], ratio, cuts)
        reach = np.abs(touching[..., 0] - acted.positions_m[:, :1, 0]).max(1) * ratio
        root = in_frame(root, reach, stage)
    _turn_with_sight(rotations, acted.positions_m[:, 0], root)
    posed = body.pose(rotations, root - body.joints_m[0])
    down = touch_points(posed) - posed.positions_m[:, :1]
    height = -(down[..., 1] - slope[:, None] * down[..., 2]).min(
        1
    )  # of the pelvis above the lowest point, the floor tilted as seen
    root[:, 1] = _ground_line(stage, height, cuts) + _settled(height, fps, cuts) + lift
    return stage.stepped_back(root, posed.positions_m[:, HEAD, 1] - posed.positions_m[:, 0, 1])


def _ground_line(stage: Stage, height: np.ndarray, cuts: tuple[int, ...]) -> np.ndarray:
    """Height [T] of the floor: the photo's, or, where its feet are outside, what keeps the pelvis where the photo has it."""
    line = np.full(len(height), stage.floor_m)
    if not stage.feet_seen:
        for shot in shots(len(height), cuts):
            line[shot] = stage.root_m[1] - np.median(height[shot][:5])
    return line


def _settled(height: np.ndarray, fps: float, cuts: tuple[int, ...]) -> np.ndarray:
    out = height.copy()
    for shot in shots(len(height), cuts):
        out[shot] = gaussian(height[shot], SETTLE_S * fps)
    return out
