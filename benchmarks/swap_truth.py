"""Appearance transfer against the truth: the data engine draws the same body, pose, light and room in the other's clothes.

python benchmarks/swap_truth.py OUT ASSETS --score SCORE.PY --lpips-weights LPIPS.NPZ [--people 12] [--seed 0] [--other-light]
    [--sheet FILE.png]

Per seed two people stand in rooms of their own, whole and within 40 degrees of frontal; `swap` puts upper, lower and shoes of
the second on the first, from PNG files as a user would. The clothes photo is lit as the person's unless --other-light is given.
Printed, in the person's box: LPIPS, SSIM and PSNR of the result, of the person unchanged, and of the garments' pixels pasted by
the similarity that brings the true joints closest; and the IoU of regions with the truth's: cloth (all but shoes), upper, lower
(neither where one has a dress) and shoes. The row 'parsed' is the IoU of what `parse_garments` finds in the clothes photo.
SCORE.PY brings `Lpips`, `ssim`, `psnr` and `Pose`, whose box is used. The sheet's last column shows the result's regions.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from swap_sheet import drawn

from motionimit.avatar.avatar import Avatar
from motionimit.avatar.garments import Garment
from motionimit.avatar.outfit import parse_garments
from motionimit.avatar.swap import dressed
from motionimit.body.model import BodyModel
from motionimit.compositing.label import grid, label
from motionimit.config.swap import SwapSettings
from motionimit.errors import MotionimitError
from motionimit.media.image import read_photo, write_png
from motionimit.pipeline import swap
from motionimit.run import Run
from motionimit.sources import avatar_of
from motionimit.training.assets import LABELS, AssetLibrary
from motionimit.training.casting import cast_person
from motionimit.training.motions import FRONTAL_DEG, MotionPool
from motionimit.training.people import BodyFactory, Person, PersonSpec, build_person
from motionimit.training.render import PersonRenderer, develop
from motionimit.training.scenes import Scene, random_scene
from motionimit.training.skeleton import forward_kinematics

PARTS = ("upper", "lower", "shoes")
REGIONS = {part: [LABELS.index(part)] for part in PARTS} | {"cloth": [LABELS.index(p) for p in ("upper", "lower", "dress")]}
COLUMNS = ("lpips", "ssim", "psnr", *(f"iou_{name}" for name in REGIONS))
KINDS = ("outfit", "top", "bottom", "dress", "shoes")  # of assets that change hands
MARKS = {"upper": (255, 0, 255), "lower": (0, 255, 0), "shoes": (0, 0, 255)}  # unlike skin, and told apart when blended
FULL_BODY = 0.6  # the camera's height over the floor, in body heights, up to which the feet are in the picture
NAMES = ("result", "unchanged", "pasted")
Drawn = tuple[np.ndarray, np.ndarray]  # picture [H, W, 3] uint8 and labels [H, W]
Case = dict[str, "Shot"]  # 'person' and 'clothes', the two photos, and 'truth', what the swap should give


@dataclass(frozen=True)
class Shot:  # a photo of a synthetic person
    picture: np.ndarray  # [H, W, 3] uint8
    label: np.ndarray  # [H, W] uint8, index into `LABELS`
    joints_px: np.ndarray  # [24, 2]
    place_m: np.ndarray  # [3]


class Studio:
    """The data engine's parts, made once."""

    def __init__(self, assets: Path) -> None:
        self.library, self.factory, self.pool = AssetLibrary(assets), BodyFactory(), MotionPool()

    def case(self, seed: tuple[int, int], other_light: bool) -> Case:
        rng = np.random.default_rng(seed)
        spec = other = cast_person(rng, self.library)
        while set(self._worn(other)) & set(self._worn(spec)):
            other = cast_person(rng, self.library)
        people = [build_person(s, self.library, self.factory) for s in (spec, other, self._in_clothes_of(spec, other))]
        drawn_poses = (self.pool.source(rng) for _ in count())
        poses = list(islice((p for p in drawn_poses if abs(np.arctan2(p[0, 0, 2], p[0, 2, 2])) < np.deg2rad(FRONTAL_DEG)), 2))
        mine, theirs = (_whole_body_scene(rng, p) for p in people[:2])
        theirs = replace(theirs, lighting=(theirs if other_light else mine).lighting)
        photo = _shot(people[0], poses[0], mine)
        truth = _shot(people[2], poses[0], mine, photo.place_m)
        return {"person": photo, "clothes": _shot(people[1], poses[1], theirs), "truth": truth}

    def _worn(self, spec: PersonSpec) -> tuple[str, ...]:
        return tuple(n for n in spec.garments if self.library.rows[n]["type"] in KINDS)

    def _in_clothes_of(self, person: PersonSpec, other: PersonSpec) -> PersonSpec:
        """The person in all that the other wears, everything else their own."""
        new = self._worn(other)
        kept = tuple(n for n in person.garments if n not in self._worn(person))
        looks: dict[str, Any] = {}
        for name in ("tints", "textures", "inflate_m"):
            mine, theirs = getattr(person, name), getattr(other, name)
            looks[name] = {k: mine[k] for k in ("skin", *kept) if k in mine} | {k: theirs[k] for k in new if k in theirs}
        return replace(person, garments=(*new, *kept), **looks)


