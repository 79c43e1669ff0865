"""How the tests of the command line run it, and what they say of every error."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

from motionimit.types import FitQuality, RunReport


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "motionimit_cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=60, check=False)


def done(settings: object, progress: object = None) -> RunReport:
    report = RunReport(frames=48, fps=Fraction(30000, 1001), size=(384, 512), wall_s=6.0, source_s=2.0, driver_s=4.0)
    report.seconds = {"landmarks": 1.5, "render": 2.0}
    report.peak_rss_mb = 900.0
    report.fit = FitQuality(0.6, 1.4, 0.87, 9.0)
    report.warnings = ["3 frames without a person were bridged"]
    report.output = settings.output  # type: ignore[attr-defined]
    return report


def assert_one_sentence(err: str) -> None:
    assert err.startswith("motionimit: "), err
    assert err.count("\n") == 1, f"not one line: {err}"
    assert err.endswith((".\n", ").\n")), f"no full sentence: {err}"
    assert "Traceback" not in err
