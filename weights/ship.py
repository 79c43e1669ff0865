"""Make the weights of a training run the package's: python weights/ship.py RUN --trained-on TEXT [--size small]

Writes motionimit/data/generator_SIZE.safetensors (the averaged generator in float16) with its hash, and copies the run's
hand-over file, from which training goes on elsewhere, to weights/handover_SIZE.safetensors.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch

from motionimit.media.paths import file_sha256
from motionimit.weights import DATA, HASHES, load_generator, read_meta, save_generator

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the --out folder of `motionimit train attlwb`")
    parser.add_argument("--trained-on", required=True, help="one sentence; it stands in every report")
    parser.add_argument("--size", default="small")
    args = parser.parse_args()
    made = args.run / "generator.safetensors"
    meta = read_meta(made)
    kept = {k: v for k, v in meta.items() if k not in ("format", "config")} | {"trained_on": args.trained_on}
    shipped = DATA / f"generator_{args.size}.safetensors"
    save_generator(shipped, load_generator(made), kept, torch.float16)
    hashes = DATA / HASHES
    known = json.loads(hashes.read_text()) if hashes.exists() else {}
    hashes.write_text(json.dumps(known | {shipped.name: file_sha256(shipped)}, indent=1) + "\n")
    shutil.copyfile(args.run / "handover.safetensors", HERE / f"handover_{args.size}.safetensors")
    print(f"{shipped}: {shipped.stat().st_size / 1e6:.2f} MB, {file_sha256(shipped)}")


if __name__ == "__main__":
    main()
