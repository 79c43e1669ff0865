"""Photos of one person raise no doubts from any side or in another light; other clothes do, with the evidence."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from avatar_material import STANDING_DEG, composed, model, paint, photograph, posed

from motionimit.avatar.exposure import with_gain
from motionimit.avatar.likeness import LIMIT, doubts, part_likeness, person_likeness
from motionimit.avatar.portrait import Portrait, build_portrait
from motionimit.body.parts import Region

SIZE = (320, 480)
NAMES = ("front.jpg", "back.jpg", "side.jpg", "fourth.jpg")


def other_clothes() -> np.ndarray:
    out = paint()
    out[[Region.CHEST, Region.LEFT_UPPER_ARM, Region.RIGHT_UPPER_ARM, Region.LEFT_FOREARM, Region.RIGHT_FOREARM]] = (
        0.1,
        0.5,
        0.2,
    )
    out[[Region.PELVIS, Region.LEFT_THIGH, Region.RIGHT_THIGH, Region.LEFT_SHIN, Region.RIGHT_SHIN]] = (0.85, 0.8, 0.3)
    return out


@cache
def portrait(turn_deg: float, other: bool = False) -> Portrait:
    person = photograph(posed(STANDING_DEG, turn_deg, SIZE), other_clothes() if other else paint())
    rng = np.random.default_rng(int(turn_deg))
    shade = np.linspace(0.88, 1.12, SIZE[0])[None, :, None] * np.exp(rng.normal(0, 0.03, (SIZE[1], SIZE[0], 1)))
    person = composed(np.clip(person.colors * shade, 0.02, 0.93), person.matte, person.params)
    return build_portrait(person.rgb8, person.matte, person.params, model(), SIZE)


def test_one_person_from_all_sides_raises_no_doubt() -> None:
    photos = [portrait(turn) for turn in (0, 180, 90, 45)]
    assert doubts(photos, NAMES) == []


@pytest.mark.parametrize("gain", [(0.65, 0.65, 0.65), (1.25, 1.1, 0.9)])
def test_another_light_raises_no_doubt(gain: tuple[float, float, float]) -> None:
    assert doubts([portrait(0), with_gain(portrait(180), np.array(gain))], NAMES) == []


def test_other_clothes_are_named_with_the_evidence() -> None:
    found = doubts([portrait(0), portrait(180), portrait(90, other=True)], NAMES)
    assert len(found) == 1, found
    sentence = found[0]
    assert sentence.startswith("side.jpg may show another person or other clothes than front.jpg")
    assert f"{LIMIT:.2f}" in sentence and any(part in sentence for part in ("trunk", "thighs", "hips", "shins", "arms"))


def test_two_photos_of_each_of_two_people() -> None:
    """The strangers vouch for each other, and still are strange to the first photo."""
    found = doubts([portrait(0), portrait(180), portrait(0, other=True), portrait(180, other=True)], NAMES)
    assert [s.split(" ")[0] for s in found] == ["side.jpg", "fourth.jpg"]


def test_too_little_in_common_is_no_evidence() -> None:
    assert person_likeness({}) == person_likeness({"trunk": 0.0, "hands": 0.0}) == 1.0
    assert person_likeness({"trunk": 0.0, "hands": 0.0, "feet": 0.0}) < LIMIT


def test_likeness_is_between_none_and_all_and_of_a_photo_with_itself_full() -> None:
    from motionimit.avatar.exposure import look_of

    same = part_likeness(look_of(portrait(0)), look_of(portrait(0)))
    assert min(same.values()) > 0.999, same
    mixed = part_likeness(look_of(portrait(0)), look_of(portrait(180, other=True)))
    assert all(0 <= v <= 1 + 1e-6 for v in mixed.values()), mixed
    assert mixed["trunk"] < 0.05, f"a red and a green trunk are alike by {mixed['trunk']:.2f}"
