"""The body as one glTF 2.0 binary: skinned mesh, 24-joint skeleton, the motion as an animation, optionally a texture."""

from __future__ import annotations

import json
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput
from ..geometry.rotation import matrix_to_quaternion
from ..media.paths import whole_file
from ..types import BodyParams
from .model import BodyModel
from .parts import JOINT_NAMES, SMPL_PARENTS

FLOAT, UINT8, UINT32 = 5126, 5121, 5125  # glTF component types
ARRAY_BUFFER, ELEMENT_BUFFER = 34962, 34963
INFLUENCES = 4  # what every viewer reads; the rest of a vertex's weights is shared out


class _Buffer:
    """The binary chunk while it grows, with the views and accessors that describe it."""

    def __init__(self) -> None:
        self.data, self.views, self.accessors = bytearray(), [], []  # type: bytearray, list[Any], list[Any]

    def view(self, data: bytes, target: int | None = None) -> int:
        self.data += b"\0" * (-len(self.data) % 4)
        entry = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)}
        self.views.append(entry | ({} if target is None else {"target": target}))
        self.data += data
        return len(self.views) - 1

    def accessor(self, array: np.ndarray, target: int | None = None, bounds: bool = False) -> int:
        """Add an array [N] or [N, ..] of float32, uint8 or uint32; a trailing 16 is a (column-major) matrix."""
        component = {"f": FLOAT, "u": UINT8 if array.itemsize == 1 else UINT32}[array.dtype.kind]
        kind = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}[1 if array.ndim == 1 else array.shape[1]]
        entry: dict[str, Any] = {
            "bufferView": self.view(np.ascontiguousarray(array).tobytes(), target),
            "componentType": component,
        }
        entry |= {"count": len(array), "type": kind}
        if bounds:
            flat = array.reshape(len(array), -1)
            entry |= {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()}
        self.accessors.append(entry)
        return len(self.accessors) - 1


def write_glb(path: Path, model: BodyModel, params: BodyParams, fps: Fraction, texture: np.ndarray | None = None) -> None:
    """Write the body of `params` (T frames) as .glb: metres, y up, as in our world. One frame gives a posed, still body.

    `texture`: [H, W, 3] uint8 in the layout of `model.uv`, or None for plain grey. Raises `BadInput` where it can't be written,
    ValueError for a texture on a body without UV.
    """
    if texture is not None and model.uv is None:
        raise ValueError("this body has no UV map, so it can't carry a texture")
    buffer = _Buffer()
    rest, joints = (tensor.detach().cpu() for tensor in model.rest(params.betas))
    primitive = _surface(buffer, model, rest.numpy())
    local = np.array([joints[j].numpy() - (joints[p].numpy() if p >= 0 else 0) for j, p in enumerate(SMPL_PARENTS)])
    quaternions = _continuous(matrix_to_quaternion(params.rotations.detach().cpu().float())[..., [1, 2, 3, 0]].numpy())
    travel = joints[0].numpy() + params.translation_m.detach().cpu().numpy()
    nodes: list[dict[str, Any]] = []
    for j, name in enumerate(JOINT_NAMES):
        place = travel[0] if j == 0 else local[j]
        children = [c for c, p in enumerate(SMPL_PARENTS) if p == j]
        node = {"name": name, "translation": place.tolist(), "rotation": quaternions[0, j].tolist()}
        nodes.append(node | ({"children": children} if children else {}))
    inverse = np.tile(np.eye(4, dtype=np.float32), (len(JOINT_NAMES), 1, 1))
    inverse[:, 3, :3] = -joints.numpy()  # column-major
    document = {
        "asset": {"version": "2.0", "generator": "motionimit"},
        "scene": 0,
        "scenes": [{"nodes": [24, 0]}],
        "nodes": [*nodes, {"name": "body", "mesh": 0, "skin": 0}],
        "meshes": [{"name": "body", "primitives": [primitive]}],
        "skins": [{"joints": list(range(24)), "skeleton": 0, "inverseBindMatrices": buffer.accessor(inverse.reshape(-1, 16))}],
        "materials": [_material(texture is not None)],
    }
    if len(travel) > 1:
        document["animations"] = [_animation(buffer, quaternions, travel.astype(np.float32), fps)]
    if texture is not None:
        document |= _texture(buffer, texture)
    document |= {"bufferViews": buffer.views, "accessors": buffer.accessors, "buffers": [{"byteLength": len(buffer.data)}]}
    with whole_file(path) as temporary:
        temporary.write_bytes(_container(document, bytes(buffer.data)))


