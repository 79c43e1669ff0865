"""The photo as a stage: its floor, its room to move, and when a driver's feet leave their own floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..geometry.camera import Camera
from ..geometry.series import gaussian, percentile
from .initialise import shots
from .residuals import image_normals
from .rig import Posed, Rig

if TYPE_CHECKING:
    from .model import BodyModel

DEPTH_SHARE = 0.5  # of the driver's motion in depth: monocular depth is the least certain part of a fit
HEAD, ANKLES = 15, [7, 8]
CROWN_M = 0.2  # above the head joint
MARGIN = 0.015  # of the frame's height, kept free
NARROWEST_M, WIDEST_M = 0.25, 0.7  # of half the room that a person is given
NEARER, FARTHER = 1.4, 0.5  # apparent size against the photo's, at most and at least
STEP_BACK = 1.35  # at most, to bring a head into the frame that the photo's pose kept lower
SOLE_M, SOLE_POINTS, BODY_POINTS = 0.012, 16, 80
CHUNK = 256  # frames posed at a time
FLOOR_WINDOW_S = 3.0
FLOOR_SPREAD_M = 0.15  # depth spread of a walk at which half of the measured slope is believed
FLOOR_PERCENTILE = 25
NOISE_M = 0.06  # heights above the floor well below this are fit noise


@dataclass(frozen=True)
class Stage:
    """What a fitted photo fixes."""

    root_m: np.ndarray  # [3] the pelvis
    floor_m: float  # height of the lowest point of the body
    feet_seen: bool
    head_seen: bool
    camera: Camera

    def stepped_back(self, root_m: np.ndarray, head_m: np.ndarray) -> np.ndarray:
        """Roots [T, 3], moved away along the line of sight where the head would leave a frame that held the photo's head.

        `head_m` [T] is the height of the head joint above the root.
        """
        room = self.camera.center_px[1] - MARGIN * self.camera.size_px[1]
        if not self.head_seen or not self.feet_seen or room <= 0:
            return root_m
        crown = root_m[:, 1] + head_m + CROWN_M
        needed = float(np.percentile(self.camera.focal_px * crown / room / -root_m[:, 2], 90))
        away = min(max(needed, 1.0), STEP_BACK)
        return root_m * np.array([away, 1, away])


def touch_rig(model: BodyModel) -> Rig:
    """Points of the mesh that can touch a floor: the soles' lowest vertices, and a sparse sample of all others."""
    rest = model.v_template.numpy()
    part = model.weights.numpy().argmax(1)
    soles = []
    for joints in ((7, 10), (8, 11)):
        foot = np.flatnonzero(np.isin(part, joints))
        sole = foot[rest[foot, 1] < rest[foot, 1].min() + SOLE_M]
        along = np.argsort(rest[sole, 2])
        soles.append(sole[along[np.linspace(0, len(sole) - 1, SOLE_POINTS).astype(int)]])
    return Rig.vertices(model, np.unique(np.r_[soles[0], soles[1], np.arange(0, len(rest), len(rest) // BODY_POINTS)]))


def touch_points(posed: Posed) -> np.ndarray:
    """The points [T, K, 3] of a posed `touch_rig`, in bounded memory."""
    parts = [slice(s, s + CHUNK) for s in range(0, len(posed.positions_m), CHUNK)]
    return np.concatenate([Posed(posed.shaped, posed.globals_[p], posed.positions_m[p]).points_m for p in parts])


def stage_of(photo: Posed, camera: Camera) -> Stage:
    """The stage of a fitted photo (T = 1), posed with its `touch_rig`."""
    joints = photo.positions_m[0]
    ankles, _ = image_normals(joints[ANKLES], camera)
    crown, _ = image_normals(joints[HEAD] + np.array([0, CROWN_M, 0]), camera)
    return Stage(
        joints[0],
        float(photo.points_m[0, :, 1].min()),
        bool((ankles[:, 1] < camera.size_px[1]).any()),
        bool(crown[1] > -MARGIN * camera.size_px[1]),
        camera,
    )


def floor_slope(points_m: np.ndarray, cuts: tuple[int, ...]) -> np.ndarray:
    """Slope dy/dz [T] of the driver's floor in its camera's axes, one value per shot, from points [T, K, 3].

    A camera that looks down sees farther floor higher (negative slope). It shows only where the person walks in depth, so it is
    the ridge estimate over the frames' lowest points, and 0 for who stays in place. Errors of depth move points along the line
    of sight, which looks like a floor that falls with distance: positive slopes are not believed.
    """
    out = np.zeros(len(points_m))
    for shot in shots(len(points_m), cuts):
        points = points_m[shot]
        slope = 0.0
        for _ in range(4):
            low = (points[..., 1] - slope * points[..., 2]).argmin(1)
            y, z = np.take_along_axis(points[..., 1:], low[:, None, None], 1)[:, 0].T
            rest = y - slope * z
            keep = rest <= np.percentile(rest, 70)  # frames in the air don't vote
            yc, zc = y[keep] - y[keep].mean(), z[keep] - z[keep].mean()
            ridge = len(zc) * FLOOR_SPREAD_M**2
            slope = float(np.clip((yc @ zc) / (zc @ zc + ridge), -0.6, 0.0))
        out[shot] = slope
    return out


def floor_clearance(lowest_m: np.ndarray, fps: float, cuts: tuple[int, ...]) -> np.ndarray:
    """How far [T] the lowest point of a body [T] is above its floor: 0 while it stands, the height of a jump while it doesn't.

    The floor is a low percentile over three seconds, which follows slow drift of depth; heights around 6 cm and less are taken
    for noise, smoothly.
    """
    out = np.zeros(len(lowest_m))
    for shot in shots(len(lowest_m), cuts):
        low = lowest_m[shot]
        size = max(3, round(FLOOR_WINDOW_S * fps) | 1)
        floor = gaussian(percentile(low, FLOOR_PERCENTILE, min(size, 2 * len(low) + 1)), fps / 3)
        above = np.maximum(low - floor, 0)
        out[shot] = above**3 / (above**2 + NOISE_M**2)
    return out


def travel(root_m: np.ndarray, ratio: float, cuts: tuple[int, ...]) -> np.ndarray:
    """Horizontal way [T, 3] from each shot's start, scaled by the leg-length ratio, half of it in depth; 0 in height."""
    out = np.zeros_like(root_m)
    for shot in shots(len(root_m), cuts):
        out[shot] = (root_m[shot] - np.median(root_m[shot][:5], 0)) * ratio * (1, 0, DEPTH_SHARE)
    return out


def in_frame(root_m: np.ndarray, reach_m: np.ndarray, stage: Stage) -> np.ndarray:
    """Roots [T, 3] with depth softly limited and travel shrunk and shifted as a whole, so that the person stays in view.

    `reach_m` [T] is how far the body reaches to the sides of its root.
    """
    out = root_m.copy()
    camera, home = stage.camera, -stage.root_m[2]
    nearest = home / NEARER
    below = camera.size_px[1] * (1 - MARGIN / 3) - camera.center_px[1]
    if stage.feet_seen and stage.floor_m < 0 < below:
        nearest = min(home, max(nearest, -camera.focal_px * stage.floor_m / below))
    depth = _soft_floor(-out[:, 2], nearest, 0.05)
    out[:, 2] = np.maximum(-home / FARTHER, -depth)
    half_m = float(np.clip(1.1 * np.percentile(reach_m, 90), NARROWEST_M, WIDEST_M))  # hands may be nearer than the root
    margin_px = min(0.4 * camera.size_px[0], camera.focal_px * half_m / home)
    edges = (np.array([margin_px, camera.size_px[0] - margin_px]) - camera.center_px[0]) * home / camera.focal_px
    left, right = min(edges[0], stage.root_m[0]), max(edges[1], stage.root_m[0])
    way = out[:, 0] - stage.root_m[0]
    low, high = np.percentile(way, [2, 98])
    if high - low > right - left:
        way = way * (right - left) / (high - low)
        low, high = np.percentile(way, [2, 98])
    shift = np.clip(0, left - stage.root_m[0] - low, right - stage.root_m[0] - high)
    out[:, 0] = stage.root_m[0] + way + shift
    return out


def _soft_floor(value: np.ndarray, floor: float, softness: float) -> np.ndarray:
    """max(value, floor) with a rounded corner."""
    d = value - floor
    return floor + (d + np.sqrt(d * d + softness * softness)) / 2
