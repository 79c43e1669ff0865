"""The photo as layers: one RGBA image per body part, complete behind what hides it.

A layer holds the photo's pixels of its part, a soft alpha that ends at the matte and at occlusion borders, runs on under its
neighbour where two parts join without a depth step, and is filled where another part hides it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..body.parts import MIRROR_PART, Part
from .back import trunk_from_behind
from .fill import distance_to, nearest_index, push_pull
from .hair import head_from_behind
from .inpaint import inpainted
from .posed import PartView, PosedBody
from .skirt import find_skirt
from .twins import from_twin

HEAD_BACK = len(Part)  # the head as seen from behind: hair where the photo shows the face
SKIRT = len(Part) + 1  # cloth that spans both legs
TRUNK_BACK = len(Part) + 2  # the trunk as seen from behind: cloth where the photo shows ties, necklines, zips
LAYER_COUNT = len(Part) + 3
BEHIND = {Part.HEAD: HEAD_BACK, Part.TRUNK: TRUNK_BACK}
FRONT_OF = {back: part for part, back in BEHIND.items()}
OCCLUSION_STEP_M = 0.04  # a part this much behind the visible one is hidden by it; less is a joint between the two ..
SEAM_REACH = 3.0  # .. if it is within this many reaches of the seam of their meshes
OVERLAP_OF_HEIGHT = 0.012  # a reach: how far joined parts run under each other, as a share of the person's height
CRUMB_SHARE = 0.04  # pieces of a layer smaller than this share of its largest are label noise
HIDDEN_SHARE, MANY_PX = 0.02, 400  # a layer with more than this share hidden, and enough pixels to learn from, is patched
CREASE_REACH, CREASE_LIGHT = 1.5, 0.8  # creases are within this many reaches of the other part, and less lit than this
PLAIN = 0.08  # median departure of cloth without a pattern from its own blur, relative
_ARMS = (Part.LEFT_ARM, Part.RIGHT_ARM)


@dataclass(frozen=True, slots=True)
class Layers:
    rgba: np.ndarray  # [L, h, w, 4] float32, straight alpha, 0..1
    known: np.ndarray  # [L, h, w] bool: the photo shows this part here
    skirt: np.ndarray  # [h, w] bool: cloth that spans both legs; empty where there is none


def build_layers(body: PosedBody, rgb: np.ndarray, matte: np.ndarray, label: np.ndarray) -> Layers:
    """Cut the photo into layers. rgb [h, w, 3] foreground colours, matte [h, w], label [h, w] from `label_matte`."""
    rows = np.flatnonzero((matte > 0.5).any(1))
    reach = OVERLAP_OF_HEIGHT * (rows[-1] - rows[0] + 1) if len(rows) else 4.0
    visible_depth = _visible_depth(body, label)
    rgba = np.zeros((LAYER_COUNT, *matte.shape, 4), np.float32)
    known = np.zeros((LAYER_COUNT, *matte.shape), bool)
    for part in Part:
        rgba[part, ..., 3], known[part] = _part_alpha(body, part, label, matte, visible_depth, reach)
    for part in Part:
        seen = known[part]
        if part in (Part.TRUNK, *_ARMS):
            seen = seen & ~_contact_shadow(rgb, seen, _others(part, label, matte), reach)
        rgba[part, ..., :3] = _colored(body, part, rgb, known, seen, rgba[part, ..., 3])
    _fill_unseen_limbs(rgba, known)
    skirt = find_skirt(body, rgb, matte, label)
    if skirt.any():
        hands = np.isin(label, _ARMS) & (distance_to(np.isin(body.label, _ARMS)) < reach)  # not a hem that they hold
        _lay_skirt(body, rgba, known, rgb, matte, skirt & ~hands, hands, reach)
    for part, back in BEHIND.items():
        rgba[back] = rgba[part]
    rgba[HEAD_BACK, ..., :3] = head_from_behind(body, rgb, known[Part.HEAD])
    _turn_trunk(body, rgb, rgba, known)
    return Layers(np.clip(rgba, 0, 1), known, skirt)


def _turn_trunk(body: PosedBody, rgb: np.ndarray, rgba: np.ndarray, known: np.ndarray) -> None:
    """Paint the trunk's back; what was changed there is no longer the photo's."""
    trunk, shown = rgba[Part.TRUNK], known[Part.TRUNK]
    rgba[TRUNK_BACK, ..., :3], changed = trunk_from_behind(body, rgb, trunk[..., :3], shown, trunk[..., 3])
    known[TRUNK_BACK] = shown & ~changed


def _colored(body: PosedBody, part: Part, rgb: np.ndarray, known: np.ndarray, seen: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """[h, w, 3] a part's colours, run on from where they are `seen`; hidden slices of limbs have their twin's."""
    if MIRROR_PART[part] != part:
        colors, taken = from_twin(body, part, rgb, known)
        return push_pull(np.where(taken[..., None], colors, rgb), (seen | taken).astype(np.float32))
    diffused = push_pull(rgb, seen.astype(np.float32))  # limbs show too little to learn from
    return _completed(diffused, seen, alpha) if part == Part.TRUNK else diffused


def _others(part: Part, label: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """[h, w] bool: the arms' pixels for the trunk, the trunk's for an arm."""
    return np.isin(label, _ARMS if part == Part.TRUNK else (Part.TRUNK,)) & (matte > 0.5)


def _contact_shadow(rgb: np.ndarray, seen: np.ndarray, others: np.ndarray, reach: float) -> np.ndarray:
    """[h, w] bool: the dark crease of an arm on the trunk, which would come to light as a stain when the arm is raised.

    Only plain cloth and skin tell a crease from a pattern.
    """
    distance, light = distance_to(others), rgb.sum(-1)
    near, inner = seen & (distance < CREASE_REACH * reach), seen & (distance >= CREASE_REACH * reach)
    beside = inner & (distance < 3 * CREASE_REACH * reach)
    smooth = cv2.GaussianBlur(light, (0, 0), reach)
    detail = (np.abs(light - smooth) / np.maximum(smooth, 1e-3))[beside]
    if not near.any() or len(detail) < MANY_PX or np.median(detail) > PLAIN:
        return np.zeros(seen.shape, bool)
    return near & (light < CREASE_LIGHT * push_pull(rgb, inner.astype(np.float32)).sum(-1))


def _completed(diffused: np.ndarray, seen: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """[h, w, 3]: the layer's colours, where something hides much of it by patches of what is seen, else as they are."""
    hidden = (alpha > 0.5) & ~seen
    if hidden.sum() < HIDDEN_SHARE * max(int(seen.sum()), 1) or seen.sum() < MANY_PX:
        return diffused
    return inpainted(diffused, alpha > 0.5, ~seen)


