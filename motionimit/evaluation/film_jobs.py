"""Which films an evaluation makes: photos and a driver each, from clips that were named, a folder of them, or iPER's protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config.common import FILM_SUFFIXES
from ..config.evaluate import FilmsEvaluation
from ..errors import BadInput
from ..media.image import write_png
from ..media.paths import shown
from ..media.reader import VideoReader

if TYPE_CHECKING:
    from .datasets.iper import FilmTask, SourceFrame


@dataclass(frozen=True, slots=True)
class FilmJob:
    """One film to make: the person of the sources moves as frames `first`.. of the driver."""

    name: str  # safe as a file name
    sources: tuple[Path | SourceFrame, ...]  # none: the driver's own first frame
    driver: Path
    first: int = 0
    count: int | None = None  # frames of the driver; None: to its end

    def describe(self) -> dict[str, Any]:
        """Plain JSON values that tell jobs apart."""
        sources = [str(s) if isinstance(s, Path) else f"{s.film}:{s.index}" for s in self.sources]
        return {"name": self.name, "sources": sources, "driver": str(self.driver), "first": self.first, "count": self.count}


def film_jobs(settings: FilmsEvaluation) -> tuple[list[FilmJob], list[str]]:
    """The films that the settings name, at most `limit`, and one-line warnings. Raises `BadInput`."""
    jobs: list[FilmJob]
    if settings.dataset == "iper":
        from .datasets.iper import read_iper

        tasks, warnings = read_iper(settings.data[0], mode=settings.mode, sources=settings.sources, missing=settings.missing)
        jobs = [_protocol_job(task, settings.max_frames) for task in tasks]
    elif settings.mode == "cross":
        *photos, driver = settings.data
        jobs, warnings = [FilmJob(_named([f"{photos[0].stem}_{driver.stem}"])[0], tuple(photos), driver)], []
    else:
        clips, warnings = clips_of(settings.data), []
        jobs = [FilmJob(name, (), clip) for name, clip in zip(_named([c.stem for c in clips]), clips, strict=True)]
    if settings.max_frames is not None and settings.dataset != "iper":
        jobs = [FilmJob(j.name, j.sources, j.driver, j.first, settings.max_frames) for j in jobs]
    return jobs[: settings.limit], warnings


def clips_of(paths: Sequence[Path]) -> list[Path]:
    """Clips as they were named, or all films of a single folder, by name. Raises `BadInput` where it holds none."""
    if len(paths) > 1 or not paths[0].is_dir():
        return list(paths)
    found = sorted(p for p in paths[0].iterdir() if p.suffix.lower() in FILM_SUFFIXES and not p.name.startswith("."))
    if not found:
        raise BadInput(f"The folder {shown(paths[0])} holds no clips ({', '.join(FILM_SUFFIXES)}); name another, or the clips.")
    return found


def source_files(job: FilmJob, work: Path) -> tuple[Path, ...]:
    """The job's photos as files; frames of films are written into `work`, which exists. Raises `BadInput`."""
    if not job.sources:
        return (_saved_frame(job.driver, job.first, work / f"{job.name}.png"),)
    out = []
    for number, source in enumerate(job.sources, 1):
        if isinstance(source, Path):
            out.append(source)
        else:
            path = work / f"{job.name}.{number}.png"
            out.append(source.picture or _saved_frame(source.film, source.index, path))
    return tuple(out)


def frame_of(film: Path, index: int) -> np.ndarray:
    """[H, W, 3] uint8: one frame, counted from 0. Raises `BadInput` where the film is shorter."""
    with VideoReader(film) as reader:
        for frame in reader:
            if frame.index == index:
                return frame.rgb
    raise BadInput(f"The film {shown(film)} has no frame {index}; check the protocol, or copy the film again.")


def _saved_frame(film: Path, index: int, path: Path) -> Path:
    write_png(path, frame_of(film, index))
    return path


def _protocol_job(task: FilmTask, max_frames: int | None) -> FilmJob:
    first, last = task.span or (0, None)
    count = None if last is None else last - first + 1
    if max_frames is not None:
        count = max_frames if count is None else min(count, max_frames)
    return FilmJob(task.name, task.sources, task.driver, first, count)


def _named(stems: list[str]) -> list[str]:
    from .datasets.files import result_names

    return result_names(stems)
