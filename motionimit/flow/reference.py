"""The plain-torch twin of the fused kernels: slow, readable, and held to them by the tests."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..geometry.camera import Camera
from . import kernels
from .surface import FILLING_M, Surface
from .transfer import MERGE_M

_OPAQUE, _SLACK = float(kernels.OPAQUE), float(kernels.SLACK)


def render_reference(surface: Surface, layers: Tensor, size: tuple[int, int], transforms: Tensor, camera: Camera) -> Tensor:
    """[H, W, 4] float32 straight RGBA, as `Renderer.render(...).rgba`. Meant for tens of faces: O(F H W) time and memory."""
    screen = _skin(surface, transforms, camera)
    bary, depth = _fragments(screen[surface.faces.long()], size)  # [F, H, W, 3], [F, H, W]
    uv = (bary[..., None] * surface.uv_px[surface.faces.long()][:, None, None]).sum(-2)
    rgba = torch.stack([_bilinear(layers[layer].float() / 255, uv[f]) for f, layer in enumerate(surface.layer.tolist())])
    rgba[surface.bias_m >= FILLING_M, ..., 3] = 1.0
    hit = depth.isfinite()
    depth = depth + surface.bias_m[:, None, None]
    nearest = torch.where(hit & (rgba[..., 3] >= _OPAQUE), depth, torch.inf).amin(0).clamp_max(1e6)
    alpha = rgba[..., 3].clamp_max(0.999)
    gap = depth - nearest
    drawn = hit & (gap < MERGE_M) & (alpha > 0.02)
    merged, before = drawn & (gap > -MERGE_M), drawn & (gap <= -MERGE_M)
    weight = alpha * surface.confidence[:, None, None] * (1 - gap.clamp_min(0) / MERGE_M) + 1e-6
    weight = torch.where(merged, weight, 0.0)
    total = weight.sum(0)[..., None]
    behind = (weight[..., None] * rgba[..., :3]).sum(0) / total.clamp_min(1e-12)
    veil = torch.where(before, alpha, 0.0)
    cover = 1 - (1 - veil).prod(0)
    front = (veil[..., None] * rgba[..., :3]).sum(0) / veil.sum(0)[..., None].clamp_min(1e-12)
    behind, solid = _smooth_outline(behind, total[..., 0] > 0, cover)
    rest = (solid * (1 - cover))[..., None]
    whole = cover[..., None] + rest
    rgb = (front * cover[..., None] + behind * rest) / whole.clamp_min(1e-12)
    return torch.cat((rgb, whole), -1)


def _smooth_outline(rgb: Tensor, solid: Tensor, cover: Tensor) -> tuple[Tensor, Tensor]:
    """Colour [H, W, 3] and coverage [H, W] of the surface after the 3 x 3 binomial filter at its hard edges."""
    veiled = cover > 1 - math.exp(-0.05)
    kernel = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]])[None, None] / 16

    def blur(image: Tensor) -> Tensor:
        padded = torch.nn.functional.pad(image.permute(2, 0, 1)[:, None], (1, 1, 1, 1), mode="replicate")
        return torch.nn.functional.conv2d(padded, kernel)[:, 0].permute(1, 2, 0)

    mask = solid.float()[..., None]
    spread = blur(rgb * mask) / blur(mask).clamp_min(1e-12)
    inside, outside = blur((solid | veiled).float()[..., None])[..., 0], blur(mask)[..., 0]
    coverage = torch.where(solid, inside, torch.where(veiled, torch.zeros_like(inside), outside))
    return torch.where(mask > 0, rgb, spread), coverage


def _skin(surface: Surface, transforms: Tensor, camera: Camera) -> Tensor:
    posed = surface.posed(transforms)
    return torch.cat((camera.project(posed), -posed[:, 2:]), 1)


def _fragments(corner: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Perspective-correct barycentrics [F, H, W, 3] and depth [F, H, W] (inf where the face misses the pixel or faces away)."""
    width, height = size
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    a, b, c = (corner[:, i, :2][:, :, None, None] for i in range(3))

    def edge(p: Tensor, q: Tensor, px: Tensor, py: Tensor) -> Tensor:
        return (q[:, 0] - p[:, 0]) * (py - p[:, 1]) - (q[:, 1] - p[:, 1]) * (px - p[:, 0])

    area = edge(a, b, c[:, 0], c[:, 1])
    planar = torch.stack((edge(b, c, x, y), edge(c, a, x, y)), -1) / area[..., None]
    planar = torch.cat((planar, 1 - planar.sum(-1, keepdim=True)), -1)
    inverse = planar / corner[:, None, None, :, 2]
    depth = 1 / inverse.sum(-1)
    covers = (planar >= _SLACK).all(-1) & (area < -1e-6)
    return inverse * depth[..., None], torch.where(covers, depth, torch.inf)


def _bilinear(image: Tensor, uv: Tensor) -> Tensor:
    """image [h, w, C] at uv [H, W, 2] pixels (centres at +0.5), borders held."""
    from ..geometry.grid import grid_from_pixels, sample

    height, width = image.shape[:2]
    grid = grid_from_pixels(uv.nan_to_num(0.0), width, height)
    return sample(image.permute(2, 0, 1)[None], grid[None])[0].permute(1, 2, 0)
