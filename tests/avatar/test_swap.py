"""Appearance transfer on painted people, where the truth exists: the same body, painted in the other's clothes."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from avatar_material import (
    HAIR,
    SHIRT,
    SIZE_PX,
    SKIN,
    STANDING_DEG,
    TROUSERS,
    Person,
    bare_legged,
    close_to,
    full_skirt,
    model,
    paint,
    photograph,
    posed,
    standing,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from motionimit_cli.swap import default_output, split_clothes

from motionimit.avatar.avatar import Avatar
from motionimit.avatar.portrait import build_portrait
from motionimit.avatar.reshape import carried
from motionimit.avatar.swap import dressed
from motionimit.body.parts import Region
from motionimit.config.swap import EVERY_PART, GARMENT_PARTS, SwapSettings, parse_parts
from motionimit.errors import BadInput, BadUsage
from motionimit.flow.transfer import Renderer
from motionimit.types import BodyParams

YELLOW, GREEN, WHITE = (0.85, 0.75, 0.1), (0.1, 0.5, 0.2), (0.95, 0.95, 0.95)
TONE = (0.55, 0.38, 0.28)  # the clothes' owner has other skin
LEGS = (Region.PELVIS, Region.LEFT_THIGH, Region.RIGHT_THIGH, Region.LEFT_SHIN, Region.RIGHT_SHIN)
ARMS = (Region.LEFT_UPPER_ARM, Region.RIGHT_UPPER_ARM)
FOREARMS = (Region.LEFT_FOREARM, Region.RIGHT_FOREARM)
FEET = (Region.LEFT_FOOT, Region.RIGHT_FOOT)
OTHER_POSE = STANDING_DEG | {"left_shoulder": (0, 0, -25), "right_hip": (0, 0, -14), "spine2": (0, 0, 5)}


def other_table(sleeves: str = "long") -> np.ndarray:
    """Someone in a yellow shirt, green trousers and white shoes."""
    table = paint()
    table[np.abs(table - np.float32(SKIN)).max(-1) < 1e-4] = TONE
    table[[Region.CHEST, *(() if sleeves == "none" else ARMS)]] = YELLOW
    table[[*ARMS, *FOREARMS]] = YELLOW if sleeves == "long" else TONE
    table[list(LEGS)] = GREEN
    table[list(FEET)] = WHITE
    return table


@cache
def other(sleeves: str = "long", stout: float = 0.0) -> Person:
    pose = posed(OTHER_POSE)
    betas = torch.zeros(10)
    betas[1] = stout
    return photograph(replace(pose, betas=betas), other_table(sleeves))


@cache
def long_sleeved() -> Person:
    table = paint()
    table[list(FOREARMS)] = SHIRT
    return photograph(posed(STANDING_DEG), table)


def avatar_of(photo: Person) -> Avatar:
    portrait = build_portrait(photo.rgb8, photo.matte, photo.params, model(), SIZE_PX)
    return Avatar((portrait,), photo.rgb8, ("0" * 64,))


@cache
def wearing(person, *arguments) -> Avatar:
    """The avatar of a person that a function makes, made once."""
    return avatar_of(person(*arguments))


@cache
def swapped(person, clothes, *parts: str) -> tuple[Avatar, tuple[str, ...]]:
    theirs = wearing(clothes) if callable(clothes) else wearing(other, *clothes)
    avatar, warnings = dressed(wearing(person), dict.fromkeys(parts, theirs), model())
    return avatar, tuple(warnings)


def shown(avatar: Avatar, params: BodyParams) -> np.ndarray:
    """[H, W, 4] in the avatar's own camera."""
    portrait = avatar.portraits[0]
    joints = model().rest_joints(params.betas)
    bones = model().joint_transforms(params.rotations, joints, params.translation_m)[0]
    return Renderer(portrait.surface, portrait.layers, avatar.size_px).render(bones, params.camera).rgba.numpy().copy()


def truth_of(person, *, upper: bool = False, lower: bool = False, shoes: bool = False, sleeves: str = "long") -> Person:
    """The person painted in the other's clothes, in their own skin."""
    table, theirs = paint(), other_table(sleeves)
    if upper:
        table[[Region.CHEST]] = YELLOW
        for region in (*ARMS, *FOREARMS):
            table[region] = YELLOW if np.allclose(theirs[region], YELLOW) else SKIN
    if lower:
        table[list(LEGS)] = GREEN
    if shoes:
        table[list(FEET)] = WHITE
    return photograph(person().params, table)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


