"""What `evaluate` and `bench` are asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ..errors import BadInput, BadUsage, MissingModel
from ..values import check_choice, check_device, check_distinct, check_file_output, check_seed, check_size, check_suffix
from .common import MAX_PHOTOS, MOTION_SUFFIXES, Reported, check_source_files, is_film

StillDataset = Literal["pairs", "deepfashion", "market", "iper"]
Missing = Literal["stop", "skip"]

STILL_DATASETS: tuple[str, ...] = get_args(StillDataset)
FILM_DATASETS = ("clips", "iper")
MISSING: tuple[str, ...] = get_args(Missing)
BASELINE = "copy"
FILM_METHODS = (BASELINE, "warp", "attlwb")
STILL_METHODS = (*FILM_METHODS, "pg2-coarse", "pg2", "pg2-small-coarse", "pg2-small", "rsa")
COARSE = "-coarse"  # a method of this ending is stage I of its network
MAX_COMPARED_FRAMES = 1000
MAX_REPEATS = 50

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """One way of making a picture: one of the product's own, or weights under a name of the user's."""

    name: str
    weights: Path | None = None

    def __str__(self) -> str:
        return self.name if self.weights is None else f"{self.name}={self.weights}"


def parse_methods(texts: Sequence[str], known: tuple[str, ...], baseline: str = BASELINE) -> tuple[MethodSpec, ...]:
    """``NAME`` or ``NAME=FILE`` texts → methods in their order, the baseline first unless it is 'none'. Raises `BadUsage`."""
    out = [] if baseline == "none" else [MethodSpec(baseline)]
    for text in texts:
        name, given, path = text.partition("=")
        if not _NAME.fullmatch(name):
            raise BadUsage(f"--method must be NAME or NAME=FILE with a NAME of letters, digits, '-', '_' and '.', got {text!r}.")
        if given and not path:
            raise BadUsage(f"--method {name}= lacks the weight file; write {name}=FILE.safetensors.")
        if not given and name not in known:
            raise BadUsage(
                f"--method must be one of {', '.join(known)}, or NAME=FILE.safetensors for other weights, got '{name}'."
            )
        if given and name in ("copy", "warp"):
            raise BadUsage(f"--method {name} has no weights; leave '={path}' out, or choose another name.")
        method = MethodSpec(name, Path(path) if given else None)
        if method == MethodSpec(BASELINE) and method in out:
            continue
        if name in (m.name for m in out):
            raise BadUsage(f"--method names '{name}' twice; give the second one another name, as NAME=FILE.")
        out.append(method)
    if not out:
        raise BadUsage(f"Nothing to evaluate; add --method NAME, one of {', '.join(known)}.")
    return tuple(out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation(Reported):
    """What all evaluations have in common. Raises `BadUsage`; files are looked at by `check_paths` only."""

    output: Path  # the run's folder
    methods: tuple[MethodSpec, ...]
    size_px: int = 512
    limit: int | None = None  # of pairs or clips
    lpips: Path | None = None  # weights of LPIPS
    inception: Path | None = None  # weights of FID's network
    faces: Path | None = None  # folder of a face recogniser's models
    body: Path | None = None
    device: str = "auto"
    seed: int = 0
    resume: bool = False

    def __post_init__(self) -> None:
        check_size(self.size_px)
        check_device(self.device)
        check_seed(self.seed)
        if self.limit is not None and self.limit < 1:
            raise BadUsage(f"--limit must be 1 or more, got {self.limit}.")
        if not self.methods:
            raise BadUsage("Nothing to evaluate; add --method NAME.")

    def compared(self) -> dict[str, object]:
        """The settings that two runs must share to be one: all but where it is written, and whether it goes on."""
        return {name: value for name, value in self.as_report().items() if name not in ("output", "resume")}

    @property
    def data_paths(self) -> tuple[Path, ...]:
        """What is evaluated on."""
        return ()

    def check_paths(self) -> None:
        """Fail before any work: data and weights are there, the run's folder can be made. Raises `BadInput`, `MissingModel`."""
        from ..media.paths import check_folder_writable, check_input, shown

        for path in self.data_paths:
            check_input(path, "data", folder_ok=True)
        for method in self.methods:
            if method.weights is not None:
                if not method.weights.exists():
                    raise MissingModel(f"The weight file {shown(method.weights)} does not exist; check --method {method.name}.")
                check_input(method.weights, "weight file")
        for option, file in (("LPIPS weights", self.lpips), ("Inception weights", self.inception), ("face models", self.faces)):
            if file is not None:
                check_input(file, option, folder_ok=option == "face models")
        if self.output.exists() and not self.output.is_dir():
            raise BadInput(f"-o {shown(self.output)} is a file; name a folder for the run.")
        check_folder_writable(self.output if self.output.is_dir() else self.output.parent, self.output)


