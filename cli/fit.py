"""`motionimit fit`: body recovery alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from motionimit.config import FitRequest

from .options import PATH, machine_options, output_options, person_option, span_options
from .running import run_job


@click.command("fit")
@click.argument("input_path", type=PATH, metavar="INPUT")
@click.option(
    "-o",
    "--output",
    type=PATH,
    default=Path("motion.npz"),
    show_default=True,
    help="Motion file: .npz (SMPL/AMASS keys; keeps everything) or .bvh (for Blender and the like).",
)
@click.option("--overlay", type=PATH, metavar="VIDEO", help="Also write a video of the mesh over the input.")
@click.option("--mesh", type=PATH, metavar="FILE.glb", help="Also write the body as a glTF mesh.")
@span_options
@person_option
@machine_options
@output_options
def command(input_path: Path, report: Path | None, quiet: bool, **options: Any) -> None:
    """Recover one body shape and a pose per frame from INPUT (a video or a photo).

    \b
    Examples:
      motionimit fit dance.mp4
      motionimit fit dance.mp4 -o motion.npz --overlay overlay.mp4 --mesh body.glb
      motionimit fit dance.mp4 -o motion.bvh
      motionimit fit photo.jpg --mesh body.glb
    """
    run_job(FitRequest(input=input_path, **options), report, quiet)
