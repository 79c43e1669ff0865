"""What a run measured: every item with what each method made of it, and means with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from .intervals import DRAWS, Mean
from .measures import MEASURES, Measure

MAX_PSNR_DB = 100.0  # stands for equal pictures: JSON has no infinity
HEADLINES = (
    *("ssim", "mask_ssim", "body_ssim", "psnr", "lpips", "head_ssim", "head_lpips", "hands_ssim", "akd", "akd_torso", "mkr"),
    *("pck5", "identity", "fid", "jitter", "jitter_driver", "background_std"),
)
"""What the short table of a report shows, as far as it was measured."""

_ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}


def measure_of(name: str) -> Measure:
    """The measure of a name; one that isn't known is shown as it is called, without a direction."""
    return MEASURES.get(name) or Measure("neither", "", name.replace("_", " "), 3, name.replace("_", " "))


def heading(name: str) -> str:
    """A column's heading with unit and an arrow that says which way is better."""
    measure = measure_of(name)
    unit = f" ({measure.unit})" if measure.unit else ""
    return f"{measure.title}{unit} {_ARROWS[measure.better]}".rstrip()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one method made of one item, or why it made nothing."""

    scores: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)  # prepare, generate
    picture: str | None = None  # relative to the run's folder
    film: str | None = None
    failure: str | None = None  # one sentence
    frames: list[dict[str, float]] = field(default_factory=list)  # of a film: the scores of each compared frame

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value not in (None, {}, [])}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Outcome:
        """Raises ValueError, KeyError, TypeError or AttributeError for what is no outcome."""
        scores, seconds = ({str(k): float(v) for k, v in data.get(name, {}).items()} for name in ("scores", "seconds"))
        picture, film, failure = (None if data.get(k) is None else str(data[k]) for k in ("picture", "film", "failure"))
        return cls(scores, seconds, picture, film, failure, list(data.get("frames", [])))


@dataclass(frozen=True, slots=True)
class Item:
    """One pair, clip or view with what every method made of it."""

    name: str
    outcomes: dict[str, Outcome]
    shown: dict[str, str] = field(default_factory=dict)  # title → picture, beside the methods'
    notes: list[str] = field(default_factory=list)

    @property
    def failures(self) -> dict[str, str]:
        return {method: o.failure for method, o in self.outcomes.items() if o.failure is not None}

    def as_json(self) -> dict[str, Any]:
        outcomes = {method: outcome.as_json() for method, outcome in self.outcomes.items()}
        return {"name": self.name, "shown": self.shown, "notes": self.notes, "outcomes": outcomes}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Item:
        """Raises ValueError, KeyError, TypeError or AttributeError for what is no item."""
        outcomes = {str(method): Outcome.of(outcome) for method, outcome in data["outcomes"].items()}
        shown = {str(k): str(v) for k, v in data.get("shown", {}).items()}
        return cls(str(data["name"]), outcomes, shown, [str(n) for n in data.get("notes", [])])


@dataclass(frozen=True, slots=True)
class Summary:
    """Means per method and measure, over the items where all methods worked."""

    items: int  # all
    compared: int  # where all methods worked
    means: dict[str, dict[str, Mean]]
    wins: dict[str, dict[str, float]]  # method → measure → share of items, in %, on which it is the best (ties count for all)
    differences: dict[str, dict[str, dict[str, Mean]]]  # method → other → measure → its own value less the other's


def summary(items: Sequence[Item], methods: Sequence[str], seed: int) -> Summary:
    """Means over the items on which no method failed. Head or hands that can't be seen make a measure miss on single items."""
    good = [i for i in items if not i.failures and set(methods) <= i.outcomes.keys()]
    told = Summary(len(items), len(good), {m: {} for m in methods}, {m: {} for m in methods}, {m: {} for m in methods})
    draws: dict[tuple[int, ...], np.ndarray] = {}
    for name in measured(good, methods):
        there = tuple(k for k, item in enumerate(good) if all(name in item.outcomes[m].scores for m in methods))
        if there:
            if there not in draws:
                draws[there] = _draws(len(there), seed)
            table = np.array([[good[k].outcomes[m].scores[name] for m in methods] for k in there])
            _sum_up(told, name, methods, table, draws[there])
    return told


def _sum_up(told: Summary, name: str, methods: Sequence[str], table: np.ndarray, draws: np.ndarray) -> None:
    """Put one measure [items, methods] into a summary. Methods are resampled together: their differences stay paired."""
    resampled, better = draws @ table, measure_of(name).better
    best = table.max(1) if better == "higher" else table.min(1)
    for k, method in enumerate(methods):
        told.means[method][name] = _mean(table[:, k], resampled[:, k])
        if better != "neither":
            told.wins[method][name] = 100 * float((table[:, k] == best).mean())
        for j, other in enumerate(methods):
            if j != k:
                difference = _mean(table[:, k] - table[:, j], resampled[:, k] - resampled[:, j])
                told.differences[method].setdefault(other, {})[name] = difference


def _draws(count: int, seed: int) -> np.ndarray:
    """[DRAWS, count] float32: how often each item is drawn, as a share; nothing for a single item, which has no spread."""
    if count < 2:
        return np.zeros((0, count), np.float32)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), DRAWS)
    return (drawn / count).astype(np.float32)


def _mean(values: np.ndarray, resampled: np.ndarray) -> Mean:
    """With the 95 % percentile-bootstrap interval; without one for a single value."""
    low, high = np.percentile(resampled, (2.5, 97.5)).tolist() if len(resampled) else (None, None)
    return Mean(float(values.mean()), low, high, len(values))


def measured(items: Iterable[Item], methods: Sequence[str]) -> list[str]:
    """Names of all measures that occur, known ones first and in their table's order."""
    found = dict.fromkeys(n for i in items for m in methods if m in i.outcomes for n in i.outcomes[m].scores)
    return [*(n for n in MEASURES if n in found), *(n for n in found if n not in MEASURES)]


def best_of(means: Mapping[str, Mapping[str, Mean]], name: str) -> set[str]:
    """The methods whose mean is best as it is shown, ties included; none for a measure without a direction or rival."""
    measure, values = measure_of(name), {m: v[name].value for m, v in means.items() if name in v}
    if measure.better == "neither" or len(values) < 2:
        return set()
    rounded = {m: round(v, measure.digits) for m, v in values.items()}
    best = max(rounded.values()) if measure.better == "higher" else min(rounded.values())
    return {m for m, v in rounded.items() if v == best}


def finite(scores: Mapping[str, float]) -> dict[str, float]:
    """Scores as JSON can hold them: NaN is left out, the infinite PSNR of equal pictures becomes `MAX_PSNR_DB`."""
    kept = {name: float(v) for name, v in scores.items() if not math.isnan(v)}
    return {name: min(max(v, -1e9), MAX_PSNR_DB if math.isinf(v) else v) for name, v in kept.items()}


def by_difficulty(items: Sequence[Item], methods: Sequence[str]) -> list[Item]:
    """Items from the worst to the best: by the mean LPIPS of the methods besides the copy (1 − SSIM without LPIPS); failures
    first, items without a score after them."""
    judged = [m for m in methods if m != "copy"] or list(methods)

    def badness(item: Item) -> float:
        scores = [item.outcomes[m].scores for m in judged if m in item.outcomes and item.outcomes[m].scores]
        values = [s["lpips"] if "lpips" in s else 1 - s["ssim"] for s in scores if "lpips" in s or "ssim" in s]
        if values:
            return float(np.mean(values))
        return math.inf if item.failures else 1e6

    return sorted(items, key=badness, reverse=True)
