"""What a user gives to move like → motion: a clip, a photo, a folder of pictures, or a motion file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

from torch import Tensor

from .body.export import Motion
from .body.fit import fit_body
from .body.model import BodyModel
from .body.motion_file import read_motion_file
from .body.upright import pose_of, rest_pose
from .compositing.stream import ahead
from .config import TransferSettings
from .config.view import parse_pose
from .media.paths import check_whole, shown
from .media.reader import VideoReader
from .pose.people import DRIVER_SIDE_PX
from .pose.same_frame import Thumbs, find_same_frame
from .pose.tracking import track_person
from .run import Run
from .sources import Sources
from .types import Frame
from .values import parse_person


def open_driver(settings: TransferSettings, model: BodyModel, stack: ExitStack) -> VideoReader | Motion:
    """The driver, checked and open for as long as `stack`. Raises `BadInput`."""
    span = (settings.start_s, settings.duration_s, settings.max_frames)
    if settings.driven_by_motion_file:
        return read_motion_file(settings.driving, model).part(*span)
    check_whole(settings.driving)
    return stack.enter_context(VideoReader(settings.driving, *span, DRIVER_SIDE_PX))


def follow_driver(given: VideoReader | Motion, person: int | str | None, run: Run) -> Motion:
    """The motion of an open driver; `person` as `parse_person` takes it."""
    if isinstance(given, Motion):
        run.report.warnings.extend(given.warnings)
        return given
    return recover_motion(given, person, run)


def recover_motion(reader: VideoReader, person: int | str | None, run: Run) -> Motion:
    """Driving frames → the body fitted to the followed person; `person` as `parse_person` takes it."""

    def counted(stage: str, done: int, total: int | None) -> None:
        run.tell("landmarks", done, reader.frames)

    thumbs, where = Thumbs(), shown(reader.info.path)
    if reader.size_px != reader.info.size_px:
        where += " (read at {}x{} px)".format(*reader.size_px)
    with run.clock.stage("landmarks"), closing(ahead(thumbs.of(run.clock.timed("decode", reader)))) as frames:
        track = track_person(frames, reader.info.fps, person=parse_person(person), progress=counted, where=where)
    with run.clock.stage("fit"):
        params, run.report.fit = fit_body(track, run.model, progress=run.tell)
    run.report.warnings.extend([*track.warnings, *run.report.fit.warnings, *reader.warnings])
    return Motion(params, track.fps, cuts=track.cuts, thumbs=thumbs.first(len(params.rotations)))


def frames_of_driver(sources: Sources, driving: Motion, model: BodyModel) -> list[int | None]:
    """For every photo, the frame of the driver that it shows, if any: those share the driver's fit."""
    camera, thumbs = driving.params.camera, driving.thumbs
    if thumbs is None:
        return [None] * len(sources.photos)
    landmarks_px = camera.project(model.landmarks(driving.params).cpu()).numpy()
    seen = zip(sources.photos, sources.people, strict=True)
    return [find_same_frame(photo.rgb, who, landmarks_px, camera.size_px, thumbs) for photo, who in seen]


def shown_frames(settings: TransferSettings, side_px: int, stack: ExitStack) -> Iterator[Frame]:
    """The driver's frames a second time, for what the output shows of them."""
    span = (settings.start_s, settings.duration_s, settings.max_frames)
    return iter(stack.enter_context(VideoReader(settings.driving, *span, max(side_px, DRIVER_SIDE_PX))))


def posed_as(text: str, model: BodyModel) -> Tensor | None:
    """The pose [24, 3, 3] that `ViewSettings.pose` names; None for the photo's own. Raises `BadInput`, `BadUsage`."""
    kind, path, frame = parse_pose(text)
    if kind == "source":
        return None
    if path is None:
        return rest_pose("a" if kind == "a" else "t")
    return pose_of(read_motion_file(path, model).params, model, frame)
