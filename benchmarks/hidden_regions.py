"""The generator where the truth is known: synthetic people that it wasn't trained on, and the pixels that no photo saw.

python benchmarks/hidden_regions.py PAIRS... --lpips LPIPS.NPZ [--weights NAME=FILE...] [--people N] [--sheet FILE.png]

Every PAIRS is a folder that `motionimit train synth` made; folders made with one seed and `--photos 1`, 2 and 4 compare numbers
of photos. Per folder and number of photos one row for the geometric core ("warp") and one per weights file (an ablation table):

persons, frames   what was averaged over
lpips psnr ssim   of the whole crop over the true background
hidden            LPIPS in the hidden pixels alone: its map, every stage brought to the picture's size, averaged over them
alone             the same after everything but the hidden pixels has been replaced by the truth: nothing can shine in
seen              as hidden, in the person's other pixels
ms                of the generator's network per frame (inputs are ready), median

LPIPS compares pictures 256 px high, as the scoring of real clips does. LPIPS.NPZ: see `motionimit.training.perceptual.Lpips`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from motionimit.compositing.label import grid
from motionimit.generator.inputs import Batch, Truth
from motionimit.generator.model import Generator
from motionimit.media.image import write_png
from motionimit.training.losses import composite, true_composite
from motionimit.training.perceptual import Lpips
from motionimit.training.storage import PairFile, example_files, read_about
from motionimit.weights import load_generator

HEIGHT_PX = 256
COLUMNS = ("lpips", "hidden", "alone", "seen", "psnr", "ssim", "ms")
WINDOW_PX = 7  # of SSIM
LEAST_HIDDEN = 1e-3  # share of the crop from which on a frame has hidden pixels to speak of
SHEET_ROWS = 8
Row = dict[str, float]
Pictures = list[np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, nargs="+")
    parser.add_argument("--lpips", type=Path, required=True)
    parser.add_argument("--weights", nargs="*", default=[], metavar="NAME=FILE")
    parser.add_argument("--people", type=int, default=1_000_000, metavar="N", help="use the first N of every folder")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="truth, warp and every generator beside each other")
    args = parser.parse_args()
    generators: dict[str, Generator | None] = {"warp": None}
    for text in args.weights:
        name, _, path = text.rpartition("=")
        generators[name or Path(path).stem] = load_generator(Path(path))
    lpips, columns = Lpips(args.lpips), list[Pictures]()
    print("pairs", "photos", "generator", "persons", "frames", *COLUMNS, "lpips_pct", "hidden_pct", sep="\t")
    for folder in args.pairs:
        files = example_files(folder)[: args.people]
        photos = {path: int(read_about(path)["photos"]) for path in files}
        for count in sorted(set(photos.values())):
            chosen = [path for path in files if photos[path] == count]
            base: Row = {}
            for name, generator in generators.items():
                row, results, truths = measure(chosen, generator, lpips)
                base = base or row
                show([folder.name, count, name, len(chosen)], row, base)
                if len(columns) <= len(generators):  # of the first folder and number of photos
                    columns += [results] if columns else [truths, results]
    if args.sheet:
        write_png(args.sheet, grid([list(row) for row in zip(*columns, strict=True)], 320))


def show(head: list[object], row: Row, base: Row) -> None:
    """One line: the row, and by how much LPIPS in all and in hidden pixels differ from those of `base`."""
    changes = [f"{100 * (row[k] / base[k] - 1):+.1f}" for k in ("lpips", "hidden")]
    print(*head, int(row["frames"]), *(f"{row[k]:.4f}" for k in COLUMNS), *changes, sep="\t", flush=True)


def measure(files: list[Path], generator: Generator | None, lpips: Lpips) -> tuple[Row, Pictures, Pictures]:
    """Means over all frames of the files (of `hidden` and `alone` over those that have hidden pixels), and pictures of the
    first frames: results and truths."""
    rows: list[Row] = []
    results: Pictures = []
    truths: Pictures = []
    for path in files:
        for number, batch in enumerate(sequences(path)):
            for made, truth, ms in refined(batch, generator):
                rows.append(scores(made, truth, lpips) | {"ms": ms})
            if number == 0 and len(results) < SHEET_ROWS:
                results.append(to_picture(made))
                truths.append(to_picture(true_composite(truth)))
    means = {k: float(np.nanmean([r[k] for r in rows])) for k in COLUMNS[:-1]}
    return means | {"ms": median(r["ms"] for r in rows), "frames": len(rows)}, results, truths


def sequences(path: Path) -> Iterator[Batch]:
    """All sequences of one person, whole crops."""
    with PairFile(path) as file:
        source = file.source()
        for k in range(file.sequences):
            yield Batch(source, *file.sequence(k))


def refined(batch: Batch, generator: Generator | None) -> Iterator[tuple[Tensor, Truth, float]]:
    """Per frame: the result over the true background [1, 3, H, W], the truth, and the network's milliseconds."""
    with torch.inference_mode():
        identity = None if generator is None else generator.encode(batch.source)
        state = None
        for target, truth in zip(batch.targets, batch.truths, strict=True):
            begin_s, rgb, alpha = time.perf_counter(), target.rgba[:, :3], target.rgba[:, 3:]
            if generator is not None and identity is not None:
                made = generator(identity, target, state)
                rgb, alpha, state = made.rgb, made.alpha, made.state
            ms = 1000 * (time.perf_counter() - begin_s)
            yield composite(rgb, alpha, truth.backdrop), truth, ms


