"""What `--person` means: how it is written, and whom it takes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import skeleton

from motionimit.errors import BadUsage
from motionimit.pose.choice import can_choose, choose
from motionimit.pose.detector import Detection
from motionimit.pose.people import Person
from motionimit.pose.roi import Roi
from motionimit.values import LARGEST_PERSON, PERSON_PLACES, PersonChoice, parse_person

SIZE_PX = (1000, 500)


def person_at(x_px: float, tall_px: float = 200.0, y_px: float = 250.0) -> Person:
    """Somebody whose torso's middle and whose box's are at (x, y) and slightly above it."""
    wide = tall_px / 2
    joints = (skeleton() * (wide, tall_px) + (x_px - wide / 2, y_px - tall_px / 2)).astype(np.float32)
    window = Roi((x_px, y_px), 2 * tall_px)
    box = np.array((x_px - wide / 2, y_px - tall_px / 2, x_px + wide / 2, y_px + tall_px / 2), np.float32)
    return Person(Detection(joints, np.zeros((33, 3), np.float32), np.ones(33, np.float32), window, window), box, 1.0)


def chosen(people: list[Person], text: str | int | None) -> int:
    """Number of the person whom `--person TEXT` takes."""
    taken = choose(people, parse_person(text), SIZE_PX, "a.mp4")
    return next(number for number, person in enumerate(people, 1) if person is taken)


rows = st.lists(st.integers(0, 24), min_size=1, max_size=8, unique=True).map(
    lambda slots: [person_at(60 + 35.0 * slot) for slot in sorted(slots)]
)


@given(rows)
def test_the_ends_and_the_middle_of_a_row(people: list[Person]) -> None:
    count = len(people)
    assert chosen(people, "left") == 1
    assert chosen(people, "right") == count
    middle = chosen(people, "middle")
    assert middle in {(count + 1) // 2, count // 2 + 1}, f"{middle} of {count}"
    other = people[count + 1 - middle - 1]
    assert abs(people[middle - 1].center_px[0] - 500) <= abs(other.center_px[0] - 500), "the other is nearer to the middle"


@given(rows)
def test_everybody_is_meant_by_their_number_and_by_their_own_place(people: list[Person]) -> None:
    for number, person in enumerate(people, 1):
        x, y = person.center_px
        assert chosen(people, number) == chosen(people, str(number)) == number
        assert chosen(people, f"{x / 1000:.4f},{y / 500:.4f}") == number
        assert chosen(people, f"{x / 10:.3f}%, {y / 5:.3f}%") == number


@given(rows, st.floats(0, 1), st.floats(0, 1))
def test_a_point_takes_nobody_who_is_farther_than_another(people: list[Person], x: float, y: float) -> None:
    taken = people[chosen(people, f"{x:.6f},{y:.6f}") - 1]

    def off_px(person: Person) -> float:
        near = np.clip((1000 * x, 500 * y), person.box_px[:2], person.box_px[2:])
        return float(np.hypot(*(near - (1000 * x, 500 * y))))

    assert off_px(taken) <= min(map(off_px, people)) + 0.01


def test_passers_by_in_the_background_are_neither_left_nor_right_nor_middle() -> None:
    people = [person_at(30, 40), person_at(100, 30), person_at(400), person_at(500, 150), person_at(800), person_at(980, 60)]
    assert [chosen(people, place) for place in ("left", "middle", "right")] == [3, 4, 5]
    assert chosen(people, "0.03,0.5") == chosen(people, 1) == 1, "they can still be meant"


@given(rows, st.integers(0, 7))
def test_the_largest_is_the_default(people: list[Person], index: int) -> None:
    index %= len(people)
    people[index] = person_at(people[index].center_px[0], 320)
    assert chosen(people, None) == chosen(people, "largest") == chosen(people, " Largest ") == index + 1


@given(rows, st.integers(1, 12))
def test_only_a_number_waits_for_more_people(people: list[Person], number: int) -> None:
    assert can_choose(people, PersonChoice(number=number)) == (number <= len(people))
    assert all(can_choose(people, parse_person(text)) for text in (*PERSON_PLACES, "0,0", None))


@given(st.integers(-(10**6), 10**6))
def test_numbers_count_from_one(number: int) -> None:
    for given_as in (number, str(number)):
        if number >= 1:
            assert parse_person(given_as) == PersonChoice(number=number)
        else:
            with pytest.raises(BadUsage, match=f"^--person counts from 1, left to right, got {number}\\.$"):
                parse_person(given_as)


@pytest.mark.parametrize(
    ("text", "point"),
    [("0.3,0.5", (0.3, 0.5)), ("30%,50 %", (0.3, 0.5)), (" 1 , 0 ", (1, 0)), (".25,100%", (0.25, 1)), ("0.,1.0", (0, 1))],
)
def test_points(text: str, point: tuple[float, float]) -> None:
    assert parse_person(text) == PersonChoice(point=point)


@pytest.mark.parametrize(
    "text",
    ["", " ", "centre", "1.5", "2.0", "30,50", "0.3", "0.3,", ",", "1,2,3", "-0.1,0.5", "0.5,101%", "nan,nan", "inf,0", "1e-1,0",
     "0x1,0", "one", "²", "\u0661", "left,right", "%,%", "9" * 30, True],
)  # fmt: skip
def test_anything_else_is_refused_with_what_is_possible(text: str) -> None:
    with pytest.raises(BadUsage, match="^--person must be a number from 1, one of left, middle, right, largest, or a point X,Y"):
        parse_person(text)


@given(st.text(max_size=60) | st.from_regex(r"[-+0-9.,% e]*", fullmatch=True))
def test_any_text_is_one_choice_or_one_sentence(text: str) -> None:
    try:
        choice = parse_person(text)
    except BadUsage as error:
        assert str(error).endswith(".") and "\n" not in str(error)
        return
    assert [choice.number, choice.place, choice.point].count(None) == 2
    assert choice.number is None or choice.number >= 1
    assert choice.point is None or all(0 <= share <= 1 for share in choice.point)


def test_nothing_said_means_the_largest() -> None:
    assert parse_person(None) is LARGEST_PERSON
