"""What every .glb of ours is put together from: the binary chunk, skinned vertices, the SMPL skeleton, its motion, pictures."""

from __future__ import annotations

import json
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..geometry.rotation import matrix_to_quaternion
from ..media.image import png_bytes
from ..media.paths import whole_file
from ..types import BodyParams
from .parts import JOINT_NAMES, SMPL_PARENTS

FLOAT, UINT8, UINT32 = 5126, 5121, 5125  # glTF component types
ARRAY_BUFFER, ELEMENT_BUFFER = 34962, 34963
INFLUENCES = 4  # what every viewer reads; the rest of a vertex's weights is shared out
Node = dict[str, Any]


class Binary:
    """The binary chunk while it grows, with the views and accessors that describe it."""

    def __init__(self) -> None:
        self.data, self.views, self.accessors = bytearray(), [], []  # type: bytearray, list[Node], list[Node]

    def view(self, data: bytes, target: int | None = None) -> int:
        """Append bytes; the number of their buffer view."""
        self.data += b"\0" * (-len(self.data) % 4)
        entry = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)}
        self.views.append(entry | ({} if target is None else {"target": target}))
        self.data += data
        return len(self.views) - 1

    def accessor(self, array: np.ndarray, target: int | None = None, bounds: bool = False) -> int:
        """Append an array [N] or [N, ..] of float32, uint8 or uint32; a trailing 16 is a (column-major) matrix."""
        component = {"f": FLOAT, "u": UINT8 if array.itemsize == 1 else UINT32}[array.dtype.kind]
        kind = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}[1 if array.ndim == 1 else array.shape[1]]
        entry: Node = {"bufferView": self.view(np.ascontiguousarray(array).tobytes(), target), "componentType": component}
        entry |= {"count": len(array), "type": kind}
        if bounds:
            flat = array.reshape(len(array), -1)
            entry |= {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()}
        self.accessors.append(entry)
        return len(self.accessors) - 1

    def picture(self, pixels: np.ndarray) -> Node:
        """Append rgb or rgba [H, W, 3 or 4] uint8 as PNG; its image entry."""
        return {"bufferView": self.view(png_bytes(pixels, {})), "mimeType": "image/png"}


def primitive(
    binary: Binary,
    rest_m: np.ndarray,
    normals: np.ndarray,
    skin: tuple[np.ndarray, np.ndarray],
    triangles: np.ndarray,
    uv: np.ndarray | None,
    material: int,
) -> Node:
    """A skinned mesh primitive: rest_m and normals [V, 3], joints and weights [V, K], triangles [F, 3], uv [V, 2] (v down)."""
    joints, weights = _influences(*skin)
    attributes = {
        "POSITION": binary.accessor(rest_m.astype(np.float32), ARRAY_BUFFER, bounds=True),
        "NORMAL": binary.accessor(normals.astype(np.float32), ARRAY_BUFFER),
        "JOINTS_0": binary.accessor(joints, ARRAY_BUFFER),
        "WEIGHTS_0": binary.accessor(weights, ARRAY_BUFFER),
    }
    if uv is not None:
        attributes["TEXCOORD_0"] = binary.accessor(uv.astype(np.float32), ARRAY_BUFFER)
    indices = binary.accessor(triangles.ravel().astype(np.uint32), ELEMENT_BUFFER)
    return {"attributes": attributes, "indices": indices, "material": material}


