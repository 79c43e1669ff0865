"""A first guess of every frame's pose from the detector's 3D directions, without iteration."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..geometry.camera import Camera
from ..types import PersonTrack
from . import so3
from .residuals import BONES, LIMB_BONES, RELIABILITY, Observations
from .rig import Shaped
from .solver import State

LIMBS = (
    # joint, its hinge child, end, rest hinge axis; landmarks: root, middle, end
    (16, 18, (0.0, -1.0, 0.0), (11, 13, 15)),
    (17, 19, (0.0, 1.0, 0.0), (12, 14, 16)),
    (1, 4, (1.0, 0.0, 0.0), (23, 25, 27)),
    (2, 5, (1.0, 0.0, 0.0), (24, 26, 28)),
)
TORSO = (11, 12, 23, 24)
HEAD = (0, 2, 5, 7, 8, 9, 10)
STATURE_M = 1.7  # what the detector's metric landmarks assume on average
FOREARMS = [LIMB_BONES.index(bone) for bone in ((13, 15), (14, 16))]
GUESSED, GUESSED_FOREARM = 0.15, 0.6  # least trust in the 3D direction of a bone, and of a forearm inside the picture
OUTSIDE = 0.02  # landmarks further outside the image than this share of its size are guesses


def observe(track: PersonTrack, camera: Camera) -> Observations:
    """The track in the solver's units. Camera and track must be of the same image size."""
    xy = track.joints_px.double().numpy()
    size = np.asarray(camera.size_px, float)
    confidence = track.confidence.double().numpy() * track.valid.numpy()[:, None]
    inside = np.all((xy > -OUTSIDE * size) & (xy < (1 + OUTSIDE) * size), axis=-1)
    world = along_ray(track.joints_m.double().numpy(), track.box_xyxy_px.double().numpy(), camera)
    bones = world[:, BONES[:, 1]] - world[:, BONES[:, 0]]
    bones = bones / np.maximum(np.linalg.norm(bones, axis=-1, keepdims=True), 1e-6)
    seen = track.valid.numpy() & (confidence > 0.3).any(-1)
    scale = apparent_scale(world, xy, confidence * inside)
    trust = bone_trust(confidence, inside) * seen[:, None]
    return Observations(xy, confidence * inside * RELIABILITY, bones, trust, scale * STATURE_M, seen)


