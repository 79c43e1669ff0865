"""A stick person of 18 keypoints, tiny configurations, and batches whose answer is known."""

from __future__ import annotations

import torch

from motionimit.generator.pg2 import Pg2Config
from motionimit.generator.rsa import RsaConfig
from motionimit.generator.still_inputs import StillBatch, StillInput
from motionimit.generator.still_maps import region_prior

TINY_PG2 = Pg2Config(width=64, height=64, channels=6, levels=3, refinement_levels=2, refinement_channels=6, bottleneck=8)
TINY_RSA = RsaConfig(width=64, height=64, channels=(8, 12, 16), key_channels=4, style_channels=12, residual_blocks=1)
_PLACES = (
    (32, 8), (32, 14), (26, 15), (23, 24), (22, 33), (38, 15), (41, 24), (42, 33), (28, 34), (27, 45), (27, 57), (36, 34),
    (37, 45), (37, 57), (31, 7), (33, 7), (29, 8), (35, 8),
)  # fmt: skip


def person(side: int = 64) -> torch.Tensor:
    """[18, 3] keypoints of somebody who stands upright and faces the camera, in a square of `side` px."""
    points = torch.tensor(_PLACES, dtype=torch.float32) * (side / 64)
    return torch.cat([points, torch.ones(18, 1)], 1)


def still_batch(size: int, side: int = 64, seed: int = 0) -> StillBatch:
    """People painted in one colour per region before a plain wall; the truth wears the same colours in another pose."""
    torch.manual_seed(seed)
    here = person(side).expand(size, -1, -1).clone()
    wanted = here.clone()
    for arm in (4, 7):
        wanted[:, arm, :2] += side / 8 * torch.randn(size, 2)
    wanted[:, :, 0] += side / 16 * torch.randn(size, 1)
    colours = torch.rand(size, 8, 3)
    labels = [region_prior(p, (side, side), 1).argmax(1) for p in (here, wanted)]
    rgb = [torch.stack([colours[b][labels[k][b]] for b in range(size)]).permute(0, 3, 1, 2) for k in (0, 1)]
    return StillBatch(StillInput(rgb[0], here, wanted, labels[0]), rgb[1], (labels[1] > 0).float()[:, None], labels[1])
