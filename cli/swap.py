"""`motionimit swap`: appearance transfer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from motionimit.config.swap import DEFAULT_PARTS, GARMENT_PARTS, SwapSettings, parse_parts
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
    span_options,
)
from .running import run_job


def split_clothes(clothes: tuple[str, ...]) -> tuple[list[Path], list[str]]:
    """Photos, and ``part=photo`` texts that stand among them because the shell parted them from --parts."""
    texts = [c for c in clothes if c.partition("=")[0] in GARMENT_PARTS and "=" in c]
    return [Path(c) for c in clothes if c not in texts], texts


def default_output(person: Path, clothes: Path, driving: Path | None, alpha: bool) -> Path:
    """`<person>_in_<clothes>.png` in the current folder; with a driver `.mp4` (`.mov` with --alpha)."""
    suffix = ".png" if driving is None else ".mov" if alpha else ".mp4"
    return Path(f"{person.stem}_in_{clothes.stem}{suffix}")


@click.command("swap")
@click.argument("person_photo", type=PATH, metavar="PERSON")
@click.argument("clothes", nargs=-1, metavar="CLOTHES...")
@click.option(
    "--parts",
    "parts",
    multiple=True,
    metavar="PARTS",
    help=f"What to take: {', '.join(GARMENT_PARTS)}, with commas between; or PART=PHOTO for each.  [default: {DEFAULT_PARTS}]",
)
@click.option("--drive", "driving", type=PATH, metavar="DRIVER", help="Move like the person of a video or motion file.")
@click.option("--still", is_flag=True, help="One picture in the person's own pose (the default without --drive).")
@click.option(
    "-o", "--output", type=PATH, help="Result: .png, or with --drive what 'transfer' writes.  [default: PERSON_in_CLOTHES.png]"
)
@size_option("PERSON's")
@camera_option("With --drive: smooth, source or copy, as in 'transfer'.")
@background_option("source, driving")
@span_options
@person_option
@click.option("--side-by-side", is_flag=True, help="With --drive: show photo, driver and result beside each other.")
@click.option("--alpha", is_flag=True, help="Leave the background transparent.")
@machine_options
@seed_option
@output_options
def command(
    person_photo: Path,
    clothes: tuple[str, ...],
    parts: tuple[str, ...],
    driving: Path | None,
    still: bool,
    output: Path | None,
    report: Path | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Dress PERSON (a photo, or an .avatar) in what the people of CLOTHES wear; face, skin and body stay PERSON's.

    A dress comes as one piece. Skin that the new clothes leave bare is painted in PERSON's own tone.

    \b
    Examples:
      motionimit swap me.jpg model.jpg
      motionimit swap me.jpg model.jpg --parts upper -o shirt.png
      motionimit swap me.jpg --parts upper=a.jpg lower=b.jpg shoes=b.jpg
      motionimit swap me.jpg model.jpg --parts all --drive dance.mp4 -o dressed.mp4
      motionimit swap me.avatar model.jpg --parts lower --background white
    """
    if still and driving is not None:
        raise BadUsage("--still and --drive exclude each other; leave one of them out.")
    photos, texts = split_clothes(clothes)
    wanted = [*parts, *texts] or [DEFAULT_PARTS]
    whose = parse_parts(wanted, photos)
    chosen = output or default_output(person_photo, next(iter(whose.values())), driving, options["alpha"])
    settings = SwapSettings(sources=(person_photo,), clothes=whose, driving=driving, output=chosen, **options)
    run_job(settings, report, quiet)
