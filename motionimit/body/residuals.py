"""The data terms of the fit as whitened residual rows, and their Gauss-Newton normal equations.

A row looks at one point of the rig: residual r, normal a [3] with ``dr = a · dx``. Turning joint f by a world rotation w moves
the point by ``w × lever``, so its derivative is ``lever × a``; translation contributes a itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry.camera import Camera
from .rig import PARAMS, Posed

LIMB_BONES = [(11, 13), (13, 15), (12, 14), (14, 16), (23, 25), (25, 27), (24, 26), (26, 28)]
TORSO_BONES = [(11, 12), (23, 24), (23, 11), (24, 12)]
END_BONES = [(29, 31), (30, 32), (15, 19), (16, 20), (15, 17), (16, 18), (7, 8), (7, 0), (8, 0)]  # feet, hands, head
BONES = np.array([*LIMB_BONES, *TORSO_BONES, *END_BONES])
"""Landmark pairs whose 3D direction is trusted."""
DEPTH_TRUST = 0.5  # monocular depth of a direction against its image-plane part
SIGMA_BONE_M = 0.12
SIGMA_PX = 0.012  # of person height
ROBUST = 3.0  # Geman-McClure scale in sigmas
RELIABILITY = np.ones(33)
RELIABILITY[[23, 24]] = 0.5  # "hip" landmarks wander under clothes
RELIABILITY[[11, 12]] = 0.8
RELIABILITY[17:23] = RELIABILITY[29:33] = 0.6
RELIABILITY[1:7] = RELIABILITY[9:11] = 0.5  # eleven points on one rigid head would outvote the rest


@dataclass(frozen=True)
class Observations:
    """What the detector says of T frames, in the solver's units (NumPy, float64)."""

    xy_px: np.ndarray  # [T, 33, 2]
    weight: np.ndarray  # [T, 33] 0..1, for the image term
    directions: np.ndarray  # [T, B, 3] unit, world axes
    bone_weight: np.ndarray  # [T, B] 0..1
    height_px: np.ndarray  # [T] apparent stature
    seen: np.ndarray  # [T] bool: has any data

    def take(self, index: np.ndarray | slice) -> Observations:
        return Observations(*(getattr(self, f)[index] for f in self.__dataclass_fields__))


@dataclass(frozen=True)
class Rows:
    """A batch of R residual rows per frame."""

    residual: np.ndarray  # [T, R]
    normal: np.ndarray  # [T, R, 3]
    levers: np.ndarray  # [T, R, F, 3]
    moves: bool  # False where translation cancels
    by_beta: np.ndarray | None = None  # [T, R, 10]


def robust(square: np.ndarray, scale: float = ROBUST) -> tuple[np.ndarray, np.ndarray]:
    """Geman-McClure of squared whitened residuals: cost and the factor for residual and normal (root of the IRLS weight)."""
    c2 = scale * scale
    return c2 * square / (c2 + square), c2 / (c2 + square)


