"""Scores of a film that imitates another person's motion, without true frames: pose against the driver's, steadiness, face."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise

import cv2
import numpy as np

from .availability import Distances
from .crops import cut
from .metrics import Film, Row, face_of, face_scores
from .people import Finder, Seen
from .pictures import WINDOW_PX, jitter

_Pair = tuple[np.ndarray, np.ndarray]
_LEAST_TORSO = 0.5  # of the median torso: one seen end-on must not blow the scale up
_MARGIN = 0.05  # of the person's height, by which a mask grows before the rest counts as background
_LEAST_SHARE = 0.5  # of the frames in which a pixel must be background


def score_cross(
    driver: Film,
    made: Film,
    finder: Finder,
    distances: Distances,
    photo: np.ndarray | None = None,
    wanted: Collection[int] | None = None,
) -> tuple[list[Row], Row]:
    """Frames of a result against those of the clip that drives it, paired by order; sizes may differ between the two.

    `photo`: the source, for identity. `wanted`: indices to score (None: all); the first and the last have only one neighbour
    and never are. Returns a row per frame, and what only the whole film has (`background_std`). Landmarks are compared from
    the hips, in % of each film's own torso, since the bodies differ.
    """
    reference = face_of(distances, photo, finder(photo)) if photo is not None and distances.faces is not None else None
    rows: list[Row] = []
    sightings: list[tuple[Row, Seen | None, Seen | None]] = []
    background = _Background()
    for index, (before, now, after) in _triples(driver, made):
        if wanted is not None and index not in wanted:
            continue
        wish, found = finder(now[0]), finder(now[1])
        row: Row = {"index": float(index), "detected": 100.0 * (found is not None)}
        rows.append(row)
        for name, seen, k in (("jitter_driver", wish, 0), ("jitter", found, 1)):
            if seen is not None and min(cut(now[k], seen.box).shape[:2]) >= WINDOW_PX:
                row[name] = jitter(cut(before[k], seen.box), cut(now[k], seen.box), cut(after[k], seen.box))
        if found is not None:
            background.add(now[1], found)
        row.update(face_scores(distances, reference, now[1], found))
        if "face_rate" in row and face_of(distances, now[0], wish) is None:
            del row["face_rate"]  # turned away: no face is asked for
        sightings.append((row, _lean(wish), _lean(found)))
    _compare_poses(sightings)
    return rows, background.scores()


def _compare_poses(sightings: list[tuple[Row, Seen | None, Seen | None]]) -> None:
    medians = []
    for seen in ([a for _, a, _ in sightings], [b for _, _, b in sightings]):
        medians.append(float(np.median([_torso_px(s) for s in seen if s is not None] or [1.0])))
    for row, wish, found in sightings:
        if wish is None or not wish.visible.any():
            continue
        both = wish.visible & found.visible if found is not None else np.zeros_like(wish.visible)
        row["mkr"] = 100.0 * float(1 - both.sum() / wish.visible.sum())
        if found is not None and both.any():
            apart = _from_hips(wish, medians[0]) - _from_hips(found, medians[1])
            row["akd_torso"] = 100.0 * float(np.linalg.norm(apart, axis=1)[both].mean())


def _from_hips(seen: Seen, median_px: float) -> np.ndarray:
    """[33, 2] in torso lengths."""
    return (seen.landmarks_px - seen.torso_px[1]) / max(_torso_px(seen), _LEAST_TORSO * median_px, 1e-6)


def _torso_px(seen: Seen) -> float:
    shoulders, hips = seen.torso_px
    return float(np.linalg.norm(shoulders - hips))


def _lean(seen: Seen | None) -> Seen | None:
    """The same sighting without its mask, which is large and no longer wanted."""
    return None if seen is None else Seen(seen.landmarks_px, seen.confidence, np.ones((1, 1), bool))


def _triples(driver: Film, made: Film) -> Iterator[tuple[int, tuple[_Pair, _Pair, _Pair]]]:
    for index, ((a, b), (_, c)) in enumerate(pairwise(pairwise(zip(driver, made, strict=False))), 1):
        yield index, (a, b, c)


class _Background:
    """Spread over time of the pixels away from the person, from sums alone, so that films of any length fit."""

    def __init__(self) -> None:
        self._frames = 0
        self._sums: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def add(self, rgb: np.ndarray, seen: Seen) -> None:
        reach = 2 * max(3, round(_MARGIN * seen.height_px)) + 1
        free = cv2.dilate(seen.mask.astype(np.uint8), np.ones((reach, reach), np.uint8)) == 0
        values, weight = rgb.astype(np.float64), free[..., None].astype(np.float64)
        parts = (weight, values * weight, values**2 * weight)
        self._sums = parts if self._sums is None else tuple(a + b for a, b in zip(self._sums, parts, strict=True))  # type: ignore[assignment]
        self._frames += 1

    def scores(self) -> Row:
        """Mean over pixels and channels of the standard deviation, in grey levels; nothing if no pixel is free often enough."""
        if self._sums is None:
            return {}
        count, total, squares = self._sums
        often = count[..., 0] >= max(2, _LEAST_SHARE * self._frames)
        if not often.any():
            return {}
        mean = total[often] / count[often]
        return {"background_std": float(np.sqrt(np.maximum(squares[often] / count[often] - mean**2, 0)).mean())}
