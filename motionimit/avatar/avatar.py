"""`Avatar`: one person as all their photos show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..types import BodyParams
from .portrait import Portrait


@dataclass(frozen=True, slots=True)
class Avatar:
    """One person: one shape, and what each photo shows of them. The first photo gives place, camera and background.

    All portraits have the same betas, so that their surfaces share a rest pose and the same transforms move them.
    """

    portraits: tuple[Portrait, ...]
    picture: np.ndarray  # [H, W, 3] uint8: the first photo at the output's size
    photos: tuple[str, ...]  # SHA-256 of each photo, as `Photo.sha256`

    def __post_init__(self) -> None:
        if not self.portraits:
            raise ValueError("an avatar needs at least one portrait")
        width, height = self.size_px
        if self.picture.shape != (height, width, 3):
            raise ValueError(f"picture must be [{height}, {width}, 3], got {list(self.picture.shape)}")
        if any(not torch.equal(p.params.betas, self.params.betas) for p in self.portraits):
            raise ValueError("the portraits of an avatar must have the same betas")

    @property
    def params(self) -> BodyParams:
        """Shape, pose and camera of the first photo; T = 1, camera of the output's size."""
        return self.portraits[0].params

    @property
    def background(self) -> Tensor:
        """[H, W, 3] float32, 0..1: the first photo without the person."""
        return self.portraits[0].background

    @property
    def matte(self) -> Tensor:
        """[H, W] float32, 0..1, of the first photo."""
        return self.portraits[0].matte

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the output."""
        return self.params.camera.size_px
