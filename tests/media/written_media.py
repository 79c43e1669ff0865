"""Films that the tests of the writer write."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from media_samples import SIZE, stamp

from motionimit.media.writer import VideoWriter

COMMENT = "synthetic: made with motionimit"


def write(
    path: Path, count: int = 20, fps: Fraction = Fraction(25), size_px: tuple[int, int] = SIZE, **options: object
) -> list[str]:
    """Write numbered pictures; returns the warnings."""
    with VideoWriter(path, fps, size_px, metadata={"comment": COMMENT}, **options) as output:  # type: ignore[arg-type]
        for i in range(count):
            output.write(stamp(i, size_px))
    return output.warnings


def rgba(number: int) -> np.ndarray:
    """A picture that is opaque in its left half."""
    alpha = np.zeros((SIZE[1], SIZE[0], 1), np.uint8)
    alpha[:, : SIZE[0] // 2] = 255
    return np.concatenate([stamp(number), alpha], 2)
