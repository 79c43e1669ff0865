"""What a portrait's person wears: the garment at every texel of every layer and at every vertex of the bare body."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..body.model import BodyModel
from ..body.parts import Part, Region
from .fill import distance_to, nearest_index
from .garments import Garment, label_garments
from .layers import HEAD_BACK, SKIRT, TRUNK_BACK
from .palette import to_lab
from .places import PART_OF_REGION, along_arms, find_places, front_of, garment_prior, heights, spread
from .portrait import Portrait
from .posed import PosedBody, pose_body

SLIVER_SHARE = 0.05  # of a layer: smaller pieces of another garment belong to the part beside it
ARMPIT = 0.68  # height of the armpits, 0 at the pelvis joint and 1 at the neck's
BELLY, BELLY_SHARE = (0.12, 0.4), 0.25  # heights of the belly, and the share of skin on it that makes an upper a crop top
RIM_M, ENOUGH_PX = 0.04, 200  # within this of another part ..
RARE, STRANGER = 0.004, 0.25  # .. colours with a smaller share of a garment's inside, or this much rarer there, are not its own
SLEEVE_FROM, SLEEVE_STEP = 0.08, 0.08  # along the arm: where sleeves are first looked for, and how finely
BORDER_M = 0.05  # upper and lower are compared within this of their border
SLEEVE_SEEN, HARDLY = 0.8, 0.2  # an arm of which less than this share of the other is seen, up to there, says nothing of sleeves
SAME_COLORS = 0.7  # overlap of two garments' colours from which they count as one cloth

_HANDS = [r for r in Region if r.name.endswith(("FOREARM", "HAND"))]
_ARMS, _LEGS = (Part.LEFT_ARM, Part.RIGHT_ARM), (Part.LEFT_LEG, Part.RIGHT_LEG)
_TRUNKS = (Part.TRUNK, TRUNK_BACK)
_BESIDE = dict.fromkeys(_ARMS, (Part.TRUNK, *_LEGS)) | dict.fromkeys((*_LEGS, *_TRUNKS, Part.HEAD, SKIRT), _ARMS)  # by layer


@dataclass(frozen=True, slots=True)
class Outfit:
    """A portrait, taken apart."""

    labels: np.ndarray  # [h, w] int32, `Garment` of the photo's pixels in the portrait's window, -1 off the person
    layers: np.ndarray  # [L, h, w] int32, the same for every texel of every layer, hidden ones included; -1 where it is empty
    worn: np.ndarray  # [V] int32, what covers each vertex of the bare body
    shown: np.ndarray  # [L, h, w] bool: the photo shows what the label says, and it isn't the rim of something else
    one_piece: bool  # upper and lower are one cloth, or look it
    body: PosedBody  # in the portrait's window


def parse_garments(portrait: Portrait, model: BodyModel) -> Outfit:
    """Tell skin, hair, upper, lower and shoes apart in every texture layer of a portrait."""
    body = pose_body(model, portrait.params, portrait.window)
    regions, betas = portrait.regions.numpy(), portrait.params.betas
    prior = garment_prior(find_places(body, regions, model, betas))
    labels, colors = label_garments(to_lab(portrait.photo.numpy()[..., :3]), regions, prior)
    layers = _per_layer(labels, portrait)
    height = spread(body, model, Part.TRUNK, heights(model, betas))
    for layer in _TRUNKS:
        layers[layer] = _without_arms(layers[layer], height, regions)
    _sleeves(layers, portrait.known.numpy(), body, model, along_arms(model, betas))
    shown = portrait.known.numpy() & (layers == labels)
    for layer, others in _BESIDE.items():
        beside = distance_to(np.isin(PART_OF_REGION[regions], others) & (regions >= 0))
        shown[layer] &= ~_strange(colors, labels, shown[layer], beside, RIM_M * body.px_per_m)
    one_piece = _one_piece(labels, colors, BORDER_M * body.px_per_m)
    return Outfit(labels, layers, _per_vertex(layers, body, model), shown, one_piece, body)


def _per_layer(labels: np.ndarray, portrait: Portrait) -> np.ndarray:
    """[L, h, w]: known texels have their pixel's label, hidden ones that of the nearest known texel of their layer."""
    known, rgba = portrait.known.numpy(), portrait.layers.numpy()
    out = np.full(known.shape, -1, np.int32)
    hands = np.isin(portrait.regions.numpy(), _HANDS) & (labels == Garment.SKIN)  # before the trunk or a leg, not its skin
    default = {Part.HEAD: Garment.SKIN, Part.LEFT_LEG: Garment.LOWER, Part.RIGHT_LEG: Garment.LOWER, SKIRT: Garment.LOWER}
    for layer in range(len(known)):
        drawn = rgba[layer, ..., 3] > 0
        source = int(Part.HEAD) if layer == HEAD_BACK else layer
        seen = known[source] & (labels >= 0)
        if layer not in _ARMS:
            seen &= ~hands
        if not seen.any():
            out[layer][drawn] = default.get(layer, Garment.UPPER)
            continue
        index, _ = nearest_index(seen)
        kept = (Garment.HAIR, Garment.SKIN) if layer in _TRUNKS else (Garment.HAIR,)
        out[layer] = _cleaned(np.where(drawn, labels.reshape(-1)[index], -1), kept)
    behind = (out[HEAD_BACK] == Garment.SKIN) & np.isin(portrait.regions.numpy(), (Region.FACE, Region.SCALP))
    out[HEAD_BACK][behind] = Garment.HAIR
    return out


