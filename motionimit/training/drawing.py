"""The photos' portraits drawn in the poses of target frames: what the two halves of the data engine have in common."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..avatar.portrait import Portrait
from ..body.model import BodyModel
from ..flow.transfer import Renderer, Warped
from ..generator.maps import TargetMapper, source_maps, stacked
from ..geometry.camera import Camera

MARGIN_PX = 16
ASTRAY = 0.55  # intersection over union of drawn and true silhouette below which a fit or a matte went astray


class Ensemble:
    """One person's portraits, one per photo, with their maps and renderers."""

    def __init__(self, portraits: Sequence[Portrait], model: BodyModel, size_px: tuple[int, int]) -> None:
        self.portraits = portraits
        maps, scales = zip(*(source_maps(a, model) for a in portraits), strict=True)
        self.source = stacked(maps)
        self.mapper = TargetMapper(portraits, scales, model, "cpu")
        self._renderers = [Renderer(a.surface, a.layers, size_px, a.known) for a in portraits]

    def draw(self, poses: Sequence[Tensor], camera: Camera) -> list[Warped]:
        """One frame from every portrait, each in its own pose [24, 4, 4]."""
        return [r.render(pose, camera).kept() for r, pose in zip(self._renderers, poses, strict=True)]


def silhouettes(frames: Sequence[Sequence[Warped]]) -> Tensor:
    """[T, H, W]: in each frame the most that any portrait covers."""
    return torch.stack([torch.stack([w.rgba[..., 3] for w in drawn]).amax(0) for drawn in frames])


def overlap(a: Tensor, b: Tensor) -> float:
    """Intersection over union of what is more than half covered."""
    a, b = a > 0.5, b > 0.5
    return float((a & b).sum() / (a | b).sum().clamp_min(1))
