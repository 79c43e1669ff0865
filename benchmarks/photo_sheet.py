"""A contact sheet of many photos driven by many clips: one row per photo, a few frames per clip.

python benchmarks/photo_sheet.py sheet.png --photos a.jpg b.jpg --clips dance.mp4 turn.mp4 [--frames 4] [--height 300] [--learned]

With --learned every photo has a second row: the same frames refined by the shipped generator.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from motionimit.body.export import Motion
from motionimit.body.retarget import retarget
from motionimit.compositing.label import grid
from motionimit.compositing.place import over
from motionimit.driving import DRIVER_SIDE_PX, recover_motion
from motionimit.errors import MotionimitError
from motionimit.flow.transfer import renderers
from motionimit.generator.model import Generator
from motionimit.generator.refine import Refiner
from motionimit.media.image import write_png
from motionimit.media.reader import VideoReader
from motionimit.run import Run
from motionimit.sources import avatar_of
from motionimit.weights import load_generator


@dataclass(frozen=True)
class Acted:
    motion: Motion
    shown: list[int]
    pictures: list[np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--clips", type=Path, nargs="+", required=True)
    parser.add_argument("--frames", type=int, default=4, help="per clip")
    parser.add_argument("--height", type=int, default=300, help="of a cell, px")
    parser.add_argument("--size", type=int, default=512, help="long side of the rendering, px")
    parser.add_argument("--learned", action="store_true", help="a second row per photo, by the learned generator")
    args = parser.parse_args()
    run, generator = Run(), load_generator() if args.learned else None
    motions = [recover(clip, run, args.frames) for clip in args.clips]
    blank = np.full((1, 1, 3), 255, np.uint8)
    rows = [[blank, *(p for m in motions for p in m.pictures)]]
    for photo in args.photos:
        try:
            rows += animate(photo, motions, run, args.size, generator)
        except MotionimitError as error:
            print(f"{photo}: {error}")
    write_png(args.sheet, grid(rows, args.height))
    print(args.sheet)


def recover(clip: Path, run: Run, count: int) -> Acted:
    """Fit a clip and keep `count` of its frames, evenly spread."""
    with VideoReader(clip, max_side_px=DRIVER_SIDE_PX) as reader:
        motion = recover_motion(reader, None, run)
        shown = np.linspace(0, motion.frames - 1, count + 2).round().astype(int)[1:-1].tolist()
        return Acted(motion, shown, [frame.rgb for frame in reader if frame.index in shown])


def animate(path: Path, motions: list[Acted], run: Run, size_px: int, generator: Generator | None) -> list[list[np.ndarray]]:
    """The photo, then its person in the shown frames of every motion; a second row by the generator, where there is one."""
    avatar = avatar_of([path], size_px, run)
    (renderer,), rows = renderers(avatar), [[avatar.picture]]
    refiner = generator and Refiner.of(generator, avatar.portraits, run.model, torch.device("cpu"))
    rows += [[avatar.picture]] if refiner else []
    for m in motions:
        placed = retarget(avatar.params, m.motion.params, run.model, fps=float(m.motion.fps), cuts=m.motion.cuts)
        bones = run.model.transforms(placed)
        for t in m.shown:
            warped = renderer.render(bones[t], placed.camera).kept()
            rows[0].append(over(warped.rgba, avatar.background))
            if refiner:
                made, _ = refiner.refine(refiner.prepare([warped], bones[t], placed.camera), None)
                rows[1].append(over(made, avatar.background))
    return rows


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
