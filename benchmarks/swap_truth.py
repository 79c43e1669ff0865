"""Appearance transfer against the truth: synthetic people, and the same body in the other's clothes drawn by the data engine.

python benchmarks/swap_truth.py ASSETS --lpips LPIPS.NPZ [--people 6] [--seed 0] [--sheet FILE.png]

Each row is a person and whoever wears the clothes, both through the product's own landmarks, matting and fit; upper and lower are
taken (a dress or outfit as a whole). Printed: LPIPS and SSIM in the person's box of the dressed still against the truth, the same
without a swap, the IoU of the garments' region with its truth, and the IoU of what `parse_garments` finds in both photos.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from hidden_regions import ssim
from swap_sheet import drawn

from motionimit.avatar.avatar import Avatar
from motionimit.avatar.build import Portrait, build_portrait
from motionimit.avatar.garments import Garment
from motionimit.avatar.outfit import parse_garments
from motionimit.avatar.swap import dressed
from motionimit.body.fit import fit_body
from motionimit.body.model import BodyModel, load_body
from motionimit.compositing.label import grid
from motionimit.errors import MotionimitError
from motionimit.flow.transfer import Renderer
from motionimit.media.image import write_png
from motionimit.pose.matting import refine_matte
from motionimit.pose.photo import track_photo
from motionimit.training.assets import LABELS, AssetLibrary
from motionimit.training.casting import cast_person
from motionimit.training.motions import MotionPool
from motionimit.training.people import BodyFactory, PersonSpec, build_person
from motionimit.training.perceptual import Lpips
from motionimit.training.render import PersonRenderer, develop
from motionimit.training.scenes import Scene, random_scene
from motionimit.types import Photo

CLOTH = ("upper", "lower", "dress")
MARK = (255, 0, 255)  # colour of the garments where their region is measured
PARSED = {Garment.SKIN: ("skin",), Garment.HAIR: ("hair",), Garment.UPPER: ("upper",), Garment.LOWER: ("lower",)}


@dataclass(frozen=True)
class Shot:
    """A picture [H, W, 3] uint8 and its labels [H, W], indices into `LABELS`."""

    picture: np.ndarray
    label: np.ndarray


class Studio:
    """The data engine's parts, made once."""

    def __init__(self, assets: Path) -> None:
        self.library, self.factory, self.pool = AssetLibrary(assets), BodyFactory(), MotionPool()

    def cloth(self, spec: PersonSpec) -> tuple[str, ...]:
        """The garments of a person that are neither hair nor brows nor lashes nor shoes."""
        return tuple(n for n in spec.garments if self.library.rows[n]["type"] in ("outfit", "top", "bottom", "dress"))

    def in_clothes_of(self, person: PersonSpec, other: PersonSpec) -> PersonSpec:
        """The person with the other's cloth and everything else their own."""
        new, old = self.cloth(other), self.cloth(person)
        theirs = [{k: v for k, v in of.items() if k in new} for of in (other.tints, other.textures, other.inflate_m)]
        ours = [{k: v for k, v in of.items() if k not in old} for of in (person.tints, person.textures, person.inflate_m)]
        tints, textures, inflate = ({**a, **b} for a, b in zip(ours, theirs, strict=True))
        kept = tuple(n for n in person.garments if n not in old)
        return replace(person, garments=(*new, *kept), tints=tints, textures=textures, inflate_m=inflate)

    def shot(self, spec: PersonSpec, scene: Scene, rotations: np.ndarray, seed: int) -> Shot:
        """A photo with sensor noise."""
        person = build_person(spec, self.library, self.factory)
        lowest = min(float(v[:, 1].min()) for v in person.posed(rotations, np.zeros(3)))
        place = np.array([0.0, scene.floor_y_m - lowest, -scene.distance_m])
        seen = PersonRenderer(person).draw(rotations, place, scene.camera, scene.lighting)
        behind = scene.backdrop.lit(scene.lighting, seen.occlusion)
        srgb = develop(seen.rgb + (1 - seen.alpha) * behind, scene.lighting.exposure).permute(1, 2, 0).numpy()
        noise = np.random.default_rng(seed).normal(0, 0.005, srgb.shape)
        return Shot((np.clip(srgb + noise, 0, 1) * 255 + 0.5).astype(np.uint8), seen.label.numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assets", type=Path)
    parser.add_argument("--lpips", type=Path, required=True)
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    studio, model, lpips = Studio(args.assets), load_body(None), Lpips(args.lpips)
    rows: list[list[float]] = []
    pictures = []
    columns = ("lpips", "unswapped", "ssim", "unswapped", "region_iou", *(f"parse_{g.name.lower()}" for g in PARSED))
    print("person", *columns, sep="\t")
    number = 0
    while len(rows) < args.people and number < 5 * args.people:
        number += 1
        try:
            row, shown = measured(studio, model, lpips, (args.seed, number))
        except MotionimitError as error:  # nobody found, or half a body: the product would have said so
            print(number, error, sep="\t")
            continue
        rows.append(row)
        pictures.append(shown)
        print(number, *(f"{v:.3f}" for v in row), sep="\t", flush=True)
    print("mean", *(f"{v:.3f}" for v in np.nanmean(rows, axis=0)), sep="\t")
    if args.sheet is not None:
        write_png(args.sheet, grid(pictures, 420))


def measured(studio: Studio, model: BodyModel, lpips: Lpips, seed: tuple[int, int]) -> tuple[list[float], list[np.ndarray]]:
    """One pair: the row of figures, and person, clothes, dressed and truth as pictures."""
    rng = np.random.default_rng(seed)
    specs = [cast_person(rng, studio.library) for _ in range(2)]
    scenes = [whole_scene(rng) for _ in range(2)]
    poses = [studio.pool.source(rng) for _ in range(2)]
    shots = [studio.shot(*of, seed=k) for k, of in enumerate(zip(specs, scenes, poses, strict=True))]
    truth = studio.shot(studio.in_clothes_of(specs[0], specs[1]), scenes[0], poses[0], seed=0)
    portraits = [portrait_of(s.picture, model) for s in shots]
    me, them = (Avatar((p,), s.picture, ("",)) for p, s in zip(portraits, shots, strict=True))
    result, _ = dressed(me, {"upper": them, "lower": them}, model)
    person = (truth.label > 0) | (shots[0].label > 0)
    box = box_of(person)
    plain, new = drawn(me, me.params, model), drawn(result, me.params, model)
    pairs = [(as_tensor(a[box]), as_tensor(truth.picture[box])) for a in (new, plain)]
    scores = [float(lpips(*p)) for p in pairs] + [ssim(*p) for p in pairs]
    region = garments_region(me, them, model)
    cloth = np.isin(truth.label, [LABELS.index(n) for n in CLOTH])
    row = [*scores, iou(region, cloth), *parsed_iou(portraits, shots, model)]
    return row, [shots[0].picture, shots[1].picture, new, truth.picture]


def whole_scene(rng: np.random.Generator) -> Scene:
    """A random scene that shows the feet."""
    while True:
        scene = random_scene(rng, 1.7)
        if scene.distance_m > scene.camera.focal_px * 1.7 / scene.camera.size_px[1]:
            return scene


def portrait_of(picture: np.ndarray, model: BodyModel) -> Portrait:
    """As the product sees a photo."""
    track = track_photo(Photo(Path("synthetic"), picture, None, ""))
    matte = refine_matte(picture, track.masks[0, 0].numpy(), track.box_xyxy_px[0].numpy())
    return build_portrait(picture, matte, fit_body(track, model)[0], model, (picture.shape[1], picture.shape[0]))


def garments_region(me: Avatar, them: Avatar, model: BodyModel) -> np.ndarray:
    """[H, W] bool: where the other's garments are drawn, found by giving them a colour that nothing else has."""
    portrait = them.portraits[0]
    layers = portrait.layers.clone()
    layers[..., :3] = torch.tensor(MARK, dtype=layers.dtype)
    marked = replace(them, portraits=(replace(portrait, layers=layers),))
    avatar, _ = dressed(me, {"upper": marked, "lower": marked}, model)
    shown = avatar.portraits[0]
    bones = model.joint_transforms(me.params.rotations, model.rest_joints(me.params.betas), me.params.translation_m)[0]
    rgba = Renderer(shown.surface, shown.layers, avatar.size_px).render(bones, me.params.camera).rgba.numpy()
    return (np.abs(rgba[..., :3] * 255 - MARK).max(-1) < 60) & (rgba[..., 3] > 0.5)


def parsed_iou(portraits: list[Portrait], shots: list[Shot], model: BodyModel) -> list[float]:
    """Mean IoU per garment over both photos; NaN where neither has it. Shoes aren't told from feet in every asset."""
    rows = []
    for portrait, shot in zip(portraits, shots, strict=True):
        labels, (height, width) = parse_garments(portrait, model).labels, shot.label.shape
        y, x = np.mgrid[:height, :width] + 0.5
        scale = portrait.window.focal_px / portrait.params.camera.focal_px
        u, v = (
            (p - c) * scale + w
            for p, c, w in zip((x, y), portrait.params.camera.center_px, portrait.window.center_px, strict=True)
        )
        inside = (u >= 0) & (v >= 0) & (u < labels.shape[1]) & (v < labels.shape[0])
        found = np.full(shot.label.shape, -1)
        found[inside] = labels[v[inside].astype(int), u[inside].astype(int)]
        truths = {g: np.isin(shot.label, [LABELS.index(n) for n in names]) for g, names in PARSED.items()}
        rows.append([iou(found == g, truth) if truth.sum() > 50 else np.nan for g, truth in truths.items()])
    with np.errstate(invalid="ignore"):
        return [float(np.nanmean(c)) if np.isfinite(c).any() else np.nan for c in np.array(rows).T]


def box_of(mask: np.ndarray) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def as_tensor(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].float() / 255


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
