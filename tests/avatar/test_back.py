"""The trunk from behind: ties, necklines and zips stay in front, cloth and its pattern go round."""

import cv2
import numpy as np
import pytest
from avatar_material import SHIRT, SKIN, STANDING_DEG, TROUSERS, body_of, photograph, posed, standing

from motionimit.avatar.back import trunk_from_behind
from motionimit.avatar.fill import nearest_index
from motionimit.avatar.labels import label_matte
from motionimit.avatar.layers import TRUNK_BACK, build_layers
from motionimit.body.parts import Part, Region

WHITE, BLUE = np.float32((0.9, 0.9, 0.92)), np.float32((0.1, 0.3, 0.8))


def front(size=(320, 480), turn_deg=0.0):
    """A body in the photo, where its trunk is seen, and each pixel's place in the rest pose (run on off the trunk)."""
    body = body_of(photograph(posed(STANDING_DEG, turn_deg=turn_deg, size=size)))
    place = body.parts[Part.TRUNK].rest_m
    trunk = np.isfinite(place[..., 0])
    return body, trunk, place.reshape(-1, 3)[nearest_index(trunk)[0]]


def clothed(place, shirt=SHIRT):
    """[h, w, 3] a shirt above, trousers below."""
    return np.where((place[..., 1] > 0.05)[..., None], np.float32(shirt), np.float32(TROUSERS))


def turned(body, colors, trunk):
    """What the back looks like, and where it isn't the photo; a face like in `standing` tells what skin is."""
    rgb = np.where((body.region == Region.FACE)[..., None], np.float32(SKIN), colors)
    return trunk_from_behind(body, rgb, colors, trunk, trunk.astype(np.float32))


def unlike(image, color, where):
    return np.abs(image - np.float32(color)).max(-1)[where]


def test_plain_cloth_stays_as_it_is():
    body, trunk, place = front()
    colors = clothed(place)
    back, changed = turned(body, colors, trunk)
    assert not changed.any() and np.array_equal(back, colors)


@pytest.mark.parametrize("turn_deg", [0, 25, -25])
def test_a_tie_on_a_shirt_in_a_jacket_is_jacket_behind(turn_deg):
    body, trunk, place = front(turn_deg=turn_deg)
    x, y = np.abs(place[..., 0]), place[..., 1]
    opening = trunk & (x < 0.06) & (y > 0.15) & (place[..., 2] > 0)
    colors = np.where(opening[..., None], WHITE, clothed(place))
    colors = np.where((opening & (x < 0.02))[..., None], BLUE, colors).astype(np.float32)
    back, changed = turned(body, colors, trunk)
    assert opening.sum() > 300 and changed[opening].mean() > 0.99, f"{changed[opening].mean():.1%} of the opening is found"
    assert unlike(back, SHIRT, opening).max() < 0.15, f"the jacket's back is off by {unlike(back, SHIRT, opening).max():.2f}"
    beside = cv2.dilate(changed.astype(np.uint8), np.ones((11, 11), np.uint8)) == 0
    assert beside.any() and np.array_equal(back[beside & trunk], colors[beside & trunk])


def test_a_zip_along_the_middle_goes_and_the_waist_stays_where_it_is():
    body, trunk, place = front()
    shirt, line = clothed(place, (0.45, 0.45, 0.3)), np.abs(place[..., 0] - 0.02) < 0.005
    colors = np.where(line[..., None], shirt * 0.75, shirt).astype(np.float32)
    back, _ = turned(body, colors, trunk)
    off = unlike(back, 0, trunk & line) - unlike(shirt, 0, trunk & line)
    assert np.abs(off).mean() < 0.2 * 0.25 * shirt[trunk & line].max(-1).mean(), "less than a fifth of the zip's contrast is left"
    near_waist = trunk & (np.abs(place[..., 1] - 0.05) > 0.03) & (np.abs(place[..., 1] - 0.05) < 0.1)
    assert np.abs(back - shirt)[near_waist].max() < 0.15


