"""Training pairs from disk as an endless, repeatable stream of batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from ..generator.inputs import Batch, TargetMaps, Truth
from .augment import augmented
from .settings import TrainSettings
from .storage import PairFile, Window, example_files
from .stream import FolderStream

PATCH_PX = (256, 192)  # height, width of what a step sees of a frame
_STRIDE_PX = 16
_SINGLE = 0.8  # share of batches with one frame: a second one costs as much and teaches less, but how to use the state
_TRIES = 3
T = TypeVar("T", TargetMaps, Truth)


class PairDataset(FolderStream[Batch]):
    """A batch holds patches of one person's sequences (`Batch.source` has B = 1 and serves all of them)."""

    def __init__(
        self,
        folder: Path,
        batch: int = 4,
        frames: int = 2,
        seed: int = 0,
        rank: int = 0,
        patch_px: tuple[int, int] | None = PATCH_PX,
        augment: bool = True,
    ) -> None:
        """Raises `BadInput` for a folder without pairs. `patch_px` None takes whole crops, one sequence per batch."""
        super().__init__(folder, example_files)
        self.size, self.frames, self.seed, self.rank = batch, frames, seed, rank
        self.patch_px, self.augment = patch_px, augment

    def load(self, k: int) -> Batch:
        """Batch k."""
        rng = np.random.default_rng((self.seed, self.rank, k))
        with PairFile(self._files[int(rng.integers(len(self._files)))]) as file:
            chosen = rng.permutation(file.sequences)[: self.size].tolist()
            if self.patch_px is None:
                batch = Batch(file.source(), *file.sequence(chosen[0]))
            else:
                chosen += rng.integers(file.sequences, size=self.size - len(chosen)).tolist()
                size = _common(self.patch_px, [file.size(s) for s in chosen])
                parts = [file.sequence(s, _window(rng, file, s, size)) for s in chosen]
                frames = self._frames(rng)
                targets = tuple(_joined([p[0][t] for p in parts]) for t in frames)
                batch = Batch(file.source(), targets, tuple(_joined([p[1][t] for p in parts]) for t in frames))
        return augmented(rng, batch) if self.augment else batch

    def _frames(self, rng: np.random.Generator) -> list[int]:
        """Which of a sequence's frames a batch holds."""
        if self.frames > 1 and rng.random() >= _SINGLE:
            return list(range(self.frames))
        return [int(rng.integers(2))]


def open_dataset(folder: Path, settings: TrainSettings, rank: int = 0) -> PairDataset:
    """The stream that a run with `settings` trains on."""
    return PairDataset(folder, settings.batch, settings.frames, settings.seed, rank)


def _common(patch: tuple[int, int], sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The patch that fits into all crops, sides in multiples of 16 px."""
    height, width = (min(patch[i], *(s[i] for s in sizes)) // _STRIDE_PX * _STRIDE_PX for i in (0, 1))
    return height, width


def _window(rng: np.random.Generator, file: PairFile, sequence: int, size: tuple[int, int]) -> Window:
    """A random patch; of a few tries the one that shows most of the person, hidden surface above all."""
    height, width = file.size(sequence)
    places = [
        tuple(int(rng.integers((full - part) // 2 + 1)) * 2 for full, part in zip((height, width), size, strict=True))
        for _ in range(_TRIES)
    ]
    windows = [(top, left, *size) for top, left in places]
    return max(windows, key=lambda w: file.interest(sequence, w))


def _joined(parts: Sequence[T]) -> T:
    return type(parts[0])(**{f.name: torch.cat([getattr(p, f.name) for p in parts]) for f in fields(parts[0])})
