"""`motionimit view`: the person of a photo from other sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from motionimit.config import DEFAULT_GENERATOR, GENERATORS
from motionimit.config.view import DEFAULT_VIEW_FPS, DEFAULT_VIEW_FRAMES, ViewSettings

from .options import PATH, machine_options, output_options, seed_option, weights_option
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
@click.option(
    "--size",
    "size_px",
    type=int,
    default=512,
    show_default=True,
    metavar="PX",
    help="Long side of the result, 256 to 1024; its aspect is the first photo's.",
)
@click.option(
    "--background",
    default="source",
    show_default=True,
    metavar="WHAT",
    help="source (stands still), a colour (white, '#20a040') or the path of a picture.",
)
@click.option("--alpha", is_flag=True, help="Leave the background transparent (.mov, .webm, .gif, .png or a folder).")
@click.option(
    "--generator",
    type=click.Choice(GENERATORS),
    default=DEFAULT_GENERATOR,
    show_default=True,
    help="warp: the photos' own pixels; attlwb: refined by the learned generator; auto: attlwb where its weights are there.",
)
@weights_option
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
