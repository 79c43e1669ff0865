"""Self-reconstruction: frame 0 of a clip is the photo, the clip drives, and the true frames are known.

python benchmarks/self_reconstruction.py OUT CLIP... [--score SCORE.PY]

For each clip writes OUT/NAME.png (frame 0), OUT/NAME.mp4 (the result, 512 px high, --camera copy) and OUT/NAME.report.json. With
--score, a script called as `SCORE.PY self --truth CLIP --pred RESULT --height 512 --json FILE` scores each result; its
PSNR, SSIM and LPIPS (in the person's box) are printed with their means.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np

HEIGHT_PX = 512
KEYS = ("psnr", "ssim", "lpips", "akd", "iou")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--score", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print("clip", *KEYS, "reprojection_pct", "mask_iou", "jitter_mm", "source_s", "frames_per_s", sep="\t")
    rows = [measure(clip, args.out, args.score) for clip in args.clips]
    if rows:
        print("MEAN", *(f"{v:.3f}" for v in np.mean(rows, axis=0)), sep="\t")


def measure(clip: Path, out: Path, score: Path | None) -> list[float]:
    """Make and score one clip; prints and returns its row."""
    result, facts = reconstruct(clip, out)
    scores = dict.fromkeys(KEYS, float("nan"))
    if score is not None:
        scores |= scored(score, clip, result)
    fit = facts["fit"]
    row = [*(scores[k] for k in KEYS), fit["reprojection_pct"]["mean"], fit["mask_iou"] or float("nan"), fit["jitter_mm"]]
    row += [facts["source_s"], facts["frames"] / facts["driver_s"]]
    print(clip.stem, *(f"{v:.3f}" for v in row), sep="\t", flush=True)
    return row


def reconstruct(clip: Path, out: Path, *options: object) -> tuple[Path, dict[str, Any]]:
    """Drive frame 0 by its own clip, with further `options` of `transfer`: the result's path and the run's report."""
    photo, result, report = (out / f"{clip.stem}{end}" for end in (".png", ".mp4", ".report.json"))
    with av.open(str(clip)) as container:
        frame = next(container.decode(video=0))
        frame.to_image().save(photo)
    size = max(HEIGHT_PX, round(HEIGHT_PX * frame.width / frame.height))
    command = ["transfer", photo, clip, "-o", result, "--camera", "copy", "--size", size, "--report", report, "--quiet", *options]
    subprocess.run([sys.executable, "-m", "motionimit_cli.main", *map(str, command)], check=True)
    return result, json.loads(report.read_text())


def scored(score: Path, clip: Path, result: Path) -> dict[str, float]:
    """The scoring script's means; its rows go into a .score.json beside the result."""
    options = ["self", "--truth", clip, "--pred", result, "--height", HEIGHT_PX, "--json", result.with_suffix(".score.json")]
    done = subprocess.run([sys.executable, str(score), *map(str, options)], check=True, capture_output=True, text=True)
    means: dict[str, float] = json.loads(done.stdout)
    return means


if __name__ == "__main__":
    main()
