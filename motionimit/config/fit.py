"""What `fit` is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..values import check_device, check_distinct, check_file_output, check_span, check_suffix
from .common import MOTION_SUFFIXES, OUTPUT_SUFFIXES, Reported


@dataclass(frozen=True, slots=True)
class FitRequest(Reported):
    """Body recovery alone: a video or photo → a motion, as .npz with SMPL/AMASS keys or as .bvh. Raises as `TransferSettings`."""

    input: Path
    output: Path
    overlay: Path | None = None  # video of the mesh over the input
    mesh: Path | None = None  # .glb
    start_s: float = 0.0
    duration_s: float | None = None
    max_frames: int | None = None
    person: int | str | None = None  # as `values.parse_person` takes it; None: the largest
    body: Path | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        check_span(self.start_s, self.duration_s, self.max_frames, self.person)
        check_device(self.device)
        check_suffix("--output", self.output, MOTION_SUFFIXES)
        if self.overlay is not None:
            check_suffix("--overlay", self.overlay, OUTPUT_SUFFIXES)
        if self.mesh is not None:
            check_suffix("--mesh", self.mesh, (".glb",))
        check_distinct(self.output_paths, self.input_paths)

    @property
    def input_paths(self) -> tuple[Path, ...]:
        return (self.input,) if self.body is None else (self.input, self.body)

    @property
    def output_paths(self) -> dict[str, Path | None]:
        return {"--output": self.output, "--overlay": self.overlay, "--mesh": self.mesh}

    def check_paths(self) -> None:
        """Fail before any work: the input is there, every output's folder is writable. Raises `BadInput`."""
        from ..media.output import check_output
        from ..media.paths import check_input

        check_input(self.input, "video or photo", folder_ok=True)
        check_file_output(self.output, "--output")
        if self.overlay is not None:
            check_output(self.overlay, inputs=self.input_paths)
        if self.mesh is not None:
            check_file_output(self.mesh, "--mesh")
