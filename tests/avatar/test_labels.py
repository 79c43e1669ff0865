"""The parsing map: every part gets its pixels, clothes and hair go where they belong, holes close only on the body."""

import cv2
import numpy as np
import pytest
from avatar_material import HAIR, arm_across, big_hair, body_of, close_to, drawn, full_skirt, standing

from motionimit.avatar import labels
from motionimit.avatar.labels import close_holes, label_matte, region_map
from motionimit.body.parts import Part, Region

LEGS = (Part.LEFT_LEG, Part.RIGHT_LEG)
LEG_REGIONS = {
    Part.LEFT_LEG: (Region.LEFT_THIGH, Region.LEFT_SHIN, Region.LEFT_FOOT),
    Part.RIGHT_LEG: (Region.RIGHT_THIGH, Region.RIGHT_SHIN, Region.RIGHT_FOOT),
}


def labelled(person):
    body = body_of(person)
    return body, label_matte(body, person.colors, person.matte)


@pytest.mark.parametrize("person", [standing, arm_across])
def test_on_the_bare_body_the_mesh_decides(person):
    photo = person()
    body, label = labelled(photo)
    on_body = (body.label >= 0) & (photo.matte > 0.5)
    for part in Part:
        truth = on_body & (body.label == part)
        assert truth.sum() > 200, part.name
        share = (label == part)[truth].mean()
        assert share > 0.99, f"{part.name} gets {share:.1%} of its {truth.sum()} pixels"
    assert set(np.unique(label)) <= {int(p) for p in Part}, "every pixel has a part"


def test_left_is_the_persons_left():
    photo = standing()
    _, label = labelled(photo)
    columns = {part: np.nonzero((label == part) & (photo.matte > 0.5))[1].mean() for part in Part}
    assert columns[Part.LEFT_ARM] > 80 > columns[Part.RIGHT_ARM], columns
    assert columns[Part.LEFT_LEG] > 80 > columns[Part.RIGHT_LEG], columns


def test_big_hair_belongs_to_the_head():
    photo = big_hair()
    _, label = labelled(photo)
    hair = close_to(photo.colors, HAIR, 0.1) & (photo.matte > 0.5)
    hair &= np.arange(len(hair))[:, None] < 80
    assert hair.sum() > 300
    share = (label == Part.HEAD)[hair].mean()
    assert share > 0.98, f"{share:.1%} of the hair is the head's"


def test_long_hair_beside_the_arm_stays_with_the_head(monkeypatch):
    """A strand that hangs outside the body, nearer to the shoulder than to the head: its colour tells."""
    photo = big_hair()
    rows, columns = np.nonzero(body_of(photo).region == Region.FACE)
    x, chin = columns.max() + 3.0, float(rows.max())
    strand = [(x, chin - 12), (x + 9, chin - 12), (x + 9, chin + 8), (x + 2, chin + 8)]
    photo = drawn(photo, strand, HAIR)
    body, label = labelled(photo)
    here = close_to(photo.colors, HAIR, 0.05) & (photo.matte > 0.9) & (body.label < 0)
    here &= (np.arange(len(here)) > chin)[:, None]
    assert here.sum() > 15, here.sum()
    share = (label == Part.HEAD)[here].mean()
    assert share > 0.75, f"{share:.0%} of the strand below the chin is the head's"
    monkeypatch.setattr(labels, "COLOR_WEIGHT", 0.0)
    near = (label_matte(body, photo.colors, photo.matte) == Part.HEAD)[here].mean()
    assert near < share - 0.2, f"nearness alone gives the head {near:.0%}: the strand doesn't test colour"


def test_a_skirt_belongs_to_the_legs():
    photo = full_skirt()
    body, label = labelled(photo)
    cloth = (photo.matte > 0.5) & (body.label < 0) & (np.arange(240) > 120)[:, None] & (np.arange(240) < 158)[:, None]
    assert cloth.sum() > 800
    share = np.isin(label, LEGS)[cloth].mean()
    assert share > 0.95, f"{share:.1%} of the cloth outside the body is the legs'"


@pytest.mark.parametrize("person", [standing, full_skirt])
def test_the_region_map_covers_the_matte_and_nothing_else(person):
    photo = person()
    body, label = labelled(photo)
    regions = region_map(body, label, photo.matte)
    outside = int((regions[photo.matte <= 0.5] >= 0).sum())
    assert outside == 0, f"{outside} pixels off the matte have a region"
    assert (regions[photo.matte > 0.5] >= 0).all(), "a pixel of the person has no region"
    on_body = (photo.matte > 0.5) & (body.label >= 0)
    agree = (regions == body.region)[on_body].mean()
    assert agree > 0.99, f"{agree:.1%} agree with the body"
    for leg, allowed in LEG_REGIONS.items():
        own = (label == leg) & (photo.matte > 0.5)
        assert np.isin(regions[own], allowed).all(), f"{leg.name} has regions {np.unique(regions[own])}"


def test_a_hole_inside_the_trunk_closes():
    photo = standing()
    body = body_of(photo)
    rows, columns = np.nonzero(body.label == Part.TRUNK)
    y, x = int(rows.mean()), int(columns.mean())
    holed = photo.matte.copy()
    holed[y - 3 : y + 4, x - 3 : x + 4] = 0.1
    closed = close_holes(body, holed)
    assert closed[y - 3 : y + 4, x - 3 : x + 4].min() > 0.95, closed[y - 3 : y + 4, x - 3 : x + 4].min()
    assert (closed >= holed).all(), "closing never takes away"
    far = cv2.dilate((holed != photo.matte).astype(np.uint8), np.ones((13, 13), np.uint8)) == 0
    assert np.array_equal(closed[far], photo.matte[far]), "the matte changes far from the hole"


def test_the_gap_between_arm_and_waist_stays_open():
    """A hand on the hip encloses a gap that no part of the body lies under."""
    photo = standing()
    body = body_of(photo)
    arm, leg = (np.argwhere((body.label == part) & (photo.matte > 0.9)) for part in (Part.LEFT_ARM, Part.LEFT_LEG))
    hand, hip = arm[arm[:, 0].argmax()], leg[leg[:, 1].argmax()]
    bridged = photo.matte.copy()
    cv2.line(bridged, (int(hand[1]), int(hand[0]) - 2), (int(hip[1]), int(hip[0])), 1.0, 3)
    count, number = cv2.connectedComponents((bridged < 0.5).astype(np.uint8), connectivity=4)
    sizes = np.bincount(number.ravel(), minlength=count)
    gap = number == 2 + sizes[2:].argmax() if count > 2 else np.zeros_like(bridged, bool)
    assert gap.sum() > 100, f"the drawing encloses no gap: {sizes}"
    closed = close_holes(body, bridged)
    assert np.array_equal(closed[gap], bridged[gap]), f"{(closed != bridged)[gap].sum()} pixels of the gap close"


def test_a_matte_without_holes_stays_as_it_is():
    photo = standing()
    assert np.array_equal(close_holes(body_of(photo), photo.matte), photo.matte)
