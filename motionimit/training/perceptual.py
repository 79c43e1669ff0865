"""Distances between pictures that see more than pixels: LPIPS where its weights are given, a Laplacian pyramid elsewhere."""

from __future__ import annotations

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from ..evaluation.lpips import MIN_SIDE_PX as MIN_SIDE_PX
from ..evaluation.lpips import Lpips as Lpips


class LaplacianDistance(nn.Module):
    """Stands in for LPIPS: mean L1 between the bands of Laplacian pyramids, so that edges count at every scale."""

    levels = 4

    def forward(self, result: Tensor, truth: Tensor) -> Tensor:
        """[B, 3, H, W] in 0..1 twice → [B]."""
        rest, total = result - truth.detach(), result.new_zeros(result.shape[0])  # the pyramid is linear
        for _ in range(self.levels):
            if min(rest.shape[-2:]) < 2:
                break
            small = F.avg_pool2d(rest, 2, ceil_mode=True, count_include_pad=False)
            band = rest - F.interpolate(small, rest.shape[-2:], mode="bilinear", align_corners=False)
            total, rest = total + band.abs().mean((1, 2, 3)), small
        return total


def perceptual_distance(path: Path | None) -> Lpips | LaplacianDistance:
    """LPIPS from the file `path`, else the stand-in. Raises `BadInput`."""
    return Lpips(path) if path is not None else LaplacianDistance()
