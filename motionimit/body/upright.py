"""Which way is up for a person whom one camera saw: the balance of their own body tells; and poses that stand on that floor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from ..errors import BadUsage
from ..geometry.rotation import axis_angle_to_matrix
from ..types import JOINTS, BodyParams

if TYPE_CHECKING:
    from .model import BodyModel

RestPose = Literal["a", "t"]
FEET = ((7, 10), (8, 11))  # ankle and ball of each foot
STANDING_M = 0.1  # a foot this much above the other carries nothing
BALANCED_DEG = 10.0  # sideways lean up to which a body is taken to stand in balance, none of it from twice as much on
TILT_RANGE_DEG = (-15.0, 30.0)  # cameras look down on people more often than up
SAMPLED_FRAMES = 24
FLAT = 0.3  # cosine of the facing with the floor below which a body faces nowhere (it lies)
ARMS_DOWN_DEG, COLLARS_DEG = 45.0, 8.0  # of an A-pose; the collar bones take a part of it
COLLARS, SHOULDERS = (13, 14), (16, 17)  # left, right


def vertical(tilt_deg: float) -> np.ndarray:
    """The rotation [3, 3] that takes the camera's y axis to the person's vertical, (0, cos tilt, sin tilt)."""
    angle = np.radians(tilt_deg)
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def turn(yaw_deg: np.ndarray) -> np.ndarray:
    """Rotations [.., 3, 3] about y: a body that faces the camera turns towards the right of the picture for positive angles."""
    angle = np.radians(np.asarray(yaw_deg, np.float64))
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    rows = [np.stack(row, -1) for row in ((c, zero, s), (zero, one, zero), (-s, zero, c))]
    return np.stack(rows, -2)


def sampled(count: int) -> np.ndarray:
    """At most `SAMPLED_FRAMES` of `count` frame indices, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, SAMPLED_FRAMES)).round().astype(int))


