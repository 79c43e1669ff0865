"""Mip-mapped texture lookups."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d


class MipTexture:
    """A texture and its halvings, sampled trilinearly, clamped at the border."""

    def __init__(self, image: Tensor) -> None:
        """image: [H, W, C] float, row 0 at the top."""
        self.levels = [image]
        while min(self.levels[-1].shape[:2]) >= 16:
            half = avg_pool2d(self.levels[-1].permute(2, 0, 1)[None], 2)[0]
            self.levels.append(half.permute(1, 2, 0).contiguous())

    def level(self, uv: Tensor, xy_px: Tensor) -> float:
        """The level whose texels are as large as pixels, for the median of faces with uv [F, 3, 2] and pixels [F, 3, 2]."""
        height, width = self.levels[0].shape[:2]
        texels = _area(uv) * height * width
        ratio = (texels / _area(xy_px).clamp_min(1e-6)).median()
        return float(0.5 * torch.log2(ratio.clamp_min(1e-6)).clamp(0, 2 * (len(self.levels) - 1)))

    def sample(self, uv: Tensor, level: float) -> Tensor:
        """[P, C] colours at uv [P, 2], origin bottom left."""
        low = min(int(level), len(self.levels) - 1)
        first = _bilinear(self.levels[low], uv)
        share = level - low
        if share < 1e-3 or low + 1 >= len(self.levels):
            return first
        return first + share * (_bilinear(self.levels[low + 1], uv) - first)


def _area(triangle: Tensor) -> Tensor:
    a, b, c = triangle.unbind(1)
    return ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).abs()


def _bilinear(image: Tensor, uv: Tensor) -> Tensor:
    """Texel centres at +0.5, clamped. image [H, W, C], uv [P, 2] with v upwards."""
    height, width, channels = image.shape
    x = (uv[:, 0] * width - 0.5).clamp(0, width - 1)
    y = ((1 - uv[:, 1]) * height - 0.5).clamp(0, height - 1)
    x0, y0 = x.long().clamp_max(width - 2), y.long().clamp_max(height - 2)
    fx, fy = (x - x0)[:, None], (y - y0)[:, None]
    flat, corner = image.reshape(-1, channels), y0 * width + x0
    top = flat[corner] * (1 - fx) + flat[corner + 1] * fx
    bottom = flat[corner + width] * (1 - fx) + flat[corner + width + 1] * fx
    return top * (1 - fy) + bottom * fy
