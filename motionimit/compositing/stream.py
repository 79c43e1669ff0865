"""Drawing a whole motion as a stream of finished frames."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat, tee
from threading import Event, Thread, local
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..config import TransferSettings
from ..runtime import StageClock, available_cores
from ..types import Frame
from .camera_motion import moved_backdrops
from .label import side_by_side
from .place import cover, over, to_uint8

if TYPE_CHECKING:
    from ..avatar.build import Avatar
    from ..geometry.camera import Camera

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Stage:
    """What stays the same while the frames go by."""

    avatar: Avatar
    camera: Camera
    backdrop: Tensor  # [H, W, 3] float32, 0..1
    photo: np.ndarray  # [H, W, 3] uint8, for side by side
    settings: TransferSettings
    device: torch.device
    follows_camera: bool = False  # the backdrop moves as the driver's does; the photo must be one of its frames


def draw(stage: Stage, transforms: Tensor, driver: Iterator[Frame | None], clock: StageClock) -> Generator[np.ndarray]:
    """Finished frames [H, W, 3 or 4] uint8, one per entry of transforms [T, 24, 4, 4], drawn in parallel, yielded in order.

    `driver` gives the driving frame to each (None where the output doesn't show it).
    """
    from ..flow.transfer import Renderer

    height, width = stage.backdrop.shape[:2]
    surface, still = stage.avatar.surface.to(stage.device), stage.backdrop.to(stage.device)
    backdrops: Iterator[Tensor] = repeat(still)
    if stage.follows_camera:
        driver, watched = tee(driver)
        frames = (frame for frame in watched if frame is not None)
        backdrops = clock.timed("camera", moved_backdrops(still, stage.photo, stage.avatar.matte.numpy(), frames))
    of_thread = local()

    def one(job: tuple[Tensor, Frame | None, Tensor]) -> np.ndarray:
        bones, driving, backdrop = job
        with clock.stage("render"):
            if not hasattr(of_thread, "renderer"):
                of_thread.renderer = Renderer(surface, stage.avatar.layers, (width, height))
            rgba = of_thread.renderer.render(bones, stage.camera).rgba
            if stage.settings.alpha:
                return to_uint8(rgba)
            if stage.settings.background_kind == "driving" and driving is not None:
                result = over(rgba, torch.from_numpy(cover(driving.rgb, (width, height))).to(stage.device) / 255)
            else:
                result = over(rgba, backdrop)
            if stage.settings.side_by_side and driving is not None:
                return side_by_side([stage.photo, driving.rgb, result], height)
            return result

    workers = available_cores() if stage.device.type == "cpu" else 1
    return in_order(one, zip(transforms, driver, backdrops, strict=False), workers)


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
