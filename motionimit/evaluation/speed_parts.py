"""What the parts of a frame cost: rendering, the generator's inputs, its network, composing; and what a GPU's kernels reach."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from ..body.retarget import retarget
from ..compositing.place import over
from ..driving import DRIVER_SIDE_PX, recover_motion
from ..flow.fusion import fused
from ..flow.transfer import renderers
from ..generator.refine import Refiner
from ..generator.warp import warp_features
from ..media.reader import VideoReader
from ..run import Run
from ..sources import avatar_of
from ..weights import load_generator, shipped

SKIPPED = 3  # frames that warm up
LEVELS = ((2, 32), (4, 48), (8, 96))  # stride and channels of the small generator's feature warps
BATCHES = ((1, 512), (1, 1024), (32, 1024))  # the last one doesn't fit into any cache
_COPY_VALUES = 1 << 28


def parts_ms(photo: Path, clip: Path, size_px: int, frames: int, repeats: int, device: torch.device) -> dict[str, list[float]]:
    """Part → milliseconds of each frame, nothing rendered ahead: 'render', 'compose' and, where the package has weights,
    'generator inputs' and 'generator'. Raises `BadInput` as `transfer`."""
    run = Run(device=device)
    with VideoReader(clip, max_frames=frames, max_side_px=DRIVER_SIDE_PX) as reader:
        driver = recover_motion(reader, None, run)
    avatar = avatar_of([photo], size_px, run)
    placed = retarget(avatar.params, driver.params, run.model, fps=float(driver.fps), cuts=driver.cuts)
    bones, camera, artists = run.model.transforms(placed), placed.camera, renderers(avatar, device)
    refiner = None
    if shipped() is not None:
        refiner = Refiner.of(load_generator(None, device), avatar.portraits, run.model, device)
    backdrop, memory = avatar.background.to(device), None
    names = ("render", "compose") if refiner is None else ("render", "generator inputs", "generator", "compose")
    times: dict[str, list[float]] = {name: [] for name in names}
    count = len(bones) * max(repeats, 1)
    for number in range(count + SKIPPED):
        t = number % len(bones)
        marks = [_now(device)]
        warped = [artist.render(bones[t], camera) for artist in artists]
        rgba = fused(warped)
        marks.append(_now(device))
        if refiner is not None:
            drawn = refiner.prepare(warped, bones[t], camera)
            marks.append(_now(device))
            rgba, memory = refiner.refine(drawn, memory if t else None)
            marks.append(_now(device))
        over(rgba, backdrop)
        marks.append(_now(device))
        if number >= SKIPPED:
            for name, first, last in zip(names, marks, marks[1:], strict=False):
                times[name].append(1000 * (last - first))
    return times


def bandwidths(device: torch.device) -> tuple[float, list[dict[str, Any]]]:
    """GB/s of copying a large tensor, and of the generator's feature warp at several sizes, every array counted once."""
    big = torch.empty(2, _COPY_VALUES, device=device)
    copy = 2 * big[0].numel() * 4 / _seconds(partial(big[0].copy_, big[1]), device)  # read and written
    del big
    found = []
    for batch, side in BATCHES:
        y, x = torch.meshgrid(torch.arange(side, device=device), torch.arange(side, device=device), indexing="ij")
        turned = torch.stack((x + 0.1 * y, y - 0.1 * x)).float().clamp(0, side)  # neighbours stay neighbours, as on a body
        flow, seen = turned.expand(batch, 1, 2, side, side).contiguous(), torch.ones(batch, 1, 1, side, side, device=device)
        for stride, channels in LEVELS:
            cells = side // stride
            features = torch.rand(batch, 1, cells, cells, channels, device=device)
            taken = _seconds(partial(warp_features, features, flow, seen, stride, fused=True), device)
            moved = 4 * (2 * features.numel() + flow.numel() + seen.numel() + batch * cells**2)
            what = f"batch {batch}, {side} px, stride {stride}, {channels} channels"
            rate = moved / taken
            found.append({"what": what, "us": 1e6 * taken, "gb_s": rate / 1e9, "share_pct": 100 * rate / copy})
    return copy / 1e9, found


def _now(device: torch.device) -> float:
    """Seconds, when all work given to the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _seconds(work: Callable[[], object], device: torch.device, repeat: int = 20) -> float:
    """Median seconds of a call by CUDA events, after a warm-up."""
    times = []
    for _ in range(repeat + 3):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record(torch.cuda.current_stream(device))
        work()
        end.record(torch.cuda.current_stream(device))
        end.synchronize()
        times.append(begin.elapsed_time(end) / 1000)
    return median(times[3:])
