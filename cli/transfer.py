"""`motionimit transfer`: motion imitation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from motionimit.config import PERSONAL_STEPS, TransferSettings
from motionimit.config.view import parse_bullet, parse_views
from motionimit.errors import BadUsage

from .options import (
    PATH,
    background_option,
    camera_option,
    generator_options,
    machine_options,
    output_options,
    person_option,
    seed_option,
    size_option,
    span_options,
)
from .running import run_job


def default_output(photo: Path, driving: Path, alpha: bool) -> Path:
    """`<photo>_<driver>.mp4` in the current folder (`.mov` with --alpha)."""
    return Path(f"{photo.stem}_{driving.stem}{'.mov' if alpha else '.mp4'}")


@click.command("transfer")
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="SOURCE... DRIVER")
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="Result: .mp4, .mov, .mkv, .webm, .gif, or a folder name for PNG files.  [default: PHOTO_DRIVER.mp4]",
)
@size_option("the photo's")
@camera_option(
    "smooth: stay in the photo's framing; source: the photo's camera, travel kept; copy: the driver's image positions."
)
@background_option("source, driving")
@span_options
@person_option
@click.option("--side-by-side", is_flag=True, help="Show photo, driver and result beside each other.")
@click.option("--views", metavar="DEG,DEG,...", help="The result from several sides beside each other, such as 0,45,180.")
@click.option("--bullet", metavar="FRAME:SECONDS", help="Freeze at FRAME (from 0) while the camera goes once round the person.")
@click.option("--sound", type=PATH, metavar="FILE", help="Take the sound from FILE.  [default: the driver's]")
@click.option("--alpha", is_flag=True, help="Leave the background transparent (.mov, .webm, .gif or a folder of PNG files).")
@generator_options
@click.option(
    "--personalize",
    type=int,
    metavar="STEPS",
    help=f"First fine-tune the learned generator on the photo; {PERSONAL_STEPS} steps take up to a minute.",
)
@machine_options
@seed_option
@output_options
def command(
    paths: tuple[Path, ...],
    output: Path | None,
    views: str | None,
    bullet: str | None,
    report: Path | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Make the person of SOURCE (1 to 8 photos, a short film, or an .avatar) move like the person of DRIVER (a video, a picture,
    a folder of pictures, or a motion .npz or .bvh).

    The driver's sound and exact frame rate are kept. An existing result is replaced once the new one is complete.

    \b
    Examples:
      motionimit transfer photo.jpg dance.mp4
      motionimit transfer front.jpg back.jpg side.jpg dance.mp4
      motionimit transfer me.avatar motion.npz --sound dance.mp4
      motionimit transfer photo.jpg dance.mp4 -o out.mp4 --size 768 --camera source
      motionimit transfer photo.jpg dance.mp4 --start 2.5 --duration 4 --side-by-side
      motionimit transfer photo.jpg dance.mp4 --background '#20a040' --report report.json
      motionimit transfer photo.jpg dance.mp4 --alpha -o person.webm
      motionimit transfer photo.jpg dance.mp4 --views 0,45,180
      motionimit transfer photo.jpg dance.mp4 --bullet 48:2
      motionimit transfer photo.jpg dance.mp4 --generator attlwb --personalize 150
    """
    if len(paths) < 2:
        raise BadUsage("transfer needs a photo and then a driving video, got one path only.")
    *sources, driving = paths
    options["views"] = () if views is None else parse_views(views)
    options["bullet"] = None if bullet is None else parse_bullet(bullet)
    chosen = output or default_output(sources[0], driving, options["alpha"])
    run_job(TransferSettings(sources=tuple(sources), driving=driving, output=chosen, **options), report, quiet)
