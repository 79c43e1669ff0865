"""Making a geometric result worse, and a person differently lit: variations of one rehearsal."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry.grid import identity_grid, sample
from .inputs import STRIDE_PX, SourceMaps, TargetMaps, Truth

JITTER_PX = 1.5  # standard deviation of the warp's error
_JITTER_CELL_PX, _BLOB_CELL_PX = 48, 20
_HOLE_SHARE, _BLUR_SHARE = 0.2, 0.15
_HOLE_BLUR_PX, _BLUR_PX = 25, 5


@dataclass(frozen=True, slots=True)
class Tint:
    """Another light: straight colour c → gain · c + lift, within 0..1."""

    gain: Tensor  # [3]
    lift: float

    @classmethod
    def random(cls, random: torch.Generator) -> Tint:
        brightness, *balance, lift = (2 * torch.rand(5, generator=random) - 1).tolist()
        return cls(1 + 0.15 * brightness + 0.04 * torch.tensor(balance), 0.03 * lift)

    def premultiplied(self, rgb: Tensor, alpha: Tensor) -> Tensor:
        """[.., 3, H, W] under alpha [.., 1, H, W]."""
        return (rgb * self.gain.view(3, 1, 1) + self.lift * alpha).clamp_min(0).minimum(alpha)

    def source(self, maps: SourceMaps) -> SourceMaps:
        return replace(maps, rgb=self.premultiplied(maps.rgb, maps.alpha))

    def target(self, maps: TargetMaps) -> TargetMaps:
        rgb = (maps.rgba[:, :3] * self.gain.view(3, 1, 1) + self.lift).clamp(0, 1)
        return replace(maps, rgba=torch.cat((rgb, maps.rgba[:, 3:]), 1))

    def truth(self, truth: Truth) -> Truth:
        return replace(truth, rgb=self.premultiplied(truth.rgb, truth.alpha))


def degraded(maps: TargetMaps, random: torch.Generator) -> TargetMaps:
    """The geometric result with what goes wrong in it: shifted by a smooth error, blurred in places, unknown in others.

    Unknown parts keep a smear of colour, as filled texture does, but neither confidence nor flow. The body, which comes from the
    pose alone, stays.
    """
    maps = _jittered(maps, random)
    size = (maps.rgba.shape[2], maps.rgba.shape[3])
    hole, soft = (_blobs(size, share, random) for share in (_HOLE_SHARE, _BLUR_SHARE))
    rgb, alpha = maps.rgba[:, :3], maps.rgba[:, 3:]
    rgb = torch.where(soft, _blurred(rgb, alpha, _BLUR_PX), rgb)
    rgb = torch.where(hole, _blurred(rgb, alpha, _HOLE_BLUR_PX), rgb)
    return replace(
        maps,
        rgba=torch.cat((rgb, alpha), 1),
        confidence=torch.where(soft, 0.5 * maps.confidence, maps.confidence) * ~hole,
        seen=maps.seen * ~hole[:, None],
    )


def window(maps: TargetMaps, truth: Truth, size_px: tuple[int, int], random: torch.Generator) -> tuple[TargetMaps, Truth]:
    """The same random window of (height, width), or of the whole where that is smaller, on the 16 px lattice, of both."""
    whole = maps.rgba.shape[2:]
    spans = []
    for full, wanted in zip(whole, size_px, strict=True):
        free = max(0, full - wanted) // STRIDE_PX
        begin = STRIDE_PX * int(torch.randint(0, free + 1, (1,), generator=random))
        spans.append(slice(begin, begin + min(full, wanted)))
    rows, columns = spans

    def cut(part: TargetMaps | Truth) -> dict[str, Tensor]:
        return {f.name: getattr(part, f.name)[..., rows, columns].contiguous() for f in fields(part)}

    return TargetMaps(**cut(maps)), Truth(**cut(truth))


def _jittered(maps: TargetMaps, random: torch.Generator) -> TargetMaps:
    """Everything that was warped, moved by a smooth random field of some pixels."""
    height, width = maps.rgba.shape[2:]
    shift_px = JITTER_PX * _smooth(2, (height, width), _JITTER_CELL_PX, random)[0].permute(1, 2, 0)
    grid = identity_grid(height, width) + shift_px * torch.tensor([2 / width, 2 / height])
    alpha = maps.rgba[:, 3:]
    moved = sample(torch.cat((maps.rgba[:, :3] * alpha, alpha, maps.confidence), 1), grid[None])
    rgb, alpha, confidence = moved.split([3, 1, 1], 1)
    x, y = (((grid[..., k] + 1) * n / 2).long().clamp(0, n - 1) for k, n in ((0, width), (1, height)))
    return replace(
        maps,
        rgba=torch.cat(((rgb / alpha.clamp_min(1e-4)).clamp(0, 1), alpha), 1),
        confidence=confidence,
        source_px=maps.source_px[..., y, x],  # no mixing across seams
        seen=maps.seen[..., y, x],
        parsing=maps.parsing[..., y, x],
    )


def _smooth(channels: int, size: tuple[int, int], cell_px: int, random: torch.Generator) -> Tensor:
    """[1, channels, H, W] noise of variance about 1 that changes over cells of some pixels."""
    cells = [n // cell_px + 3 for n in size]
    noise = torch.randn(1, channels, *cells, generator=random)
    return F.interpolate(noise, scale_factor=float(cell_px), mode="bicubic", align_corners=False)[..., : size[0], : size[1]]


def _blobs(size: tuple[int, int], share: float, random: torch.Generator) -> Tensor:
    """[1, 1, H, W] bool: about `share` of the picture, in patches."""
    noise = _smooth(1, size, _BLOB_CELL_PX, random)
    return noise > torch.quantile(noise.flatten()[::7], 1 - share)


def _blurred(rgb: Tensor, alpha: Tensor, side_px: int) -> Tensor:
    """Straight colour [1, 3, H, W], averaged under its alpha over squares."""
    sums = torch.cat((rgb * alpha, alpha), 1)
    for side, border in (((side_px, 1), (side_px // 2, 0)), ((1, side_px), (0, side_px // 2))):  # separable
        sums = F.avg_pool2d(sums, side, 1, border)
    return sums[:, :3] / sums[:, 3:].clamp_min(1e-4)
