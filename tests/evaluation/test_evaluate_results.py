"""Means over the items where all methods worked, differences, which is best, and the order of a report."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evaluate_material import METHODS, item
from hypothesis import given
from hypothesis import strategies as st

from motionimit.evaluation.results import (
    MAX_PSNR_DB,
    Item,
    Outcome,
    best_of,
    by_difficulty,
    finite,
    heading,
    measure_of,
    measured,
    summary,
)

ITEMS = [
    item("a", copy=0.5, warp=0.6, mine=0.72),
    item("b", copy=0.4, warp=0.7, mine=0.7),
    item("c", copy=0.3, warp="Nobody was found.", mine=0.9),
    item("d", copy=0.6, warp=0.5, mine=0.8),
]


def test_means_are_over_the_items_where_all_methods_worked() -> None:
    told = summary(ITEMS, METHODS, 0)
    assert (told.items, told.compared) == (4, 3)
    means = {m: told.means[m]["ssim"].value for m in METHODS}
    assert means == pytest.approx({"copy": 0.5, "warp": 0.6, "mine": 2.22 / 3}), "item c must count for nobody"
    assert told.means["mine"]["ssim"].count == 3


def test_a_measure_that_one_method_lacks_on_an_item_counts_for_none_there() -> None:
    seen = [item("a", copy=0.5, warp=0.6, mine=0.7), item("b", copy=0.4, warp=0.7, mine=0.7)]
    for method, value in (("copy", 9.0), ("mine", 1.0)):
        seen[0].outcomes[method].scores["akd"] = value
    for method, value in (("copy", 5.0), ("warp", 2.0), ("mine", 3.0)):
        seen[1].outcomes[method].scores["akd"] = value
    told = summary(seen, METHODS, 0)
    found = {m: (told.means[m]["akd"].value, told.means[m]["akd"].count) for m in METHODS}
    assert found == {"copy": (5.0, 1), "warp": (2.0, 1), "mine": (3.0, 1)}


def test_differences_are_antisymmetric_and_their_intervals_mirrored() -> None:
    told = summary(ITEMS, METHODS, 3)
    there, back = told.differences["mine"]["copy"]["ssim"], told.differences["copy"]["mine"]["ssim"]
    assert there.value == pytest.approx(0.72 / 3)
    assert back.value == pytest.approx(-there.value)
    assert there.low is not None and there.high is not None and back.low is not None
    assert there.low <= there.value <= there.high
    assert back.low == pytest.approx(-there.high, abs=1e-9)
    assert there.low > 0, f"mine is better on all three items, but the interval begins at {there.low:.3f}"


def test_wins_count_ties_for_all() -> None:
    wins = summary(ITEMS, METHODS, 0).wins
    assert {m: round(wins[m]["ssim"], 1) for m in METHODS} == {"copy": 0.0, "warp": 33.3, "mine": 100.0}
    assert wins["warp"]["lpips"] == pytest.approx(wins["warp"]["ssim"]), "lower LPIPS is better"


def test_the_same_seed_gives_the_same_intervals() -> None:
    rng = np.random.default_rng(1)
    many = [item(f"i{k}", copy=float(a), warp=float(b), mine=float(c)) for k, (a, b, c) in enumerate(rng.random((40, 3)))]
    one, again, other = (summary(many, METHODS, seed).means["copy"]["ssim"] for seed in (5, 5, 6))
    assert one == again
    assert (one.low, one.high) != (other.low, other.high)


def test_nothing_worked_gives_no_means_but_a_count() -> None:
    told = summary([item("a", copy=0.1, warp="No.", mine=0.2)], METHODS, 0)
    assert (told.items, told.compared) == (1, 0)
    assert all(not v for v in told.means.values())


def test_best_follows_the_direction_and_shows_ties_as_they_are_printed() -> None:
    told = summary(ITEMS, METHODS, 0)
    assert best_of(told.means, "ssim") == {"mine"}
    assert best_of(told.means, "lpips") == {"mine"}
    tied = summary([item("a", copy=0.70001, warp=0.70004, mine=0.6)], METHODS, 0)
    assert best_of(tied.means, "ssim") == {"copy", "warp"}, "0.700 and 0.700 look alike, so neither may be marked alone"
    assert best_of({"copy": told.means["copy"]}, "ssim") == set(), "nobody wins alone"


def test_what_only_helps_to_read_has_no_best() -> None:
    items = [Item("a", {m: Outcome({"motion_truth": float(k)}) for k, m in enumerate(METHODS)})]
    assert best_of(summary(items, METHODS, 0).means, "motion_truth") == set()


@given(st.dictionaries(st.text(max_size=8), st.floats(allow_nan=True, allow_infinity=True), max_size=6))
def test_scores_become_what_json_can_hold(scores: dict[str, float]) -> None:
    kept = finite(scores)
    assert all(math.isfinite(v) for v in kept.values())
    assert kept.keys() == {k for k, v in scores.items() if not math.isnan(v)}
    assert all(v == MAX_PSNR_DB for k, v in kept.items() if scores[k] == math.inf)


def test_items_go_from_failures_over_bad_to_good() -> None:
    order = [i.name for i in by_difficulty([*ITEMS, item("e", copy="No.", warp="No.", mine="No.")], METHODS)]
    assert order[0] == "e"
    assert order[1:] == ["d", "a", "b", "c"], "by the mean LPIPS of warp and mine: .35, .34, .3, .1"


def test_known_measures_come_in_their_tables_order_and_unknown_ones_last() -> None:
    there = [Item("a", {"copy": Outcome({"zeal": 1.0, "lpips": 0.1, "psnr": 20.0})})]
    assert measured(there, ["copy"]) == ["psnr", "lpips", "zeal"]
    assert (measure_of("zeal").better, heading("zeal")) == ("neither", "zeal")
    assert heading("ssim").endswith("↑")
    assert heading("lpips").endswith("↓")
    assert "%" in heading("akd")


def test_outcomes_survive_json() -> None:
    import json

    there = ITEMS[2]
    assert Item.of(json.loads(json.dumps(there.as_json()))) == there
