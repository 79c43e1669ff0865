"""What a user asks for: one frozen dataclass per job, checked once, here, in the user's own terms."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from .errors import BadUsage
from .values import (
    check_choice,
    check_device,
    check_distinct,
    check_file_output,
    check_seed,
    check_size,
    check_span,
    check_steps,
    check_suffix,
    check_weights,
    parse_color,
)

CameraMode = Literal["smooth", "source", "copy"]
GeneratorName = Literal["auto", "warp", "attlwb"]
BackgroundKind = Literal["source", "driving", "color", "file"]

CAMERA_MODES: tuple[str, ...] = get_args(CameraMode)
GENERATORS: tuple[str, ...] = get_args(GeneratorName)
DEFAULT_GENERATOR: GeneratorName = "warp"
MAX_PHOTOS = 8
PERSONAL_STEPS = 150  # what `personalize` does unless told otherwise: below a minute on two cores
WEIGHTS_SUFFIX = ".safetensors"

OPAQUE_SUFFIXES = (".mp4", ".m4v", ".mkv")
ALPHA_SUFFIXES = (".mov", ".webm", ".gif", ".png")  # .png: one frame, or numbered ones where the name has %05d
MOTION_SUFFIX = ".npz"  # of a driver that `fit` wrote
FOLDER_SUFFIX = ""  # a path without a suffix is a folder of PNG files
OUTPUT_SUFFIXES = (*OPAQUE_SUFFIXES, *ALPHA_SUFFIXES, FOLDER_SUFFIX)


class _Reported:
    __slots__ = ()

    @property
    def output_paths(self) -> dict[str, Path | None]:
        """Option → path of what is written; None for what wasn't asked for."""
        return {"--output": self.output}  # type: ignore[attr-defined]

    def as_report(self) -> dict[str, object]:
        """The fields as plain JSON values, paths as strings."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


@dataclass(frozen=True, slots=True)
class TransferSettings(_Reported):
    """Motion imitation: the person of `sources` moves as the person of `driving` does.

    Raises `BadUsage` for a value outside its range or for options that contradict each other; files are looked at by
    `check_paths` only.
    """

    sources: tuple[Path, ...]  # photos of one person; this version uses exactly one
    driving: Path
    output: Path
    size_px: int = 512  # long side of the output, 256..1024; the aspect is the photo's
    camera: CameraMode = "smooth"
    background: str = "source"  # 'source', 'driving', a colour (see `parse_color`) or the path of a picture
    start_s: float = 0.0
    duration_s: float | None = None
    max_frames: int | None = None
    person: int | None = None  # counted from 1, left to right; None takes the largest person
    side_by_side: bool = False  # photo | driver | result
    alpha: bool = False
    seed: int = 0
    device: str = "auto"  # 'auto', 'cpu', 'cuda' or 'cuda:N'
    body: Path | None = None
    generator: GeneratorName = DEFAULT_GENERATOR  # 'auto' takes 'attlwb' where its weights are there
    weights: Path | None = None  # of the generator: the user's own, or personal ones; None takes those that came with the package
    personalize: int | None = None  # fine-tune the generator on the photo for this many steps first

    def __post_init__(self) -> None:
        if len(self.sources) != 1:
            raise BadUsage(f"transfer takes exactly one photo before the driver in this version, got {len(self.sources)}.")
        check_size(self.size_px)
        check_choice("--camera", self.camera, CAMERA_MODES)
        check_choice("--generator", self.generator, GENERATORS)
        check_span(self.start_s, self.duration_s, self.max_frames, self.person)
        check_seed(self.seed)
        check_device(self.device)
        if self.background.startswith("#") and parse_color(self.background) is None:
            raise BadUsage(f"--background colours look like #rrggbb, got '{self.background}'.")
        check_suffix("--output", self.output, OUTPUT_SUFFIXES)
        self._check_alpha()
        self._check_generator()
        if self.driven_by_motion_file and (self.side_by_side or self.background == "driving"):
            raise BadUsage(f"'{self.driving.name}' has no pictures to show; leave --side-by-side and --background driving out.")
        check_distinct(self.output_paths, self.input_paths)

    def _check_alpha(self) -> None:
        if not self.alpha:
            return
        if self.side_by_side:
            raise BadUsage("--alpha and --side-by-side can't be combined; leave one of them out.")
        if self.background != "source":
            raise BadUsage("--alpha leaves the background out, so it can't be combined with --background; leave one of them out.")
        if self.output.suffix.lower() not in (*ALPHA_SUFFIXES, FOLDER_SUFFIX):
            raise BadUsage(
                f"--alpha needs an output ending in .mov or .webm, or a folder for PNG files, got '{self.output.name}'."
            )

    def _check_generator(self) -> None:
        if self.personalize is not None:
            check_steps("--personalize", self.personalize)
        if self.generator == "warp" and (self.weights is not None or self.personalize is not None):
            raise BadUsage("--weights and --personalize are for the learned generator; add --generator attlwb.")

    @property
    def driven_by_motion_file(self) -> bool:
        return self.driving.suffix.lower() == MOTION_SUFFIX

    @property
    def background_kind(self) -> BackgroundKind:
        if self.background == "source" or self.background == "driving":
            return "source" if self.background == "source" else "driving"
        return "color" if parse_color(self.background) else "file"

    @property
    def background_path(self) -> Path | None:
        return Path(self.background) if self.background_kind == "file" else None

    @property
    def input_paths(self) -> tuple[Path, ...]:
        extra = (p for p in (self.background_path, self.body, self.weights) if p is not None)
        return (*self.sources, self.driving, *extra)

    def check_paths(self) -> None:
        """Fail before any work: inputs are there, the output's folder is writable. Raises `BadInput`."""
        from .media.output import check_output
        from .media.paths import check_input

        for photo in self.sources:
            check_input(photo, "photo")
        kind = "motion file" if self.driven_by_motion_file else "driving video"
        check_input(self.driving, kind, folder_ok=not self.driven_by_motion_file)
        if self.background_path is not None:
            check_input(self.background_path, "background picture (no known colour has that name)")
        check_weights(self.weights)
        check_output(self.output, self.alpha, inputs=self.input_paths)


