"""What all jobs' settings have in common."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, Literal, get_args

from ..errors import BadUsage
from ..values import (
    check_choice,
    check_device,
    check_seed,
    check_size,
    check_steps,
    check_suffix,
    check_weights,
    parse_color,
)

GeneratorName = Literal["auto", "warp", "attlwb"]
StillGeneratorName = Literal["pg2", "pg2-small", "rsa"]
BackgroundKind = Literal["source", "driving", "color", "file"]

GENERATORS: tuple[str, ...] = get_args(GeneratorName)
STILL_GENERATORS: tuple[str, ...] = get_args(StillGeneratorName)  # they paint one picture from a photo, without the avatar
DEFAULT_GENERATOR: GeneratorName = "warp"
MAX_PHOTOS = 8

OPAQUE_SUFFIXES = (".mp4", ".m4v", ".mkv")
ALPHA_SUFFIXES = (".mov", ".webm", ".gif", ".png")  # .png: one frame, or numbered ones where the name has %05d
MOTION_SUFFIXES = (".npz", ".bvh")  # drivers without pictures
AVATAR_SUFFIX = ".avatar"
FILM_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg")  # a source with one is a film
FOLDER_SUFFIX = ""  # a path without a suffix is a folder of PNG files
OUTPUT_SUFFIXES = (*OPAQUE_SUFFIXES, *ALPHA_SUFFIXES, FOLDER_SUFFIX)


class Reported:
    """What every job's settings can say of themselves."""

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
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return value if isinstance(value, str | int | float | None) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering(Reported):
    """A job that draws the person of `sources`. Subclasses call `Rendering.__post_init__` first."""

    generators: ClassVar[tuple[str, ...]] = GENERATORS
    output_suffixes: ClassVar[tuple[str, ...]] = OUTPUT_SUFFIXES

    sources: tuple[Path, ...]  # 1..8 photos of one person, or one short film of them, or one .avatar
    output: Path
    size_px: int = 512  # long side of the output, 256..1024; the aspect is the photo's
    background: str = "source"  # 'source', 'driving', a colour (see `parse_color`) or the path of a picture
    alpha: bool = False
    seed: int = 0
    device: str = "auto"  # 'auto', 'cpu', 'cuda' or 'cuda:N'
    body: Path | None = None
    generator: GeneratorName | StillGeneratorName = DEFAULT_GENERATOR  # 'auto' takes 'attlwb' where its weights are there
    weights: Path | None = None  # of the generator: the user's own, or personal ones; None takes those that came with the package
    personalize: int | None = None  # fine-tune the generator on the photo for this many steps first

    def __post_init__(self) -> None:
        check_sources(self.sources)
        check_size(self.size_px)
        check_choice("--generator", self.generator, self.generators)
        check_seed(self.seed)
        check_device(self.device)
        if self.background.startswith("#") and parse_color(self.background) is None:
            raise BadUsage(f"--background colours look like #rrggbb, got '{self.background}'.")
        check_suffix("--output", self.output, self.output_suffixes)
        self._check_alpha()
        self._check_generator()

    def _check_alpha(self) -> None:
        if not self.alpha:
            return
        if self.background != "source":
            raise BadUsage("--alpha leaves the background out, so it can't be combined with --background; leave one of them out.")
        if self.output.suffix.lower() not in (*ALPHA_SUFFIXES, FOLDER_SUFFIX):
            raise BadUsage(
                f"--alpha needs an output ending in .mov or .webm, or a folder for PNG files, got '{self.output.name}'."
            )

    def _check_generator(self) -> None:
        if self.personalize is not None:
            check_steps("--personalize", self.personalize)
            if self.sources[0].suffix.lower() == AVATAR_SUFFIX:
                raise BadUsage("--personalize needs the photos; give them, or use 'motionimit personalize' and --weights.")
        if self.generator == "warp" and (self.weights is not None or self.personalize is not None):
            raise BadUsage("--weights and --personalize are for the learned generator; add --generator attlwb.")

    @property
    def is_picture(self) -> bool:
        """Whether the output is a single .png."""
        return self.output.suffix.lower() == ".png" and "%" not in self.output.name

    @property
    def background_kind(self) -> BackgroundKind:
        if self.background == "source" or self.background == "driving":
            return "source" if self.background == "source" else "driving"
        return "color" if parse_color(self.background) else "file"

    @property
    def background_path(self) -> Path | None:
        return Path(self.background) if self.background_kind == "file" else None

    @property
    def driver_paths(self) -> tuple[Path, ...]:
        """Inputs besides those that every rendering has."""
        return ()

    @property
    def input_paths(self) -> tuple[Path, ...]:
        extra = (p for p in (self.background_path, self.body, self.weights) if p is not None)
        return (*self.sources, *self.driver_paths, *extra)

    def check_paths(self) -> None:
        """Fail before any work: inputs are there, the output's folder is writable. Raises `BadInput`."""
        from ..media.output import check_output
        from ..media.paths import check_input

        check_source_files(self.sources)
        if self.background_path is not None:
            check_input(self.background_path, "background picture (no known colour has that name)")
        check_weights(self.weights)
        check_output(self.output, self.alpha, inputs=self.input_paths)


def is_film(path: Path) -> bool:
    """Whether a source is a film of the person, told by its name."""
    return path.suffix.lower() in FILM_SUFFIXES


def check_sources(sources: tuple[Path, ...]) -> None:
    """1..8 photos, or one film or one .avatar alone. Raises `BadUsage`."""
    if not 1 <= len(sources) <= MAX_PHOTOS:
        raise BadUsage(f"Give 1 to {MAX_PHOTOS} photos of the person, got {len(sources)}.")
    if len(sources) == 1:
        return
    for number, path in enumerate(sources):
        if path in sources[:number]:
            raise BadUsage(f"The source '{path}' is given twice; give it once.")
        if path.suffix.lower() == AVATAR_SUFFIX or is_film(path):
            kind = "an avatar" if path.suffix.lower() == AVATAR_SUFFIX else "a film of the person"
            raise BadUsage(f"'{path.name}' is {kind} and must be the only source; leave the others out.")


def check_source_files(sources: tuple[Path, ...]) -> None:
    """The sources are there and can be opened. Raises `BadInput`."""
    from ..media.paths import check_input

    for path in sources:
        check_input(path, "avatar" if path.suffix.lower() == AVATAR_SUFFIX else "film" if is_film(path) else "photo")