def scores(result: Tensor, truth: Truth, lpips: Lpips) -> Row:
    """The row of one frame; `hidden` and `alone` are NaN where nothing is hidden."""
    wanted = true_composite(truth)
    size = (HEIGHT_PX, max(64, round(wanted.shape[3] * HEIGHT_PX / wanted.shape[2])))
    hidden, person = truth.hidden, (truth.alpha > 0.5).float()
    features = lpips.features(resized(wanted, size))
    spread = lpips_map(lpips, lpips.features(resized(result, size)), features, size)
    row = {"lpips": float(spread.mean()), "hidden": float("nan"), "alone": float("nan")}
    row["seen"] = mean_in(spread, resized(person * (1 - hidden), size))
    if hidden.mean() > LEAST_HIDDEN:
        weight = resized(hidden, size)
        pasted = resized(torch.lerp(wanted, result, hidden), size)
        row["hidden"] = mean_in(spread, weight)
        row["alone"] = mean_in(lpips_map(lpips, lpips.features(pasted), features, size), weight)
    row["psnr"] = -10 * float(((result - wanted) ** 2).mean().clamp_min(1e-10).log10())
    return row | {"ssim": ssim(result, wanted)}


def lpips_map(lpips: Lpips, a: tuple[Tensor, ...], b: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
    """[1, 1, H, W]: weighted squared differences of every stage, brought to `size` and summed; its mean is about LPIPS."""
    total = torch.zeros(1, 1, *size)
    for k, (x, y) in enumerate(zip(a, b, strict=True)):
        stage = ((x - y) ** 2 * getattr(lpips, f"head{k}")).sum(1, keepdim=True)
        total += F.interpolate(stage, size, mode="bilinear", align_corners=False)
    return total


def mean_in(spread: Tensor, weight: Tensor) -> float:
    return float((spread * weight).sum() / weight.sum().clamp_min(1e-6))


def resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)


def ssim(a: Tensor, b: Tensor) -> float:
    """Mean structural similarity of [1, 3, H, W] in 0..1 (Wang et al. 2004), even windows of 7 px, unbiased variances."""

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, WINDOW_PX, 1)

    unbiased = WINDOW_PX**2 / (WINDOW_PX**2 - 1)
    ma, mb = mean(a), mean(b)
    va, vb, cov = (unbiased * (mean(x * y) - mx * my) for x, y, mx, my in ((a, a, ma, ma), (b, b, mb, mb), (a, b, ma, mb)))
    like = (2 * ma * mb + 1e-4) * (2 * cov + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
    return float(like.mean())


def to_picture(rgb: Tensor) -> np.ndarray:
    return (rgb[0].clamp(0, 1).permute(1, 2, 0) * 255 + 0.5).to(torch.uint8).numpy()


if __name__ == "__main__":
    main()
