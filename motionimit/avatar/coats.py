"""Coats: the bare body painted as skin or cloth, for what no shell shows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import cv2
import numpy as np
import torch

from ..body.parts import Part
from ..flow.surface import Surface
from .fill import push_pull
from .garments import Garment
from .places import heights
from .underlay import INSET_PX
from .wearing import ARM_RANK, RANK, STEP_M, Wearer, completed, field, part_of, screen_uv, usual_color

UNDER_M = 0.025  # a garment's coat lies this far under its shells
SKIN_UNDER_M = 0.018  # bare skin lies this far under skin that the photo shows
SOLID = 242  # alpha of texels whose colour is the garment's own
COAT_CONFIDENCE = 0.1
SPREAD = 2  # rings of faces by which bare skin runs on under what is beside it
WAIST = 0.17  # height to which trousers reach whose top a shirt hid
TUCKED = 0.05  # a garment whose border with the upper lies higher shows its own waistband
HEM_LOW = -0.35  # depth to which an upper runs on under the lower garment


def skin_coat(person: Wearer, bare: np.ndarray, first_layer: int) -> Surface:
    """Faces round the bare vertices [V] bool, on layers `first_layer + part`."""
    faces = person.model.faces.numpy()
    grown = bare.copy()
    for _ in range(SPREAD):
        grown[faces[grown[faces].any(1)]] = True
    chosen = grown[faces].any(1)
    part = person.model.part_of_face.numpy()
    arm = np.isin(part, (Part.LEFT_ARM, Part.RIGHT_ARM))
    rank = np.where(arm, ARM_RANK[Garment.SKIN], RANK[Garment.SKIN])
    return _coat(person, _bare_body(person), chosen, screen_uv(person), first_layer + part, SKIN_UNDER_M - STEP_M * rank)


def _bare_body(person: Wearer) -> Surface:
    """The underlay without the inset that keeps it under its shells: bare limbs have their full width."""
    under, rest = person.underlay, person.body.rest_m
    pull = under.rest_m - rest
    length = pull.norm(dim=1, keepdim=True).clamp_min(1e-6)
    inset = INSET_PX / person.body.px_per_m
    return replace(under, rest_m=(rest + pull * ((length - inset).clamp_min(0) / length)).contiguous())


def garment_coat(person: Wearer, clothes: Wearer, covered: np.ndarray, parts: Collection[int], garment: Garment) -> Surface:
    """Faces of some parts whose vertices are all covered [V] bool by a garment; layers are numbered as the parts are."""
    part = person.model.part_of_face.numpy()
    chosen = covered[person.model.faces.numpy()].all(1) & np.isin(part, list(parts))
    arm = np.isin(part, (Part.LEFT_ARM, Part.RIGHT_ARM))
    rank = np.where(arm, ARM_RANK.get(garment, RANK[garment]), RANK[garment])
    return _coat(person, person.underlay, chosen, screen_uv(clothes), part, UNDER_M - STEP_M * rank)


def linings(layers: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Opaque layers [parts, h, w, 4] uint8 that run every part's colours on over the whole window, and which parts have any."""
    out = np.full((len(Part), *layers.shape[1:]), 255, np.uint8)
    filled = []
    for part in Part:
        rgb, solid = layers[part, ..., :3].astype(np.float32), layers[part, ..., 3] > SOLID
        if solid.any():
            out[part, ..., :3] = push_pull(rgb, solid.astype(np.float32)).clip(0, 255).astype(np.uint8)
            filled.append(int(part))
    return out, filled


def _coat(person: Wearer, under: Surface, chosen: np.ndarray, uv: torch.Tensor, layer: np.ndarray, bias_m: np.ndarray) -> Surface:
    count = len(chosen)
    painted = replace(
        under,
        uv_px=uv.contiguous(),
        layer=torch.from_numpy(layer.astype(np.int32)),
        bias_m=torch.from_numpy(np.broadcast_to(bias_m, (count,)).astype(np.float32)),
        confidence=torch.full((count,), COAT_CONFIDENCE),
    )
    return part_of(painted, chosen)


def tucked_upper(person: Wearer, source: Wearer, layer: int) -> tuple[np.ndarray, Surface]:
    """The upper garment run on under the lower one: its texture [h, w, 4] and the trunk's faces that carry it."""
    rgba = _run_on(source, Garment.UPPER)
    height = heights(person.model, person.portrait.params.betas)
    between = (height > HEM_LOW) & (height < 0.5)
    return rgba, _band(person, source, between, layer, SKIN_UNDER_M)


def hidden_waist(person: Wearer, source: Wearer, layer: int) -> tuple[np.ndarray, Surface]:
    """The lower garment run on to the waist that a shirt hid: its texture [h, w, 4] and the trunk's faces that carry it."""
    rgba, height = _run_on(source, Garment.LOWER), heights(source.model, source.portrait.params.betas)
    trunk = (source.model.part_of_vertex.numpy() == Part.TRUNK) & (source.outfit.worn == Garment.LOWER)
    border = float(np.percentile(height[trunk], 95)) if trunk.any() else WAIST
    waist = border if border > TUCKED else WAIST
    soft = 1.5 / (source.body.px_per_m * 0.5)
    rgba[..., 3] = np.clip((waist - field(source, Part.TRUNK, height)) / soft + 0.5, 0, 1)
    return rgba, _band(
        person, source, heights(person.model, person.portrait.params.betas) < waist + 0.1, layer, SKIN_UNDER_M - STEP_M
    )


def _run_on(source: Wearer, garment: Garment) -> np.ndarray:
    """[h, w, 4] float32 the trunk's layer with one garment's cloth all over it, opaque."""
    rgba = source.portrait.layers[Part.TRUNK].numpy().astype(np.float32) / 255
    seen = source.outfit.shown[Part.TRUNK] & (source.outfit.layers[Part.TRUNK] == garment) & (rgba[..., 3] > 0.98)
    other = Garment.LOWER if garment == Garment.UPPER else Garment.UPPER
    ours, theirs = (usual_color(source, {g}) for g in (garment, other))
    seen &= np.linalg.norm(rgba[..., :3] - ours, axis=-1) < np.linalg.norm(rgba[..., :3] - theirs, axis=-1)  # no hem of the other
    reach = max(2, round(0.015 * source.body.px_per_m))
    seen = cv2.erode(seen.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    rgba[..., :3] = completed(rgba[..., :3], np.ones_like(seen), seen, ours)
    rgba[..., 3] = 1
    return rgba


def _band(person: Wearer, source: Wearer, vertices: np.ndarray, layer: int, bias_m: float) -> Surface:
    faces = person.model.faces.numpy()
    chosen = vertices[faces].all(1) & (person.model.part_of_face.numpy() == Part.TRUNK)
    return _coat(person, person.underlay, chosen, screen_uv(source), np.full(len(faces), layer), np.asarray(bias_m))
