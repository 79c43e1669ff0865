"""What the networks for stills see (PG², RSA-GAN): one photo, its pose and parsing, and the pose that is wanted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_shape
from ..pose.keypoints import KEYPOINTS
from .inputs import moved

PARSING = ("background", "hair", "face", "upper", "lower", "arms", "legs", "shoes")
"""Labels of a still's parsing map; arms and legs are bare skin (hands are arms), a dress is upper clothes."""


@dataclass(frozen=True, slots=True)
class StillInput:
    """B photos of one size, cut out round the person and the place where the person shall be."""

    rgb: Tensor  # [B, 3, H, W] 0..1, background included
    keypoints: Tensor  # [B, 18, 3] x, y in px of rgb and confidence: the photo's pose
    wanted: Tensor  # [B, 18, 3] the pose that is wanted, in the same frame
    parsing: Tensor  # [B, H, W] int64, index into PARSING, of the photo

    def __post_init__(self) -> None:
        axes = check_shape("rgb", self.rgb, ("B", 3, "H", "W"))
        check_shape("keypoints", self.keypoints, ("B", len(KEYPOINTS), 3), axes)
        check_shape("wanted", self.wanted, ("B", len(KEYPOINTS), 3), axes)
        check_shape("parsing", self.parsing, ("B", "H", "W"), axes)


@dataclass(frozen=True, slots=True)
class StillBatch:
    """Photos, and what they should become."""

    source: StillInput
    rgb: Tensor  # [B, 3, H, W] 0..1, the person in the wanted pose before the same background
    alpha: Tensor  # [B, 1, H, W] 0..1, the person in it
    parsing: Tensor  # [B, H, W] int64, index into PARSING; -1 where the parsing loss must not look

    def __post_init__(self) -> None:
        axes = check_shape("source.rgb", self.source.rgb, ("B", 3, "H", "W"))
        check_shape("rgb", self.rgb, ("B", 3, "H", "W"), axes)
        check_shape("alpha", self.alpha, ("B", 1, "H", "W"), axes)
        check_shape("parsing", self.parsing, ("B", "H", "W"), axes)

    def to(self, device: torch.device | str) -> StillBatch:
        """The same batch on another device."""
        return moved(self, device)

    @property
    def examples(self) -> int:
        return len(self.rgb)


@dataclass(frozen=True, slots=True)
class StillResult:
    """What a network for stills makes."""

    rgb: Tensor  # [B, 3, H, W] about 0..1
    coarse: Tensor | None = None  # [B, 3, H, W] PG²'s first stage
    warped: Tensor | None = None  # [B, 3, H, W] the photo moved along RSA-GAN's correspondence
    regions: Tensor | None = None  # [B, 8, H/8, W/8] log-probabilities of the region attention
