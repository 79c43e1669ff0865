"""How fast the generator is.

python benchmarks/generator_speed.py PHOTO CLIP [--weights FILE] [--size 512] [--frames 60] [--runs 3] [--device auto]

1. Milliseconds per frame all in, median: the generator's inputs, the network with pasting, and composing; the geometric core's
   rendering beside it for comparison. Nothing is rendered ahead. On a busy machine look at the processor time (of all threads).
2. Frames per second of the whole pipeline (`driver_s` of the report: landmarks, fit, rendering, generator, encoding), `warp` and
   `attlwb` in turn, RUNS times each, medians; the first of each is a warm-up and not counted where RUNS > 1.
3. With CUDA: the feature warp's bytes per second as a share of what copying a large tensor reaches on this device.

Without --weights and without weights in the package an untrained network is timed: it takes as long.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from photo_sheet import recover

from motionimit import pipeline
from motionimit.avatar.avatar import Avatar
from motionimit.body.retarget import retarget
from motionimit.compositing.place import over
from motionimit.config import TransferSettings
from motionimit.evaluation.speed_parts import bandwidths
from motionimit.flow.transfer import renderers
from motionimit.generator.model import Generator
from motionimit.generator.refine import Refiner
from motionimit.geometry.camera import Camera
from motionimit.run import Run
from motionimit.runtime import pick_device
from motionimit.sources import avatar_of
from motionimit.weights import load_generator, save_generator, shipped

WARM_UP = 3  # frames
PARTS = ("render", "inputs", "network", "compose")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    device = pick_device(args.device)
    with tempfile.TemporaryDirectory() as folder:
        weights = args.weights or shipped("small") or untrained(Path(folder))
        print(f"device {device}, torch {torch.get_num_threads()} threads, weights {weights.name}", flush=True)
        per_frame(args.photo, args.clip, load_generator(weights, device), args.size, args.frames, device)
        if args.runs:
            whole(args.photo, args.clip, weights, args.size, args.runs, args.device, Path(folder))
    if device.type == "cuda":
        bandwidth(device)
    else:
        print("feature warp: skipped, its bandwidth is measured with CUDA only")


def untrained(folder: Path) -> Path:
    path = folder / "untrained.safetensors"
    save_generator(path, Generator(), {"steps": 0})
    return path


def per_frame(path: Path, clip: Path, generator: Generator, size_px: int, frames: int, device: torch.device) -> None:
    """Print the medians of every part, in ms, over `frames` frames of the clip."""
    run = Run()
    avatar, bones, camera = posed(path, clip, run, size_px)
    (renderer,) = renderers(avatar, device)
    begin_s = now(device)
    refiner = Refiner.of(generator, avatar.portraits, run.model, device)
    encode_ms = 1000 * (now(device) - begin_s)
    backdrop, memory, boxes = avatar.background.to(device), None, []
    times: dict[str, list[float]] = {part: [] for part in PARTS}
    cpu_s: list[float] = []
    for t in range(min(frames + WARM_UP, len(bones))):
        marks = [now(device)]
        warped = renderer.render(bones[t], camera)
        marks.append(now(device))
        busy_s = time.process_time()
        drawn = refiner.prepare([warped], bones[t], camera)
        marks.append(now(device))
        rgba, memory = refiner.refine(drawn, memory)
        marks.append(now(device))
        over(rgba, backdrop)
        marks.append(now(device))
        if t >= WARM_UP and drawn.box is not None:
            cpu_s.append(time.process_time() - busy_s)
            boxes.append((drawn.box.width * drawn.box.height, drawn.box.width, drawn.box.height))
            for part, first, last in zip(PARTS, marks, marks[1:], strict=False):
                times[part].append(1000 * (last - first))
    if not boxes:
        raise SystemExit(f"{clip} is too short: it needs more than {WARM_UP} frames with the person in sight")
    _, width, height = sorted(boxes)[len(boxes) // 2]
    print(
        "output {}x{},".format(*camera.size_px),
        f"crop {width}x{height}, {len(boxes)} frames, photo encoded in {encode_ms:.0f} ms",
    )
    print(*(f"{part} {median(ms):.1f} ms" for part, ms in times.items()), sep=", ")
    wall, cpu = sum(median(times[p]) for p in PARTS[1:]), 1000 * median(cpu_s)
    print(f"generator all in: {wall:.1f} ms per frame; processor time {cpu:.1f} ms", flush=True)


def posed(path: Path, clip: Path, run: Run, size_px: int) -> tuple[Avatar, torch.Tensor, Camera]:
    """The photo's avatar, the clip's poses [T, 24, 4, 4] for it, and the camera of the output."""
    driver, avatar = recover(clip, run, 1).motion, avatar_of([path], size_px, run)
    placed = retarget(avatar.params, driver.params, run.model, fps=float(driver.fps), cuts=driver.cuts)
    return avatar, run.model.transforms(placed), placed.camera


def now(device: torch.device) -> float:
    """Seconds, when all work given to the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def whole(photo: Path, clip: Path, weights: Path, size_px: int, runs: int, device: str, folder: Path) -> None:
    """Print the median frames per second of the whole pipeline with both generators."""
    rates: dict[str, list[float]] = {"warp": [], "attlwb": []}
    for _ in range(runs):
        for name, found in rates.items():
            settings = TransferSettings(
                sources=(photo,),
                driving=clip,
                output=folder / f"{name}.mp4",
                size_px=size_px,
                device=device,
                generator="warp" if name == "warp" else "attlwb",
                weights=None if name == "warp" else weights,
            )
            report = pipeline.transfer(settings)
            found.append(report.frames / report.driver_s)
            print(f"{name}: {found[-1]:.2f} frames/s, busy", *(f"{k} {v:.1f}" for k, v in report.seconds.items()), flush=True)
    for name, found in rates.items():
        counted = found[1:] or found
        print(f"{name}: median {median(counted):.2f} frames/s ({min(counted):.2f} to {max(counted):.2f})")


def bandwidth(device: torch.device) -> None:
    """Print the feature warp's bytes per second against those of a copy."""
    copy, warps = bandwidths(device)
    print(f"copy: {copy:.0f} GB/s")
    for w in warps:
        print(f"feature warp, {w['what']}: {w['us']:.0f} us, {w['gb_s']:.0f} GB/s, {w['share_pct']:.0f} % of copy")


if __name__ == "__main__":
    main()
