"""What the generator sees: the photos and one target frame as stacks of maps. `maps.py` builds them, for training and product."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

import torch
from torch import Tensor

from ..body.parts import Region
from ..checks import check_shape

GROUPS = 10
"""Left and right share a group, so that one side can lend the other its looks: scalp, face with neck, chest, pelvis, upper arms,
forearms, hands, thighs, shins, feet."""

STRIDE_PX = 16  # every map's sides are multiples of this

_GROUP_OF = {
    Region.SCALP: 0, Region.FACE: 1, Region.NECK: 1, Region.CHEST: 2, Region.PELVIS: 3,
    Region.LEFT_UPPER_ARM: 4, Region.RIGHT_UPPER_ARM: 4, Region.LEFT_FOREARM: 5, Region.RIGHT_FOREARM: 5,
    Region.LEFT_HAND: 6, Region.RIGHT_HAND: 6, Region.LEFT_THIGH: 7, Region.RIGHT_THIGH: 7,
    Region.LEFT_SHIN: 8, Region.RIGHT_SHIN: 8, Region.LEFT_FOOT: 9, Region.RIGHT_FOOT: 9,
}  # fmt: skip
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SourceMaps:
    """B persons with N photos each, windows of one size; h and w are multiples of 16."""

    rgb: Tensor  # [B, N, 3, h, w] 0..1, premultiplied by alpha
    alpha: Tensor  # [B, N, 1, h, w] 0..1
    parsing: Tensor  # [B, N, h, w] int64, group of the photo's pixel, -1 off the person: the parsing map
    body: Tensor  # [B, N, h, w] int64, group of the bare posed body that the camera sees, -1 off it
    place: Tensor  # [B, N, 4, h, w] rest-pose position of that surface (x, y, z in metres) and its facing (1 = frontal); 0 off it

    def __post_init__(self) -> None:
        axes = check_shape("rgb", self.rgb, ("B", "N", 3, "h", "w"))
        check_shape("alpha", self.alpha, ("B", "N", 1, "h", "w"), axes)
        check_shape("parsing", self.parsing, ("B", "N", "h", "w"), axes)
        check_shape("body", self.body, ("B", "N", "h", "w"), axes)
        check_shape("place", self.place, ("B", "N", 4, "h", "w"), axes)


@dataclass(frozen=True, slots=True)
class TargetMaps:
    """One frame's crop round the person; H and W are multiples of 16."""

    rgba: Tensor  # [B, 4, H, W] 0..1, the geometric result, straight alpha
    confidence: Tensor  # [B, 1, H, W] 0..1, of the geometric result
    source_px: Tensor  # [B, N, 2, H, W] where each photo saw the pixel, in pixels of `SourceMaps`, centres at +0.5
    seen: Tensor  # [B, N, 1, H, W] 0..1, confidence of each photo there; 0 where it doesn't cover the pixel
    parsing: Tensor  # [B, H, W] int64, the warped parsing map
    body: Tensor  # [B, H, W] int64
    place: Tensor  # [B, 4, H, W]

    def __post_init__(self) -> None:
        axes = check_shape("rgba", self.rgba, ("B", 4, "H", "W"))
        check_shape("confidence", self.confidence, ("B", 1, "H", "W"), axes)
        check_shape("source_px", self.source_px, ("B", "N", 2, "H", "W"), axes)
        check_shape("seen", self.seen, ("B", "N", 1, "H", "W"), axes)
        check_shape("parsing", self.parsing, ("B", "H", "W"), axes)
        check_shape("body", self.body, ("B", "H", "W"), axes)
        check_shape("place", self.place, ("B", 4, "H", "W"), axes)


@dataclass(frozen=True, slots=True)
class Truth:
    """What the frame should look like."""

    rgb: Tensor  # [B, 3, H, W] 0..1, premultiplied by alpha
    alpha: Tensor  # [B, 1, H, W] 0..1
    body: Tensor  # [B, H, W] int64, group of the true bare body, -1 where the parsing loss must not look
    hidden: Tensor  # [B, 1, H, W] 1 where no photo saw the true surface
    backdrop: Tensor  # [B, 3, H, W] 0..1, lies behind both the truth and the result in losses

    def __post_init__(self) -> None:
        axes = check_shape("rgb", self.rgb, ("B", 3, "H", "W"))
        check_shape("alpha", self.alpha, ("B", 1, "H", "W"), axes)
        check_shape("body", self.body, ("B", "H", "W"), axes)
        check_shape("hidden", self.hidden, ("B", 1, "H", "W"), axes)
        check_shape("backdrop", self.backdrop, ("B", 3, "H", "W"), axes)


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive frames of one crop, with their photos."""

    source: SourceMaps
    targets: tuple[TargetMaps, ...]
    truths: tuple[Truth, ...]

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return moved(self, device)

    @property
    def examples(self) -> int:
        return len(self.targets[0].rgba)


def moved(maps: T, device: torch.device | str) -> T:
    """A dataclass of tensors, tuples and dataclasses on another device."""
    if isinstance(maps, Tensor):
        return maps.to(device)  # type: ignore[return-value]
    if isinstance(maps, tuple):
        return tuple(moved(m, device) for m in maps)  # type: ignore[return-value]
    values = {f.name: moved(getattr(maps, f.name), device) for f in fields(maps)}  # type: ignore[arg-type]
    return type(maps)(**values)


def group_table() -> Tensor:
    """[18] int64: `Region` → group; the last entry, which index -1 finds, is -1."""
    return torch.tensor([_GROUP_OF[r] for r in Region] + [-1])
