"""Self- and cross-imitation: films made by the product's own pipeline, scored frame by frame."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from ..avatar.portrait import output_size
from ..config import TransferSettings
from ..config.evaluate import BASELINE, FilmsEvaluation
from ..media.image import read_pixels
from ..media.reader import VideoReader, probe
from ..run import silent
from ..runtime import pick_device
from ..types import Progress
from ..values import SIZE_RANGE_PX
from .cross import score_cross
from .film_jobs import FilmJob, film_jobs, source_files
from .instruments import Instruments, Remembering
from .intervals import means
from .methods import Method, load_methods
from .metrics import Row, score_film
from .pictures import resized
from .preview import strip, write_preview
from .results import Item, Outcome, finite
from .runs import FILMS, RunData, RunFolder, cleared, failed, read_run, sentence_of

MOMENTS = 6  # shown of each film
WORK = "work"
_STILL = f"{BASELINE} is the photo standing still, so that its steadiness means nothing."


@dataclass(frozen=True, slots=True)
class Opened:
    """A film's material once its photos are there."""

    photos: tuple[Path, ...]
    fps: Fraction
    size_px: tuple[int, int]  # (width, height) of results
    driver_px: tuple[int, int]  # at which the driver is looked at
    frames: int  # of the driver, that are used
    compared: list[int]
    moments: list[int]


def evaluate_films(settings: FilmsEvaluation, progress: Progress | None = None) -> RunData:
    """Make and score the films; writes the run's folder, in which what is finished stays, come what may.

    `settings.size_px` is the height of results and of comparisons. Raises `BadInput`, `BadUsage` and `MissingModel` before any
    work; a film that can't be made is recorded with its sentence and counted.
    """
    settings.check_paths()
    tell = progress or silent
    jobs, warnings = film_jobs(settings)
    methods = load_methods(settings.methods, pick_device(settings.device), stills=False)
    told = json.dumps([job.describe() for job in jobs])
    facts = {"kind": settings.dataset, "items": len(jobs), "films": hashlib.sha256(told.encode()).hexdigest()[:16]}
    with Instruments(settings) as tools:
        run = RunFolder(settings, settings.mode, [m.facts() for m in methods], facts)
        run.head["unavailable"], run.head["notes"] = tools.unavailable(), [_STILL, *warnings]
        with run:
            for number, job in enumerate(jobs):
                tell("films", number, len(jobs))
                if not run.done(job.name):
                    run.add(_evaluated(job, methods, settings, run, tools))
            tell("films", len(jobs), len(jobs))
            shutil.rmtree(run.folder / WORK, ignore_errors=True)
    return read_run(settings.output)


def _evaluated(job: FilmJob, methods: Sequence[Method], settings: FilmsEvaluation, run: RunFolder, tools: Instruments) -> Item:
    """One film by all methods, whatever happens to it."""
    names = [m.name for m in methods]
    films = run.folder / FILMS
    try:
        films.mkdir(exist_ok=True)
        opened = _opened(job, settings, cleared(run.folder / WORK))
        photo = resized(read_pixels(opened.photos[0], "photo")[0], *opened.size_px)
        seen: dict[int, np.ndarray] = {}
        for index, frame in enumerate(_frames(job, opened, opened.driver_px)):
            if index in opened.moments:
                seen[index] = frame
        title = "truth" if settings.mode == "self" else "driver"
        pictures = {"source": photo, title: strip([seen[t] for t in opened.moments if t in seen])}
        shown = {name: write_preview(run.pictures, f"{job.name}.{name}", rgb) for name, rgb in pictures.items()}
    except Exception as error:
        return Item(job.name, failed(names, sentence_of(error)))
    outcomes, notes, finder = {}, [], Remembering(tools.finder)
    for method in methods:
        try:
            path = films / f"{job.name}.{method.name}.mp4"
            seconds, warnings = ({}, []) if method.kind == BASELINE else _made(job, opened, method, settings, path)
            notes += [w for w in warnings if w not in notes]
            scores, frames, kept = _scored(job, opened, settings, None if method.kind == BASELINE else path, photo, finder, tools)
            picture = write_preview(run.pictures, f"{job.name}.{method.name}", strip(kept))
            film = None if method.kind == BASELINE else f"{FILMS}/{path.name}"
            outcomes[method.name] = Outcome(scores, seconds, picture, film, None, frames)
        except Exception as error:
            outcomes[method.name] = Outcome(failure=sentence_of(error))
    return Item(job.name, outcomes, shown, notes)


