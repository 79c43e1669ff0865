"""Pairs of views from disk as an endless, repeatable stream of `StillBatch`es."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..errors import BadInput
from ..generator.still_frame import window_of
from ..generator.still_inputs import StillBatch, StillInput
from .augment import Recolor
from .still_augment import mirrored_keypoints, shaken_keypoints, shaken_parsing
from .still_backdrops import clutter, moved_before
from .still_storage import StillFile, StillView, still_files
from .stream import FolderStream

_SCALE = (0.9, 1.12)  # of the window, by chance
_SHIFT = 0.04  # of the window's sides, up to
_ELSEWHERE = 0.5  # share of pairs before another background


class StillDataset(FolderStream[StillBatch]):
    """Each example: a person by chance, an ordered pair of their views, both in one window round both poses."""

    def __init__(
        self,
        folder: Path,
        batch: int = 8,
        size_px: tuple[int, int] = (256, 256),
        seed: int = 0,
        rank: int = 0,
        augment: bool = True,
    ) -> None:
        """`size_px`: (width, height). Raises `BadInput` for a folder without stills; `next` does for damaged ones."""
        super().__init__(Path(folder), still_files)
        self.size, self.size_px, self.seed, self.rank, self.augment = batch, size_px, seed, rank, augment

    def load(self, k: int) -> StillBatch:
        """Batch k."""
        rng = np.random.default_rng((self.seed, self.rank, k))
        return _stacked([self._pair(rng) for _ in range(self.size)])

    def _pair(self, rng: np.random.Generator) -> StillBatch:
        """B = 1."""
        with StillFile(self._files[int(rng.integers(len(self._files)))]) as file:
            views = [file.view(int(v)) for v in rng.choice(file.views, 2, replace=False)]
        jitter = (float(rng.uniform(*_SCALE)), rng.uniform(-_SHIFT, _SHIFT, 2)) if self.augment else (1.0, np.zeros(2))
        cut = cut_round(views, self.size_px[0] / self.size_px[1], *jitter)
        source, target = (seen_in(view, cut, self.size_px) for view in views)
        if self.augment:
            source, target = _augmented(rng, source, target)
        inputs = StillInput(source.rgb[None], source.keypoints[None], target.keypoints[None], source.parsing[None])
        return StillBatch(inputs, target.rgb[None], target.alpha[None], target.parsing[None])


@dataclass(frozen=True, slots=True)
class Cut:
    """A window of stored views, in their px; it may stick out."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A view in the window of a network."""

    rgb: Tensor  # [3, H, W] 0..1
    alpha: Tensor  # [1, H, W] 0..1
    parsing: Tensor  # [H, W] int64
    keypoints: Tensor  # [18, 3] px of the window


def cut_round(views: Sequence[StillView], aspect: float, scale: float = 1.0, shift: np.ndarray | None = None) -> Cut:
    """The window of `aspect` (width by height) that the product would cut round the poses of all `views`; times `scale`, moved by
    `shift` [2] of its sides (x, y). Where too little of a pose is known, round the whole picture."""
    side = views[0].alpha.shape[0]
    try:
        left, top, width, height = window_of(torch.cat([v.keypoints for v in views]), aspect)
    except BadInput:
        width, height = max(side, side * aspect), max(side, side / aspect)
        left, top = (side - width) / 2, (side - height) / 2
    x, y = np.zeros(2) if shift is None else shift
    left += width * ((1 - scale) / 2 + x)
    top += height * ((1 - scale) / 2 + y)
    return Cut(round(left), round(top), max(1, round(width * scale)), max(1, round(height * scale)))


def seen_in(view: StillView, cut: Cut, size_px: tuple[int, int]) -> Seen:
    """The view in a window, resized with antialiasing (labels: the nearest) to (width, height); held beyond its border."""
    width, height = size_px
    side = view.alpha.shape[-1]
    rows, columns = (torch.arange(a, a + n).clamp(0, side - 1) for a, n in ((cut.top, cut.height), (cut.left, cut.width)))
    rgba = torch.cat((view.rgb, view.alpha[None]))[:, rows][..., columns][None]
    rgba = rgba.contiguous(memory_format=torch.channels_last)  # bytes in this order are resized ten times as fast
    small = interpolate(rgba, (height, width), mode="bilinear", antialias=True, align_corners=False)[0].float() / 255
    down, right = (((torch.arange(n) + 0.5) * (whole / n)).long() for n, whole in ((height, cut.height), (width, cut.width)))
    parsing = view.parsing[rows[down]][:, columns[right]].long()
    keypoints = view.keypoints * torch.tensor([width / cut.width, height / cut.height, 1.0])
    keypoints[:, :2] -= torch.tensor([cut.left * width / cut.width, cut.top * height / cut.height])
    inside = (keypoints[:, :2] >= 0).all(1) & (keypoints[:, 0] < width) & (keypoints[:, 1] < height)
    keypoints[:, 2] *= inside
    return Seen(small[:3].contiguous(), small[3:].contiguous(), parsing, keypoints)


def _augmented(rng: np.random.Generator, source: Seen, target: Seen) -> tuple[Seen, Seen]:
    """Both mirrored by chance, before another backdrop and in one other light; keypoints as a detector finds them, the source's
    parsing as a parser does."""
    if rng.random() < 0.5:
        source, target = mirrored(source), mirrored(target)
    if rng.random() < _ELSEWHERE:
        backdrop = clutter(rng, *source.rgb.shape[-2:])
        source, target = (replace(v, rgb=moved_before(v.rgb, v.alpha, backdrop)) for v in (source, target))
    light = replace(Recolor.random(rng), order=(0, 1, 2))  # blue faces would teach little
    here = shaken_keypoints(rng, source.keypoints, _height_px(source), wanted=False)
    there = shaken_keypoints(rng, target.keypoints, _height_px(target), wanted=True)
    return (
        Seen(light(source.rgb), source.alpha, shaken_parsing(rng, source.parsing), here),
        Seen(light(target.rgb), target.alpha, target.parsing, there),
    )


def _height_px(view: Seen) -> float:
    """Of the person; at least a quarter of the window's."""
    rows = view.alpha[0].amax(1) > 0.5
    return max(float(rows.sum()), 0.25 * len(rows))


def mirrored(view: Seen) -> Seen:
    """Left and right exchanged."""
    width = view.rgb.shape[-1]
    return Seen(view.rgb.flip(-1), view.alpha.flip(-1), view.parsing.flip(-1), mirrored_keypoints(view.keypoints, width))


def _stacked(parts: Sequence[StillBatch]) -> StillBatch:
    def joined(name: str) -> Tensor:
        return torch.cat([getattr(p, name) for p in parts])

    def inputs(name: str) -> Tensor:
        return torch.cat([getattr(p.source, name) for p in parts])

    source = StillInput(inputs("rgb"), inputs("keypoints"), inputs("wanted"), inputs("parsing"))
    return StillBatch(source, joined("rgb"), joined("alpha"), joined("parsing"))
