"""A known change of light is undone; what can't be compared leaves the light alone; a photo's own light is the measure."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from avatar_material import SHIRT, SKIN, STANDING_DEG, TROUSERS, Person, composed, model, paint, photograph, posed

from motionimit.avatar.exposure import exposure_gains, with_gain
from motionimit.avatar.portrait import Portrait, build_portrait
from motionimit.body.parts import Region

WINDOW_SIZE = (320, 480)


def shaded(person: Person, seed: int) -> Person:
    """Light from one side and some noise, as no real cloth is of one colour."""
    rng = np.random.default_rng(seed)
    height, width = person.matte.shape
    across = np.linspace(0.85, 1.15, width)[:: 1 if seed % 2 else -1, None]
    noise = np.exp(rng.normal(0, 0.03, (height, width, 1)))
    return composed(np.clip(person.colors * across * noise, 0.02, 0.93), person.matte, person.params)


@cache
def portrait(turn_deg: float, seed: int, black: bool = False) -> Portrait:
    colors = np.full((len(Region), 3), 0.03, np.float32) if black else paint()
    person = shaded(photograph(posed(STANDING_DEG, turn_deg, WINDOW_SIZE), colors), seed)
    return build_portrait(person.rgb8, person.matte, person.params, model(), WINDOW_SIZE)


def off_pct(found: np.ndarray, truth: np.ndarray) -> float:
    return float(100 * np.abs(found / truth - 1).max())


@pytest.mark.parametrize("gain", [(1.0, 1.0, 1.0), (1.3, 1.3, 1.3), (0.6, 0.6, 0.6), (0.85, 1.0, 1.15), (0.7, 0.75, 0.6)])
def test_a_known_gain_is_undone_on_another_view(gain: tuple[float, float, float]) -> None:
    front, back = portrait(0, 0), portrait(180, 1)
    darker = with_gain(back, np.array(gain))
    found = exposure_gains([front, darker])
    assert np.array_equal(found[0], np.ones(3))
    error = off_pct(found[1], 1 / np.array(gain))
    assert error < 6, f"a gain of {gain} is undone by {found[1].round(3)}: {error:.1f} % off"


def test_photos_that_agree_with_each_other_share_their_gain() -> None:
    dim = [with_gain(portrait(turn, seed), np.array((0.7, 0.7, 0.7))) for turn, seed in ((90, 2), (180, 1))]
    found = exposure_gains([portrait(0, 0), *dim])
    assert off_pct(found[1], np.full(3, 1 / 0.7)) < 6 and off_pct(found[2], found[1]) < 5, f"gains {found}"


def test_other_clothes_are_not_taken_for_other_light() -> None:
    strange = paint()
    strange[[Region.CHEST, Region.PELVIS]] = (0.1, 0.55, 0.2)
    strange[[Region.LEFT_UPPER_ARM, Region.RIGHT_UPPER_ARM, Region.LEFT_FOREARM, Region.RIGHT_FOREARM]] = (0.9, 0.85, 0.1)
    strange[[Region.LEFT_HAND, Region.RIGHT_HAND]] = (0.2, 0.2, 0.7)
    strange[[Region.LEFT_THIGH, Region.RIGHT_THIGH, Region.LEFT_SHIN, Region.RIGHT_SHIN]] = (0.85, 0.4, 0.75)
    strange[[Region.LEFT_FOOT, Region.RIGHT_FOOT]] = (0.9, 0.3, 0.3)
    person = shaded(photograph(posed(STANDING_DEG, 0, WINDOW_SIZE), strange), 3)
    other = build_portrait(person.rgb8, person.matte, person.params, model(), WINDOW_SIZE)
    found = exposure_gains([portrait(0, 0), other])[1]
    assert off_pct(found, np.ones(3)) < 1, f"gain {found} between photos without a colour in common"


def test_black_clothes_say_nothing() -> None:
    found = exposure_gains([portrait(0, 0, black=True), with_gain(portrait(180, 1, black=True), np.array((0.5, 0.5, 0.5)))])
    assert off_pct(found[1], np.ones(3)) < 1, f"gain {found[1]} from black alone"


def test_gains_stay_in_a_sane_range() -> None:
    front, back = portrait(0, 0), portrait(180, 1)
    for gain in ((0.2, 0.2, 0.2), (0.4, 1.0, 1.0), (3.0, 3.0, 3.0)):
        found = exposure_gains([front, with_gain(back, np.array(gain))])[1]
        assert ((found >= 0.38) & (found <= 2.61)).all(), f"gain {found}"  # a factor of 2 in light times 1.3 in tint


def test_with_gain_is_light_not_code_values() -> None:
    given = portrait(0, 0)
    changed = with_gain(given, np.array((0.5, 1.0, 2.0)))
    where = given.photo[..., 3] > 250
    before, after = (p.photo[where].double().numpy()[:, :3] / 255 for p in (given, changed))
    linear = [np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4) for v in (before, after)]
    ratio = linear[1] / np.maximum(linear[0], 1e-4)
    visible = linear[0] > 0.1
    assert abs(np.median(ratio[:, 0][visible[:, 0]]) - 0.5) < 0.02, "half the light in red"
    assert np.array_equal(changed.photo[..., 1], given.photo[..., 1]), "green was to stay"
    assert (linear[1][:, 2] <= 1).all() and abs(np.median(ratio[:, 2][(linear[0][:, 2] < 0.45) & visible[:, 2]]) - 2) < 0.08
    assert torch.equal(changed.photo[..., 3], given.photo[..., 3]) and torch.equal(changed.known, given.known)
    assert not torch.equal(changed.layers, given.layers) and changed.layers.dtype == torch.uint8
    assert with_gain(given, np.ones(3)) is given
    assert max(SKIN + SHIRT + TROUSERS) < 1


def test_photos_in_one_light_are_left_alone() -> None:
    """Light from one side makes a back a little darker than a front: no reason to brighten it."""
    front, back = portrait(0, 0), portrait(180, 1)
    for slight in (0.95, 1.05):
        found = exposure_gains([front, with_gain(back, np.full(3, slight))])[1]
        assert off_pct(found, np.ones(3)) < 3, f"a difference of {100 * (slight - 1):+.0f} % gave {found}"
