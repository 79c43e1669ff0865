"""Options that several commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from motionimit.config import CAMERA_MODES, DEFAULT_GENERATOR, GENERATORS, POSE_GENERATORS

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)


def together(*options: Callable[[Any], Any]) -> Callable[[F], F]:
    """One decorator for several; --help lists their options in this order."""

    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def span_options(function: F) -> F:
    """--start, --duration, --max-frames: which part of the driver."""
    function = click.option("--max-frames", type=int, metavar="N", help="Stop after N frames.")(function)
    function = click.option(
        "--duration", "duration_s", type=float, metavar="S", help="Use only S seconds.  [default: to the end]"
    )(function)
    return click.option("--start", "start_s", type=float, default=0.0, metavar="S", help="Begin S seconds into the video.")(
        function
    )


def person_option(function: F) -> F:
    text = (
        "Whom to follow: a number counted from 1, left to right; left, middle, right or largest; or a point X,Y of the frame"
        " (0.3,0.5 or 30%,50%). 'motionimit doctor --people FILE' lists them.  [default: largest]"
    )
    return click.option("--person", metavar="WHO", help=text)(function)


def machine_options(function: F) -> F:
    """--device and --body."""
    body = "Folder or file of a SMPL body to use.  [default: search, then the open body]"
    function = click.option("--body", type=PATH, help=body)(function)
    return click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda or cuda:N.")(
        function
    )


def size_option(whose: str) -> Callable[[F], F]:
    """--size; `whose` aspect the result has."""
    text = f"Long side of the result, 256 to 1024; its aspect is {whose}."
    return click.option("--size", "size_px", type=int, default=512, show_default=True, metavar="PX", help=text)


def camera_option(text: str, default: str = "smooth") -> Callable[[F], F]:
    return click.option("--camera", type=click.Choice(CAMERA_MODES), default=default, show_default=True, help=text)


def background_option(own: str) -> Callable[[F], F]:
    """--background; `own` names what the files that are given can be taken from."""
    text = f"{own}, a colour (white, '#20a040') or the path of a picture."
    return click.option("--background", default="source", show_default=True, metavar="WHAT", help=text)


_GENERATORS = "warp: the photos' own pixels; attlwb: refined by the learned generator; auto: attlwb where its weights are there"


def generator_options(function: F) -> F:
    """--generator and --weights."""
    return _generator_option(GENERATORS, _GENERATORS + ".")(weights_option(function))


def still_generator_options(function: F) -> F:
    """--generator, with those that paint stills, and --weights."""
    text = _GENERATORS + "; pg2, pg2-small, rsa: networks that paint the whole still from the first photo."
    return _generator_option(POSE_GENERATORS, text)(weights_option(function))


def _generator_option(choices: tuple[str, ...], text: str) -> Callable[[F], F]:
    choice = click.Choice(choices)
    return click.option("--generator", type=choice, default=DEFAULT_GENERATOR, show_default=True, help=text)


def weights_option(function: F) -> F:
    text = "Weights of the learned generator: your own, or what 'motionimit personalize' wrote.  [default: the package's]"
    return click.option("--weights", type=PATH, metavar="FILE", help=text)(function)


def seed_option(function: F) -> F:
    return click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything random.")(function)


def debug_option(function: F) -> F:
    return click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks and native messages.")(function)


def quiet_options(function: F) -> F:
    """--quiet, --debug."""
    return click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")(debug_option(function))


def output_options(function: F) -> F:
    """--report, --quiet, --debug: what is said."""
    function = quiet_options(function)
    report = "Write figures of the run (frames, seconds, memory, fit, warnings) as JSON."
    return click.option("--report", type=PATH, metavar="FILE.json", help=report)(function)
