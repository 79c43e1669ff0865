"""Warping of the photos' features into the target pose, along the liquid warping flow of the geometric core."""

from __future__ import annotations

import torch
import torch.nn.functional as F
import warp as wp
from torch import Tensor

from ..checks import check_shape
from ..geometry.grid import grid_from_pixels, sample
from . import kernels


def warp_features(
    features: Tensor, source_px: Tensor, seen: Tensor, stride: int, fused: bool | None = None
) -> tuple[Tensor, Tensor]:
    """Sample each photo's features where it saw the target's pixels.

    features [B, N, h/s, w/s, C], or [1, N, ..] where all frames show the same person; source_px [B, N, 2, H, W] pixels of the
    photos at full size; seen [B, N, 1, H, W], 0 = not covered. Returns (warped [B, N, H/s, W/s, C], mean of seen
    [B, N, H/s, W/s]). In each block of s x s pixels the position is the mean of source_px weighed by seen; the sample is
    multiplied by the covered share of the block.

    `fused` picks the Warp kernel or its torch twin; None: the kernel, except where gradients are wanted.
    """
    axes = check_shape("source_px", source_px, ("B", "N", 2, "H", "W"))
    check_shape("seen", seen, ("B", "N", 1, "H", "W"), axes)
    check_shape("features", features, (1 if len(features) == 1 else "B", "N", "h", "w", "C"), axes)
    if fused is None:
        fused = not (torch.is_grad_enabled() and (features.requires_grad or source_px.requires_grad or seen.requires_grad))
    return (_fused if fused else _torch)(features, source_px, seen, stride)


def _torch(features: Tensor, source_px: Tensor, seen: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    lead, (height, width) = seen.shape[:2], (features.shape[2] * stride, features.shape[3] * stride)
    source_px, seen = source_px.flatten(0, 1), seen.flatten(0, 1)
    covered = seen > 0
    total = F.avg_pool2d(seen, stride)
    mean_px = F.avg_pool2d(torch.where(covered, source_px, 0) * seen, stride) / total.clamp_min(1e-12)
    grid = grid_from_pixels(mean_px.permute(0, 2, 3, 1), width, height).unflatten(0, lead)
    frames = lead[0] // len(features)  # that share their features: their grids are stacked, instead of copying features
    stacked = grid.unflatten(0, (-1, frames)).transpose(1, 2).flatten(2, 3).flatten(0, 1)
    warped = sample(features.flatten(0, 1).permute(0, 3, 1, 2).to(grid.dtype), stacked)
    warped = warped.permute(0, 2, 3, 1).unflatten(1, (frames, -1)).unflatten(0, (-1, lead[1])).transpose(1, 2).flatten(0, 1)
    share = F.avg_pool2d(covered.to(seen.dtype), stride)
    return (warped * share[:, 0, ..., None].unflatten(0, lead)).to(features.dtype), total[:, 0].unflatten(0, lead)


def _fused(features: Tensor, source_px: Tensor, seen: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    batch, photos, _, height, width = source_px.shape
    device = features.device
    warped = torch.empty(batch, photos, height // stride, width // stride, features.shape[4], device=device)
    mean_seen = torch.empty(warped.shape[:4], device=device)
    inputs = [t.detach().float().contiguous().flatten(0, 1) for t in (features, source_px, seen[:, :, 0])]
    arrays = [wp.from_torch(t) for t in inputs]
    outputs = [wp.from_torch(warped.flatten(0, 1)), wp.from_torch(mean_seen.flatten(0, 1))]
    stream = wp.stream_from_torch(device) if device.type == "cuda" else None
    dim = (batch * photos, *mean_seen.shape[2:])
    wp.launch(kernels.warp_features, dim, [*arrays, stride, *outputs], device=str(device), stream=stream)
    return warped.to(features.dtype), mean_seen.to(features.dtype)
