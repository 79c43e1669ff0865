"""Skirts are told from trousers and bare legs, and their cloth hangs together."""

import numpy as np
import pytest
from avatar_material import (
    SKIN,
    SKIRT_COLOR,
    TROUSERS,
    bare_legged,
    body_of,
    close_to,
    composed,
    drawn,
    full_skirt,
    narrow_skirt,
    skirt_rows,
    standing,
)

from motionimit.avatar.labels import label_matte
from motionimit.avatar.skirt import HIPS, KNEES, PELVIS, drape_weights, find_skirt, lower_body
from motionimit.body.parts import Part


def found(person):
    body = body_of(person)
    return body, find_skirt(body, person.colors, person.matte, label_matte(body, person.colors, person.matte))


@pytest.mark.parametrize("person", [full_skirt, narrow_skirt])
def test_a_drawn_skirt_is_found_down_to_its_hem(person):
    photo = person()
    body, skirt = found(photo)
    assert skirt.any(), "no skirt found"
    cloth = close_to(photo.colors, SKIRT_COLOR, 0.02) & (photo.matte > 0.9)
    hem, end = np.flatnonzero(cloth.any(1))[-1], np.flatnonzero(skirt.any(1))[-1]
    assert abs(int(hem) - int(end)) <= 4, f"the hem lies in row {hem}, the found skirt ends in row {end}"
    middle = skirt_rows(body)[1] + 5
    below_crotch = cloth & (np.arange(240) > middle)[:, None]
    share = skirt[below_crotch].mean()
    assert share > 0.85, f"{share:.1%} of the cloth is the skirt's"
    assert not (skirt & (photo.matte < 0.02)).any(), "a skirt off the matte"


def test_a_flared_skirt_is_found_by_its_width_alone():
    """A dress over tights of the same colour: no step in colour at the hem."""
    photo = standing()
    x, hips, knees, _ = skirt_rows(body_of(photo))
    _, skirt = found(drawn(photo, [(x - 17, hips - 12), (x + 17, hips - 12), (x + 40, knees), (x - 40, knees)], TROUSERS))
    assert skirt.any(), "no skirt found"
    end = np.flatnonzero(skirt.any(1))[-1]
    assert abs(end - knees) <= 4, f"the hem lies in row {knees:.0f}, the found skirt ends in row {end}"


def test_a_gap_to_the_hand_beside_a_hip_that_is_fitted_too_wide_hides_no_skirt():
    photo = narrow_skirt()
    body, before = found(photo)
    matte = photo.matte.copy()
    _, hips, knees, _ = (int(v) for v in skirt_rows(body))
    for row in range(hips, hips + (knees - hips) // 3):
        outer = np.flatnonzero(np.isfinite(body.parts[Part.LEFT_LEG].front.depth_m.numpy()[row]))[-1]
        matte[row, outer - 3 : outer - 1] = 0
    skirt = find_skirt(body, photo.colors, matte, label_matte(body, photo.colors, matte))
    share = skirt.sum() / before.sum()
    assert share > 0.9, f"{share:.0%} of the skirt is found with a gap beside the hip"


@pytest.mark.parametrize("person", [standing, bare_legged])
def test_trousers_and_bare_legs_are_no_skirt(person):
    _, skirt = found(person())
    assert not skirt.any(), f"{skirt.sum()} pixels of {person.__name__} are called a skirt"


def test_shorts_are_no_skirt():
    """Two tubes with a gap between them, over bare legs."""
    photo = bare_legged()
    x, hips, knees, _ = skirt_rows(body_of(photo))
    for side in (-1, 1):
        tube = [(x + side * 6, hips + 4), (x + side * 22, hips - 4), (x + side * 25, knees - 12), (x + side * 11, knees - 12)]
        photo = drawn(photo, tube, SKIRT_COLOR)
    _, skirt = found(photo)
    assert not skirt.any(), f"{skirt.sum()} pixels"


def test_a_belt_is_no_skirt():
    photo = bare_legged()
    x, hips, _, _ = skirt_rows(body_of(photo))
    _, skirt = found(drawn(photo, [(x - 26, hips), (x + 26, hips), (x + 26, hips + 8), (x - 26, hips + 8)], SKIRT_COLOR))
    assert not skirt.any(), f"{skirt.sum()} pixels"


def test_no_legs_no_skirt():
    """A photo cut off at the waist: nothing below it is the person's."""
    photo = full_skirt()
    cut = photo.matte.copy()
    cut[100:] = 0
    _, skirt = found(composed(photo.colors, cut, photo.params))
    assert not skirt.any()


def test_the_lower_body_has_thickness_and_holds_both_legs():
    body = body_of(standing())
    front, back = lower_body(body)
    for part in (Part.LEFT_LEG, Part.RIGHT_LEG, Part.TRUNK):
        own = body.parts[part].front.depth_m
        seen = own.isfinite()
        assert front.depth_m[seen].isfinite().all()
        assert (front.depth_m[seen] < own[seen]).all(), "the cloth lies before the body"
    both = front.depth_m.isfinite() & back.depth_m.isfinite()
    thickness = (back.depth_m - front.depth_m)[both]
    assert float(thickness.min()) > 0, f"{float(thickness.min()):.3f} m"
    assert 0.05 < float(thickness.median()) < 0.4, f"{float(thickness.median()):.3f} m"


def test_draped_cloth_is_stiffer_than_the_legs():
    """Weights stay a partition of one; feet lose theirs; neighbouring columns of different legs come together."""
    skin = np.zeros((40, 30, 24), np.float32)
    skin[:, :15, HIPS[0]] = skin[:, 15:, HIPS[1]] = 1
    skin[25:] = 0
    skin[25:, :15, KNEES[0]] = skin[25:, 15:, KNEES[1]] = 1
    out = drape_weights(skin, 30.0)
    assert np.abs(out.sum(-1) - 1).max() < 1e-5
    assert out.min() >= 0
    assert out[..., [7, 8, 10, 11]].max() == 0
    assert out[..., PELVIS].min() > 0.15, "the waist pulls everywhere"
    before = np.abs(np.diff(skin, axis=1)).sum(-1).max()
    after = np.abs(np.diff(out, axis=1)).sum(-1).max()
    assert after < 0.2 * before, f"weights of neighbours differ by {after:.2f} (bare legs: {before:.2f})"


def test_material_is_what_it_says():
    legs = close_to(bare_legged().colors, SKIN, 0.05) & (bare_legged().matte > 0.9) & (np.arange(240) > 130)[:, None]
    assert legs.sum() > 1000
