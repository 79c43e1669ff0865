"""The avatar as .glb: read after the standard and posed, it is the photo again; structure, ground, motion, several photos."""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from avatar_material import HAIR, SIZE_PX, SKIN, STANDING_DEG, Person, close_to, full_skirt, model, photograph, posed, standing

from motionimit.avatar.avatar import Avatar
from motionimit.avatar.gltf import write_avatar_glb
from motionimit.avatar.hull import CUTOFF
from motionimit.avatar.portrait import build_portrait
from motionimit.errors import BadInput
from motionimit.flow.surface import Surface
from motionimit.flow.transfer import Renderer
from motionimit.types import BodyParams

sys.path.insert(0, str(Path(__file__).parents[1] / "body"))

from gltf_reader import Gltf, check_by_validator

RATE = Fraction(30000, 1001)


@cache
def from_behind() -> Person:
    """The person of `standing`, photographed from behind, at the same place."""
    back = posed(STANDING_DEG, turn_deg=180)
    return photograph(BodyParams(back.rotations, back.betas, standing().params.translation_m, back.camera))


@cache
def avatar(*people: Any) -> Avatar:
    made = tuple(build_portrait(p().rgb8, p().matte, p().params, model(), SIZE_PX) for p in people)
    return Avatar(made, people[0]().rgb8, ("0a" * 32,) * len(made))


def walk(frames: int) -> BodyParams:
    """The standing person turns by 20 degrees a frame, jumps by 10 cm in the last, and is of another shape."""
    poses = [posed(STANDING_DEG | {"left_knee": (9.0 * t, 0, 0)}, 20.0 * t) for t in range(frames)]
    shift = torch.cat([p.translation_m for p in poses]) + torch.tensor([0.3, 0.0, -0.5])
    shift[-1, 1] += 0.1
    return BodyParams(torch.cat([p.rotations for p in poses]), torch.ones(10), shift, poses[0].camera)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("still") / "a.glb"
    write_avatar_glb(path, avatar(full_skirt), model(), None, Fraction(25))
    return path


def drawn(gltf: Gltf, params: BodyParams, frame: int = 0) -> np.ndarray:
    """[H, W, 4] the file's own triangles, textures and skin, seen by the camera of `params`, back where its pelvis was."""
    textures = [gltf.texture(k) for k in range(len(gltf.primitives))]
    height, width = (max(t.shape[i] for t in textures) for i in (0, 1))
    layers, parts, start = [], [], 0
    for k, texture in enumerate(textures):
        texture = texture.copy()
        if gltf.material(k)["alphaMode"] == "OPAQUE":
            texture[..., 3] = 255
        texture[..., 3] = np.where(texture[..., 3] >= 255 * CUTOFF, 255, 0)
        margin = (0, height - texture.shape[0], 0, width - texture.shape[1])
        layers.append(cv2.copyMakeBorder(texture, *margin, cv2.BORDER_REPLICATE))
        faces = gltf.triangles(k)
        uv = gltf.attribute(k, "TEXCOORD_0") * (texture.shape[1], texture.shape[0])
        parts.append((gltf.attribute(k, "POSITION"), gltf.attribute(k, "JOINTS_0"), gltf.attribute(k, "WEIGHTS_0"), uv))
        parts[-1] += (faces.astype(np.int64) + start, np.full(len(faces), k))
        start += len(uv)
    joined = [np.ascontiguousarray(np.concatenate(column)) for column in zip(*parts, strict=True)]
    types = (np.float32, np.int32, np.float32, np.float32, np.int32, np.int32)
    rest, bones, weights, uv, faces, layer = (torch.from_numpy(a.astype(t)) for a, t in zip(joined, types, strict=True))
    flat = torch.zeros(len(faces)), torch.ones(len(faces))
    surface = Surface(rest, bones, weights, uv, faces, layer, *flat)
    transforms = gltf.skinning(frame)
    transforms[:, :3, 3] -= np.array(gltf.doc["nodes"][24]["translation"])
    renderer = Renderer(surface, torch.from_numpy(np.stack(layers)), params.camera.size_px)
    return renderer.render(torch.from_numpy(transforms).float(), params.camera).rgba.numpy().copy()


