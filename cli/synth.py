"""`motionimit train synth`: make training pairs of synthetic people."""

from __future__ import annotations

from pathlib import Path

import click

from .options import PATH, quiet_options, seed_option
from .progress import progress_display


@click.command("synth")
@click.option("--assets", type=PATH, required=True, metavar="FOLDER", help="MakeHuman-style assets with a manifest.csv.")
@click.option("--out", "-o", type=PATH, required=True, metavar="FOLDER", help="One file per person goes here.")
@click.option("--people", type=int, default=100, show_default=True, help="How many people.")
@click.option("--first", type=int, default=0, show_default=True, help="Number of the first: others are other people.")
@click.option("--sequences", type=int, default=4, show_default=True, help="Target sequences per person, two frames each.")
@click.option("--photos", type=int, help="Photos per person.  [default: 1, 2 or 4 by chance]")
@click.option("--motions", type=PATH, multiple=True, metavar="PATH", help="Motions (.npz, .bvh, or a folder); may be repeated.")
@click.option("--cc0-only", is_flag=True, help="Leave assets under CC-BY out.")
@click.option("--workers", type=int, default=1, show_default=True, help="Processes; each takes 2 to 4 GB.")
@seed_option
@quiet_options
def command(quiet: bool, motions: tuple[Path, ...], **options: object) -> int:
    """Draw clothed synthetic people with the truth of their bodies, and what the product would know of them.

    Needs the body generator anny: pip install "motionimit[train]". People that are there already are not made again, so the same
    command goes on where it was stopped.

    \b
    Examples:
      motionimit train synth --assets makehuman -o pairs --people 500 --workers 4
      motionimit train synth --assets makehuman -o test --people 40 --first 100000 --photos 1
      motionimit train synth --assets makehuman -o pairs --motions dance.npz --motions walk.bvh
    """
    from motionimit.training.motions import motion_files
    from motionimit.training.synth import SynthSettings, synthesize

    files = tuple(file for path in motions for file in motion_files(path))
    settings = SynthSettings(motions=files, **options)  # type: ignore[arg-type]
    with progress_display(quiet) as progress:
        report = synthesize(settings, progress)
    if not quiet:
        pace = f", {report.seconds / max(report.made + report.skipped, 1):.1f} s each" if report.made else ""
        click.echo(f"{report.made} people made{pace}, {report.skipped} unusable, {report.there} there already; in {settings.out}")
    return 0
