"""Whose pose a still is to show → bodies: a photo, one frame of a clip or of a motion file, or landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from .body.export import Motion
from .body.fit import fit_body
from .body.model import BodyModel
from .body.motion_file import read_motion_file
from .config.pose import PoseSettings, TargetName
from .errors import BadInput
from .media.image import read_photo
from .media.paths import check_whole, shown
from .media.reader import VideoReader
from .media.timing import DEFAULT_FPS, frame_number
from .pose.landmark_file import read_landmarks
from .pose.lifting import LEAST
from .pose.photo import track_photo
from .run import Run
from .types import BodyParams, PersonTrack, Photo
from .values import parse_person

LIMBS = {
    "left arm": ((16, 18, 20), (13, 15)),
    "right arm": ((17, 19, 21), (14, 16)),
    "left leg": ((1, 4, 7), (25, 27)),
    "right leg": ((2, 5, 8), (26, 28)),
}
"""Joints of each limb, and the landmarks of its middle and end: without both, the picture doesn't show it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A pose to take, and what is known of where it was seen."""

    motion: BodyParams  # [T] the bodies round the wanted one, in their own camera
    frame: int  # which of them is wanted
    fps: Fraction = DEFAULT_FPS
    cuts: tuple[int, ...] = ()
    photo: Photo | None = None  # None: there is no picture
    track: PersonTrack | None = None  # T = 1; None: no landmarks were found, the bodies are known

    @property
    def cut_off(self) -> list[str]:
        """Names of the limbs in `LIMBS` that the picture (or the landmark file) doesn't show."""
        if self.track is None:
            return []
        xy, size = self.track.joints_px[0].numpy(), self.track.size_px
        there = ((xy >= 0) & (xy < size)).all(-1) & (self.track.confidence[0].numpy() > LEAST)
        return [name for name, (_, marks) in LIMBS.items() if not there[list(marks)].any()]

    def limbs_of(self, source: BodyParams) -> BodyParams:
        """The bodies; limbs that their picture doesn't show are as `source` (T = 1) has them."""
        joints = [joint for name in self.cut_off for joint in LIMBS[name][0]]
        rotations = self.motion.rotations.clone()
        rotations[:, joints] = source.rotations[:, joints]
        return BodyParams(rotations, self.motion.betas, self.motion.translation_m, self.motion.camera)


def open_target(settings: PoseSettings, model: BodyModel) -> Photo | PersonTrack | tuple[Motion, int]:
    """What the settings name, read but not yet understood: a picture, landmarks, or a motion and the frame of it that counts.

    Raises `BadInput`.
    """
    name = settings.target_name
    if name.kind == "picture":
        return read_photo(name.path)
    if name.kind == "landmarks":
        return read_landmarks(name.path, parse_person(settings.person))
    if name.kind == "clip":
        return _frame_of_clip(name)
    motion = read_motion_file(name.path, model)
    return motion, _moment(name, motion.fps, motion.frames)


def find_target(given: Photo | PersonTrack | tuple[Motion, int], settings: PoseSettings, run: Run) -> Target:
    """The bodies of an opened target. Raises `BadInput` where nobody is in it."""
    if isinstance(given, tuple):
        motion, frame = given
        run.report.warnings.extend(motion.warnings)
        return Target(motion.params, frame, motion.fps, motion.cuts)
    photo = given if isinstance(given, Photo) else None
    with run.clock.stage("landmarks"):
        track = track_photo(given, person=parse_person(settings.person)) if isinstance(given, Photo) else given
    with run.clock.stage("fit"):
        params, run.report.fit = fit_body(track, run.model, progress=run.tell)
    target = Target(params, 0, photo=photo, track=track)
    told = (f"it doesn't show the {', '.join(target.cut_off)}; the photo's pose stays there",)
    notes = told if target.cut_off else run.report.fit.warnings
    run.report.warnings.extend(f"target: {w}" for w in (*track.warnings, *notes))
    return target


def _frame_of_clip(name: TargetName) -> Photo:
    """One frame of a clip as a photo, in full size."""
    check_whole(name.path)
    with VideoReader(name.path) as clip:
        frame, fps = _moment(name, clip.info.fps, clip.info.frames), clip.info.fps
    with VideoReader(name.path, float(frame / fps), max_frames=1) as clip:
        rgb: np.ndarray = next(iter(clip)).rgb
    return Photo(name.path, rgb, None, "")


def _moment(name: TargetName, fps: Fraction, frames: int | None) -> int:
    """The number of the wanted frame. Raises `BadInput` where there are fewer."""
    frame = name.frame if name.time_s is None else frame_number(name.time_s, fps)
    if frames is not None and frame >= frames:
        raise BadInput(
            f"Frame {frame} was asked for, but {shown(Path(name.path))} has frames 0 to {frames - 1} only; choose one of these."
        )
    return frame
