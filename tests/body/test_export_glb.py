"""The .glb: valid structure, opens in trimesh, and its skeleton and animation reproduce our skinning."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gltf_reader import Gltf, check_by_validator

from motionimit.body.export import write_glb
from motionimit.body.loading import OPEN_BODY
from motionimit.body.model import BodyModel, load_body
from motionimit.errors import BadInput
from motionimit.geometry.camera import Camera
from motionimit.geometry.rotation import axis_angle_to_matrix
from motionimit.types import BodyParams


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_body(OPEN_BODY)


def motion(frames: int) -> BodyParams:
    g = torch.Generator().manual_seed(2)
    rotations = axis_angle_to_matrix(0.5 * torch.randn(frames, 24, 3, generator=g))
    shift = torch.tensor([0.2, 0.1, -3.0]) + 0.1 * torch.randn(frames, 3, generator=g)
    return BodyParams(rotations, torch.randn(10, generator=g), shift, Camera.for_image(64, 64))


def corners(gltf: Gltf, vertices: np.ndarray) -> np.ndarray:
    return vertices[gltf.triangles(0)]


@pytest.mark.parametrize("frames", [1, 5])
def test_animated_skin_reproduces_the_mesh(frames: int, body: BodyModel, tmp_path: Path) -> None:
    params = motion(frames)
    write_glb(tmp_path / "b.glb", body, params, Fraction(30000, 1001))
    gltf = Gltf(tmp_path / "b.glb")
    assert ("animations" in gltf.doc) == (frames > 1)
    expected = body.mesh(params).vertices_m[:, body.faces].numpy()
    for t in range(frames):
        error = np.linalg.norm(corners(gltf, gltf.posed(t)) - expected[t], axis=-1)
        assert error.mean() < 2e-4, f"frame {t}: {error.mean() * 1e3:.2f} mm mean"
        assert error.max() < 0.02, f"frame {t}: {error.max() * 1e3:.1f} mm (four influences per vertex)"


def test_time_stamps_are_exact_to_float32(body: BodyModel, tmp_path: Path) -> None:
    write_glb(tmp_path / "b.glb", body, motion(5), Fraction(30000, 1001))
    gltf = Gltf(tmp_path / "b.glb")
    times = gltf.array(gltf.doc["animations"][0]["samplers"][0]["input"]).ravel()
    assert np.allclose(times, np.arange(5) * 1001 / 30000, atol=1e-7)


def test_quaternions_do_not_jump(body: BodyModel, tmp_path: Path) -> None:
    turn = torch.zeros(40, 24, 3)
    turn[:, 0, 1] = torch.linspace(0, 6 * np.pi, 40)
    params = BodyParams(axis_angle_to_matrix(turn), torch.zeros(10), torch.zeros(40, 3), Camera.for_image(64, 64))
    write_glb(tmp_path / "b.glb", body, params, Fraction(25))
    gltf = Gltf(tmp_path / "b.glb")
    quaternions = gltf.array(gltf.doc["animations"][0]["samplers"][1]["output"])
    step = np.linalg.norm(np.diff(quaternions, axis=0), axis=1).max()
    assert step < 0.3, f"a jump of {step:.2f}: viewers would interpolate the long way round"


def test_trimesh_opens_it_with_texture(body: BodyModel, tmp_path: Path) -> None:
    import trimesh

    texture = np.zeros((64, 32, 3), np.uint8)
    texture[:32] = (255, 0, 0)
    params = motion(3)
    write_glb(tmp_path / "b.glb", body, params, Fraction(25), texture)
    scene = trimesh.load(tmp_path / "b.glb")
    (mesh,) = scene.geometry.values()
    assert len(mesh.faces) == len(body.faces)
    rest = body.rest(params.betas)[0].numpy()
    assert np.allclose(mesh.bounds, [rest.min(0), rest.max(0)], atol=1e-5)
    assert mesh.volume > 0.03, "faces must wind outwards"
    image: Any = mesh.visual.material.baseColorTexture
    assert image.size == (32, 64)
    assert image.getpixel((0, 0))[:3] == (255, 0, 0), "the texture's first row is its upper edge, and red is red"
    assert body.uv is not None
    assert body.uv_faces is not None
    own = body.uv[body.uv_faces].numpy()
    theirs = mesh.visual.uv[mesh.faces]  # trimesh turns glTF's v up again
    assert np.abs(own - theirs).max() < 1e-5


@pytest.mark.parametrize("textured", [False, True])
def test_khronos_finds_nothing(textured: bool, body: BodyModel, tmp_path: Path) -> None:
    write_glb(tmp_path / "b.glb", body, motion(3), Fraction(25), np.full((8, 8, 3), 90, np.uint8) if textured else None)
    check_by_validator(tmp_path / "b.glb")


def test_write_errors(body: BodyModel, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        write_glb(tmp_path / "absent" / "b.glb", body, motion(1), Fraction(25))
    assert list(tmp_path.iterdir()) == []
