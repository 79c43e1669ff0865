"""A painted person who walks on the spot: material for `motionimit bench` on machines that have no photo and no clip."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ..body.model import BodyModel, load_body
from ..body.overlay import LIGHT
from ..body.parts import JOINT_NAMES, Region
from ..flow.raster import rasterize
from ..geometry.camera import Camera
from ..geometry.rotation import axis_angle_to_matrix
from ..media.image import write_png
from ..media.writer import VideoWriter
from ..types import BodyParams

PHOTO_PX, CLIP_PX = (480, 640), (480, 640)
FPS = Fraction(30)
STEP_S = 1.2  # of two steps
SOFT = 2  # samples per pixel and axis
SKIN, HAIR, SHIRT, TROUSERS, SHOES = (214, 160, 128), (52, 34, 22), (176, 38, 44), (38, 52, 120), (28, 26, 26)
_EYES, _MOUTH, _DARK, _LIPS = (2, 5), (9, 10), (40, 26, 20), (160, 74, 70)  # landmarks and colours of a face


def write_mannequin(folder: Path, frames: int) -> tuple[Path, Path]:
    """Write photo.png (standing) and walk.mp4 (`frames` frames at 30/s) into a folder; returns their paths. Raises `BadInput`."""
    model, photo, clip = load_body(), folder / "photo.png", folder / "walk.mp4"
    write_png(photo, painted(posed(0.0, 0.0, PHOTO_PX, model), model))
    with VideoWriter(clip, FPS, CLIP_PX) as writer:
        for t in range(frames):
            writer.write(painted(posed(2 * math.pi * t / float(FPS * Fraction(STEP_S)), 1.0, CLIP_PX, model), model))
    return photo, clip


def posed(phase: float, stride: float, size_px: tuple[int, int], model: BodyModel) -> BodyParams:
    """One frame: standing with the arms a little away (`stride` 0), or at a phase (in radians) of walking on the spot."""
    swing = stride * math.sin(phase)
    lift = {side: stride * max(0.0, sign * math.sin(phase)) for side, sign in (("left", 1.0), ("right", -1.0))}
    degrees: dict[str, tuple[float, float, float]] = {
        "left_shoulder": (0, -25 * swing, -52 + 14 * swing),
        "right_shoulder": (0, -25 * swing, 52 + 14 * swing),
        "left_elbow": (0, -25 * stride, 0),
        "right_elbow": (0, 25 * stride, 0),
        "spine1": (0, 8 * swing, 0),
    }
    for side, sign in (("left", 1), ("right", -1)):
        degrees |= {f"{side}_hip": (-38 * lift[side], 0, 5 * sign), f"{side}_knee": (55 * lift[side], 0, 0)}
    vectors = torch.zeros(1, 24, 3)
    for name, angles in degrees.items():
        vectors[0, JOINT_NAMES.index(name)] = torch.tensor(angles, dtype=torch.float32)
    rotations = axis_angle_to_matrix(torch.deg2rad(vectors))
    place = torch.tensor([[0.06 * swing, 0.0, -3.4]])
    params = BodyParams(rotations, torch.zeros(10), place, Camera.for_image(*size_px))
    still = BodyParams(torch.eye(3).expand(1, 24, 3, 3), params.betas, place, params.camera)
    middle = model.mesh(still).vertices_m[0].aminmax(dim=0)
    return BodyParams(
        rotations, params.betas, place - torch.tensor([0.0, 1.0, 0.0]) * (middle.min + middle.max) / 2, params.camera
    )


def painted(params: BodyParams, model: BodyModel) -> np.ndarray:
    """[H, W, 3] uint8: the clothed body of one frame, shaded, with a face, before a wall with soft stripes."""
    width, height = params.camera.size_px
    camera = params.camera.resized(width * SOFT, height * SOFT)
    vertices = model.mesh(params).vertices_m[0]
    seen = rasterize(torch.cat((camera.project(vertices), -vertices[:, 2:]), 1), model.faces, camera.size_px)
    face = seen.face.numpy()
    hit = face >= 0
    shade = (seen.barycentric[torch.from_numpy(hit)][..., None] * _shade(vertices, model)[model.faces[face[hit]]][..., None]).sum(
        1
    )
    out = _wall(camera.size_px)
    out[hit] = _colors()[model.region_of_face.numpy()[face[hit]]] * shade.numpy()
    _draw_face(out, params, camera, model)
    return np.asarray(cv2.resize(out, (width, height), interpolation=cv2.INTER_AREA) + 0.5).clip(0, 255).astype(np.uint8)


def _shade(vertices_m: Tensor, model: BodyModel) -> Tensor:
    """[V] 0.35..1: smooth shading by one lamp."""
    a, b, c = vertices_m[model.faces].unbind(1)
    across = torch.linalg.cross(b - a, c - a)
    normal = torch.zeros_like(vertices_m)
    for corner in range(3):
        normal.index_add_(0, model.faces[:, corner], across)
    return 0.35 + 0.65 * (torch.nn.functional.normalize(normal, dim=1) @ torch.tensor(LIGHT)).clamp_min(0)


def _colors() -> np.ndarray:
    """[Region, 3] float32 of 255: hair, skin, a shirt with short sleeves, trousers, shoes."""
    out = np.tile(np.array(SKIN, np.float32), (len(Region), 1))
    out[Region.SCALP] = HAIR
    out[[Region.CHEST, Region.LEFT_UPPER_ARM, Region.RIGHT_UPPER_ARM]] = SHIRT
    out[[Region.PELVIS, Region.LEFT_THIGH, Region.RIGHT_THIGH, Region.LEFT_SHIN, Region.RIGHT_SHIN]] = TROUSERS
    out[[Region.LEFT_FOOT, Region.RIGHT_FOOT]] = SHOES
    return out


def _wall(size_px: tuple[int, int]) -> np.ndarray:
    x = np.arange(size_px[0], dtype=np.float32)
    row = np.array((158, 176, 170), np.float32) + (12 * np.sin(x * (2 * np.pi / (size_px[0] / 14))))[:, None]
    return np.tile(row, (size_px[1], 1, 1)).astype(np.float32)


def _draw_face(out: np.ndarray, params: BodyParams, camera: Camera, model: BodyModel) -> None:
    """Eyes and a mouth at the body's landmarks, in place."""
    marks = camera.project(model.landmarks(params)[0]).numpy()
    apart = float(np.linalg.norm(marks[_EYES[0]] - marks[_EYES[1]]))
    for k in _EYES:
        size = (max(1, round(0.16 * apart)), max(1, round(0.1 * apart)))
        cv2.ellipse(out, tuple(int(v) for v in marks[k]), size, 0, 0, 360, _DARK, -1, cv2.LINE_AA)
    ends = [tuple(int(v) for v in marks[k]) for k in _MOUTH]
    cv2.line(out, ends[0], ends[1], _LIPS, max(1, round(0.12 * apart)), cv2.LINE_AA)
