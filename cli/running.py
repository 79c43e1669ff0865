"""Runs a pipeline job with progress, then prints its summary and writes its report."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from motionimit.config import FitRequest, TransferSettings, check_distinct, check_output_folder
from motionimit.errors import BadUsage
from motionimit.types import RunReport


def run_job(job: Literal["transfer", "fit"], settings: TransferSettings | FitRequest, report: Path | None, quiet: bool) -> None:
    """Check paths before anything heavy is imported, run `motionimit.pipeline.<job>`, say what happened."""
    settings.check_paths()
    _check_report(settings, report)
    from .progress import progress_display
    from .report import print_summary, write_report

    with progress_display(quiet) as progress:
        from motionimit import pipeline

        if isinstance(settings, TransferSettings):
            result = pipeline.transfer(settings, progress)
        else:
            result = pipeline.fit(settings, progress)
    if report is not None:
        write_report(report, result, settings)
    if not quiet:
        print_summary(result)


def _check_report(settings: TransferSettings | FitRequest, report: Path | None) -> None:
    if report is None:
        return
    if report.suffix.lower() != ".json":
        raise BadUsage(f"--report must end in .json, got '{report.name}'.")
    check_output_folder(report, "--report")
