"""Do the photos show one person in the same clothes? Evidence from colours, part of the body by part, in a common light.

The limit was set on 142 pairs of photos that show one person (two poses in a gym, frames of turns and dances) and 476 that show
two. Body proportions tell nobody apart: shapes fitted to single photos of one person differ as much as those of two people.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from .exposure import Look, likeness, log_gain, look_of
from .portrait import Portrait

LIMIT = 0.16  # below it lie 1.4 % of the pairs that show one person and 92 % of those that show two
FLOOR = 0.02  # of a part's likeness, so that one hidden or mislabelled part doesn't decide alone
FEWEST_PARTS = 3  # with fewer in common nothing is said
WORST = 3  # parts that the sentence names


def doubts(portraits: Sequence[Portrait], names: Sequence[str]) -> list[str]:
    """One sentence for each photo that may show another person, or other clothes, than the first one; [] where all agree.

    A photo agrees with the first if it is like it, or like another one that agrees with it: a back view may need the side view
    between. `names` are the photos' names for the user.
    """
    looks = [look_of(p) for p in portraits]
    count = len(looks)
    parts = {(i, j): part_likeness(looks[i], looks[j]) for i, j in combinations(range(count), 2)}
    alike = {pair: person_likeness(found) for pair, found in parts.items()}
    known, unsettled = {0}, set(range(1, count))
    while joining := {j for j in unsettled if any(alike[min(i, j), max(i, j)] >= LIMIT for i in known)}:
        known |= joining
        unsettled -= joining
    return [_sentence(names[j], names[0], parts[0, j], alike[0, j]) for j in sorted(unsettled)]


def part_likeness(first: Look, second: Look) -> dict[str, float]:
    """For each part of the body that both photos show, how alike its colours are in a common light (0..1)."""
    gain, _ = log_gain(first, second)
    return {name: likeness(first, second, gain, [name]) for name in first if name in second}


def person_likeness(parts: dict[str, float]) -> float:
    """Geometric mean of the parts' likeness, floored; 1 where too few parts are in common to judge."""
    if len(parts) < FEWEST_PARTS:
        return 1.0
    return float(np.exp(np.log(np.array(list(parts.values())) + FLOOR).mean()))


def _sentence(name: str, first: str, parts: dict[str, float], alike: float) -> str:
    worst = sorted(parts, key=lambda part: parts[part])[:WORST]
    shares = ", ".join(f"{part} {parts[part]:.2f}" for part in worst)
    return (
        f"{name} may show another person or other clothes than {first}: in the same light their colours agree by {alike:.2f}"
        f" over {len(parts)} parts of the body, where photos of one person have {LIMIT:.2f} or more (least: {shares});"
        " leave it out if so."
    )
