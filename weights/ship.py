"""Make the weights of a training run the package's: python weights/ship.py RUN --trained-on TEXT --size SIZE

Writes motionimit/data/FAMILY_SIZE.safetensors (the averaged network in float16; FAMILY is generator, pg2 or rsa, as the run's
file says) and its hash. For the generator of videos it also copies the run's hand-over file, from which training goes on
elsewhere, to weights/handover_SIZE.safetensors (never damped); networks for stills go on from the shipped file.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch

from motionimit.media.paths import file_sha256
from motionimit.weight_files import family_of, load_weights, save_weights
from motionimit.weights import DATA, GENERATOR, HASHES, STILLS

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the --out folder of `motionimit train`")
    parser.add_argument("--trained-on", required=True, help="one sentence; it stands in every report")
    parser.add_argument("--size", default="small", help="as it was given to `motionimit train`")
    parser.add_argument("--damp", type=float, default=1.0, metavar="SHARE", help="of the generator's residual colour to keep")
    args = parser.parse_args()
    made, families = args.run / "generator.safetensors", GENERATOR | STILLS
    family, meta = family_of(made, families)
    kept = {k: v for k, v in meta.items() if k not in ("format", "config")} | {"trained_on": args.trained_on}
    shipped = DATA / f"{family.name}_{args.size}.safetensors"
    model = load_weights(made, families)
    if args.damp != 1:
        model.damp(args.damp)
        kept["damped"] = args.damp
    save_weights(shipped, family, model, kept, torch.float16)
    hashes = DATA / HASHES
    known = json.loads(hashes.read_text()) if hashes.exists() else {}
    hashes.write_text(json.dumps(known | {shipped.name: file_sha256(shipped)}, indent=1) + "\n")
    if family.name in GENERATOR:
        shutil.copyfile(args.run / "handover.safetensors", HERE / f"handover_{args.size}.safetensors")
    print(f"{shipped}: {shipped.stat().st_size / 1e6:.2f} MB, {file_sha256(shipped)}")


if __name__ == "__main__":
    main()
