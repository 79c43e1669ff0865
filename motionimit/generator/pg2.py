"""PG²: pose-guided stills in two stages (Ma et al., "Pose Guided Person Image Generation", NIPS 2017).

stage I  (pose integration): photo + 18 discs of the wanted pose → U-Net with a fully connected bottleneck → coarse picture
stage II (refinement):       coarse picture + photo → U-Net without it → difference map; result = coarse + difference

Ours: sizes that a CPU can train. `fold` stacks 2x2 pixels into channels before the first convolution and unstacks them after the
last, so that no layer runs at full resolution; `Pg2Config(channels=128, fold=1)` has the paper's widths.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import check_shape
from ..pose.keypoints import KEYPOINTS
from .blocks import channels_last, conv
from .still_inputs import StillInput, StillResult
from .still_maps import discs


@dataclass(frozen=True, slots=True)
class Pg2Config:
    """Everything that decides PG²'s layers; kept beside the weights. Raises ValueError where no network can be built from it."""

    width: int = 256
    height: int = 256
    channels: int = 24  # of the first level; level k has k + 1 times as many
    levels: int = 5  # of stage I, the one at folded full resolution included
    refinement_levels: int = 3
    refinement_channels: int = 32
    bottleneck: int = 64
    fold: int = 2

    def __post_init__(self) -> None:
        whole = (self.width, self.height, self.channels, self.levels, self.refinement_levels, self.refinement_channels)
        if not all(type(n) is int and 1 <= n <= 2048 for n in (*whole, self.bottleneck)) or self.fold not in (1, 2, 4):
            raise ValueError(f"PG²'s sizes must be whole numbers from 1 to 2048 and fold 1, 2 or 4, got {self}")
        step = self.fold << (max(self.levels, self.refinement_levels) - 1)
        if self.levels > 8 or self.refinement_levels > 8 or self.width % step or self.height % step:
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
PG2_MARKET = Pg2Config(width=64, height=128, fold=1)
PG2_SIZES = {"256": PG2_FASHION, "128x64": PG2_MARKET}


class UNet(nn.Module):
    """Levels of two residual 3x3 convolutions with skips between equal sizes; `bottleneck` > 0 puts two fully connected layers at
    the bottom, through which what is known of the whole person reaches every place (`cells`: the bottom's height and width)."""

    def __init__(self, inputs: int, outputs: int, channels: int, levels: int, bottleneck: int, cells: tuple[int, int]) -> None:
        super().__init__()
        widths = [channels * (k + 1) for k in range(levels)]
        self.stem = conv(inputs, widths[0])
        self.down = nn.ModuleList(_Pair(w) for w in widths)
        self.shrink = nn.ModuleList(conv(a, b, stride=2) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_Pair(w) for w in widths)
        self.join = nn.ModuleList(conv(2 * w, w, 1) for w in widths)
        self.grow = nn.ModuleList(conv(b, a, 1) for a, b in pairwise(widths))
        self.head = conv(widths[0], outputs)
        size = widths[-1] * cells[0] * cells[1]
        self.narrow = nn.Linear(size, bottleneck) if bottleneck else None
        self.widen = nn.Linear(bottleneck, size) if bottleneck else None

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, h, w] → [B, outputs, h, w]."""
        x, skips = self.stem(channels_last(x)), []
        for level, pair in enumerate(self.down):
            x = pair(F.relu(self.shrink[level - 1](x)) if level else x)
            skips.append(x)
        if self.narrow is not None and self.widen is not None:
            x = channels_last(self.widen(F.relu(self.narrow(x.flatten(1)))).view_as(x))
        for level in reversed(range(len(skips))):
            if level < len(skips) - 1:
                x = F.interpolate(self.grow[level](x), scale_factor=2.0, mode="nearest")
            x = self.up[level](self.join[level](torch.cat([x, skips[level]], 1)))
        out: Tensor = self.head(F.relu(x))
        return out


class _Pair(nn.Module):
    """x + relu(conv(relu(conv(x))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = conv(channels, channels), conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + F.relu(self.second(F.relu(self.first(x))))


class PG2(nn.Module):
    """Both stages. Pictures are -1..1 inside, 0..1 outside."""

    def __init__(self, config: Pg2Config = PG2_FASHION) -> None:
        super().__init__()
        self.config = config
        fold = config.fold**2
        cells = tuple(n // (config.fold << (config.levels - 1)) for n in (config.height, config.width))
        self.integration = UNet(
            (3 + len(KEYPOINTS)) * fold, 3 * fold, config.channels, config.levels, config.bottleneck, (cells[0], cells[1])
        )
        self.refinement = UNet(6 * fold, 3 * fold, config.refinement_channels, config.refinement_levels, 0, (0, 0))
        nn.init.zeros_(self.refinement.head.weight)  # stage II begins as stage I
        assert self.refinement.head.bias is not None
        nn.init.zeros_(self.refinement.head.bias)

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the pictures."""
        return self.config.width, self.config.height

    def coarse(self, source: StillInput) -> Tensor:
        """Stage I: [B, 3, H, W], about 0..1."""
        pose = discs(source.wanted, self.size_px)
        return (self._folded(self.integration, torch.cat([source.rgb * 2 - 1, pose], 1)) + 1) / 2

    def difference(self, coarse: Tensor, source: StillInput) -> Tensor:
        """Stage II: what is added to the coarse picture, [B, 3, H, W]."""
        return self._folded(self.refinement, torch.cat([coarse * 2 - 1, source.rgb * 2 - 1], 1)) / 2

    def forward(self, source: StillInput, refine: bool = True) -> StillResult:
        """Both stages, or stage I alone. Gradients of stage II don't reach stage I. Raises `ShapeError` for another size."""
        check_shape("rgb", source.rgb, ("B", 3, self.config.height, self.config.width))
        if not refine:
            coarse = self.coarse(source)
            return StillResult(coarse, coarse)
        with torch.no_grad():
            coarse = self.coarse(source)
        return StillResult(coarse + self.difference(coarse, source), coarse)

    def _folded(self, net: nn.Module, x: Tensor) -> Tensor:
        fold = self.config.fold
        return F.pixel_shuffle(net(F.pixel_unshuffle(x, fold)), fold)