def agreement(rgba: np.ndarray, truth: Person) -> float:
    """Share of the person's pixels that have the true colour within 0.15."""
    sure = truth.matte > 0.98
    return float((np.abs(rgba[..., :3] - truth.colors).max(-1) < 0.15)[sure].mean())


@pytest.mark.parametrize("parts", [("upper",), ("lower",), ("shoes",), ("upper", "lower", "shoes")])
def test_the_still_is_the_person_painted_in_those_clothes(parts):
    avatar, warnings = swapped(standing, ("long",), *parts)
    rgba, truth = shown(avatar, standing().params), truth_of(standing, **dict.fromkeys(parts, True))
    level = agreement(rgba, truth)
    assert level > 0.9, f"{level:.1%} of the pixels are as painted after swapping {parts}"
    outline = iou(rgba[..., 3] > 0.5, truth.matte > 0.5)
    assert outline > 0.93, f"outline IoU {outline:.3f}"
    if "upper" in parts:
        region = iou(
            close_to(rgba[..., :3], YELLOW, 0.2) & (rgba[..., 3] > 0.5), close_to(truth.colors, YELLOW, 0.2) & (truth.matte > 0.5)
        )
        assert region > 0.85, f"the shirt's IoU is {region:.3f}"
    assert not warnings


@pytest.mark.parametrize("turn_deg", [-25.0, 30.0])
def test_it_holds_in_another_pose(turn_deg):
    avatar, _ = swapped(standing, ("long",), "upper", "lower", "shoes")
    pose = posed(OTHER_POSE, turn_deg)
    pose = replace(pose, translation_m=standing().params.translation_m)
    truth = photograph(pose, other_table_on_person())
    rgba, plain = shown(avatar, pose), shown(wearing(standing), pose)
    level = agreement(rgba, truth)
    assert level > 0.85, f"{level:.1%} of the pixels are as painted at {turn_deg:g} degrees"
    solid = truth.matte > 0.98
    missing, before = ((a[..., 3] < 0.5)[solid].mean() for a in (rgba, plain))
    assert missing < before + 0.01, f"{missing:.1%} of the person is missing, {before:.1%} without the swap"


def other_table_on_person() -> np.ndarray:
    table = other_table()
    table[np.abs(table - np.float32(TONE)).max(-1) < 1e-4] = SKIN
    return table


def test_the_face_stays():
    before = shown(wearing(standing), standing().params)
    after = shown(swapped(standing, ("long",), "upper", "lower", "shoes")[0], standing().params)
    face = build_face_mask()
    changed = np.abs(before - after)[face][:, :3].mean()
    assert changed < 0.02, f"the face changed by {changed:.2%}"


def build_face_mask() -> np.ndarray:
    table = np.zeros((len(Region), 3), np.float32)
    table[Region.FACE] = 1
    painted = photograph(standing().params, table)
    return (painted.colors[..., 0] > 0.99) & (painted.matte > 0.99)


def test_bared_arms_have_the_persons_own_skin():
    avatar, _ = swapped(long_sleeved, ("none",), "upper")
    rgba = shown(avatar, long_sleeved().params)
    table = np.zeros((len(Region), 3), np.float32)
    table[list(FOREARMS)] = 1
    arms = photograph(long_sleeved().params, table)
    arms = (arms.colors[..., 0] > 0.99) & (arms.matte > 0.99)
    own, theirs = (close_to(rgba[..., :3], tone, 0.15)[arms].mean() for tone in (SKIN, TONE))
    assert own > 0.9, f"{own:.0%} of the bared forearms is the person's skin, {theirs:.0%} the other's"
    thin = (rgba[..., 3][arms] < 0.5).mean()
    assert thin < 0.06, f"{thin:.1%} of the bared forearms is missing"


def test_skin_under_new_sleeves_is_gone():
    rgba = shown(swapped(standing, ("long",), "upper")[0], standing().params)
    table = np.zeros((len(Region), 3), np.float32)
    table[list(FOREARMS)] = 1
    arms = photograph(standing().params, table)
    arms = (arms.colors[..., 0] > 0.99) & (arms.matte > 0.99)
    cloth = close_to(rgba[..., :3], YELLOW, 0.15)[arms].mean()
    assert cloth > 0.85, f"{cloth:.0%} of the forearms is sleeve"


