"""Appearance transfer on pairs of photos: a sheet to look at, and how much the face changes by putting on other clothes.

python benchmarks/swap_sheet.py sheet.png --photos PERSON CLOTHES PARTS [PERSON CLOTHES PARTS ..] [--height 420] [--size 512]

One row per pair: person, clothes, the person as drawn without a swap, dressed, and dressed in another pose from two sides.
PARTS as in `motionimit swap --parts`, with commas. The face's change is the mean absolute difference of the two drawings in
the face's pixels (what is parsed as skin of it, so that new hair doesn't count), as a share of full scale.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from motionimit.avatar.avatar import Avatar
from motionimit.avatar.garments import Garment
from motionimit.avatar.outfit import parse_garments
from motionimit.avatar.swap import dressed
from motionimit.body.model import BodyModel
from motionimit.body.parts import JOINT_NAMES, Region
from motionimit.compositing.label import grid, label
from motionimit.compositing.place import over
from motionimit.config.swap import EVERY_PART
from motionimit.flow.transfer import Renderer
from motionimit.geometry.rotation import axis_angle_to_matrix
from motionimit.media.image import write_png
from motionimit.run import Run
from motionimit.sources import avatar_of
from motionimit.types import BodyParams

POSE_DEG = {
    "left_shoulder": (0, 0, -20),
    "right_shoulder": (0, 0, 30),
    "right_elbow": (0, 60, 0),
    "left_hip": (0, 0, 14),
    "right_hip": (-30, 0, -14),
    "right_knee": (50, 0, 0),
}
TURNS_DEG = (25.0, 160.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--photos", nargs="+", required=True, metavar="PERSON CLOTHES PARTS")
    parser.add_argument("--height", type=int, default=420, help="of a cell, px")
    parser.add_argument("--size", type=int, default=512, help="long side of the drawings, px")
    args = parser.parse_args()
    if len(args.photos) % 3:
        parser.error("--photos takes triples: person, clothes, parts")
    run, rows = Run.of({}, None, "cpu", None), []
    people: dict[str, Avatar] = {}
    print("person | clothes | parts | face changed % | seconds")
    for person, clothes, parts in zip(*(args.photos[k::3] for k in range(3)), strict=True):
        for path in (person, clothes):
            if path not in people:
                people[path] = avatar_of([Path(path)], args.size, run)
        wanted = EVERY_PART if parts == "all" else tuple(parts.split(","))
        begin = time.perf_counter()
        result, warnings = dressed(people[person], dict.fromkeys(wanted, people[clothes]), run.model)
        seconds = time.perf_counter() - begin
        pictures, changed = compared(people[person], result, run.model)
        print(f"{Path(person).name} | {Path(clothes).name} | {parts} | {100 * changed:.2f} | {seconds:.1f}", *warnings, sep=" | ")
        rows.append([people[person].picture, label(people[clothes].picture, parts), *pictures])
    write_png(args.sheet, grid(rows, args.height))
    print(args.sheet)


def compared(person: Avatar, result: Avatar, model: BodyModel) -> tuple[list[np.ndarray], float]:
    """The drawings of a row, and the mean absolute difference 0..1 of the first two in the face."""
    own, new = drawn(person, person.params, model), drawn(result, person.params, model)
    face = face_of(person, model)
    changed = np.abs(own.astype(float) - new).mean(-1)[face].mean() / 255 if face.any() else 0.0
    turned = [drawn(result, posed(person.params, turn), model) for turn in TURNS_DEG]
    return [own, new, *turned], float(changed)


def face_of(person: Avatar, model: BodyModel) -> np.ndarray:
    """[H, W] bool: the face in the drawing of the person's own pose."""
    portrait, (width, height) = person.portraits[0], person.size_px
    skin = parse_garments(portrait, model).labels == Garment.SKIN
    face = ((portrait.regions.numpy() == Region.FACE) & skin).astype(np.uint8)
    seen, frame = portrait.window, person.params.camera
    scale = frame.focal_px / seen.focal_px
    shift = [f - scale * s for f, s in zip(frame.center_px, seen.center_px, strict=True)]
    move = np.float32([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return cv2.warpAffine(face, move, (width, height), flags=cv2.INTER_NEAREST) > 0


def drawn(avatar: Avatar, params: BodyParams, model: BodyModel) -> np.ndarray:
    """[H, W, 3] uint8 over the person's background, as the first portrait shows it."""
    portrait = avatar.portraits[0]
    renderer = Renderer(portrait.surface, portrait.layers, avatar.size_px)
    return over(renderer.render(model.transforms(params)[0], params.camera).rgba, avatar.background)


def posed(params: BodyParams, turn_deg: float) -> BodyParams:
    """Another pose in the same place, turned about the vertical."""
    vectors = torch.zeros(1, 24, 3)
    for name, degrees in POSE_DEG.items():
        vectors[0, JOINT_NAMES.index(name)] = torch.tensor(degrees, dtype=torch.float32)
    rotations = axis_angle_to_matrix(torch.deg2rad(vectors))
    turn = axis_angle_to_matrix(torch.deg2rad(torch.tensor([[0.0, turn_deg, 0.0]])))[0]
    rotations[0, 0] = turn @ params.rotations[0, 0]
    return replace(params, rotations=rotations)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
