"""A toy generator and toy batches with the real structures, so that the training loop can be tested in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from motionimit.generator.inputs import GROUPS, Batch, SourceMaps, TargetMaps, Truth
from motionimit.training.clip_learner import ClipLearner
from motionimit.training.discriminator import Discriminators
from motionimit.training.engine import make_accelerator
from motionimit.training.perceptual import LaplacianDistance
from motionimit.training.settings import TrainSettings
from motionimit.training.trainer import Trainer

SIDE_PX = 32


@dataclass
class ToyIdentity:
    mean: Tensor
    reconstruction: Tensor | None

    def repeated(self, times: int) -> ToyIdentity:
        return ToyIdentity(self.mean.repeat_interleave(times, 0), self.reconstruction)


@dataclass
class ToySynthesis:
    rgb: Tensor
    alpha: Tensor
    gate: Tensor
    regions: Tensor | None
    state: Tensor


class ToyGenerator(nn.Module):
    """Two convolutions that correct the geometric result; noise in the encoder, so that random numbers matter for resuming."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(4, width, 3, padding=1)
        self.decoder = nn.Conv2d(width, 4, 3, padding=1)
        self.body = nn.Sequential(nn.Conv2d(9, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 5, 3, padding=1))
        self.regions = nn.Conv2d(5, GROUPS, 8, 8)

    def encode(self, sources: SourceMaps, reconstruct: bool = False) -> ToyIdentity:
        maps = torch.cat([sources.rgb, sources.alpha], 2).flatten(0, 1)
        if self.training:
            maps = maps + 0.01 * torch.randn_like(maps)
        features = torch.relu(self.encoder(maps))
        made = self.decoder(features).unflatten(0, sources.rgb.shape[:2]) if reconstruct else None
        return ToyIdentity(features.mean((1, 2, 3)).unflatten(0, sources.rgb.shape[:2]).mean(1), made)

    def forward(self, identity: ToyIdentity, target: TargetMaps, state: Tensor | None = None) -> ToySynthesis:
        x = torch.cat([target.rgba, target.confidence, target.place], 1) + identity.mean[:, None, None, None]
        out = self.body(x)
        gate = torch.sigmoid(out[:, 4:])
        rgb = target.rgba[:, :3] + gate * out[:, :3]
        alpha = (target.rgba[:, 3:] + out[:, 3:4]).clamp(0, 1)
        return ToySynthesis(rgb, alpha, gate, self.regions(out), out.mean((1, 2, 3)) + (0 if state is None else state))


def toy_batch(seed: int, frames: int = 2, batch: int = 2, side_px: int = SIDE_PX) -> Batch:
    """A person of one rectangle whose true colour is the geometric one with red and blue exchanged."""
    made = torch.Generator().manual_seed(seed)
    shape = (batch, 1, side_px, side_px)
    alpha = torch.zeros(shape)
    alpha[..., 4:-4, 8:-8] = 1.0
    body = torch.full((batch, side_px, side_px), -1)
    body[:, 4 : side_px // 2, 8:-8], body[:, side_px // 2 : -4, 8:-8] = 1, 6
    place = torch.rand((batch, 4, side_px, side_px), generator=made) * alpha
    colour = torch.rand((batch, 3, 4, 4), generator=made)
    rgb = nn.functional.interpolate(colour, (side_px, side_px), mode="bilinear")
    source = SourceMaps(
        rgb=(rgb * alpha)[:, None], alpha=alpha[:, None], parsing=body[:, None], body=body[:, None], place=place[:, None]
    )
    grid_px = torch.stack(torch.meshgrid(torch.arange(side_px), torch.arange(side_px), indexing="xy")).float() + 0.5
    targets, truths = [], []
    for t in range(frames):
        confidence = torch.rand(shape, generator=made)
        shown = (rgb * (1 - 0.1 * t)).clamp(0, 1)
        targets.append(
            TargetMaps(
                rgba=torch.cat([shown, alpha], 1),
                confidence=confidence,
                source_px=grid_px.expand(batch, 1, -1, -1, -1),
                seen=confidence[:, None],
                parsing=body,
                body=body,
                place=place,
            )
        )
        hidden = (confidence < 0.3).float()
        truths.append(Truth(shown.flip(1) * alpha, alpha, body, hidden, torch.full((batch, 3, side_px, side_px), 0.5)))
    return Batch(source, tuple(targets), tuple(truths))


class ToySource:
    """Batches by number; `repeat` gives the first one for ever."""

    def __init__(self, repeat: bool = False) -> None:
        self.repeat, self.number = repeat, 0
        self.batches: dict[int, Batch] = {}

    def next(self) -> Batch:
        seed = 0 if self.repeat else self.number
        self.number += 1
        if seed not in self.batches:
            self.batches[seed] = toy_batch(seed)
        return self.batches[seed]

    def state(self) -> dict[str, Any]:
        return {"number": self.number}

    def load_state(self, state: dict[str, Any]) -> None:
        self.number = state["number"]


def toy_trainer(out: Path, source: Any = None, **changes: Any) -> Trainer:
    """A trainer on the CPU whose settings are small; the weights come from seed 0."""
    values: dict[str, Any] = {"steps": 6, "log_every": 1, "sheet_every": 1000, "checkpoint_every": 1000, "adversarial_from": 2}
    settings = TrainSettings(**(values | {"warmup_steps": 2} | changes))
    torch.manual_seed(settings.seed)
    out.mkdir(exist_ok=True)
    model, critics = ToyGenerator(), Discriminators(8)
    learner = ClipLearner(model, critics, settings, make_accelerator("cpu"), LaplacianDistance())
    return Trainer(learner, source or ToySource(), out)
