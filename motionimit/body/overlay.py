"""The fitted mesh drawn over the footage, to judge a fit by eye."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..flow.raster import rasterize
from ..geometry.camera import Camera
from .model import BodyModel

OPACITY = 0.65
LIGHT = (0.3, 0.5, 0.81)  # direction towards the light, the camera's side


def draw_overlay(rgb: np.ndarray, vertices_m: Tensor, model: BodyModel, camera: Camera) -> np.ndarray:
    """[H, W, 3] uint8 with the mesh [V, 3] shaded over it; `camera` must be of the picture's size."""
    screen = torch.cat((camera.project(vertices_m), -vertices_m[:, 2:]), 1)
    seen = rasterize(screen, model.faces, camera.size_px)
    a, b, c = vertices_m[model.faces].unbind(1)
    normal = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=1)
    shade = (0.35 + 0.65 * (normal @ torch.tensor(LIGHT)).clamp_min(0)).numpy()
    face = seen.face.numpy()
    hit = face >= 0
    out = rgb.astype(np.float32)
    color = shade[face[hit]][:, None] * PALETTE[model.part_of_face.numpy()[face[hit]]]
    out[hit] = (1 - OPACITY) * out[hit] + OPACITY * color
    return (out + 0.5).clip(0, 255).astype(np.uint8)


PALETTE = np.array(
    [[190, 200, 215], [235, 205, 170], [120, 185, 245], [245, 160, 110], [110, 215, 170], [235, 130, 165]], np.float32
)  # one colour per Part, so that swapped sides show