def test_a_skirt_comes_with_its_outline_and_legs_are_bared():
    avatar, _ = swapped(standing, full_skirt, "lower")
    rgba, truth = shown(avatar, standing().params), full_skirt()
    cloth = close_to(rgba[..., :3], (0.75, 0.6, 0.1), 0.15) & (rgba[..., 3] > 0.5)
    level = iou(cloth, close_to(truth.colors, (0.75, 0.6, 0.1), 0.15) & (truth.matte > 0.5))
    assert level > 0.8, f"the skirt's IoU is {level:.3f}"
    blue = close_to(rgba[..., :3], TROUSERS, 0.15) & (rgba[..., 3] > 0.5)
    assert blue.sum() < 40, f"{blue.sum()} px of the old trousers are left"


def test_trousers_replace_a_skirt():
    rgba = shown(swapped(full_skirt, ("long",), "lower")[0], full_skirt().params)
    left = close_to(rgba[..., :3], (0.75, 0.6, 0.1), 0.1) & (rgba[..., 3] > 0.5)
    assert left.sum() < 40, f"{left.sum()} px of the skirt are left"
    green = close_to(rgba[..., :3], GREEN, 0.15) & (rgba[..., 3] > 0.5)
    assert green.sum() > 2000, f"only {green.sum()} px of trousers"


def test_hair_comes_and_goes():
    blond = paint()
    blond[Region.SCALP] = (0.9, 0.8, 0.3)
    theirs = avatar_of(photograph(posed(STANDING_DEG), blond))
    avatar, _ = dressed(wearing(standing), {"hair": theirs}, model())
    rgba = shown(avatar, standing().params)
    drawn = rgba[..., 3] > 0.5
    new, old = ((close_to(rgba[..., :3], c, 0.15) & drawn)[:60].sum() for c in ((0.9, 0.8, 0.3), HAIR))
    assert new > 5 * max(old, 1), f"{new} px of new hair, {old} px of the old"


@pytest.mark.parametrize("stout", [-2.0, 2.0])
def test_clothes_fit_another_body(stout):
    theirs = avatar_of(other("long", stout))
    avatar, _ = dressed(wearing(standing), {"upper": theirs, "lower": theirs}, model())
    rgba, truth = shown(avatar, standing().params), truth_of(standing, upper=True, lower=True)
    outline = iou(rgba[..., 3] > 0.5, truth.matte > 0.5)
    assert outline > 0.9, f"outline IoU {outline:.3f} in clothes of someone {stout:+g} in shape"
    assert torch.equal(avatar.params.betas, standing().params.betas)


def test_what_is_not_shown_can_not_be_taken():
    photo = other("long")
    half = replace(photo, matte=photo.matte.copy())
    half.matte[150:] = 0
    with pytest.raises(BadInput, match=r"a\.jpg shows no shoes"):
        dressed(wearing(standing), {"shoes": avatar_of(half)}, model(), {"shoes": "a.jpg"})


def test_a_dress_comes_whole():
    table = paint()
    table[[Region.CHEST, Region.PELVIS, Region.LEFT_THIGH, Region.RIGHT_THIGH]] = YELLOW
    table[[*ARMS, Region.LEFT_SHIN, Region.RIGHT_SHIN]] = SKIN
    dress = avatar_of(photograph(posed(STANDING_DEG), table))
    avatar, warnings = dressed(wearing(standing), {"upper": dress}, model(), {"upper": "d.jpg"})
    assert len(warnings) == 1 and "d.jpg" in warnings[0] and "one piece" in warnings[0]
    rgba = shown(avatar, standing().params)
    blue = close_to(rgba[..., :3], TROUSERS, 0.15) & (rgba[..., 3] > 0.5)
    assert blue.sum() < 60, f"{blue.sum()} px of trousers under the dress"


def test_contents_of_the_result():
    before, (after, _) = wearing(bare_legged), swapped(bare_legged, ("long",), "upper")
    a, b = before.portraits[0], after.portraits[0]
    assert after.size_px == before.size_px and after.photos == before.photos
    for field in ("background", "matte"):
        assert torch.equal(getattr(a, field), getattr(b, field)), field
    assert b.layers.shape[1:3] == b.known.shape[1:] == b.regions.shape == tuple(b.window.size_px[::-1])
    height, width = a.regions.shape
    assert torch.equal(b.regions[:height, :width], a.regions)
    assert int(b.surface.layer.max()) < len(b.layers) and int(b.surface.faces.max()) < len(b.surface.rest_m)
    for field in ("rest_m", "weights", "uv_px", "bias_m"):
        assert torch.isfinite(getattr(b.surface, field)).all(), field
    again, _ = dressed(before, {"upper": wearing(other, "long")}, model())
    assert torch.equal(again.portraits[0].layers, b.layers), "not deterministic"


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(-2, 2), min_size=10, max_size=10), st.tuples(*[st.floats(-0.5, 0.5)] * 3))
def test_carried_surfaces_move_with_the_body(betas, shift):
    surface = wearing(standing).portraits[0].surface
    rest = model().rest(torch.zeros(10))[0]
    moved = carried(surface, rest, rest + torch.tensor(shift)).rest_m - surface.rest_m
    assert torch.allclose(moved, torch.tensor(shift).expand_as(moved), atol=1e-5), "a common shift is carried as it is"
    shaped = model().rest(torch.tensor(betas))[0]
    there = carried(surface, rest, shaped)
    furthest = float((shaped - rest).norm(dim=1).max())
    assert float((there.rest_m - surface.rest_m).norm(dim=1).max()) <= furthest + 1e-5
    assert there.weights is surface.weights


