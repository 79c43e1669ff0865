"""What `personalize` is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..values import (
    check_device,
    check_distinct,
    check_file_output,
    check_seed,
    check_size,
    check_steps,
    check_suffix,
    check_weights,
)
from .common import Reported, check_source_files, check_sources

PERSONAL_STEPS = 150  # what `personalize` does unless told otherwise: below a minute on two cores
WEIGHTS_SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True)
class PersonalizeRequest(Reported):
    """Fine-tune the generator on photos of one person → personal weights. Raises `BadUsage` as `TransferSettings` does."""

    sources: tuple[Path, ...]
    output: Path
    steps: int = PERSONAL_STEPS
    seed: int = 0
    size_px: int = 512  # long side of the results that the weights are for
    weights: Path | None = None  # to start from; None takes those that came with the package
    body: Path | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        check_sources(self.sources)
        check_steps("--steps", self.steps)
        check_seed(self.seed)
        check_size(self.size_px)
        check_device(self.device)
        check_suffix("--output", self.output, (WEIGHTS_SUFFIX,))
        check_distinct(self.output_paths, self.input_paths)

    @property
    def input_paths(self) -> tuple[Path, ...]:
        return (*self.sources, *(p for p in (self.weights, self.body) if p is not None))

    def check_paths(self) -> None:
        """Fail before any work: inputs are there, the output can be written. Raises `BadInput`."""
        check_source_files(self.sources)
        check_weights(self.weights)
        check_file_output(self.output, "--output")
