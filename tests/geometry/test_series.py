"""Filters along time agree with scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d, percentile_filter

from motionimit.geometry.series import gaussian, percentile

SERIES = np.cumsum(np.random.default_rng(0).normal(size=200))


@pytest.mark.parametrize("length", [1, 2, 7, 200])
@pytest.mark.parametrize("sigma", [0.05, 0.6, 1.5, 10.0])
def test_the_bell_is_scipys(length: int, sigma: float) -> None:
    off = np.abs(gaussian(SERIES[:length], sigma) - gaussian_filter1d(SERIES[:length], sigma, mode="nearest")).max()
    assert off < 1e-9, f"off by {off:.2g}"


@pytest.mark.parametrize("length", [1, 2, 7, 200])
@pytest.mark.parametrize(("percent", "size"), [(10, 3), (20, 15), (50, 31)])
def test_the_percentile_is_scipys(length: int, percent: float, size: int) -> None:
    size = min(size, 2 * length + 1)
    assert (percentile(SERIES[:length], percent, size) == percentile_filter(SERIES[:length], percent, size, mode="nearest")).all()
