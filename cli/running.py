"""Runs a pipeline job with progress, then prints its summary and writes its report."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from motionimit.config import Job
from motionimit.errors import BadUsage
from motionimit.values import check_distinct, check_file_output

from .progress import progress_display
from .report import write_report
from .session import STARTED_S
from .summary import print_summary

if TYPE_CHECKING:
    from motionimit.types import Progress, RunReport


# settings → (module, function) of the library, imported only when the job runs
JOBS = {
    "TransferSettings": ("pipeline", "transfer"),
    "SwapSettings": ("pipeline", "swap"),
    "ViewSettings": ("pipeline", "view"),
    "PoseSettings": ("pipeline", "pose"),
    "FitRequest": ("jobs", "fit"),
    "AvatarRequest": ("jobs", "avatar"),
    "PersonalizeRequest": ("jobs", "personalize"),
}


def run_job(settings: Job, report: Path | None, quiet: bool) -> None:
    """Check paths before anything heavy is imported, run the job, say what happened.

    With `quiet` nothing but errors is printed.
    """
    settings.check_paths()
    if report is not None:
        _check_report(report, settings)
    with progress_display(quiet) as progress:
        result = _call(settings, progress)
    result.wall_s = time.perf_counter() - STARTED_S
    if report is not None:
        write_report(report, result, settings)
    if not quiet:
        print_summary(result)


def _call(settings: Job, progress: Progress) -> RunReport:
    module, name = JOBS[type(settings).__name__]
    job = getattr(importlib.import_module(f"motionimit.{module}"), name)
    report: RunReport = job(settings, progress)
    return report


def _check_report(report: Path, settings: Job) -> None:
    if report.suffix.lower() != ".json":
        raise BadUsage(f"--report must end in .json, got '{report.name}'.")
    check_distinct({**settings.output_paths, "--report": report}, settings.input_paths)
    check_file_output(report, "--report")
