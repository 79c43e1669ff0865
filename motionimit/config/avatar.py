"""What `avatar` is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import BadUsage
from ..values import check_device, check_distinct, check_file_output, check_size, check_suffix
from .common import AVATAR_SUFFIX, MOTION_SUFFIXES, Reported, check_source_files, check_sources

MESH_SUFFIX = ".glb"


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarRequest(Reported):
    """Sources prepared once: photos of one person → a .avatar file, and on request a textured mesh that other programs open.

    Raises `BadUsage` for a value outside its range or for options that contradict each other; files are looked at by
    `check_paths` only.
    """

    sources: tuple[Path, ...]  # 1..8 photos of one person, or one short film of them, or one .avatar
    output: Path
    size_px: int = 512  # long side of the results that it is made for; other sizes can still be drawn
    glb: Path | None = None  # the avatar as a skinned, textured glTF mesh
    motion: Path | None = None  # .npz or .bvh: what the mesh does; without it, it stands as in the first photo
    body: Path | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        check_sources(self.sources)
        check_size(self.size_px)
        check_device(self.device)
        check_suffix("--output", self.output, (AVATAR_SUFFIX,))
        if self.glb is not None:
            check_suffix("--glb", self.glb, (MESH_SUFFIX,))
        if self.motion is not None:
            check_suffix("--motion", self.motion, MOTION_SUFFIXES)
            if self.glb is None:
                raise BadUsage("--motion moves the mesh of --glb; add --glb, or use 'motionimit transfer' for a video.")
        check_distinct(self.output_paths, self.input_paths)

    @property
    def input_paths(self) -> tuple[Path, ...]:
        return (*self.sources, *(p for p in (self.motion, self.body) if p is not None))

    @property
    def output_paths(self) -> dict[str, Path | None]:
        return {"--output": self.output, "--glb": self.glb}

    def check_paths(self) -> None:
        """Fail before any work: inputs are there, every output can be written. Raises `BadInput`."""
        from ..media.paths import check_input

        check_source_files(self.sources)
        if self.motion is not None:
            check_input(self.motion, "motion file")
        check_file_output(self.output, "--output")
        if self.glb is not None:
            check_file_output(self.glb, "--glb")
