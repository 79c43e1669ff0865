"""`motionimit pose`: the person of a photo in another pose, as a still."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from motionimit.config import PoseSettings
from motionimit.errors import BadUsage

from .options import (
    PATH,
    background_option,
    camera_option,
    machine_options,
    output_options,
    person_option,
    seed_option,
    size_option,
    still_generator_options,
)
from .running import run_job


@click.command("pose")
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="SOURCE... TARGET")
@click.option("-o", "--output", type=PATH, help="Result: .png, .jpg or .webp.  [default: SOURCE_pose.png]")
@size_option("the first photo's")
@camera_option(
    "source: the photo's place and size; smooth: stepping back where the pose would reach out of the picture; copy: the place"
    " and size that the target's person has in its picture.",
    default="source",
)
@background_option("source, target (its person taken out)")
@person_option
@click.option("--side-by-side", is_flag=True, help="Show photo, target and result beside each other.")
@click.option("--alpha", is_flag=True, help="Leave the background transparent (.png or .webp).")
@still_generator_options
@machine_options
@seed_option
@output_options
def command(paths: tuple[Path, ...], output: Path | None, report: Path | None, quiet: bool, **options: Any) -> None:
    """Show the person of SOURCE (1 to 8 photos, a short film, or an .avatar) in the pose of TARGET: a photo of anybody, one frame
    of a clip or of a motion .npz or .bvh, or landmarks as .json.

    Frames are FILE:FRAME, counted from 0, or FILE:SECONDSs; without either, the first one. Limbs that the target's picture
    doesn't show keep the photo's pose.

    \b
    Examples:
      motionimit pose photo.jpg yoga.jpg
      motionimit pose front.jpg back.jpg dance.mp4:75 --side-by-side
      motionimit pose me.avatar dance.mp4:2.5s --background white -o me.jpg
      motionimit pose photo.jpg motion.npz:48 --alpha -o cutout.webp
      motionimit pose photo.jpg openpose.json --size 768
      motionimit pose photo.jpg crowd.jpg --person left --camera copy
      motionimit pose photo.jpg yoga.jpg --generator rsa
    """
    if len(paths) < 2:
        raise BadUsage("pose needs a photo and then a target, got one path only.")
    *sources, target = paths
    chosen = output or Path(f"{sources[0].stem}_pose.png")
    run_job(PoseSettings(sources=tuple(sources), target=str(target), output=chosen, **options), report, quiet)
