"""A camera that goes round the person: the same as the person turning before a camera that stands still. Rigid motions only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..errors import BadUsage
from ..geometry.camera import Camera
from ..types import BodyParams
from .ground import MARGIN, touch_points, touch_rig
from .upright import balance, stood, turn, vertical

if TYPE_CHECKING:
    from .model import BodyModel

STEP_BACK = 1.6  # times the distance, at most, to keep in the frame what a turn would move out of it
BULLET_EASE = 0.25  # share of a spin in which the camera steps back, and in which it returns


@dataclass(frozen=True, slots=True)
class Pivot:
    """The vertical about which a person turns."""

    point_m: np.ndarray  # [3] their centre of mass
    tilt_deg: float  # against the camera's y axis, towards the camera; see `upright.balance`

    @classmethod
    def of(cls, params: BodyParams, model: BodyModel) -> Pivot:
        """The mean over all frames of a motion."""
        tilt_deg, point = balance(params, model)
        return cls(point, tilt_deg)

    def rotations(self, yaw_deg: np.ndarray, elevation_deg: np.ndarray | float = 0.0) -> np.ndarray:
        """[T, 3, 3]: by `yaw_deg` [T] about the vertical (see `upright.turn`), then seen from `elevation_deg` higher up."""
        upright = vertical(self.tilt_deg)
        raised = np.stack([vertical(e) for e in np.broadcast_to(elevation_deg, np.shape(yaw_deg))])
        return np.asarray(raised @ upright @ turn(yaw_deg) @ upright.T)


def arc(turn_deg: float, frames: int) -> np.ndarray:
    """Yaw [T] in degrees of a camera path that begins at 0.

    Whole turns have constant speed and end one step before their start, so that they loop; other arcs ease in and out and end
    at `turn_deg` exactly. One frame alone is at `turn_deg`.
    """
    if frames == 1:
        return np.array([turn_deg])
    if turn_deg % 360 == 0:
        return turn_deg * np.arange(frames) / frames
    return turn_deg * eased(np.arange(frames) / (frames - 1))


def eased(share: np.ndarray) -> np.ndarray:
    """0..1 → 0..1 with speed and acceleration 0 at both ends: ``6u⁵ - 15u⁴ + 10u³``; at most 1.875 times the mean speed."""
    u = np.clip(share, 0, 1)
    return np.asarray(u**3 * (10 - 15 * u + 6 * u * u))


def turntable(
    params: BodyParams,
    model: BodyModel,
    yaw_deg: np.ndarray,
    elevation_deg: np.ndarray | float = 0.0,
    pose: torch.Tensor | None = None,
) -> BodyParams:
    """The person of `params` (T = 1), turned by `yaw_deg` [T] before the same camera, raised by `elevation_deg`; one per yaw.

    `pose` [24, 3, 3] replaces the person's own, see `upright.stood`. At elevation 0 the feet stay on their floor. The camera is
    as far back for all frames as the one with the least room needs: nothing reaches farther out of the picture than the person
    of `params` did, or than a small margin; `STEP_BACK` bounds it.
    """
    pivot, before = Pivot.of(params, model), outline(params, model)
    if pose is not None:
        params = stood(pose, params, model)
        pivot = Pivot(balance(params, model)[1], pivot.tilt_deg)
    rotations = pivot.rotations(yaw_deg, elevation_deg)
    shift_m = room(moved_points(outline(params, model), rotations, pivot.point_m), before, params.camera, pivot)
    return shifted(moved(params, model, rotations, pivot.point_m), shift_m)


def seen_from(motion: BodyParams, model: BodyModel, yaw_deg: Sequence[float]) -> list[BodyParams]:
    """The same motion [T] from several sides (yaw in degrees), about one vertical for all of it, at one distance.

    Bodies turn about their own vertical, but their way turns in the level floor on which `retarget` keeps them: else a step
    towards a camera that looks down would be a step into the air, seen from behind.
    """
    pivot = Pivot.of(motion, model)
    way = motion.translation_m - motion.translation_m.mean(0)
    there = BodyParams(motion.rotations, motion.betas, motion.translation_m - way, motion.camera)
    views = []
    for yaw, rotation in zip(yaw_deg, pivot.rotations(np.asarray(yaw_deg, np.float64)), strict=True):
        level = torch.from_numpy(turn(np.asarray(yaw))).float()
        views.append(shifted(moved(there, model, rotation[None], pivot.point_m), (way @ level.T).numpy()))
    body = np.concatenate([outline(view, model).reshape(-1, 3) for view in views])
    shift_m = room(body, outline(motion, model), motion.camera, pivot)
    return [shifted(view, shift_m) for view in views]


def bullet_time(motion: BodyParams, model: BodyModel, frame: int, spin_frames: int) -> tuple[BodyParams, np.ndarray]:
    """Freeze the motion [T] at `frame` (from 0) for `spin_frames` in which the camera goes once round, then go on.

    Returns T + spin_frames frames, and for each the frame of `motion` [T + spin_frames] that it shows. The spin eases in and out.
    Raises `BadUsage` for a frame that the motion doesn't have.
    """
    total = len(motion.rotations)
    check_bullet_frame(frame, total)
    index = np.r_[0 : frame + 1, np.full(spin_frames, frame), frame + 1 : total]
    frozen = motion.at(frame, *motion.camera.size_px)
    still, whole = Pivot.of(frozen, model), Pivot.of(motion, model)
    pivot = Pivot(still.point_m, whole.tilt_deg)
    share = np.arange(1, spin_frames + 1) / (spin_frames + 1)
    rotations, body = pivot.rotations(360 * eased(share)), outline(frozen, model)
    shift_m = room(moved_points(body, rotations, pivot.point_m), body, motion.camera, pivot)
    away = eased(np.minimum(share, 1 - share) / BULLET_EASE)
    spin = shifted(moved(frozen, model, rotations, pivot.point_m), away[:, None] * shift_m)
    parts = [
        (getattr(motion, n)[: frame + 1], getattr(spin, n), getattr(motion, n)[frame + 1 :])
        for n in ("rotations", "translation_m")
    ]
    return BodyParams(torch.cat(parts[0]), motion.betas, torch.cat(parts[1]), motion.camera), index


def check_bullet_frame(frame: int, total: int) -> None:
    """Raises `BadUsage` for a frame that a motion of `total` frames doesn't have."""
    if not 0 <= frame < total:
        raise BadUsage(f"--bullet freezes frame {frame}, but the motion has frames 0 to {total - 1} only; choose one of these.")


