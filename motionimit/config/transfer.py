"""What `transfer` is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ..errors import BadUsage
from ..values import check_choice, check_distinct, check_span
from .common import MOTION_SUFFIXES, Rendering
from .view import Bullet, check_bullet, check_views

CameraMode = Literal["smooth", "source", "copy"]
CAMERA_MODES: tuple[str, ...] = get_args(CameraMode)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSettings(Rendering):
    """Motion imitation: the person of `sources` moves as the person of `driving` does.

    Raises `BadUsage` for a value outside its range or for options that contradict each other; files are looked at by
    `check_paths` only.
    """

    driving: Path
    camera: CameraMode = "smooth"
    start_s: float = 0.0
    duration_s: float | None = None
    max_frames: int | None = None
    person: int | str | None = None  # as `values.parse_person` takes it; None: the largest
    side_by_side: bool = False  # photo | driver | result
    sound: Path | None = None  # a file whose sound goes with the result; None: the driver
    views: tuple[float, ...] = ()  # yaw angles in degrees, side by side; none: the photo's own view
    bullet: Bullet | None = None  # a moment that stands still while the camera goes round

    def __post_init__(self) -> None:
        Rendering.__post_init__(self)
        check_choice("--camera", self.camera, CAMERA_MODES)
        check_span(self.start_s, self.duration_s, self.max_frames, self.person)
        if self.views:
            check_views(self.views)
        if self.bullet is not None:
            check_bullet(self.bullet)
        if self.views and self.side_by_side:
            raise BadUsage("--views and --side-by-side can't be combined; leave one of them out.")
        if self.alpha and self.side_by_side:
            raise BadUsage("--alpha and --side-by-side can't be combined; leave one of them out.")
        if self.driven_by_motion_file and (self.side_by_side or self.background == "driving"):
            raise BadUsage(f"'{self.driving.name}' has no pictures to show; leave --side-by-side and --background driving out.")
        check_distinct(self.output_paths, self.input_paths)

    @property
    def driven_by_motion_file(self) -> bool:
        return self.driving.suffix.lower() in MOTION_SUFFIXES

    @property
    def driver_paths(self) -> tuple[Path, ...]:
        return (self.driving,) if self.sound is None else (self.driving, self.sound)

    @property
    def sound_path(self) -> Path:
        """Where the result's sound comes from, if there is any in it."""
        return self.driving if self.sound is None else self.sound

    def check_paths(self) -> None:
        """Fail before any work: inputs are there, the output's folder is writable. Raises `BadInput`."""
        from ..media.paths import check_input

        Rendering.check_paths(self)
        kind = "motion file" if self.driven_by_motion_file else "driving video"
        check_input(self.driving, kind, folder_ok=not self.driven_by_motion_file)
        if self.sound is not None:
            check_input(self.sound, "file with the sound")
