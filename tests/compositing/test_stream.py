"""Frames in threads: order, bounded look-ahead, errors, and an end when nobody wants more."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionimit.compositing.stream import ahead, in_order


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=25), st.integers(1, 4))
def test_results_come_in_order_whatever_takes_longest(delays_ms: list[int], workers: int) -> None:
    def slow(job: tuple[int, int]) -> int:
        time.sleep(job[1] / 1000)
        return job[0]

    assert list(in_order(slow, enumerate(delays_ms), workers)) == list(range(len(delays_ms)))


@pytest.mark.parametrize("workers", [1, 3])
def test_no_more_than_two_jobs_per_worker_are_taken_in_advance(workers: int) -> None:
    taken: list[int] = []

    def jobs() -> Iterator[int]:
        for i in range(50):
            taken.append(i)
            yield i

    for i in in_order(lambda job: job, jobs(), workers):
        assert len(taken) <= i + 2 * workers, f"{len(taken)} jobs taken when result {i} came"
    assert len(taken) == 50


def test_work_is_done_side_by_side() -> None:
    meeting = threading.Barrier(2)
    list(in_order(lambda _: meeting.wait(10), range(4), 2))  # raises where two jobs never run at once


@pytest.mark.parametrize("where", ["function", "jobs"])
def test_an_error_reaches_the_consumer_after_what_came_before_it(where: str) -> None:
    def jobs() -> Iterator[int]:
        yield from range(5)
        if where == "jobs":
            raise OSError("the source broke")
        yield -1

    def function(job: int) -> int:
        if job < 0:
            raise OSError("the worker broke")
        return job

    got: list[int] = []
    with pytest.raises(OSError, match="broke"):
        for result in in_order(function, jobs(), 2):
            got.append(result)
    assert got == list(range(len(got))), got


def test_closing_drops_what_waits() -> None:
    begun: list[int] = []
    release = threading.Event()

    def function(job: int) -> int:
        begun.append(job)
        if job > 0:
            release.wait(10)
        return job

    results = in_order(function, count(), 1)
    assert next(results) == 0
    threading.Timer(0.05, release.set).start()
    results.close()
    assert len(begun) <= 2, f"{len(begun)} jobs were begun"


def test_ahead_keeps_order_and_depth() -> None:
    made = []

    def items() -> Iterator[int]:
        for i in range(40):
            made.append(i)
            yield i

    for i in ahead(items(), depth=3):
        time.sleep(0.002)
        assert len(made) <= i + 1 + 3 + 1, f"{len(made)} made when {i} was used"  # in the queue, and one in hand
    assert len(made) == 40


def test_ahead_produces_while_the_consumer_works() -> None:
    second = threading.Event()

    def items() -> Iterator[int]:
        yield 0
        second.set()
        yield 1

    stream = ahead(items())
    assert next(stream) == 0
    assert second.wait(10), "the second item was not begun while the first was in use"
    stream.close()


@pytest.mark.parametrize("error", [OSError("broke off"), KeyboardInterrupt()])
def test_ahead_hands_errors_over(error: BaseException) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise error

    stream = ahead(items())
    assert next(stream) == 1
    with pytest.raises(type(error)):
        next(stream)


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_closing_ahead_ends_its_thread(taken: int) -> None:
    before = set(threading.enumerate())
    stream = ahead(count(), depth=2)
    for _ in range(taken):
        next(stream)
    stream.close()
    left = set(threading.enumerate()) - before
    assert not left, f"still running: {left}"
