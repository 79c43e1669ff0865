"""The table at the end of a run, on stderr, and the output's path on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from motionimit.types import RunReport


def summary_rows(result: RunReport) -> list[tuple[str, str]]:
    """(name, value) pairs; rows that a job doesn't know are left out."""
    rows = [("frames", f"{result.frames}")] if result.frames else []
    if result.fps:
        rows = [("frames", f"{result.frames} at {float(result.fps):.6g} frames/s")]
    if all(result.size):
        rows.append(("size", f"{result.size[0]} x {result.size[1]} px"))
    if result.source_s:
        rows.append(("photo", f"{result.source_s:.1f} s"))
    if result.driver_s:
        rows.append(("driver", f"{result.driver_s:.1f} s ({result.frames / result.driver_s:.1f} frames/s)"))
    rows.append(("whole run", f"{result.wall_s:.1f} s, at most {result.peak_rss_mb / 1000:.2f} GB of memory"))
    if result.seconds:
        rows.append(("busy", ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in result.seconds.items())))
    if result.fit is not None:
        mean, p95 = result.fit.reprojection_pct_mean, result.fit.reprojection_pct_p95
        iou = "" if result.fit.mask_iou is None else f", mask overlap {result.fit.mask_iou:.2f}"
        rows.append(("fit", f"off by {mean:.2f} % of the person's height (95 % below {p95:.2f} %){iou}"))
    personal = (result.generator or {}).get("personal")
    if isinstance(personal, dict):
        better = 100 * (1 - personal["score_after"] / max(personal["score_before"], 1e-9))
        rows.append(
            (
                "personal",
                f"loss on the held-out exercise {better:.1f} % lower (step {personal['best_step']} of {personal['steps']})",
            )
        )
    rows.extend(("warning", text) for text in result.warnings)
    return rows


def print_summary(result: RunReport) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in summary_rows(result):
        table.add_row(Text(name, style="yellow" if name == "warning" else "bold"), Text(value))
    Console(stderr=True, highlight=False).print(table)
    if result.output is not None:
        click.echo(str(result.output))
