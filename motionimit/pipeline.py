"""The main job, as the paper draws it: body recovery → avatar → liquid warping flow → compositing, between two streams."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain, repeat
from threading import Thread

import torch

from .avatar.build import Avatar, build_avatar, output_size
from .body.export import write_glb, write_motion
from .body.fit import fit_body
from .body.model import BodyModel, load_body
from .body.overlay import draw_overlay
from .body.retarget import retarget
from .compositing.place import still_backdrop
from .compositing.stream import Stage, ahead, draw
from .config import FitRequest, TransferSettings
from .errors import BadInput
from .media.image import read_photo
from .media.reader import VideoReader
from .media.writer import VideoWriter, check_output
from .pose.matting import refine_matte
from .pose.photo import track_photo
from .pose.tracking import track_person
from .runtime import StageClock, peak_rss_mb, pick_device
from .types import BodyParams, Frame, PersonTrack, Photo, Progress, RunReport

DRIVER_SIDE_PX = 720  # landmarks gain nothing from larger frames
SYNTHETIC_NOTE = "Synthetic video: a person's motion was transferred onto a photo with motionimit."
SOURCE_STEPS = 4


def transfer(settings: TransferSettings, progress: Progress | None = None) -> RunReport:
    """Make the person of the photo move like the person of the driving video and write the result to `settings.output`.

    The file appears under its name only when it is complete. Raises `BadInput`, `BadUsage` or `MissingModel` with one sentence
    for the user.
    """
    tell, clock, report = progress or _silent, StageClock(), RunReport(settings=settings.as_report())
    begin = time.perf_counter()
    settings.check_paths()
    check_output(settings.output, settings.alpha)
    torch.manual_seed(settings.seed)
    device = pick_device(settings.device)
    warm = Thread(target=_warm_up, args=(str(device),), daemon=True)
    warm.start()
    model = load_body(settings.body)
    photo = read_photo(settings.sources[0])
    size = output_size((photo.rgb.shape[1], photo.rgb.shape[0]), settings.size_px)

    source_begin = time.perf_counter()
    avatar = prepare_source(photo, model, size, clock, tell, report)
    report.source_s = time.perf_counter() - source_begin

    with VideoReader(settings.driving, settings.start_s, settings.duration_s, settings.max_frames, DRIVER_SIDE_PX) as reader:
        driver_begin = time.perf_counter()
        track, driver = recover_motion(reader, model, settings.person, clock, tell, report)
    with clock.stage("retarget"):
        motion = retarget(avatar.params, driver, model, mode=settings.camera, fps=float(track.fps), cuts=track.cuts)
    warm.join()
    _write_video(settings, photo, avatar, model, motion, track, device, clock, tell, report)
    report.driver_s = time.perf_counter() - driver_begin
    report.output = settings.output
    return _finish(report, clock, track, begin)


def fit(request: FitRequest, progress: Progress | None = None) -> RunReport:
    """Body recovery alone: `motion.npz`, and on request the mesh over the footage and a `.glb`. Raises as `transfer` does."""
    tell, clock, report = progress or _silent, StageClock(), RunReport(settings=request.as_report())
    begin = time.perf_counter()
    request.check_paths()
    if request.overlay is not None:
        check_output(request.overlay)
    model = load_body(request.body)
    with VideoReader(request.input, request.start_s, request.duration_s, request.max_frames, DRIVER_SIDE_PX) as reader:
        driver_begin = time.perf_counter()
        report.size = reader.size_px
        track, params = recover_motion(reader, model, request.person, clock, tell, report)
        write_motion(request.output, params, track.fps)
        if request.overlay is not None:
            with clock.stage("overlay"):
                _write_overlay(request, reader, model, params, track, tell)
    if request.mesh is not None:
        with clock.stage("mesh"):
            write_glb(request.mesh, model, params, track.fps)
    report.driver_s = time.perf_counter() - driver_begin
    report.output = request.output
    return _finish(report, clock, track, begin)


def prepare_source(
    photo: Photo, model: BodyModel, size_px: tuple[int, int], clock: StageClock, tell: Progress, report: RunReport
) -> Avatar:
    """Photo → avatar: find the person, cut them out, fit the body, build layers and shells."""
    tell("source", 0, SOURCE_STEPS)
    with clock.stage("source landmarks"):
        track = track_photo(photo)
    tell("source", 1, SOURCE_STEPS)
    with clock.stage("source matte"):
        mask, box = track.masks[0, 0].numpy(), track.box_xyxy_px[0].numpy()
        matte = photo.matte if photo.matte is not None else refine_matte(photo.rgb, mask, box)
    if not (matte > 0.5).any():
        raise BadInput(f"The person in {photo.path} could not be cut out; use a photo that shows them larger and clearer.")
    tell("source", 2, SOURCE_STEPS)
    with clock.stage("source fit"):
        params, quality = fit_body(track, model)
    tell("source", 3, SOURCE_STEPS)
    with clock.stage("source avatar"):
        avatar = build_avatar(photo.rgb, matte, params, model, size_px)
    report.warnings.extend(f"photo: {w}" for w in (*track.warnings, *quality.warnings))
    tell("source", SOURCE_STEPS, SOURCE_STEPS)
    return avatar


def recover_motion(
    reader: VideoReader, model: BodyModel, person: int | None, clock: StageClock, tell: Progress, report: RunReport
) -> tuple[PersonTrack, BodyParams]:
    """Driving frames → the followed person and the body fitted to them. `person` counts from 1."""

    def counted(stage: str, done: int, total: int | None) -> None:
        tell("landmarks", done, reader.frames)

    chosen = None if person is None else person - 1
    with clock.stage("landmarks"):
        frames = ahead(clock.timed("decode", reader))
        track = track_person(frames, reader.info.fps, person=chosen, progress=counted, where=str(reader.info.path))
    with clock.stage("fit"):
        params, report.fit = fit_body(track, model, progress=tell)
    report.warnings.extend([*track.warnings, *report.fit.warnings, *reader.warnings])
    return track, params


def _write_video(
    settings: TransferSettings,
    photo: Photo,
    avatar: Avatar,
    model: BodyModel,
    motion: BodyParams,
    track: PersonTrack,
    device: torch.device,
    clock: StageClock,
    tell: Progress,
    report: RunReport,
) -> None:
    """Draw every frame and stream it into the output file."""
    backdrop = still_backdrop(settings, avatar.background)
    transforms = model.joint_transforms(motion.rotations, model.rest_joints(motion.betas), motion.translation_m)
    stage = Stage(avatar, motion.camera, backdrop, photo.rgb, settings, device)
    total = len(transforms)
    with ExitStack() as closing:
        drawn = draw(stage, transforms, _driver_frames(settings, backdrop.shape[0], closing), clock)
        first = next(drawn)
        report.size = (first.shape[1], first.shape[0])
        sound = settings.driving if settings.driving.is_file() else None
        writer = VideoWriter(
            settings.output,
            track.fps,
            report.size,
            audio_from=sound,
            start_s=settings.start_s,
            duration_s=float(total / track.fps),
            alpha=settings.alpha,
            metadata={"comment": SYNTHETIC_NOTE},
        )
        closing.enter_context(writer)
        for done, frame in enumerate(chain([first], drawn), 1):
            writer.write(frame)
            tell("render", done, total)
    report.warnings.extend(writer.warnings)


def _driver_frames(settings: TransferSettings, height_px: int, closing: ExitStack) -> Iterator[Frame | None]:
    """The driver's frames a second time where the output shows them, else None for ever."""
    if not settings.side_by_side and settings.background_kind != "driving":
        return repeat(None)
    side = max(height_px, DRIVER_SIDE_PX)
    reader = VideoReader(settings.driving, settings.start_s, settings.duration_s, settings.max_frames, side)
    return iter(closing.enter_context(reader))


def _write_overlay(
    request: FitRequest, reader: VideoReader, model: BodyModel, params: BodyParams, track: PersonTrack, tell: Progress
) -> None:
    assert request.overlay is not None
    total = len(params.rotations)
    with VideoWriter(
        request.overlay, track.fps, reader.size_px, request.input if request.input.is_file() else None, request.start_s
    ) as writer:
        for frame in reader:
            vertices = model.mesh(params, slice(frame.index, frame.index + 1)).vertices_m[0]
            writer.write(draw_overlay(frame.rgb, vertices, model, params.camera))
            tell("overlay", frame.index + 1, total)


def _finish(report: RunReport, clock: StageClock, track: PersonTrack, begin: float) -> RunReport:
    report.frames, report.fps = len(track.valid), track.fps
    report.seconds, report.peak_rss_mb = clock.seconds, peak_rss_mb()
    report.wall_s = time.perf_counter() - begin
    return report


def _warm_up(device: str) -> None:
    """Compile or load the kernels while landmarks are being found; the first run ever takes seconds for it."""
    from .flow import kernels

    kernels.load(device)


def _silent(stage: str, done: int, total: int | None) -> None:
    """No one wants to know."""


__all__ = ["fit", "prepare_source", "recover_motion", "transfer"]
