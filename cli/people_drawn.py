"""What the commands that draw synthetic people have in common: options, and what is said at the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import PATH, F, quiet_options, seed_option, together

if TYPE_CHECKING:
    from motionimit.training.crew import SynthReport


assets_options = together(
    click.option("--assets", type=PATH, required=True, metavar="FOLDER", help="MakeHuman-style assets with a manifest.csv."),
    click.option("--out", "-o", type=PATH, required=True, metavar="FOLDER", help="One file per person goes here."),
    click.option("--people", type=int, default=100, show_default=True, help="How many people."),
    click.option("--first", type=int, default=0, show_default=True, help="Number of the first: others are other people."),
)


def crew_options(memory: str) -> Callable[[F], F]:
    """--motions, --cc0-only, --workers, --seed, --quiet; `memory`: what a process takes."""
    motions = "Motions (.npz, .bvh, or a folder); may be repeated."
    return together(
        click.option("--motions", type=PATH, multiple=True, metavar="PATH", help=motions),
        click.option("--cc0-only", is_flag=True, help="Leave assets under CC-BY out."),
        click.option("--workers", type=int, default=1, show_default=True, help=f"Processes; each takes {memory}."),
        seed_option,
        quiet_options,
    )


def say(report: SynthReport, folder: Path) -> None:
    pace = f", {report.seconds / max(report.made + report.skipped, 1):.1f} s each" if report.made else ""
    click.echo(f"{report.made} people made{pace}, {report.skipped} unusable, {report.there} there already; in {folder}")
