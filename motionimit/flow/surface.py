"""The drawable avatar: posed surfaces that know where the source photo saw each of their points."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ..checks import check_shape

BONES_PER_VERTEX = 6
FILLING_M = 0.025  # a face pushed back by this much fills what others leave open: it has no edges of its own and is drawn opaque


@dataclass(frozen=True, slots=True)
class Surface:
    """A triangle soup in the body's rest pose. Counter-clockwise as seen from outside; back faces are not drawn."""

    rest_m: Tensor  # [V, 3] float32, rest pose
    bones: Tensor  # [V, K] int32, joints that move the vertex, heaviest first
    weights: Tensor  # [V, K] float32, sum 1
    uv_px: Tensor  # [V, 2] float32, where the source saw the vertex, in texture pixels, centres at +0.5
    faces: Tensor  # [F, 3] int32
    layer: Tensor  # [F] int32, index into the texture layers
    bias_m: Tensor  # [F] float32, pushed back by this much in the depth test; from FILLING_M on alpha counts as 1
    confidence: Tensor  # [F] float32, 0..1, weight in blending

    def __post_init__(self) -> None:
        axes = check_shape("rest_m", self.rest_m, ("V", 3))
        check_shape("bones", self.bones, ("V", "K"), axes)
        check_shape("weights", self.weights, ("V", "K"), axes)
        check_shape("uv_px", self.uv_px, ("V", 2), axes)
        check_shape("faces", self.faces, ("F", 3), axes)
        check_shape("layer", self.layer, ("F",), axes)
        check_shape("bias_m", self.bias_m, ("F",), axes)
        check_shape("confidence", self.confidence, ("F",), axes)

    def posed(self, transforms: Tensor) -> Tensor:
        """[V, 3] under linear blend skinning with transforms [24, 4, 4]."""
        blend = skinning(transforms, self.bones, self.weights)
        return (blend[:, :3, :3] @ self.rest_m[..., None])[..., 0] + blend[:, :3, 3]

    def to(self, device: torch.device) -> Surface:
        """The same surface on another device."""
        return Surface(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def skinning(transforms: Tensor, bones: Tensor, weights: Tensor) -> Tensor:
    """[V, 4, 4]: the transforms [24, 4, 4] blended by each vertex's bones and weights [V, K]."""
    return (transforms[bones.long()] * weights[..., None, None]).sum(1)


def top_bones(weights: Tensor) -> tuple[Tensor, Tensor]:
    """[V, 24] skinning weights → the heaviest bones [V, K] int32 and their renormalised weights [V, K]."""
    value, index = weights.topk(BONES_PER_VERTEX, dim=1)
    return index.to(torch.int32), value / value.sum(1, keepdim=True).clamp_min(1e-8)


def join(parts: list[Surface]) -> Surface:
    """One surface from several; faces are renumbered."""
    offset, faces = 0, []
    for part in parts:
        faces.append(part.faces + offset)
        offset += len(part.rest_m)
    fields = ("rest_m", "bones", "weights", "uv_px", "layer", "bias_m", "confidence")
    merged = {name: torch.cat([getattr(p, name) for p in parts]).contiguous() for name in fields}
    return Surface(faces=torch.cat(faces).contiguous(), **merged)
