"""`motionimit train stills`: make views of synthetic people for pose-guided stills."""

from __future__ import annotations

from pathlib import Path

import click

from .people_drawn import assets_options, crew_options, say
from .progress import progress_display


@click.command("stills")
@assets_options
@click.option("--views", type=int, help="Poses per person.  [default: 6; with --pictures 2]")
@click.option("--side", type=int, metavar="PX", help="Side of the square pictures.  [default: 320; with --pictures 512]")
@click.option("--pictures", is_flag=True, help="Write pairs of PNG pictures with masks, to evaluate on.")
@crew_options("1 to 2 GB")
def command(
    quiet: bool, motions: tuple[Path, ...], views: int | None, side: int | None, pictures: bool, **options: object
) -> int:
    """Draw synthetic people in several poses before the same background, for training PG² and RSA-GAN.

    Needs the body generator anny: pip install "motionimit[train]". People that are there already are not made again, so the same
    command goes on where it was stopped.

    \b
    Examples:
      motionimit train stills --assets makehuman -o stills --people 800
      motionimit train stills --assets makehuman -o stills --motions dance.npz --workers 4
      motionimit train stills --assets makehuman -o held --pictures --people 30 --first 200000
    """
    from motionimit.training.motions import motion_files
    from motionimit.training.still_synth import PAIRS, TRAINING, StillSettings, synthesize_stills

    usual_views, usual_side = PAIRS if pictures else TRAINING
    views, side = usual_views if views is None else views, usual_side if side is None else side
    files = tuple(file for path in motions for file in motion_files(path))
    settings = StillSettings(motions=files, views=views, side=side, pictures=pictures, **options)  # type: ignore[arg-type]
    with progress_display(quiet) as progress:
        report = synthesize_stills(settings, progress)
    if not quiet:
        say(report, settings.out)
    return 0
