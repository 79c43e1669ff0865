"""Finished frames into files: the result with the driver's sound, and the mesh over the footage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from fractions import Fraction
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ..body.overlay import draw_overlay
from ..config import MOTION_SUFFIX
from ..media.reader import VideoReader
from ..media.writer import VideoWriter
from .stream import draw

if TYPE_CHECKING:
    from ..body.model import BodyModel
    from ..config import FitRequest
    from ..runtime import StageClock
    from ..types import BodyParams, Frame, Progress, RunReport
    from .stream import Stage

DRIVER_SIDE_PX = 720  # landmarks gain nothing from larger frames
SYNTHETIC_NOTE = "Synthetic video: a person's motion was transferred onto a photo with motionimit."


def write_film(stage: Stage, transforms: Tensor, fps: Fraction, clock: StageClock, tell: Progress, report: RunReport) -> None:
    """Draw every frame, one per entry of transforms [T, 24, 4, 4], and stream it into the settings' output file."""
    settings, total = stage.settings, len(transforms)
    with ExitStack() as stack:
        driver = _driver_frames(stage, stack)
        drawn = stack.enter_context(closing(draw(stage, transforms, driver, clock)))  # before the driver, which it reads
        first = next(drawn)
        report.size = (first.shape[1], first.shape[0])
        writer = VideoWriter(
            settings.output,
            fps,
            report.size,
            audio_from=_with_sound(settings.driving),
            start_s=settings.start_s,
            duration_s=float(total / fps),
            alpha=settings.alpha,
            metadata={"comment": SYNTHETIC_NOTE},
        )
        stack.enter_context(writer)
        for done, frame in enumerate(chain([first], drawn), 1):
            writer.write(frame)
            tell("render", done, total)
    report.warnings.extend(writer.warnings)


def write_overlay(
    request: FitRequest, reader: VideoReader, model: BodyModel, params: BodyParams, fps: Fraction, tell: Progress
) -> list[str]:
    """Stream the mesh over the footage into the request's overlay file. Returns what could not be kept."""
    assert request.overlay is not None
    total = len(params.rotations)
    with VideoWriter(request.overlay, fps, reader.size_px, _with_sound(request.input), request.start_s) as writer:
        for frame in reader:
            vertices = model.mesh(params, slice(frame.index, frame.index + 1)).vertices_m[0]
            writer.write(draw_overlay(frame.rgb, vertices, model, params.camera))
            tell("overlay", frame.index + 1, total)
    return writer.warnings


def _with_sound(path: Path) -> Path | None:
    """The file, if it is one that can have sound."""
    return path if path.is_file() and path.suffix.lower() != MOTION_SUFFIX else None


def _driver_frames(stage: Stage, stack: ExitStack) -> Iterator[Frame | None]:
    """The driver's frames a second time where the output shows or follows them, else None for ever."""
    settings = stage.settings
    if not settings.side_by_side and settings.background_kind != "driving" and not stage.follows_camera:
        return repeat(None)
    side = max(stage.backdrop.shape[0], DRIVER_SIDE_PX)
    reader = VideoReader(settings.driving, settings.start_s, settings.duration_s, settings.max_frames, side)
    return iter(stack.enter_context(reader))
