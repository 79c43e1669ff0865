"""PG²: pose-guided stills in two stages (Ma et al., "Pose Guided Person Image Generation", NIPS 2017).

stage I  (pose integration): photo + 18 discs of the wanted pose → U-Net with a fully connected bottleneck → coarse picture
stage II (refinement):       coarse picture + photo → U-Net without it → difference map; result = coarse + difference

Ours: sizes that a CPU can train. Each stage stacks `fold` x `fold` pixels into channels before its first convolution and unstacks
them after its last: stage I, whose picture is coarse in any case, works at a quarter of the resolution, stage II, which brings
details back, at half of it. `Pg2Config(channels=128, fold=1, refinement_fold=1)` has the paper's widths. Residual branches end in
a convolution (pre-activation) instead of the paper's ReLU, which lets them only add; and every level of stage I sees the discs,
at its own resolution: given to the first layer alone, as in the paper, they were not heeded at all after 24,000 examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import check_shape
from ..pose.keypoints import KEYPOINTS
from .blocks import ResidualBlock, channels_last, conv
from .still_inputs import StillInput, StillResult
from .still_maps import discs


@dataclass(frozen=True, slots=True)
class Pg2Config:
    """Everything that decides PG²'s layers; kept beside the weights. Raises ValueError where no network can be built from it."""

    width: int = 256
    height: int = 256
    channels: int = 32  # of the first level; level k has k + 1 times as many
    levels: int = 5  # of stage I, the one at folded full resolution included
    fold: int = 4  # of stage I
    refinement_levels: int = 3
    refinement_channels: int = 32
    refinement_fold: int = 2
    bottleneck: int = 64

    def __post_init__(self) -> None:
        whole = (self.width, self.height, self.channels, self.levels, self.refinement_levels, self.refinement_channels)
        folds = (self.fold, self.refinement_fold)
        if not all(type(n) is int and 1 <= n <= 2048 for n in (*whole, self.bottleneck)) or not {*folds} <= {1, 2, 4}:
            raise ValueError(f"PG²'s sizes must be whole numbers from 1 to 2048 and its folds 1, 2 or 4, got {self}")
        step = max(self.fold << (self.levels - 1), self.refinement_fold << (self.refinement_levels - 1))
        if max(self.levels, self.refinement_levels) > 8 or self.width % step or self.height % step:
            raise ValueError(f"PG²'s width and height must be multiples of {step} px for its levels, got {self}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Pg2Config:
        """The inverse of `to_dict`. Raises ValueError for unknown or missing names."""
        names = {f.name for f in fields(cls)}
        if set(values) != names:
            raise ValueError(f"PG²'s configuration must have {sorted(names)}, got {sorted(values)}")
        return cls(**values)


PG2_FASHION = Pg2Config()
PG2_MARKET = Pg2Config(width=64, height=128, fold=2, refinement_fold=1)
PG2_SIZES = {"256": PG2_FASHION, "128x64": PG2_MARKET}


class UNet(nn.Module):
    """Levels of two residual 3x3 convolutions with skips between equal sizes; `bottleneck` > 0 puts two fully connected layers at
    the bottom, through which what is known of the whole person reaches every place (`cells`: the bottom's height and width). Each
    level may be given `hints` more channels."""

    def __init__(
        self, inputs: int, outputs: int, channels: int, levels: int, bottleneck: int, cells: tuple[int, int], hints: int = 0
    ) -> None:
        super().__init__()
        widths = [channels * (k + 1) for k in range(levels)]
        self.stem = conv(inputs + hints, widths[0])
        self.down = nn.ModuleList(ResidualBlock(w) for w in widths)
        self.shrink = nn.ModuleList(conv(a, b, stride=2) for a, b in pairwise(widths))
        self.hint = nn.ModuleList(conv(hints, w, bias=False) for w in widths[1:]) if hints else None
        self.up = nn.ModuleList(ResidualBlock(w) for w in widths)
        self.join = nn.ModuleList(conv(2 * w, w, 1) for w in widths)
        self.grow = nn.ModuleList(conv(b, a, 1) for a, b in pairwise(widths))
        self.head = conv(widths[0], outputs)
        size = widths[-1] * cells[0] * cells[1]
        self.narrow = nn.Linear(size, bottleneck) if bottleneck else None
        self.widen = nn.Linear(bottleneck, size) if bottleneck else None

    def forward(self, x: Tensor, hints: Sequence[Tensor] = ()) -> Tensor:
        """[B, inputs, h, w] and for each level [B, hints, h / 2^level, w / 2^level] → [B, outputs, h, w]."""
        x, skips = self.stem(channels_last(torch.cat([x, *hints[:1]], 1))), []
        for level, pair in enumerate(self.down):
            if level:
                x = self.shrink[level - 1](x)
                x = F.relu(x if self.hint is None else x + self.hint[level - 1](hints[level]))
            x = pair(x)
            skips.append(x)
        if self.narrow is not None and self.widen is not None:
            x = channels_last(self.widen(F.relu(self.narrow(x.flatten(1)))).view_as(x))
        for level in reversed(range(len(skips))):
            if level < len(skips) - 1:
                x = F.interpolate(self.grow[level](x), scale_factor=2.0, mode="nearest")
            x = self.up[level](self.join[level](torch.cat([x, skips[level]], 1)))
        out: Tensor = self.head(F.relu(x))
        return out


class PG2(nn.Module):
    """Both stages. Pictures are -1..1 inside, 0..1 outside."""

    def __init__(self, config: Pg2Config = PG2_FASHION) -> None:
        super().__init__()
        self.config = config
        down, stacked = config.fold << (config.levels - 1), 3 * config.fold**2
        cells = config.height // down, config.width // down
        self.integration = UNet(stacked, stacked, config.channels, config.levels, config.bottleneck, cells, hints=len(KEYPOINTS))
        stacked = 3 * config.refinement_fold**2
        self.refinement = UNet(2 * stacked, stacked, config.refinement_channels, config.refinement_levels, 0, (0, 0))
        nn.init.zeros_(self.refinement.head.weight)  # stage II begins as stage I
        assert self.refinement.head.bias is not None
        nn.init.zeros_(self.refinement.head.bias)

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the pictures."""
        return self.config.width, self.config.height

    def coarse(self, source: StillInput) -> Tensor:
        """Stage I: [B, 3, H, W], about 0..1."""
        fold = self.config.fold
        pose = [discs(source.wanted, self.size_px, fold << level) for level in range(self.config.levels)]
        return (F.pixel_shuffle(self.integration(F.pixel_unshuffle(source.rgb * 2 - 1, fold), pose), fold) + 1) / 2

    def difference(self, coarse: Tensor, source: StillInput) -> Tensor:
        """Stage II: what is added to the coarse picture, [B, 3, H, W]."""
        fold = self.config.refinement_fold
        folded = F.pixel_unshuffle(torch.cat([coarse * 2 - 1, source.rgb * 2 - 1], 1), fold)
        return F.pixel_shuffle(self.refinement(folded), fold) / 2

    def forward(self, source: StillInput, refine: bool = True) -> StillResult:
        """Both stages, or stage I alone. Gradients of stage II don't reach stage I. Raises `ShapeError` for another size."""
        check_shape("rgb", source.rgb, ("B", 3, self.config.height, self.config.width))
        if not refine:
            coarse = self.coarse(source)
            return StillResult(coarse, coarse)
        with torch.no_grad():
            coarse = self.coarse(source)
        return StillResult(coarse + self.difference(coarse, source), coarse)
