"""Z-buffer rasterisation of a triangle mesh: one Warp kernel for CPU and CUDA, its plain-torch twin, pytorch3d where installed.

Pixel centres lie at +0.5, barycentrics are perspective-correct, both sides of a triangle are drawn. All backends return the same
`Raster`, and the tests hold them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import warp as wp
from torch import Tensor

from ..checks import check_shape
from . import kernels

NO_FACE = -1
_FAR_KEY = (1 << 62) - 1


@dataclass(frozen=True, slots=True)
class Raster:
    """What each pixel sees. Uncovered pixels have face -1, depth inf, zero barycentrics."""

    face: Tensor  # [H, W] int64
    barycentric: Tensor  # [H, W, 3] float32, perspective-correct
    depth_m: Tensor  # [H, W] float32, distance along the view axis


def rasterize(screen: Tensor, faces: Tensor, size: tuple[int, int], backend: str = "warp") -> Raster:
    """Rasterise `screen` [V, 3] (x_px, y_px, depth_m > 0) with `faces` [F, 3] into an image of `size` (width, height).

    `backend`: "warp" (default), "torch" (the slow twin, for tests) or "pytorch3d" (ImportError where it is missing).
    """
    check_shape("screen", screen, ("V", 3))
    check_shape("faces", faces, ("F", 3))
    width, height = size
    if backend == "torch":
        ids = _nearest_torch(screen, faces, size)
    elif backend == "pytorch3d":
        ids = _nearest_pytorch3d(screen, faces, size)
    else:
        keys = torch.full((height, width), _FAR_KEY, dtype=torch.int64, device=screen.device)
        points, triangles = screen.float().contiguous(), faces.to(torch.int32).contiguous()
        wp.launch(
            kernels.depth_keys,
            dim=len(triangles),
            inputs=[wp.from_torch(points, dtype=wp.vec3), wp.from_torch(triangles)],
            outputs=[wp.from_torch(keys)],
            device=str(screen.device),
        )
        ids = torch.where(keys == _FAR_KEY, torch.full_like(keys, NO_FACE), keys & 0xFFFFFF)
    return _attributes(screen, faces, ids)


def _attributes(screen: Tensor, faces: Tensor, ids: Tensor) -> Raster:
    """Barycentrics and depth of the winning faces, recomputed per pixel (cheaper than carrying them through the z-test)."""
    height, width = ids.shape
    hit = ids >= 0
    corner = screen[faces[ids[hit]]]  # [P, 3 corners, 3]
    y, x = torch.nonzero(hit, as_tuple=True)
    bary = _planar_barycentrics(corner, torch.stack((x, y), -1) + 0.5) / corner[..., 2]
    total = bary.sum(-1)
    out = Raster(ids, screen.new_zeros(height, width, 3), screen.new_full((height, width), torch.inf))
    out.barycentric[hit] = bary / total[:, None]
    out.depth_m[hit] = 1 / total
    return out


def _planar_barycentrics(corner: Tensor, point: Tensor) -> Tensor:
    a, b, c = corner[..., 0, :2], corner[..., 1, :2], corner[..., 2, :2]

    def cross(p: Tensor, q: Tensor) -> Tensor:
        return p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]

    area = cross(b - a, c - a)
    area = torch.where(area.abs() < 1e-9, torch.full_like(area, torch.inf), area)
    u, v = cross(c - b, point - b) / area, cross(a - c, point - c) / area
    return torch.stack((u, v, torch.where(area.isinf(), torch.full_like(u, -1.0), 1 - u - v)), -1)


def _nearest_torch(screen: Tensor, faces: Tensor, size: tuple[int, int]) -> Tensor:
    """[H, W] nearest face by testing every pixel against every face: O(H W F) memory, for tests only."""
    width, height = size
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    point = torch.stack((x, y), -1).reshape(-1, 1, 2) + 0.5
    corner = screen[faces]  # [F, 3, 3]
    bary = _planar_barycentrics(corner[None], point)  # [P, F, 3]
    depth = 1 / (bary / corner[None, ..., 2]).sum(-1)
    depth[(bary < float(kernels.SLACK)).any(-1)] = torch.inf
    best, ids = depth.min(1)
    return torch.where(best.isinf(), torch.full_like(ids, NO_FACE), ids).reshape(height, width)


def _nearest_pytorch3d(screen: Tensor, faces: Tensor, size: tuple[int, int]) -> Tensor:
    """[H, W] nearest face by pytorch3d, whose NDC has x to the left, y up, and the SHORT side spanning -1..1."""
    from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
    from pytorch3d.structures import Meshes

    width, height = size
    short = min(width, height)
    ndc = torch.stack((-(screen[:, 0] * 2 - width) / short, -(screen[:, 1] * 2 - height) / short, screen[:, 2]), -1)
    found: Any = rasterize_meshes(Meshes([ndc], [faces]), (height, width), 0.0, 1, perspective_correct=True)
    return found[0][0, ..., 0]
