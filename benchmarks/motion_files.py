"""Driving by an exported motion against driving by its clip.

python benchmarks/motion_files.py OUT PHOTO CLIP... [--max-frames N] [--camera MODE] [--size PX]

For each clip writes, in OUT/NAME, motion.npz and motion.bvh (`motionimit fit`) and the frames that PHOTO gives when the clip, the
.npz and the .bvh drive it (PNG, so that no codec hides or adds a difference). Prints, for each file, its size, the PSNR of the
results (worst frame, and all frames together; inf where every pixel is equal), the share of pixels that differ by more than 2 of
255, and how long the two transfers took.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

FORMATS = (".npz", ".bvh")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("photo", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--max-frames", type=int, default=60)
    parser.add_argument("--camera", default="smooth")
    parser.add_argument("--size", type=int, default=512)
    args = parser.parse_args()
    print("clip", "file", "camera", "frames", "kB", "worst_db", "psnr_db", "differ_pct", "clip_s", "file_s", sep="\t")
    for clip in args.clips:
        folder = args.out / clip.stem
        folder.mkdir(parents=True, exist_ok=True)
        span = ("--max-frames", args.max_frames)
        drawn = ("--camera", args.camera, "--size", args.size)
        clip_s = transferred(folder / "by_clip", args.photo, clip, *span, *drawn)
        for suffix in FORMATS:
            motion = folder / f"motion{suffix}"
            motionimit("fit", clip, "-o", motion, *span)
            file_s = transferred(folder / f"by_{suffix[1:]}", args.photo, motion, *drawn)
            row = compared(folder / "by_clip", folder / f"by_{suffix[1:]}")
            size_kb = motion.stat().st_size / 1000
            print(
                clip.stem,
                suffix,
                args.camera,
                row[0],
                f"{size_kb:.0f}",
                *(f"{v:.2f}" for v in (*row[1:], clip_s, file_s)),
                sep="\t",
            )


def transferred(folder: Path, photo: Path, driver: Path, *options: object) -> float:
    """Draw the frames into a folder; the seconds of the whole run."""
    report = folder.with_suffix(".json")
    motionimit("transfer", photo, driver, "-o", folder, "--report", report, *options)
    seconds: float = json.loads(report.read_text())["wall_s"]
    return seconds


def motionimit(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "motionimit_cli.main", *map(str, words), "--quiet"], check=True)


def compared(one: Path, other: Path) -> tuple[int, float, float, float]:
    """Frames, PSNR of the worst frame and of all in dB, and the percentage of pixels that differ by more than 2."""
    names = sorted(path.name for path in one.glob("*.png"))
    if names != sorted(path.name for path in other.glob("*.png")):
        raise SystemExit(f"{one} and {other} hold different frames")
    errors, differ = [], []
    for name in names:
        a, b = (cv2.imread(str(folder / name)).astype(float) for folder in (one, other))
        errors.append(float(((a - b) ** 2).mean()))
        differ.append(float((np.abs(a - b).max(-1) > 2).mean()))
    return len(names), psnr_db(max(errors)), psnr_db(float(np.mean(errors))), 100 * float(np.mean(differ))


def psnr_db(error: float) -> float:
    return 10 * float(np.log10(255**2 / error)) if error else float("inf")


if __name__ == "__main__":
    main()
