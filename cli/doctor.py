"""`motionimit doctor`: looks at the installation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from .options import debug_option

if TYPE_CHECKING:
    from motionimit.doctor import Check


@click.command("doctor")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda or cuda:N.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@debug_option
@click.pass_context
def command(ctx: click.Context, device: str, as_json: bool) -> None:
    """Check this installation: packages, device, models, encoders, a video round trip, kernels and disk space.

    Exits with 0 if everything that is required works, else with 1.

    \b
    Examples:
      motionimit doctor
      motionimit doctor --device cuda
      motionimit doctor --json
    """
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
