"""The avatar as one glTF 2.0 binary: its shells, skinned to the SMPL skeleton, with the photo's layers as textures.

Viewers don't blend surfaces in any order, so edges are cut at half alpha (`hull.py` says which faces are left, and where).
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from ..body.gltf_parts import Binary, Node, animation, primitive, skeleton, vertex_normals, write_document
from ..body.model import BodyModel
from ..types import BodyParams
from .avatar import Avatar
from .fill import push_pull
from .hull import CUTOFF, Triangles, best_seen
from .portrait import Portrait

MOST_FRAMES = 50  # looked at for where the ground is
CLAMP, LINEAR, MIPMAPPED = 33071, 9729, 9987  # glTF sampler constants


def write_avatar_glb(path: Path, avatar: Avatar, model: BodyModel, motion: BodyParams | None, fps: Fraction) -> None:
    """Write the avatar as .glb: metres, y up, the person standing at the origin, facing z where they faced the camera.

    `motion` gives poses and ways (T frames at `fps`; its shape is not used), None the photo's own pose. Raises `BadInput` where
    the file can't be written.
    """
    poses = avatar.params if motion is None else motion
    params = BodyParams(poses.rotations, avatar.params.betas.to(poses.rotations), poses.translation_m, poses.camera)
    binary, document = Binary(), _empty()
    for portrait, triangles in zip(avatar.portraits, best_seen(avatar, model), strict=True):
        for layer in np.unique(triangles.layer):
            _add_layer(document, binary, portrait, triangles.chosen(triangles.layer == layer), int(layer))
    joints = model.rest_joints(params.betas).cpu()
    nodes, skin = skeleton(binary, joints, params)
    stand = {"name": "person", "children": [0], "translation": (-_standpoint(params, model)).tolist()}
    document |= {
        "scenes": [{"nodes": [24, 25]}],
        "nodes": [*nodes, stand, {"name": "avatar", "mesh": 0, "skin": 0}],
        "skins": [skin | {"skeleton": 24}],
    }
    if len(params.rotations) > 1:
        document["animations"] = [animation(binary, joints, params, fps)]
    write_document(path, document, binary)


def _empty() -> Node:
    return {
        "extensionsUsed": ["KHR_materials_unlit"],  # the photo's light is in the texture already
        "meshes": [{"name": "avatar", "primitives": []}],
        "materials": [],
        "textures": [],
        "images": [],
        "samplers": [{"magFilter": LINEAR, "minFilter": MIPMAPPED, "wrapS": CLAMP, "wrapT": CLAMP}],
    }


def _add_layer(document: Node, binary: Binary, portrait: Portrait, shown: Triangles, layer: int) -> None:
    """Append the faces of one layer with their part of its texture: an image, and a primitive per kind of surface."""
    texture, uv_px = portrait.layers[layer].cpu().numpy(), portrait.surface.uv_px.cpu().numpy()
    limit, uv = np.array(texture.shape[1::-1]), uv_px[shown.faces].reshape(-1, 2)
    low = np.floor(uv.min(0) - 1).astype(int).clip(0, limit - 1)
    high = np.ceil(uv.max(0) + 1).astype(int).clip(low + 1, limit)
    number = len(document["images"])
    document["images"].append(binary.picture(_bled(texture[low[1] : high[1], low[0] : high[0]])))
    document["textures"].append({"source": number, "sampler": 0})
    for under in np.unique(shown.under):
        material = len(document["materials"])
        document["materials"].append(_material(number, bool(under)))
        used, index = np.unique(shown.faces[shown.under == under], return_inverse=True)
        triangles, rest = index.reshape(-1, 3), shown.rest_m[used]
        skin = (portrait.surface.bones.cpu().numpy()[used], portrait.surface.weights.cpu().numpy()[used])
        inside = (uv_px[used] - low) / (high - low)
        mesh = primitive(binary, rest, vertex_normals(rest, triangles), skin, triangles, inside, material)
        document["meshes"][0]["primitives"].append(mesh)


def _material(texture: int, under: bool) -> Node:
    colour = {"baseColorTexture": {"index": texture}, "metallicFactor": 0.0, "roughnessFactor": 1.0}
    edges = {"alphaMode": "OPAQUE"} if under else {"alphaMode": "MASK", "alphaCutoff": CUTOFF}
    return {"name": f"{'under' if under else 'shell'} {texture}", "pbrMetallicRoughness": colour, **edges} | {
        "extensions": {"KHR_materials_unlit": {}}
    }


def _bled(texture: np.ndarray) -> np.ndarray:
    """The texture [h, w, 4] with the person's colours run on where it is transparent: smaller mipmaps mix them in."""
    alpha = texture[..., 3:]
    colors = push_pull(texture[..., :3].astype(np.float32), (alpha[..., 0] > 0).astype(np.float32))
    return np.concatenate((np.where(alpha > 0, texture[..., :3], (colors + 0.5).clip(0, 255).astype(np.uint8)), alpha), 2)


def _standpoint(params: BodyParams, model: BodyModel) -> np.ndarray:
    """[3] metres: below the pelvis of the first frame, at the height of the lowest point of the whole motion."""
    step = max(1, -(-len(params.rotations) // MOST_FRAMES))
    mesh = model.mesh(params, slice(None, None, step))
    pelvis = mesh.joints_m[0, 0].cpu().double().numpy()
    return np.array([pelvis[0], float(mesh.vertices_m[..., 1].min()), pelvis[2]])
