"""A striped oval as person: photos and target frames of it for the generator's tests."""

import torch

from motionimit.generator.config import GeneratorConfig
from motionimit.generator.inputs import GROUPS, SourceMaps, TargetMaps
from motionimit.generator.model import Generator

TINY = GeneratorConfig(channels=(8, 8, 16), key_channels=4, token_channels=12, residual_blocks=1)


def oval(height, width):
    """[height, width] bool."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return ((x / width - 0.5) / 0.3) ** 2 + ((y / height - 0.5) / 0.4) ** 2 < 1


def body(batch, height, width):
    """(groups [B, H, W], place [B, 4, H, W]): regions from head to feet."""
    inside = oval(height, width)
    groups = torch.where(inside, (torch.arange(height) * GROUPS // height)[:, None], -1).expand(batch, -1, -1)
    y, x = torch.meshgrid(torch.arange(height) / height * 1.7, torch.arange(width) / width - 0.5, indexing="ij")
    place = torch.stack([x, 1.7 - y, 0 * x, 0 * x + 1]) * inside
    return groups.contiguous(), place.expand(batch, -1, -1, -1).contiguous()


def photos(batch=1, count=1, height=64, width=48, seed=0):
    g = torch.Generator().manual_seed(seed)
    alpha = oval(height, width).float().expand(batch, count, 1, -1, -1).contiguous()
    cells = torch.rand(batch, count, 3, height // 8, width // 8, generator=g)
    rgb = cells.repeat_interleave(8, -1).repeat_interleave(8, -2) * alpha
    groups, place = (t[:, None].expand(-1, count, *[-1] * (t.ndim - 1)) for t in body(batch, height, width))
    return SourceMaps(rgb, alpha, groups, groups, place)


def frame(batch=1, count=1, height=64, width=48, seed=0):
    """Confidence in steps of 8 px, photos shifted by some pixels and trusted differently."""
    g = torch.Generator().manual_seed(seed + 1)
    alpha = oval(height, width).float().expand(batch, 1, -1, -1)
    coarse = torch.rand(batch, 1 + 3 + count, height // 8, width // 8, generator=g)
    coarse = coarse.repeat_interleave(8, -1).repeat_interleave(8, -2)
    seen = (coarse[:, 4:] * (coarse[:, 4:] > 0.3) * alpha)[:, :, None]
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    source_px = (torch.stack([x, y]) + 5 * torch.randn(batch, count, 2, 1, 1, generator=g)) * (seen > 0)
    groups, place = body(batch, height, width)
    return TargetMaps(
        torch.cat([coarse[:, 1:4], alpha], 1), coarse[:, :1] * alpha, source_px, seen.contiguous(), groups, groups, place
    )


def shaken(config=TINY, seed=0):
    """A generator whose heads are no longer zero, in eval mode."""
    torch.manual_seed(seed)
    model = Generator(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


def largest(difference):
    return float(difference.detach().abs().max())
