"""One person's portrait as something to take garments off or from: masked layers, shells by garment, fields on the bare body."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from ..body.model import BodyModel
from ..body.parts import Part, Region
from ..flow.surface import Surface
from .fill import distance_to, nearest_index, push_pull
from .garments import Garment
from .inpaint import inpainted
from .layers import HEAD_BACK, LAYER_COUNT
from .outfit import Outfit
from .places import front_of, spread
from .portrait import Portrait
from .posed import PosedBody

STEP_M = 0.016  # more than what the renderer merges: one coat over another
RANK = {Garment.SKIN: 0.0, Garment.SHOES: 0.5, Garment.LOWER: 1.0, Garment.UPPER: 2.0, Garment.HAIR: 3.0}
ARM_RANK = {Garment.SKIN: 2.0, Garment.UPPER: 3.0}  # arms lie before the trunk, whatever both wear
HEAD_RANK = 3.0  # face and hair before collars; the neck is skin like any other
FEATHER_PX = 0.7
HANGS_M = 0.015  # cloth that nothing shows reaches this far beyond the bare body
STRAND_M = 0.015  # single hairs reach this far beyond what is parsed as hair
CRUMB_SHARE = 0.05  # pieces smaller than this share of a layer's largest are mistakes of the parsing
FEW_PX = 60  # less than this of a layer says nothing about the rest of it
PATTERN_PX, PLAIN = 4, 0.06  # cloth departs from its own blur by less than this share where it is plain
MANY_PX = 400  # holes in cloth larger than this are patched, smaller ones diffused


@dataclass(frozen=True, slots=True)
class Wearer:
    """A portrait taken apart, with the rest meshes that matter."""

    portrait: Portrait
    outfit: Outfit
    model: BodyModel

    @property
    def body(self) -> PosedBody:
        return self.outfit.body

    @property
    def underlay(self) -> Surface:
        """The bare body pulled inside the silhouette: the last vertices and faces of the portrait's surface."""
        return part_of(self.portrait.surface, slice(-len(self.model.faces), None))


def part_of(surface: Surface, faces: slice | np.ndarray) -> Surface:
    """Some faces of a surface with the vertices that they use."""
    chosen = surface.faces[faces]
    used, renumbered = torch.unique(chosen.long(), return_inverse=True)
    return Surface(
        rest_m=surface.rest_m[used],
        bones=surface.bones[used],
        weights=surface.weights[used],
        uv_px=surface.uv_px[used],
        faces=renumbered.to(torch.int32).reshape(-1, 3).contiguous(),
        layer=surface.layer[faces].contiguous(),
        bias_m=surface.bias_m[faces].contiguous(),
        confidence=surface.confidence[faces].contiguous(),
    )


def labels_of(wearer: Wearer, taken: Collection[Garment]) -> np.ndarray:
    """[L, h, w] the outfit's labels of all layers; hair that isn't taken gives way to cloth under it, off the head."""
    out = wearer.outfit.layers.copy()
    if Garment.HAIR in taken:
        return out
    reach = HANGS_M * wearer.body.px_per_m
    for layer in range(LAYER_COUNT):
        hair = out[layer] == Garment.HAIR
        rest = (out[layer] >= 0) & ~hair
        if layer in (Part.HEAD, HEAD_BACK) or not rest.any() or not hair.any():
            continue
        index, _ = nearest_index(rest)
        bare = (front_of(wearer.body, layer).face >= 0).numpy()
        under = out[layer].reshape(-1)[index]
        out[layer] = np.where(hair & (distance_to(bare) < reach) & (under != Garment.SKIN), under, out[layer])
    return out


def garment_layers(wearer: Wearer, taken: Collection[Garment]) -> tuple[np.ndarray, np.ndarray]:
    """Layers [L, h, w, 4] uint8 of what is taken alone, completed under what isn't, and where the photo shows it [L, h, w]."""
    portrait, labels = wearer.portrait, labels_of(wearer, taken)
    rgba, known = portrait.layers.numpy().astype(np.float32) / 255, portrait.known.numpy().copy()
    chosen = np.isin(labels, [int(g) for g in taken])
    if Garment.LOWER in taken and Garment.SKIN not in taken:  # of clothes; what arms show of trousers is a slip of the fit
        chosen[[Part.LEFT_ARM, Part.RIGHT_ARM]] &= labels[[Part.LEFT_ARM, Part.RIGHT_ARM]] != Garment.LOWER
    color = usual_color(wearer, taken)
    reach, strand = (m * wearer.body.px_per_m for m in (HANGS_M, STRAND_M))
    for layer in range(len(rgba)):
        if layer != HEAD_BACK:
            bare = (front_of(wearer.body, layer).face >= 0).numpy()
            chosen[layer] &= (distance_to(wearer.outfit.shown[layer]) < 2.5) | (distance_to(bare) < reach)
        other = (labels[layer] >= 0) & ~chosen[layer]
        hidden = chosen[layer] & (wearer.outfit.layers[layer] != labels[layer])
        if other.any() or hidden.any():
            chosen[layer] &= ~_crumbs(chosen[layer])
            other = (labels[layer] >= 0) & ~chosen[layer]
            known[layer] &= ~hidden
            if layer != HEAD_BACK:
                rim = (distance_to(other | hidden) < 1.5) | (distance_to(hidden) < strand)
                seen = chosen[layer] & ~rim & wearer.outfit.shown[layer]
                rgba[layer, ..., :3] = completed(rgba[layer, ..., :3], chosen[layer], seen, color)
        rgba[layer, ..., 3] *= feathered(~other)
        known[layer] &= chosen[layer]
    return (rgba * 255 + 0.5).astype(np.uint8), known


