"""Two patch discriminators: the whole crop and the head, both told where on the body each pixel lies."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

HEAD_GROUPS = (0, 1)  # scalp; face and neck
HEAD_SIDE_PX = 64
CONDITION_CHANNELS = 5
_LEAST_HEAD_PX = 8
Box = tuple[int, int, int, int]  # left, top, right, bottom


class PatchDiscriminator(nn.Module):
    """Three 4x4 convolutions of stride 2, then one that scores patches (Isola et al. 2017), spectrally normalised.

    [B, inputs, H, W] → [B, 1, H/8, W/8]; positive means real.
    """

    def __init__(self, width: int = 32, inputs: int = 3 + CONDITION_CHANNELS) -> None:
        super().__init__()
        channels = (inputs, width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            layers += [spectral_norm(nn.Conv2d(before, after, 4, 2, 1)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(channels[-1], 1, 3, 1, 1)))

    def forward(self, maps: Tensor) -> Tensor:
        scores: Tensor = self.layers(maps)
        return scores


class Discriminators(nn.Module):
    """Scores of the crop, and of the heads in it where there are any."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.whole = PatchDiscriminator(width)
        self.head = PatchDiscriminator(width)

    def forward(self, rgb: Tensor, condition: Tensor, boxes: list[Box | None]) -> tuple[Tensor, ...]:
        """rgb [B, 3, H, W] 0..1 composites, `condition` [B, 5, H, W], a head box or None each → one or two score maps."""
        maps = torch.cat([rgb * 2 - 1, condition], 1)
        heads = head_crops(maps, boxes)
        scores: tuple[Tensor, ...] = (self.whole(maps),)
        return scores if heads is None else (*scores, self.head(heads))


def condition_maps(place: Tensor, body: Tensor) -> Tensor:
    """Target place [B, 4, H, W] in metres and body [B, H, W] → [B, 5, H, W] for the discriminators."""
    return torch.cat([place, (body >= 0).unsqueeze(1).to(place.dtype)], 1)


def head_boxes(body: Tensor) -> list[Box | None]:
    """Square-ish box in px round the head groups of each [B, H, W] map, a quarter wider on every side; None without a head."""
    head = torch.zeros_like(body, dtype=torch.bool)
    for group in HEAD_GROUPS:
        head |= body == group
    return [_box(mask) for mask in head.cpu()]


def _box(mask: Tensor) -> Box | None:
    height, width = mask.shape
    ys, xs = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
    if len(ys) == 0 or len(xs) == 0:
        return None
    top, bottom, left, right = int(ys[0]), int(ys[-1]) + 1, int(xs[0]), int(xs[-1]) + 1
    side = max(bottom - top, right - left)
    if side < _LEAST_HEAD_PX:
        return None
    half = round(0.75 * side)
    x, y = (left + right) // 2, (top + bottom) // 2
    return max(0, x - half), max(0, y - half), min(width, x + half), min(height, y + half)


def head_crops(maps: Tensor, boxes: list[Box | None]) -> Tensor | None:
    """[B, C, H, W] and boxes → [heads, C, 64, 64]; None where there is no head at all."""
    size = (HEAD_SIDE_PX, HEAD_SIDE_PX)
    crops = [
        F.interpolate(maps[i : i + 1, :, box[1] : box[3], box[0] : box[2]], size, mode="bilinear", align_corners=False)
        for i, box in enumerate(boxes)
        if box is not None
    ]
    return torch.cat(crops) if crops else None


def hinge_real_fake(real: tuple[Tensor, ...], fake: tuple[Tensor, ...]) -> Tensor:
    """Discriminator's hinge loss: mean max(0, 1 - D(real)) + mean max(0, 1 + D(fake)), averaged over the discriminators."""
    terms = [F.relu(1 - r.float()).mean() + F.relu(1 + f.float()).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(terms).mean()


def hinge_generator(fake: tuple[Tensor, ...]) -> Tensor:
    """Generator's part: -mean D(fake), averaged over the discriminators."""
    return -torch.stack([f.float().mean() for f in fake]).mean()
