"""Garment parsing: what every pixel of a portrait shows, from the fitted body, the face's skin tone and the person's own colours.

A prior by place on the body and colour likelihoods learned from the portrait itself take turns (expectation maximisation); mean-field
steps along similar neighbours keep borders on colour edges (in the manner of Krähenbühl and Koltun 2011, with few neighbours).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np

from ..body.model import BodyModel
from ..body.parts import Part, Region
from .build import Portrait
from .fill import distance_to, nearest_index
from .layers import HEAD_BACK, SKIRT
from .palette import FLOOR, indexed, likelihoods, skin_distance, to_lab
from .places import PART_OF_REGION, along_arms, find_places, front_of, garment_prior, heights, spread
from .posed import PosedBody, pose_body

ROUNDS, FIELD_STEPS, LEARNED_PX = 5, 3, 240
SKIN_LIMIT = 2.5  # standard deviations from the face's skin at which skin and cloth are equally likely before colours are learned
COUPLING, EDGE_LAB = 1.2, 9.0  # of neighbours, and the colour difference that uncouples them
STEPS_OF_HEIGHT = (0.002, 0.006)  # neighbours are this far, as shares of the person's height
CRUMB_SHARE = 0.002  # of the person's pixels: smaller islands join what is round them
ISLAND_SHARE = 0.04  # of the largest piece of an upper or lower garment, the same
PATCH_SHARE = 0.02  # skin on the trunk smaller than this and without contact to bare limbs or the neck is a print on cloth
SLIVER_SHARE = 0.05  # of a layer: smaller pieces of another garment belong to the part beside it
ARMPIT = 0.68  # height of the armpits, 0 at the pelvis joint and 1 at the neck's
BELLY, BELLY_SHARE = (0.12, 0.4), 0.25  # heights of the belly, and the share of skin on it that makes an upper a crop top
RIM_M, ENOUGH_PX = 0.04, 200  # within this of another part ..
RARE, STRANGER = 0.004, 0.25  # .. colours with a smaller share of a garment's inside, or this much rarer there, are not its own
FAR_FROM_SKIN = 3.5  # standard deviations beyond which nothing teaches what skin looks like
TANNED = 3.0  # standard deviations by which bare legs may differ from the face
BARE_LEG = 0.1  # weight of what may be bare in learning trousers and shoes
SHOD = 0.12  # share of shoe from which a foot's bare rest belongs to the shoe
BORDER_M = 0.05  # upper and lower are compared within this of their border
SLEEVE_FROM, SLEEVE_STEP = 0.08, 0.08  # along the arm: where sleeves are first looked for, and how finely
SAME_COLORS = 0.7  # overlap of two garments' colours from which they count as one cloth


class Garment(IntEnum):
    """What a pixel of a person shows."""

    SKIN = 0  # the face with brows, eyes and beard included
    HAIR = 1
    UPPER = 2
    LOWER = 3
    SHOES = 4


@dataclass(frozen=True, slots=True)
class Outfit:
    """A portrait, taken apart."""

    labels: np.ndarray  # [h, w] int32, `Garment` of the photo's pixels in the portrait's window, -1 off the person
    layers: np.ndarray  # [L, h, w] int32, the same for every texel of every layer, hidden ones included; -1 where it is empty
    worn: np.ndarray  # [V] int32, what covers each vertex of the bare body
    shown: np.ndarray  # [L, h, w] bool: the photo shows what the label says, and it isn't the rim of something else
    one_piece: bool  # upper and lower are one cloth, or look it
    body: PosedBody  # in the portrait's window


_LEG_REGIONS = [r for r in Region if r.name.endswith(("THIGH", "SHIN"))]
_FEET = (Region.LEFT_FOOT, Region.RIGHT_FOOT)
_ARMS, _LEGS = (Part.LEFT_ARM, Part.RIGHT_ARM), (Part.LEFT_LEG, Part.RIGHT_LEG)
_BESIDE = dict.fromkeys(_ARMS, (Part.TRUNK, *_LEGS)) | dict.fromkeys((*_LEGS, Part.TRUNK, Part.HEAD, SKIRT), _ARMS)  # by layer


def parse_garments(portrait: Portrait, model: BodyModel) -> Outfit:
    """Tell skin, hair, upper, lower and shoes apart in every texture layer of a portrait."""
    body = pose_body(model, portrait.params, portrait.window)
    regions = portrait.regions.numpy()
    places = find_places(body, regions, model, portrait.params.betas)
    lab = to_lab(portrait.photo.numpy()[..., :3])
    share, colors = _learned(lab, regions, garment_prior(places))
    labels = _whole_feet(_tidy(np.where(regions >= 0, share.argmax(0), -1).astype(np.int32), regions), regions)
    layers = _per_layer(labels, portrait)
    height, along = heights(model, portrait.params.betas), along_arms(model, portrait.params.betas)
    layers[Part.TRUNK] = _without_arms(layers[Part.TRUNK], spread(body, model, Part.TRUNK, height), regions)
    for arm in _ARMS:
        bare = (front_of(body, arm).face >= 0).numpy()
        layers[arm] = _sleeves(layers[arm], spread(body, model, arm, along), bare)
    shown = portrait.known.numpy() & (layers == labels)
    px_per_m = body.camera.focal_px / float(body.screen[:, 2].median())
    for layer, others in _BESIDE.items():
        beside = distance_to(np.isin(PART_OF_REGION[regions], others) & (regions >= 0))
        shown[layer] &= ~_strange(colors, labels, shown[layer], beside, RIM_M * px_per_m)
    return Outfit(labels, layers, _per_vertex(layers, body, model), shown, _one_piece(labels, colors, BORDER_M * px_per_m), body)


def _learned(lab: np.ndarray, regions: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares [K, h, w] of the garments per pixel, and the palette index [h, w]. Colours are learned on a smaller picture."""
    smooth = cv2.bilateralFilter(lab, 5, EDGE_LAB, 2.0)
    index, palette = indexed(smooth, regions >= 0)
    step = max(1, lab.shape[0] // LEARNED_PX)
    small = np.s_[::step, ::step]
    inside, seen = regions[small] >= 0, index[small]
    like, tone = _skin_first(smooth[small], regions[small], palette)
    near, population = _neighbours(smooth[small], inside), np.bincount(seen[inside], minlength=len(palette))
    teaches = _teachers(regions[small][inside], tone[seen[inside]])
    for _ in range(ROUNDS):
        share = _settled(prior[:, ::step, ::step], like[:, seen], near, inside)
        like = likelihoods(seen[inside], share[:, inside] * teaches, palette)
        skin = population * tone
        if skin.sum() > 0:
            like[Garment.SKIN] = 0.5 * (like[Garment.SKIN] + skin / skin.sum() + FLOOR)
    whole = regions >= 0
    return _settled(prior, like[:, index].astype(np.float32), _neighbours(smooth, whole), whole), index


def _teachers(region: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """[K, n] weights with which pixels of a region [n] and a likeness to the face's skin [n] teach each garment's colours.

    Skin is learned from what may be skin; bare legs must not teach trousers, nor bare feet shoes.
    """
    out = np.ones((len(Garment), len(region)), np.float32)
    like_skin = tone > np.exp(-0.5 * SKIN_LIMIT**2)
    out[Garment.SKIN] = np.where((tone > np.exp(-0.5 * FAR_FROM_SKIN**2)) | (region == Region.FACE), 1, 0)
    out[Garment.LOWER] = np.where(np.isin(region, _LEG_REGIONS) & (tone > np.exp(-0.5 * TANNED**2)), BARE_LEG, 1)
    out[Garment.SHOES] = np.where(like_skin, BARE_LEG, 1)
    return out


def _skin_first(lab: np.ndarray, regions: np.ndarray, palette: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Likelihoods [K, colours] before anything is learned: like the face's skin, or not. And the skin's alone [colours]."""
    face = cv2.erode((regions == Region.FACE).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    like, tone = np.ones((len(Garment), len(palette))), np.zeros(len(palette))
    if face.sum() > 10:
        like[:] = np.exp(-0.5 * SKIN_LIMIT**2)
        tone = np.exp(-0.5 * skin_distance(palette, lab[face]) ** 2)
        like[Garment.SKIN] = tone + 0.1 * like[Garment.SKIN]
    return like, tone


def _neighbours(lab: np.ndarray, inside: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """(dy, dx, coupling [h, w]) to the pixel that `np.roll` by (dy, dx) brings here."""
    rows = np.flatnonzero(inside.any(1))
    height = rows[-1] - rows[0] + 1 if len(rows) else 1
    out = []
    for reach in sorted({max(1, round(s * height)) for s in STEPS_OF_HEIGHT}):
        for dy, dx in ((reach, 0), (-reach, 0), (0, reach), (0, -reach)):
            apart = np.square(lab - np.roll(lab, (dy, dx), (0, 1))).sum(-1)
            alike = np.exp(-apart / (2 * EDGE_LAB**2)) * np.roll(inside, (dy, dx), (0, 1))
            out.append((dy, dx, (COUPLING * alike).astype(np.float32)))
    return out


def _settled(prior: np.ndarray, like: np.ndarray, near: list[tuple[int, int, np.ndarray]], inside: np.ndarray) -> np.ndarray:
    """Mean-field shares [K, h, w] from prior and likelihood [K, h, w]."""
    evidence = np.log(prior) + np.log(like).astype(np.float32)
    share = _softmax(evidence)
    for _ in range(FIELD_STEPS):
        pull = sum(alike * np.roll(share, (dy, dx), (1, 2)) for dy, dx, alike in near)
        share = _softmax(evidence + pull)
    return np.where(inside, share, 0)


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(0))
    return np.asarray((e / e.sum(0)).astype(np.float32))


def _tidy(labels: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Without islands: crumbs, and skin in the middle of cloth, take the label round them."""
    person = labels >= 0
    bare = np.isin(regions, [r for r in Region if r not in (Region.CHEST, Region.PELVIS)])
    total, doubtful = int(person.sum()), np.zeros(labels.shape, bool)
    for garment in Garment:
        count, number, stats, _ = cv2.connectedComponentsWithStats((labels == garment).astype(np.uint8), connectivity=4)
        least = CRUMB_SHARE * total
        if garment in (Garment.UPPER, Garment.LOWER):
            least = max(least, ISLAND_SHARE * stats[1:, cv2.CC_STAT_AREA].max(initial=0))
        for k in range(1, count):
            left, top, width, height, area = stats[k]
            here = np.s_[top : top + height, left : left + width]
            island = number[here] == k
            lost = garment == Garment.SKIN and area < PATCH_SHARE * total and not (bare[here] & island).any()
            if area < least or lost:
                doubtful[here] |= island
    sure = person & ~doubtful
    if not sure.any():
        return labels
    index, _ = nearest_index(sure)
    return np.where(person, labels.reshape(-1)[index], -1).astype(np.int32)


def _per_layer(labels: np.ndarray, portrait: Portrait) -> np.ndarray:
    """[L, h, w]: known texels have their pixel's label, hidden ones that of the nearest known texel of their layer."""
    known, rgba = portrait.known.numpy(), portrait.layers.numpy()
    out = np.full(known.shape, -1, np.int32)
    default = {Part.HEAD: Garment.SKIN, Part.LEFT_LEG: Garment.LOWER, Part.RIGHT_LEG: Garment.LOWER, SKIRT: Garment.LOWER}
    for layer in range(len(known)):
        drawn = rgba[layer, ..., 3] > 0
        source = int(Part.HEAD) if layer == HEAD_BACK else layer
        seen = known[source] & (labels >= 0)
        if not seen.any():
            out[layer][drawn] = default.get(layer, Garment.UPPER)
            continue
        index, _ = nearest_index(seen)
        kept = (Garment.HAIR, Garment.SKIN) if layer == Part.TRUNK else (Garment.HAIR,)
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


def _sleeves(labels: np.ndarray, along: np.ndarray, bare: np.ndarray) -> np.ndarray:
    """An arm's labels [h, w] with cloth from the shoulder to where its sleeve ends and skin beyond; slivers of other parts are gone.

    `along` [h, w]: 0 at the shoulder, 1 at the wrist. `bare` [h, w] bool: the bare arm, on which sleeves are measured.
    """
    own = bare & np.isin(labels, (Garment.SKIN, Garment.UPPER))
    step = np.clip(((along - SLEEVE_FROM) / SLEEVE_STEP).astype(int), 0, round(1 / SLEEVE_STEP))
    own &= along > SLEEVE_FROM
    if not own.any() or not (labels == Garment.SKIN).any():
        return labels
    total = np.bincount(step[own], minlength=step.max() + 1)
    cloth = np.bincount(step[own & (labels == Garment.UPPER)], minlength=step.max() + 1)
    open_ = np.flatnonzero((total > 0) & (cloth < 0.5 * total))
    end = SLEEVE_FROM + SLEEVE_STEP * open_[0] if len(open_) else np.inf
    beyond = end + SLEEVE_STEP if end > SLEEVE_FROM else -np.inf
    return np.where((labels == Garment.UPPER) & (along > beyond), int(Garment.SKIN), labels)


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


def _whole_feet(labels: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """A foot in a sandal or a pump goes with it; a bare one stays skin."""
    out = labels.copy()
    for foot in _FEET:
        own = (regions == foot) & np.isin(labels, (Garment.SKIN, Garment.SHOES))
        if own.any() and (labels[own] == Garment.SHOES).mean() > SHOD:
            out[own] = Garment.SHOES
    return out
