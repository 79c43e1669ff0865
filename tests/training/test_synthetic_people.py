"""Clothed people from the asset pack: needs anny (with a warm cache) and the pack beside the checkout, else skipped."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from motionimit.geometry.camera import Camera
from motionimit.training.assets import LABELS, AssetLibrary
from motionimit.training.backdrop import Surface, room
from motionimit.training.lighting import Lighting
from motionimit.training.people import BodyFactory, PersonSpec, build_person
from motionimit.training.render import PersonRenderer
from motionimit.training.skeleton import forward_kinematics

PACK = Path(__file__).parents[3] / "shared" / "synth"
WARM = (Path.home() / ".cache" / "anny").is_dir()
needs_pack = pytest.mark.skipif(not (PACK / "manifest.csv").is_file(), reason=f"the asset pack is not at {PACK}")
needs_anny = pytest.mark.skipif(
    importlib.util.find_spec("anny") is None or not WARM,
    reason="anny is not installed or its cache is cold (filling it takes minutes)",
)
SPEC = PersonSpec(
    phenotype={"gender": 1.0, "age": 0.6, "muscle": 0.5, "weight": 0.5, "height": 0.5, "proportions": 0.6},
    skin="young_lightskinned_female2",
    eyes="eye_brown",
    garments=("female_casualsuit01", "shoes05", "short03", "eyebrow001", "eyelashes01"),
)
STILL = np.tile(np.eye(3), (24, 1, 1))


@pytest.fixture(scope="module")
def person():
    return build_person(SPEC, AssetLibrary(PACK), BodyFactory())


@needs_pack
@needs_anny
def test_person_stands_in_a_tpose_facing_the_camera(person):
    joints = person.joints_m
    assert 1.35 < joints[15, 1] - person.sole_m < 1.65, f"head joint {joints[15, 1] - person.sole_m:.2f} m above the sole"
    assert joints[20, 0] > 0.5 > -0.5 > joints[21, 0], "the left arm must lie along +x"
    skin = person.layers[0].vertices_m
    assert skin[np.unique(person.layers[0].faces)][:, 2].max() > joints[15, 2] + 0.03, "the nose must point to +z"


@needs_pack
@needs_anny
def test_covered_skin_and_eyeballs_are_gone(person):
    faces = person.layers[0].faces
    assert len(faces) < 20000, f"{len(faces)} of 27420 skin faces left under clothes and shoes"
    assert not ((faces >= 14598) & (faces <= 14741)).any()
    assert {layer.name for layer in person.layers} == {"skin", *SPEC.garments, "eyes_low-poly"}


@needs_pack
@needs_anny
def test_garments_follow_the_bones(person):
    """A raised forearm carries its hand's vertices with the wrist, within a hand's length."""
    rotations = STILL.copy()
    rotations[18] = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    wrist = forward_kinematics(person.joints_m, rotations)[20, :3, 3]
    body = person.layers[0]
    hand = body.weights[:, 20] + body.weights[:, 22] > 0.99
    distance = np.linalg.norm(person.posed(rotations, np.zeros(3))[0][hand] - wrist, axis=1)
    assert distance.max() < 0.24, f"a hand vertex is {distance.max():.2f} m from the wrist"


@needs_pack
@needs_anny
def test_render_agrees_with_the_projected_joints(person):
    camera = Camera.for_image(160, 200)
    shift = np.array([0.0, -0.75 - person.sole_m, -3.0])
    out = PersonRenderer(person, supersample=1).draw(STILL, shift, camera, Lighting((0.4, 1, 0.8)))
    assert out.rgb.isfinite().all()
    assert out.alpha.min() >= 0
    assert out.alpha.max() <= 1 + 1e-5
    pixels = camera.project(torch.as_tensor(person.joints_m + shift)).long()
    for joint in (0, 1, 2, 4, 5, 9, 12, 16, 17):
        x, y = pixels[joint].tolist()
        assert out.alpha[0, y, x] > 0.99, f"joint {joint} at ({x}, {y}) is not inside the matte"
    x, y = pixels[4].tolist()
    assert LABELS[out.label[y, x]] == "lower"
    x, y = pixels[9].tolist()
    assert LABELS[out.label[y, x]] == "upper"
    assert abs(out.depth_m[y, x].item() - 3.0) < 0.3
    floor = Surface(np.full((8, 8, 3), 0.5, np.float32), (4.0, 4.0))
    backdrop = room(camera, floor, floor, -0.75, -4.5)
    shadow = backdrop.lit(Lighting((0.4, 1, 0.8)), out.occlusion) / backdrop.lit(Lighting((0.4, 1, 0.8)), None)
    x, y = camera.project(
        torch.as_tensor(person.joints_m[7] + shift) * torch.tensor([1.0, 0, 1]) - torch.tensor([0, 0.75, 0])
    ).long()
    near = shadow[:, y - 3 : y + 4, x - 5 : x + 6].min().item()
    assert near < 0.5, f"the floor around a foot keeps {near:.2f} of its light"
    assert shadow[:, :10].mean() == pytest.approx(1, abs=0.02), "the far wall above the person must stay lit"
