"""THE law of the avatar: in its own pose it is the photo; in near poses it stays whole. Plus sizes, contents and determinism."""

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
import torch
from avatar_material import (
    ARM_ACROSS_DEG,
    HAIR,
    SHIRT,
    SIZE_PX,
    SKIN,
    SKIRT_COLOR,
    STANDING_DEG,
    TROUSERS,
    arm_across,
    big_hair,
    body_of,
    close_to,
    full_skirt,
    model,
    photograph,
    posed,
    standing,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from motionimit.avatar.layers import LAYER_COUNT
from motionimit.avatar.portrait import Portrait, build_portrait, output_size
from motionimit.body.parts import Part
from motionimit.flow.transfer import Renderer
from motionimit.types import BodyParams

LIMIT_DB = 30.0


@cache
def avatar_of(person, size: tuple[int, int] = SIZE_PX) -> Portrait:
    photo = person()
    return build_portrait(photo.rgb8, photo.matte, photo.params, model(), size)


def transforms(params: BodyParams) -> torch.Tensor:
    _, joints = model().rest(params.betas)
    return model().joint_transforms(params.rotations, joints, params.translation_m)[0]


def shown(avatar: Portrait, params: BodyParams) -> np.ndarray:
    """[H, W, 4] the avatar in a pose, in its own camera."""
    height, width = avatar.background.shape[:2]
    renderer = Renderer(avatar.surface, avatar.layers, (width, height))
    return renderer.render(transforms(params), avatar.params.camera).rgba.numpy().copy()


def over(rgba: np.ndarray, behind: np.ndarray) -> np.ndarray:
    return rgba[..., :3] * rgba[..., 3:] + behind * (1 - rgba[..., 3:])


def psnr(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    return float(-10 * np.log10(np.square(a - b)[where].mean()))


def eroded(mask: np.ndarray, size: int) -> np.ndarray:
    return cv2.erode(mask.astype(np.uint8), np.ones((size, size), np.uint8), borderValue=0) > 0


@settings(max_examples=200, deadline=None)
@given(st.integers(16, 9000), st.integers(16, 9000), st.integers(16, 2160))
def test_output_size_is_even_has_the_long_side_and_the_aspect(width, height, long_side):
    found = output_size((width, height), long_side)
    assert all(v % 2 == 0 and v >= 2 for v in found), found
    assert abs(max(found) - long_side) <= 1, found
    exact = np.array((width, height)) * long_side / max(width, height)
    assert (np.abs(np.array(found) - np.maximum(exact, 2)) <= 1.0 + 1e-9).all(), f"{found} for {exact}"


@cache
def folded():
    """Both forearms folded onto the upper arms: surfaces that touch in the picture alone."""
    bent = {"left_elbow": (0, -140, 0), "right_shoulder": (0, 0, 60), "right_elbow": (0, 130, 0)}
    return photograph(posed(ARM_ACROSS_DEG | bent))


@pytest.mark.parametrize("person", [standing, arm_across, folded, full_skirt, big_hair])
def test_in_its_own_pose_the_avatar_is_the_photo(person):
    photo, avatar = person(), avatar_of(person)
    rgba = shown(avatar, photo.params)
    inside, solid = photo.matte > 0.5, eroded(photo.matte > 0.99, 3)
    level = psnr(over(rgba, photo.wall), photo.rgb, inside)
    assert level >= LIMIT_DB, f"PSNR inside the person {level:.1f} dB"
    assert rgba[..., 3][solid].min() > 0.7, f"see-through to {rgba[..., 3][solid].min():.2f}"
    ours = rgba[..., 3] > 0.5
    iou = (ours & inside).sum() / (ours | inside).sum()
    assert iou > 0.96, f"outline IoU {iou:.3f}"


@pytest.mark.parametrize("size", [(80, 120), (320, 480)])
def test_the_law_holds_at_other_output_sizes(size):
    photo, avatar = standing(), avatar_of(standing, size)
    how = cv2.INTER_AREA if size < SIZE_PX else cv2.INTER_LINEAR
    target, wall, matte = (cv2.resize(image, size, interpolation=how) for image in (photo.rgb, photo.wall, photo.matte))
    level = psnr(over(shown(avatar, photo.params), wall), target, matte > 0.5)
    assert level >= LIMIT_DB, f"PSNR inside the person {level:.1f} dB at {size}"


@pytest.mark.parametrize("turn_deg", [-20, 20, 180])
@pytest.mark.parametrize("person", [standing, arm_across])
def test_turned_the_trunk_has_no_holes(person, turn_deg):
    photo = person()
    turned = turned_by(photo.params, turn_deg)
    truth = photograph(turned)
    alpha = shown(avatar_of(person), turned)[..., 3]
    trunk = eroded(body_of(truth).label == Part.TRUNK, 5)
    assert trunk.sum() > 800
    holes = int((alpha[trunk] < 0.7).sum())
    assert holes == 0, f"{holes} holes in the trunk, down to alpha {alpha[trunk].min():.2f}"
    thin = (alpha[trunk] < 0.95).mean()
    assert thin < 0.02, f"{thin:.1%} of the trunk is see-through"
    ours, whole = alpha > 0.5, truth.matte > 0.5
    iou = (ours & whole).sum() / (ours | whole).sum()
    assert iou > 0.87, f"outline IoU {iou:.3f}"


def turned_by(params: BodyParams, degrees: float) -> BodyParams:
    turn = posed({}, turn_deg=degrees).rotations[:, 0]
    rotations = params.rotations.clone()
    rotations[:, 0] = turn @ rotations[:, 0]
    return BodyParams(rotations, params.betas, params.translation_m, params.camera)


def test_with_raised_arms_and_a_bent_trunk_it_has_no_holes_and_moved_where_it_should():
    pose = posed(STANDING_DEG | {"left_shoulder": (0, 0, 30), "right_shoulder": (0, 0, -30), "spine2": (0, 0, 10)})
    pose = BodyParams(pose.rotations, pose.betas, standing().params.translation_m, pose.camera)
    truth, rgba = photograph(pose), shown(avatar_of(standing), pose)
    trunk = eroded(body_of(truth).label == Part.TRUNK, 7)
    assert (rgba[..., 3][trunk] < 0.7).sum() == 0, f"alpha down to {rgba[..., 3][trunk].min():.2f}"
    ours, whole = rgba[..., 3] > 0.5, truth.matte > 0.5
    iou = (ours & whole).sum() / (ours | whole).sum()
    assert iou > 0.8, f"outline IoU {iou:.3f}"
    moved = standing().matte > 0.5
    assert iou > (moved & whole).sum() / (moved | whole).sum() + 0.1, "hardly better than not moving at all"


def test_folded_arms_unfold_without_spikes():
    pose = BodyParams(standing().params.rotations, torch.zeros(10), folded().params.translation_m, folded().params.camera)
    alpha, truth = shown(avatar_of(folded), pose)[..., 3], photograph(pose)
    far = cv2.dilate((truth.matte > 0.5).astype(np.uint8), np.ones((15, 15), np.uint8)) == 0
    stray = int((alpha[far] > 0.5).sum())
    assert stray < 60, f"{stray} pixels are drawn more than 7 px off the body"
    iou = ((alpha > 0.5) & (truth.matte > 0.5)).sum() / ((alpha > 0.5) | (truth.matte > 0.5)).sum()
    assert iou > 0.87, f"outline IoU {iou:.3f}"


def test_from_behind_there_is_hair_and_no_face():
    rgba = shown(avatar_of(big_hair), turned_by(big_hair().params, 180))
    rows = np.flatnonzero((rgba[..., 3] > 0.5).any(1))
    head = eroded(rgba[..., 3] > 0.9, 3)
    head[rows[0] + 24 :] = False
    assert head.sum() > 200
    hair, skin = close_to(rgba[..., :3], HAIR, 0.15)[head].mean(), close_to(rgba[..., :3], SKIN, 0.2)[head].mean()
    assert hair > 0.9, f"{hair:.0%} of the head's upper part is hair from behind"
    assert skin < 0.02, f"{skin:.0%} of it is skin"


def test_big_hair_stays_big_in_profile():
    photo, avatar = big_hair(), avatar_of(big_hair)
    side = shown(avatar, turned_by(photo.params, 90))[..., 3] > 0.5
    row = np.flatnonzero((photo.matte > 0.5).any(1))[0] + 15
    front, profile = int((photo.matte[row] > 0.5).sum()), int(side[row - 4 : row + 5].sum(1).max())
    assert profile > 0.75 * front, f"hair {front} px wide from the front is {profile} px from the side"


def test_a_skirt_does_not_split_when_the_legs_part():
    person, avatar = full_skirt(), avatar_of(full_skirt)
    wide = posed(STANDING_DEG | {"left_hip": (0, 0, 16), "right_hip": (0, 0, -16)})
    wide = BodyParams(wide.rotations, wide.betas, person.params.translation_m, wide.camera)
    rgba = shown(avatar, wide)
    rows = np.arange(126, 150)
    between = rgba[rows][:, 72:89]
    assert between[..., 3].min() > 0.9, f"a gap between the legs, alpha {between[..., 3].min():.2f}"
    cloth = close_to(between[..., :3], SKIRT_COLOR, 0.15).mean()
    assert cloth > 0.95, f"{cloth:.0%} of what hangs between the legs is cloth"


def test_contents_of_an_avatar():
    photo, avatar = standing(), avatar_of(standing)
    height, width = avatar.layers.shape[1:3]
    assert avatar.layers.dtype == torch.uint8
    assert avatar.layers.shape == (LAYER_COUNT, height, width, 4)
    assert avatar.background.shape == (SIZE_PX[1], SIZE_PX[0], 3)
    assert avatar.params.camera == photo.params.camera
    assert int(avatar.surface.layer.max()) < LAYER_COUNT
    assert float((avatar.surface.weights.sum(1) - 1).abs().max()) < 1e-4
    limit = avatar.surface.uv_px.new_tensor([width, height]) + 3
    assert ((avatar.surface.uv_px >= -3) & (avatar.surface.uv_px <= limit)).all(), "texture coordinates off the texture"
    for field in ("rest_m", "weights", "uv_px"):
        assert torch.isfinite(getattr(avatar.surface, field)).all(), field
    person = (avatar.regions >= 0).sum() / photo.matte.sum()
    assert 0.95 < float(person) < 1.05, f"the parsing map covers {float(person):.2f} of the matte"
    for color in (SKIN, SHIRT, TROUSERS):
        assert not close_to(avatar.background.numpy(), color, 0.15).any(), "something of the person is in the background"


def test_the_same_photo_gives_the_same_avatar():
    photo = standing()
    again = build_portrait(photo.rgb8, photo.matte, photo.params, model(), SIZE_PX)
    for field in ("layers", "known", "regions", "background"):
        assert torch.equal(getattr(again, field), getattr(avatar_of(standing), field)), field
    assert torch.equal(again.surface.rest_m, avatar_of(standing).surface.rest_m)


def test_a_print_in_the_walls_colour_is_no_window():
    """A hole in the matte inside the trunk closes, so that the avatar shows the photo's own pixels there."""
    photo = standing()
    rows, columns = np.nonzero(body_of(photo).label == Part.TRUNK)
    y, x = int(rows.mean()), int(columns.mean())
    holed, rgb = photo.matte.copy(), photo.rgb8.copy()
    holed[y - 3 : y + 4, x - 3 : x + 4] = 0
    rgb[y - 3 : y + 4, x - 3 : x + 4] = (photo.wall[y, x] * 255).astype(np.uint8)
    avatar = build_portrait(rgb, holed, photo.params, model(), SIZE_PX)
    alpha = shown(avatar, photo.params)[y - 3 : y + 4, x - 3 : x + 4, 3]
    assert alpha.min() > 0.95, f"a window into the room, alpha {alpha.min():.2f}"


def test_axes_are_checked_across_fields():
    avatar = avatar_of(standing)
    with pytest.raises(ValueError, match="known"):
        replace(avatar, known=avatar.known[:, 1:])
