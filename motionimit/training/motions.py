"""What synthetic people do: a pool of recorded motions and sampled poses, turned before the camera, all from one seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..body import so3
from ..body.export import Motion, read_motion
from ..errors import BadInput
from ..media.paths import check_input, shown
from .poses import mirrored, photo_pose, pose_of_angles, sample_angles, sample_pose

__all__ = ["MotionPool", "PosePair", "sample_pose"]

SUFFIXES = (".npz", ".bvh")
JUMP_DEG = 35.0  # the pelvis never turns so far between two frames: a cut, or the fit lost the person
SHORTEST_S = 0.4
FRONTAL_DEG = 40.0
STATIC_SPEED = (0.05, 0.6)  # of the way to another random pose, per second


@dataclass(frozen=True, slots=True)
class PosePair:
    """One example: the photographed pose and the frames to be made from it, in the camera-aligned world."""

    source: np.ndarray  # [24, 3, 3] local rotations; the pelvis's is global: identity faces the camera
    targets: np.ndarray  # [T, 24, 3, 3]


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of motion without jumps."""

    name: str
    rotations: np.ndarray  # [T, 24, 3, 3]
    fps: float

    @property
    def duration_s(self) -> float:
        return (len(self.rotations) - 1) / self.fps


class MotionPool:
    """Motions from `.npz` files (`motionimit fit`, AMASS), `.bvh` files and folders of them, plus poses within joint limits.

    Whatever licence the files have, also holds for what is trained with them: to pass only suitable ones is the caller's duty.
    `sampled` is the share of sequences that use sampled poses; it is 1 where no motion is given. Every draw comes from the
    generator that is passed in, so a seed repeats it. Raises `BadInput` for unreadable files and folders without motions.
    """

    def __init__(self, paths: Sequence[Path | str] = (), sampled: float = 0.3) -> None:
        if not 0 <= sampled <= 1:
            raise ValueError(f"sampled must be a share from 0 to 1, got {sampled}")
        self.clips = tuple(clip for path in paths for file in motion_files(Path(path)) for clip in _clips(file))
        self.sampled = sampled if self.clips else 1.0

    @property
    def duration_s(self) -> float:
        """Length of all motions together."""
        return sum(clip.duration_s for clip in self.clips)

    def pair(self, rng: np.random.Generator, frames: int = 1, step_s: float = 1 / 30) -> PosePair:
        """A source pose and `frames` consecutive target poses."""
        return PosePair(self.source(rng), self.sequence(rng, frames, step_s))

    def source(self, rng: np.random.Generator) -> np.ndarray:
        """[24, 3, 3] as people are photographed: 80 % within 40° of frontal, others up to 110°; arms varied, mostly standing."""
        if self.clips and rng.random() < 0.25:
            clip = self._clip(rng, 0.0)
            pose = clip.rotations[rng.integers(len(clip.rotations))]
            pose = mirrored(pose) if rng.random() < 0.5 else pose
        else:
            pose = photo_pose(rng)
        if rng.random() < 0.8:
            yaw_deg = rng.triangular(-FRONTAL_DEG, 0, FRONTAL_DEG)
        else:
            yaw_deg = rng.choice([-1, 1]) * rng.uniform(FRONTAL_DEG, 110)
        return _placed(rng, pose[None], float(yaw_deg))[0]

    def sequence(self, rng: np.random.Generator, frames: int, step_s: float = 1 / 30) -> np.ndarray:
        """[frames, 24, 3, 3] consecutive poses, `step_s` apart: a stretch of a motion, or a sampled pose that moves a little.

        The body is turned as a whole: 60 % to any side, else within 40° of frontal, and pitched and rolled by a few degrees.
        Raises ValueError for no frames or a step that isn't positive.
        """
        if frames < 1 or not step_s > 0:
            raise ValueError(f"frames must be at least 1 and step_s above 0, got {frames} and {step_s}")
        length_s = (frames - 1) * step_s
        possible = any(clip.duration_s >= length_s for clip in self.clips)
        if possible and rng.random() >= self.sampled:
            motion = self._stretch(rng, frames, step_s)
        else:
            motion = _drifting(rng, frames, step_s)
        anywhere = rng.random() < 0.6
        yaw_deg = rng.uniform(-180, 180) if anywhere else rng.triangular(-FRONTAL_DEG, 0, FRONTAL_DEG)
        return _placed(rng, motion, float(yaw_deg))

    def _clip(self, rng: np.random.Generator, length_s: float) -> Clip:
        """A clip that is long enough; longer ones come more often."""
        fitting = [clip for clip in self.clips if clip.duration_s >= length_s]
        weights = np.sqrt([clip.duration_s for clip in fitting])
        return fitting[rng.choice(len(fitting), p=weights / weights.sum())]

    def _stretch(self, rng: np.random.Generator, frames: int, step_s: float) -> np.ndarray:
        clip = self._clip(rng, (frames - 1) * step_s)
        length_s = (frames - 1) * step_s
        pace = min(float(np.exp(rng.normal(0, 0.2))), clip.duration_s / length_s if length_s else np.inf)
        start_s = rng.uniform(0, max(clip.duration_s - pace * length_s, 0))
        motion = resampled(clip, start_s + pace * step_s * np.arange(frames))
        return mirrored(motion) if rng.random() < 0.5 else motion


