"""What a user asks for: one frozen dataclass per job, checked once, here, in the user's own terms."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from .errors import BadInput, BadUsage

CameraMode = Literal["smooth", "source", "copy"]
GeneratorName = Literal["warp"]
BackgroundKind = Literal["source", "driving", "color", "file"]

CAMERA_MODES: tuple[str, ...] = get_args(CameraMode)
GENERATORS: tuple[str, ...] = get_args(GeneratorName)
SIZE_RANGE_PX = (256, 1024)

OPAQUE_SUFFIXES = (".mp4", ".m4v", ".mkv")
ALPHA_SUFFIXES = (".mov", ".webm", ".gif", ".png")  # .png: one frame, or numbered ones where the name has %05d
MOTION_SUFFIX = ".npz"  # of a driver that `fit` wrote
FOLDER_SUFFIX = ""  # a path without a suffix is a folder of PNG files
OUTPUT_SUFFIXES = (*OPAQUE_SUFFIXES, *ALPHA_SUFFIXES, FOLDER_SUFFIX)

NAMED_COLORS = {
    "black": (0, 0, 0), "white": (255, 255, 255), "gray": (128, 128, 128), "grey": (128, 128, 128),
    "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "magenta": (255, 0, 255),
}  # fmt: skip

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")
_HEX_COLOR = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


def parse_color(text: str) -> tuple[int, int, int] | None:
    """``#rgb``, ``#rrggbb`` or one of `NAMED_COLORS` → (r, g, b) in 0..255; None for anything else."""
    if text.lower() in NAMED_COLORS:
        return NAMED_COLORS[text.lower()]
    if not _HEX_COLOR.fullmatch(text):
        return None
    digits = text[1:] if len(text) == 7 else "".join(2 * d for d in text[1:])
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def _check_span(start_s: float, duration_s: float | None, max_frames: int | None, person: int | None) -> None:
    if not 0 <= start_s < float("inf"):
        raise BadUsage(f"--start must be 0 seconds or more, got {start_s:g}.")
    if duration_s is not None and not 0 < duration_s < float("inf"):
        raise BadUsage(f"--duration must be more than 0 seconds, got {duration_s:g}.")
    if max_frames is not None and max_frames < 1:
        raise BadUsage(f"--max-frames must be 1 or more, got {max_frames}.")
    if person is not None and person < 1:
        raise BadUsage(f"--person counts from 1, left to right, got {person}.")


def _check_device(device: str) -> None:
    if not _DEVICE.fullmatch(device):
        raise BadUsage(f"--device must be auto, cpu, cuda or cuda:N, got '{device}'.")


def _check_choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BadUsage(f"{option} must be one of {', '.join(allowed)}, got '{value}'.")


def _check_suffix(option: str, path: Path, allowed: tuple[str, ...]) -> None:
    if path.suffix.lower() not in allowed:
        names = ", ".join(s or "a folder name (for PNG files)" for s in allowed)
        raise BadUsage(f"{option} must end in {names}, got '{path.name}'.")


def check_distinct(outputs: dict[str, Path | None], inputs: tuple[Path, ...]) -> None:
    """No output may be one of the inputs or another output. Raises `BadUsage` with the option's name."""
    taken = {path.resolve(): f"the input '{path}'" for path in inputs}
    for option, path in outputs.items():
        if path is None:
            continue
        if path.resolve() in taken:
            raise BadUsage(f"{option} '{path}' is also {taken[path.resolve()]}; give it another name.")
        taken[path.resolve()] = option


def check_file_output(path: Path, option: str) -> None:
    """Check that the file `path` can be written, before any work; leaves nothing behind. Raises `BadInput`."""
    from .media.paths import check_folder_writable

    if path.is_dir():
        raise BadInput(f"{option} '{path}' is a folder; give the name of a file.")
    check_folder_writable(path.parent, path)


def _as_report(settings: TransferSettings | FitRequest) -> dict[str, object]:
    def plain(value: object) -> object:
        if isinstance(value, tuple):
            return [plain(v) for v in value]
        return str(value) if isinstance(value, Path) else value

    return {f.name: plain(getattr(settings, f.name)) for f in fields(settings)}


@dataclass(frozen=True, slots=True)
class TransferSettings:
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
    generator: GeneratorName = "warp"

    def __post_init__(self) -> None:
        if len(self.sources) != 1:
            raise BadUsage(f"transfer takes exactly one photo before the driver in this version, got {len(self.sources)}.")
        low, high = SIZE_RANGE_PX
        if not low <= self.size_px <= high:
            raise BadUsage(f"--size must be between {low} and {high} pixels (the output's long side), got {self.size_px}.")
        _check_choice("--camera", self.camera, CAMERA_MODES)
        _check_choice("--generator", self.generator, GENERATORS)
        _check_span(self.start_s, self.duration_s, self.max_frames, self.person)
        if not 0 <= self.seed < 2**31:
            raise BadUsage(f"--seed must be between 0 and {2**31 - 1}, got {self.seed}.")
        _check_device(self.device)
        if self.background.startswith("#") and parse_color(self.background) is None:
            raise BadUsage(f"--background colours look like #rrggbb, got '{self.background}'.")
        _check_suffix("--output", self.output, OUTPUT_SUFFIXES)
        self._check_alpha()
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
        extra = (p for p in (self.background_path, self.body) if p is not None)
        return (*self.sources, self.driving, *extra)

    @property
    def output_paths(self) -> dict[str, Path | None]:
        """Option → path of what is written."""
        return {"--output": self.output}

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
        check_output(self.output, self.alpha, inputs=self.input_paths)

    def as_report(self) -> dict[str, object]:
        """The settings as plain JSON values, paths as strings."""
        return _as_report(self)


@dataclass(frozen=True, slots=True)
class FitRequest:
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
        _check_span(self.start_s, self.duration_s, self.max_frames, self.person)
        _check_device(self.device)
        _check_suffix("--output", self.output, (".npz",))
        if self.overlay is not None:
            _check_suffix("--overlay", self.overlay, OUTPUT_SUFFIXES)
        if self.mesh is not None:
            _check_suffix("--mesh", self.mesh, (".glb",))
        check_distinct(self.output_paths, self.input_paths)

    @property
    def input_paths(self) -> tuple[Path, ...]:
        return (self.input,) if self.body is None else (self.input, self.body)

    @property
    def output_paths(self) -> dict[str, Path | None]:
        """Option → path of what is written; None for what wasn't asked for."""
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

    def as_report(self) -> dict[str, object]:
        """The request as plain JSON values, paths as strings."""
        return _as_report(self)
