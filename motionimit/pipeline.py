"""The main job, as the paper draws it: body recovery → avatar → liquid warping flow → compositing, between two streams."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from .avatar.build import Avatar, build_avatar, output_size
from .body.export import Motion, read_motion, write_glb, write_motion
from .body.fit import fit_body
from .body.model import BodyModel, load_body
from .body.retarget import retarget
from .compositing.film import DRIVER_SIDE_PX, write_film, write_overlay
from .compositing.place import chosen_backdrop
from .compositing.stream import Stage, ahead
from .config import FitRequest, PersonalizeRequest, TransferSettings
from .errors import BadInput
from .media.image import read_photo
from .media.paths import all_or_none, check_whole, shown
from .media.reader import VideoReader
from .media.writer import check_output
from .pose.matting import refine_matte
from .pose.photo import track_photo
from .pose.same_frame import find_same_frame
from .pose.tracking import track_person
from .runtime import StageClock, peak_rss_mb, pick_device, warming_up
from .types import BodyParams, PersonTrack, Photo, Progress, RunReport

if TYPE_CHECKING:
    from .generator.chosen import Chosen

SOURCE_STEPS = 3


def transfer(settings: TransferSettings, progress: Progress | None = None) -> RunReport:
    """Make the person of the photo move like the person of the driving video and write the result to `settings.output`.

    The file appears under its name only when it is complete. Raises `BadInput`, `BadUsage` or `MissingModel` with one sentence
    for the user.
    """
    tell, clock, report = progress or _silent, StageClock(), RunReport(settings=settings.as_report())
    begin = time.perf_counter()
    settings.check_paths()
    torch.manual_seed(settings.seed)
    device = pick_device(settings.device)
    model = load_body(settings.body)
    photo = read_photo(settings.sources[0])
    wanted = settings.generator if settings.personalize is None else "attlwb"
    chosen = _generator(wanted, settings.weights, [photo], device)
    size = output_size((photo.rgb.shape[1], photo.rgb.shape[0]), settings.size_px)
    backdrop = chosen_backdrop(settings, size)

    driver_begin = time.perf_counter()
    shared: int | None = None
    cuts: tuple[int, ...] = ()
    with ExitStack() as stack:
        given = _open_driver(settings, stack)
        # All inputs are open: now it's worth working.
        check_output(settings.output, settings.alpha, settings.input_paths, given.frames)
        stack.enter_context(warming_up(device, chosen is not None))
        source_begin = time.perf_counter()
        person = find_source(photo, clock, tell)
        report.source_s = time.perf_counter() - source_begin
        if isinstance(given, Motion):
            driver, fps = given.params, given.fps
        else:
            track, driver = recover_motion(given, model, settings.person, clock, tell, report)
            fps, cuts = track.fps, track.cuts
            shared = find_same_frame(photo.rgb, person, track, lambda: given)
    source_begin = time.perf_counter()
    own = None if shared is None else driver.at(shared, photo.rgb.shape[1], photo.rgb.shape[0])
    avatar = build_source(photo, person, model, size, clock, tell, report, own)
    report.source_s += time.perf_counter() - source_begin
    refiner, report.generator = None, {"name": "warp"}
    if chosen is not None:
        if settings.personalize is not None:
            with clock.stage("personalize"):
                chosen = chosen.tuned([photo], [avatar], model, settings.personalize, settings.seed, tell)
        refiner, report.generator = chosen.refiner([avatar], model, device), chosen.facts()
    with clock.stage("retarget"):
        motion = retarget(avatar.params, driver, model, mode=settings.camera, fps=float(fps), cuts=cuts)
    follows = shared is not None and settings.camera == "copy" and settings.background_kind == "source"
    still = avatar.background if backdrop is None else backdrop
    stage = Stage(avatar, motion.camera, still, photo.rgb, settings, device, follows, refiner, cuts)
    transforms = model.joint_transforms(motion.rotations, model.rest_joints(motion.betas), motion.translation_m)
    write_film(stage, transforms, fps, clock, tell, report)
    report.driver_s = time.perf_counter() - driver_begin - report.source_s
    report.output, report.frames, report.fps = settings.output, len(transforms), fps
    return _finish(report, clock, begin)


def fit(request: FitRequest, progress: Progress | None = None) -> RunReport:
    """Body recovery alone: `motion.npz`, and on request the mesh over the footage and a `.glb`. Raises as `transfer` does."""
    tell, clock, report = progress or _silent, StageClock(), RunReport(settings=request.as_report())
    begin = time.perf_counter()
    request.check_paths()
    model = load_body(request.body)
    check_whole(request.input)
    with VideoReader(request.input, request.start_s, request.duration_s, request.max_frames, DRIVER_SIDE_PX) as reader:
        if request.overlay is not None:
            check_output(request.overlay, inputs=request.input_paths, frames=reader.frames)
        driver_begin = time.perf_counter()
        report.size = reader.size_px
        track, params = recover_motion(reader, model, request.person, clock, tell, report)
        with all_or_none(request.output_paths.values()):
            write_motion(request.output, params, track.fps)
            if request.mesh is not None:
                with clock.stage("mesh"):
                    write_glb(request.mesh, model, params, track.fps)
            if request.overlay is not None:
                with clock.stage("overlay"):
                    report.warnings.extend(write_overlay(request, reader, model, params, track.fps, tell))
    report.driver_s = time.perf_counter() - driver_begin
    report.output, report.frames, report.fps = request.output, len(params.rotations), track.fps
    return _finish(report, clock, begin)


def personalize(request: PersonalizeRequest, progress: Progress | None = None) -> RunReport:
    """Fine-tune the generator on photos of one person; writes what `TransferSettings.weights` takes. Raises as `transfer`."""
    tell, clock, report = progress or _silent, StageClock(), RunReport(settings=request.as_report())
    begin = time.perf_counter()
    request.check_paths()
    device, model = pick_device(request.device), load_body(request.body)
    photos = [read_photo(path) for path in request.sources]
    chosen = _generator("attlwb", request.weights, photos, device)
    assert chosen is not None
    avatars = []
    with warming_up(device, True):
        for photo in photos:
            size = output_size((photo.rgb.shape[1], photo.rgb.shape[0]), request.size_px)
            person = find_source(photo, clock, tell)
            avatars.append(build_source(photo, person, model, size, clock, tell, report))
    report.source_s = time.perf_counter() - begin
    with clock.stage("personalize"):
        tuned = chosen.tuned(photos, avatars, model, request.steps, request.seed, tell)
    tuned.save(request.output)
    report.output, report.generator = request.output, tuned.facts()
    return _finish(report, clock, begin)


def find_source(photo: Photo, clock: StageClock, tell: Progress) -> PersonTrack:
    """Photo → the person as a track of one frame. Raises `BadInput` where there is none to work with."""
    tell("source", 0, SOURCE_STEPS)
    with clock.stage("source landmarks"):
        track = track_photo(photo)
    if not (track.masks[0] > 0.5).any():
        raise BadInput(f"The person in {shown(photo.path)} could not be cut out; use a photo that shows them larger and clearer.")
    tell("source", 1, SOURCE_STEPS)
    return track


def build_source(
    photo: Photo,
    track: PersonTrack,
    model: BodyModel,
    size_px: tuple[int, int],
    clock: StageClock,
    tell: Progress,
    report: RunReport,
    params: BodyParams | None = None,
) -> Avatar:
    """The person of the photo → avatar: cut out, fit the body (or take `params` where it is known), build layers and shells."""
    report.warnings.extend(f"photo: {w}" for w in track.warnings)
    with ThreadPoolExecutor(1) as beside:  # matte and fit need nothing of each other
        cut_out = beside.submit(_matte, photo, track, clock)
        if params is None:
            with clock.stage("source fit"):
                params, quality = fit_body(track, model)
            report.warnings.extend(f"photo: {w}" for w in quality.warnings)
        matte = cut_out.result()
    tell("source", 2, SOURCE_STEPS)
    with clock.stage("source avatar"):
        avatar = build_avatar(photo.rgb, matte, params, model, size_px)
    tell("source", SOURCE_STEPS, SOURCE_STEPS)
    return avatar


def _matte(photo: Photo, track: PersonTrack, clock: StageClock) -> np.ndarray:
    """[H, W] float32: the photo's own alpha, or the refined mask (the mask itself where refinement leaves nothing)."""
    if photo.matte is not None:
        return photo.matte
    mask = track.masks[0, 0].numpy()
    with clock.stage("source matte"):
        matte = refine_matte(photo.rgb, mask, track.box_xyxy_px[0].numpy())
    return matte if (matte > 0.5).any() else mask


