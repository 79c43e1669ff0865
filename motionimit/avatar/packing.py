"""A `Portrait` as named arrays for a file, and back: every array is checked before anything is built from it.

Texels that can never be drawn are left out: an image is stored as a mask of its needed texels (one bit each) and their values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import cv2
import numpy as np
import torch
from torch import Tensor

from ..body.parts import Region
from ..flow.surface import FILLING_M, Surface
from ..geometry.camera import Camera
from ..types import BETAS, JOINTS, BodyParams
from .portrait import Portrait

MAX_SIDE_PX = 4096  # of textures and of the output
MAX_TEXELS = 40_000_000  # layers x height x width: 16 layers of the largest texture there is
MAX_VERTICES, MAX_FACES, MAX_LAYERS = 1_000_000, 2_000_000, 64
MAX_COORDINATE = {"rest_m": 1000.0, "uv_px": 2.0 * MAX_SIDE_PX, "translation_m": 1000.0, "betas": 100.0}
SUM_SLACK, TURN_SLACK = 1e-3, 1e-2  # of weights from 1, of a rotation times its transpose from the identity

Take = Callable[..., np.ndarray]
"""`take(name, *shape, dtype=..)`: the file's array, which has this shape (None: any length) and type, or `Flaw`."""


class Flaw(ValueError):
    """What is wrong with a file's content, as a clause for the message."""


def portrait_head(portrait: Portrait) -> dict[str, object]:
    """What JSON says of a portrait: two cameras (focal, centre x, centre y, width, height in px) and the number of layers."""
    return {"window": _numbers(portrait.window), "camera": _numbers(portrait.params.camera), "layers": len(portrait.layers)}


def pack_portrait(portrait: Portrait) -> dict[str, np.ndarray]:
    """The arrays that `unpack_portrait` takes. Drawing what comes back gives the same pixels, bit by bit.

    Colours that can't be seen come back as 0, `background` and `matte` with 8 bits.
    """
    surface = {f.name: getattr(portrait.surface, f.name).cpu().numpy() for f in fields(Surface)}
    for name in ("bones", "layer"):
        surface[name] = surface[name].astype(np.uint8)
    surface["faces"] = surface["faces"].astype(np.uint16 if len(surface["rest_m"]) <= 1 << 16 else np.uint32)
    layers, photo = portrait.layers.cpu().numpy(), portrait.photo.cpu().numpy()
    needed = np.stack([_sampled(layer[..., 3]) for layer in layers]) | _under_filling(portrait.surface, layers.shape[:3])
    pictured = _sampled(photo[..., 3])
    params = portrait.params
    return surface | {
        "needed": np.packbits(needed),
        "texels": layers[needed],
        "known": np.packbits(portrait.known.cpu().numpy()[needed]),
        "pictured": np.packbits(pictured),
        "photo": photo[pictured],
        "regions": portrait.regions.cpu().numpy().astype(np.int8),
        "background": _bytes(portrait.background),
        "matte": _bytes(portrait.matte),
        "rotations": params.rotations.cpu().float().numpy(),
        "betas": params.betas.cpu().float().numpy(),
        "translation_m": params.translation_m.cpu().float().numpy(),
    }


def unpack_portrait(head: object, take: Take) -> Portrait:
    """The portrait that `portrait_head` and `pack_portrait` describe. Raises `Flaw` for anything that none could have written."""
    if not isinstance(head, dict):
        raise Flaw("a portrait isn't described")
    window, camera = _camera("window", head.get("window")), _camera("camera", head.get("camera"))
    count = head.get("layers")
    if type(count) is not int or not 1 <= count <= MAX_LAYERS:
        raise Flaw("the number of layers is impossible")
    (width, height), (out_width, out_height) = window.size_px, camera.size_px
    if count * height * width > MAX_TEXELS:
        raise Flaw("its textures are larger than any that are made")
    needed = _bits(take, "needed", (count, height, width))
    layers = _spread(take("texels", int(needed.sum()), 4), needed)
    known = np.zeros(needed.shape, bool)
    known[needed] = _bits(take, "known", (int(needed.sum()),))
    pictured = _bits(take, "pictured", (height, width))
    regions = take("regions", height, width, dtype=np.int8)
    if regions.min() < -1 or regions.max() >= len(Region):
        raise Flaw("regions names a part of the body that there is not")
    return Portrait(
        surface=_surface(take, count),
        layers=torch.from_numpy(layers),
        known=torch.from_numpy(known),
        regions=torch.from_numpy(regions.astype(np.int32)),
        photo=torch.from_numpy(_spread(take("photo", int(pictured.sum()), 4), pictured)),
        window=window,
        params=_params(take, camera),
        background=torch.from_numpy(take("background", out_height, out_width, 3).astype(np.float32) / 255),
        matte=torch.from_numpy(take("matte", out_height, out_width).astype(np.float32) / 255),
    )