def _whole_body_scene(rng: np.random.Generator, person: Person) -> Scene:
    tall = np.ptp(np.concatenate(person.posed(np.tile(np.eye(3), (24, 1, 1)), np.zeros(3)))[:, 1]).item()
    scenes = (random_scene(rng, tall) for _ in count())
    return next(s for s in scenes if -s.floor_y_m < FULL_BODY * tall)


def _shot(person: Person, rotations: np.ndarray, scene: Scene, place_m: np.ndarray | None = None) -> Shot:
    """On the floor by default. The noise is always the same, so that what a swap leaves alone is equal in photo and truth."""
    if place_m is None:
        lowest = min(float(v[:, 1].min()) for v in person.posed(rotations, np.zeros(3)))
        place_m = np.array([0.0, scene.floor_y_m - lowest, -scene.distance_m])
    light, camera = scene.lighting, scene.camera
    seen = PersonRenderer(person).draw(rotations, place_m, camera, light)
    linear = seen.rgb + (1 - seen.alpha) * scene.backdrop.lit(light, seen.occlusion)
    srgb = develop(linear, light.exposure).permute(1, 2, 0).numpy()
    srgb += np.random.default_rng(0).normal(0, 0.005, srgb.shape)
    joints = torch.from_numpy(forward_kinematics(person.joints_m, rotations)[:, :3, 3] + place_m)
    joints_px = camera.project(joints.float()).numpy()[:, :2]
    return Shot((np.clip(srgb, 0, 1) * 255 + 0.5).astype(np.uint8), seen.label.numpy(), joints_px, place_m)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("assets", type=Path)
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--lpips-weights", type=Path, required=True)
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--other-light", action="store_true")
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(args.score.parent))
    score, studio, run = importlib.import_module(args.score.stem), Studio(args.assets), Run.of({}, None, "cpu", None)
    lpips, rows, cells = score.Lpips(args.lpips_weights), list[np.ndarray](), []
    print("seed", "picture", *COLUMNS, sep="\t")
    for number in range(args.people):
        case = studio.case((args.seed, number), args.other_light)
        try:
            candidates, parsed = candidates_of(case, args.out, f"{number:02d}", run)
        except MotionimitError as error:  # the product's word for this pair
            print(number, "refused", error, sep="\t", flush=True)
            continue
        figures = [measured(*c, case, score, lpips) for c in candidates.values()]
        rows.append(np.array([*figures, [np.nan] * 3 + ious(parsed, case["clothes"].label)]))
        table(str(number), rows[-1])
        cells.append(sheet_row(str(number), case, candidates))
    if rows:
        table("mean", np.ma.masked_invalid(rows).mean(0).filled(np.nan))
        best = sum(np.nanargmin(of[:, 0]) == 0 for of in rows)
        print(f"swapped {len(rows)} of {args.people}; the result has the best LPIPS in {best}")
        if args.sheet is not None:
            write_png(args.sheet, grid(cells, 420))


def table(first: str, rows: np.ndarray) -> None:
    for name, row in zip((*NAMES, "parsed"), rows, strict=True):
        print(first, name, *("-" if np.isnan(v) else f"{v:.3f}" for v in row), sep="\t", flush=True)


def candidates_of(case: Case, folder: Path, name: str, run: Run) -> tuple[dict[str, Drawn], np.ndarray]:
    """The three of `NAMES`, and the labels that the product sees in the clothes photo."""
    files = {kind: folder / f"{name}_{kind}.png" for kind in (*case, "result")}
    for kind, shot in case.items():
        write_png(files[kind], shot.picture)
    clothes, size = dict.fromkeys(PARTS, files["clothes"]), max(case["person"].label.shape)
    swap(SwapSettings(sources=(files["person"],), output=files["result"], clothes=clothes, size_px=size, device="cpu"))
    me, them = (avatar_of([files[kind]], size, run) for kind in ("person", "clothes"))
    result = read_photo(files["result"]).rgb, drawn_regions(me, them, run.model)
    pictures = result, (case["person"].picture, case["person"].label), pasted(case)
    return dict(zip(NAMES, pictures, strict=True)), parsed_labels(them, run.model)


