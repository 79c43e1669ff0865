"""Drawing a whole motion as a stream of finished frames."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import repeat, tee
from threading import Event, Thread, local
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..runtime import StageClock, available_cores
from ..types import Frame
from .camera_motion import moved_backdrops
from .label import side_by_side
from .place import cover, over, to_uint8

if TYPE_CHECKING:
    from ..avatar.avatar import Avatar
    from ..flow.transfer import Warped
    from ..generator.refine import Drawn, Memory, Refiner
    from ..geometry.camera import Camera

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Stage:
    """What stays the same while the frames go by."""

    avatar: Avatar
    camera: Camera
    backdrop: Tensor  # [H, W, 3] float32, 0..1
    device: torch.device
    alpha: bool = False  # the person alone
    side_by_side: bool = False  # photo | driver | result
    before_driver: bool = False  # the driver's frames are the backdrop
    follows_camera: bool = False  # the backdrop moves as the driver's does; the photo must be one of its frames
    refiner: Refiner | None = None  # None: the geometric core alone
    views: int = 1  # of each moment, drawn one after the other
    cuts: tuple[int, ...] = ()  # moments that begin a new shot, where the refiner's memory ends

    @property
    def shows_driver(self) -> bool:
        """Whether drawing needs the driver's pictures."""
        return self.side_by_side or self.before_driver or self.follows_camera


@dataclass(frozen=True, slots=True)
class Shot:
    """What one frame is made of."""

    bones: Tensor  # [24, 4, 4]
    driving: Frame | None
    backdrop: Tensor  # [H, W, 3] float32, 0..1


def draw(stage: Stage, transforms: Tensor, driver: Iterator[Frame | None], clock: StageClock) -> Generator[np.ndarray]:
    """Finished frames [H, W, 3 or 4] uint8, one per entry of transforms [T, 24, 4, 4], yielded in order.

    Frames are rendered in parallel, refined one after the other where the stage has a `refiner`, then composed. `driver` gives
    the driving frame to each (None where the output doesn't show it).
    """
    still = stage.backdrop.to(stage.device)
    backdrops: Iterator[Tensor] = repeat(still)
    if stage.follows_camera:
        driver, watched = tee(driver)
        frames = (frame for frame in watched if frame is not None)
        backdrops = clock.timed("camera", moved_backdrops(still, stage.avatar.picture, stage.avatar.matte.numpy(), frames))
    shots = (Shot(*parts) for parts in zip(transforms, driver, backdrops, strict=False))
    workers = available_cores() if stage.device.type == "cpu" else 1
    return (_warped if stage.refiner is None else _refined)(stage, shots, workers, clock)


def _warped(stage: Stage, shots: Iterator[Shot], workers: int, clock: StageClock) -> Generator[np.ndarray]:
    """The geometric core's frames: rendered and composed in the same thread."""
    from ..flow.fusion import fused

    render = _renderer(stage)

    def one(shot: Shot) -> np.ndarray:
        with clock.stage("render"):
            return composed(stage, fused(render(shot)), shot)

    return in_order(one, shots, workers)


def _refined(stage: Stage, shots: Iterator[Shot], workers: int, clock: StageClock) -> Generator[np.ndarray]:
    """Frames that the generator refined: it remembers, so they go through it in order, while others are rendered ahead."""
    refiner, render = stage.refiner, _renderer(stage)
    assert refiner is not None

    def one(shot: Shot) -> tuple[Shot, Drawn]:
        with clock.stage("render"):
            return shot, refiner.prepare(render(shot), shot.bones, stage.camera)

    memories: list[Memory | None] = [None] * stage.views
    with closing(in_order(one, shots, workers)) as rendered:
        for number, (shot, drawn) in enumerate(rendered):
            moment, view = divmod(number, stage.views)
            with clock.stage("generator"):
                rgba, memories[view] = refiner.refine(drawn, None if moment in stage.cuts else memories[view])
            with clock.stage("render"):
                frame = composed(stage, rgba, shot)
            yield frame


def _renderer(stage: Stage) -> Callable[[Shot], list[Warped]]:
    """Draws every portrait with buffers of the calling thread: what it returns is valid until that thread's next call."""
    from ..flow.transfer import renderers

    of_thread = local()

    def render(shot: Shot) -> list[Warped]:
        if not hasattr(of_thread, "renderers"):
            of_thread.renderers = renderers(stage.avatar, stage.device)
        return [renderer.render(shot.bones, stage.camera) for renderer in of_thread.renderers]

    return render


def composed(stage: Stage, rgba: Tensor, shot: Shot) -> np.ndarray:
    """The person [H, W, 4] as the stage wants them: alone, before a background, beside photo and driver."""
    height, width = rgba.shape[:2]
    if stage.alpha:
        return to_uint8(rgba)
    backdrop = shot.backdrop
    if stage.before_driver and shot.driving is not None:
        backdrop = torch.from_numpy(cover(shot.driving.rgb, (width, height))).to(stage.device) / 255
    result = over(rgba, backdrop)
    if stage.side_by_side and shot.driving is not None:
        return side_by_side([stage.avatar.picture, shot.driving.rgb, result], height)
    return result


def in_order(function: Callable[[A], B], jobs: Iterable[A], workers: int) -> Generator[B]:
    """Map in threads (kernels, codecs and detectors release the interpreter lock), in order; at most two jobs wait per worker.

    Errors of jobs and of the function come through; closing drops what waits.
    """
    pending: deque[Future[B]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for job in jobs:
                pending.append(pool.submit(function, job))
                if len(pending) >= 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def ahead(items: Iterable[A], depth: int = 6) -> Generator[A]:
    """Produce `items` in a thread of their own, at most `depth` in advance. Errors come through; closing ends the thread."""
    ready: queue.Queue[tuple[bool, A | BaseException | None]] = queue.Queue(depth)
    stop = Event()

    def put(entry: tuple[bool, A | BaseException | None]) -> None:
        while not stop.is_set():
            try:
                return ready.put(entry, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put((True, item))
                if stop.is_set():
                    return
            put((False, None))
        except BaseException as error:  # handed to the consumer, whoever raised it
            put((False, error))

    thread = Thread(target=work, name="decode", daemon=True)
    thread.start()
    try:
        while True:
            more, item = ready.get()
            if more:
                yield item  # type: ignore[misc]
            elif isinstance(item, BaseException):
                raise item
            else:
                return
    finally:
        stop.set()
        thread.join()