def bone_trust(confidence: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """[T, B] weight of the bones' 3D directions: the geometric mean of the confidence [T, 33] of both ends, but for forearms
    `inside` [T, 33] the picture not less than 0.6. Where the body hides a forearm, the detector guesses from all the rest, and
    knows more than the joint limits, which would straighten an arm that rests on the hip."""
    a, b = BONES.T
    least = np.full((len(confidence), len(BONES)), GUESSED)
    least[:, FOREARMS] = np.where(inside[:, a[FOREARMS]] & inside[:, b[FOREARMS]], GUESSED_FOREARM, GUESSED)
    return np.maximum(np.sqrt(confidence[:, a] * confidence[:, b]), least)


def along_ray(world_m: np.ndarray, box_xyxy_px: np.ndarray, camera: Camera) -> np.ndarray:
    """Turn 3D landmarks [T, 33, 3], seen by a detector that looks straight at the person's box, into the camera's axes."""
    center = (box_xyxy_px[:, :2] + box_xyxy_px[:, 2:]) / 2 - camera.center_px
    ray = np.stack([center[:, 0] / camera.focal_px, -center[:, 1] / camera.focal_px, -np.ones(len(center))], -1)
    turn = so3.between(np.broadcast_to([0.0, 0.0, -1.0], ray.shape), ray)
    return world_m @ turn.swapaxes(-1, -2)


def apparent_scale(world_m: np.ndarray, xy_px: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Pixels per metre [T] (weak perspective least squares); unseen frames take the nearest seen one's."""
    w = weight + 1e-9
    total = w.sum(1, keepdims=True)

    def centred(points: np.ndarray) -> np.ndarray:
        return points - (w[..., None] * points).sum(1, keepdims=True) / total[..., None]

    a, b = centred(world_m[..., :2] * [1, -1]), centred(xy_px)
    scale = (w[..., None] * a * b).sum((1, 2)) / np.maximum((w[..., None] * a * a).sum((1, 2)), 1e-9)
    good = (total[:, 0] > 1) & (scale > 1)
    if not good.any():
        return np.full(len(scale), 100.0)
    return np.interp(np.arange(len(scale)), np.flatnonzero(good), scale[good])


def initial_state(track: PersonTrack, seen: Observations, shaped: Shaped, camera: Camera, betas: np.ndarray) -> State:
    """Root by Kabsch on hips and shoulders, limbs by swinging to the seen directions, translation by linear least squares."""
    world = along_ray(track.joints_m.double().numpy(), track.box_xyxy_px.double().numpy(), camera)
    rest = shaped.rest_points_m
    frames = len(world)
    rotations = np.broadcast_to(np.eye(3), (frames, 24, 3, 3)).copy()
    root = so3.kabsch(rest[list(TORSO)], world[:, TORSO], np.ones(4))
    rotations[:, 0] = root
    for upper, lower, axis, marks in LIMBS:
        rotations[:, upper], rotations[:, lower] = _limb(root, world[:, marks], rest[list(marks)], np.asarray(axis))
    head = root.swapaxes(-1, -2) @ so3.kabsch(rest[list(HEAD)], world[:, HEAD], np.ones(len(HEAD)))
    half = so3.exp(0.4 * so3.log(head))
    rotations[:, 12], rotations[:, 15] = half, half
    bridge(rotations, seen.seen, track.cuts)
    translation = place(shaped, rotations, seen, camera)
    translation = hold(translation, seen.seen, track.cuts)
    return State(rotations, translation, betas)


def _limb(root: np.ndarray, marks: np.ndarray, rest: np.ndarray, hinge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local rotations [T, 3, 3] of a ball joint and the hinge below it, from three landmarks [T, 3, 3] along the limb."""
    first, second = marks[:, 1] - marks[:, 0], marks[:, 2] - marks[:, 1]
    first = first / np.maximum(np.linalg.norm(first, axis=-1, keepdims=True), 1e-9)
    second = second / np.maximum(np.linalg.norm(second, axis=-1, keepdims=True), 1e-9)
    along = (rest[1] - rest[0]) / np.linalg.norm(rest[1] - rest[0])
    swing = so3.between(np.broadcast_to(root @ along, first.shape), first) @ root
    # a straight limb says nothing of its twist: lean on the plain swing there
    axis = np.cross(first, second) + 0.2 * (swing @ hinge)
    upper = _frame(first, axis) @ _frame(along[None], hinge[None]).swapaxes(-1, -2)
    bend = np.arccos(np.clip((first * second).sum(-1), -1, 1))
    return root.swapaxes(-1, -2) @ upper, so3.exp(bend[:, None] * hinge)


def _frame(x: np.ndarray, near_y: np.ndarray) -> np.ndarray:
    y = near_y - (near_y * x).sum(-1, keepdims=True) * x
    y = y / np.maximum(np.linalg.norm(y, axis=-1, keepdims=True), 1e-9)
    return np.stack([x, y, np.cross(x, y)], -1)


def place(shaped: Shaped, rotations: np.ndarray, seen: Observations, camera: Camera) -> np.ndarray:
    """Translation [T, 3] that best projects posed landmarks onto the seen ones (two linear equations per landmark)."""
    points = shaped.pose(rotations, np.zeros((len(rotations), 3))).points_m
    offset = seen.xy_px - camera.center_px
    f, zero = camera.focal_px, np.zeros(points.shape[:2])
    one = np.full(points.shape[:2], f)
    rows = np.stack([np.stack([one, zero, offset[..., 0]], -1), np.stack([zero, one, -offset[..., 1]], -1)], -2)
    right = -(rows * points[:, :, None]).sum(-1)
    rows = (rows / f * seen.weight[..., None, None]).reshape(len(points), -1, 3)
    right = (right / f * seen.weight[..., None]).reshape(len(points), -1)
    far = -f * STATURE_M / np.maximum(seen.height_px, 1)  # the apparent scale keeps the depth sane when few landmarks are seen
    normal = rows.swapaxes(1, 2) @ rows + 1e-6 * np.eye(3)
    gradient = (rows.swapaxes(1, 2) @ right[..., None])[..., 0]
    normal[:, 2, 2] += 0.02
    gradient[:, 2] += 0.02 * far
    out = np.linalg.solve(normal, gradient[..., None])[..., 0]
    out[:, 2] = np.minimum(out[:, 2], -0.3)
    return out


def shots(frames: int, cuts: tuple[int, ...]) -> list[slice]:
    """The clip's shots as slices."""
    edges = [0, *sorted(c for c in set(cuts) if 0 < c < frames), frames]
    return [slice(a, b) for a, b in pairwise(edges)]


def bridge(rotations: np.ndarray, seen: np.ndarray, cuts: tuple[int, ...]) -> None:
    """Fill unseen frames in place: along the geodesic between the seen ones around them, within a shot."""
    for shot in shots(len(seen), cuts):
        known = np.flatnonzero(seen[shot]) + shot.start
        if not len(known):
            rotations[shot] = np.eye(3)
            continue
        rotations[shot.start : known[0]] = rotations[known[0]]
        rotations[known[-1] + 1 : shot.stop] = rotations[known[-1]]
        for a, b in pairwise(known):
            if b - a > 1:
                turn = so3.log(rotations[b] @ rotations[a].swapaxes(-1, -2))
                part = (np.arange(a + 1, b) - a) / (b - a)
                rotations[a + 1 : b] = so3.exp(part[:, None, None] * turn) @ rotations[a]


def hold(values: np.ndarray, seen: np.ndarray, cuts: tuple[int, ...]) -> np.ndarray:
    """Values [T, D] with unseen frames interpolated linearly within a shot (a shot with none seen keeps its values)."""
    out = values.copy()
    for shot in shots(len(seen), cuts):
        known = np.flatnonzero(seen[shot])
        if len(known):
            for d in range(values.shape[1]):
                out[shot, d] = np.interp(np.arange(shot.stop - shot.start), known, values[shot][known, d])
    return out
