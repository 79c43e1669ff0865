"""Where on the body every pixel of a portrait lies, and what people wear there before any colour is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..body.model import BodyModel
from ..body.parts import JOINT_NAMES, Part, Region
from ..flow.raster import Raster
from .fill import nearest_index
from .layers import FRONT_OF, SKIRT
from .posed import PosedBody
from .skirt import lower_body

NEVER = 1e-4
WAIST, WAIST_SCALE, WAIST_LIMIT = 0.06, 0.11, 3.5  # heights: where upper meets lower, how sharply, and the surest of it (logit)
_TABLE = {  # region → skin, hair, upper, lower, shoes
    Region.SCALP: (0.15, 0.85, 0.01, 0, 0),
    Region.FACE: (0.93, 0.07, 0, 0, 0),
    Region.NECK: (0.6, 0.1, 0.3, 0, 0),
    Region.CHEST: (0.1, 0.01, 0.88, 0.88, 0),  # upper against lower by height
    Region.PELVIS: (0.05, 0.001, 0.95, 0.95, 0),
    Region.LEFT_UPPER_ARM: (0.35, 0.01, 0.64, 0, 0),
    Region.LEFT_FOREARM: (0.45, 0.002, 0.52, 0.03, 0),
    Region.LEFT_HAND: (0.8, 0, 0.1, 0.1, 0),
    Region.LEFT_THIGH: (0.22, 0, 0.75, 0.75, 0),
    Region.LEFT_SHIN: (0.33, 0, 0.01, 0.62, 0.02),
    Region.LEFT_FOOT: (0.25, 0, 0, 0.08, 0.67),
}
_OFF_HEAD = {Region.SCALP: (0.03, 0.95, 0.02, 0, 0), Region.FACE: (0.15, 0.8, 0.05, 0, 0), Region.NECK: (0.1, 0.45, 0.45, 0, 0)}


@dataclass(frozen=True, slots=True)
class Places:
    """All [h, w]; undefined off the person."""

    region: np.ndarray  # int32 `Region`, -1 off the person
    rest_m: np.ndarray  # [h, w, 3] float32 on the rest body, of the nearest point of the pixel's part
    height: np.ndarray  # float32: 0 at the pelvis joint, 1 at the neck, -1 about the knees
    limb: np.ndarray  # float32: along a leg, 0 at the hip, 1 at the ankle; along an arm, 0 at the shoulder, 1 at the wrist
    off_body: np.ndarray  # float32 pixels outside the bare part


def find_places(body: PosedBody, regions: np.ndarray, model: BodyModel, betas: Tensor) -> Places:
    """regions [h, w] of the portrait, seen in the body's window."""
    rest, joints = (x.numpy() for x in model.rest(betas))
    at = {name: joints[k] for k, name in enumerate(JOINT_NAMES)}
    place, away = np.zeros((*regions.shape, 3), np.float32), np.zeros(regions.shape, np.float32)
    part = np.where(regions >= 0, PART_OF_REGION[np.maximum(regions, 0)], -1)
    for p in Part:
        view, own = body.parts[p].front, part == p
        covered = np.isfinite(view.depth_m.numpy())
        if not own.any() or not covered.any():
            continue
        index, distance = nearest_index(covered)
        index = index[own]
        corner = rest[model.faces.numpy()[view.face.numpy().reshape(-1)[index]]]
        place[own] = (corner * view.barycentric.numpy().reshape(-1, 3)[index][..., None]).sum(1)
        away[own] = distance[own]
    torso = at["neck"][1] - at["pelvis"][1]
    height = (place[..., 1] - at["pelvis"][1]) / torso
    hip, ankle = at["left_hip"][1], at["left_ankle"][1]
    shoulder, wrist = at["left_shoulder"][0], at["left_wrist"][0]
    arm = np.isin(part, (Part.LEFT_ARM, Part.RIGHT_ARM))
    limb = np.where(arm, (np.abs(place[..., 0]) - shoulder) / (wrist - shoulder), (hip - place[..., 1]) / (hip - ankle))
    return Places(regions, place, height.astype(np.float32), limb.astype(np.float32), away)


