"""`motionimit doctor`: looks at the installation, or with --people at who is in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from motionimit.errors import BadUsage

from .options import PATH, debug_option

if TYPE_CHECKING:
    from motionimit.doctor import Check


@click.command("doctor")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda or cuda:N.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--people", "people_in", type=PATH, metavar="FILE", help="Instead list who can be followed in a video or picture.")
@click.option("-o", "--output", type=PATH, metavar="FILE.png", help="Picture of the people.  [default: FILE_people.png]")
@click.option("--start", "start_s", type=float, default=0.0, metavar="S", help="Look for people from S seconds on.")
@debug_option
@click.pass_context
def command(ctx: click.Context, device: str, as_json: bool, people_in: Path | None, output: Path | None, start_s: float) -> None:
    """Check this installation: packages, device, models, encoders, a video round trip, kernels and disk space. With --people,
    list the people of a video, photo or folder of pictures, with numbered boxes and thumbnails in a picture.

    Exits with 0 if everything that is required works, else with 1.

    \b
    Examples:
      motionimit doctor
      motionimit doctor --device cuda
      motionimit doctor --json
      motionimit doctor --people dance.mp4 -o people.png
    """
    if people_in is not None:
        from .people import list_people_of

        list_people_of(people_in, output, start_s, as_json)
        return
    if output is not None or start_s:
        raise BadUsage("--output and --start belong to --people; name a video or picture with it.")
    from motionimit.doctor import run_checks

    checks = run_checks(device)
    failed = [c for c in checks if c.required and not c.ok]
    if as_json:
        click.echo(json.dumps({"ok": not failed, "checks": [c.as_dict() for c in checks]}, indent=2))
    else:
        _print(checks, failed)
    ctx.exit(1 if failed else 0)


def _print(checks: list[Check], failed: list[Check]) -> None:
    for check in checks:
        mark = "ok  " if check.ok else "MISS" if check.required else "miss"
        click.echo(f"{mark}  {check.name:<20} {check.detail}")
        if check.fix:
            click.echo(f"      {'':<20} → {check.fix}")
    misses = sum(not c.ok for c in checks)
    if failed:
        click.echo(f"{len(failed)} required check(s) failed; follow the arrows, then run 'motionimit doctor' again.")
    else:
        click.echo("Everything that is required works." if misses else "Everything works.")