def _opened(job: FilmJob, settings: FilmsEvaluation, work: Path) -> Opened:
    photos = source_files(job, work)
    info = probe(job.driver)
    with VideoReader(job.driver, float(job.first / info.fps), None, job.count, 64) as reader:
        count = sum(1 for _ in reader)
    rgb, _ = read_pixels(photos[0], "photo")
    height, (width_px, height_px) = settings.size_px, info.size_px
    aspect = rgb.shape[1] / rgb.shape[0]
    long_side = min(max(height, round(height * aspect)), SIZE_RANGE_PX[1])
    last = count - 1 if settings.mode == "self" else count - 2  # without a truth both neighbours of a frame are needed
    compared = evenly(1, last, settings.frames)
    size = output_size((rgb.shape[1], rgb.shape[0]), long_side)
    driver = size if settings.mode == "self" else (max(1, round(width_px * height / height_px)), height)
    return Opened(photos, info.fps, size, driver, count, compared, evenly(0, count - 1, MOMENTS))


def evenly(first: int, last: int, most: int) -> list[int]:
    """At most `most` whole numbers first..last, evenly spread; none where last < first."""
    if last < first:
        return []
    return sorted({int(t) for t in np.linspace(first, last, min(most, last - first + 1)).round()})


def _made(
    job: FilmJob, opened: Opened, method: Method, settings: FilmsEvaluation, path: Path
) -> tuple[dict[str, float], list[str]]:
    """Make the film at `path`; seconds per frame, and warnings."""
    from ..pipeline import transfer

    transferred = TransferSettings(
        sources=opened.photos,
        driving=job.driver,
        output=path,
        size_px=max(opened.size_px),
        camera="copy" if settings.mode == "self" else "smooth",
        start_s=float(job.first / opened.fps),
        max_frames=opened.frames,
        seed=settings.seed,
        device=settings.device,
        body=settings.body,
        generator="warp" if method.kind == "warp" else "attlwb",
        weights=method.weights,
    )
    report = transfer(transferred)
    drawing = sum(report.seconds.get(stage, 0.0) for stage in ("render", "generator")) / max(report.frames, 1)
    whole = report.wall_s / max(report.frames, 1)
    return {"generate": drawing, "prepare": max(whole - drawing, 0.0)}, report.warnings


def _scored(
    job: FilmJob,
    opened: Opened,
    settings: FilmsEvaluation,
    film: Path | None,
    photo: np.ndarray,
    finder: Callable[[np.ndarray], Any],
    tools: Instruments,
) -> tuple[dict[str, float], list[Row], list[np.ndarray]]:
    """Means over the compared frames, their rows, and the frames to show. `film` None: the photo, standing still."""
    kept: dict[int, np.ndarray] = {}
    made = watched(repeat(photo, opened.frames) if film is None else frames_of(film, opened.size_px), opened.moments, kept)
    driver = _frames(job, opened, opened.driver_px)
    whole: Row = {}
    if settings.mode == "self":
        rows = score_film(driver, made, finder, tools.distances, opened.compared)
    else:
        rows, whole = score_cross(driver, made, finder, tools.distances, photo, opened.compared)
    for _ in made:  # the frames to show may lie behind the last one compared
        pass
    rows = [finite(row) for row in rows]
    return finite(means(rows)) | finite(whole), rows, [kept[t] for t in opened.moments if t in kept]


def _frames(job: FilmJob, opened: Opened, size_px: tuple[int, int]) -> Iterator[np.ndarray]:
    """The frames of the driver that are used, at (width, height)."""
    return frames_of(job.driver, size_px, float(job.first / opened.fps), opened.frames)


def frames_of(path: Path, size_px: tuple[int, int], start_s: float = 0.0, count: int | None = None) -> Iterator[np.ndarray]:
    """Frames [height, width, 3] uint8. Raises `BadInput`."""
    with VideoReader(path, start_s, None, count) as reader:
        for frame in reader:
            yield resized(frame.rgb, *size_px)


def watched(frames: Iterator[np.ndarray], wanted: Collection[int], kept: dict[int, np.ndarray]) -> Iterator[np.ndarray]:
    """Pass frames through; those of the wanted numbers are put into `kept`."""
    for number, frame in enumerate(frames):
        if number in wanted:
            kept[number] = frame
        yield frame
