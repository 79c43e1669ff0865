"""Practice for one person, made of nothing but a photo: the photo itself, and the way back to it from other poses."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ..avatar.portrait import Portrait, build_portrait
from ..body.model import BodyModel
from ..body.parts import JOINT_NAMES
from ..compositing.place import over
from ..flow.transfer import Renderer, Warped
from ..geometry.rotation import axis_angle_to_matrix
from ..types import BodyParams
from .inputs import SourceMaps, TargetMaps, Truth
from .maps import Box, TargetMapper, box_of, source_maps

MARGIN_PX = 16
_SURE = 0.6  # confidence from which on the flow tells where the texture lies
_UNSEEN = 0.05
# Standard deviation of random rotations in degrees: about x (nod, knee), y (turn), z (sideways)
_SPREAD_DEG = {
    "pelvis": (4, 25, 3), "spine1": (6, 6, 5), "spine3": (4, 6, 4), "neck": (5, 10, 5), "head": (6, 12, 5),
    "shoulder": (15, 20, 30), "elbow": (8, 35, 8), "hip": (18, 6, 9), "knee": (20, 2, 2),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pair:
    """One photo as the generator sees it, a geometric result, and what that should have looked like. B = N = 1."""

    source: SourceMaps
    target: TargetMaps
    truth: Truth


def own_pair(portrait: Portrait, model: BodyModel) -> Pair:
    """The photo drawn onto itself."""
    return _pair(portrait, portrait, model)


def reposed_pair(portrait: Portrait, model: BodyModel, random: np.random.Generator) -> Pair:
    """The person put into a random pose and photographed there, that photo made a portrait, and drawn back in the true pose.

    What the random pose hides is missing then, and the photo tells how it looks. Takes about a second.
    """
    params = random_pose(portrait.params, model, random)
    posed = _drawn(portrait, params, model)
    matte = posed.rgba[..., 3].numpy().copy()
    return _pair(
        build_portrait(over(posed.rgba, portrait.background), matte, params, model, params.camera.size_px), portrait, model
    )


def random_pose(params: BodyParams, model: BodyModel, random: np.random.Generator) -> BodyParams:
    """A pose (T = 1) some way from `params`, the body's middle in the same place of the picture."""
    turns = np.zeros((24, 3), np.float32)
    for joint, name in enumerate(JOINT_NAMES):
        spread = _SPREAD_DEG.get(name) or _SPREAD_DEG.get(name.partition("_")[2])
        if spread is not None:
            turns[joint] = np.radians(random.normal(0, spread))
    rotations = params.rotations @ axis_angle_to_matrix(torch.from_numpy(turns))[None]
    moved = BodyParams(rotations, params.betas, params.translation_m, params.camera)
    shift = _middle(params, model) - _middle(moved, model)
    shift[2] = 0
    return BodyParams(rotations, params.betas, params.translation_m + shift, params.camera)


def _middle(params: BodyParams, model: BodyModel) -> Tensor:
    extent = model.mesh(params).vertices_m[0].aminmax(dim=0)
    return (extent.min + extent.max) / 2


def _drawn(portrait: Portrait, params: BodyParams, model: BodyModel) -> Warped:
    """The portrait in the pose and camera of `params` (T = 1)."""
    renderer = Renderer(portrait.surface, portrait.layers, params.camera.size_px, portrait.known)
    return renderer.render(_transforms(params, model), params.camera)


def _transforms(params: BodyParams, model: BodyModel) -> Tensor:
    return model.transforms(params)[0]


def _pair(source: Portrait, photo: Portrait, model: BodyModel) -> Pair:
    """`source` drawn in the pose of `photo`, whose own picture is the truth."""
    maps, scale = source_maps(source, model)
    drawn, true = _drawn(source, photo.params, model), true_rgba(photo, model)
    box = box_of(torch.maximum(drawn.rgba[..., 3], true[3]), MARGIN_PX)
    assert box is not None  # the photo's person fills its own picture
    mapper = TargetMapper([source], [scale], model, "cpu")
    target = mapper.maps([drawn], _transforms(photo.params, model), photo.params.camera, box)
    cut = _cut(true, photo.background, box)[None]
    hidden = (cut[:, 3:4] > 0.5) & (target.seen[:, 0] < _UNSEEN)
    truth = Truth(rgb=cut[:, :3], alpha=cut[:, 3:4], body=target.body, hidden=hidden.float(), backdrop=cut[:, 4:])
    return Pair(maps, target, truth)


def true_rgba(portrait: Portrait, model: BodyModel) -> Tensor:
    """[4, H, W] premultiplied: the photo's person at the output's size, where drawing in the photo's own pose puts it."""
    drawn = _drawn(portrait, portrait.params, model)
    affine = _texture_of_pixel(drawn)
    texture = portrait.photo.numpy().astype(np.float32) / 255
    texture[..., :3] *= texture[..., 3:]
    scale = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    if scale > 1:
        texture = cv2.GaussianBlur(texture, (0, 0), 0.35 * scale)
    affine = affine.copy()
    affine[:, 2] += affine[:, :2].sum(1) / 2 - 0.5  # OpenCV's pixel centres are whole numbers
    size = portrait.params.camera.size_px
    out = cv2.warpAffine(texture, affine, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT)
    return torch.from_numpy(out).permute(2, 0, 1).contiguous()


def _texture_of_pixel(drawn: Warped) -> np.ndarray:
    """[2, 3] affine from frame to texture pixels (centres at +0.5): the flow of the photo onto itself, by least squares."""
    sure = drawn.confidence > _SURE if bool((drawn.confidence > _SURE).any()) else drawn.confidence > 0
    y, x = (p.double().numpy() + 0.5 for p in sure.nonzero(as_tuple=True))
    wanted = drawn.source_px[sure].double().numpy()
    rows = np.stack((x, y, np.ones_like(x)), 1)
    solution = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    near = np.abs(rows @ solution - wanted).max(1) < 2  # the seams between surfaces belong to neither
    return np.linalg.lstsq(rows[near], wanted[near], rcond=None)[0].T if near.any() else solution.T


def _cut(true: Tensor, background: Tensor, box: Box) -> Tensor:
    """[7, box.height, box.width]: the person [4, H, W] and the background [H, W, 3], which alone goes on outside the frame."""
    height, width = background.shape[:2]
    rows, columns = torch.arange(box.top, box.top + box.height), torch.arange(box.left, box.left + box.width)
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    planes = torch.cat((true, background.permute(2, 0, 1)))[:, rows.clamp(0, height - 1)][:, :, columns.clamp(0, width - 1)]
    planes[:4] *= inside
    return planes
