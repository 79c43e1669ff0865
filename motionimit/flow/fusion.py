"""Several photos of one person: their drawings of the same pose become one, each pixel from those who saw it best.

What a photo knows of a pixel is the renderer's confidence times the density at which it saw the surface. Weights are a high power
of that, so that one photo wins instead of two faint copies, and are smoothed over a neighbourhood, so that the winner doesn't
change from pixel to pixel. Outlines follow the same weights: a photo from the front knows little of an outline seen from behind.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from .transfer import Warped

SHARPNESS = 8  # power of the weights
LOYALTY = 2  # power of how much a photo saw of the whole person: it keeps parts of one view together where several know them
REACH = 0.02  # radius of the smallest neighbourhood, as a share of the frame's long side
LEVELS = 4  # neighbourhoods, each twice as wide as the one before
SURE = 0.25  # share of a neighbourhood that must be drawn for its average to count in full
FLOOR = 0.05  # what a photo that saw nothing here is still worth, so that pixels no photo saw are filled by all of them
_FULL_DENSITY = 0.7  # texture pixels per frame pixel, along the worse axis, from which on the photo's detail is all there
_COARSE = 4  # weights are computed at this fraction of the resolution
_BORDER = 400  # squared gradient of a jump between surfaces, which is not a stretch


def fused(drawn: Sequence[Warped]) -> Tensor:
    """[H, W, 4] straight alpha, 0..1: the drawings of one pose by one person's photos, mixed by what each of them saw."""
    if len(drawn) == 1:
        return drawn[0].rgba
    return mixed([w.rgba.permute(2, 0, 1) for w in drawn], [seen(w) for w in drawn]).permute(1, 2, 0)


def seen(warped: Warped) -> Tensor:
    """[1, H, W] 0..1: how well the photo saw each pixel's surface."""
    return warped.confidence[None] * density(warped.source_px.permute(2, 0, 1))


def mixed(rgba: Sequence[Tensor], seen: Sequence[Tensor]) -> Tensor:
    """[4, H, W] straight alpha from N drawings [4, H, W] and how well each photo saw its pixels [1, H, W]."""
    if len(rgba) == 1:
        return rgba[0]
    image, knows = torch.stack(list(rgba)), torch.stack(list(seen))
    alpha = image[:, 3:]
    weight = (_nearby(knows, alpha) + FLOOR) ** SHARPNESS * _overall(knows, alpha) ** LOYALTY
    weight = weight / weight.sum(0)
    whole = (weight * alpha).sum(0)
    color = (weight * alpha * image[:, :3]).sum(0) / whole.clamp_min(1e-6)
    return torch.cat((color, whole))


def density(texel: Tensor) -> Tensor:
    """[1, H, W] 0..1: how much of a full-resolution picture the photo holds there; stretched texture holds little.

    The smaller singular value of the flow's Jacobian, in texture pixels per frame pixel, against `_FULL_DENSITY`.
    """
    dx = pad(texel[:, :, 2:] - texel[:, :, :-2], (1, 1, 0, 0)) / 2
    dy = pad(texel[:, 2:] - texel[:, :-2], (0, 0, 1, 1)) / 2
    square = (dx**2 + dy**2).sum(0)
    area = (dx[0] * dy[1] - dx[1] * dy[0]).abs()
    root = (square**2 - 4 * area**2).clamp_min(0).sqrt()
    smaller = ((square - root) / 2).clamp_min(0).sqrt()
    return torch.where(square > _BORDER, 0.5, (smaller / _FULL_DENSITY).clamp(0, 1))[None]


def _overall(knows: Tensor, alpha: Tensor) -> Tensor:
    """[N, 1, 1, 1]: how much of the whole person each photo saw in this pose, as a share of the best one's."""
    share = (knows * alpha).sum((1, 2, 3), keepdim=True) / alpha.sum((1, 2, 3), keepdim=True).clamp_min(1.0)
    return share / share.amax().clamp_min(1e-6) + 1e-3


def _nearby(knows: Tensor, alpha: Tensor) -> Tensor:
    """[N, 1, H, W]: what each photo knows of a neighbourhood, averaged over the pixels that it draws there.

    Where it draws nothing the average grows wider until it meets something: a photo that saw a shoulder well also saw that there
    is no sleeve beside it.
    """
    height, width = knows.shape[-2:]
    small, cover = (avg_pool2d(a, _COARSE, ceil_mode=True, count_include_pad=False) for a in (knows * alpha, alpha))
    out, found = torch.zeros_like(small), torch.zeros_like(cover)
    for level in range(LEVELS):
        radius = max(1, round(REACH * 2**level * max(height, width) / _COARSE))
        kernel = min(2 * radius + 1, *(2 * n - 1 for n in small.shape[-2:]))
        total, weight = (avg_pool2d(a, kernel, 1, kernel // 2, count_include_pad=False) for a in (small, cover))
        share = (1 - found) * (weight / SURE).clamp(0, 1)
        out, found = out + share * total / weight.clamp_min(1e-4), found + share
    whole = small.sum((2, 3), keepdim=True) / cover.sum((2, 3), keepdim=True).clamp_min(1e-4)
    out = out + (1 - found) * whole
    return interpolate(out, (height, width), mode="bilinear", align_corners=False).clamp(0, 1)
