"""`motionimit sheet`: a contact sheet of photo, driver and result."""

from __future__ import annotations

from pathlib import Path

import click

from motionimit.errors import BadUsage
from motionimit.values import check_distinct, check_file_output

from .options import PATH, debug_option


@click.command("sheet")
@click.argument("photo", type=PATH)
@click.argument("driver", type=PATH)
@click.argument("result", type=PATH)
@click.option("-o", "--output", type=PATH, default=Path("sheet.png"), show_default=True, help="The sheet, a .png file.")
@click.option("--columns", type=click.IntRange(1, 32), default=8, show_default=True, help="How many moments to show.")
@click.option("--height", "height_px", type=click.IntRange(64, 1024), default=240, show_default=True, help="Height of a cell.")
@click.option("--start", "start_s", type=float, default=0.0, metavar="S", help="The --start that the result was made with.")
@debug_option
def command(photo: Path, driver: Path, result: Path, output: Path, columns: int, height_px: int, start_s: float) -> None:
    """Put PHOTO at the left of matching frames of DRIVER and RESULT, evenly spread in time.

    \b
    Examples:
      motionimit sheet photo.jpg dance.mp4 out.mp4
      motionimit sheet photo.jpg dance.mp4 out.mp4 -o sheet.png --columns 6 --height 320
    """
    from motionimit.media.paths import check_input

    if output.suffix.lower() != ".png":
        raise BadUsage(f"--output must end in .png, got '{output.name}'.")
    for path, kind in ((photo, "photo"), (driver, "driving video"), (result, "result")):
        check_input(path, kind, folder_ok=path is result)
    check_distinct({"--output": output}, (photo, driver, result))
    check_file_output(output, "--output")
    from motionimit.compositing.sheet import write_sheet

    write_sheet(photo, driver, result, output, columns=columns, cell_height_px=height_px, start_s=start_s)
    click.echo(str(output))
