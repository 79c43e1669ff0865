"""The body as one glTF 2.0 binary: skinned mesh, 24-joint skeleton, the motion as an animation, optionally a texture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from ..types import BodyParams
from .gltf_parts import Binary, Node, animation, primitive, skeleton, vertex_normals, write_document
from .model import BodyModel


def write_glb(path: Path, model: BodyModel, params: BodyParams, fps: Fraction, texture: np.ndarray | None = None) -> None:
    """Write the body of `params` (T frames) as .glb: metres, y up, as in our world. One frame gives a posed, still body.

    `texture`: [H, W, 3] uint8 in the layout of `model.uv`, or None for plain grey. Raises `BadInput` where it can't be written,
    ValueError for a texture on a body without UV.
    """
    if texture is not None and model.uv is None:
        raise ValueError("this body has no UV map, so it can't carry a texture")
    binary = Binary()
    rest, joints = (tensor.detach().cpu() for tensor in model.rest(params.betas))
    surface = _surface(binary, model, rest.numpy())
    nodes, skin = skeleton(binary, joints, params)
    document: Node = {
        "scenes": [{"nodes": [24, 0]}],
        "nodes": [*nodes, {"name": "body", "mesh": 0, "skin": 0}],
        "meshes": [{"name": "body", "primitives": [surface]}],
        "skins": [skin],
        "materials": [_material(texture is not None)],
    }
    if len(params.rotations) > 1:
        document["animations"] = [animation(binary, joints, params, fps)]
    if texture is not None:
        document |= {"images": [binary.picture(texture)], "textures": [{"source": 0}]}
    write_document(path, document, binary)


def _surface(binary: Binary, model: BodyModel, rest: np.ndarray) -> Node:
    """The mesh primitive. Vertices are split where the UV map has a seam, because glTF has one index for everything."""
    faces = model.faces.cpu().numpy()
    if model.uv is not None and model.uv_faces is not None:
        corners = np.stack((faces.ravel(), model.uv_faces.cpu().numpy().ravel()), 1)
        pairs, index = np.unique(corners, axis=0, return_inverse=True)
        source, triangles = pairs[:, 0], index.reshape(-1, 3)
        uv = model.uv.cpu().numpy()[pairs[:, 1]] * (1, -1) + (0, 1)  # glTF's v points down
    else:
        source, triangles, uv = np.arange(len(rest)), faces, None
    weights = model.weights.cpu().numpy()[source]
    joints = np.broadcast_to(np.arange(weights.shape[1]), weights.shape)
    return primitive(binary, rest[source], vertex_normals(rest, faces)[source], (joints, weights), triangles, uv, 0)


def _material(textured: bool) -> Node:
    surface = {"metallicFactor": 0.0, "roughnessFactor": 0.9}
    colour = {"baseColorTexture": {"index": 0}} if textured else {"baseColorFactor": [0.72, 0.72, 0.75, 1.0]}
    return {"name": "skin", "pbrMetallicRoughness": surface | colour}