def pasted(case: Case) -> Drawn:
    """The clothes photo's garments moved onto the person's photo by the best similarity, and the labels of that."""
    axis = [1, 2, 4, 5, 7, 8, 16, 17]  # hips, knees, ankles, shoulders
    here, there = (s.joints_px[axis].astype(np.float64).view(np.complex128) for s in (case["clothes"], case["person"]))
    (turn, shift), *_ = np.linalg.lstsq(np.concatenate((here, np.ones_like(here)), 1), there[:, 0], rcond=None)
    move = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    size = case["person"].label.shape[::-1]
    picture = cv2.warpAffine(case["clothes"].picture, move, size, borderMode=cv2.BORDER_REPLICATE)
    worn = np.isin(case["clothes"].label, REGIONS["cloth"] + REGIONS["shoes"])
    moved = cv2.warpAffine(case["clothes"].label * worn, move, size, flags=cv2.INTER_NEAREST)
    share = cv2.warpAffine(worn.astype(np.float32), move, size)[..., None]
    mixed = picture * share + case["person"].picture * (1 - share)
    return (mixed + 0.5).astype(np.uint8), np.where(moved > 0, moved, case["person"].label)


def drawn_regions(me: Avatar, them: Avatar, model: BodyModel) -> np.ndarray:
    """[H, W] labels of the other's garments as the swap draws them: the same swap of layers that are coloured by their label."""
    portrait, mine = them.portraits[0], me.portraits[0]
    labels, layers, blank = parse_garments(portrait, model).layers, portrait.layers.clone(), mine.layers.clone()
    layers[..., :3], blank[..., :3] = 0, 0
    for part, mark in MARKS.items():
        layers[..., :3][torch.from_numpy(labels == Garment[part.upper()])] = torch.tensor(mark, dtype=layers.dtype)
    marked = replace(them, portraits=(replace(portrait, layers=layers),))
    bare = replace(me, portraits=(replace(mine, layers=blank, background=torch.zeros_like(mine.background)),))
    avatar, _ = dressed(bare, dict.fromkeys(PARTS, marked), model)
    red, green, blue = np.moveaxis(drawn(avatar, me.params, model).astype(int), -1, 0)
    like = np.stack([np.minimum(red, blue) - green, green - np.maximum(red, blue), blue - np.maximum(red, green)])
    return np.where(like.max(0) > 110, np.array([LABELS.index(part) for part in PARTS])[like.argmax(0)], 0)


def parsed_labels(avatar: Avatar, model: BodyModel) -> np.ndarray:
    """[H, W] labels of upper, lower and shoes that parsing finds in the avatar's photo."""
    frame, seen = avatar.params.camera, avatar.portraits[0].window
    found = parse_garments(avatar.portraits[0], model).labels
    out = sum((found == Garment[part.upper()]).astype(np.uint8) * LABELS.index(part) for part in PARTS)
    scale = frame.focal_px / seen.focal_px
    right, down = (f - scale * s for f, s in zip(frame.center_px, seen.center_px, strict=True))
    move = np.array([[scale, 0, right], [0, scale, down]])
    return np.asarray(cv2.warpAffine(out, move, avatar.size_px, flags=cv2.INTER_NEAREST))


def measured(picture: np.ndarray, labels: np.ndarray, case: Case, score: Any, lpips: Any) -> list[float]:
    """Values of `COLUMNS`."""
    body = (case["truth"].label > 0) | (case["person"].label > 0)
    box = score.Pose(np.zeros((33, 2)), np.zeros(33), body).box
    a, b = case["truth"].picture[box], picture[box]
    return [lpips(a, b), float(score.ssim(a, b)), float(score.psnr(a, b)), *ious(labels, case["truth"].label)]


def ious(labels: np.ndarray, truth: np.ndarray) -> list[float]:
    """IoU per region of `REGIONS`; NaN where the truth doesn't have it, and for upper and lower beside a dress."""
    out = []
    for name, parts in REGIONS.items():
        a, b = np.isin(labels, parts), np.isin(truth, parts)
        split = name in ("upper", "lower") and any(LABELS.index("dress") in of for of in (labels, truth))
        out.append(float((a & b).sum() / (a | b).sum()) if b.any() and not split else np.nan)
    return out


def sheet_row(name: str, case: Case, candidates: dict[str, Drawn]) -> list[np.ndarray]:
    picture, labels = candidates["result"]
    regions = (case["truth"].picture * 0.5).astype(np.uint8)
    for part, color in MARKS.items():
        regions[labels == LABELS.index(part)] = color
    regions[cv2.morphologyEx(case["truth"].label, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0] = 255
    cells = {name: case["person"].picture, "clothes": case["clothes"].picture, "result": picture, "truth": case["truth"].picture}
    cells |= {"pasted": candidates["pasted"][0], "regions": regions}
    return [label(cell, text) for text, cell in cells.items()]


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
