"""The main job, as the paper draws it: body recovery → avatar → liquid warping flow → compositing, between two streams."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, repeat
from pathlib import Path
from threading import Thread, local
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import Tensor

from .avatar.build import Avatar, build_avatar, output_size
from .body.fit import fit_body
from .body.model import BodyModel, load_body
from .body.retarget import retarget
from .compositing.label import side_by_side
from .compositing.place import cover, over, still_backdrop, to_uint8
from .config import TransferSettings
from .media.image import read_photo
from .media.reader import VideoReader
from .media.writer import VideoWriter, check_output
from .pose.matting import refine_matte
from .pose.tracking import track_person, track_photo
from .runtime import StageClock, available_cores, peak_rss_mb, pick_device
from .types import BodyParams, Photo, Progress, RunReport

if TYPE_CHECKING:
    from .types import Frame, PersonTrack

A, B = TypeVar("A"), TypeVar("B")

DRIVER_SIDE_PX = 720  # landmarks gain nothing from larger frames
SYNTHETIC_NOTE = "Synthetic video: a person's motion was transferred onto a photo with motionimit."


def transfer(settings: TransferSettings, progress: Progress | None = None) -> RunReport:
    """Make the person of the photo move like the person of the driving video and write the result to `settings.output`.

    Returns the report; the file appears under its name only when it is complete. Raises `BadInput`, `BadUsage` or
    `MissingModel` with one sentence for the user.
    """
    tell, clock, report = progress or _silent, StageClock(), RunReport(settings=settings.as_report())
    begin = time.perf_counter()
    settings.check_paths()
    check_output(settings.output, settings.alpha)
    torch.manual_seed(settings.seed)
    device = pick_device(settings.device)
    warm = Thread(target=_warm_up, daemon=True)
    warm.start()
    photo = read_photo(settings.sources[0])
    size = output_size((photo.rgb.shape[1], photo.rgb.shape[0]), settings.size_px)
    model = load_body(settings.body)
    source_begin = time.perf_counter()
    avatar = prepare_source(photo, model, size, clock, tell, report)
    report.source_s = time.perf_counter() - source_begin
    driver_begin = time.perf_counter()
    with _open_driver(settings, DRIVER_SIDE_PX) as reader:
        track, driver = recover_motion(reader, model, settings.person, clock, tell, report)
    with clock.stage("retarget"):
        motion = retarget(avatar.params, driver, model, mode=settings.camera, fps=reader.info.fps)
    warm.join()
    _render(settings, photo, avatar, model, motion, track, device, clock, tell)
    report.driver_s = time.perf_counter() - driver_begin
    report.frames, report.fps, report.output = len(motion.rotations), track.fps, settings.output
    report.size = (avatar.background.shape[1], avatar.background.shape[0])
    report.seconds, report.peak_rss_mb = clock.seconds, peak_rss_mb()
    report.wall_s = time.perf_counter() - begin
    return report


def prepare_source(
    photo: Photo, model: BodyModel, size_px: tuple[int, int], clock: StageClock, tell: Progress, report: RunReport
) -> Avatar:
    """Photo → avatar: find the person, cut them out, fit the body, build layers and shells."""
    steps = iter(range(1, 5))
    tell("source", 0, 4)
    with clock.stage("source landmarks"):
        track = track_photo(photo)
    tell("source", next(steps), 4)
    with clock.stage("source matte"):
        matte = (
            photo.matte
            if photo.matte is not None
            else refine_matte(photo.rgb, track.masks[0, 0].numpy(), track.box_xyxy_px[0].numpy())
        )
    tell("source", next(steps), 4)
    with clock.stage("source fit"):
        params, _ = fit_body(track, model)
    tell("source", next(steps), 4)
    with clock.stage("source avatar"):
        avatar = build_avatar(photo.rgb, matte, params, model, size_px)
    report.warnings.extend(f"photo: {w}" for w in track.warnings)
    tell("source", next(steps), 4)
    return avatar


def recover_motion(
    reader: VideoReader, model: BodyModel, person: int | None, clock: StageClock, tell: Progress, report: RunReport
) -> tuple[PersonTrack, BodyParams]:
    """Driving frames → the followed person and the body fitted to them."""
    with clock.stage("landmarks"):
        chosen = None if person is None else person - 1
        track = track_person(iter(reader), reader.info.fps, person=chosen, progress=tell)
    with clock.stage("fit"):
        params, report.fit = fit_body(track, model, progress=tell)
    report.warnings.extend([*track.warnings, *reader.warnings])
    return track, params


def _open_driver(settings: TransferSettings, max_side_px: int | None) -> VideoReader:
    return VideoReader(settings.driving, settings.start_s, settings.duration_s, settings.max_frames, max_side_px)


def _render(
    settings: TransferSettings,
    photo: Photo,
    avatar: Avatar,
    model: BodyModel,
    motion: BodyParams,
    track: PersonTrack,
    device: torch.device,
    clock: StageClock,
    tell: Progress,
) -> None:
    """Draw every frame and stream it into the output file."""
    from .flow.transfer import Renderer

    height, width = avatar.background.shape[:2]
    backdrop = still_backdrop(settings, avatar.background)
    rest_joints = model.rest(motion.betas)[1]
    transforms = model.joint_transforms(motion.rotations, rest_joints, motion.translation_m)
    of_thread = local()

    def draw(job: tuple[Tensor, Frame | None]) -> np.ndarray:
        bones, driving = job
        with clock.stage("render"):
            if not hasattr(of_thread, "renderer"):
                of_thread.renderer = Renderer(avatar.surface, avatar.layers, (width, height))
            rgba = of_thread.renderer.render(bones, motion.camera).rgba
            if settings.alpha:
                return to_uint8(rgba)
            behind = backdrop
            if settings.background_kind == "driving" and driving is not None:
                behind = torch.from_numpy(cover(driving.rgb, (width, height))).float() / 255
            result = over(rgba, behind)
            if settings.side_by_side and driving is not None:
                return side_by_side([photo.rgb, driving.rgb, result], height)
            return result

    total = len(transforms)
    needs_driver = settings.side_by_side or settings.background_kind == "driving"
    drawn = _in_order(
        draw, zip(transforms, _driver_frames(settings, height, needs_driver), strict=False), workers=available_cores()
    )
    first = next(drawn)
    audio = settings.driving if settings.driving.is_file() else None
    with VideoWriter(
        settings.output,
        track.fps,
        (first.shape[1], first.shape[0]),
        audio_from=audio,
        start_s=settings.start_s,
        duration_s=float(total / track.fps),
        alpha=settings.alpha,
        metadata={"comment": SYNTHETIC_NOTE},
    ) as writer:
        for done, frame in enumerate(chain([first], drawn), 1):
            writer.write(frame)
            tell("render", done, total)


def _driver_frames(settings: TransferSettings, height_px: int, needed: bool) -> Iterator[Frame | None]:
    """The driver's frames a second time where the output shows them, else None for ever."""
    if not needed:
        yield from repeat(None)
    with _open_driver(settings, max(height_px, DRIVER_SIDE_PX)) as reader:
        yield from reader


def _in_order(function: Callable[[A], B], jobs: Iterable[A], workers: int) -> Iterator[B]:
    """Map in threads (kernels release the interpreter lock), in order, with at most two jobs waiting per worker."""
    pending: deque[Future[B]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for job in jobs:
                pending.append(pool.submit(function, job))
                if len(pending) >= 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _warm_up() -> None:
    """Compile or load the kernels while landmarks are being found; the first run ever takes seconds for it."""
    from .flow import kernels

    kernels.load()


def _silent(stage: str, done: int, total: int | None) -> None:
    """No one wants to know."""


__all__ = ["Path", "prepare_source", "recover_motion", "transfer"]