@dataclass(frozen=True, slots=True, kw_only=True)
class StillsEvaluation(Evaluation):
    """Pose-guided stills on pairs of pictures."""

    data: Path
    dataset: StillDataset = "pairs"
    split: str = "test"  # of deepfashion and market
    both_ways: bool = False  # of pairs
    missing: Missing = "stop"
    size_px: int = 256

    def __post_init__(self) -> None:
        Evaluation.__post_init__(self)
        check_choice("--dataset", self.dataset, STILL_DATASETS)
        check_choice("--missing", self.missing, MISSING)
        if self.both_ways and self.dataset != "pairs":
            raise BadUsage("--both-ways is for --dataset pairs; the other datasets say which picture is the source.")

    @property
    def data_paths(self) -> tuple[Path, ...]:
        return (self.data,)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmsEvaluation(Evaluation):
    """Self-imitation (frame 0 of each clip is the photo) or cross-imitation (photos and a driver)."""

    mode: Literal["self", "cross"]
    data: tuple[Path, ...]  # self: clips or one folder; cross: photos and the driver last; iper: its folder
    dataset: Literal["clips", "iper"] = "clips"
    sources: int = 1  # source frames of iper's protocol
    missing: Missing = "stop"
    frames: int = 40  # compared per clip, evenly spread
    max_frames: int | None = None  # of each driver

    def __post_init__(self) -> None:
        Evaluation.__post_init__(self)
        check_choice("--dataset", self.dataset, FILM_DATASETS)
        check_choice("--missing", self.missing, MISSING)
        check_count("--frames", self.frames, MAX_COMPARED_FRAMES)
        check_count("--sources", self.sources, MAX_PHOTOS)
        if self.max_frames is not None:
            check_count("--max-frames", self.max_frames, 10**6)
        least = 2 if self.mode == "cross" and self.dataset == "clips" else 1
        if len(self.data) < least:
            raise BadUsage("evaluate cross needs a photo and then a driving video, got one path only.")
        if self.dataset == "iper" and len(self.data) != 1:
            raise BadUsage("--dataset iper takes one folder, the one that holds its images and splits.")
        if self.dataset == "clips" and any(p.suffix.lower() in MOTION_SUFFIXES for p in self.data):
            raise BadUsage("evaluate compares with the driver's pictures, which a motion file doesn't have; give a video.")

    @property
    def data_paths(self) -> tuple[Path, ...]:
        return self.data


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewsEvaluation(Evaluation):
    """Novel views: photos of a person, and what other cameras saw of them (a folder of pictures, or a clip of a turn)."""

    sources: tuple[Path, ...]
    truth: Path
    frames: int = 9  # compared, evenly spread over a clip

    def __post_init__(self) -> None:
        Evaluation.__post_init__(self)
        check_count("--frames", self.frames, MAX_COMPARED_FRAMES)
        if not 1 <= len(self.sources) <= MAX_PHOTOS:
            raise BadUsage(
                f"Give 1 to {MAX_PHOTOS} photos of the person and then the true pictures, got {len(self.sources)} photos."
            )
        if any(is_film(path) for path in self.sources):
            raise BadUsage("evaluate views takes photos as sources; save a frame of the film as a picture first.")

    @property
    def data_paths(self) -> tuple[Path, ...]:
        return (*self.sources, self.truth)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchSettings(Reported):
    """How fast the product is on this machine."""

    output: Path | None = None  # .json
    source: Path | None = None  # None: a painted person
    driver: Path | None = None
    frames: int = 60
    repeats: int = 3  # besides the warm-up
    size_px: int = 512
    device: str = "auto"

    def __post_init__(self) -> None:
        check_count("--frames", self.frames, 10_000)
        check_count("--repeats", self.repeats, MAX_REPEATS)
        check_size(self.size_px)
        check_device(self.device)
        if (self.source is None) != (self.driver is None):
            raise BadUsage("--source and --driver go together; give both, or neither for a painted person.")
        if self.driver is not None and self.driver.suffix.lower() in MOTION_SUFFIXES:
            raise BadUsage("bench times landmarks and fit too, so --driver must be a video, not a motion file.")
        if self.output is not None:
            check_suffix("--output", self.output, (".json",))
            check_distinct({"--output": self.output}, self.input_paths)

    @property
    def input_paths(self) -> tuple[Path, ...]:
        return tuple(p for p in (self.source, self.driver) if p is not None)

    def check_paths(self) -> None:
        """Fail before any work. Raises `BadInput`."""
        from ..media.paths import check_input

        if self.source is not None and self.driver is not None:
            check_source_files((self.source,))
            check_input(self.driver, "driving video", folder_ok=True)
        if self.output is not None:
            check_file_output(self.output, "--output")


def check_count(option: str, count: int, most: int) -> None:
    """Raises `BadUsage` for a count outside 1..`most`."""
    if not 1 <= count <= most:
        raise BadUsage(f"{option} must be between 1 and {most}, got {count}.")
