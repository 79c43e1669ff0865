"""The structures that pass between stages. Tensor fields state shape, range and unit; axes are checked across fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from torch import Tensor

from .checks import check_shape
from .geometry.camera import Camera

LANDMARKS = 33  # the BlazePose topology that MediaPipe returns
JOINTS = 24  # the SMPL kinematic tree
BETAS = 10

Progress = Callable[[str, int, int | None], None]
"""`progress(stage, done, total)`; total is None where it can't be known beforehand."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a container says of its video, after rotation metadata has been applied to the size."""

    path: Path
    size_px: tuple[int, int]  # (width, height) as shown
    fps: Fraction
    frames: int | None  # None where the container doesn't say
    duration_s: float | None
    has_audio: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame. uint8 in HWC order, because decoders, encoders and MediaPipe want exactly this."""

    index: int
    time_s: float  # from the first frame that was asked for
    rgb: np.ndarray  # [H, W, 3] uint8


@dataclass(frozen=True, slots=True)
class Photo:
    """A still, upright, with its own alpha as matte where the file has one."""

    path: Path
    rgb: np.ndarray  # [H, W, 3] uint8
    matte: np.ndarray | None  # [H, W] float32, 0..1; None where the file has no (useful) alpha
    sha256: str  # of the file's bytes: binds personal weights and avatars to their photos


@dataclass(frozen=True, slots=True)
class PersonTrack:
    """One person followed through a clip (or a photo, T = 1)."""

    size_px: tuple[int, int]  # (width, height) of the frames
    fps: Fraction
    box_xyxy_px: Tensor  # [T, 4] float32
    joints_px: Tensor  # [T, 33, 2] float32, pixel centres at +0.5
    joints_m: Tensor  # [T, 33, 3] float32: x right, y up, z towards the camera, origin between the hips
    confidence: Tensor  # [T, 33] float32, 0..1; 0 in bridged frames
    valid: Tensor  # [T] bool: the detector saw the person in this frame
    cuts: tuple[int, ...]  # indices of frames that begin a new shot; nothing is smoothed across them
    mask_frames: tuple[int, ...]  # frames whose mask was kept (all of a photo, a sample of a long clip)
    masks: Tensor  # [M, 1, h, w] float32, 0..1, whole frame, at most 256 px on the long side for clips, full size for photos
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        axes = check_shape("box_xyxy_px", self.box_xyxy_px, ("T", 4))
        check_shape("joints_px", self.joints_px, ("T", LANDMARKS, 2), axes)
        check_shape("joints_m", self.joints_m, ("T", LANDMARKS, 3), axes)
        check_shape("confidence", self.confidence, ("T", LANDMARKS), axes)
        check_shape("valid", self.valid, ("T",), axes)
        check_shape("masks", self.masks, (len(self.mask_frames), 1, "h", "w"))


@dataclass(frozen=True, slots=True)
class BodyParams:
    """One shape per person, one pose per frame, in the camera-aligned world of `geometry.camera`."""

    rotations: Tensor  # [T, 24, 3, 3]; joint 0 is global_orient
    betas: Tensor  # [10]
    translation_m: Tensor  # [T, 3], added after posing (as smplx's transl)
    camera: Camera

    def __post_init__(self) -> None:
        axes = check_shape("rotations", self.rotations, ("T", JOINTS, 3, 3))
        check_shape("betas", self.betas, (BETAS,))
        check_shape("translation_m", self.translation_m, ("T", 3), axes)

    def at(self, frame: int, width: int, height: int) -> BodyParams:
        """One frame alone (T = 1), seen in an image of another size."""
        one = slice(frame, frame + 1)
        return BodyParams(self.rotations[one], self.betas, self.translation_m[one], self.camera.resized(width, height))


@dataclass(frozen=True, slots=True)
class BodyMesh:
    vertices_m: Tensor  # [T, V, 3]
    joints_m: Tensor  # [T, 24, 3]
    faces: Tensor  # [F, 3] int64

    def __post_init__(self) -> None:
        axes = check_shape("vertices_m", self.vertices_m, ("T", "V", 3))
        check_shape("joints_m", self.joints_m, ("T", JOINTS, 3), axes)
        check_shape("faces", self.faces, ("F", 3))


@dataclass(frozen=True, slots=True)
class FitQuality:
    reprojection_pct_mean: float  # of person height, over frames and landmarks with confidence > 0.5
    reprojection_pct_p95: float
    mask_iou: float | None  # bare body against the detector's mask; None where no mask was kept
    jitter_mm: float  # mean 3D joint acceleration per frame², root included
    warnings: tuple[str, ...] = ()  # what a user should know, e.g. that legs are outside the picture


@dataclass(slots=True)
class RunReport:
    """What happened, for the summary table and `--report`. Filled by the pipeline while it runs."""

    frames: int = 0
    fps: Fraction = Fraction(0)
    size: tuple[int, int] = (0, 0)
    wall_s: float = 0.0
    source_s: float = 0.0
    driver_s: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    peak_rss_mb: float = 0.0
    fit: FitQuality | None = None
    generator: dict[str, object] | None = None  # name, weights, their SHA-256, personalisation; None where nothing was generated
    warnings: list[str] = field(default_factory=list)
    settings: dict[str, object] = field(default_factory=dict)
    output: Path | None = None
