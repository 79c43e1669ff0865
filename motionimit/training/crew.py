"""Many synthetic people, made in parallel processes, one after another into a folder that can be continued."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadInput, BadUsage
from ..types import Progress
from .assets import AssetLibrary

if TYPE_CHECKING:
    from .examples import Studio

RECIPE = "recipe.json"
Maker = Callable[[int], bool]
"""Makes the person of a number; False where nobody could work with them."""


@dataclass(frozen=True, slots=True)
class PeopleSettings:
    """What every folder of synthetic people is asked for. Raises `BadUsage` for a value outside its range."""

    assets: Path  # a folder of MakeHuman-style assets with its manifest.csv
    out: Path
    people: int = 100
    first: int = 0  # number of the first person: a folder can be continued, and test people kept apart
    seed: int = 0
    motions: tuple[Path, ...] = ()  # .bvh and .npz files, besides sampled poses
    cc0_only: bool = False
    workers: int = 1

    def __post_init__(self) -> None:
        for name in ("people", "workers"):
            self.check_range(name, 1, None)
        self.check_range("first", 0, None)

    def check_range(self, name: str, least: int, most: int | None) -> None:
        """Raises `BadUsage` where the named value lies outside."""
        value = getattr(self, name)
        if value < least or (most is not None and value > most):
            wanted = f"{least} or more" if most is None else f"between {least} and {most}"
            raise BadUsage(f"--{name} must be {wanted}, got {value}.")


@dataclass(frozen=True, slots=True)
class SynthReport:
    made: int
    skipped: int  # people whom the product could not have worked with
    there: int  # files that an earlier run had made
    seconds: float


def make_people(
    settings: PeopleSettings, start: Callable[[], Maker], file: Callable[[int], Path], progress: Progress
) -> SynthReport:
    """Call the maker for every person whose `file` isn't there yet. `start` opens a maker; it must survive pickling, because it
    runs once in each process. Raises `BadInput`, `MissingModel`."""
    AssetLibrary(settings.assets, settings.cc0_only)  # a wrong folder fails here, before any process starts
    for path in settings.motions:
        if not path.is_file():
            raise BadInput(f"The motion file {path} is not there; check the name.")
    settings.out.mkdir(parents=True, exist_ok=True)
    _write_recipe(settings)
    begin, made, skipped = time.perf_counter(), 0, 0
    numbers = range(settings.first, settings.first + settings.people)
    todo = [n for n in numbers if not file(n).exists()]
    there = len(numbers) - len(todo)
    progress("people", there, settings.people)
    for done, written in enumerate(_made(start, todo, settings.workers), 1):
        made, skipped = made + written, skipped + (not written)
        progress("people", there + done, settings.people)
    return SynthReport(made, skipped, there, time.perf_counter() - begin)


def open_studio(settings: PeopleSettings) -> Studio:
    """What the people of a process share."""
    import torch

    from ..body.model import load_body
    from ..pose.detector import MediaPipeDetector
    from .bodies import BodyMatcher
    from .examples import Studio
    from .motions import MotionPool
    from .people import BodyFactory

    torch.set_num_threads(1)
    factory, model = BodyFactory(), load_body()
    library = AssetLibrary(settings.assets, settings.cc0_only)
    return Studio(library, factory, model, BodyMatcher(factory, model), MotionPool(settings.motions), MediaPipeDetector())


def _made(start: Callable[[], Maker], numbers: list[int], workers: int) -> Iterator[bool]:
    """Whether each person could be made, in the order of completion."""
    if workers == 1:
        yield from map(start(), numbers)
        return
    spawn = multiprocessing.get_context("spawn")  # forked threads of Warp and MediaPipe don't survive
    with ProcessPoolExecutor(workers, spawn, _start, (start,)) as pool:
        queue, waiting = iter(numbers), set[Future[bool]]()
        try:
            while True:
                while len(waiting) < 2 * workers and (number := next(queue, None)) is not None:
                    waiting.add(pool.submit(_make, number))
                if not waiting:
                    return
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (f.result() for f in finished)
        finally:
            pool.shutdown(cancel_futures=True)


_maker: Maker | None = None  # of a worker process; what it holds can't be pickled


def _start(start: Callable[[], Maker]) -> None:
    global _maker
    _maker = start()


def _make(number: int) -> bool:
    assert _maker is not None
    return _maker(number)


def _write_recipe(settings: PeopleSettings) -> None:
    """What the folder was made from, for the model card."""
    plain = {k: [p.name for p in v] if k == "motions" else v for k, v in asdict(settings).items() if k not in ("out", "workers")}
    (settings.out / RECIPE).write_text(json.dumps(plain | {"assets": settings.assets.name}, indent=1) + "\n")
