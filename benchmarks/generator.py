"""The generator against the geometric core on the same clips: frame 0 of a clip is the photo, the clip drives.

python benchmarks/generator.py OUT CLIP... --score SCORE.PY [--weights FILE] [--personalize STEPS] [--reuse]

Runs `transfer` with `--generator warp` and `--generator attlwb` (and, with --personalize, once more after fine-tuning on the
photo) into OUT/warp, OUT/attlwb, OUT/personal, and scores each as `self_reconstruction.py` does. Prints, per clip and in the
mean: PSNR, SSIM, LPIPS in the person's box, AKD, flicker, and how much the result and the true clip change between frames; then
the change of each measure and on how many clips it is better. --reuse takes the scores of an earlier run from OUT where they are:
delete OUT/attlwb after new weights. Results of other weights need another OUT.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from self_reconstruction import reconstruct, scored

KEYS = ("psnr", "ssim", "lpips", "akd", "flicker", "motion_pred", "motion_truth")
SIGN = {"psnr": 1, "ssim": 1, "lpips": -1, "akd": -1, "flicker": -1}  # 1: more is better
Row = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--personalize", type=int, metavar="STEPS")
    parser.add_argument("--reuse", action="store_true")
    args = parser.parse_args()
    own = ["--weights", args.weights] if args.weights else []
    variants: dict[str, list[object]] = {"warp": ["--generator", "warp"], "attlwb": ["--generator", "attlwb", *own]}
    if args.personalize:
        variants["personal"] = [*variants["attlwb"], "--personalize", args.personalize]
    print("clip", "generator", *KEYS, "frames_per_s", sep="\t")
    rows: dict[str, list[Row]] = {name: [] for name in variants}
    for clip in args.clips:
        for name, options in variants.items():
            row = measure(clip, args.out / name, options, args.score, args.reuse)
            rows[name].append(row)
            show(clip.stem, name, row)
    for name, found in rows.items():
        show("MEAN", name, {k: float(np.mean([r[k] for r in found])) for k in found[0]})
    compare("attlwb", rows["attlwb"], "warp", rows["warp"])
    if "personal" in rows:
        compare("personal", rows["personal"], "attlwb", rows["attlwb"])


def measure(clip: Path, out: Path, options: list[object], score: Path, reuse: bool) -> Row:
    """Make and score one clip with `options`."""
    kept = out / f"{clip.stem}.row.json"
    if reuse and kept.exists():
        row: Row = json.loads(kept.read_text())
        return row
    out.mkdir(parents=True, exist_ok=True)
    result, facts = reconstruct(clip, out, *options)
    means = scored(score, clip, result)
    row = {k: means.get(k, float("nan")) for k in KEYS} | {"frames_per_s": facts["frames"] / facts["driver_s"]}
    kept.write_text(json.dumps(row))
    return row


def show(clip: str, name: str, row: Row) -> None:
    print(clip, name, *(f"{row[k]:.4f}" for k in KEYS), f"{row['frames_per_s']:.1f}", sep="\t", flush=True)


def compare(name: str, new: list[Row], against: str, old: list[Row]) -> None:
    """Print the change of every measure's mean, and on how many clips it is better and worse."""
    for key, sign in SIGN.items():
        a, b = (np.array([r[key] for r in rows]) for rows in (new, old))
        change = 100 * (a.mean() / b.mean() - 1)
        worst = (sign * (a / b - 1) * 100).min()
        counts = f"better {(sign * (a - b) > 0).sum()}, worse {(sign * (a - b) < 0).sum()} of {len(a)}"
        print(
            f"{name} vs {against}: {key} {b.mean():.4f} -> {a.mean():.4f} ({change:+.1f} %), {counts}, worst clip {worst:+.1f} %"
        )


if __name__ == "__main__":
    main()
