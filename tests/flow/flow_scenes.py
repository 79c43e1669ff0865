"""Small scenes for the flow's tests: random triangle soups, and quads that fill the view."""

from __future__ import annotations

import torch
from torch import Tensor

from motionimit.flow.surface import Surface, top_bones
from motionimit.geometry.camera import Camera
from motionimit.geometry.rotation import axis_angle_to_matrix


def soup(seed: int, vertices: int = 40, faces: int = 30, layers: int = 2, texture: int = 16) -> tuple[Surface, torch.Tensor]:
    """A random triangle soup two metres before the camera, with random soft layers."""
    g = torch.Generator().manual_seed(seed)
    rest = torch.rand(vertices, 3, generator=g) * torch.tensor([1.6, 1.6, 0.5]) - torch.tensor([0.8, 0.8, 2.5])
    bones, weights = top_bones(torch.rand(vertices, 24, generator=g))
    surface = Surface(
        rest_m=rest,
        bones=bones,
        weights=weights,
        uv_px=torch.rand(vertices, 2, generator=g) * texture,
        faces=torch.randint(0, vertices, (faces, 3), generator=g, dtype=torch.int32),
        layer=torch.randint(0, layers, (faces,), generator=g, dtype=torch.int32),
        bias_m=torch.rand(faces, generator=g) * 0.03,  # a sixth of them filling
        confidence=torch.rand(faces, generator=g) * 0.9 + 0.1,
    )
    image = torch.rand(layers, texture, texture, 4, generator=g)
    image[..., 3] = (image[..., 3] * 2).clamp_max(1)
    return surface, (image * 255).to(torch.uint8)


def random_transforms(seed: int) -> torch.Tensor:
    out = torch.eye(4).repeat(24, 1, 1)
    out[:, :3, 3] = torch.randn(24, 3, generator=torch.Generator().manual_seed(seed)) * 0.02
    return out


def turned(seed: int, degrees: float = 20.0, shift_m: float = 0.1) -> Tensor:
    """[24, 4, 4] one rotation per bone about a point two metres ahead, and a shift."""
    g = torch.Generator().manual_seed(seed)
    out, middle = still(), torch.tensor([0.0, 0.0, -2.25])
    axes = torch.nn.functional.normalize(torch.randn(24, 3, generator=g), dim=-1)
    out[:, :3, :3] = axis_angle_to_matrix(axes * torch.deg2rad(torch.rand(24, 1, generator=g) * degrees))
    out[:, :3, 3] = middle - out[:, :3, :3] @ middle + torch.randn(24, 3, generator=g) * shift_m
    return out


def still() -> Tensor:
    """[24, 4, 4] the rest pose."""
    return torch.eye(4).repeat(24, 1, 1)


def plane(z: float, layer: int, size: int, camera: Camera) -> Surface:
    """A quad that fills the camera's view at depth -z, its uv the identity."""
    corner = torch.tensor([[0.0, 0.0], [size, 0.0], [0.0, size], [size, size]])
    bones, weights = top_bones(torch.eye(24)[:1].repeat(4, 1))
    return Surface(
        rest_m=camera.unproject(corner, torch.full((4,), z)),
        bones=bones,
        weights=weights,
        uv_px=corner,
        faces=torch.tensor([[0, 2, 1], [1, 2, 3]], dtype=torch.int32),
        layer=torch.full((2,), layer, dtype=torch.int32),
        bias_m=torch.zeros(2),
        confidence=torch.ones(2),
    )
