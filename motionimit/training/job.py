"""`motionimit train attlwb|pg2|rsa` as one function: builds the network, opens the data, continues or begins, trains."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..errors import BadInput, BadUsage
from ..media.paths import check_folder_writable, check_input, shown
from ..runtime import set_threads
from ..types import Progress
from ..values import check_choice
from .checkpoint import write_whole
from .recipes import RECIPES, Recipe
from .settings import TrainSettings


@dataclass(frozen=True)
class TrainJob:
    """What to train, on what, where to. `resume`: True demands a checkpoint, False ignores it, None takes it if there."""

    data: Path
    out: Path
    settings: TrainSettings
    model: str = "attlwb"
    size: str | None = None  # None: the model's first
    ablation: str = "full"
    perceptual: Path | None = None
    start_from: Path | None = None
    resume: bool | None = None
    device: str = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        check_choice("--model", self.model, tuple(RECIPES))
        recipe = RECIPES[self.model]
        if self.size is None:
            object.__setattr__(self, "size", next(iter(recipe.sizes)))
        check_choice("--size", str(self.size), tuple(recipe.sizes))
        check_choice("--ablation", self.ablation, tuple(recipe.ablations))
        if self.start_from is not None and self.resume:
            raise BadUsage("--start-from and --resume exclude each other; name one.")
        if self.threads is not None and self.threads < 1:
            raise BadUsage(f"--threads must be 1 or more, got {self.threads}.")

    @property
    def recipe(self) -> Recipe:
        return RECIPES[self.model]

    @property
    def config(self) -> Any:
        """The network's, with the ablation's switch."""
        assert self.size is not None
        return replace(self.recipe.sizes[self.size], **self.recipe.ablations[self.ablation])

    def check_paths(self) -> None:
        """Make `out`, check what is read. Raises `BadInput`."""
        if not check_input(self.data, "data folder", folder_ok=True).is_dir():
            raise BadInput(
                f"The data {shown(self.data)} is a file; name the folder of 'motionimit train {self.recipe.data_command}'."
            )
        for path, kind in ((self.perceptual, "file of LPIPS weights"), (self.start_from, "weights file")):
            if path is not None:
                check_input(path, kind)
        check_folder_writable(self.out.parent, self.out)
        if self.out.exists() and not self.out.is_dir():
            raise BadInput(f"{shown(self.out)} is a file; name a folder with --out.")
        self.out.mkdir(exist_ok=True)


def train(job: TrainJob, progress: Progress, note: Callable[[str], None]) -> Any:
    """Train; returns the `Outcome`. `note` gets lines for people. Raises `BadInput`, `BadUsage`, `MissingModel`, `Diverged`."""
    job.check_paths()
    from .engine import make_accelerator
    from .perceptual import perceptual_distance
    from .trainer import CHECKPOINT, Trainer

    checkpoint = job.out / CHECKPOINT
    if job.resume and not checkpoint.exists():
        raise BadInput(f"There is no checkpoint in {shown(job.out)} to resume; leave --resume out to begin.")
    set_threads(job.threads)
    s, parts = job.settings, job.recipe.parts()
    accelerator = make_accelerator(job.device, s.precision)
    source = parts.open_data(job.data, s, job.config, accelerator.process_index)
    torch.manual_seed(s.seed)
    model, critics = parts.build(job.config), parts.critics()
    if job.perceptual is None and hasattr(s.weights, "perceptual"):
        note("no --perceptual file: a Laplacian pyramid stands in for LPIPS")
    learner = parts.learner(model, critics, s, accelerator, perceptual_distance(job.perceptual))
    trainer = Trainer(
        learner, source, job.out, _exporter(parts.save, f"{job.data.name}: {parts.people(job.data)}"), progress, note
    )
    if job.start_from is not None:
        trainer.start_from(job.start_from)
        note(f"weights of step {learner.step} from {shown(job.start_from)}; the optimisers warm up")
    elif job.resume is not False and checkpoint.exists():
        trainer.resume(checkpoint)
        note(f"resumed at step {learner.step}")
    if accelerator.is_main_process:
        described: dict[str, Any] = {"model": job.model, "size": job.size, "ablation": job.ablation, "data": str(job.data)}
        described |= {"settings": s.as_dict()}
        write_whole(job.out / "settings.json", json.dumps(described, indent=1).encode())
    return trainer.run()


def _exporter(save: Callable[..., None], trained_on: str) -> Callable[[Path, torch.nn.Module, dict[str, Any]], None]:
    def export(path: Path, model: torch.nn.Module, meta: dict[str, Any]) -> None:
        save(path, model, {"trained_on": trained_on, **meta})

    return export
