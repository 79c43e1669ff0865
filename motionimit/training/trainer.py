"""The training loop: steps, checkpoints, log and sheets. It resumes exactly and stops cleanly."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import BadInput, MotionimitError
from ..types import Progress
from . import checkpoint as files
from .engine import any_process, gather, stop_signals
from .learner import Learner, NotFiniteError
from .logbook import Logbook, write_curves
from .settings import BatchSource, TrainSettings

CHECKPOINT, HANDOVER, GENERATOR = "checkpoint.pt", "handover.safetensors", "generator.safetensors"
_PICTURE = ("width", "height")  # convolutions don't mind another size; layers that do don't load
LOG, CURVES = "log.jsonl", "curves.png"
Exporter = Callable[[Path, nn.Module, dict[str, Any]], None]


class DivergedError(MotionimitError):
    """A loss or gradient is not finite; the message names the step and where the batch lies."""


@dataclass(frozen=True)
class Outcome:
    """`reason`: finished, time or interrupted; `steps`: done in all; `seconds`: of this stretch."""

    steps: int
    reason: str
    seconds: float


class Trainer:
    """Trains a `Learner` on a source of batches, in the folder `out`.

    Args:
        learner: networks and optimisers.
        source: this process' batches.
        out: an existing folder.
        exporter: writes a generator file from (path, averaged model, metadata); None: no such file.
        progress: called as (stage, step, steps) after every step.
        note: called with a line of text for people at every log entry.
    """

    def __init__(
        self,
        learner: Learner,
        source: BatchSource,
        out: Path,
        exporter: Exporter | None = None,
        progress: Progress = lambda stage, done, total: None,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.learner, self.source, self.out = learner, source, out
        self.exporter, self.progress, self.note = exporter, progress, note
        self._terms: dict[str, list[Tensor]] = {}  # since the last log entry
        self._begin_s = self._logged_s = time.monotonic()

    @property
    def settings(self) -> TrainSettings:
        return self.learner.settings

    def run(self) -> Outcome:
        """Train until `settings.steps`, the end of `settings.minutes`, SIGINT or SIGTERM; then write everything.

        Raises `DivergedError`, and `BadInput` where a file can't be written (the last checkpoint stays).
        """
        s, learner = self.settings, self.learner
        self._begin_s = self._logged_s = time.monotonic()
        book = Logbook(self.out / LOG, learner.step) if self._is_main else None
        stopping, saved = False, -1
        with stop_signals() as stopped:
            while learner.step < s.steps and not stopping:
                self._train_one(book)
                if learner.step % s.checkpoint_every == 0:
                    self.save()
                    saved = learner.step
                stopping = any_process(learner.accelerator, stopped.is_set() or self._is_late)
            if saved != learner.step:
                self.save()
            reason = "finished" if learner.step >= s.steps else "interrupted" if stopped.is_set() else "time"
        return Outcome(learner.step, reason, time.monotonic() - self._begin_s)

    @property
    def _is_late(self) -> bool:
        minutes = self.settings.minutes
        return minutes is not None and time.monotonic() - self._begin_s >= 60 * minutes

    @property
    def _is_main(self) -> bool:
        return bool(self.learner.accelerator.is_main_process)

    def _train_one(self, book: Logbook | None) -> None:
        begin_s = time.monotonic()
        batch = self.source.next()
        waited_s = time.monotonic() - begin_s
        batch = batch.to(self.learner.accelerator.device)
        try:
            terms = self.learner.update(batch)
        except NotFiniteError as error:
            raise self._divergence(batch, str(error)) from None
        for name, value in {**terms, "data_s": torch.tensor(waited_s)}.items():
            self._terms.setdefault(name, []).append(value.float())
        step = self.learner.step
        if book is not None and step % self.settings.log_every == 0:
            self._log(book, batch)
        if self._is_main and (step % self.settings.sheet_every == 0 or step == self.settings.steps):
            self._draw(batch)
        self.progress("train", step, self.settings.steps)

    def _divergence(self, batch: Any, what: str) -> DivergedError:
        step = self.learner.step
        path = self.out / f"diverged_step_{step:06d}.safetensors"
        try:
            files.save_tensors(path, files.flatten(batch), {"step": str(step), "what": what})
            kept = f"the batch is kept in {files.shown(path)}"
        except BadInput:
            kept = "the batch could not be kept"
        return DivergedError(f"The {what} is not finite at step {step}; {kept}; run again with a lower --lr or another --seed.")

    def _log(self, book: Logbook, batch: Any) -> None:
        s, step = self.settings, self.learner.step
        now_s = time.monotonic()
        count = len(self._terms["loss"])
        seconds, self._logged_s = now_s - self._logged_s, now_s
        means = {name: float(torch.stack(values).mean()) for name, values in self._terms.items()}
        self._terms = {}
        examples = count * batch.examples * self.learner.accelerator.num_processes / seconds
        lr = self.learner.optimizer.param_groups[0]["lr"]
        book.add({"step": step, **means, "lr": lr, "seconds": seconds, "examples_per_s": examples})
        shown = ", ".join(f"{name} {means[name]:.4f}" for name in ("loss", "coarse", "pixel", "perceptual") if name in means)
        left_min = (s.steps - step) * seconds / count / 60
        self.note(f"step {step} of {s.steps}: {shown}, {seconds / count:.2f} s/step, {left_min:.0f} min to go")

    def _draw(self, batch: Any) -> None:
        self.learner.preview(self.out / f"sheet_{self.learner.step:06d}.png", batch)
        write_curves(self.out / LOG, self.out / CURVES)

    def save(self) -> None:
        """Write the checkpoint, the small hand-over and the generator file. Raises `BadInput`; the previous files then stay."""
        place = {"rng": files.rng_state(), "source": json.dumps(self.source.state())}
        ranks = gather(self.learner.accelerator, place)
        if self._is_main:
            self._write(ranks)
        self.learner.accelerator.wait_for_everyone()

    def _write(self, ranks: list[Any]) -> None:
        about = self._about()
        files.save_checkpoint(self.out / CHECKPOINT, {**self.learner.state_dict(), "ranks": ranks, "about": json.dumps(about)})
        parts = {name: module.state_dict() for name, module in self.learner.networks.items()}
        files.save_handover(self.out / HANDOVER, parts, about)
        if self.exporter is not None:
            self.export(self.out / GENERATOR)

    def export(self, path: Path) -> None:
        """Write the averaged generator for use. Raises `BadInput`."""
        assert self.exporter is not None, "this trainer was made without an exporter"
        self.exporter(path, self.learner.average, {"steps": self.learner.step, "seed": self.settings.seed})

    def _about(self) -> dict[str, Any]:
        return {"steps": self.learner.step, "config": self.learner.config, "settings": self.settings.as_dict()}

    def resume(self, path: Path) -> None:
        """Take up a checkpoint exactly: weights, optimisers, random numbers and the place in the data. Raises `BadInput`."""
        state = files.load_checkpoint(path)
        self._check_config(json.loads(state["about"])["config"], path)
        try:
            self.learner.load_state_dict(state)
        except (RuntimeError, KeyError) as error:
            raise BadInput(f"{files.shown(path)} doesn't fit ({files.reason(error)}); start anew with --fresh.") from None
        rank = self.learner.accelerator.process_index
        if rank < len(state["ranks"]):  # a process more than last time begins its own data anew
            files.set_rng_state(state["ranks"][rank]["rng"])
            try:
                self.source.load_state(json.loads(state["ranks"][rank]["source"]))
            except ValueError as error:
                raise BadInput(f"The data is not what {files.shown(path)} was trained on ({error}); use --start-from.") from None

    def start_from(self, path: Path) -> None:
        """Take the weights of a hand-over (its steps go on) or a generator file; the optimisers warm up. Raises `BadInput`."""
        parts, about = files.load_handover(path)
        self._check_config(about["config"], path, but=_PICTURE)
        try:
            self.learner.load_weights(parts, int(about.get("steps", 0)))
        except RuntimeError as error:
            raise BadInput(f"The weights in {files.shown(path)} don't fit ({files.reason(error)}); name another file.") from None

    def _check_config(self, config: Any, path: Path, but: tuple[str, ...] = ()) -> None:
        """Raises `BadInput` where the file's network is another one; what `but` names may differ."""
        same = {name: self.learner.config.get(name) for name in but} if isinstance(config, dict) else {}
        if config is not None and config | {k: v for k, v in same.items() if k in config} != self.learner.config:
            raise BadInput(
                f"{files.shown(path)} was made with another --size or --ablation; give the same, or name another --out."
            )
