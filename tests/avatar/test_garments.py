"""Garment parsing on painted people, whose clothes are known: sleeves, bare legs, skirts, dresses; and the palette under it."""

from dataclasses import replace
from functools import cache, partial

import cv2
import numpy as np
import pytest
from avatar_material import (
    SHIRT,
    SHOES,
    SIZE_PX,
    SKIN,
    STANDING_DEG,
    TROUSERS,
    Person,
    arm_across,
    bare_legged,
    big_hair,
    body_of,
    drawn,
    full_skirt,
    model,
    paint,
    photograph,
    posed,
    standing,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from motionimit.avatar.garments import Garment
from motionimit.avatar.outfit import Outfit, parse_garments
from motionimit.avatar.palette import SkinTone, indexed, likelihoods, skin_tone, to_lab
from motionimit.avatar.places import find_places, garment_prior
from motionimit.avatar.portrait import Portrait, build_portrait
from motionimit.avatar.posed import pose_body
from motionimit.body.parts import Part, Region

FEET = (Region.LEFT_FOOT, Region.RIGHT_FOOT)
FOREARMS = (Region.LEFT_FOREARM, Region.RIGHT_FOREARM)
SHINS = (Region.LEFT_SHIN, Region.RIGHT_SHIN)


@cache
def portrait_of(person) -> Portrait:
    photo: Person = person()
    return build_portrait(photo.rgb8, photo.matte, photo.params, model(), SIZE_PX)


@cache
def outfit_of(person) -> Outfit:
    return parse_garments(portrait_of(person), model())


@cache
def long_sleeved() -> Person:
    table = paint()
    table[list(FOREARMS)] = SHIRT
    return photograph(posed(STANDING_DEG), table)


@cache
def in_one_color() -> Person:
    """A dress down to the knees over bare legs."""
    table = paint()
    table[[Region.PELVIS, Region.LEFT_THIGH, Region.RIGHT_THIGH]] = SHIRT
    table[list(SHINS)] = SKIN
    return photograph(posed(STANDING_DEG), table)


@cache
def barefoot() -> Person:
    table = paint()
    table[list(FEET)] = SKIN
    return photograph(posed(STANDING_DEG), table)


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found & truth).sum() / max((found | truth).sum(), 1))


def painted(person, *colors: tuple[float, float, float]) -> np.ndarray:
    """[h, w] bool: pixels of the portrait's window in one of the colours that were painted."""
    photo = portrait_of(person).photo.numpy().astype(np.float32) / 255
    near = [np.abs(photo[..., :3] - np.float32(c)).max(-1) < 0.08 for c in colors]
    return np.logical_or.reduce(near) & (photo[..., 3] > 0.9)


@pytest.mark.parametrize("person", [standing, arm_across, long_sleeved, barefoot])
@pytest.mark.parametrize("garment", [Garment.UPPER, Garment.LOWER, Garment.SKIN])
def test_what_is_painted_is_found(person, garment):
    truth = painted(person, {Garment.UPPER: SHIRT, Garment.LOWER: TROUSERS, Garment.SKIN: SKIN}[garment])
    sure = portrait_of(person).photo[..., 3].numpy() > 230
    level = iou((outfit_of(person).labels == garment) & sure, truth & sure)
    assert level > 0.8, f"{garment.name} of {person.__name__}: IoU {level:.3f}"


def test_shoes_and_hair_are_found():
    labels = outfit_of(standing).labels
    shoes = painted(standing, SHOES) & np.isin(portrait_of(standing).regions.numpy(), FEET)
    found = (labels[shoes] == Garment.SHOES).mean()
    assert found > 0.8, f"{found:.0%} of the shoes"
    region = portrait_of(standing).regions.numpy()
    hair = (labels[region == Region.SCALP] == Garment.HAIR).mean()
    assert hair > 0.8, f"{hair:.0%} of the scalp is hair"
    face = (labels[region == Region.FACE] == Garment.SKIN).mean()
    assert face > 0.8, f"{face:.0%} of the face is skin"


def test_big_hair_is_hair_outside_the_head_too():
    outside = (portrait_of(big_hair).photo[..., 3].numpy() > 230) & (outfit_of(big_hair).body.region < 0)
    rows = np.flatnonzero(outside.any(1))
    outside[rows[0] + 20 :] = False
    share = (outfit_of(big_hair).labels[outside] == Garment.HAIR).mean()
    assert outside.sum() > 50 and share > 0.9, f"{share:.0%} of {outside.sum()} px"