@dataclass(frozen=True, slots=True)
class FitRequest(_Reported):
    """Body recovery alone: a video or photo → `motion.npz` with SMPL/AMASS keys. Raises `BadUsage` as `TransferSettings` does."""

    input: Path
    output: Path
    overlay: Path | None = None  # video of the mesh over the input
    mesh: Path | None = None  # .glb
    start_s: float = 0.0
    duration_s: float | None = None
    max_frames: int | None = None
    person: int | None = None  # counted from 1, left to right; None takes the largest person
    body: Path | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        check_span(self.start_s, self.duration_s, self.max_frames, self.person)
        check_device(self.device)
        check_suffix("--output", self.output, (".npz",))
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
        from .media.output import check_output
        from .media.paths import check_input

        check_input(self.input, "video or photo", folder_ok=True)
        check_file_output(self.output, "--output")
        if self.overlay is not None:
            check_output(self.overlay, inputs=self.input_paths)
        if self.mesh is not None:
            check_file_output(self.mesh, "--mesh")


@dataclass(frozen=True, slots=True)
class PersonalizeRequest(_Reported):
    """Fine-tune the generator on photos of one person → personal weights. Raises `BadUsage` as `TransferSettings` does."""

    sources: tuple[Path, ...]
    output: Path
    steps: int = PERSONAL_STEPS
    seed: int = 0
    size_px: int = 512  # long side of the results that the weights are for
    weights: Path | None = None  # to start from; None takes those that came with the package
    body: Path | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        if not self.sources:
            raise BadUsage("personalize needs at least one photo.")
        if len(self.sources) > MAX_PHOTOS:
            raise BadUsage(f"personalize takes at most {MAX_PHOTOS} photos, got {len(self.sources)}.")
        check_steps("--steps", self.steps)
        check_seed(self.seed)
        check_size(self.size_px)
        check_device(self.device)
        check_suffix("--output", self.output, (WEIGHTS_SUFFIX,))
        check_distinct(self.output_paths, self.input_paths)

    @property
    def input_paths(self) -> tuple[Path, ...]:
        return (*self.sources, *(p for p in (self.weights, self.body) if p is not None))

    def check_paths(self) -> None:
        """Fail before any work: inputs are there, the output can be written. Raises `BadInput`."""
        from .media.paths import check_input

        for photo in self.sources:
            check_input(photo, "photo")
        check_weights(self.weights)
        check_file_output(self.output, "--output")


Job = TransferSettings | FitRequest | PersonalizeRequest
