"""From the time stamps that a file has to the constant rate that the stages want."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np

DEFAULT_FPS = Fraction(25)  # for stills, and where a file states no rate
LOWEST_FPS = Fraction(1)  # slide shows are held on this grid
HIGHEST_FPS = 240  # a stated rate above this is a time base, not a rate
LONGEST_GAP_S = 30  # a longer jump of the time stamps is a fault of the file, not a pause

_COMMON_RATES = tuple(Fraction(n) for n in (10, 12, 15, 16, 20, 24, 25, 30, 48, 50, 60, 100, 120, 240)) + tuple(
    Fraction(1000 * n, 1001) for n in (12, 15, 24, 30, 60, 120)
)


@dataclass(slots=True)
class Picture:
    """One picture with its place in time; converted to RGB only if the grid takes it."""

    time_s: Fraction  # from the first picture of the file
    length_s: Fraction
    rgb: Callable[[], np.ndarray]  # [H, W, 3] uint8, a fresh array on each call


def stated_rate(average: Fraction | None, base: Fraction | None) -> Fraction:
    """The constant rate to put a file on, in frames per second.

    `base` is the smallest rate that fits all time stamps, `average` is frames over duration. Constant-rate files have both equal
    up to rounding, and lost or held frames lower the average only: then `base`, exactly, up to a third above the average. Beyond
    that the rate varies freely: then the average, or the common rate within 1 % of it.
    """
    average = max(average, LOWEST_FPS) if average and 0 < average <= HIGHEST_FPS else None
    base = max(base, LOWEST_FPS) if base and 0 < base <= HIGHEST_FPS else None
    if average is None:
        return base or DEFAULT_FPS
    if base is not None and Fraction(19, 20) <= base / average <= Fraction(4, 3):
        return base
    nearest = min(_COMMON_RATES, key=lambda rate: abs(rate - average))
    return nearest if abs(nearest / average - 1) <= Fraction(1, 100) else average.limit_denominator(1001)


def frame_number(time_s: float | Fraction, fps: Fraction) -> int:
    """The number of the frame nearest to a time. Reader and writer both start there, so that sound and picture agree exactly."""
    return _slot(Fraction(time_s), fps)


def steady(pictures: Iterable[Picture], warnings: list[str]) -> Iterator[Picture]:
    """Pass pictures on in strictly rising time: repeated stamps are dropped, jumps (back, or by over 30 s) are closed up."""
    shift, last = Fraction(0), None
    for picture in pictures:
        picture.time_s += shift
        if last is not None:
            step = picture.time_s - last.time_s
            if not -1 < step <= LONGEST_GAP_S:
                warnings.append(f"time stamps jump by {float(step):.1f} s at {float(last.time_s):.1f} s; the gap was closed")
                correction = last.time_s + last.length_s - picture.time_s
                shift += correction
                picture.time_s += correction
            elif step <= 0:
                continue
        yield picture
        last = picture


def on_grid(pictures: Iterable[Picture], fps: Fraction, first: int) -> Iterator[Picture]:
    """One picture for every grid time k / fps from k = `first` on, until the last one's length has passed.

    Each picture takes the grid time nearest to its own and is held until the next one's. A file that has this constant rate
    comes out unchanged, frame by frame, even with rounded time stamps; else pictures are repeated or left out, and each is off
    by half a frame at most.
    """
    k, previous = first, None
    for picture in pictures:
        if previous is not None:
            while k < _slot(picture.time_s, fps):
                yield previous
                k += 1
        previous = picture
    if previous is None:
        return
    end_s = previous.time_s + min(previous.length_s, Fraction(LONGEST_GAP_S))
    while k < max(_slot(end_s, fps), _slot(previous.time_s, fps) + 1):
        yield previous
        k += 1


def _slot(time_s: Fraction, fps: Fraction) -> int:
    return floor(time_s * fps + Fraction(1, 2))
