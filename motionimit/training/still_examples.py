"""One synthetic person → views in several poses before one camera, with their matte, parsing and keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ..body.model import BodyModel
from ..body.parts import Region
from ..body.projected import seen_keypoints
from ..body.rig import Rig
from ..flow.raster import rasterize
from ..generator.still_inputs import PARSING
from ..geometry.camera import Camera
from .assets import LABELS
from .casting import cast_person
from .examples import Studio, photographed, standing, tallness_m, turned
from .people import Person, build_person
from .render import PersonRenderer, Rendered
from .scenes import random_lighting, random_place
from .still_storage import StillView

MARGIN = 0.08  # of the window round all poses, on each side
_FRAMED = 0.5  # share of people whose photo ends inside the window: its border is held, as it is round real photos
_STANDING = 0.55  # share of poses as people stand for a photo; others come from motions
_FRONT_DEG, _SIDE_DEG = 60.0, 120.0
_TURNS = (0.55, 0.25, 0.20)  # share of views within 60° of frontal, from the sides, from behind
_SHEER = (0.15, 0.45)  # alpha of cloth that becomes 0 and 1
_CLEAR_PX = 4.0  # of the frame beside a limb
_LEAST_PX = 24.0  # of the frame: a smaller part of the person is nobody
_NAMED = {"hair": "hair", "hat": "hair", "upper": "upper", "dress": "upper", "lower": "lower", "shoes": "shoes"}
_FACE = (Region.SCALP, Region.FACE, Region.NECK)
_TRUNK = (Region.CHEST, Region.PELVIS)
_ARM_REGIONS = range(Region.LEFT_UPPER_ARM, Region.RIGHT_HAND + 1)


def make_stills(studio: Studio, seed: Sequence[int], views: int, side_px: int) -> list[StillView] | None:
    """Draw one person `views` times in a window of `side_px`. None where hardly anything of a pose is in the picture.

    The first view is always within 60° of frontal, as photographs are.
    """
    rng = np.random.default_rng(seed)
    person = dense(build_person(cast_person(rng, studio.library), studio.library, studio.factory))
    place, light = random_place(rng, tallness_m(person)), random_lighting(rng)
    framed = rng.random() < _FRAMED
    poses = [_pose(studio, rng, k == 0) for k in range(views)]
    spots = [standing(person, r, rng.normal(0, 0.06, 2), place.floor_y_m, place.distance_m) for r in poses]
    window = window_round(person, poses, spots, place.camera, side_px)
    if window is None:
        return None
    renderer, betas, rig = PersonRenderer(person), studio.matcher.betas(person), Rig.landmarks(studio.model)
    backdrop, picture = place.backdrop(window.camera), window.picture if framed or window.cut else window.whole
    out = []
    for rotations, spot in zip(poses, spots, strict=True):
        drawn = renderer.draw(rotations, spot, window.camera, light)
        rgb = torch.from_numpy(photographed(rng, drawn, backdrop, light)).permute(2, 0, 1)
        true = studio.matcher.params(betas, person, rotations[None], spot[None], window.camera)
        parsing = parsing_of(drawn, body_regions(studio.model, studio.model.mesh(true).vertices_m[0], window.camera))
        posed = rig.shaped(betas.double().numpy()).pose(true.rotations.double().numpy(), true.translation_m.double().numpy())
        keypoints = seen_keypoints(torch.from_numpy(posed.points_m[0]).float(), window.camera, picture)
        alpha = (drawn.alpha[0].clamp(0, 1) * 255 + 0.5).to(torch.uint8)
        out.append(StillView(held(rgb, picture), held(alpha, picture), held(parsing, picture), keypoints))
    return out


def dense(person: Person) -> Person:
    """The person in clothes that nothing shines through: some textures are sheer, and no lining is drawn behind them."""
    low, high = _SHEER
    layers = []
    for layer in person.layers:
        alpha = layer.texture[..., 3:]
        if not layer.translucent and alpha.min() < 1:
            solid = ((alpha - low) / (high - low)).clip(0, 1)
            layer = replace(layer, texture=np.concatenate((layer.texture[..., :3], solid), 2))
        layers.append(layer)
    return replace(person, layers=tuple(layers))


@dataclass(frozen=True, slots=True)
class Window:
    """A square round all poses of a person."""

    camera: Camera
    picture: tuple[int, int, int, int]  # top, bottom, left, right px of it that the frame holds
    cut: bool  # whether the frame's lower edge cuts the person

    @property
    def whole(self) -> tuple[int, int, int, int]:
        width, height = self.camera.size_px
        return 0, height, 0, width


def window_round(
    person: Person, poses: Sequence[np.ndarray], spots: Sequence[np.ndarray], camera: Camera, side_px: int
) -> Window | None:
    """The union of the person's boxes in the frame of `camera`, made square, with a margin; None where a box is tiny.

    The frame is widened where a limb would leave it; only its lower edge cuts people, and then the window ends there.
    """
    size, low, high = np.array(camera.size_px, float), np.full(2, np.inf), np.full(2, -np.inf)
    for rotations, spot in zip(poses, spots, strict=True):
        points = camera.project(torch.from_numpy(np.concatenate(person.posed(rotations, spot)))).numpy()
        first, last = points.min(0), points.max(0)
        low, high = np.minimum(low, first), np.maximum(high, last)
        if (np.minimum(last, size) - first).min() < _LEAST_PX:
            return None
    cut = bool(high[1] > size[1])
    high[1] = min(high[1], size[1])
    side = float((high - low).max()) * (1 + 2 * MARGIN)
    corner, scale = (low + high - side) / 2, side_px / side
    if cut:
        corner[1] = size[1] - side
    center_x, center_y = ((np.array(camera.center_px) - corner) * scale).tolist()
    before = np.ceil((np.minimum(0, low - _CLEAR_PX) - corner) * scale - 0.5).astype(int)
    after = np.floor((np.maximum(size, high + _CLEAR_PX) - corner) * scale + 0.5).astype(int)
    left, top = before.clip(0).tolist()
    right, bottom = after.clip(None, side_px).tolist()
    view = Camera(camera.focal_px * scale, (center_x, center_y), (side_px, side_px))
    return Window(view, (top, bottom, left, right), cut)


def held(plane: Tensor, picture: tuple[int, int, int, int]) -> Tensor:
    """[.., H, W] with what lies outside the picture (top, bottom, left, right) replaced by the picture's border."""
    top, bottom, left, right = picture
    rows = torch.arange(plane.shape[-2]).clamp(top, bottom - 1)
    columns = torch.arange(plane.shape[-1]).clamp(left, right - 1)
    return plane[..., rows, :][..., columns].contiguous()


