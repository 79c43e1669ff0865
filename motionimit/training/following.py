"""What the product's own landmarks, fit and matting make of drawn pictures, taken together as frames of one clip."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import torch
from torch.nn.functional import interpolate

from ..types import BodyParams, PersonTrack

CLIP_FPS = Fraction(25)
_MASK_SIDE_PX = 256  # of clips; the tracker keeps no larger ones


def joined(tracks: Sequence[PersonTrack], cuts: tuple[int, ...]) -> PersonTrack:
    """Tracks of pictures of one size (T = 1 each) as one clip; `cuts` are the pictures that don't follow on the one before."""
    masks = torch.cat([t.masks for t in tracks])
    scale = min(1.0, _MASK_SIDE_PX / max(masks.shape[-2:]))
    small = masks if scale == 1 else interpolate(masks, scale_factor=scale, mode="bilinear", antialias=True)

    def together(name: str) -> torch.Tensor:
        return torch.cat([getattr(t, name) for t in tracks])

    return PersonTrack(
        size_px=tracks[0].size_px,
        fps=CLIP_FPS,
        box_xyxy_px=together("box_xyxy_px"),
        joints_px=together("joints_px"),
        joints_m=together("joints_m"),
        confidence=together("confidence"),
        valid=together("valid"),
        cuts=cuts,
        mask_frames=tuple(range(len(tracks))),
        masks=small,
    )


def part(params: BodyParams, first: int, count: int) -> BodyParams:
    """Some frames of a motion."""
    some = slice(first, first + count)
    return BodyParams(params.rotations[some], params.betas, params.translation_m[some], params.camera)