def test_a_pattern_that_goes_round_stays():
    body, trunk, place = front()
    dots = (np.sin(place[..., 0] * 160) > 0.3) & (np.sin(place[..., 1] * 160) > 0.3)
    colors = np.where(dots[..., None], WHITE, clothed(place)).astype(np.float32)
    _, changed = turned(body, colors, trunk)
    assert changed[trunk].mean() < 0.02, f"{changed[trunk].mean():.1%} of the pattern is taken for the front's own"


@pytest.mark.parametrize(("straps", "kept"), [(True, True), (False, False)])
def test_skin_behind_is_told_by_the_shoulders(straps, kept):
    """Between straps the back is bare as the chest is; a low neckline in a shirt with sleeves is higher behind."""
    body, trunk, place = front()
    x, y = np.abs(place[..., 0]), place[..., 1]
    chest = (y > 0.36) & ((x < 0.07) | straps) & ~(straps & (np.abs(x - 0.1) < 0.012))
    colors = np.where(chest[..., None], np.float32(SKIN), clothed(place)).astype(np.float32)
    back, changed = turned(body, colors, trunk)
    low = trunk & chest & (x < 0.06) & (y > 0.41) & (y < 0.44) & (place[..., 2] > 0)
    assert low.sum() > 100
    if kept:
        assert not changed[low].any()
    else:
        assert unlike(back, SHIRT, low).max() < 0.2


def test_a_photo_from_behind_is_left_alone():
    body, trunk, place = front(turn_deg=180)
    stripe = np.abs(place[..., 0]) < 0.03
    colors = np.where(stripe[..., None], BLUE, clothed(place)).astype(np.float32)
    _, changed = turned(body, colors, trunk)
    assert not changed.any()


def test_what_was_painted_is_not_known():
    photo = standing()
    body = body_of(photo)
    place = body.parts[Part.TRUNK].rest_m
    tie = (np.abs(place[..., 0]) < 0.03) & (place[..., 1] > 0.2) & (body.label == Part.TRUNK)
    colors = np.where(tie[..., None], BLUE, photo.colors).astype(np.float32)
    layers = build_layers(body, colors, photo.matte, label_matte(body, colors, photo.matte))
    assert layers.known[Part.TRUNK][tie].mean() > 0.9 and not layers.known[TRUNK_BACK][tie].any()
    assert np.abs(layers.rgba[Part.TRUNK][tie][:, :3] - BLUE).max() < 0.05, "the front keeps its tie"


def test_a_trunk_outside_the_photo_is_no_trouble():
    body, trunk, place = front()
    nothing = np.zeros(trunk.shape, bool)
    back, changed = trunk_from_behind(body, clothed(place), clothed(place), nothing, nothing.astype(np.float32))
    assert not changed.any() and np.array_equal(back, clothed(place))


@pytest.mark.parametrize("side", [-1, 1])
def test_a_trunk_of_which_the_photo_shows_one_side_only(side):
    """The tie lies along the photo's border: there is cloth on one side of it alone, or none at all."""
    body, trunk, place = front()
    tie = np.abs(place[..., 0]) < 0.03
    colors = np.where(tie[..., None], BLUE, clothed(place)).astype(np.float32)
    for shown in (trunk & (side * place[..., 0] > -0.03), trunk & tie):
        back, changed = turned(body, colors, shown)
        assert np.isfinite(back).all() and not changed[~shown].any()


def test_a_trunk_behind_other_things_is_no_trouble():
    """Bent over, or behind a table: it is drawn, but the photo doesn't show it."""
    body, trunk, place = front()
    colors = clothed(place)
    back, _ = trunk_from_behind(body, colors, colors, np.zeros(trunk.shape, bool), trunk.astype(np.float32))
    assert np.array_equal(back, colors)
