"""What a training run is asked for, and what feeds it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Protocol, TypeVar

from ..errors import BadUsage
from ..values import check_choice

PRECISIONS = ("auto", "no", "fp16", "bf16")
W = TypeVar("W", bound="Weights")


class BatchSource(Protocol):
    """An endless stream of batches (`Batch` or `StillBatch`) whose place can be kept."""

    def next(self) -> Any: ...

    def state(self) -> dict[str, Any]:
        """JSON data that `load_state` takes to go on with exactly the batch that `next` would give now. A `load_state` that
        can't raises ValueError."""
        ...

    def load_state(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Weights:
    """Factors of a loss' terms by name; 0 leaves a term out. The terms are means over pixels of colours in 0..1."""

    def changed(self: W, changes: Iterable[str]) -> W:
        """With texts such as 'adversarial=0.1' applied. Raises `BadUsage`."""
        names = [f.name for f in fields(self)]
        values: dict[str, float] = {}
        for text in changes:
            name, _, number = text.partition("=")
            try:
                values[name] = float(number)
            except ValueError:
                values[name] = math.nan
            if name not in names or not 0 <= values[name] < math.inf:
                raise BadUsage(f"--weight must be NAME=NUMBER with one of {', '.join(names)} and 0 or more, got '{text}'.")
        return replace(self, **values)


@dataclass(frozen=True)
class LossWeights(Weights):
    """Of the video generator."""

    pixel: float = 4.0
    perceptual: float = 6.0
    adversarial: float = 0.1
    alpha: float = 2.0  # L1 of the matte and of its gradient
    gate_variation: float = 0.05
    gate_open: float = 0.1  # openness where the geometric result is confident
    temporal: float = 2.0
    regions: float = 0.1
    reconstruction: float = 1.0
    head: float = 3.0  # the following weigh pixels inside `pixel`: factor on scalp, face and neck, and what is 4 px round them
    hands: float = 2.5
    hidden: float = 2.0  # factor where no photo saw the true surface


@dataclass(frozen=True)
class Pg2Weights(Weights):
    """Of PG²: both stages are weighed as in the paper's loss, adversarial + λ · masked L1 with λ = 50, divided by λ."""

    coarse: float = 1.0  # stage I's L1, weighed by 1 + pose mask
    pixel: float = 1.0  # stage II's
    adversarial: float = 0.02
    limbs: float = 4.0  # of the pose mask inside both; 1 in the paper, whose people fill the picture


@dataclass(frozen=True)
class RsaWeights(Weights):
    """Of RSA-GAN; inferred, as no published text names them."""

    pixel: float = 4.0
    perceptual: float = 6.0
    adversarial: float = 0.1
    fetched: float = 2.0  # L1 of the pixels that the correspondence fetches, on the person
    regions: float = 0.3  # cross-entropy of the region attention with the target's parsing


@dataclass(frozen=True)
class TrainSettings:
    """One run. Everything that the weights depend on stands here and in the generator's config."""

    steps: int = 20_000
    batch: int = 4
    frames: int = 2  # consecutive frames per example, 1 or 2
    seed: int = 0
    lr: float = 5e-4
    discriminator_lr: float = 4e-4
    lr_floor: float = 0.05  # share of `lr` that the cosine ends at
    warmup_steps: int = 200
    betas: tuple[float, float] = (0.9, 0.99)
    discriminator_betas: tuple[float, float] = (0.5, 0.9)
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    adversarial_from: int = 2000
    discriminator_every: int = 2
    precision: str = "auto"  # auto: bf16 on a GPU that has it, else no
    minutes: float | None = None
    log_every: int = 20
    sheet_every: int = 500
    checkpoint_every: int = 250
    refine_from: int = 2500  # PG²: the step at which stage II takes over from stage I
    weights: Weights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "log_every", "sheet_every", "checkpoint_every", "discriminator_every"):
            if getattr(self, name) < 1:
                raise BadUsage(f"--{name.replace('_', '-')} must be 1 or more, got {getattr(self, name)}.")
        if self.frames not in (1, 2):
            raise BadUsage(f"--frames must be 1 or 2, got {self.frames}.")
        if self.seed < 0:
            raise BadUsage(f"--seed must be 0 or more, got {self.seed}.")
        if self.minutes is not None and not 0 < self.minutes < float("inf"):
            raise BadUsage(f"--minutes must be more than 0, got {self.minutes:g}.")
        if not 0 < self.lr < 1:
            raise BadUsage(f"--lr must lie between 0 and 1, got {self.lr:g}.")
        check_choice("--precision", self.precision, PRECISIONS)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the checkpoint and `settings.json`."""
        return asdict(self)
