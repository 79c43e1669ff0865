"""A small reader of .glb after the glTF 2.0 text, for tests: arrays, pictures, and vertices as animation and skin move them."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

_VALIDATE = """
const v = require('gltf-validator'), fs = require('fs');
v.validateBytes(new Uint8Array(fs.readFileSync(process.argv[1]))).then(r => console.log(JSON.stringify(r.issues)));
"""


class Gltf:
    """One file."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON"
        assert size % 4 == 0
        self.doc: dict[str, Any] = json.loads(data[20 : 20 + size])
        rest, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert kind == b"BIN\0"
        self.binary = data[28 + size :]
        assert len(self.binary) == rest
        assert self.doc["buffers"][0]["byteLength"] <= rest

    @property
    def primitives(self) -> list[dict[str, Any]]:
        return list(self.doc["meshes"][0]["primitives"])

    def array(self, index: int) -> np.ndarray:
        """[N, width] of an accessor, its bounds checked."""
        accessor = self.doc["accessors"][index]
        view = self.doc["bufferViews"][accessor["bufferView"]]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor["type"]]
        dtype = {5126: "<f4", 5121: "u1", 5125: "<u4"}[accessor["componentType"]]
        assert view["byteOffset"] % 4 == 0
        found = np.frombuffer(self.binary, dtype, accessor["count"] * width, view["byteOffset"]).reshape(-1, width)
        if "min" in accessor:
            assert np.allclose(found.min(0), accessor["min"])
            assert np.allclose(found.max(0), accessor["max"])
        return found

    def attribute(self, primitive: int, name: str) -> np.ndarray:
        return self.array(self.primitives[primitive]["attributes"][name])

    def triangles(self, primitive: int) -> np.ndarray:
        """[F, 3]"""
        return self.array(self.primitives[primitive]["indices"]).reshape(-1, 3)

    def material(self, primitive: int) -> dict[str, Any]:
        return dict(self.doc["materials"][self.primitives[primitive]["material"]])

    def texture(self, primitive: int) -> np.ndarray:
        """[h, w, 4] uint8 of the primitive's base colour."""
        texture = self.material(primitive)["pbrMetallicRoughness"]["baseColorTexture"]["index"]
        image = self.doc["images"][self.doc["textures"][texture]["source"]]
        view = self.doc["bufferViews"][image["bufferView"]]
        data = self.binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        with Image.open(io.BytesIO(data)) as picture:
            assert picture.format == "PNG" and image["mimeType"] == "image/png"
            return np.asarray(picture.convert("RGBA"))

    def skinning(self, frame: int) -> np.ndarray:
        """[24, 4, 4] matrices of the skin's joints, by the specification: the mesh's own node plays no part."""
        nodes = self.doc["nodes"]
        local = [{k: np.array(n[k]) for k in ("translation", "rotation") if k in n} for n in nodes]
        for animation in self.doc.get("animations", []):
            for channel in animation["channels"]:
                sampler = animation["samplers"][channel["sampler"]]
                local[channel["target"]["node"]][channel["target"]["path"]] = self.array(sampler["output"])[frame]
        skin = self.doc["skins"][0]
        inverse = self.array(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        world: dict[int, np.ndarray] = {}

        def walk(index: int, above: np.ndarray) -> None:
            x, y, z, w = local[index].get("rotation", (0.0, 0.0, 0.0, 1.0))
            matrix = np.eye(4)
            matrix[:3, :3] = [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
            matrix[:3, 3] = local[index].get("translation", (0.0, 0.0, 0.0))
            world[index] = above @ matrix
            for child in nodes[index].get("children", []):
                walk(child, world[index])

        for root in self.doc["scenes"][0]["nodes"]:
            walk(root, np.eye(4))
        return np.stack([world[j] for j in skin["joints"]]) @ inverse

    def posed(self, frame: int, primitive: int = 0) -> np.ndarray:
        """[V, 3] vertices after animation and skinning."""
        position = self.attribute(primitive, "POSITION")
        joints, weights = self.attribute(primitive, "JOINTS_0"), self.attribute(primitive, "WEIGHTS_0")
        assert np.abs(weights.sum(1) - 1).max() < 1e-5
        assert not joints[weights == 0].any(), "joint 0 where there is no weight"
        points = np.c_[position, np.ones(len(position))]
        return np.einsum("vk,vkab,vb->va", weights, self.skinning(frame)[joints], points)[:, :3]


def check_by_validator(path: Path) -> None:
    """No errors and no warnings by Khronos' validator (`npm i gltf-validator`, NODE_PATH); skips where node can't find it."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    run = subprocess.run([node, "-e", _VALIDATE, str(path)], capture_output=True, text=True, env=os.environ, timeout=60)
    if "Cannot find module" in run.stderr:
        pytest.skip("gltf-validator is not installed where node looks for modules (NODE_PATH)")
    assert run.returncode == 0, run.stderr
    issues = json.loads(run.stdout)
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]