def psnr(rgba: np.ndarray, person: Person) -> float:
    over = rgba[..., :3] * rgba[..., 3:] + person.wall * (1 - rgba[..., 3:])
    return float(-10 * np.log10(np.square(over - person.rgb)[person.matte > 0.5].mean()))


def overlap(rgba: np.ndarray, person: Person) -> float:
    ours, theirs = rgba[..., 3] > 0.5, person.matte > 0.5
    return float((ours & theirs).sum() / (ours | theirs).sum())


def test_posed_as_in_the_photo_it_is_the_photo(still: Path) -> None:
    rgba = drawn(Gltf(still), full_skirt().params)
    level, iou = psnr(rgba, full_skirt()), overlap(rgba, full_skirt())
    assert level > 27, f"PSNR inside the person {level:.1f} dB"
    assert iou > 0.95, f"outline IoU {iou:.3f}"


def test_every_vertex_projects_to_its_texel(still: Path) -> None:
    """The front shells: where the photo's camera sees a vertex, there is its place in the texture, but for the crop's corner."""
    gltf, window = Gltf(still), avatar(full_skirt).portraits[0].window
    place = np.array(gltf.doc["nodes"][24]["translation"])
    checked = 0
    for k in range(len(gltf.primitives)):
        if gltf.material(k)["alphaMode"] != "MASK":
            continue
        texture = gltf.texture(k)
        seen = window.project(torch.from_numpy(gltf.posed(0, k) - place)).numpy()
        corner = seen - gltf.attribute(k, "TEXCOORD_0") * (texture.shape[1], texture.shape[0])
        error = np.abs(corner - np.median(np.round(corner), 0))
        assert np.median(error) < 0.05, f"primitive {k}: {np.median(error):.2f} px"
        assert np.quantile(error, 0.99) < 1.5, f"primitive {k}: {np.quantile(error, 0.99):.2f} px (four influences per vertex)"
        checked += len(error)
    assert checked > 5000


def test_the_person_stands_on_the_ground_at_the_origin(still: Path) -> None:
    gltf = Gltf(still)
    points = np.concatenate([gltf.posed(0, k) for k in range(len(gltf.primitives))])
    assert abs(points[:, 1].min()) < 0.04, f"the lowest point is {points[:, 1].min():.3f} m high"
    assert 1.5 < points[:, 1].max() < 2.1, f"{points[:, 1].max():.2f} m tall"
    hips = np.concatenate([gltf.posed(0, k) for k in range(len(gltf.primitives))])[:, [0, 2]]
    assert np.abs(np.median(hips, 0)).max() < 0.15


def test_materials_are_what_viewers_need(still: Path) -> None:
    gltf = Gltf(still)
    modes = [gltf.material(k)["alphaMode"] for k in range(len(gltf.primitives))]
    assert set(modes) == {"MASK", "OPAQUE"}
    assert gltf.doc["extensionsUsed"] == ["KHR_materials_unlit"] and "extensionsRequired" not in gltf.doc
    for k in range(len(gltf.primitives)):
        assert not gltf.material(k).get("doubleSided", False)
        uv, normal = gltf.attribute(k, "TEXCOORD_0"), gltf.attribute(k, "NORMAL")
        assert uv.min() > -0.2 and uv.max() < 1.2, f"primitive {k}: texture coordinates from {uv.min():.2f} to {uv.max():.2f}"
        assert np.abs(np.linalg.norm(normal, axis=1) - 1).max() < 1e-4
    assert {c["wrapS"] for c in gltf.doc["samplers"]} == {33071}, "clamped to the edge"


