"""Several photos against one, and novel views against truth: frames of a turning person are the photos, the clip is the truth.

python benchmarks/many_sources.py OUT CLIP... --score SCORE.PY [--photos 1 2 4]

For each clip the body is fitted once (OUT/NAME.npz), and the frames whose yaw is nearest to 0, 180, 90 and -90 degrees become
OUT/NAME.front.png and so on. With 1, 2 (front, back) and 4 of them the clip is made again (512 px high, --camera copy) and
scored by SCORE.PY (see self_reconstruction.py) in the person's box, frames that are photos left out. Printed are means over the
whole clip, over the turn (from the first to the last frame turned by more than 20 degrees), and over buckets of yaw, 45 degrees
wide, about 0, 45, 90, 135 and 180 degrees.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
from self_reconstruction import HEIGHT_PX

from motionimit.body.export import read_motion

VIEWS_DEG = {"front": 0, "back": 180, "left": 90, "right": -90}
SETS = {1: ("front",), 2: ("front", "back"), 4: ("front", "back", "left", "right")}
KEYS = ("psnr", "ssim", "lpips", "akd")
TURNED_DEG = 20
BUCKETS_DEG = (0, 45, 90, 135, 180)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--photos", type=int, nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--generator", default="warp")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print("clip", "photos", "frames", "part", *KEYS, sep="\t")
    for clip in args.clips:
        yaw = yaw_deg(clip, args.out)
        photos = extracted(clip, yaw, args.out)
        for count in args.photos:
            rows = scored_rows(clip, [photos[name][0] for name in SETS[count]], args)
            rows = [r for r in rows if r["index"] not in {photos[name][1] for name in photos}]
            for part, chosen in parts(rows, yaw).items():
                means = [np.mean([r[k] for r in chosen if k in r]) for k in KEYS]
                print(clip.stem, count, len(chosen), part, *(f"{m:.4f}" for m in means), sep="\t", flush=True)


def yaw_deg(clip: Path, out: Path) -> np.ndarray:
    """[T] of the body in every frame, 0 = facing the camera; -180..180."""
    motion = out / f"{clip.stem}.npz"
    if not motion.exists():
        command("fit", clip, "-o", motion, "--quiet")
    forward = read_motion(motion).params.rotations[:, 0, :, 2].numpy()
    return np.degrees(np.arctan2(forward[:, 0], forward[:, 2]))


def extracted(clip: Path, yaw: np.ndarray, out: Path) -> dict[str, tuple[Path, int]]:
    """View → the picture nearest to it, written as PNG, and its frame."""
    frames = {name: int(np.abs((yaw - view + 180) % 360 - 180).argmin()) for name, view in VIEWS_DEG.items()}
    paths = {name: out / f"{clip.stem}.{name}.png" for name in frames}
    with av.open(str(clip)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            for name, wanted in frames.items():
                if index == wanted:
                    frame.to_image().save(paths[name])
    return {name: (paths[name], frames[name]) for name in frames}


def scored_rows(clip: Path, photos: list[Path], args: argparse.Namespace) -> list[dict[str, float]]:
    """The scoring script's row of every fourth frame."""
    result = args.out / f"{clip.stem}.{len(photos)}.mp4"
    scores = result.with_suffix(".score.json")
    with av.open(str(clip)) as container:
        size = max(HEIGHT_PX, round(HEIGHT_PX * container.streams.video[0].width / container.streams.video[0].height))
    options = ["--camera", "copy", "--size", size, "--generator", args.generator, "--quiet"]
    command("transfer", *photos, clip, "-o", result, *options, "--report", result.with_suffix(".report.json"))
    asked = ["self", "--truth", clip, "--pred", result, "--height", HEIGHT_PX, "--every", 4, "--max", 999, "--json", scores]
    subprocess.run([sys.executable, str(args.score), *map(str, asked)], check=True, capture_output=True)
    rows: list[dict[str, float]] = json.loads(scores.read_text())["rows"]
    return [r for r in rows if "lpips" in r]


def parts(rows: list[dict[str, float]], yaw: np.ndarray) -> dict[str, list[dict[str, float]]]:
    """Name → the rows that a mean is taken over."""
    turned = np.flatnonzero(np.abs(yaw) > TURNED_DEG)
    out = {"clip": rows, "turn": [r for r in rows if turned[0] <= r["index"] <= turned[-1]]}
    for bucket in BUCKETS_DEG:
        near = [r for r in rows if abs(abs(yaw[int(r["index"])]) - bucket) < 22.5]
        out |= {f"{bucket} deg": near} if near else {}
    return out


def command(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "motionimit_cli.main", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