def image_normals(points: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Projection [.., 2] px of points [.., 3] m and its derivative [.., 2, 3] px/m."""
    z = np.minimum(points[..., 2], -0.05)
    f = camera.focal_px
    xy = np.stack([camera.center_px[0] - f * points[..., 0] / z, camera.center_px[1] + f * points[..., 1] / z], -1)
    normals = np.zeros((*points.shape[:-1], 2, 3))
    normals[..., 0, 0], normals[..., 0, 2] = -f / z, f * points[..., 0] / z**2
    normals[..., 1, 1], normals[..., 1, 2] = f / z, -f * points[..., 1] / z**2
    return xy, normals


def reprojection(posed: Posed, seen: Observations, camera: Camera, rows: bool, shape: bool) -> tuple[float, Rows | None]:
    """Landmarks against the image, sigma 1.2 % of person height, Geman-McClure at 3 sigma."""
    xy, normals = image_normals(posed.points_m, camera)
    scale = 1 / (SIGMA_PX * seen.height_px[:, None, None])
    error = (xy - seen.xy_px) * scale
    cost, factor = robust((error**2).sum(-1))
    total = float((seen.weight**2 * cost).sum())
    if not rows:
        return total, None
    factor = (factor * seen.weight)[..., None]
    frames, points = xy.shape[:2]
    normal = (normals * (scale * factor)[..., None]).reshape(frames, -1, 3)
    by_beta = None
    if shape:
        by_beta = np.einsum("tkic,tkbc->tkib", normal.reshape(frames, points, 2, 3), posed.points_by_beta()).reshape(
            frames, -1, 10
        )
    return total, Rows((error * factor).reshape(frames, -1), normal, np.repeat(posed.levers_m, 2, 1), True, by_beta)


def directions(posed: Posed, seen: Observations, rows: bool, shape: bool) -> tuple[float, Rows | None]:
    """Bones against the detector's 3D directions times the model's bone length, sigma 12 cm, depth trusted half."""
    a, b = BONES[:, 0], BONES[:, 1]
    rest = posed.shaped.rest_points_m
    length = np.linalg.norm(rest[b] - rest[a], axis=-1)
    axes = np.array([1.0, 1.0, DEPTH_TRUST]) / SIGMA_BONE_M
    error = (posed.points_m[:, b] - posed.points_m[:, a] - seen.directions * length[:, None]) * axes
    cost, factor = robust((error**2).sum(-1))
    total = float((seen.bone_weight**2 * cost).sum())
    if not rows:
        return total, None
    factor = (factor * seen.bone_weight)[..., None]
    frames = len(error)
    normal = (np.diag(axes) * factor[..., None]).reshape(frames, -1, 3)
    levers = np.repeat(posed.levers_m[:, b] - posed.levers_m[:, a], 3, 1)
    by_beta = None
    if shape:
        change = posed.points_by_beta()
        longer = np.einsum("kba,ka->kb", posed.shaped.rig.rest_by_beta[b] - posed.shaped.rig.rest_by_beta[a], (rest[b] - rest[a]))
        longer = longer / np.maximum(length[:, None], 1e-9)
        change = change[:, b] - change[:, a] - longer[..., None] * seen.directions[:, :, None]
        by_beta = (change.swapaxes(-1, -2) * (axes * factor)[..., None]).reshape(frames, -1, 10)
    return total, Rows((error * factor).reshape(frames, -1), normal, levers, False, by_beta)


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross product over the last axis (np.cross, without its overhead)."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], -1)


@dataclass
class Normals:
    """Gauss-Newton system of T frames: ``hessian`` [T, n, n], ``gradient`` [T, n]; with shape the arrow's other blocks."""

    hessian: np.ndarray
    gradient: np.ndarray
    mixed: np.ndarray  # [T, n, 10]
    shape_hessian: np.ndarray  # [10, 10]
    shape_gradient: np.ndarray  # [10]

    def add(self, other: Normals) -> None:
        """Sum in place."""
        for name in self.__dataclass_fields__:
            getattr(self, name)[...] += getattr(other, name)


def assemble(batches: list[Rows], posed: Posed) -> Normals:
    """Sum the rows' normal equations and map them from world turns to turns in each parent's frame (left perturbation)."""
    frames = len(posed.positions_m)
    out = Normals(
        np.zeros((frames, PARAMS, PARAMS)),
        np.zeros((frames, PARAMS)),
        np.zeros((frames, PARAMS, 10)),
        np.zeros((10, 10)),
        np.zeros(10),
    )
    for rows in batches:
        count = rows.residual.shape[1]
        jacobian = np.zeros((frames, count, PARAMS))
        jacobian[:, :, :-3] = cross(rows.levers, rows.normal[:, :, None]).reshape(frames, count, -1)
        if rows.moves:
            jacobian[:, :, -3:] = rows.normal
        transposed = jacobian.swapaxes(1, 2)
        out.hessian += transposed @ jacobian
        out.gradient += (transposed @ rows.residual[..., None])[..., 0]
        if rows.by_beta is not None:
            out.mixed += transposed @ rows.by_beta
            out.shape_hessian += np.tensordot(rows.by_beta, rows.by_beta, ((0, 1), (0, 1)))
            out.shape_gradient += np.tensordot(rows.by_beta, rows.residual, ((0, 1), (0, 1)))
    _to_parent_frames(out, posed.parent_frames)
    return out


def _to_parent_frames(system: Normals, frames: np.ndarray) -> None:
    turn = frames.swapaxes(-1, -2)  # [T, F, 3, 3]
    count, joints = turn.shape[:2]
    rotate = PARAMS - 3

    def left(block: np.ndarray) -> np.ndarray:
        return (turn @ block.reshape(count, joints, 3, -1)).reshape(count, rotate, -1)

    system.hessian[:, :rotate] = left(system.hessian[:, :rotate])
    system.hessian[:, :, :rotate] = left(system.hessian[:, :, :rotate].swapaxes(1, 2).reshape(count, rotate, -1)).swapaxes(1, 2)
    system.gradient[:, :rotate] = left(system.gradient[:, :rotate, None])[..., 0]
    system.mixed[:, :rotate] = left(system.mixed[:, :rotate])