def body_regions(model: BodyModel, vertices_m: Tensor, camera: Camera) -> Tensor:
    """[H, W] int64 `parts.Region` of the bare body with the posed vertices [V, 3]; -1 off it."""
    screen = torch.cat((camera.project(vertices_m), -vertices_m[:, 2:].clamp_max(-0.05)), 1)
    raster = rasterize(screen, model.faces, camera.size_px)
    return torch.where(raster.face >= 0, model.region_of_face[raster.face.clamp_min(0)], -1)


def parsing_of(drawn: Rendered, regions: Tensor) -> Tensor:
    """[H, W] uint8 index into PARSING. Bare skin is face (with the neck), arms or legs (with bare feet), whichever part of the
    bare body [H, W] is nearest; skin of the trunk goes to the nearest of them too."""
    of_label = torch.tensor([PARSING.index(_NAMED.get(name, "background")) for name in LABELS])
    parsing = of_label[drawn.label.long()]
    of_region = torch.tensor([_part(r) for r in Region] + [0])  # -1, off the body, takes the last
    part = of_region[regions].numpy()
    skin = (drawn.label == LABELS.index("skin")).numpy()
    if skin.any() and part.any():
        rows, columns = distance_transform_edt(part == 0, return_distances=False, return_indices=True)
        parsing[torch.from_numpy(skin)] = torch.from_numpy(part[rows, columns][skin])
    return parsing.to(torch.uint8)


def _part(region: Region) -> int:
    if region in _TRUNK:
        return 0
    return PARSING.index("face" if region in _FACE else "arms" if region in _ARM_REGIONS else "legs")


def _pose(studio: Studio, rng: np.random.Generator, photo: bool) -> np.ndarray:
    """[24, 3, 3] a pose, turned to the camera as `_TURNS` says; a photo is within 60° of frontal."""
    calm = rng.random() < _STANDING
    pose = studio.pool.source(rng) if calm else studio.pool.sequence(rng, 1)[0]
    turn = 0 if photo else int(rng.choice(3, p=_TURNS))
    low, high = ((0.0, _FRONT_DEG), (_FRONT_DEG, _SIDE_DEG), (_SIDE_DEG, 180.0))[turn]
    wanted_deg = float(rng.choice([-1, 1])) * (rng.triangular(low, low, high) if turn == 0 else rng.uniform(low, high))
    front = pose[0, :, 2]
    return turned(pose, np.deg2rad(wanted_deg) - float(np.arctan2(front[0], front[2])))
