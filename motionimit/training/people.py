"""Clothed people: an Anny body, a skin, and garments bound to it, ready to be posed by 24 SMPL-layout rotations."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput, MissingModel
from .assets import LABELS, AssetLibrary, Garment
from .skeleton import Skeleton, fold_matrix, skin, skinning_transforms

EYE_VERTICES = (14598, 14741)  # of the base mesh, inclusive: replaced by the separate eye mesh
MATERIALS = ("skin", "cloth", "leather", "hair", "eye")


@dataclass(frozen=True, slots=True)
class PersonSpec:
    """Everything that decides how a person looks. Names are assets of an `AssetLibrary`."""

    phenotype: dict[str, float]  # Anny's: gender (0 male, 1 female), age, muscle, weight, height, proportions; each 0..1
    skin: str
    eyes: str  # an iris texture such as "eye_brown"
    garments: tuple[str, ...]  # outfits, shoes, hair, eyebrows, eyelashes, hats
    tints: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # linear RGB factors per garment (or "skin")
    textures: dict[str, np.ndarray] = field(default_factory=dict)  # [H, W, 4] linear RGBA instead of a garment's own texture
    inflate_m: dict[str, float] = field(default_factory=dict)  # moved outwards along the normals, where a top covers a bottom
    scale: float = 0.945  # Anny's average adult is 1.80 m tall
    finger_curl_deg: float = 9.0  # per finger joint; straight fingers look like a mannequin's


@dataclass(frozen=True, slots=True)
class Layer:
    """One textured mesh of a person, in Anny's rest pose."""

    name: str
    material: str  # of MATERIALS
    vertices_m: np.ndarray  # [N, 3]
    weights: np.ndarray  # [N, 24]
    faces: np.ndarray  # [F, 3] int64
    uv: np.ndarray  # [F, 3, 2] float32, origin bottom left
    label: np.ndarray  # [F] uint8, index into LABELS
    texture: np.ndarray  # [H, W, 4] float32, linear RGB times the tint, and alpha
    translucent: bool  # drawn by depth peeling


@dataclass(frozen=True, slots=True)
class Person:
    spec: PersonSpec
    skeleton: Skeleton
    layers: tuple[Layer, ...]

    @property
    def joints_m(self) -> np.ndarray:
        """[24, 3] of the T-pose, soles near y = `sole_m`."""
        return self.skeleton.joints_m

    @property
    def sole_m(self) -> float:
        """Lowest point of the T-pose, shoes included."""
        transforms = skinning_transforms(self.skeleton, np.tile(np.eye(3), (24, 1, 1)), np.zeros(3))
        return float(min(v[:, 1].min() for v in self._skinned(transforms)))

    def posed(self, rotations: np.ndarray, translation_m: np.ndarray) -> list[np.ndarray]:
        """Vertices [N, 3] of every layer for local rotations [24, 3, 3] and a translation [3], as `smplx` poses a body."""
        return self._skinned(skinning_transforms(self.skeleton, rotations, translation_m))

    def _skinned(self, transforms: np.ndarray) -> list[np.ndarray]:
        return [skin(layer.vertices_m, layer.weights, transforms) for layer in self.layers]