def _surface(take: Take, layers: int) -> Surface:
    rest = _finite(take, "rest_m", None, 3)
    vertices = len(rest)
    if not 3 <= vertices <= MAX_VERTICES:
        raise Flaw("it has an impossible number of vertices")
    bones, weights = take("bones", vertices, None), _finite(take, "weights", vertices, None)
    if bones.shape != weights.shape or not 1 <= bones.shape[1] <= JOINTS or bones.max() >= JOINTS:
        raise Flaw("bones names a joint that there is not")
    if weights.min() < 0 or np.abs(weights.sum(1) - 1).max() > SUM_SLACK:
        raise Flaw("weights don't add up to 1")
    faces = take("faces", None, 3, dtype=np.uint16 if vertices <= 1 << 16 else np.uint32)
    if not 1 <= len(faces) <= MAX_FACES or faces.max() >= vertices:
        raise Flaw("faces names a vertex that there is not")
    layer = take("layer", len(faces))
    if layer.max() >= layers:
        raise Flaw("layer names a texture that there is not")
    bias, confidence = (_finite(take, name, len(faces)) for name in ("bias_m", "confidence"))
    if min(bias.min(), confidence.min()) < 0 or max(bias.max(), confidence.max()) > 1:
        raise Flaw("bias_m or confidence lies outside 0 to 1")
    arrays = (rest, bones.astype(np.int32), weights, _finite(take, "uv_px", vertices, 2))
    return Surface(*map(_tensor, (*arrays, faces.astype(np.int32), layer.astype(np.int32), bias, confidence)))


def _params(take: Take, camera: Camera) -> BodyParams:
    rotations = _finite(take, "rotations", 1, JOINTS, 3, 3)
    if np.abs(rotations @ rotations.swapaxes(-1, -2) - np.eye(3)).max() > TURN_SLACK or np.linalg.det(rotations).min() < 0:
        raise Flaw("rotations holds matrices that don't rotate")
    betas, translation = _finite(take, "betas", BETAS), _finite(take, "translation_m", 1, 3)
    return BodyParams(_tensor(rotations), _tensor(betas), _tensor(translation), camera)


def _finite(take: Take, name: str, *shape: int | None) -> np.ndarray:
    values = take(name, *shape, dtype=np.float32)
    limit = MAX_COORDINATE.get(name, 2.0)
    if not values.size or not (np.abs(values) <= limit).all():  # NaN compares as False
        raise Flaw(f"{name} holds values that are no finite numbers, or far out of range")
    return values


def _camera(name: str, values: object) -> Camera:
    if not isinstance(values, list) or len(values) != 5 or not all(type(v) in (int, float) and abs(v) <= 1e6 for v in values):
        raise Flaw(f"the camera of its {name} is impossible")
    focal, x, y, width, height = values
    if focal < 1 or not all(type(v) is int and 2 <= v <= MAX_SIDE_PX for v in (width, height)):
        raise Flaw(f"the camera or size of its {name} is impossible")
    return Camera(float(focal), (float(x), float(y)), (width, height))


def _numbers(camera: Camera) -> list[float]:
    return [float(v) for v in (camera.focal_px, *camera.center_px)] + [int(v) for v in camera.size_px]


def _sampled(alpha: np.ndarray) -> np.ndarray:
    """[h, w] bool: texels that a bilinear sample with any alpha can touch."""
    return cv2.dilate((alpha > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _under_filling(surface: Surface, shape: tuple[int, int, int]) -> np.ndarray:
    """[L, h, w] bool: texels that faces can touch which are drawn whatever their alpha."""
    out, filling = np.zeros(shape, np.uint8), (surface.bias_m >= FILLING_M).cpu().numpy()
    corners = surface.uv_px.cpu().numpy()[surface.faces.cpu().numpy()[filling]]
    low, high = (np.floor(bound).astype(int) for bound in (corners.min(1) - 1, corners.max(1) + 1))
    for layer, (left, top), (right, bottom) in zip(surface.layer.cpu().numpy()[filling], low.clip(0), high.clip(0), strict=True):
        out[layer, top : bottom + 1, left : right + 1] = 1
    return out > 0


def _bits(take: Take, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A mask of this shape, packed eight to a byte."""
    count = int(np.prod(shape))
    return np.unpackbits(take(name, -(-count // 8)), count=count).view(bool).reshape(shape)


def _spread(texels: np.ndarray, needed: np.ndarray) -> np.ndarray:
    out = np.zeros((*needed.shape, 4), np.uint8)
    out[needed] = texels
    return out


def _bytes(image: Tensor) -> np.ndarray:
    return (image.cpu().clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
