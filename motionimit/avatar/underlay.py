"""The underlay: the person's bare body, pulled inside the photo's silhouette, seen only where no shell covers it."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from ..body.model import BodyModel
from ..body.parts import Part
from ..flow.surface import FILLING_M, Surface, skinning, top_bones
from .fill import nearest_index
from .layers import BEHIND
from .posed import PosedBody

CONFIDENCE = 0.1
INSET_PX = 2.0  # it ends this far inside the silhouette, so that soft edges stay soft
FARTHEST_M = 0.12  # a vertex further outside the silhouette stays where the fit has it
SMOOTHINGS = 10
EAR_ROUNDS = 80  # as many as an ear's fine mesh needs to follow the head


def underlay(body: PosedBody, model: BodyModel, alpha: np.ndarray) -> Surface:
    """alpha [L, h, w] of the layers. Its corners lie on opaque texels of the part's layer, as far as it has any; between them
    the layer may be clear, but not without colour."""
    uv = body.screen[:, :2].float().numpy()
    part = model.part_of_vertex.numpy()
    snapped = _snap(uv, part, alpha)
    limit_px = FARTHEST_M * body.px_per_m
    pull = snapped - uv
    pull[np.linalg.norm(pull, axis=1) > limit_px] = 0
    pull = _smooth(pull, model.faces.numpy())
    moved = torch.from_numpy(uv + pull)
    posed = body.camera.unproject(moved, -body.screen[:, 2].float())
    bones, weights = top_bones(model.weights.float())
    away, layer = _faces_away(body.screen, model.faces), model.part_of_face.clone()
    for front, back in BEHIND.items():
        layer[away & (model.part_of_face == front)] = back
    count = len(model.faces)
    return Surface(
        rest_m=unpose(body.transforms, bones, weights, posed),
        bones=bones,
        weights=weights,
        uv_px=torch.from_numpy(_snap(uv + pull, part, alpha)),
        faces=model.faces.to(torch.int32),
        layer=layer.to(torch.int32),
        bias_m=torch.full((count,), FILLING_M),
        confidence=torch.full((count,), CONFIDENCE),
    )


def _faces_away(screen: Tensor, faces: Tensor) -> Tensor:
    """[F] bool: which faces look away from the camera, on the whole: an ear's are many, and are taken with what is round them."""
    a, b, c = screen[faces].unbind(1)
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    of_vertex = torch.zeros(len(screen), dtype=area.dtype).index_add_(0, faces.reshape(-1), area.repeat_interleave(3))
    smooth = _smooth(of_vertex[:, None].expand(-1, 2).numpy(), faces.numpy(), EAR_ROUNDS)[:, 0]
    return torch.from_numpy(smooth)[faces].mean(1) >= 0


def unpose(transforms: Tensor, bones: Tensor, weights: Tensor, posed_m: Tensor) -> Tensor:
    """Inverse linear blend skinning: [V, 3] posed → rest pose, with bones and weights [V, K] and transforms [24, 4, 4]."""
    blend = skinning(transforms, bones, weights)
    return torch.linalg.solve(blend[:, :3, :3], (posed_m - blend[:, :3, 3])[..., None])[..., 0].float().contiguous()


def _snap(uv: np.ndarray, part: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """[V, 2] the nearest point to uv at which the vertex's layer is opaque, INSET_PX inside its edge."""
    height, width = alpha.shape[1:]
    out = uv.copy()
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(INSET_PX) + 1,) * 2)
    column = np.clip(uv[:, 0], 0, width - 1).astype(int)
    row = np.clip(uv[:, 1], 0, height - 1).astype(int)
    for p in Part:
        full = alpha[p] >= 0.95
        inner = cv2.erode(full.astype(np.uint8), disc, borderValue=1) > 0
        if not full.any():
            continue
        index, distance = nearest_index(full)
        if inner.any():  # thin parts such as fingers have no inside; they keep their own rim instead of borrowing a sleeve's
            inner_index, inner_distance = nearest_index(inner)
            close = inner_distance < distance + 3 * INSET_PX
            index, distance = np.where(close, inner_index, index), np.where(close, inner_distance, distance)
        here = (part == p) & (distance[row, column] > 0)
        y, x = np.divmod(index[row[here], column[here]], width)
        out[here] = np.stack((x, y), 1) + 0.5
    return out.astype(np.float32)


def _smooth(pull: np.ndarray, faces: np.ndarray, rounds: int = SMOOTHINGS) -> np.ndarray:
    """Laplacian smoothing of a per-vertex field over the mesh, so that the pulled surface doesn't crumple."""
    edges = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]))
    degree = np.maximum(np.bincount(edges[:, 0], minlength=len(pull)), 1)[:, None]
    out = pull.copy()
    for _ in range(rounds):
        total = np.stack([np.bincount(edges[:, 0], out[edges[:, 1], k], minlength=len(pull)) for k in (0, 1)], 1)
        out = 0.5 * out + 0.5 * total / degree
    return out.astype(np.float32)
