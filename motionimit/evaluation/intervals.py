"""Means over rows of scores, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Row = dict[str, float]
DRAWS = 2000
_LEVEL_PCT = 95.0
_KEYS_OF_ROWS = ("index",)  # name a row, measure nothing


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over `count` values with the 95 % interval of its bootstrap; the interval is None for fewer than two values and
    where a value is infinite (PSNR of equal pictures)."""

    value: float
    low: float | None
    high: float | None
    count: int


def means(rows: Sequence[Row]) -> dict[str, float]:
    """The mean of each measure over the rows that have it, in the order in which they appear."""
    return {name: float(np.mean(values)) for name, values in _columns(rows).items()}


def summary(rows: Sequence[Row], seed: int = 0, draws: int = DRAWS) -> dict[str, Mean]:
    """Mean and 95 % percentile-bootstrap interval of each measure; rows count as independent (pairs, clips; frames aren't).

    A measure's interval depends on `seed` and its own values alone.
    """
    return {name: _mean(values, seed, draws) for name, values in _columns(rows).items()}


def paired(rows: Sequence[Row], others: Sequence[Row], seed: int = 0, draws: int = DRAWS) -> dict[str, Mean]:
    """Mean of ``row - other`` per measure over the positions where both have it, for two methods on the same pairs: an interval
    that excludes 0 says that they differ, even where their own intervals overlap. Raises ValueError if lengths differ."""
    both = list(zip(rows, others, strict=True))
    differences = [{name: a[name] - b[name] for name in a if name in b} for a, b in both]
    return summary([{k: v for k, v in row.items() if not np.isnan(v)} for row in differences], seed, draws)


def _mean(values: np.ndarray, seed: int, draws: int) -> Mean:
    count = len(values)
    if count < 2 or not np.isfinite(values).all():
        return Mean(float(values.mean()), None, None, count)
    rng = np.random.default_rng(seed)
    drawn = [values[rng.integers(0, count, count)].mean() for _ in range(draws)]  # one by one: thousands of pairs fit as well
    low, high = np.percentile(drawn, [(100 - _LEVEL_PCT) / 2, (100 + _LEVEL_PCT) / 2])
    return Mean(float(values.mean()), float(low), float(high), count)


def _columns(rows: Sequence[Row]) -> dict[str, np.ndarray]:
    names = dict.fromkeys(name for row in rows for name in row if name not in _KEYS_OF_ROWS)
    return {name: np.array([row[name] for row in rows if name in row], np.float64) for name in names}
