"""The photo cut into layers: together they are the matte, each is whole, and what is hidden continues what is seen."""

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from avatar_material import (
    SHIRT,
    SHOES,
    SKIN,
    SKIRT_COLOR,
    STANDING_DEG,
    TROUSERS,
    arm_across,
    body_of,
    close_to,
    full_skirt,
    photograph,
    posed,
    standing,
)

from motionimit.avatar.labels import label_matte
from motionimit.avatar.layers import BEHIND, LAYER_COUNT, SKIRT, build_layers
from motionimit.avatar.twins import SLICE_M, along_limb, from_twin
from motionimit.body.parts import MIRROR_PART, Part

SEEN = (*Part, SKIRT)  # the backs lie behind HEAD and TRUNK, in the same pixels
PEOPLE = (standing, arm_across, full_skirt)


@cache
def layers_of(person):
    photo = person()
    body = body_of(photo)
    label = label_matte(body, photo.colors, photo.matte)
    return photo, body, label, build_layers(body, photo.colors, photo.matte, label)


@cache
def sideways():
    """Turned by 90 degrees, arms hanging: the trunk hides the right arm."""
    hanging = {"left_shoulder": (0, 0, -75), "right_shoulder": (0, 0, 75)}
    return photograph(posed(STANDING_DEG | hanging, turn_deg=-90))


def over_each_other(alpha):
    return 1 - np.prod(1 - alpha, 0)


