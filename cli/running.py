"""Runs a pipeline job with progress, then prints its summary and writes its report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from motionimit.config import FitRequest, Job, TransferSettings, check_distinct, check_file_output
from motionimit.errors import BadUsage

from .progress import progress_display
from .report import write_report
from .session import STARTED_S
from .summary import print_summary

if TYPE_CHECKING:
    from motionimit.types import Progress, RunReport


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
    from motionimit import pipeline

    if isinstance(settings, TransferSettings):
        return pipeline.transfer(settings, progress)
    if isinstance(settings, FitRequest):
        return pipeline.fit(settings, progress)
    return pipeline.personalize(settings, progress)


def _check_report(report: Path, settings: Job) -> None:
    if report.suffix.lower() != ".json":
        raise BadUsage(f"--report must end in .json, got '{report.name}'.")
    check_distinct({**settings.output_paths, "--report": report}, settings.input_paths)
    check_file_output(report, "--report")
