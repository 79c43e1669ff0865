"""Which pixels of a target picture show a surface that a source picture showed too: the truth behind "hidden"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..geometry.camera import Camera
from .raster import ZBuffer, key_depth_m
from .render import PersonRenderer, project

_TOLERANCE_M = 0.02
_GRAZING = 0.15  # cosine below which a photo holds next to nothing of a surface


@dataclass(frozen=True, slots=True)
class Sight:
    """One pose before the camera."""

    vertices_m: Tensor  # [V, 3]
    xyw: Tensor  # [V, 3] pixel x, y, 1/depth
    keys: Tensor  # [H, W] of the nearest face, hair cards included
    depth_m: Tensor  # [H, W]


def sight(renderer: PersonRenderer, rotations: np.ndarray, translation_m: np.ndarray, camera: Camera) -> Sight:
    """Rasterise the person in a pose (as `PersonRenderer.draw` takes it)."""
    vertices = torch.as_tensor(np.concatenate(renderer.person.posed(rotations, translation_m)), dtype=torch.float32)
    xyw = project(vertices, camera)
    keys = ZBuffer(*camera.size_px).nearest(xyw, renderer.faces)
    return Sight(vertices, xyw, keys, key_depth_m(keys))


def hidden_from(renderer: PersonRenderer, target: Sight, sources: list[Sight]) -> Tensor:
    """[H, W] bool: target pixels of the person whose surface no source shows (turned away, covered, or out of its frame)."""
    height, width = target.keys.shape
    fragments = ZBuffer(width, height).fragments(target.keys, target.xyw, renderer.faces)
    corner = renderer.faces[fragments.face].long()
    weight = fragments.barycentric[..., None]
    seen = torch.zeros(len(corner), dtype=torch.bool)
    for source in sources:
        point = (source.vertices_m[corner] * weight).sum(1)
        a, b, c = source.vertices_m[corner].unbind(1)
        normal = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=1)
        facing = (normal * torch.nn.functional.normalize(-point, dim=1)).sum(1)
        pixel = (source.xyw[corner, :2] * weight).sum(1)  # close enough to perspective-correct within a triangle
        x, y = pixel.long().unbind(1)
        inside = (x >= 0) & (y >= 0) & (x < source.depth_m.shape[1]) & (y < source.depth_m.shape[0])
        front = source.depth_m[y.clamp(0, source.depth_m.shape[0] - 1), x.clamp(0, source.depth_m.shape[1] - 1)]
        seen |= inside & (facing > _GRAZING) & (-point[:, 2] < front + _TOLERANCE_M)
    hidden = torch.zeros(height, width, dtype=torch.bool)
    hidden[fragments.y, fragments.x] = ~seen
    return hidden
