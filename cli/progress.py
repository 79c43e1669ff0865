"""Progress on stderr: one bar per stage on a terminal, one line per finished stage elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import TaskID

    from motionimit.types import Progress


@contextmanager
def progress_display(quiet: bool) -> Iterator[Progress]:
    """Yields the `progress(stage, done, total)` callback that fits this stderr."""
    if quiet:
        yield lambda stage, done, total: None
    elif sys.stderr is not None and sys.stderr.isatty():
        with _bars() as update:
            yield update
    else:
        yield PlainProgress()


# count steps, not frames: a rate would mean nothing
STEP_STAGES = ("source", "rehearsal", "personalize", "train", "pairs", "films", "views", "material", "runs")
SHORTEST_S = 0.01


def rate_text(stage: str, done: float, seconds: float) -> str:
    """Frames per second so far; empty where there is nothing to say: too early, or a stage that reports only its end."""
    if seconds < SHORTEST_S or done <= 0 or stage in STEP_STAGES:
        return ""
    rate = done / seconds
    return f"{rate:.1f} frames/s" if rate < 100 else f"{rate:.0f} frames/s"


class PlainProgress:
    """For log files: says a line when a stage is done, and nothing else."""

    def __init__(self) -> None:
        self._begun: dict[str, float] = {}
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        with self._lock:
            begun = self._begun.setdefault(stage, time.monotonic())
            if total is None or done < total or stage in self._said:
                return
            self._said.add(stage)
            seconds = time.monotonic() - begun
            rate = rate_text(stage, done, seconds)
            took = f" in {seconds:.1f} s" if seconds >= SHORTEST_S else ""
            click.echo(f"{stage}: {done} of {total}{took}{f' ({rate})' if rate else ''}", err=True)


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            seconds = task.finished_time if task.finished_time is not None else task.elapsed
            return Text(rate_text(task.description, task.completed, seconds or 0.0), style="cyan")

    columns: tuple[Any, ...] = (
        TextColumn("{task.description:<12}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    tasks: dict[str, TaskID] = {}
    lock = threading.Lock()
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=8) as bars:

        def update(stage: str, done: int, total: int | None) -> None:
            with lock:
                if stage not in tasks:
                    tasks[stage] = bars.add_task(stage, total=total)
                bars.update(tasks[stage], completed=done, total=total)

        yield update