def resampled(clip: Clip, times_s: np.ndarray) -> np.ndarray:
    """Rotations [T, 24, 3, 3] of a clip at times [T], along geodesics between its frames; clamped at its ends."""
    at = np.clip(times_s * clip.fps, 0, len(clip.rotations) - 1)
    first = np.minimum(at.astype(int), max(len(clip.rotations) - 2, 0))
    a, b = clip.rotations[first], clip.rotations[np.minimum(first + 1, len(clip.rotations) - 1)]
    share = (at - first)[:, None, None]
    return so3.exp(share * so3.log(b @ a.swapaxes(-1, -2))) @ a


def motion_files(path: Path) -> list[Path]:
    """The motion files of a folder (by name), or the file itself. Raises `BadInput` where there is none."""
    path = check_input(path, "motion file", folder_ok=True)
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise BadInput(f"The folder {shown(path)} holds no motions; put .npz files of `motionimit fit` or .bvh files there.")
    return files


def _read(path: Path) -> Motion:
    if path.suffix.lower() == ".bvh":
        from ..body.bvh import read_bvh

        return read_bvh(path)
    return read_motion(path)


def _clips(path: Path) -> list[Clip]:
    """The stretches of a file between jumps; those too short to show a movement are left out."""
    motion = _read(path)
    rotations, fps = motion.params.rotations.double().numpy(), float(motion.fps)
    turn_deg = np.rad2deg(np.linalg.norm(so3.log(rotations[1:, 0] @ rotations[:-1, 0].swapaxes(-1, -2)), axis=-1))
    cuts = 1 + np.flatnonzero(turn_deg > JUMP_DEG)
    pieces = [Clip(path.stem, piece, fps) for piece in np.split(rotations, cuts)]
    kept = [clip for clip in pieces if clip.duration_s >= SHORTEST_S]
    if not kept:
        raise BadInput(f"The motion file {shown(path)} has no {SHORTEST_S} s without a jump; choose a longer motion.")
    return kept


def _drifting(rng: np.random.Generator, frames: int, step_s: float) -> np.ndarray:
    """[T, 24, 3, 3]: a sampled pose on its way towards another one, in joint angles, so that limits hold throughout."""
    here, there = sample_angles(rng), sample_angles(rng)
    speed = rng.uniform(*STATIC_SPEED)
    share = np.minimum(speed * step_s * np.arange(frames), 1.0)
    return np.stack([pose_of_angles(here + s * (there - here)) for s in share])


def _placed(rng: np.random.Generator, motion: np.ndarray, yaw_deg: float) -> np.ndarray:
    """Turn a motion [T, 24, 3, 3] as a whole: its middle frame faces `yaw_deg` (0 = the camera), pitched and rolled a little."""
    out = motion.copy()
    front = motion[len(motion) // 2, 0, :, 2]
    turn = np.deg2rad(yaw_deg) - np.arctan2(front[0], front[2])
    pitch, roll = np.deg2rad(np.clip(rng.normal(0, (4.0, 1.5)), (-12, -4), (12, 4)))
    tilt = so3.exp(np.array([pitch, 0, 0])) @ so3.exp(np.array([0, 0, roll]))
    out[:, 0] = tilt @ so3.exp(np.array([0, turn, 0])) @ motion[:, 0]
    return out
