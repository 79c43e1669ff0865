"""Photo + fitted body → `Portrait`: everything that rendering needs to know about the source, computed once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ..body.model import BodyModel
from ..body.parts import Part
from ..checks import check_shape
from ..flow.surface import Surface, join
from ..geometry.camera import Camera
from ..pose.matting import foreground_colors
from ..types import BodyParams
from .background import clean_background
from .labels import close_holes, label_matte, region_map
from .layers import SKIRT, Layers, build_layers
from .posed import PosedBody, pose_body
from .shell import part_shells, skirt_shells
from .underlay import underlay

TEXTURE_OVERSAMPLING = 1.5  # texture pixels per output pixel where the photo has them
CELLS_PER_HEIGHT = 130  # grid cells of the shells along the person's height
MARGIN_OF_HEIGHT = 0.04


@dataclass(frozen=True, slots=True)
class Portrait:
    """The identity: surfaces, texture layers, shape, and the cleaned background, all for one output size."""

    surface: Surface
    layers: Tensor  # [L, h, w, 4] uint8 RGBA, straight alpha
    known: Tensor  # [L, h, w] bool: shown by the photo, not filled
    regions: Tensor  # [h, w] int32, `body.parts.Region` of the photo's pixels, -1 off the person: the parsing map
    photo: Tensor  # [h, w, 4] uint8: the person's own colours and the matte, straight alpha, in the texture's window
    window: Camera  # sees that window; its unit is the texture pixel
    params: BodyParams  # the source's own shape, pose and camera; T = 1; camera of the output's size
    background: Tensor  # [H, W, 3] float32, 0..1, at the output's size
    matte: Tensor  # [H, W] float32, 0..1, of the photo at the output's size

    def __post_init__(self) -> None:
        axes = check_shape("layers", self.layers, ("L", "h", "w", 4))
        check_shape("known", self.known, ("L", "h", "w"), axes)
        check_shape("regions", self.regions, ("h", "w"), axes)
        check_shape("photo", self.photo, ("h", "w", 4), axes)
        frame = check_shape("background", self.background, ("H", "W", 3))
        check_shape("matte", self.matte, ("H", "W"), frame)


def output_size(photo_size: tuple[int, int], long_side_px: int) -> tuple[int, int]:
    """(width, height), both even, with the photo's aspect and the given long side."""
    scale = long_side_px / max(photo_size)
    width, height = (max(2, 2 * round(v * scale / 2)) for v in photo_size)
    return width, height


def build_portrait(
    rgb: np.ndarray, matte: np.ndarray, params: BodyParams, model: BodyModel, size_px: tuple[int, int]
) -> Portrait:
    """rgb [H, W, 3] uint8 and matte [H, W] float32 of the photo, the body fitted to it, and the output's (width, height)."""
    with ThreadPoolExecutor(1) as beside:  # the background needs nothing of the rest
        small, small_matte = (cv2.resize(a, size_px, interpolation=cv2.INTER_AREA) for a in (rgb, matte.astype(np.float32)))
        background = beside.submit(clean_background, small.astype(np.float32) / 255, small_matte)
        body, colors, alpha = _window(rgb, matte, params, model, size_px)
        surface, layers, regions = _person(body, colors, alpha, model)
        photo = np.concatenate((colors, alpha[..., None]), 2)
        return Portrait(
            surface=surface,
            layers=torch.from_numpy((layers.rgba * 255 + 0.5).astype(np.uint8)),
            known=torch.from_numpy(layers.known),
            regions=torch.from_numpy(regions),
            photo=torch.from_numpy((photo * 255 + 0.5).astype(np.uint8)),
            window=body.camera,
            params=BodyParams(params.rotations, params.betas, params.translation_m, params.camera.resized(*size_px)),
            background=torch.from_numpy(background.result()),
            matte=torch.from_numpy(small_matte),
        )


def _person(body: PosedBody, colors: np.ndarray, alpha: np.ndarray, model: BodyModel) -> tuple[Surface, Layers, np.ndarray]:
    """Surface, texture layers and the parsing map [h, w] from the window's colours [h, w, 3] and matte [h, w]."""
    label = label_matte(body, colors, alpha)
    layers = build_layers(body, colors, alpha, label)
    rows = np.flatnonzero((alpha > 0.5).any(1))
    cell_px = max(2.0, (rows[-1] - rows[0] + 1) / CELLS_PER_HEIGHT)
    weights = model.weights.float()
    shells = [s for p in Part for s in part_shells(body, p, layers.rgba[p, ..., 3], weights, model.faces, cell_px)]
    shells += skirt_shells(body, layers.rgba[SKIRT, ..., 3], weights, model.faces, cell_px)
    surface = join([*shells, underlay(body, model, layers.rgba[..., 3])])
    return surface, layers, region_map(body, label, alpha)


def _window(
    rgb: np.ndarray, matte: np.ndarray, params: BodyParams, model: BodyModel, size_px: tuple[int, int]
) -> tuple[PosedBody, np.ndarray, np.ndarray]:
    """The person's window of the photo: the body that it shows, the person's own colours [h, w, 3] 0..1 and the matte [h, w]."""
    camera, texture, alpha = _texture_crop(rgb, matte, params.camera, size_px)
    body = pose_body(model, params, camera)
    alpha = close_holes(body, alpha)
    return body, foreground_colors((texture * 255 + 0.5).astype(np.uint8), alpha) / 255, alpha


def _texture_crop(
    rgb: np.ndarray, matte: np.ndarray, camera: Camera, size_px: tuple[int, int]
) -> tuple[Camera, np.ndarray, np.ndarray]:
    """The person's window of the photo at texture resolution: its camera, colours [h, w, 3] 0..1 and matte [h, w]."""
    height, width = matte.shape
    rows, columns = np.flatnonzero((matte > 0.05).any(1)), np.flatnonzero((matte > 0.05).any(0))
    margin = round(MARGIN_OF_HEIGHT * (rows[-1] - rows[0] + 1)) + 2
    top, bottom = max(0, rows[0] - margin), min(height, rows[-1] + 1 + margin)
    left, right = max(0, columns[0] - margin), min(width, columns[-1] + 1 + margin)
    scale = min(1.0, TEXTURE_OVERSAMPLING * max(size_px) / max(width, height))
    window = (max(8, round((right - left) * scale)), max(8, round((bottom - top) * scale)))
    crop = camera.cropped(float(left), float(top), right - left, bottom - top).resized(*window)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    texture = cv2.resize(rgb[top:bottom, left:right], window, interpolation=how).astype(np.float32) / 255
    return crop, texture, cv2.resize(matte[top:bottom, left:right].astype(np.float32), window, interpolation=how)
