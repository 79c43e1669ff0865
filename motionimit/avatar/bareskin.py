"""Skin that the photo doesn't show, because clothes cover it: the person's own tone, lit as the skin that is seen."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from ..body.model import BodyModel
from ..body.parts import Part, Region
from .fill import push_pull
from .garments import Garment
from .outfit import Outfit
from .portrait import Portrait
from .posed import PosedBody

ENOUGH_PX = 40
FALLBACK = (0.78, 0.6, 0.5)  # where a photo shows no skin at all
PRIOR_LIGHT = (0.62, 0.0, 0.12, 0.26)  # brightness: constant, and per component of the normal (x right, y up, z to the camera)
PRIOR_WEIGHT = 0.15  # of the prior against the seen skin, as a share of its pixels
MODEL_WEIGHT = 0.08  # of the model where nothing is seen, against seen skin further off
RATIO_LIMIT = 0.35  # nats that seen skin may pull its surroundings from the model


def skin_colors(portrait: Portrait, outfit: Outfit, model: BodyModel) -> np.ndarray:
    """[parts, h, w, 3] float32, 0..1: every part as bare skin, in the portrait's window; each continues the skin seen on it."""
    rgb = portrait.photo.numpy()[..., :3].astype(np.float32) / 255
    normals = [_normals(outfit.body, p, model) for p in Part]
    seen = [_seen_skin(portrait, outfit, p) for p in Part]
    if sum(int(s.sum()) for s in seen) < ENOUGH_PX:
        seen[Part.HEAD] = _seen_skin(portrait, outfit, Part.HEAD, whole_head=True)
    tone, light = _tone_and_light(rgb, normals, seen)
    out = np.empty((len(Part), *rgb.shape), np.float32)
    for p in Part:
        bare = tone * _shade(normals[p], light)[..., None]
        ratio = np.log(np.maximum(rgb, 0.02) / np.maximum(bare, 0.02)).clip(-RATIO_LIMIT, RATIO_LIMIT)
        if seen[p].sum() > ENOUGH_PX:
            smooth = cv2.GaussianBlur(ratio.astype(np.float32), (0, 0), 1.0) * seen[p][..., None]
            ratio = push_pull(smooth, np.where(seen[p], 1, MODEL_WEIGHT).astype(np.float32))
        else:
            ratio = np.zeros_like(ratio)
        out[p] = bare * np.exp(ratio)
    return np.clip(out, 0, 1)


def _seen_skin(portrait: Portrait, outfit: Outfit, part: Part, whole_head: bool = False) -> np.ndarray:
    """[h, w] bool: skin that the photo shows on a part, away from other things; of the head the neck only, or the face too."""
    skin = portrait.known[part].numpy() & (outfit.labels == Garment.SKIN) & (portrait.photo[..., 3].numpy() > 250)
    if part == Part.HEAD and not whole_head:
        skin &= np.isin(portrait.regions.numpy(), (Region.NECK, Region.CHEST))
    return cv2.erode(skin.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _tone_and_light(rgb: np.ndarray, normals: list[np.ndarray], seen: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Colour [3] at mean light, and brightness as a linear function [4] of the normal, by least squares with a prior."""
    colors = np.concatenate([rgb[s] for s in seen])
    if len(colors) < ENOUGH_PX:
        return np.array(FALLBACK, np.float32), np.array(PRIOR_LIGHT, np.float32) / sum(PRIOR_LIGHT[::3])
    tone = np.median(colors, axis=0)
    brightness = colors.mean(1) / max(float(tone.mean()), 1e-3)
    facing = np.concatenate([n[s] for n, s in zip(normals, seen, strict=True)])
    basis = np.concatenate((np.ones_like(facing[:, :1]), facing), 1)
    prior = np.array(PRIOR_LIGHT, np.float32)
    prior /= float(np.median(basis @ prior))
    weight = PRIOR_WEIGHT * len(colors)
    light = np.linalg.solve(basis.T @ basis + weight * np.eye(4), basis.T @ brightness + weight * prior)
    return tone.astype(np.float32), light.astype(np.float32)


def _shade(normals: np.ndarray, light: np.ndarray) -> np.ndarray:
    """[h, w] brightness, 1 at mean light."""
    return np.clip(light[0] + normals @ light[1:], 0.45, 1.35)


def _normals(body: PosedBody, part: Part, model: BodyModel) -> np.ndarray:
    """[h, w, 3] unit normals of a part's front, run on outside it; z towards the camera."""
    posed = body.camera.unproject(body.screen[:, :2], -body.screen[:, 2])
    a, b, c = posed[model.faces].unbind(1)
    flat = torch.linalg.cross(b - a, c - a)
    vertex = torch.zeros_like(posed).index_add_(0, model.faces.reshape(-1), flat.repeat_interleave(3, 0))
    view = body.parts[part].front
    covered = (view.face >= 0).numpy()
    out = np.zeros((*covered.shape, 3), np.float32)
    if not covered.any():
        out[..., 2] = 1
        return out
    corner = model.faces[view.face[view.face >= 0]]
    mixed = (vertex[corner] * view.barycentric[view.face >= 0][..., None]).sum(1)
    out[covered] = torch.nn.functional.normalize(mixed, dim=1).float().numpy()
    return push_pull(out, covered.astype(np.float32))
