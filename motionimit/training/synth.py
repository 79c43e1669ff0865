"""The data engine: many synthetic people, drawn in parallel, one file of training pairs each."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ..errors import BadInput, BadUsage
from ..types import Progress
from .assets import AssetLibrary
from .examples import Studio, make_example
from .storage import write_example

RECIPE = "recipe.json"


@dataclass(frozen=True, slots=True)
class SynthSettings:
    """Raises `BadUsage` for a value outside its range."""

    assets: Path  # a folder of MakeHuman-style assets with its manifest.csv
    out: Path
    people: int = 100
    first: int = 0  # number of the first person: a folder can be continued, and test people kept apart
    seed: int = 0
    motions: tuple[Path, ...] = ()  # .bvh and .npz files, besides sampled poses
    sequences: int = 4  # per person, two consecutive frames each
    photos: int | None = None  # per person; None draws 1, 2 or 4
    cc0_only: bool = False
    workers: int = 1

    def __post_init__(self) -> None:
        for name in ("people", "sequences", "workers"):
            if getattr(self, name) < 1:
                raise BadUsage(f"--{name} must be 1 or more, got {getattr(self, name)}.")
        if self.photos is not None and not 1 <= self.photos <= 8:
            raise BadUsage(f"--photos must be between 1 and 8, got {self.photos}.")


@dataclass(frozen=True, slots=True)
class SynthReport:
    made: int
    skipped: int  # people whom the product could not have worked with
    there: int  # files that an earlier run had made
    seconds: float


def synthesize(settings: SynthSettings, progress: Progress) -> SynthReport:
    """Make `settings.people` files `person_NNNNN.safetensors`; what is there already stays. Raises `BadInput`, `MissingModel`."""
    AssetLibrary(settings.assets, settings.cc0_only)  # a wrong folder fails here, before any process starts
    for path in settings.motions:
        if not path.is_file():
            raise BadInput(f"The motion file {path} is not there; check the name.")
    settings.out.mkdir(parents=True, exist_ok=True)
    _write_recipe(settings)
    begin, made, skipped = time.perf_counter(), 0, 0
    numbers = range(settings.first, settings.first + settings.people)
    todo = [n for n in numbers if not _file(settings, n).exists()]
    there = len(numbers) - len(todo)
    progress("people", there, settings.people)
    for done, written in enumerate(_made(settings, todo), 1):
        made, skipped = made + written, skipped + (not written)
        progress("people", there + done, settings.people)
    return SynthReport(made, skipped, there, time.perf_counter() - begin)


def _made(settings: SynthSettings, numbers: list[int]) -> Iterator[bool]:
    """Whether each person could be made, in the order of completion."""
    if settings.workers == 1:
        _start(settings)
        yield from (_make(n) for n in numbers)
        return
    spawn = multiprocessing.get_context("spawn")  # forked threads of Warp and MediaPipe don't survive
    with ProcessPoolExecutor(settings.workers, spawn, _start, (settings,)) as pool:
        queue, waiting = iter(numbers), set[Future[bool]]()
        try:
            while True:
                while len(waiting) < 2 * settings.workers and (number := next(queue, None)) is not None:
                    waiting.add(pool.submit(_make, number))
                if not waiting:
                    return
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (f.result() for f in finished)
        finally:
            pool.shutdown(cancel_futures=True)


_studio: tuple[SynthSettings, Studio] | None = None  # of a worker process; a studio can't be pickled


def _start(settings: SynthSettings) -> None:
    global _studio
    from ..body.model import load_body
    from ..pose.detector import MediaPipeDetector
    from .bodies import BodyMatcher
    from .motions import MotionPool
    from .people import BodyFactory

    torch.set_num_threads(1)
    factory, model = BodyFactory(), load_body()
    library = AssetLibrary(settings.assets, settings.cc0_only)
    pool = MotionPool(settings.motions)
    _studio = settings, Studio(library, factory, model, BodyMatcher(factory, model), pool, MediaPipeDetector())


def _make(number: int) -> bool:
    assert _studio is not None
    settings, studio = _studio
    example = make_example(studio, (settings.seed, number), settings.sequences, settings.photos)
    if example is not None:
        write_example(_file(settings, number), example)
    return example is not None


def _file(settings: SynthSettings, number: int) -> Path:
    return settings.out / f"person_{number:05d}.safetensors"


def _write_recipe(settings: SynthSettings) -> None:
    """What the folder was made from, for the model card."""
    plain = {k: [p.name for p in v] if k == "motions" else v for k, v in asdict(settings).items() if k not in ("out", "workers")}
    (settings.out / RECIPE).write_text(json.dumps(plain | {"assets": settings.assets.name}, indent=1) + "\n")
