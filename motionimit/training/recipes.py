"""What can be trained: each model's sizes and ablations, and the parts that its training is put together from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..generator.config import SIZES
from ..generator.pg2 import PG2_SIZES
from ..generator.rsa import RSA_SIZES
from .settings import BatchSource, LossWeights, Pg2Weights, RsaWeights, TrainSettings, Weights

if TYPE_CHECKING:
    from torch import nn

    from .learner import Learner


@dataclass(frozen=True, slots=True)
class Parts:
    """What a training run is put together from."""

    build: Callable[[Any], nn.Module]  # configuration → network
    critics: Callable[[], nn.Module]
    learner: Callable[..., Learner]
    open_data: Callable[[Path, TrainSettings, Any, int], BatchSource]  # folder, settings, configuration, number of the process
    save: Callable[..., None]  # path, network, what stands beside the weights
    people: Callable[[Path], str]  # folder → whom its data show


@dataclass(frozen=True, slots=True)
class Recipe:
    """One model."""

    sizes: Mapping[str, Any]  # name → configuration; the first is the default
    ablations: Mapping[str, dict[str, Any]]  # name → what changes in the configuration
    weights: Callable[[], Weights]  # of the loss, as they are by default
    data_command: str  # of `motionimit train`: makes the data
    parts: Callable[[], Parts]  # imports what `--help` doesn't need


def _attlwb() -> Parts:
    from ..generator.model import Generator
    from ..weights import save_generator
    from .clip_learner import ClipLearner
    from .dataset import open_dataset
    from .discriminator import Discriminators
    from .storage import people_in

    return Parts(
        Generator, Discriminators, ClipLearner, lambda f, s, c, rank: open_dataset(f, s, rank), save_generator, people_in
    )


def _open_stills(folder: Path, settings: TrainSettings, config: Any, rank: int) -> BatchSource:
    from .still_dataset import StillDataset

    return StillDataset(folder, settings.batch, (config.width, config.height), settings.seed, rank)


def _still_people(folder: Path) -> str:
    from .still_storage import still_files

    return f"{len(still_files(folder))} synthetic people"


def _pg2() -> Parts:
    from ..generator.pg2 import PG2
    from ..weights import save_still
    from .still_learner import Pg2Learner

    return Parts(PG2, Pg2Learner.new_critics, Pg2Learner, _open_stills, save_still, _still_people)


def _rsa() -> Parts:
    from ..generator.rsa import RSAGAN
    from ..weights import save_still
    from .still_learner import RsaLearner

    return Parts(RSAGAN, RsaLearner.new_critics, RsaLearner, _open_stills, save_still, _still_people)


RECIPES = {
    "attlwb": Recipe(
        SIZES,
        {
            "full": {},
            "no-semantics": {"semantics": False},
            "add": {"attention": "add"},
            "no-correspondence": {"correspondence": False},
        },
        LossWeights,
        "synth",
        _attlwb,
    ),
    "pg2": Recipe(PG2_SIZES, {"full": {}}, Pg2Weights, "stills", _pg2),
    "rsa": Recipe(RSA_SIZES, {"full": {}, "no-semantics": {"semantics": False}}, RsaWeights, "stills", _rsa),
}
