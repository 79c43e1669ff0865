"""The choice of one person among those whom an image shows."""

from __future__ import annotations

import numpy as np

from ..errors import BadInput
from ..values import PersonChoice
from .people import Person


def nobody_found(where: str) -> BadInput:
    """The error for a file, named by `where`, that shows no people."""
    return BadInput(f"No person was found in {where}; give one that shows a whole person, upright and well lit.")


def can_choose(people: list[Person], choice: PersonChoice) -> bool:
    """Whether these people are enough for the choice, which otherwise has to wait for more of them."""
    return len(people) >= (1 if choice.number is None else choice.number)


def choose(people: list[Person], choice: PersonChoice, size_px: tuple[int, int], where: str) -> Person:
    """One of the `people`, who stand left to right in a frame of `size_px` (width, height).

    Left, middle and right are said of those at least a third as tall as the tallest, since passers-by in the background are not
    meant; a point means whose box holds it, or is nearest to it. Raises `BadInput` if there is no such person; `where` names the
    file.
    """
    if not people:
        raise nobody_found(where)
    if not can_choose(people, choice):
        seen = "only 1 person was" if len(people) == 1 else f"{len(people)} people were"
        raise BadInput(
            f"Person {choice.number} was asked for but {seen} found in {where}; they count from 1, left to right, as"
            " 'motionimit doctor --people FILE' lists them."
        )
    if choice.number is not None:
        return people[choice.number - 1]
    if choice.point is not None:
        return _at(people, (choice.point[0] * size_px[0], choice.point[1] * size_px[1]))
    if choice.place == "largest":
        return max(people, key=lambda p: p.area_px * (0.5 + p.score))
    tallest = max(p.height_px for p in people)
    row = [p for p in people if p.height_px >= tallest / 3]
    if choice.place == "middle":
        return min(row[(len(row) - 1) // 2 : len(row) // 2 + 1], key=lambda p: abs(p.center_px[0] - size_px[0] / 2))
    return row[0 if choice.place == "left" else -1]


def _at(people: list[Person], point_px: tuple[float, float]) -> Person:
    """Whose box is nearest to the point; of several that hold it, the one whose torso is."""
    point = np.asarray(point_px)

    def off(person: Person) -> tuple[float, float]:
        outside = np.maximum(np.maximum(person.box_px[:2] - point, point - person.box_px[2:]), 0)
        return float(np.linalg.norm(outside)), float(np.linalg.norm(person.center_px - point))

    return min(people, key=off)
