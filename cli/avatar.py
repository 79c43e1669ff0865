"""`motionimit avatar`: sources prepared once, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from motionimit.config import AvatarRequest

from .options import PATH, machine_options, output_options
from .running import run_job


@click.command("avatar")
@click.argument("sources", nargs=-1, required=True, type=PATH, metavar="SOURCE...")
@click.option("-o", "--output", type=PATH, default=Path("person.avatar"), show_default=True, help="The avatar file.")
@click.option(
    "--size", "size_px", type=int, default=512, show_default=True, metavar="PX", help="The --size that results will have."
)
@click.option("--glb", type=PATH, metavar="FILE.glb", help="Also write the avatar as a textured, skinned glTF mesh.")
@click.option(
    "--motion", type=PATH, metavar="FILE", help="What the mesh does: .npz of 'motionimit fit', or .bvh.  [default: stand still]"
)
@machine_options
@output_options
def command(sources: tuple[Path, ...], report: Path | None, quiet: bool, **options: Any) -> None:
    """Prepare SOURCE, photos of one person or a short film of them, once, for 'transfer', 'swap' and 'view'.

    The file holds the person's shape, looks and background, and is read by its name wherever photos are.

    \b
    Examples:
      motionimit avatar photo.jpg
      motionimit avatar front.jpg back.jpg side.jpg -o anna.avatar
      motionimit transfer anna.avatar dance.mp4
      motionimit avatar photo.jpg --glb anna.glb --motion motion.npz
    """
    run_job(AvatarRequest(sources=sources, **options), report, quiet)
