"""`motionimit personalize`: the generator fine-tuned on photos of one person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from motionimit.config import PERSONAL_STEPS, PersonalizeRequest

from .options import PATH, machine_options, output_options, seed_option, weights_option
from .running import run_job


@click.command("personalize")
@click.argument("sources", nargs=-1, required=True, type=PATH, metavar="SOURCE...")
@click.option("-o", "--output", type=PATH, default=Path("person.safetensors"), show_default=True, help="The personal weights.")
@click.option(
    "--steps", type=int, default=PERSONAL_STEPS, show_default=True, metavar="N", help="How long to train; the best step is kept."
)
@click.option(
    "--size", "size_px", type=int, default=512, show_default=True, metavar="PX", help="The --size that results will have."
)
@weights_option
@machine_options
@seed_option
@output_options
def command(sources: tuple[Path, ...], report: Path | None, quiet: bool, **options: Any) -> None:
    """Fine-tune the learned generator on SOURCE, one or several photos of one person, for 'transfer --weights'.

    The weights are tied to exactly these photos. They are never worse than before on a held-out part of the exercise.

    \b
    Examples:
      motionimit personalize photo.jpg
      motionimit personalize front.jpg side.jpg -o anna.safetensors --steps 200
      motionimit transfer photo.jpg dance.mp4 --generator attlwb --weights person.safetensors
    """
    run_job(PersonalizeRequest(sources=sources, **options), report, quiet)
