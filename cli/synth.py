"""`motionimit train synth`: make training pairs of synthetic people."""

from __future__ import annotations

from pathlib import Path

import click

from .people_drawn import assets_options, crew_options, say
from .progress import progress_display


@click.command("synth")
@assets_options
@click.option("--sequences", type=int, default=4, show_default=True, help="Target sequences per person, two frames each.")
@click.option("--photos", type=int, help="Photos per person.  [default: 1, 2 or 4 by chance]")
@crew_options("2 to 4 GB")
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
        say(report, settings.out)
    return 0