def test_no_face_lies_on_transparent_texels_alone(tmp_path: Path) -> None:
    """The left half of the picture's person is made transparent."""
    portrait = avatar(standing).portraits[0]
    layers = portrait.layers.clone()
    layers[:, :, : layers.shape[2] // 2, 3] = 0
    write_avatar_glb(
        tmp_path / "a.glb",
        replace(avatar(standing), portraits=(replace(portrait, layers=layers),)),
        model(),
        None,
        Fraction(25),
    )
    gltf, left = Gltf(tmp_path / "a.glb"), 0
    for k in range(len(gltf.primitives)):
        texture = gltf.texture(k)
        height, width = texture.shape[:2]
        wide = cv2.copyMakeBorder((texture[..., 3] >= 255 * CUTOFF).astype(np.uint8), 4, 4, 4, 4, cv2.BORDER_CONSTANT)
        uv = (gltf.attribute(k, "TEXCOORD_0") * (width, height))[gltf.triangles(k)]
        low, high = np.floor(uv.min(1) - 0.6).astype(int) + 4, np.ceil(uv.max(1) + 0.6).astype(int) + 4
        empty = [not wide[max(0, y) : v, max(0, x) : u].any() for (x, y), (u, v) in zip(low, high, strict=True)]
        assert not any(empty), f"{sum(empty)} of {len(empty)} faces of primitive {k} can't be seen"
        left += len(empty)
    share = left / len(portrait.surface.faces)
    assert 0.3 < share < 0.7, f"{share:.0%} of the faces are left of half a person"


def test_transparent_texels_carry_the_persons_colours(still: Path) -> None:
    """Smaller mipmaps mix them in: black there would draw a dark rim."""
    gltf, square = Gltf(still), np.ones((5, 5), np.uint8)
    checked = 0
    for k in range(len(gltf.primitives)):
        texture = gltf.texture(k)
        shown = texture[..., 3] > 0
        beside = (cv2.dilate(shown.astype(np.uint8), square) > 0) & ~shown
        darkest = cv2.erode(np.where(shown[..., None], texture[..., :3], 255).astype(np.uint8), np.ones((13, 13)))
        gap = (darkest.astype(int) - texture[..., :3])[beside]
        assert (gap <= 12).mean() > 0.98, f"primitive {k}: {(gap > 12).mean():.1%} are darker than any texel beside them"
        checked += len(gap)
    assert checked > 500


def test_trimesh_opens_it(still: Path) -> None:
    import trimesh

    scene = trimesh.load(still)
    gltf = Gltf(still)
    meshes = list(scene.geometry.values())
    assert len(meshes) == len(gltf.primitives)
    assert sum(len(m.faces) for m in meshes) == sum(len(gltf.triangles(k)) for k in range(len(meshes)))
    rest = avatar(full_skirt).portraits[0].surface.rest_m.numpy()
    bounds = np.array([m.bounds for m in meshes])
    assert (bounds[:, 0].min(0) > rest.min(0) - 0.02).all() and (bounds[:, 1].max(0) < rest.max(0) + 0.02).all()
    for mesh in meshes:
        material: Any = mesh.visual.material
        assert material.baseColorTexture.size[0] > 4 and material.alphaMode in ("MASK", "OPAQUE")


def test_a_motion_is_animated_with_the_persons_own_shape(tmp_path: Path) -> None:
    motion = walk(4)
    write_avatar_glb(tmp_path / "a.glb", avatar(standing), model(), motion, RATE)
    gltf = Gltf(tmp_path / "a.glb")
    times = gltf.array(gltf.doc["animations"][0]["samplers"][0]["input"]).ravel()
    assert np.allclose(times, np.arange(4) / float(RATE), atol=1e-7)
    own = BodyParams(motion.rotations, standing().params.betas, motion.translation_m, motion.camera)
    joints = model().rest_joints(own.betas)
    transforms = model().joint_transforms(own.rotations, joints, own.translation_m).numpy()
    place = np.array(gltf.doc["nodes"][24]["translation"])
    for t in range(4):
        ours = gltf.skinning(t)
        ours[:, :3, 3] -= place
        error = np.abs(ours - transforms[t]).max()
        assert error < 1e-4, f"frame {t}: joints are {error:.1e} off"
        truth = photograph(BodyParams(own.rotations[t : t + 1], own.betas, own.translation_m[t : t + 1], own.camera))
        iou = overlap(drawn(gltf, own, t), truth)
        assert iou > 0.85, f"frame {t}: outline IoU {iou:.3f}"
    lowest = [min(gltf.posed(t, k)[:, 1].min() for k in range(len(gltf.primitives))) for t in range(4)]
    assert abs(min(lowest)) < 0.05 and lowest[3] > min(lowest) + 0.05, f"feet at {np.round(lowest, 3)} m"


def test_two_photos_each_show_their_own_side(tmp_path: Path) -> None:
    two = avatar(standing, from_behind)
    write_avatar_glb(tmp_path / "a.glb", two, model(), None, Fraction(25))
    gltf = Gltf(tmp_path / "a.glb")
    front = drawn(gltf, standing().params)
    level = psnr(front, standing())
    assert level > 25, f"from the front PSNR {level:.1f} dB"
    turned = BodyParams(from_behind().params.rotations, two.params.betas, from_behind().params.translation_m, two.params.camera)
    write_avatar_glb(tmp_path / "b.glb", two, model(), turned, Fraction(25))
    level = psnr(drawn(Gltf(tmp_path / "b.glb"), turned), from_behind())
    assert level > 25, f"from behind PSNR {level:.1f} dB"
    head = slice(None, np.flatnonzero((standing().matte > 0.5).any(1))[0] + 24)
    skin, hair = (close_to(front[..., :3], color, 0.15)[head] & (front[head, :, 3] > 0.9) for color in (SKIN, HAIR))
    assert skin.sum() > 2 * hair.sum() > 0, f"{skin.sum()} px of face and {hair.sum()} px of hair from the front"
    both = sum(len(gltf.triangles(k)) for k in range(len(gltf.primitives)))
    single = tmp_path / "c.glb"
    write_avatar_glb(single, avatar(standing), model(), None, Fraction(25))
    one = Gltf(single)
    assert both < 1.8 * sum(len(one.triangles(k)) for k in range(len(one.primitives))), "both photos show everything"


@pytest.mark.parametrize("turn_deg", [60, 120])
def test_seen_from_the_side_it_is_closed(turn_deg: float, tmp_path: Path) -> None:
    """Front and back meet at the rim, and the underlay fills what is left: no background shines through the body."""
    pose = posed(STANDING_DEG, turn_deg)
    pose = BodyParams(pose.rotations, pose.betas, standing().params.translation_m, pose.camera)
    write_avatar_glb(tmp_path / "a.glb", avatar(standing), model(), pose, Fraction(25))
    rgba, truth = drawn(Gltf(tmp_path / "a.glb"), pose), photograph(pose)
    body = cv2.erode((truth.matte > 0.99).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    holes = int((rgba[..., 3][body] < 0.5).sum())
    assert holes <= 10, f"{holes} of {body.sum()} pixels inside the body show the background"
    iou = overlap(rgba, truth)
    assert iou > 0.9, f"outline IoU {iou:.3f}"


@pytest.mark.parametrize("frames", [1, 3])
def test_khronos_finds_nothing_in_an_avatar(frames: int, tmp_path: Path) -> None:
    write_avatar_glb(tmp_path / "a.glb", avatar(standing, from_behind), model(), walk(frames), RATE)
    check_by_validator(tmp_path / "a.glb")


def test_an_avatar_cannot_be_written_nowhere(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        write_avatar_glb(tmp_path / "absent" / "a.glb", avatar(standing), model(), None, Fraction(25))
    assert list(tmp_path.iterdir()) == []