def _lay_skirt(
    body: PosedBody,
    rgba: np.ndarray,
    known: np.ndarray,
    rgb: np.ndarray,
    matte: np.ndarray,
    skirt: np.ndarray,
    hands: np.ndarray,
    reach: float,
) -> None:
    """Give the skirt a layer of its own; the legs under it keep its colours but end at the bare leg's outline."""
    ramp = np.clip(1.5 - distance_to(skirt) / reach, 0, 1)
    rgba[SKIRT, ..., 3] = _without_crumbs(matte * ramp)
    known[SKIRT] = (matte > 0.5) & (ramp > 0.5) & (distance_to(hands) > 2)  # no hands that rest on it
    rgba[SKIRT, ..., :3] = _completed(push_pull(rgb, known[SKIRT].astype(np.float32)), known[SKIRT], rgba[SKIRT, ..., 3])
    for leg in (Part.LEFT_LEG, Part.RIGHT_LEG):
        bare = np.isfinite(body.parts[leg].front.depth_m.numpy())
        rgba[leg, ..., 3] *= np.where(skirt, np.clip(2 - distance_to(bare), 0, 1), 1)


def _visible_depth(body: PosedBody, label: np.ndarray) -> np.ndarray:
    """[h, w] depth of the visible part, held constant outside the bare body."""
    index, _ = nearest_index(np.isfinite(body.depth_m))
    return body.depth_m.reshape(-1)[index]


def _part_alpha(
    body: PosedBody, part: Part, label: np.ndarray, matte: np.ndarray, visible_depth: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Alpha of a part's layer and where the photo shows it, both [h, w]."""
    own = (label == part) & (matte > 0.02)
    front = body.parts[part].front.depth_m.numpy()
    distance = distance_to(own)
    ramp = np.clip(1.5 - distance / reach, 0, 1) * _joined(body.parts[part], part, label, visible_depth, reach)
    indicator = np.maximum(cv2.GaussianBlur(own.astype(np.float32), (0, 0), 0.7), ramp)
    hidden = np.isfinite(front) & (label != part) & (front > visible_depth + OCCLUSION_STEP_M) & (matte > 0.5)
    under = cv2.GaussianBlur(cv2.dilate(hidden.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32), (0, 0), 0.7)
    others = distance_to((label != part) & (matte > 0.5) & (ramp < 0.5))
    seen = (own & (others > 1.5)) | ((ramp > 0.5) & (matte > 0.5) & ~hidden)
    alpha = np.maximum(indicator * matte, under * (matte > 0.5) * (label != part))
    return _without_crumbs(alpha), seen


def _without_crumbs(alpha: np.ndarray) -> np.ndarray:
    """The layer [h, w] without specks off its main piece, which would fly about on their own."""
    count, number, stats, _ = cv2.connectedComponentsWithStats((alpha > 0.1).astype(np.uint8), connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA].astype(np.float32)
    if count <= 2:
        return alpha
    kept = area >= CRUMB_SHARE * area[1:].max()
    kept[0] = True
    return np.where(kept[number], alpha, 0).astype(np.float32)


def _joined(view: PartView, part: Part, label: np.ndarray, visible_depth: np.ndarray, reach: float) -> np.ndarray:
    """[h, w] bool: pixels of a neighbouring part that continue this one, near the seam of the two and without a depth step.

    Limbs and head join the trunk only. An arm that hangs beside the trunk touches it in the picture alone.
    """
    neighbour = (label != part) if part == Part.TRUNK else (label == Part.TRUNK)
    front = view.front.depth_m.numpy()
    if not np.isfinite(front).any():
        return np.zeros(label.shape, bool)
    index, _ = nearest_index(np.isfinite(front))
    seam = np.zeros(label.shape, bool)
    column, row = np.floor(view.seam_px).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < label.shape[1]) & (row < label.shape[0])
    seam[row[inside], column[inside]] = True
    near = distance_to(seam) < SEAM_REACH * reach
    return neighbour & near & (np.abs(front.reshape(-1)[index] - visible_depth) < OCCLUSION_STEP_M)


def _fill_unseen_limbs(rgba: np.ndarray, known: np.ndarray) -> None:
    """A limb that the photo doesn't show at all takes the mean colour of its twin, or of the trunk."""
    twins = {p: MIRROR_PART[p] for p in Part} | {Part.HEAD: Part.TRUNK, Part.TRUNK: Part.HEAD}
    for part, twin in twins.items():
        if not known[part].any():
            donor = twin if known[twin].any() else Part.TRUNK
            if known[donor].any():
                rgba[part, ..., :3] = rgba[donor][known[donor]][:, :3].mean(0)