A, B, ME, OUT = Path("a.jpg"), Path("b.jpg"), Path("me.jpg"), Path("out.png")


@pytest.mark.parametrize(
    "texts, photos, whose",
    [
        (["upper,lower"], [A], {"upper": A, "lower": A}),
        (["upper", "lower"], [A, B], {"upper": A, "lower": B}),
        (["upper=a.jpg", "lower=b.jpg"], [], {"upper": A, "lower": B}),
        (["all", "shoes=b.jpg"], [A], {"all": A, "shoes": B}),
    ],
)
def test_parts_are_matched_with_photos(texts, photos, whose):
    assert parse_parts(texts, photos) == whose


@pytest.mark.parametrize(
    "texts, photos, message",
    [
        (["hat"], [A], "must be one of"),
        (["upper,upper"], [A], "twice"),
        (["upper="], [], "lacks the photo"),
        (["upper"], [], "needs a photo"),
        (["upper=a.jpg"], [B], "No part is taken"),
        (["upper,lower,hair"], [A, B], "don't match"),
    ],
)
def test_parts_that_make_no_sense(texts, photos, message):
    with pytest.raises(BadUsage, match=message):
        parse_parts(texts, photos)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="uperlowshoaig=,. x", max_size=20), max_size=4), st.integers(0, 3))
def test_parts_are_parsed_or_refused(texts, count):
    try:
        found = parse_parts(texts, [Path(f"{k}.jpg") for k in range(count)])
    except BadUsage:
        return
    assert set(found) <= set(GARMENT_PARTS)


def test_photos_and_assignments_may_stand_in_any_order():
    photos, texts = split_clothes(("a.jpg", "lower=b.jpg", "strange=name.jpg"))
    assert photos == [A, Path("strange=name.jpg")] and texts == ["lower=b.jpg"]
    assert default_output(ME, A, None, False) == Path("me_in_a.png")
    assert default_output(ME, A, Path("d.mp4"), True) == Path("me_in_a.mov")


def test_settings_of_a_swap():
    still = SwapSettings(sources=(ME,), clothes={"all": A, "shoes": B}, output=OUT)
    assert still.whose == {"upper": A, "lower": A, "hair": A, "shoes": B} and set(still.whose) == set(EVERY_PART)
    assert still.driver_paths == (A, B) and still.as_report()["clothes"] == {"all": "a.jpg", "shoes": "b.jpg"}
    moving = SwapSettings(sources=(ME,), clothes={"upper": A}, output=Path("o.mp4"), driving=Path("d.mp4"), max_frames=3)
    assert moving.driven().max_frames == 3 and moving.driven().driving == Path("d.mp4")
    assert set(moving.input_paths) == {ME, A, Path("d.mp4")}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"clothes": {}}, "at least one part"),
        ({"clothes": {"socks": A}}, "must be one of"),
        ({"output": Path("o.mp4")}, "one .png"),
        ({"side_by_side": True}, "--drive"),
        ({"background": "driving"}, "--drive"),
        ({"output": Path("a.jpg")}, "--output"),
        ({"generator": "attlwb"}, "--generator"),
        ({"driving": Path("d.mp4"), "output": Path("o.mp4"), "start_s": -1.0}, "--start"),
    ],
)
def test_settings_that_make_no_sense(change, message):
    with pytest.raises(BadUsage, match=message):
        SwapSettings(**({"sources": (ME,), "clothes": {"upper": A}, "output": OUT} | change))


def test_missing_photos_are_named(tmp_path):
    settings = SwapSettings(sources=(tmp_path / "me.jpg",), clothes={"upper": A}, output=tmp_path / "o.png")
    with pytest.raises(BadInput, match=r"me\.jpg"):
        settings.check_paths()
