"""`motionimit bench`: how fast this machine is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from motionimit.config.evaluate import BenchSettings

from .options import PATH, quiet_options
from .progress import progress_display


@click.command("bench")
@click.option("-o", "--output", type=PATH, metavar="FILE.json", help="Write all figures as JSON.")
@click.option("--source", type=PATH, metavar="PHOTO", help="A photo of your own.  [default: a painted person]")
@click.option("--driver", type=PATH, metavar="CLIP", help="A clip of your own.  [default: a painted person who walks]")
@click.option("--frames", type=int, default=60, show_default=True, metavar="N", help="Frames per run.")
@click.option("--repeats", type=int, default=3, show_default=True, metavar="K", help="Runs that count, after a warm-up.")
@click.option("--size", "size_px", type=int, default=512, show_default=True, metavar="PX", help="Long side of the result.")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda or cuda:N.")
@quiet_options
def command(output: Path | None, quiet: bool, **options: Any) -> None:
    """Measure how fast this machine is: frames per second of the whole pipeline, seconds per stage, milliseconds of rendering and
    of the learned generator per frame, and memory. On a GPU also at 1024 px, and the kernels' bandwidth.

    Figures are medians, in brackets the least and the greatest; the first run of each generator is a warm-up and reported apart.

    \b
    Examples:
      motionimit bench
      motionimit bench -o bench.json --frames 120 --repeats 5
      motionimit bench --source photo.jpg --driver dance.mp4 --device cuda
    """
    settings = BenchSettings(output=output, **options)
    settings.check_paths()
    from motionimit.evaluation.speed import bench, bench_rows

    with progress_display(quiet) as progress:
        data = bench(settings, progress)
    if not quiet:
        print_rows(bench_rows(data))


def print_rows(rows: list[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in rows:
        table.add_row(Text(name, style="bold"), Text(value))
    Console(highlight=False).print(table)