def centre_of_mass(vertices_m: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """[3] m: the centroid of the volume inside a closed mesh [V, 3], [F, 3]; a body is about equally dense throughout."""
    middle = vertices_m.mean(0)  # as the origin, so that small holes in the mesh hardly matter
    a, b, c = (vertices_m[faces[:, k]] - middle for k in range(3))
    volume = (a * np.cross(b, c)).sum(1)  # six times the signed tetrahedron with the origin
    return np.asarray(middle + ((a + b + c) / 4 * volume[:, None]).sum(0) / volume.sum())


def balance(params: BodyParams, model: BodyModel) -> tuple[float, np.ndarray]:
    """The tilt of the person's vertical against the camera's y axis, in degrees, and their centre of mass [3] m; over all frames.

    Who stands has the centre of mass above the feet. Where the fit says otherwise in depth, the camera looked down (positive) or
    up, or the fit leans, which one camera can't tell apart; either way a turn about this vertical keeps the person upright from
    all sides. Frames that lean sideways, where a picture can't deceive, aren't in balance and have no say; neither have
    feet outside the picture. Then the tilt is 0.
    """
    faces, masses, leans, trust = model.faces.cpu().numpy(), [], [], []
    for frame in sampled(len(params.rotations)):
        mesh = model.mesh(params, slice(int(frame), int(frame) + 1))
        mass = centre_of_mass(mesh.vertices_m[0].double().cpu().numpy(), faces)
        joints = mesh.joints_m[0].double().cpu().numpy()
        feet = np.array([joints[list(foot)].mean(0) for foot in FEET])
        lean_deg, sideways = _leans(mass, feet)
        masses.append(mass)
        leans.append(lean_deg)
        seen = (params.camera.project(torch.from_numpy(feet))[:, 1] < params.camera.size_px[1]).any()
        trust.append(float(seen) * np.clip(2 - sideways / BALANCED_DEG, 0, 1))
    return float(np.dot(trust, leans) / max(sum(trust), 1)), np.mean(masses, 0)


def _leans(mass_m: np.ndarray, feet_m: np.ndarray) -> tuple[float, float]:
    """How far [3] leans over the feet [2, 3] that carry it, in degrees: towards the camera (bounded), and to either side."""
    lean_deg, carrying = 0.0, np.array([True, True])
    for _ in range(2):  # which foot is up depends on where up is
        x, y, z = mass_m - feet_m[carrying].mean(0)
        lean_deg = float(np.clip(np.degrees(np.arctan2(z, max(y, 1e-3))), *TILT_RANGE_DEG))
        heights = feet_m @ vertical(lean_deg)[:, 1]
        carrying = heights < heights.min() + STANDING_M
    return lean_deg, float(np.degrees(np.arctan2(abs(x), max(y, 1e-3))))


def rest_pose(kind: RestPose) -> torch.Tensor:
    """Rotations [24, 3, 3] of a body that faces the camera with its arms level ('t') or 45° down ('a'). Raises ValueError."""
    if kind not in ("a", "t"):
        raise ValueError(f"kind must be a or t, got {kind!r}")
    vectors = torch.zeros(JOINTS, 3, dtype=torch.float64)
    if kind == "a":
        for joints, angle in ((COLLARS, COLLARS_DEG), (SHOULDERS, ARMS_DOWN_DEG - COLLARS_DEG)):
            for joint, side in zip(joints, (-1, 1), strict=True):
                vectors[joint, 2] = side * np.radians(angle)
    return axis_angle_to_matrix(vectors).float()


def pose_of(motion: BodyParams, model: BodyModel, frame: int) -> torch.Tensor:
    """The pose [24, 3, 3] of one frame (from 0) of a motion, upright where its camera looked down. Raises `BadUsage`."""
    total = len(motion.rotations)
    if not 0 <= frame < total:
        raise BadUsage(f"--pose asks for frame {frame}, but the motion has frames 0 to {total - 1} only; choose one of these.")
    pose = motion.rotations[frame].double().clone()
    pose[0] = torch.from_numpy(vertical(balance(motion, model)[0]).T) @ pose[0]
    return pose.float()


def facing(root: np.ndarray) -> np.ndarray:
    """A root rotation [3, 3] in an upright world, turned about y so that its body faces the camera; as it is where it lies."""
    forward = root[:, 2]
    if np.hypot(forward[0], forward[2]) < FLAT:
        return root
    return np.asarray(turn(-np.degrees(np.arctan2(forward[0], forward[2]))) @ root)


def stood(rotations: torch.Tensor, source: BodyParams, model: BodyModel) -> BodyParams:
    """A pose [24, 3, 3] (y up) on the body, the place and the floor of `source` (T = 1), facing the camera; T = 1.

    Where the source's feet are outside the picture its floor is a guess, and the pelvis keeps its height instead.
    """
    tilt_deg, mass = balance(source, model)
    upright = vertical(tilt_deg)
    turned = rotations.double().clone()
    turned[0] = torch.from_numpy(upright @ facing(turned[0].numpy()))
    free = BodyParams(turned.float()[None], source.betas, torch.zeros(1, 3), source.camera)
    mesh, there = model.mesh(free), model.mesh(source)
    ours, theirs = (
        (m.vertices_m[0].double().cpu().numpy() @ upright, m.joints_m[0].double().cpu().numpy() @ upright) for m in (mesh, there)
    )
    shift = mass @ upright - centre_of_mass(ours[0], model.faces.cpu().numpy())
    ankles = source.camera.project(there.joints_m[0, [foot[0] for foot in FEET]])
    feet_seen = bool((ankles[:, 1] < source.camera.size_px[1]).any())
    shift[1] = theirs[0][:, 1].min() - ours[0][:, 1].min() if feet_seen else theirs[1][0, 1] - ours[1][0, 1]
    return BodyParams(free.rotations, source.betas, torch.from_numpy(upright @ shift).float()[None], source.camera)