@pytest.mark.parametrize("person, arm_is", [(standing, Garment.SKIN), (long_sleeved, Garment.UPPER)])
def test_sleeves_end_where_they_end(person, arm_is):
    forearm = np.isin(portrait_of(person).regions.numpy(), FOREARMS)
    share = (outfit_of(person).labels[forearm] == arm_is).mean()
    assert share > 0.75, f"{share:.0%} of the forearms is {arm_is.name}"
    vertices = np.zeros(len(model().v_template), bool)
    vertices[model().faces.numpy()[np.isin(model().region_of_face.numpy(), FOREARMS)]] = True
    share = (outfit_of(person).worn[vertices] == arm_is).mean()
    assert share > 0.75, f"{share:.0%} of the forearms' vertices"


def test_bare_legs_are_skin_and_a_skirt_is_lower():
    shins = np.isin(portrait_of(bare_legged).regions.numpy(), SHINS)
    bare = (outfit_of(bare_legged).labels[shins] == Garment.SKIN).mean()
    assert bare > 0.9, f"{bare:.0%} of bare shins"
    cloth = painted(full_skirt, (0.75, 0.6, 0.1))
    skirt = (outfit_of(full_skirt).labels[cloth] == Garment.LOWER).mean()
    assert skirt > 0.9, f"{skirt:.0%} of the skirt"


def test_one_piece_means_no_border_of_colour():
    assert outfit_of(in_one_color).one_piece
    for person in (standing, long_sleeved, full_skirt):
        assert not outfit_of(person).one_piece, person.__name__


def test_hidden_texels_have_the_garment_of_their_surroundings():
    """The trunk behind an arm is shirt or trousers, and the photo doesn't show it."""
    outfit, portrait = outfit_of(arm_across), portrait_of(arm_across)
    behind = np.isin(portrait.regions.numpy(), (Region.LEFT_FOREARM, Region.LEFT_HAND)) & (outfit.layers[Part.TRUNK] >= 0)
    assert behind.sum() > 50
    cloth = np.isin(outfit.layers[Part.TRUNK][behind], (Garment.UPPER, Garment.LOWER)).mean()
    assert cloth > 0.85, f"{cloth:.0%} of what the forearm hides"
    shown = outfit.shown[Part.TRUNK][behind].mean()
    assert shown < 0.25, f"{shown:.0%} of it is said to be shown"


def test_labels_cover_the_person_and_every_drawn_texel():
    outfit, portrait = outfit_of(standing), portrait_of(standing)
    assert ((outfit.labels >= 0) == (portrait.regions.numpy() >= 0)).all()
    drawn = portrait.layers[..., 3].numpy() > 0
    assert (outfit.layers[drawn] >= 0).all() and (outfit.layers[~drawn] < 0).all()
    assert not (outfit.shown & ~portrait.known.numpy()).any()


def test_parsing_is_deterministic_and_indifferent_to_exposure():
    again = parse_garments(portrait_of(standing), model())
    assert (again.layers == outfit_of(standing).layers).all()
    portrait = portrait_of(standing)
    darker = replace(portrait, photo=portrait.photo.clone())
    darker.photo[..., :3] = (portrait.photo[..., :3].float() * 0.7).to(portrait.photo.dtype)
    same = (parse_garments(darker, model()).labels == outfit_of(standing).labels).mean()
    assert same > 0.97, f"{same:.1%} of the labels at 70 % of the light"


def test_priors_are_distributions():
    portrait = portrait_of(standing)
    body = pose_body(model(), portrait.params, portrait.window)
    places = find_places(body, portrait.regions.numpy(), model(), portrait.params.betas)
    prior = garment_prior(places)
    assert np.abs(prior.sum(0) - 1).max() < 1e-5 and prior.min() > 0
    inside = portrait.regions.numpy() >= 0
    feet, head = (np.isin(places.region, r) & inside for r in (FEET, (Region.FACE,)))
    assert places.height[head].min() > 0.9 > -0.9 > places.height[feet].max()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(3, 40))
def test_the_palette_holds_every_colour_closely(seed, colors, side):
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 256, (colors, 3), dtype=np.uint8)
    image = to_lab(table[rng.integers(0, colors, (side, side))])
    index, palette = indexed(image, np.ones((side, side), bool))
    away = np.linalg.norm(image - palette[index], axis=-1)
    assert np.median(away) < 12, f"median {np.median(away):.1f} Lab from the palette with {colors} colours"
    like = likelihoods(index.reshape(-1), np.ones((1, side * side)), palette)
    assert (like > 0).all() and like.shape == (1, len(palette))


