"""What is made besides films: motion files, personal weights, avatar files."""

from __future__ import annotations

import time

from .avatar.gltf import write_avatar_glb
from .avatar.storage import write_avatar
from .body.export import write_glb
from .body.motion_file import read_motion_file, write_motion_file
from .body.retarget import retarget
from .compositing.film import write_overlay
from .config import AvatarRequest, FitRequest, PersonalizeRequest
from .driving import DRIVER_SIDE_PX, recover_motion
from .generator.chosen import chosen_generator
from .media.paths import all_or_none, check_whole
from .media.reader import VideoReader
from .media.timing import DEFAULT_FPS
from .media.writer import check_output
from .run import Run
from .runtime import warming_up
from .sources import avatar_of, build_avatar, find_sources, read_sources
from .types import Progress, RunReport


def fit(request: FitRequest, progress: Progress | None = None) -> RunReport:
    """Body recovery alone: a motion file, and on request the mesh over the footage and a `.glb`. Raises as `transfer` does."""
    request.check_paths()
    run = Run.of(request.as_report(), request.body, "cpu", progress)
    report = run.report
    check_whole(request.input)
    with VideoReader(request.input, request.start_s, request.duration_s, request.max_frames, DRIVER_SIDE_PX) as reader:
        if request.overlay is not None:
            check_output(request.overlay, inputs=request.input_paths, frames=reader.frames)
        driver_begin = time.perf_counter()
        report.size = reader.size_px
        motion = recover_motion(reader, request.person, run)
        with all_or_none(request.output_paths.values()):
            report.warnings.extend(write_motion_file(request.output, motion, run.model))
            if request.mesh is not None:
                with run.clock.stage("mesh"):
                    write_glb(request.mesh, run.model, motion.params, motion.fps)
            if request.overlay is not None:
                with run.clock.stage("overlay"):
                    report.warnings.extend(write_overlay(request, reader, run.model, motion.params, motion.fps, run.tell))
    report.driver_s = time.perf_counter() - driver_begin
    report.output, report.frames, report.fps = request.output, motion.frames, motion.fps
    return run.finished()


def avatar(request: AvatarRequest, progress: Progress | None = None) -> RunReport:
    """Photos → a .avatar file, and on request a textured mesh. Raises as `transfer`."""
    request.check_paths()
    run = Run.of(request.as_report(), request.body, request.device, progress)
    motion = None if request.motion is None else read_motion_file(request.motion, run.model)
    with warming_up(run.device, False):
        made = avatar_of(request.sources, request.size_px, run)
    with all_or_none(request.output_paths.values()):
        write_avatar(request.output, made)
        if request.glb is not None:
            with run.clock.stage("mesh"):
                moves, fps = None, DEFAULT_FPS
                if motion is not None:
                    fps = motion.fps
                    moves = retarget(made.params, motion.params, run.model, mode="source", fps=float(fps), cuts=motion.cuts)
                write_avatar_glb(request.glb, made, run.model, moves, fps)
    run.report.output = request.output
    return run.finished()


def personalize(request: PersonalizeRequest, progress: Progress | None = None) -> RunReport:
    """Fine-tune the generator on photos of one person; writes what `TransferSettings.weights` takes. Raises as `transfer`."""
    request.check_paths()
    run = Run.of(request.as_report(), request.body, request.device, progress)
    photos, bodies = read_sources(request.sources, run)
    chosen = chosen_generator("attlwb", request.weights, {p.sha256: p.path for p in photos}, run.device)
    assert chosen is not None  # 'attlwb' is never None
    with warming_up(run.device, True):
        avatar = build_avatar(find_sources(photos, bodies, run), request.size_px, run)
    with run.clock.stage("personalize"):
        tuned = chosen.tuned(photos, avatar.portraits, run.model, request.steps, request.seed, run.tell)
    tuned.save(request.output)
    run.report.output, run.report.generator = request.output, tuned.facts()
    return run.finished()
