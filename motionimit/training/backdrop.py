"""Backgrounds with depth: a textured floor and a textured wall, lit by the same light as the person and catching their shadow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from ..geometry.camera import Camera
from .lighting import Lighting, Occlusion, fibonacci_sphere
from .texture import MipTexture

_SAMPLES = 4  # per pixel and axis: floors seen at a grazing angle alias easily


@dataclass(frozen=True, slots=True)
class Surface:
    """A flat, textured rectangle that repeats beyond its edge."""

    image: np.ndarray  # [H, W, 3] float32 linear albedo, row 0 at the far (floor) or upper (wall) edge
    size_m: tuple[float, float]  # width along x, depth along z (floor) or height along y (wall)


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What the camera sees behind the person, in the camera-aligned world."""

    albedo: Tensor  # [3, H, W] linear
    points_m: Tensor  # [H, W, 3]
    normals: Tensor  # [H, W, 3]

    @torch.no_grad()
    def lit(self, lighting: Lighting, occlusion: Occlusion | None) -> Tensor:
        """Linear radiance [3, H, W]; with an occlusion, the person's contact and cast shadows lie on floor and wall."""
        height, width = self.points_m.shape[:2]
        towards = torch.as_tensor(lighting.key_towards, dtype=torch.float32, device=self.albedo.device)
        cosine = (self.normals @ (towards / towards.norm())).clamp_min(0)
        visible = torch.ones_like(cosine)
        if occlusion is None:
            sky = self._open_sky(lighting)
        else:
            near = (self.points_m - occlusion.center).norm(dim=2) < 4 * occlusion.radius
            visible[near] = occlusion.key(self.points_m[near], self.normals[near])
            some = (slice(1, None, 2),) * 2  # contact shadows are soft: a quarter of the pixels will do
            points, normals = (t[some].reshape(-1, 3) for t in (self.points_m, self.normals))
            ambient = occlusion.ambient(points, normals).reshape(*self.points_m[some].shape).permute(2, 0, 1)
            sky = interpolate(ambient[None], size=(height, width), mode="bilinear")[0]
        key = torch.tensor(lighting.key_rgb, device=sky.device)[:, None, None]
        return self.albedo * (sky + key * (cosine * visible)[None])

    def _open_sky(self, lighting: Lighting) -> Tensor:
        directions = fibonacci_sphere(64)
        radiance = torch.as_tensor(lighting.ambient_from(directions), dtype=torch.float32, device=self.albedo.device)
        facing = (self.normals @ torch.as_tensor(directions.T, dtype=torch.float32, device=self.albedo.device)).clamp_min(0)
        return (facing @ radiance).permute(2, 0, 1) * (4.0 / len(directions))


def room(camera: Camera, floor: Surface, wall: Surface, floor_y_m: float, wall_z_m: float) -> Backdrop:
    """A floor at height `floor_y_m` (below the camera, so negative) that meets a wall at `wall_z_m` (negative: in front)."""
    width, height = camera.size_px
    x = (torch.arange(width * _SAMPLES) + 0.5) / _SAMPLES
    y = (torch.arange(height * _SAMPLES) + 0.5) / _SAMPLES
    ray_x = ((x - camera.center_px[0]) / camera.focal_px)[None].expand(len(y), -1)
    ray_y = (-(y - camera.center_px[1]) / camera.focal_px)[:, None].expand(-1, len(x))
    depth = torch.where(ray_y < 0, floor_y_m / ray_y.clamp_max(-1e-6), torch.inf).clamp_max(-wall_z_m)
    on_floor = depth < -wall_z_m
    point = torch.stack((ray_x * depth, ray_y * depth, -depth), 2)
    color = torch.where(
        on_floor[..., None],
        _sample(floor, point[..., 0], point[..., 2] - wall_z_m),
        _sample(wall, point[..., 0], wall.size_m[1] - (point[..., 1] - floor_y_m)),
    )
    middle = point[_SAMPLES // 2 :: _SAMPLES, _SAMPLES // 2 :: _SAMPLES].contiguous()
    floor_there = on_floor[_SAMPLES // 2 :: _SAMPLES, _SAMPLES // 2 :: _SAMPLES, None]
    normals = torch.where(floor_there, torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.0, 0.0, 1.0]))
    return Backdrop(avg_pool2d(color.permute(2, 0, 1)[None], _SAMPLES)[0], middle, normals)


def _sample(surface: Surface, x_m: Tensor, down_m: Tensor) -> Tensor:
    """Colours at metres from the centre line (x) and from the upper edge of the image."""
    u = (x_m / surface.size_m[0] + 0.5).remainder(1.0)
    v = 1.0 - (down_m / surface.size_m[1]).remainder(1.0)
    flat = MipTexture(torch.as_tensor(surface.image)).sample(torch.stack((u, v), -1).reshape(-1, 2), 0.0)
    return flat.reshape(*x_m.shape, 3)


Painter = Callable[[np.random.Generator], Surface]
"""Paints one surface from a seeded generator; `surfaces.py` has a set of them."""
