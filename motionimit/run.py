"""What a job carries along: the body, the device, and whom to tell what happens."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from .body.model import BodyModel, load_body
from .runtime import StageClock, peak_rss_mb, pick_device
from .types import Progress, RunReport


def silent(stage: str, done: int, total: int | None) -> None:
    """A `Progress` for callers who don't want to know."""


@dataclass(slots=True)
class Run:
    """One job from its start to its report."""

    model: BodyModel = field(default_factory=load_body)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    report: RunReport = field(default_factory=RunReport)
    tell: Progress = silent
    clock: StageClock = field(default_factory=StageClock)
    begin_s: float = field(default_factory=time.perf_counter)

    @classmethod
    def of(cls, settings: dict[str, object], body: Path | None, device: str, progress: Progress | None) -> Run:
        """Raises `MissingModel` and `BadInput` for a body that can't be read, `BadUsage` for a device that isn't there."""
        begin = time.perf_counter()
        run = cls(load_body(body), pick_device(device), RunReport(settings=settings), progress or silent)
        run.begin_s = begin
        return run

    def finished(self) -> RunReport:
        """The report, with the figures of the whole run."""
        self.report.seconds, self.report.peak_rss_mb = self.clock.seconds, peak_rss_mb()
        self.report.wall_s = time.perf_counter() - self.begin_s
        return self.report