@pytest.mark.parametrize("person", PEOPLE)
def test_together_the_layers_cover_the_matte_and_no_more(person):
    photo, _, _, layers = layers_of(person)
    alpha = layers.rgba[list(SEEN), ..., 3]
    most, together = alpha.max(0), over_each_other(alpha)
    solid = cv2.erode((photo.matte > 0.98).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # the rim is judged below
    covered = (together[solid] > 0.95).mean()
    assert covered >= 0.98, f"{1 - covered:.2%} of the person's {solid.sum()} solid pixels are see-through"
    assert together[solid].min() > 0.7, f"a solid pixel is covered to {together[solid].min():.2f}"
    assert (most <= photo.matte + 1e-5).all(), f"a layer exceeds the matte by {(most - photo.matte).max():.3f}"
    within = (np.abs(most - photo.matte) < 0.05).mean()
    assert within >= 0.97, f"on {within:.2%} of the pixels the layers' alpha is the matte's"
    lost = photo.matte - most
    assert lost.max() < 0.5, f"a pixel of the rim loses {lost.max():.2f}"
    assert lost.sum() < 0.03 * photo.matte.sum(), f"the layers lose {lost.sum() / photo.matte.sum():.1%} of the matte"


@pytest.mark.parametrize("person", PEOPLE)
def test_every_part_has_its_own_pixels_unchanged(person):
    photo, _, label, layers = layers_of(person)
    assert layers.rgba.shape == (LAYER_COUNT, *photo.matte.shape, 4)
    assert layers.known.shape == layers.rgba.shape[:3]
    for part in Part:
        own = cv2.erode(((label == part) & (photo.matte > 0.98)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        if layers.skirt.any() and part in (Part.LEFT_LEG, Part.RIGHT_LEG):
            own &= ~layers.skirt
        if not own.any():
            continue
        assert layers.known[part][own].all(), part.name
        assert layers.rgba[part, ..., 3][own].min() > 0.95, part.name
        off = np.abs(layers.rgba[part, ..., :3] - photo.colors)[own].max()
        assert off < 0.01, f"{part.name}: colours the photo shows are off by {off:.3f}"


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("person", PEOPLE)
def test_no_layer_has_crumbs(person, noisy):
    photo, body, label, layers = layers_of(person)
    if noisy:
        label = label.copy()
        for part in Part:  # specks of every part on the shoe, the belly and the crown
            for y, x in ((215, 54), (95, 80), (24, 80)):
                label[y - 1 + part % 2 : y + 2, x + 3 * part - 9 : x + 3 * part - 6] = part
        layers = build_layers(body, photo.colors, photo.matte, label)
    for layer in range(LAYER_COUNT):
        count, _, stats, _ = cv2.connectedComponentsWithStats((layers.rgba[layer, ..., 3] > 0.1).astype(np.uint8), connectivity=8)
        if count < 2:
            assert layer == SKIRT, f"layer {layer} is empty"
            continue
        area = np.sort(stats[1:, cv2.CC_STAT_AREA])
        assert area[0] >= 0.04 * area[-1], f"layer {layer} has pieces of {area} pixels"


def test_the_hidden_trunk_is_filled_with_its_own_colours():
    photo, _, _, layers = layers_of(arm_across)
    trunk = layers.rgba[Part.TRUNK]
    hidden = (trunk[..., 3] > 0.5) & ~layers.known[Part.TRUNK]
    assert hidden.sum() > 150, f"the arm hides {hidden.sum()} pixels of the trunk only"
    assert close_to(photo.colors, SKIN, 0.1)[hidden].mean() > 0.5, "the forearm before it is skin"
    own = (close_to(trunk[..., :3], SHIRT, 0.12) | close_to(trunk[..., :3], TROUSERS, 0.12))[hidden].mean()
    assert own > 0.97, f"{own:.1%} of the hidden trunk has the shirt's colours"
    skin = close_to(trunk[..., :3], SKIN, 0.15)[hidden].mean()
    assert skin < 0.01, f"{skin:.1%} of the hidden trunk is skin"


def test_a_hidden_arm_is_filled_with_an_arms_colours():
    photo, _, _, layers = layers_of(sideways)
    arm = layers.rgba[Part.RIGHT_ARM]
    hidden = (arm[..., 3] > 0.5) & ~layers.known[Part.RIGHT_ARM]
    assert hidden.sum() > 100, f"{hidden.sum()} pixels of the far arm are hidden"
    colors = arm[..., :3][hidden]
    wall = np.abs(colors - photo.wall[hidden]).max(1) < 0.1
    assert wall.mean() < 0.01, f"{wall.mean():.1%} of the hidden arm looks like the wall"
    low, high = np.minimum(SKIN, SHIRT) - 0.05, np.maximum(SKIN, SHIRT) + 0.05
    between = ((colors > low) & (colors < high)).all(1).mean()
    assert between > 0.95, f"{between:.1%} of the hidden arm lies between skin and sleeve"


@pytest.mark.parametrize("part", [Part.LEFT_ARM, Part.RIGHT_LEG])
def test_a_hidden_slice_of_a_limb_has_the_colour_that_its_twin_has_there(part):
    """A sleeve that ends half way along the one arm ends half way along the other, though the photo shows half of it."""
    body = body_of(standing())
    own, other = along_limb(body, part), along_limb(body, MIRROR_PART[part])
    ends = float(np.nanmedian(other))
    rgb = np.where((other < ends)[..., None], np.float32(SHIRT), np.float32(SKIN))
    known = np.zeros((LAYER_COUNT, *own.shape), bool)
    known[MIRROR_PART[part]] = np.isfinite(other)
    known[part] = own < ends - 0.1
    colors, where = from_twin(body, part, rgb, known)
    assert not (where & known[part]).any(), "what the photo shows is not replaced"
    found = where[own > ends - 0.1 + 2 * SLICE_M].mean()  # its last pixels can lie beyond its twin's
    assert found > 0.9, f"only {found:.0%} of the hidden slices are found"
    for beyond, color in ((own < ends - SLICE_M, SHIRT), (own > ends + SLICE_M, SKIN)):
        there = where & beyond
        assert there.sum() > 20 and np.abs(colors[there] - np.float32(color)).max() < 1e-6
    assert not from_twin(body, part, rgb, np.zeros_like(known))[1].any(), "nothing comes from a twin that isn't seen"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("gone", [(Part.LEFT_LEG,), (Part.RIGHT_LEG,), (Part.LEFT_LEG, Part.RIGHT_LEG)])
def test_limbs_outside_the_photo_have_and_give_no_colours(gone):
    """A photo that ends at the chest or between the legs."""
    body = body_of(standing())
    nowhere = {p: replace(body.parts[p], rest_m=np.full_like(body.parts[p].rest_m, np.nan)) for p in gone}
    body = replace(body, parts=body.parts | nowhere)
    known = np.zeros((LAYER_COUNT, *body.label.shape), bool)
    for part in (Part.LEFT_LEG, Part.RIGHT_LEG):
        known[part] = np.isfinite(along_limb(body, part))
    colors, where = from_twin(body, Part.LEFT_LEG, np.ones((*body.label.shape, 3), np.float32), known)
    assert colors.shape == (*where.shape, 3) and not where.any()


def test_a_skirt_gets_its_own_layer_and_ends_at_its_hem():
    photo, _, _, layers = layers_of(full_skirt)
    assert layers.skirt.any()
    cloth = close_to(photo.colors, SKIRT_COLOR, 0.02) & (photo.matte > 0.98) & layers.skirt
    skirt = layers.rgba[SKIRT]
    assert skirt[..., 3][cloth].min() > 0.95
    assert np.abs(skirt[..., :3] - photo.colors)[cloth].max() < 0.05
    shoes = close_to(photo.colors, SHOES, 0.05) & (photo.matte > 0.5) & (np.arange(240) > 190)[:, None]
    assert skirt[..., 3][shoes].max() == 0, "the skirt reaches down to the shoes"


def test_without_a_skirt_its_layer_is_empty():
    _, _, _, layers = layers_of(standing)
    assert not layers.skirt.any()
    assert layers.rgba[SKIRT, ..., 3].max() == 0


@pytest.mark.parametrize("part", BEHIND)
def test_the_back_of_a_part_has_its_outline(part):
    _, _, _, layers = layers_of(standing)
    assert np.array_equal(layers.rgba[BEHIND[part], ..., 3], layers.rgba[part, ..., 3])