def _without_arms(labels: np.ndarray, height: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """The trunk's labels [h, w] without skin below the armpits, which is that of arms beside it, unless the belly is bare.

    height [h, w] of the trunk.
    """
    belly = (labels >= 0) & (height > BELLY[0]) & (height < BELLY[1]) & np.isin(regions, (Region.CHEST, Region.PELVIS))
    below = (labels == Garment.SKIN) & (height < ARMPIT)
    cloth = np.isin(labels, (Garment.UPPER, Garment.LOWER))
    if not cloth.any() or not below.any() or (labels[belly] == Garment.SKIN).sum() > BELLY_SHARE * belly.sum():
        return labels
    nearest, _ = nearest_index(cloth)
    return np.where(below, labels.reshape(-1)[nearest], labels)


def _sleeves(layers: np.ndarray, known: np.ndarray, body: PosedBody, model: BodyModel, along: np.ndarray) -> None:
    """End the sleeves in the arms' layers [L, h, w] where they end: skin beyond, slivers of other parts gone.

    `along` [V]: 0 at the shoulder, 1 at the wrist. An arm that the photo hardly shows has the other one's sleeve.
    """
    where = {arm: spread(body, model, arm, along) for arm in _ARMS}
    upper = {arm: known[arm] & (where[arm] > SLEEVE_FROM) & (where[arm] < SLEEVE_SEEN) for arm in _ARMS}
    ends = {arm: _sleeve_end(layers[arm], where[arm], (front_of(body, arm).face >= 0).numpy()) for arm in _ARMS}
    for arm, twin in zip(_ARMS, _ARMS[::-1], strict=True):
        hardly = upper[arm].sum() < HARDLY * upper[twin].sum()
        end, cloth = ends[twin] if hardly else ends[arm], np.isin(layers[arm], (Garment.SKIN, Garment.UPPER))
        layers[arm][cloth & (where[arm] > end)] = Garment.SKIN
        if hardly:
            layers[arm][cloth & (where[arm] <= end)] = Garment.UPPER


def _sleeve_end(labels: np.ndarray, along: np.ndarray, bare: np.ndarray) -> float:
    """How far along an arm [h, w] its sleeve reaches, measured on the bare arm [h, w] bool; infinite where no skin ends it."""
    own = bare & np.isin(labels, (Garment.SKIN, Garment.UPPER)) & (along > SLEEVE_FROM)
    if not own.any() or not (labels == Garment.SKIN).any():
        return np.inf
    step = np.clip(((along - SLEEVE_FROM) / SLEEVE_STEP).astype(int), 0, round(1 / SLEEVE_STEP))
    total = np.bincount(step[own], minlength=step.max() + 1)
    cloth = np.bincount(step[own & (labels == Garment.UPPER)], minlength=step.max() + 1)
    open_ = np.flatnonzero((total > 0) & (cloth < 0.5 * total))
    if not len(open_):
        return np.inf
    return float(SLEEVE_FROM + SLEEVE_STEP * (open_[0] + 1)) if open_[0] else -np.inf


def _cleaned(labels: np.ndarray, kept: tuple[Garment, ...]) -> np.ndarray:
    """A layer's labels [h, w] without slivers of what belongs to the part beside it, except of what is `kept`."""
    drawn, sliver = labels >= 0, np.zeros(labels.shape, bool)
    for garment in np.setdiff1d(labels[drawn], kept):
        _, number, stats, _ = cv2.connectedComponentsWithStats((labels == garment).astype(np.uint8), connectivity=4)
        small = stats[:, cv2.CC_STAT_AREA] < SLIVER_SHARE * drawn.sum()
        small[0] = False
        sliver |= small[number]
    if not sliver.any() or not (drawn & ~sliver).any():
        return labels
    index, _ = nearest_index(drawn & ~sliver)
    return np.where(drawn, labels.reshape(-1)[index], -1)


def _strange(colors: np.ndarray, labels: np.ndarray, shown: np.ndarray, beside: np.ndarray, reach: float) -> np.ndarray:
    """[h, w] bool: pixels of a layer beside another part whose colours its inside doesn't have: gaps, hair, the other part's rim.

    colors [h, w] palette index, `beside` [h, w] distance to the other part and `reach` in pixels.
    """
    out = np.zeros(labels.shape, bool)
    for garment in (Garment.UPPER, Garment.LOWER):
        own = shown & (labels == garment)
        core, rim = own & (beside > 1.5 * reach), own & (beside <= reach)
        if core.sum() > ENOUGH_PX:
            inside, outside = (np.bincount(colors[w], minlength=int(colors.max()) + 1) / max(w.sum(), 1) for w in (core, rim))
            out |= rim & (inside < np.maximum(RARE, STRANGER * outside))[colors]
    return out


def _per_vertex(layers: np.ndarray, body: PosedBody, model: BodyModel) -> np.ndarray:
    """[V]: the label at each vertex of the bare body, in its own part's layer, or nearest to it."""
    part, (height, width) = model.part_of_vertex.numpy(), layers.shape[1:]
    uv = body.screen[:, :2].float().numpy()
    column, row = np.clip(uv[:, 0], 0, width - 1).astype(int), np.clip(uv[:, 1], 0, height - 1).astype(int)
    out = np.full(len(uv), int(Garment.SKIN), np.int32)
    for p in Part:
        if (layers[p] >= 0).any():
            index, _ = nearest_index(layers[p] >= 0)
            here = part == p
            out[here] = layers[p].reshape(-1)[index[row[here], column[here]]]
    return out


def _one_piece(labels: np.ndarray, colors: np.ndarray, reach: float) -> bool:
    """Whether the cloth on both sides of the border, up to `reach` pixels from it, is of the same colours."""
    upper, lower = labels == Garment.UPPER, labels == Garment.LOWER
    sides = [colors[a & (distance_to(b) < reach)] for a, b in ((upper, lower), (lower, upper))]
    if min(len(side) for side in sides) < 20:
        return False
    a, b = (np.bincount(side, minlength=int(colors.max()) + 1) / len(side) for side in sides)
    return bool(np.sqrt(a * b).sum() > SAME_COLORS)