TONES = [(0.95, 0.8, 0.7), (0.8, 0.6, 0.45), (0.62, 0.43, 0.31), (0.42, 0.27, 0.19), (0.27, 0.16, 0.11)]  # fair to dark
FAIR_HAIR, DARK_HAIR = (0.85, 0.84, 0.82), (0.1, 0.07, 0.06)


@cache
def with_fringe(skin: tuple[float, float, float], hair: tuple[float, float, float]) -> Person:
    """Bare arms and legs, and hair before the upper half of the face."""
    table = paint()
    table[np.all(table == np.float32(SKIN), axis=1)] = skin
    table[[*SHINS, Region.LEFT_THIGH, Region.RIGHT_THIGH]] = skin
    table[Region.SCALP] = hair
    person = photograph(posed(STANDING_DEG), table)
    rows, columns = np.nonzero(body_of(person).region == Region.FACE)
    left, right, top, middle = columns.min() - 1, columns.max() + 2, rows.min() - 2, np.median(rows)
    return drawn(person, [(left, top), (right, top), (right, middle), (left, middle)], hair)


@pytest.mark.parametrize("hair", [FAIR_HAIR, DARK_HAIR], ids=["fair hair", "dark hair"])
def test_clothes_are_parsed_alike_whatever_the_skin(hair):
    levels = {}
    for skin in TONES:
        person = partial(with_fringe, skin, hair)
        portrait = build_portrait(person().rgb8, person().matte, person().params, model(), SIZE_PX)
        labels, regions, sure = parse_garments(portrait, model()).labels, portrait.regions.numpy(), portrait.photo[..., 3] > 230
        cloth = {Garment.UPPER: (Region.CHEST, Region.LEFT_UPPER_ARM, Region.RIGHT_UPPER_ARM), Garment.LOWER: (Region.PELVIS,)}
        limbs = (*FOREARMS, *SHINS, Region.LEFT_THIGH, Region.RIGHT_THIGH, Region.LEFT_HAND, Region.RIGHT_HAND)
        truth = cloth | {Garment.SKIN: limbs, Garment.SHOES: FEET}
        of = sure.numpy() & ~np.isin(regions, (Region.FACE, Region.SCALP, Region.NECK))
        levels[skin] = [iou((labels == g) & of, np.isin(regions, r) & of) for g, r in truth.items()]
    worst = np.min(list(levels.values()), axis=0)
    best = np.max(list(levels.values()), axis=0)
    table = {k: np.round(v, 3).tolist() for k, v in levels.items()}
    assert worst.min() > 0.7 and (best - worst).max() < 0.05, f"IoU of upper, lower, bare limbs, shoes per skin: {table}"


@pytest.mark.parametrize("skin", TONES)
@pytest.mark.parametrize("hair", [FAIR_HAIR, DARK_HAIR], ids=["fair hair", "dark hair"])
def test_skin_is_what_face_and_hands_share(skin, hair):
    colors = to_lab((np.float32([[skin, hair, SHIRT, TROUSERS]]) * 255).astype(np.uint8))[0]
    tone = skin_tone(colors, np.array([0.4, 0.6, 0, 0]), np.array([0.6, 0.3, 0.1, 0]))
    near, strand, red, blue = tone.distance(colors)
    assert near < 0.5 < 2.5 < min(strand, red, blue), f"skin {near:.2f}, hair {strand:.1f}, shirt {red:.1f}, trousers {blue:.1f}"


@given(st.tuples(*[st.floats(0.05, 0.6)] * 3), st.floats(0.35, 1.6))
def test_light_moves_a_colour_along_its_own_skin_only(linear, times):
    colors = np.float32([[linear, np.multiply(linear, times)]])
    lab = cv2.cvtColor(colors, cv2.COLOR_LRGB2Lab)[0].astype(np.float64)
    root = lab[0, 0] + 16
    tone = SkinTone.around(float(np.log(root)), lab[0, 1:] / root)
    light, along, across = tone.departures(lab)[1]
    assert abs(light - np.log(times) / 3) < 2e-3, f"{times:.2f} times the light: {light:.4f} in log(L + 16)"
    assert max(abs(along), abs(across)) < 2e-3, f"{times:.2f} times the light: chroma by {along:.4f}, {across:.4f}"
