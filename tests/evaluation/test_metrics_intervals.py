"""Means, their bootstrap intervals, and differences between methods on the same pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from motionimit.evaluation.intervals import means, paired, summary


def rows_of(values: np.ndarray, name: str = "ssim") -> list[dict[str, float]]:
    return [{"index": float(k), name: float(v)} for k, v in enumerate(values)]


def test_means_skip_rows_without_a_measure_and_the_index() -> None:
    rows = [{"index": 1.0, "ssim": 0.2}, {"index": 2.0, "ssim": 0.4, "head_ssim": 0.9}]
    assert means(rows) == {"ssim": pytest.approx(0.3), "head_ssim": 0.9}
    assert means([]) == summary([]) == {}


def test_interval_matches_the_standard_error_of_a_large_sample() -> None:
    values = np.random.default_rng(0).normal(3, 2, 800)
    got = summary(rows_of(values))["ssim"]
    wide = 1.96 * values.std(ddof=1) / math.sqrt(800)
    assert got.value == pytest.approx(values.mean())
    assert (got.low, got.high) == (
        pytest.approx(got.value - wide, abs=0.1 * wide),
        pytest.approx(got.value + wide, abs=0.1 * wide),
    )
    assert got.count == 800


def test_intervals_cover_the_true_mean_about_as_often_as_they_say() -> None:
    rng, hits = np.random.default_rng(1), 0
    for _ in range(100):
        got = summary(rows_of(rng.normal(0, 1, 40)), draws=200)["ssim"]
        assert got.low is not None and got.high is not None
        hits += got.low <= 0 <= got.high
    assert 0.86 <= hits / 100 < 1, f"covered in {hits} of 100 samples"


def test_intervals_repeat_and_do_not_depend_on_other_measures() -> None:
    values = np.random.default_rng(2).normal(0, 1, 20)
    alone = summary(rows_of(values), seed=5)["ssim"]
    beside = summary([{"akd": 1.0, **row} for row in rows_of(values)], seed=5)["ssim"]
    assert alone == beside
    assert alone != summary(rows_of(values), seed=6)["ssim"]


def test_no_interval_for_one_value_or_infinite_ones() -> None:
    one = summary([{"ssim": 0.5}])["ssim"]
    assert (one.value, one.low, one.high, one.count) == (0.5, None, None, 1)
    endless = summary([{"psnr": math.inf}, {"psnr": 20.0}])["psnr"]
    assert endless.value == math.inf
    assert endless.low is endless.high is None


def test_paired_differences_see_what_separate_intervals_hide() -> None:
    hard = np.random.default_rng(3).normal(0.6, 0.2, 60)  # pairs differ far more than methods
    ours, theirs = rows_of(hard + 0.01), rows_of(hard + np.random.default_rng(4).normal(0, 0.01, 60))
    a, b, apart = summary(ours)["ssim"], summary(theirs)["ssim"], paired(ours, theirs)["ssim"]
    assert a.low is not None and b.high is not None and apart.low is not None
    assert a.low < b.high, "the methods' own intervals overlap"
    assert apart.low > 0, f"difference {apart}"
    assert paired(theirs, ours)["ssim"].value == pytest.approx(-apart.value)


def test_paired_leaves_out_what_only_one_has() -> None:
    got = paired([{"ssim": 0.5, "akd": 1.0}, {"ssim": 0.7}], [{"ssim": 0.4}, {"ssim": 0.5, "akd": 2.0}])
    assert set(got) == {"ssim"}
    assert got["ssim"].value == pytest.approx(0.15)
    both_endless = paired([{"psnr": math.inf}, {"psnr": 3.0}], [{"psnr": math.inf}, {"psnr": 1.0}])
    assert both_endless["psnr"].value == 2.0 and both_endless["psnr"].count == 1
    with pytest.raises(ValueError, match="argument"):
        paired([{"ssim": 1.0}], [])