def moved(params: BodyParams, model: BodyModel, rotations: np.ndarray, pivot_m: np.ndarray) -> BodyParams:
    """Bodies [T] turned rigidly by `rotations` [T, 3, 3] about `pivot_m` [3]; one frame or one rotation stands for all."""
    turns = torch.from_numpy(rotations)
    count = max(len(turns), len(params.rotations))
    joint = model.rest_joints(params.betas)[0].double().cpu()  # the root's rotation turns about it
    root = params.translation_m.double() + joint
    pivot = torch.from_numpy(pivot_m)
    place = torch.einsum("tij,tj->ti", turns.expand(count, 3, 3), (root - pivot).expand(count, 3)) + pivot - joint
    posed = params.rotations.double().expand(count, -1, 3, 3).clone()
    posed[:, 0] = turns @ posed[:, 0]
    return BodyParams(posed.float(), params.betas, place.float(), params.camera)


def moved_points(points_m: np.ndarray, rotations: np.ndarray, pivot_m: np.ndarray) -> np.ndarray:
    """[T or 1, K, 3] → [T, K, 3], as `moved` does."""
    return np.asarray((points_m - pivot_m) @ rotations.swapaxes(-1, -2) + pivot_m)


def shifted(params: BodyParams, shift_m: np.ndarray) -> BodyParams:
    """Bodies [T] moved by `shift_m`, [3] or [T, 3]."""
    return BodyParams(params.rotations, params.betas, params.translation_m + torch.from_numpy(shift_m).float(), params.camera)


def outline(params: BodyParams, model: BodyModel) -> np.ndarray:
    """Points [T, K, 3] that reach as far as the body does in any direction: exactly for one frame, within some cm for more."""
    if len(params.rotations) == 1:
        from scipy.spatial import ConvexHull  # slow to load, and not every job turns anybody

        vertices = model.mesh(params).vertices_m[0].double().cpu().numpy()
        return vertices[None, ConvexHull(vertices).vertices]
    rig = touch_rig(model).shaped(params.betas.double().numpy())
    return touch_points(rig.pose(params.rotations.double().numpy(), params.translation_m.double().numpy()))


def room(points_m: np.ndarray, before_m: np.ndarray, camera: Camera, pivot: Pivot) -> np.ndarray:
    """The shift [3] in metres, back and as little to the side, that keeps `points_m` [.., 3] in the picture less a margin.

    Where `before_m` [.., 3] reaches farther out than that, so may they: a photo that cuts the legs is not to be zoomed out of.
    With a the way back, a point is at f x / (a - z) px from the centre. So f |y| ≤ Y (a - z) gives a; and f (x + s) ≤ R (a - z)
    for one point with f (x + s) ≥ -L (a - z) for another leaves an s between them where (L + R) a ≥ f (x₁ - x₂) + R z₁ + L z₂.
    """
    (x, y, z), f = np.moveaxis(points_m.reshape(-1, 3), 1, 0), camera.focal_px
    left, right, above, below = _limits_px(before_m, camera)
    across = ((f * x + right * z).max() + (left * z - f * x).max()) / (left + right)
    away = max(0.0, across, (f * y / above + z).max(), (-f * y / below + z).max())
    away = min(away, (STEP_BACK - 1) * -pivot.point_m[2])
    low, high = (-left * (away - z) / f - x).max(), (right * (away - z) / f - x).min()
    return np.array([np.clip(0, low, high) if low <= high else (low + high) / 2, 0, -away])


def _limits_px(points_m: np.ndarray, camera: Camera) -> tuple[float, float, float, float]:
    """How far from the principal point the picture reaches less a margin, or `points_m` do: left, right, up, down."""
    (cx, cy), (width, height) = camera.center_px, camera.size_px
    depth = np.maximum(-points_m[..., 2], 1e-3)
    x, y = (camera.focal_px * points_m[..., axis] / depth for axis in (0, 1))
    edges = np.array([cx, width - cx, cy, height - cy]) - MARGIN * height
    left, right, above, below = np.maximum(np.maximum(edges, [-x.min(), x.max(), y.max(), -y.min()]), 1.0)
    return float(left), float(right), float(above), float(below)
