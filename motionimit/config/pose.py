"""What `pose` is asked for, and how its target is named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

from ..errors import BadUsage
from ..values import check_choice, check_distinct, parse_person
from .common import (
    FILM_SUFFIXES,
    FOLDER_SUFFIX,
    GENERATORS,
    MOTION_SUFFIXES,
    STILL_GENERATORS,
    BackgroundKind,
    Rendering,
)

TargetKind = Literal["picture", "landmarks", "motion", "clip"]
StillCamera = Literal["source", "smooth", "copy"]

POSE_GENERATORS: tuple[str, ...] = (*GENERATORS, *STILL_GENERATORS)
STILL_CAMERAS: tuple[str, ...] = get_args(StillCamera)
STILL_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
LANDMARK_SUFFIX = ".json"
CLIP_SUFFIXES = (*FILM_SUFFIXES, ".gif", FOLDER_SUFFIX)
_MOMENT_OF = re.compile(r"(.+):(?:(\d{1,9})|(\d{1,6}(?:\.\d{0,9})?|\.\d{1,9})s)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class TargetName:
    """Which file shows the pose, and where in it; a moment that is not given is frame 0."""

    kind: TargetKind
    path: Path
    frame: int = 0
    time_s: float | None = None  # instead of the frame

    @property
    def has_picture(self) -> bool:
        return self.kind in ("picture", "clip")


def parse_target(text: str | Path) -> TargetName:
    """``FILE``, ``FILE:FRAME`` (from 0) or ``FILE:SECONDSs`` (``dance.mp4:2.5s``) → what is meant. Raises `BadUsage`.

    The suffix tells photos (all that are no other kind), landmark files (.json), motion files and clips apart.
    """
    match = _MOMENT_OF.fullmatch(str(text))
    path = Path(match[1]) if match else Path(text)
    suffix = path.suffix.lower()
    kind: TargetKind = "picture"
    if suffix == LANDMARK_SUFFIX:
        kind = "landmarks"
    elif suffix in MOTION_SUFFIXES:
        kind = "motion"
    elif suffix in CLIP_SUFFIXES:
        kind = "clip"
    if match is None:
        return TargetName(kind, path)
    if kind not in ("motion", "clip"):
        raise BadUsage(f"'{path.name}' shows one pose only, so it has no moment '{str(text)[len(match[1]) :]}'; leave that out.")
    return TargetName(kind, path, int(match[2] or 0), None if match[3] is None else float(match[3]))


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseSettings(Rendering):
    """A still: the person of `sources` in the pose of `target`. Raises `BadUsage` as `TransferSettings`."""

    generators: ClassVar[tuple[str, ...]] = POSE_GENERATORS
    output_suffixes: ClassVar[tuple[str, ...]] = STILL_SUFFIXES

    target: str | Path  # as `parse_target` takes it
    camera: StillCamera = "source"
    person: int | str | None = None  # of the target, as `values.parse_person` takes it; None: the largest
    side_by_side: bool = False  # photo | target | result

    def __post_init__(self) -> None:
        Rendering.__post_init__(self)
        check_choice("--camera", self.camera, STILL_CAMERAS)
        parse_person(self.person)
        name = self.target_name
        if self.alpha and self.side_by_side:
            raise BadUsage("--alpha and --side-by-side can't be combined; leave one of them out.")
        if self.background == "driving":
            raise BadUsage("pose has no driving video; write --background target for the target's own.")
        if not name.has_picture and (self.side_by_side or self.background == "target"):
            raise BadUsage(f"'{name.path.name}' has no picture to show; leave --side-by-side and --background target out.")
        if self.by_network and (self.alpha or self.background != "source" or self.personalize is not None):
            raise BadUsage(
                f"--generator {self.generator} paints the whole picture; leave --alpha, --background and --personalize out."
            )
        check_distinct(self.output_paths, self.input_paths)

    def _check_alpha(self) -> None:
        if not self.alpha:
            return
        if self.background != "source":
            raise BadUsage("--alpha leaves the background out, so it can't be combined with --background; leave one of them out.")
        if self.output.suffix.lower() not in (".png", ".webp"):
            raise BadUsage(f"--alpha needs an output ending in .png or .webp, got '{self.output.name}'.")

    @property
    def target_name(self) -> TargetName:
        return parse_target(self.target)

    @property
    def by_network(self) -> bool:
        """Whether a network paints the still from the photo alone, without the avatar."""
        return self.generator in STILL_GENERATORS

    @property
    def background_kind(self) -> BackgroundKind:
        """'driving' is the target's."""
        return "driving" if self.background == "target" else super(PoseSettings, self).background_kind

    @property
    def driver_paths(self) -> tuple[Path, ...]:
        return (self.target_name.path,)

    def check_paths(self) -> None:
        """Fail before any work: inputs are there, the output's folder is writable. Raises `BadInput`."""
        from ..media.paths import check_input

        Rendering.check_paths(self)
        name = self.target_name
        kinds = {"picture": "target", "landmarks": "landmark file", "motion": "motion file", "clip": "target clip"}
        check_input(name.path, kinds[name.kind], folder_ok=name.path.suffix == FOLDER_SUFFIX)