def _influences(joints: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The four heaviest joints [V, 4] uint8 of each vertex and their weights [V, 4] float32, which sum to 1."""
    missing = max(0, INFLUENCES - weights.shape[1])
    joints, weights = (np.pad(a, ((0, 0), (0, missing))) for a in (joints, weights))
    order = np.argsort(-weights, 1, kind="stable")[:, :INFLUENCES]
    kept = np.take_along_axis(weights, order, 1).astype(np.float64)
    kept /= kept.sum(1, keepdims=True)
    strongest = np.where(kept > 0, np.take_along_axis(joints, order, 1), 0)  # the standard wants joint 0 where the weight is 0
    return strongest.astype(np.uint8), kept.astype(np.float32)


def vertex_normals(vertices_m: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """[V, 3] unit normals, faces weighted by area; (0, 0, 1) where a vertex has no face with an area."""
    edge = vertices_m[faces].astype(np.float64)
    of_face = np.cross(edge[:, 1] - edge[:, 0], edge[:, 2] - edge[:, 0])
    total = np.stack([np.bincount(faces.ravel(), np.repeat(of_face[:, k], 3), len(vertices_m)) for k in range(3)], 1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(length > 1e-12, total / length.clip(1e-12), (0.0, 0.0, 1.0)).astype(np.float32)


def skeleton(binary: Binary, joints_m: Tensor, params: BodyParams) -> tuple[list[Node], Node]:
    """The 24 joints of SMPL as nodes 0..23, posed as in the first frame, and the skin that they make.

    joints_m [24, 3]: of the rest pose. Node 0 is the pelvis and carries the translation, so the world is that of `params`.
    """
    joints = joints_m.detach().cpu().double().numpy()
    travel, turns = _track(joints, params)
    nodes: list[Node] = []
    for j, name in enumerate(JOINT_NAMES):
        place = travel[0] if j == 0 else joints[j] - joints[SMPL_PARENTS[j]]
        children = [c for c, p in enumerate(SMPL_PARENTS) if p == j]
        node = {"name": name, "translation": place.tolist(), "rotation": turns[0, j].tolist()}
        nodes.append(node | ({"children": children} if children else {}))
    inverse = np.tile(np.eye(4, dtype=np.float32), (len(JOINT_NAMES), 1, 1))
    inverse[:, 3, :3] = -joints  # column-major
    return nodes, {"joints": list(range(24)), "skeleton": 0, "inverseBindMatrices": binary.accessor(inverse.reshape(-1, 16))}


def animation(binary: Binary, joints_m: Tensor, params: BodyParams, fps: Fraction) -> Node:
    """All frames of `params` as an animation of the nodes of `skeleton`."""
    travel, turns = _track(joints_m.detach().cpu().double().numpy(), params)
    times = binary.accessor((np.arange(len(travel)) / float(fps)).astype(np.float32), bounds=True)
    samplers = [{"input": times, "output": binary.accessor(travel), "interpolation": "LINEAR"}]
    channels = [{"sampler": 0, "target": {"node": 0, "path": "translation"}}]
    for joint in range(turns.shape[1]):
        samplers.append({"input": times, "output": binary.accessor(turns[:, joint]), "interpolation": "LINEAR"})
        channels.append({"sampler": joint + 1, "target": {"node": joint, "path": "rotation"}})
    return {"name": "motion", "samplers": samplers, "channels": channels}


def _track(joints: np.ndarray, params: BodyParams) -> tuple[np.ndarray, np.ndarray]:
    """Where the pelvis is [T, 3] and how the joints are turned [T, 24, 4] (quaternions xyzw), float32.

    Signs are such that neighbouring frames lie on the same half-sphere: viewers interpolate between them.
    """
    turns = matrix_to_quaternion(params.rotations.detach().cpu().float())[..., [1, 2, 3, 0]].numpy()
    dots = (turns[1:] * turns[:-1]).sum(-1)
    signs = np.cumprod(np.where(dots < 0, -1.0, 1.0), 0)
    turns = np.concatenate((turns[:1], turns[1:] * signs[..., None])).astype(np.float32)
    return (joints[0] + params.translation_m.detach().cpu().numpy()).astype(np.float32), turns


def write_document(path: Path, document: Node, binary: Binary) -> None:
    """Write the .glb whole or not at all: `document` with the views and accessors of `binary`. Raises `BadInput`."""
    document = {"asset": {"version": "2.0", "generator": "motionimit"}, "scene": 0} | document
    document |= {"bufferViews": binary.views, "accessors": binary.accessors, "buffers": [{"byteLength": len(binary.data)}]}
    with whole_file(path) as temporary:
        temporary.write_bytes(_container(document, bytes(binary.data)))


def _container(document: Node, binary: bytes) -> bytes:
    """The 12-byte header and the two chunks (JSON padded by spaces, data by zeros)."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    total = 12 + 8 + len(text) + 8 + len(binary)
    head = struct.pack("<4sII", b"glTF", 2, total)
    return head + struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
