"""What `view` is asked for, and the views and freezes that `transfer` may be asked for."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import BadUsage
from ..values import check_distinct
from .common import MOTION_SUFFIXES, Rendering

PoseKind = Literal["source", "a", "t", "file"]

TURN_RANGE_DEG = (-720.0, 720.0)
ELEVATION_RANGE_DEG = (-30.0, 60.0)
VIEW_RANGE_DEG = (-360.0, 360.0)
MAX_VIEWS = 8
MAX_VIEW_FRAMES = 10_000
DEFAULT_VIEW_FRAMES, DEFAULT_VIEW_FPS = 120, 30.0
FPS_RANGE = (1.0, 240.0)
BULLET_RANGE_S = (0.2, 60.0)

_BULLET = re.compile(r"(\d{1,9}):(\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_FRAME_OF = re.compile(r"(.+):(\d{1,9})", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Bullet:
    """A moment at which the motion stands still while the camera goes once round the person."""

    frame: int  # of the driver, from 0
    seconds: float

    def __str__(self) -> str:
        return f"{self.frame}:{self.seconds:g}"


def parse_views(text: str) -> tuple[float, ...]:
    """``0,45,180`` → yaw angles in degrees. Raises `BadUsage`."""
    try:
        views = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise BadUsage(f"--views must be angles in degrees with commas between, such as 0,45,180, got '{text}'.") from None
    check_views(views)
    return views


def check_views(views: tuple[float, ...]) -> None:
    """Raises `BadUsage` for too many views or one outside -360..360 (NaN too)."""
    if not 1 <= len(views) <= MAX_VIEWS:
        raise BadUsage(f"--views takes 1 to {MAX_VIEWS} angles, got {len(views)}.")
    for view in views:
        _check_range("--views", "degrees", view, VIEW_RANGE_DEG)


def parse_bullet(text: str) -> Bullet:
    """``FRAME:SECONDS`` → `Bullet`. Raises `BadUsage`."""
    match = _BULLET.fullmatch(text)
    if not match:
        raise BadUsage(f"--bullet must be FRAME:SECONDS, such as 48:2 for two seconds at frame 48, got '{text}'.")
    bullet = Bullet(int(match[1]), float(match[2]))
    check_bullet(bullet)
    return bullet


def check_bullet(bullet: Bullet) -> None:
    """Raises `BadUsage` for a negative frame or a spin outside 0.2..60 s."""
    if bullet.frame < 0:
        raise BadUsage(f"--bullet counts frames from 0, got {bullet.frame}.")
    _check_range("--bullet", "seconds", bullet.seconds, BULLET_RANGE_S)


def parse_pose(text: str) -> tuple[PoseKind, Path | None, int]:
    """``source``, ``a``, ``t`` or ``FILE[:FRAME]`` → kind, file, frame (from 0). Raises `BadUsage`."""
    if text in ("source", "a", "t"):
        return text, None, 0  # type: ignore[return-value]  # a literal by now
    match = _FRAME_OF.fullmatch(text)
    path, frame = (Path(match[1]), int(match[2])) if match else (Path(text), 0)
    if path.suffix.lower() not in MOTION_SUFFIXES:
        known = " or ".join(MOTION_SUFFIXES)
        raise BadUsage(f"--pose must be source, a, t or a motion file ending in {known} (and :FRAME), got '{text}'.")
    return "file", path, frame


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSettings(Rendering):
    """The person of `sources` from other sides: a turn, part of one, or one view. Raises `BadUsage` as `TransferSettings`."""

    turn_deg: float = 360.0  # positive: the person turns towards the right of the picture; of a single picture, its view
    elevation_deg: float = 0.0  # how much higher than in the photo the camera is, -30..60
    pose: str = "source"  # 'source', 'a', 't', or FILE[:FRAME] of a motion file
    frames: int | None = None  # None: 120, or one for a .png
    fps: float = DEFAULT_VIEW_FPS

    def __post_init__(self) -> None:
        Rendering.__post_init__(self)
        _check_range("--turn", "degrees", self.turn_deg, TURN_RANGE_DEG)
        _check_range("--elevation", "degrees", self.elevation_deg, ELEVATION_RANGE_DEG)
        _check_range("--fps", "frames per second", self.fps, FPS_RANGE)
        if self.frames is not None and not 1 <= self.frames <= MAX_VIEW_FRAMES:
            raise BadUsage(f"--frames must be between 1 and {MAX_VIEW_FRAMES}, got {self.frames}.")
        if self.is_picture and self.frames not in (None, 1):
            raise BadUsage(f"'{self.output.name}' holds one picture, not {self.frames}; leave --frames out, or name a video.")
        if self.background == "driving":
            raise BadUsage("view has no driving video; choose another --background.")
        parse_pose(self.pose)
        check_distinct(self.output_paths, self.input_paths)

    @property
    def frame_count(self) -> int:
        return self.frames or (1 if self.is_picture else DEFAULT_VIEW_FRAMES)

    @property
    def driver_paths(self) -> tuple[Path, ...]:
        path = parse_pose(self.pose)[1]
        return () if path is None else (path,)

    def check_paths(self) -> None:
        """Fail before any work: inputs are there, the output's folder is writable. Raises `BadInput`."""
        from ..media.paths import check_input

        Rendering.check_paths(self)
        for path in self.driver_paths:
            check_input(path, "motion file of --pose")


def _check_range(option: str, unit: str, value: float, allowed: tuple[float, float]) -> None:
    low, high = allowed
    if not (math.isfinite(value) and low <= value <= high):
        raise BadUsage(f"{option} must be between {low:g} and {high:g} {unit}, got {value:g}.")
