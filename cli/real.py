"""`motionimit train real`: make training pairs of real clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import PATH, quiet_options, seed_option, span_options
from .progress import progress_display


@click.command("real")
@click.argument("clips", type=PATH, nargs=-1, required=True, metavar="CLIP...")
@click.option("--out", "-o", type=PATH, required=True, metavar="FOLDER", help="One file per clip goes here.")
@click.option("--photos", type=int, default=1, show_default=True, help="Photos per clip: its front, then other sides.")
@click.option("--sequences", type=int, default=4, show_default=True, help="Target sequences per clip, two frames each.")
@span_options
@seed_option
@quiet_options
def command(clips: tuple[Path, ...], quiet: bool, **options: Any) -> int:
    """Take training pairs from CLIPs of one person each: some frames are the photos, others the truth.

    Rights: weights that are trained with real clips carry the rights of the clips and of the people in them. The weights that
    come with motionimit were trained on synthetic people only.

    Clips that are there already are not made again. The FOLDER may also hold synthetic pairs.

    \b
    Examples:
      motionimit train real walk.mp4 turn.mp4 -o pairs
      motionimit train real turn.mp4 -o pairs --photos 2 --sequences 8
    """
    from motionimit.training.real import RealSettings, pairs_from_clips

    settings = RealSettings(clips=clips, **options)
    with progress_display(quiet) as progress:
        report = pairs_from_clips(settings, progress)
    for sentence in report.unusable:
        click.echo(sentence, err=True)
    if not quiet:
        count = f"{report.made} clips made, {len(report.unusable)} unusable, {report.there} there already"
        click.echo(f"{count}; in {settings.out}")
    return 0
