"""Light with real occlusion: depth maps from many directions give soft ambient light, one sharp map gives the key's shadow.

All colours are linear RGB radiance. The kernels run on CPU and CUDA.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import warp as wp
from torch import Tensor

from .raster import ZBuffer, key_depth_m

_FAR = 1.0e6  # stands for "nothing there"; infinity would turn to NaN in the bilinear lookup


@dataclass(frozen=True, slots=True)
class Lighting:
    """A key light (sun or window), a gradient sky, and what the ground sends back."""

    key_towards: tuple[float, float, float]  # direction from the scene to the light, any length
    key_rgb: tuple[float, float, float] = (2.2, 2.05, 1.85)
    sky_rgb: tuple[float, float, float] = (0.75, 0.8, 0.9)
    horizon_rgb: tuple[float, float, float] = (0.55, 0.55, 0.56)
    ground_rgb: tuple[float, float, float] = (0.28, 0.25, 0.22)
    key_size: float = 0.06  # penumbra width per metre between blocker and receiver
    exposure: float = 0.55

    def ambient_from(self, directions: np.ndarray) -> np.ndarray:
        """Radiance [D, 3] arriving from unit directions [D, 3]: ground below, horizon to sky above."""
        up = directions[:, 1:2]
        horizon, sky, ground = (np.asarray(c) for c in (self.horizon_rgb, self.sky_rgb, self.ground_rgb))
        above = horizon + (sky - horizon) * np.clip(up, 0, 1) ** 0.6
        below = horizon + (ground - horizon) * np.clip(-4 * up, 0, 1)
        return np.where(up >= 0, above, below)


@wp.func
def _seen(
    maps: wp.array3d(dtype=float),  # type: ignore[valid-type]
    d: int,
    u: float,
    v: float,
    depth: float,
    soft: float,
) -> float:
    """Bilinear, soft-edged depth comparison: 1 where nothing stands before `depth`."""
    size = maps.shape[1]
    x = u - 0.5
    y = v - 0.5
    x0 = int(wp.floor(x))
    y0 = int(wp.floor(y))
    fx = x - float(x0)
    fy = y - float(y0)
    lit = float(0.0)
    for k in range(4):
        xi = x0 + (k % 2)
        yi = y0 + (k // 2)
        wx = fx if k % 2 == 1 else 1.0 - fx
        wy = fy if k // 2 == 1 else 1.0 - fy
        free = float(1.0)
        if xi >= 0 and yi >= 0 and xi < size and yi < size:
            free = 1.0 - wp.clamp((depth - maps[d, yi, xi]) / soft, 0.0, 1.0)
        lit += wx * wy * free
    return lit


@wp.kernel
def _ambient(
    points: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    normals: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    maps: wp.array3d(dtype=float),  # type: ignore[valid-type]
    basis: wp.array(dtype=wp.mat33),  # type: ignore[valid-type]
    radiance: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    center: wp.vec3,
    radius: float,
    lift: float,
    soft: float,
    out: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
) -> None:
    i = wp.tid()
    n = normals[i]
    p = points[i] + n * lift - center
    size = float(maps.shape[1])
    total = wp.vec3(0.0, 0.0, 0.0)
    for d in range(maps.shape[0]):
        q = basis[d] * p
        facing = wp.dot(n, wp.vec3(basis[d][2, 0], basis[d][2, 1], basis[d][2, 2]))
        if facing > 0.0:
            u = (q[0] / (2.0 * radius) + 0.5) * size
            v = (q[1] / (2.0 * radius) + 0.5) * size
            total += radiance[d] * (facing * _seen(maps, d, u, v, radius - q[2] + radius, soft))
    out[i] = total * (4.0 / float(maps.shape[0]))


@wp.kernel
def _key(
    points: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    normals: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    maps: wp.array3d(dtype=float),  # type: ignore[valid-type]
    basis: wp.array(dtype=wp.mat33),  # type: ignore[valid-type]
    center: wp.vec3,
    radius: float,
    lift: float,
    light_size: float,
    out: wp.array(dtype=float),  # type: ignore[valid-type]
) -> None:
    """Percentage-closer soft shadows: the penumbra widens with the mean distance to what blocks."""
    i = wp.tid()
    q = basis[0] * (points[i] + normals[i] * lift - center)
    texels = float(maps.shape[1]) / (2.0 * radius)
    u = (q[0] + radius) * texels
    v = (q[1] + radius) * texels
    depth = 2.0 * radius - q[2]
    blockers = float(0.0)
    gap = float(0.0)
    for k in range(12):
        r = 0.05 * wp.sqrt((float(k) + 0.5) / 12.0) * texels
        a = 2.3999632 * float(k)
        x = int(u + r * wp.cos(a))
        y = int(v + r * wp.sin(a))
        if x >= 0 and y >= 0 and x < maps.shape[1] and y < maps.shape[1] and maps[0, y, x] < depth - 0.01:
            blockers += 1.0
            gap += depth - maps[0, y, x]
    if blockers == 0.0:
        out[i] = 1.0
        return
    width = wp.clamp(light_size * gap / blockers, 0.008, 0.12) * texels
    lit = float(0.0)
    for k in range(24):
        r = width * wp.sqrt((float(k) + 0.5) / 24.0)
        a = 2.3999632 * float(k)
        lit += _seen(maps, 0, u + r * wp.cos(a), v + r * wp.sin(a), depth, 0.012) / 24.0
    out[i] = lit


class Occlusion:
    """What a set of triangles hides from the light. `points_m` of the scene may lie anywhere; outside the maps all is lit."""

    def __init__(
        self, vertices_m: Tensor, faces: Tensor, lighting: Lighting, directions: int = 32, key_size_px: int = 1024
    ) -> None:
        low, high = vertices_m.amin(0), vertices_m.amax(0)
        self.center = (low + high) / 2
        self.radius = float((vertices_m - self.center).norm(dim=1).max()) * 1.05
        self.lighting, self.device = lighting, vertices_m.device
        towards = fibonacci_sphere(directions)
        self._basis = torch.as_tensor(np.stack([_basis(d) for d in towards]), dtype=torch.float32, device=self.device)
        self._radiance = torch.as_tensor(lighting.ambient_from(towards), dtype=torch.float32, device=self.device)
        key = np.asarray(lighting.key_towards) / np.linalg.norm(lighting.key_towards)
        self.key_direction = torch.as_tensor(key, dtype=torch.float32, device=self.device)
        self._key_basis = torch.as_tensor(_basis(key)[None], dtype=torch.float32, device=self.device)
        self._maps = self._depth_maps(vertices_m, faces, self._basis, 192)
        self._key_map = self._depth_maps(vertices_m, faces, self._key_basis, key_size_px)

    def _depth_maps(self, vertices: Tensor, faces: Tensor, basis: Tensor, size: int) -> Tensor:
        buffer = ZBuffer(size, size, self.device)
        maps = []
        for rows in basis:
            q = (vertices - self.center) @ rows.T
            pixels = (q[:, :2] / (2 * self.radius) + 0.5) * size
            xyd = torch.cat((pixels, 2 * self.radius - q[:, 2:]), 1)
            maps.append(key_depth_m(buffer.nearest(xyd, faces, orthographic=True)).clamp_max(_FAR))
        return torch.stack(maps)

    def ambient(self, points_m: Tensor, normals: Tensor, lift_m: float = 0.012) -> Tensor:
        """Irradiance / π [P, 3] of sky and ground at points with unit normals."""
        out = torch.empty_like(points_m)
        arrays = [_vec3(points_m), _vec3(normals), wp.from_torch(self._maps), wp.from_torch(self._basis, dtype=wp.mat33)]
        rest = [_vec3(self._radiance), wp.vec3(*self.center.tolist()), self.radius, lift_m, 0.03, _vec3(out)]
        wp.launch(_ambient, dim=len(out), inputs=arrays + rest, device=wp.device_from_torch(self.device))
        return out

    def key(self, points_m: Tensor, normals: Tensor, lift_m: float = 0.004) -> Tensor:
        """[P] share of the key light that reaches the points, 0..1, without the cosine."""
        out = torch.empty(len(points_m), device=self.device)
        arrays = [_vec3(points_m), _vec3(normals), wp.from_torch(self._key_map), wp.from_torch(self._key_basis, dtype=wp.mat33)]
        rest = [wp.vec3(*self.center.tolist()), self.radius, lift_m, self.lighting.key_size, wp.from_torch(out)]
        wp.launch(_key, dim=len(out), inputs=arrays + rest, device=wp.device_from_torch(self.device))
        return out


def _vec3(tensor: Tensor) -> wp.array:
    return wp.from_torch(tensor.contiguous(), dtype=wp.vec3)


def fibonacci_sphere(count: int) -> np.ndarray:
    """[count, 3] unit directions spread evenly over the sphere."""
    i = np.arange(count) + 0.5
    up, around = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    flat = np.sqrt(1 - up**2)
    return np.stack([flat * np.cos(around), up, flat * np.sin(around)], 1)


def _basis(towards: np.ndarray) -> np.ndarray:
    """Rows: two axes across the light, then the direction towards it."""
    helper = np.array([1.0, 0, 0]) if abs(towards[0]) < 0.8 else np.array([0, 0, 1.0])
    u = np.cross(helper, towards)
    u /= np.linalg.norm(u)
    return np.stack([u, np.cross(towards, u), towards])