def _surface(buffer: _Buffer, model: BodyModel, rest: np.ndarray) -> dict[str, Any]:
    """The mesh primitive. Vertices are split where the UV map has a seam, because glTF has one index for everything."""
    faces = model.faces.cpu().numpy()
    if model.uv is not None and model.uv_faces is not None:
        corners = np.stack((faces.ravel(), model.uv_faces.cpu().numpy().ravel()), 1)
        pairs, index = np.unique(corners, axis=0, return_inverse=True)
        source, indices = pairs[:, 0], index.reshape(-1)
        uv = model.uv.cpu().numpy()[pairs[:, 1]] * (1, -1) + (0, 1)  # glTF's v points down
    else:
        source, indices, uv = np.arange(len(rest)), faces.ravel(), None
    edge = rest[faces]
    face_normal = np.cross(edge[:, 1] - edge[:, 0], edge[:, 2] - edge[:, 0])
    normals = np.zeros_like(rest)
    np.add.at(normals, faces.ravel(), np.repeat(face_normal, 3, 0))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True).clip(1e-12)
    weights = model.weights.cpu().numpy()
    strongest = np.argsort(-weights, 1)[:, :INFLUENCES]
    kept = np.take_along_axis(weights, strongest, 1)
    kept /= kept.sum(1, keepdims=True)
    strongest = np.where(kept > 0, strongest, 0)  # the standard wants joint 0 where the weight is 0
    attributes = {
        "POSITION": buffer.accessor(rest[source], ARRAY_BUFFER, bounds=True),
        "NORMAL": buffer.accessor(normals[source], ARRAY_BUFFER),
        "JOINTS_0": buffer.accessor(strongest[source].astype(np.uint8), ARRAY_BUFFER),
        "WEIGHTS_0": buffer.accessor(kept[source].astype(np.float32), ARRAY_BUFFER),
    }
    if uv is not None:
        attributes["TEXCOORD_0"] = buffer.accessor(uv.astype(np.float32), ARRAY_BUFFER)
    return {"attributes": attributes, "indices": buffer.accessor(indices.astype(np.uint32), ELEMENT_BUFFER), "material": 0}


def _continuous(quaternions: np.ndarray) -> np.ndarray:
    """[T, 24, 4] with signs such that neighbouring frames lie on the same half-sphere: viewers interpolate between them."""
    dots = (quaternions[1:] * quaternions[:-1]).sum(-1)
    signs = np.cumprod(np.where(dots < 0, -1.0, 1.0), 0)
    return np.concatenate((quaternions[:1], quaternions[1:] * signs[..., None])).astype(np.float32)


def _animation(buffer: _Buffer, quaternions: np.ndarray, travel: np.ndarray, fps: Fraction) -> dict[str, Any]:
    times = buffer.accessor((np.arange(len(travel)) / float(fps)).astype(np.float32), bounds=True)
    samplers = [{"input": times, "output": buffer.accessor(travel), "interpolation": "LINEAR"}]
    channels = [{"sampler": 0, "target": {"node": 0, "path": "translation"}}]
    for joint in range(quaternions.shape[1]):
        samplers.append({"input": times, "output": buffer.accessor(quaternions[:, joint]), "interpolation": "LINEAR"})
        channels.append({"sampler": joint + 1, "target": {"node": joint, "path": "rotation"}})
    return {"name": "motion", "samplers": samplers, "channels": channels}


def _material(textured: bool) -> dict[str, Any]:
    surface = {"metallicFactor": 0.0, "roughnessFactor": 0.9}
    colour = {"baseColorTexture": {"index": 0}} if textured else {"baseColorFactor": [0.72, 0.72, 0.75, 1.0]}
    return {"name": "skin", "pbrMetallicRoughness": surface | colour}


def _texture(buffer: _Buffer, texture: np.ndarray) -> dict[str, Any]:
    import cv2

    ok, data = cv2.imencode(".png", np.ascontiguousarray(texture[..., ::-1]))
    if not ok:
        raise BadInput(f"The texture of shape {list(texture.shape)} can't be written as PNG; it must be [H, W, 3] uint8.")
    image = {"bufferView": buffer.view(data.tobytes()), "mimeType": "image/png"}
    return {"images": [image], "textures": [{"source": 0}]}


def _container(document: dict[str, Any], binary: bytes) -> bytes:
    """The 12-byte header and the two chunks (JSON padded by spaces, data by zeros)."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    total = 12 + 8 + len(text) + 8 + len(binary)
    head = struct.pack("<4sII", b"glTF", 2, total)
    return head + struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
