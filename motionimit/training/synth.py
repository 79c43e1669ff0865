"""The data engine: many synthetic people, drawn in parallel, one file of training pairs each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..types import Progress
from .crew import RECIPE, Maker, PeopleSettings, SynthReport, make_people, open_studio
from .examples import make_example
from .storage import write_example

__all__ = ["RECIPE", "SynthReport", "SynthSettings", "synthesize"]


@dataclass(frozen=True, slots=True)
class SynthSettings(PeopleSettings):
    """Raises `BadUsage` for a value outside its range."""

    sequences: int = 4  # per person, two consecutive frames each
    photos: int | None = None  # per person; None draws 1, 2 or 4

    def __post_init__(self) -> None:
        PeopleSettings.__post_init__(self)
        self.check_range("sequences", 1, None)
        if self.photos is not None:
            self.check_range("photos", 1, 8)


def synthesize(settings: SynthSettings, progress: Progress) -> SynthReport:
    """Make `settings.people` files `person_NNNNN.safetensors`; what is there already stays. Raises `BadInput`, `MissingModel`."""
    return make_people(settings, partial(_start, settings), partial(_file, settings), progress)


def _start(settings: SynthSettings) -> Maker:
    studio = open_studio(settings)

    def make(number: int) -> bool:
        example = make_example(studio, (settings.seed, number), settings.sequences, settings.photos)
        if example is not None:
            write_example(_file(settings, number), example)
        return example is not None

    return make


def _file(settings: SynthSettings, number: int) -> Path:
    return settings.out / f"person_{number:05d}.safetensors"
