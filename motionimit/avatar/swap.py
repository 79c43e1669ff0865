"""Appearance transfer: a person keeps face, skin and body; named garments come from other people's photos.

Both are fitted bodies of one topology, so garments travel as they are drawn: their shells, carried to the other shape, join the
person's own, and the renderer's depth test puts them together in every pose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch

from ..body.model import BodyModel
from ..body.parts import Part, Region
from ..errors import BadInput
from ..flow.surface import Surface, join
from .avatar import Avatar
from .bareskin import skin_colors
from .coats import garment_coat, hidden_waist, linings, skin_coat, tucked_upper
from .garments import Garment
from .layers import HEAD_BACK, LAYER_COUNT, SKIRT
from .outfit import BELLY, BELLY_SHARE, Outfit, parse_garments
from .places import heights
from .portrait import Portrait
from .reshape import carried
from .wearing import RANK, Wearer, feathered, field, garment_layers, labels_of, shells

LEAST_SHARE = {Garment.UPPER: 0.03, Garment.LOWER: 0.03, Garment.SHOES: 0.003, Garment.HAIR: 0.003}  # of the person's pixels
NAMELESS = "The photo of the clothes"
UNDERLAP_M = 0.015  # what a garment hides ends this far under its edge


def dressed(
    person: Avatar, clothes: Mapping[str, Avatar], model: BodyModel, names: Mapping[str, str] | None = None
) -> tuple[Avatar, list[str]]:
    """The person in other clothes, and warnings for the user.

    `clothes`: part ('upper', 'lower', 'shoes' or 'hair') → whose. `names`: part → what to call that photo in messages.
    Place, camera, background, face and skin stay the person's. Raises `BadInput` where a photo doesn't show the part asked for.
    """
    names, warnings = names or {}, []
    parsed: dict[int, Wearer] = {}
    taken: dict[Garment, Wearer] = {}
    for part, avatar in clothes.items():
        key = id(avatar)
        if key not in parsed:
            portrait = avatar.portraits[0]
            parsed[key] = Wearer(portrait, parse_garments(portrait, model), model)
        garment = Garment[part.upper()]
        _check_shown(parsed[key].outfit, garment, names.get(part, NAMELESS))
        taken[garment] = parsed[key]
    warnings += _whole_dresses(taken, names)
    portraits = []
    for portrait in person.portraits:
        wearer = Wearer(portrait, parse_garments(portrait, model), model)
        portraits.append(_dressed_portrait(wearer, taken))
    return replace(person, portraits=tuple(portraits)), warnings


def _check_shown(outfit: Outfit, garment: Garment, name: str) -> None:
    shown = int((outfit.labels == garment).sum())
    if shown < LEAST_SHARE[garment] * max(int((outfit.labels >= 0).sum()), 1):
        what = {Garment.UPPER: "upper garment", Garment.LOWER: "lower garment"}.get(garment, garment.name.lower())
        raise BadInput(
            f"{name} shows no {what} to take; use a photo that shows it, or leave '{garment.name.lower()}' out of --parts."
        )


def _whole_dresses(taken: dict[Garment, Wearer], names: Mapping[str, str]) -> list[str]:
    """A one-piece dress of which upper or lower is asked comes whole: adds the other to `taken`. Returns warnings."""
    warnings = []
    pair = {Garment.UPPER: Garment.LOWER, Garment.LOWER: Garment.UPPER}
    for garment, other in pair.items():
        wearer = taken.get(garment)
        if wearer is None or not wearer.outfit.one_piece or taken.get(other) is wearer:
            continue
        name = names.get(garment.name.lower(), NAMELESS)
        if other not in taken and _is_dress(wearer):
            taken[other] = wearer
            warnings.append(f"{name}: upper and lower look like one piece, so the whole of it was taken")
        else:
            warnings.append(f"{name}: no border between upper and lower was found, so it was cut at the waist")
    return warnings


def _is_dress(wearer: Wearer) -> bool:
    """Cloth across both legs, or bare legs under it."""
    shins = np.isin(wearer.portrait.regions.numpy(), (Region.LEFT_SHIN, Region.RIGHT_SHIN))
    bare = (wearer.outfit.labels[shins] == Garment.SKIN).mean() if shins.any() else 0.0
    return bool((wearer.portrait.layers[SKIRT, ..., 3] > 128).any() or bare > 0.5)


def _dressed_portrait(person: Wearer, taken: Mapping[Garment, Wearer]) -> Portrait:
    if Garment.SHOES in taken:
        person = _shod(person)
    stack = _Stack()
    covered = {g: w.outfit.worn == g for g, w in taken.items()}
    kept = set(Garment) - set(taken)
    layers, known = garment_layers(person, kept)
    layers[..., 3] = (layers[..., 3] * _not_hidden(person, kept, covered)).astype(np.uint8)
    own = stack.paint(layers, known)
    stack.add(shells(person, layers[..., 3], kept), own)
    stack.add(person.underlay, own)
    _put_on(stack, person, taken, covered)
    everything = np.logical_or.reduce(list(covered.values()))
    bare = np.isin(person.outfit.worn, [int(g) for g in taken]) & ~everything
    sources = {g: taken.get(g, person) for g in (Garment.UPPER, Garment.LOWER)}
    if ({Garment.UPPER, Garment.LOWER} & set(taken)) and not _bare_midriff(sources[Garment.UPPER]):
        height = heights(person.model, person.portrait.params.betas)
        bare &= ~((person.model.part_of_vertex.numpy() == Part.TRUNK) & (height > -0.4) & (height < BELLY[1]))
        for extend, garment in ((tucked_upper, Garment.UPPER), (hidden_waist, Garment.LOWER)):
            rgba, surface = extend(person, sources[garment], 0)
            stack.add(surface, stack.paint((rgba[None] * 255 + 0.5).astype(np.uint8)))
    if bare.any():
        colors = skin_colors(person.portrait, person.outfit, person.model)
        opaque = np.concatenate((colors, np.ones_like(colors[..., :1])), -1)
        first = stack.paint((opaque * 255 + 0.5).astype(np.uint8))
        stack.add(skin_coat(person, bare, 0), first)
    return stack.portrait(person.portrait)


def _shod(person: Wearer) -> Wearer:
    """Bare feet count as what shoes replace."""
    outfit, region = person.outfit, person.model.region_of_face.numpy()
    feet = np.zeros(len(outfit.worn), bool)
    feet[person.model.faces.numpy()[np.isin(region, (Region.LEFT_FOOT, Region.RIGHT_FOOT))]] = True
    layers, worn = outfit.layers.copy(), outfit.worn.copy()
    worn[feet & (worn == Garment.SKIN)] = Garment.SHOES
    for leg in (Part.LEFT_LEG, Part.RIGHT_LEG):
        layers[leg][(layers[leg] == Garment.SKIN) & (field(person, leg, feet.astype(np.float32)) > 0.5)] = Garment.SHOES
    return replace(person, outfit=replace(outfit, layers=layers, worn=worn))


def _put_on(stack: _Stack, person: Wearer, taken: Mapping[Garment, Wearer], covered: Mapping[Garment, np.ndarray]) -> None:
    """Shells and coats of everything that is taken."""
    target = person.model.rest(person.portrait.params.betas)[0]
    for wearer in {id(w): w for w in taken.values()}.values():
        garments = [g for g, w in taken.items() if w is wearer]
        layers, known = garment_layers(wearer, garments)
        first = stack.paint(layers, known)
        stack.add(carried(shells(wearer, layers[..., 3], garments), wearer.body.rest_m, target), first)
        for garment in garments:
            own = layers.copy()
            own[..., 3][labels_of(wearer, garments) != garment] = 0
            lining, parts = linings(own)
            if parts:
                stack.add(garment_coat(person, wearer, covered[garment], parts, garment), stack.paint(lining))


def _not_hidden(person: Wearer, kept: set[Garment], covered: Mapping[Garment, np.ndarray]) -> np.ndarray:
    """[L, h, w] 0..1: what is left of the kept layers under garments that are put on over them."""
    labels, regions = person.outfit.layers, person.portrait.regions.numpy()
    out = np.ones(labels.shape, np.float32)
    reach = max(1, round(UNDERLAP_M * person.body.px_per_m))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    face = np.isin(regions, (Region.FACE, Region.SCALP))
    for layer in range(LAYER_COUNT):
        for garment, vertices in covered.items():
            below = [int(k) for k in kept if RANK[k] < RANK[garment]]
            under = np.isin(labels[layer], below)
            if layer in (Part.HEAD, HEAD_BACK) and garment != Garment.HAIR:
                under &= ~face
            if not under.any():
                continue
            cover = (field(person, layer, vertices.astype(np.float32)) > 0.5).astype(np.uint8)
            hidden = cv2.erode(cover, disc, borderValue=1) > 0
            out[layer] *= 1 - feathered(hidden & under)
    return out


def _bare_midriff(wearer: Wearer) -> bool:
    """Whether the upper garment is a crop top."""
    height, rest = heights(wearer.model, wearer.portrait.params.betas), wearer.body.rest_m.numpy()
    belly = (height > BELLY[0]) & (height < BELLY[1]) & (np.abs(rest[:, 0]) < 0.1) & (rest[:, 2] > 0)
    belly &= wearer.model.part_of_vertex.numpy() == Part.TRUNK
    return bool((wearer.outfit.worn[belly] == Garment.SKIN).mean() > BELLY_SHARE)


class _Stack:
    """Surfaces and texture layers of several portraits, gathered into one."""

    def __init__(self) -> None:
        self._surfaces: list[Surface] = []
        self._layers: list[np.ndarray] = []
        self._known: list[np.ndarray] = []
        self._count = 0

    def paint(self, layers: np.ndarray, known: np.ndarray | None = None) -> int:
        """Append layers [n, h, w, 4] uint8; returns the number of the first. Nothing is known where `known` is None."""
        first, self._count = self._count, self._count + len(layers)
        self._layers.append(layers)
        self._known.append(np.zeros(layers.shape[:3], bool) if known is None else known)
        return first

    def add(self, surface: Surface, first_layer: int) -> None:
        self._surfaces.append(replace(surface, layer=surface.layer + first_layer))

    def portrait(self, person: Portrait) -> Portrait:
        """The person's portrait with these surfaces; smaller textures are padded at the right and below.

        Layers after the person's own are dropped where no face uses them.
        """
        surface = join(self._surfaces)
        used = np.union1d(surface.layer.numpy(), np.arange(LAYER_COUNT))
        number = np.searchsorted(used, surface.layer.numpy()).astype(np.int32)
        sizes: Sequence[tuple[int, ...]] = [a.shape[1:3] for a in self._layers]
        height, width = (max(s[k] for s in sizes) for k in (0, 1))

        def padded(a: np.ndarray, axis: int, value: float | None = None) -> np.ndarray:
            pads = [(0, 0)] * a.ndim
            pads[axis], pads[axis + 1] = (0, height - a.shape[axis]), (0, width - a.shape[axis + 1])
            return np.pad(a, pads, mode="edge") if value is None else np.pad(a, pads, constant_values=value)

        return replace(
            person,
            surface=replace(surface, layer=torch.from_numpy(number)),
            layers=torch.from_numpy(np.concatenate([padded(a, 1) for a in self._layers])[used]),
            known=torch.from_numpy(np.concatenate([padded(a, 1, False) for a in self._known])[used]),
            regions=torch.from_numpy(padded(person.regions.numpy(), 0, -1)),
            photo=torch.from_numpy(padded(person.photo.numpy(), 0, 0)),
            window=person.window.cropped(0, 0, width, height),
        )
