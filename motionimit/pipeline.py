"""The line as the paper draws it: body recovery → avatar → liquid warping flow → generator → compositing, between two streams."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from itertools import repeat

import torch

from .avatar.avatar import Avatar
from .body.orbit import arc, check_bullet_frame, turntable
from .body.retarget import retarget
from .cast import Cast
from .compositing.film import Film, write_film, write_still
from .compositing.label import side_by_side
from .compositing.views import arranged
from .config import PoseSettings, SwapSettings, TransferSettings, ViewSettings
from .driving import follow_driver, frames_of_driver, open_driver, posed_as, shown_frames
from .media.paths import shown
from .media.timing import DEFAULT_FPS
from .media.writer import check_output
from .run import Run
from .runtime import warming_up
from .sources import avatar_of
from .stills import still_picture, still_scene
from .types import Frame, Progress, RunReport


def transfer(settings: TransferSettings, progress: Progress | None = None) -> RunReport:
    """Make the person of the photos move like the person of the driving video and write the result to `settings.output`.

    The file appears under its name only when it is complete. Raises `BadInput`, `BadUsage` or `MissingModel` with one sentence
    for the user.
    """
    settings.check_paths()
    run = Run.of(settings.as_report(), settings.body, settings.device, progress)
    return _animated(settings, run, lambda avatar: avatar)


def _animated(settings: TransferSettings, run: Run, changed: Callable[[Avatar], Avatar]) -> RunReport:
    """The line itself. `changed` is what happens to the avatar before it moves."""
    torch.manual_seed(settings.seed)
    begin, before_s = time.perf_counter(), run.report.source_s
    with ExitStack() as stack:
        given = open_driver(settings, run.model, stack)
        check_output(settings.output, settings.alpha, settings.input_paths, given.frames)
        if settings.bullet is not None and given.frames is not None:
            check_bullet_frame(settings.bullet.frame, given.frames)
        cast = Cast.of(settings, run)
        # All inputs are open: now it's worth working.
        stack.enter_context(warming_up(run.device, cast.chosen is not None))
        people = cast.found(run)
        driving = follow_driver(given, settings.person, run)
        shared = frames_of_driver(people, driving, run.model)
    people = people.sharing(driving.params, shared)
    avatar = changed(cast.avatar(people, run))
    with run.clock.stage("retarget"):
        rate, cuts = float(driving.fps), driving.cuts
        motion = retarget(avatar.params, driving.params, run.model, mode=settings.camera, fps=rate, cuts=cuts)
    copies_camera = settings.camera == "copy" and settings.background_kind == "source" and not settings.driven_by_motion_file
    stage = replace(
        cast.stage(avatar, motion.camera, run),
        side_by_side=settings.side_by_side,
        before_driver=settings.background_kind == "driving",
        follows_camera=copies_camera and shared[:1] not in ([], [None]),
    )
    programme = arranged(motion, run.model, driving.fps, cuts, settings.views, settings.bullet)
    with ExitStack() as stack:
        frames: Iterator[Frame | None] = repeat(None)
        if stage.shows_driver:
            frames = shown_frames(settings, max(avatar.size_px), stack)
        film = Film(settings.output, driving.fps, settings.alpha, settings.sound_path, settings.start_s, programme.pause_s)
        write_film(film, programme, stage, frames, run)
    run.report.driver_s = time.perf_counter() - begin - (run.report.source_s - before_s)
    return run.finished()


def swap(settings: SwapSettings, progress: Progress | None = None) -> RunReport:
    """Show the person in other people's clothes, still or moving. Writes and raises as `transfer`."""
    from .avatar.swap import dressed

    settings.check_paths()
    run = Run.of(settings.as_report(), settings.body, settings.device, progress)
    with warming_up(run.device, False):
        wardrobe = {path: avatar_of([path], settings.size_px, run) for path in dict.fromkeys(settings.whose.values())}

    def dress(avatar: Avatar) -> Avatar:
        with run.clock.stage("swap"):
            worn = {part: wardrobe[path] for part, path in settings.whose.items()}
            avatar, warnings = dressed(avatar, worn, run.model, {part: shown(path) for part, path in settings.whose.items()})
        run.report.warnings.extend(warnings)
        return avatar

    if settings.driving is not None:
        return _animated(settings.driven(), run, dress)
    cast = Cast.of(settings, run)
    avatar = dress(cast.avatar(cast.found(run), run))
    film, programme = Film(settings.output, DEFAULT_FPS, settings.alpha), arranged(avatar.params, run.model, DEFAULT_FPS)
    write_film(film, programme, cast.stage(avatar, avatar.params.camera, run), repeat(None), run)
    return run.finished()


def view(settings: ViewSettings, progress: Progress | None = None) -> RunReport:
    """Show the person of the photos from other sides: the camera goes round them. Writes and raises as `transfer`."""
    settings.check_paths()
    run = Run.of(settings.as_report(), settings.body, settings.device, progress)
    torch.manual_seed(settings.seed)
    cast = Cast.of(settings, run)
    pose = posed_as(settings.pose, run.model)
    check_output(settings.output, settings.alpha, settings.input_paths, settings.frame_count)
    with warming_up(run.device, cast.chosen is not None):
        avatar = cast.avatar(cast.found(run), run)
    yaw_deg = arc(settings.turn_deg, settings.frame_count)
    motion = turntable(avatar.params, run.model, yaw_deg, settings.elevation_deg, pose)
    fps = Fraction(settings.fps).limit_denominator(1001)
    film = Film(settings.output, fps, settings.alpha)
    write_film(film, arranged(motion, run.model, fps), cast.stage(avatar, motion.camera, run), repeat(None), run)
    return run.finished()


def pose(settings: PoseSettings, progress: Progress | None = None) -> RunReport:
    """Show the person of the photos in the pose of a photo, of a frame, or of landmarks, as a still. Writes and raises as
    `transfer`."""
    settings.check_paths()
    run = Run.of(settings.as_report(), settings.body, settings.device, progress)
    torch.manual_seed(settings.seed)
    scene = still_scene(settings, run)
    picture = still_picture(scene, settings, run)
    if settings.side_by_side and scene.target.photo is not None:
        picture = side_by_side([scene.photo, scene.target.photo.rgb, picture], picture.shape[0])
    write_still(settings.output, picture, run)
    return run.finished()
