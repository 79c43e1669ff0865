"""`motionimit view`: the person of a photo from other sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from motionimit.config.view import DEFAULT_VIEW_FPS, DEFAULT_VIEW_FRAMES, ViewSettings

from .options import PATH, background_option, generator_options, machine_options, output_options, seed_option, size_option
from .running import run_job


@click.command("view")
@click.argument("sources", nargs=-1, required=True, type=PATH, metavar="SOURCE...")
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="Result: .mp4, .mov, .mkv, .webm, .gif, a folder name for PNG files, or one .png.  [default: SOURCE_view.mp4]",
)
@click.option(
    "--turn",
    "turn_deg",
    type=float,
    default=360.0,
    show_default=True,
    metavar="DEG",
    help="How far the person turns, positive: towards the right of the picture. 360 loops; of one picture, its view.",
)
@click.option(
    "--elevation",
    "elevation_deg",
    type=float,
    default=0.0,
    show_default=True,
    metavar="DEG",
    help="How much higher than in the photo the camera is, -30 to 60.",
)
@click.option(
    "--pose",
    default="source",
    show_default=True,
    metavar="WHAT",
    help="source: the photo's; a, t: standing with arms down or out; FILE[:FRAME]: of a motion .npz or .bvh, frames from 0.",
)
@click.option("--frames", type=int, metavar="N", help=f"Length of the result.  [default: {DEFAULT_VIEW_FRAMES}; 1 for a .png]")
@click.option("--fps", type=float, default=DEFAULT_VIEW_FPS, show_default=True, metavar="N", help="Frames per second.")
@size_option("the first photo's")
@background_option("source (stands still)")
@click.option("--alpha", is_flag=True, help="Leave the background transparent (.mov, .webm, .gif, .png or a folder).")
@generator_options
@machine_options
@seed_option
@output_options
def command(sources: tuple[Path, ...], output: Path | None, report: Path | None, quiet: bool, **options: Any) -> None:
    """Show the person of SOURCE (1 to 8 photos, a short film, or an .avatar) from other sides, turning before a still camera.

    \b
    Examples:
      motionimit view photo.jpg
      motionimit view front.jpg back.jpg --pose a --background white
      motionimit view photo.jpg --turn 90 --frames 60 --elevation 20 -o quarter.mp4
      motionimit view photo.jpg --turn 45 -o from_the_side.png
      motionimit view me.avatar --pose motion.npz:48 --alpha -o turn.webm
    """
    chosen = output or Path(f"{sources[0].stem}_view{'.mov' if options['alpha'] else '.mp4'}")
    run_job(ViewSettings(sources=sources, output=chosen, **options), report, quiet)
