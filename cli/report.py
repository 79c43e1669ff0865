"""`--report`: the figures of a run as one JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from motionimit import __version__

if TYPE_CHECKING:
    from motionimit.config import Job
    from motionimit.types import FitQuality, RunReport


def report_dict(result: RunReport, settings: Job) -> dict[str, object]:
    """The report's keys. Times are seconds, memory is 10⁶ bytes, `fps` an exact ratio such as "30000/1001"."""
    return {
        "version": __version__,
        "settings": {**settings.as_report(), **result.settings},
        "frames": result.frames,
        "fps": f"{result.fps.numerator}/{result.fps.denominator}",
        "size": list(result.size),
        "wall_s": round(result.wall_s, 4),
        "source_s": round(result.source_s, 4),
        "driver_s": round(result.driver_s, 4),
        "seconds": {stage: round(seconds, 4) for stage, seconds in result.seconds.items()},
        "peak_rss_mb": round(result.peak_rss_mb, 1),
        "fit": None if result.fit is None else _fit_dict(result.fit),
        "generator": result.generator,
        "warnings": list(result.warnings),
        "output": str(result.output) if result.output else None,
    }


def _fit_dict(fit: FitQuality) -> dict[str, object]:
    return {
        "reprojection_pct": {"mean": fit.reprojection_pct_mean, "p95": fit.reprojection_pct_p95},
        "mask_iou": fit.mask_iou,
        "jitter_mm": fit.jitter_mm,
    }


def write_report(path: Path, result: RunReport, settings: Job) -> None:
    """Write `report_dict` so that `path` is either the whole file or what it was before. Raises `BadInput`."""
    from motionimit.media.paths import whole_file

    text = json.dumps(report_dict(result, settings), indent=2, ensure_ascii=False, default=str) + "\n"
    with whole_file(path) as half:
        half.write_text(text, encoding="utf-8")