def usual_color(wearer: Wearer, garments: Collection[Garment]) -> np.ndarray:
    """[3] float32, 0..1: the median colour of what the photo shows of some garments; grey where it shows nothing."""
    shown = np.isin(wearer.outfit.labels, [int(g) for g in garments])
    pixels = wearer.portrait.photo.numpy()[..., :3][shown]
    return np.median(pixels, axis=0).astype(np.float32) / 255 if len(pixels) else np.full(3, 0.5, np.float32)


def completed(rgb: np.ndarray, wanted: np.ndarray, seen: np.ndarray, color: np.ndarray) -> np.ndarray:
    """rgb [h, w, 3] with what is wanted but not seen filled in from what is: patches in large holes, diffusion elsewhere.

    color [3] fills what shows too little of itself.
    """
    seen = seen & ~_crumbs(seen)
    if seen.sum() < FEW_PX:
        return np.where(wanted[..., None] & ~seen[..., None], color, rgb)
    holes = wanted & ~seen
    core = cv2.erode(holes.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    filled = push_pull(rgb, seen.astype(np.float32))
    if core.sum() > MANY_PX and seen.sum() > MANY_PX and _patterned(rgb, seen):
        filled = inpainted(filled, wanted, ~seen)
    return np.where(seen[..., None], rgb, filled)


def _patterned(rgb: np.ndarray, seen: np.ndarray) -> bool:
    """Whether cloth has a pattern that diffusion would lose; on plain cloth patches would only copy its faults."""
    light = rgb.sum(-1)
    smooth = cv2.GaussianBlur(light, (0, 0), PATTERN_PX)
    inner = cv2.erode(seen.astype(np.uint8), np.ones((2 * PATTERN_PX + 1,) * 2, np.uint8)) > 0
    return bool(inner.any() and np.median((np.abs(light - smooth) / np.maximum(smooth, 1e-3))[inner]) > PLAIN)


def _crumbs(mask: np.ndarray) -> np.ndarray:
    """[h, w] bool: pieces of a mask that are much smaller than its largest."""
    _, number, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    area = stats[:, cv2.CC_STAT_AREA]
    return mask & (area[number] < CRUMB_SHARE * area[1:].max(initial=0))


def feathered(mask: np.ndarray) -> np.ndarray:
    """[h, w] float32, 1 inside a mask, with a soft edge."""
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), FEATHER_PX)


def shells(wearer: Wearer, alpha: np.ndarray, taken: Collection[Garment]) -> Surface:
    """The shells' faces on visible texels (alpha [L, h, w] uint8), biased so that garments lie over each other in order.

    A face on a border has the rank of what is `taken` of it.
    """
    surface = part_of(wearer.portrait.surface, slice(0, len(wearer.portrait.surface.faces) - len(wearer.model.faces)))
    height, width = alpha.shape[1:]
    corners, layer = surface.uv_px.numpy()[surface.faces.numpy()], surface.layer.numpy()
    at = np.concatenate((corners.mean(1, keepdims=True), corners), 1)
    column, row = (np.clip(at[..., k], 0, size - 1).astype(int) for k, size in ((0, width), (1, height)))
    near = cv2.dilate(alpha.transpose(1, 2, 0), np.ones((5, 5), np.uint8)).transpose(2, 0, 1)
    visible = (near[layer[:, None], row, column] > 4).any(1)
    labels = wearer.outfit.layers[layer[:, None], row, column]
    best = np.isin(labels, [int(g) for g in taken]).argmax(1)[:, None]
    label, region = (np.take_along_axis(x, best, 1)[:, 0] for x in (labels, wearer.portrait.regions.numpy()[row, column]))
    bias = -STEP_M * ranks(layer, label, region)
    biased = replace(surface, bias_m=surface.bias_m + torch.from_numpy(bias).float())
    return part_of(biased, visible)


def ranks(layer: np.ndarray, labels: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """How many coats a face lies above bare skin, from its layer, `Garment` and `Region` (each [F])."""
    out = np.zeros(len(labels))
    for garment, rank in RANK.items():
        out[labels == garment] = rank
    arm = np.isin(layer, (Part.LEFT_ARM, Part.RIGHT_ARM))
    for garment, rank in ARM_RANK.items():
        out[arm & (labels == garment)] = rank
    head = np.isin(layer, (Part.HEAD, HEAD_BACK)) & (labels == Garment.SKIN) & np.isin(regions, (Region.FACE, Region.SCALP))
    out[head] = HEAD_RANK
    return out


def field(wearer: Wearer, layer: int, values: np.ndarray) -> np.ndarray:
    """[h, w] a value per bare-body vertex [V] on a layer, as `places.spread`."""
    return spread(wearer.body, wearer.model, layer, values)


def screen_uv(wearer: Wearer) -> Tensor:
    """[V, 2] where the bare body lies in the portrait's window."""
    return wearer.body.screen[:, :2].float()