def front_of(body: PosedBody, layer: int) -> Raster:
    """The bare body under a texture layer, seen from the front."""
    return lower_body(body)[0] if layer == SKIRT else body.parts[Part(FRONT_OF.get(layer, layer))].front


def spread(body: PosedBody, model: BodyModel, layer: int, values: np.ndarray) -> np.ndarray:
    """[h, w] float32 a value per bare-body vertex [V], seen on the front of a layer's part alone and run on outside it."""
    front = front_of(body, layer)
    covered = (front.face >= 0).numpy()
    if not covered.any():
        return np.zeros(covered.shape, np.float32)
    index, _ = nearest_index(covered)
    corner = model.faces.numpy()[front.face.numpy().reshape(-1)[index]]
    return np.asarray((values[corner] * front.barycentric.numpy().reshape(-1, 3)[index]).sum(-1), np.float32)


def heights(model: BodyModel, betas: Tensor) -> np.ndarray:
    """[V] height on the rest body: 0 at the pelvis joint, 1 at the neck's."""
    rest, joints = model.rest(betas)
    return np.asarray(((rest[:, 1] - joints[0, 1]) / (joints[12, 1] - joints[0, 1])).numpy())


def along_arms(model: BodyModel, betas: Tensor) -> np.ndarray:
    """[V] 0 at the shoulder joints, 1 at the wrists'; means nothing off the arms."""
    rest, joints = model.rest(betas)
    shoulder, wrist = (joints[JOINT_NAMES.index(name), 0] for name in ("left_shoulder", "left_wrist"))
    return np.asarray(((rest[:, 0].abs() - shoulder) / (wrist - shoulder)).numpy())


def garment_prior(places: Places) -> np.ndarray:
    """[5, h, w] float32, sum 1: skin, hair, upper, lower, shoes."""
    region, height = np.maximum(places.region, 0), places.height
    out = _rows(_TABLE)[region]
    off = (places.off_body > 2) & np.isin(region, list(_OFF_HEAD))
    out[off] = _rows(_OFF_HEAD)[region[off]]
    above = 1 / (1 + np.exp(-np.clip((height - WAIST) / WAIST_SCALE, -WAIST_LIMIT, WAIST_LIMIT)))
    both = np.isin(region, [Region.CHEST, Region.PELVIS, Region.LEFT_THIGH, Region.RIGHT_THIGH])
    out[..., 2] *= np.where(both, above, 1)
    out[..., 3] *= np.where(both, 1 - above, 1)
    chest = region == Region.CHEST
    core = chest & (height > 0.3) & (height < 0.7) & (np.abs(places.rest_m[..., 0]) < 0.09)
    out[core, 0] = 0.01
    neckline = chest & (height > 0.75)
    out[neckline, 0] = 0.3
    out[chest & (height > 0.45), 1] = 0.06  # long hair
    out[neckline & (height > 0.8) & (np.abs(places.rest_m[..., 0]) > 0.05), 1] = 0.25
    shin = np.isin(region, [Region.LEFT_SHIN, Region.RIGHT_SHIN])
    out[..., 4] += np.where(shin, np.clip((places.limb - 0.8) / 0.2, 0, 1) * 0.4, 0)
    out = np.maximum(out, NEVER)
    return np.asarray((out / out.sum(-1, keepdims=True)).transpose(2, 0, 1).astype(np.float32))


def _rows(table: Mapping[Region, tuple[float, ...]]) -> np.ndarray:
    """[Region, 5]; what isn't listed for the right side is as on the left."""
    out = np.full((len(Region), 5), NEVER, np.float32)
    for region, row in table.items():
        out[region] = row
        if region.name.startswith("LEFT_"):
            out[Region[region.name.replace("LEFT_", "RIGHT_")]] = row
    return out


def _part_of(region: Region) -> Part:
    side = "LEFT" if region.name.startswith("LEFT") else "RIGHT"
    if region in (Region.SCALP, Region.FACE, Region.NECK):
        return Part.HEAD
    if region in (Region.CHEST, Region.PELVIS):
        return Part.TRUNK
    return Part[f"{side}_{'ARM' if region.name.endswith(('ARM', 'HAND')) else 'LEG'}"]


PART_OF_REGION = np.array([_part_of(r) for r in Region])