class BodyFactory:
    """Anny with all helper vertices. The first construction on a machine takes one to two minutes (it fills anny's cache)."""

    def __init__(self) -> None:
        try:
            import anny
        except ImportError as error:
            raise MissingModel(
                "Rendering people needs the body generator anny: install the extra with `pip install motionimit[bake]`."
            ) from error
        self.model: Any = anny.Anny(topology="anny-full")
        self.bones: list[str] = list(self.model.bone_labels)
        self.faces: np.ndarray = self.model.faces.numpy()
        self.uv: np.ndarray = self.model.texture_coordinates.numpy()[self.model.face_texture_coordinate_indices.numpy()].astype(
            np.float32
        )
        index, value = self.model.vertex_bone_indices.numpy(), self.model.vertex_bone_weights.numpy()
        self.bone_weights = np.zeros((len(index), len(self.bones)))
        np.add.at(self.bone_weights, (np.arange(len(index))[:, None], index), value)
        self.joint_weights = self.bone_weights @ fold_matrix(self.bones)

    def rest(self, phenotype: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """Rest vertices [19158, 3] and bone heads [104, 3] in the y-up frame, metres."""
        out = self.model(pose_parameters=None, phenotype_kwargs=phenotype)
        return tuple(out[k][0].numpy() @ _ANNY_TO_Y_UP for k in ("rest_vertices", "rest_bone_heads"))  # type: ignore[return-value]


_ANNY_TO_Y_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # row vectors: (x, y, z) → (x, z, -y)


def build_person(spec: PersonSpec, library: AssetLibrary, factory: BodyFactory) -> Person:
    """Fit every garment of `spec` to the body and hide what they cover. Raises `BadInput` for an unknown or unlicensed asset."""
    base, heads = (spec.scale * points for points in factory.rest(spec.phenotype))
    base, heads = base - heads[factory.bones.index("root")], heads - heads[factory.bones.index("root")]
    garments = sorted((library.garment(n) for n in (*spec.garments, "eyes_low-poly")), key=lambda g: g.binding.z_depth)
    hidden = np.zeros(len(base), bool)
    layers = []
    for garment in reversed(garments):  # outermost first, so that each sees what already covers it
        layers.append(_dress(garment, spec, library, base, factory.joint_weights, hidden))
        hidden = hidden | garment.binding.hidden
    body = _body(spec, library, factory, base, heads, hidden)
    return Person(spec, Skeleton.from_bones(heads, factory.bones), (body, *reversed(layers)))


def _dress(
    garment: Garment, spec: PersonSpec, library: AssetLibrary, base: np.ndarray, weights: np.ndarray, hidden: np.ndarray
) -> Layer:
    vertices = garment.binding.place(base)[: len(garment.mesh.vertices)]
    faces = garment.mesh.faces
    if garment.name in spec.inflate_m:
        vertices = vertices + spec.inflate_m[garment.name] * vertex_normals(vertices, faces)
    covered = hidden[garment.binding.reference].all(1)
    keep = ~covered[faces].all(1)
    material = {"shoes": "leather", "hair": "hair", "eyebrows": "hair", "eyelashes": "hair", "eyes": "eye"}.get(
        garment.kind, "cloth"
    )
    image = library.image(spec.eyes) if material == "eye" else garment.texture
    if image is None:
        raise BadInput(f"{garment.name} has no texture in the asset pack: choose another garment.")
    own = spec.textures.get(garment.name)
    tint = spec.tints.get(garment.name, (1.0, 1.0, 1.0))
    return Layer(
        garment.name,
        material,
        vertices,
        garment.binding.blend(weights)[: len(vertices)],
        faces[keep],
        garment.mesh.uv[keep],
        garment.label[keep],
        load_texture(image, tint) if own is None else own * np.asarray((*tint, 1.0), np.float32),
        material == "hair",
    )


def _body(
    spec: PersonSpec, library: AssetLibrary, factory: BodyFactory, base: np.ndarray, heads: np.ndarray, hidden: np.ndarray
) -> Layer:
    faces = factory.faces
    eyes = ((faces >= EYE_VERTICES[0]) & (faces <= EYE_VERTICES[1])).all(1)
    keep = ~hidden[faces].all(1) & ~eyes
    return Layer(
        "skin",
        "skin",
        curl_fingers(base, heads, factory, spec.finger_curl_deg),
        factory.joint_weights,
        faces[keep],
        factory.uv[keep],
        np.full(int(keep.sum()), LABELS.index("skin"), np.uint8),
        load_texture(library.image(spec.skin), spec.tints.get("skin", (1.0, 1.0, 1.0))),
        False,
    )


def curl_fingers(base: np.ndarray, heads: np.ndarray, factory: BodyFactory, angle_deg: float) -> np.ndarray:
    """Bend every finger joint towards the palm; the thumb half as much. [19158, 3] → [19158, 3]."""
    index = {b: i for i, b in enumerate(factory.bones)}
    transforms = np.tile(np.eye(4), (len(factory.bones), 1, 1))
    for side, sign in (("L", 1.0), ("R", -1.0)):
        knuckle = [heads[index[f"finger{k}-1.{side}"]] for k in range(2, 6)]
        along = np.mean(knuckle, 0) - heads[index[f"wrist.{side}"]]
        palm = sign * np.cross(knuckle[3] - knuckle[0], along)
        for finger in range(1, 6):
            first = heads[index[f"finger{finger}-1.{side}"]]
            axis = np.cross(heads[index[f"finger{finger}-3.{side}"]] - first, palm)
            turn = np.eye(4)
            for segment in range(1, 4):
                bone = index[f"finger{finger}-{segment}.{side}"]
                local = _rotation_about(heads[bone], axis, np.deg2rad(angle_deg) * (0.4 if finger == 1 else 1.0))
                turn = turn @ local
                transforms[bone] = turn
    return skin(base, factory.bone_weights, transforms)


def _rotation_about(point: np.ndarray, axis: np.ndarray, angle: float) -> np.ndarray:
    x, y, z = axis / np.linalg.norm(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    out = np.eye(4)
    out[:3, :3] += np.sin(angle) * k + (1 - np.cos(angle)) * (k @ k)
    out[:3, 3] = point - out[:3, :3] @ point
    return out


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """[N, 3] unit normals, area-weighted; outwards for counter-clockwise faces."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normal = np.zeros_like(vertices)
    np.add.at(normal, faces.T.reshape(-1), np.tile(np.cross(b - a, c - a), (3, 1)))
    return normal / np.linalg.norm(normal, axis=1, keepdims=True).clip(1e-12)


def load_texture(path: Path, tint: tuple[float, float, float]) -> np.ndarray:
    """[H, W, 4] float32: linear RGB times `tint`, and alpha (1 where the file has none)."""
    rgba = _read_rgba(path).copy()
    rgba[..., :3] *= np.asarray(tint, np.float32)
    return rgba


@lru_cache(maxsize=64)
def _read_rgba(path: Path) -> np.ndarray:
    import cv2

    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise MissingModel(f"The texture {path} cannot be read: restore the asset pack.")
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    alpha = image[..., 3:] if image.shape[2] == 4 else np.full((*image.shape[:2], 1), 255, np.uint8)
    rgb = image[..., 2::-1].astype(np.float32) / 255.0
    return np.concatenate([srgb_to_linear(rgb), alpha.astype(np.float32) / 255.0], 2)


def srgb_to_linear(srgb: np.ndarray) -> np.ndarray:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)
