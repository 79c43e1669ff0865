"""How fast the product is on this machine: the whole pipeline, its stages, and the parts of a frame."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch

from ..config import TransferSettings
from ..config.evaluate import BenchSettings
from ..media.paths import check_whole, whole_file
from ..run import silent
from ..runtime import peak_rss_mb, pick_device
from ..types import Progress
from ..weights import shipped
from .machine import session_facts
from .mannequin import write_mannequin
from .speed_parts import bandwidths, parts_ms

FORMAT = "motionimit-bench-1"
LARGE_PX = 1024  # timed besides where there is a GPU
WARM_UP = 1  # runs of each generator that are reported apart


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and greatest of several values."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(float(median(values)), float(min(values)), float(max(values)))

    def as_json(self) -> dict[str, float]:
        return {"median": self.median, "low": self.low, "high": self.high}


def bench(settings: BenchSettings, progress: Progress | None = None) -> dict[str, Any]:
    """Time everything; returns what `--output` holds, plain JSON values, and writes it there. Raises as `transfer` does.

    Without material of the user's a painted person is used, so that machines can be compared.
    """
    settings.check_paths()
    device, tell = pick_device(settings.device), progress or silent
    if settings.driver is not None:
        check_whole(settings.driver)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photo, clip = settings.source, settings.driver
        if photo is None or clip is None:
            tell("material", 0, 1)
            photo, clip = write_mannequin(folder, settings.frames)
            tell("material", 1, 1)
        runs = _whole(settings, photo, clip, folder, tell)
        sizes = (settings.size_px, LARGE_PX) if device.type == "cuda" and settings.size_px < LARGE_PX else (settings.size_px,)
        parts = {str(size): parts_ms(photo, clip, size, settings.frames, settings.repeats, device) for size in sizes}
        copy, kernels = bandwidths(device) if device.type == "cuda" else (None, [])
    data = {
        "format": FORMAT,
        **session_facts(settings.device),
        "settings": settings.as_report(),
        "material": "a painted person" if settings.source is None else f"{photo.name} and {clip.name}",
        "pipeline": {g: _summed([r for r in runs if r["generator"] == g]) for g in dict.fromkeys(r["generator"] for r in runs)},
        "parts_ms": {size: {k: Spread.of(v).as_json() for k, v in found.items()} for size, found in parts.items()},
        "copy_gb_s": copy,
        "feature_warp": kernels,
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "peak_gpu_mb": round(torch.cuda.max_memory_allocated(device) / 1e6, 1) if device.type == "cuda" else None,
        "runs": runs,
    }
    if settings.output is not None:
        with whole_file(settings.output) as half:
            half.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return data


def _whole(settings: BenchSettings, photo: Path, clip: Path, folder: Path, tell: Progress) -> list[dict[str, Any]]:
    """The whole pipeline, generators in turn, so that a machine that slows down slows all of them."""
    from ..pipeline import transfer

    generators = ("warp", "attlwb") if shipped() is not None else ("warp",)
    rounds = WARM_UP + settings.repeats
    runs: list[dict[str, Any]] = []
    for number in range(rounds):
        for generator in generators:
            tell("runs", len(runs), rounds * len(generators))
            job = TransferSettings(
                sources=(photo,),
                driving=clip,
                output=folder / "out.mp4",
                size_px=settings.size_px,
                device=settings.device,
                max_frames=settings.frames,
                generator=generator,  # type: ignore[arg-type]
            )
            report = transfer(job)
            runs.append(
                {
                    "generator": generator,
                    "warm_up": number < WARM_UP,
                    "frames": report.frames,
                    "size": list(report.size),
                    "frames_per_s": report.frames / report.driver_s,
                    "source_s": report.source_s,
                    "driver_s": report.driver_s,
                    "wall_s": report.wall_s,
                    "stages_s": dict(report.seconds),
                }
            )
    tell("runs", len(runs), len(runs))
    return runs


def _summed(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Spreads over the runs that count, and the warm-up's figures beside them."""
    counted, first = [r for r in runs if not r["warm_up"]], runs[0]
    stages = dict.fromkeys(stage for r in counted for stage in r["stages_s"])

    def spread(values: Iterable[float]) -> dict[str, float]:
        return Spread.of(list(values)).as_json()

    return {
        "runs": len(counted),
        "frames": first["frames"],
        "size": first["size"],
        "frames_per_s": spread(r["frames_per_s"] for r in counted),
        "source_s": spread(r["source_s"] for r in counted),
        "wall_s": spread(r["wall_s"] for r in counted),
        "stages_s": {stage: spread(r["stages_s"].get(stage, 0.0) for r in counted) for stage in stages},
        "warm_up": {name: first[name] for name in ("frames_per_s", "source_s", "wall_s")},
    }


def bench_rows(data: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, value) pairs of a bench's figures, for one table."""
    threads = f"{data['cores']} cores, {data['threads']} threads"
    rows = [("machine", f"{data['device']}, {data['cpu']}, {threads}, torch {data['torch']}")]
    rows.append(("version", f"{data['version']} at {data['commit'] or 'no commit'}, {data['date']}"))
    for generator, told in data["pipeline"].items():
        size, first = "x".join(map(str, told["size"])), told["warm_up"]
        rate = f"{_shown(told['frames_per_s'], 1)} frames/s after {_shown(told['source_s'], 2)} s for the photo"
        what = f"{told['frames']} frames of {size}, {told['runs']} runs"
        rows.append((f"pipeline, {generator}", f"{rate} ({what}; warm-up: {first['frames_per_s']:.1f} frames/s)"))
        stages = ", ".join(f"{stage} {_shown(s, 2)}" for stage, s in told["stages_s"].items())
        rows.append((f"busy s, {generator}", stages))
    for size, parts in data["parts_ms"].items():
        for part, spread in parts.items():
            rows.append((f"{part}, {size} px", f"{_shown(spread, 1)} ms per frame"))
    for kernel in data["feature_warp"]:
        share = f"{kernel['gb_s']:.0f} GB/s, {kernel['share_pct']:.0f} % of a copy's {data['copy_gb_s']:.0f}"
        rows.append((f"feature warp, {kernel['what']}", f"{kernel['us']:.0f} us, {share}"))
    gpu = "" if data["peak_gpu_mb"] is None else f", {data['peak_gpu_mb'] / 1000:.2f} GB on the GPU"
    rows.append(("peak memory", f"{data['peak_rss_mb'] / 1000:.2f} GB{gpu}"))
    return rows


def _shown(spread: dict[str, float], digits: int) -> str:
    """``12.1 (11.8 to 12.4)``; the median alone where all are alike."""
    middle, low, high = (f"{spread[k]:.{digits}f}" for k in ("median", "low", "high"))
    return middle if low == high else f"{middle} ({low} to {high})"