def recover_motion(
    reader: VideoReader, model: BodyModel, person: int | None, clock: StageClock, tell: Progress, report: RunReport
) -> tuple[PersonTrack, BodyParams]:
    """Driving frames → the followed person and the body fitted to them. `person` counts from 1."""

    def counted(stage: str, done: int, total: int | None) -> None:
        tell("landmarks", done, reader.frames)

    chosen = None if person is None else person - 1
    where = shown(reader.info.path)
    if reader.size_px != reader.info.size_px:
        where += " (read at {}x{} px)".format(*reader.size_px)
    with clock.stage("landmarks"), closing(ahead(clock.timed("decode", reader))) as frames:
        track = track_person(frames, reader.info.fps, person=chosen, progress=counted, where=where)
    with clock.stage("fit"):
        params, report.fit = fit_body(track, model, progress=tell)
    report.warnings.extend([*track.warnings, *report.fit.warnings, *reader.warnings])
    return track, params


def _open_driver(settings: TransferSettings, stack: ExitStack) -> VideoReader | Motion:
    span = (settings.start_s, settings.duration_s, settings.max_frames)
    if settings.driven_by_motion_file:
        return read_motion(settings.driving).part(*span)
    check_whole(settings.driving)
    return stack.enter_context(VideoReader(settings.driving, *span, DRIVER_SIDE_PX))


def _finish(report: RunReport, clock: StageClock, begin: float) -> RunReport:
    report.seconds, report.peak_rss_mb = clock.seconds, peak_rss_mb()
    report.wall_s = time.perf_counter() - begin
    return report


def _generator(name: str, weights: Path | None, photos: list[Photo], device: torch.device) -> Chosen | None:
    """None: the geometric core alone."""
    if name == "warp":
        return None
    from .generator.chosen import chosen_generator

    return chosen_generator(name, weights, photos, device)


def _silent(stage: str, done: int, total: int | None) -> None:
    """No one wants to know."""


__all__ = ["build_source", "find_source", "fit", "personalize", "recover_motion", "transfer"]
