"""Finished frames into files: the result with the driver's sound, and the mesh over the footage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..body.overlay import draw_overlay
from ..config import MOTION_SUFFIXES
from ..media.reader import VideoReader
from ..media.timing import DEFAULT_FPS
from ..media.writer import VideoWriter
from .stream import draw

if TYPE_CHECKING:
    from ..body.model import BodyModel
    from ..config import FitRequest
    from ..run import Run
    from ..types import BodyParams, Frame, Progress
    from .stream import Stage
    from .views import Programme

SYNTHETIC_NOTE = "Synthetic pictures of a person, made from photos with motionimit."


@dataclass(frozen=True, slots=True)
class Film:
    """Where finished frames go."""

    output: Path
    fps: Fraction
    alpha: bool = False
    sound: Path | None = None  # a file whose sound goes along, if it has any
    start_s: float = 0.0  # of the sound
    pause_s: tuple[Fraction, Fraction] | None = None  # when the sound falls silent, and for how long


def write_film(film: Film, programme: Programme, stage: Stage, driver: Iterator[Frame | None], run: Run) -> None:
    """Draw a programme and stream it into a file. The report gets size, frames, rate and what could not be kept.

    `driver` gives the driving frame to each frame of the motion (None where the output doesn't show it).
    """
    stage = replace(stage, views=programme.views, cuts=programme.cuts)
    report, total = run.report, programme.moments
    with ExitStack() as stack:
        drawn = programme.finished(draw(stage, run.model.transforms(programme.motion), programme.driven(driver), run.clock))
        stack.enter_context(closing(drawn))
        first = next(drawn)
        report.size = (first.shape[1], first.shape[0])
        writer = VideoWriter(
            film.output,
            film.fps,
            report.size,
            audio_from=None if film.sound is None else with_sound(film.sound),
            start_s=film.start_s,
            duration_s=float(total / film.fps),
            alpha=film.alpha,
            metadata={"comment": SYNTHETIC_NOTE},
            pause_s=film.pause_s,
        )
        stack.enter_context(writer)
        for done, frame in enumerate(chain([first], drawn), 1):
            writer.write(frame)
            run.tell("render", done, total)
    report.warnings.extend(writer.warnings)
    report.output, report.frames, report.fps = film.output, total, film.fps


def write_still(output: Path, pixels: np.ndarray, run: Run) -> None:
    """Write one finished picture [H, W, 3 or 4] uint8, as its suffix says. The report gets its size. Raises `BadInput`."""
    size = (pixels.shape[1], pixels.shape[0])
    with VideoWriter(output, DEFAULT_FPS, size, alpha=pixels.shape[2] == 4, metadata={"comment": SYNTHETIC_NOTE}) as writer:
        writer.write(pixels)
    run.report.output, run.report.frames, run.report.size = output, 1, size


def write_overlay(
    request: FitRequest, reader: VideoReader, model: BodyModel, params: BodyParams, fps: Fraction, tell: Progress
) -> list[str]:
    """Stream the mesh over the footage into the request's overlay file. Returns what could not be kept."""
    assert request.overlay is not None
    total = len(params.rotations)
    with VideoWriter(request.overlay, fps, reader.size_px, with_sound(request.input), request.start_s) as writer:
        for frame in reader:
            vertices = model.mesh(params, slice(frame.index, frame.index + 1)).vertices_m[0]
            writer.write(draw_overlay(frame.rgb, vertices, model, params.camera))
            tell("overlay", frame.index + 1, total)
    return writer.warnings


def with_sound(path: Path) -> Path | None:
    """The file, if it is one that can have sound."""
    return path if path.is_file() and path.suffix.lower() not in MOTION_SUFFIXES else None
