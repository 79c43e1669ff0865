"""Pairs of stills from iPER's videos: the protocol's source frame, and frames of what drives it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..config.evaluate import Missing
from ..errors import BadInput
from ..media.paths import shown
from ..media.stills import IMAGE_SUFFIXES
from .datasets.files import files_in
from .datasets.iper import read_iper
from .datasets.pairs import StillPair

TARGETS = 3  # per video, at a quarter, the middle and three quarters of the span


def read_iper_stills(folder: Path, *, missing: Missing = "stop") -> tuple[list[StillPair], list[str]]:
    """`TARGETS` pairs of each of the protocol's self-imitations, and warnings.

    Raises `BadInput`, also where the videos are files: a pair is two pictures.
    """
    tasks, warnings = read_iper(folder, mode="self", missing=missing)
    pairs = []
    for task in tasks:
        source = task.sources[0].picture
        if source is None or not task.driver.is_dir():
            raise BadInput(f"{shown(task.driver)} is a film; stills need iPER's frames as pictures, in images_HD or images.")
        frames = sorted(files_in(task.driver, IMAGE_SUFFIXES).items())
        first, last = task.span or (0, len(frames) - 1)
        places = np.linspace(first, last, TARGETS + 2).round().astype(int)[1:-1]
        pairs += [StillPair(f"{task.name}-{place:04}", source, frames[place][1]) for place in dict.fromkeys(places.tolist())]
    return pairs, warnings
