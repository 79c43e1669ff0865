"""The other people of a clip, remembered by their clothes, so that a tracker doesn't slide onto one of them in a crossing."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from .appearance import Clothes, clothes_of
from .detector import Detection, PoseDetector
from .people import plausibility, same_person
from .roi import Roi

_SEARCH_PX = 448  # twice the finder's own input
_FORGET = 90  # frames


@dataclass(slots=True)
class _Rival:
    clothes: Clothes
    roi: Roi
    seen: int  # frame


@dataclass(slots=True)
class Rivals:
    """Everyone but the followed person, as far as the whole frame shows them; scanned now and then, often while one is near."""

    people: list[_Rival] = field(default_factory=list)
    scanned: int = -1

    def __bool__(self) -> bool:
        return bool(self.people)

    def near(self, roi: Roi) -> bool:
        """Somebody's body may overlap with the one in this window."""
        return any(_apart(r.roi, roi) < 0.8 for r in self.people)

    def due(self, index: int, every: int, roi: Roi) -> bool:
        close = any(_apart(r.roi, roi) < 1.2 for r in self.people)
        return index - self.scanned >= (max(every // 3, 2) if close else every)

    def scan(self, index: int, rgb: np.ndarray, detector: PoseDetector, own: Detection) -> None:
        """Find the others in [H, W, 3]; `own` is the followed person, seen now or last."""
        self.scanned = index
        self.people = [r for r in self.people if index - r.seen < _FORGET]
        scale = min(_SEARCH_PX / max(rgb.shape[:2]), 1.0)
        small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        for found in detector.find(small):
            roi = Roi((found.center_px[0] / scale, found.center_px[1] / scale), found.side_px / scale, found.angle_rad)
            if _apart(roi, own.next_roi) < 0.12:
                continue
            known = min(self.people, key=lambda r: _apart(r.roi, roi), default=None)
            if known is not None and _apart(known.roi, roi) < 0.3:
                known.roi, known.seen = roi, index
                continue
            detection = detector.detect(rgb, roi)
            if detection is None or plausibility(detection) < 0.5 or same_person(detection, own):
                continue
            self.people.append(_Rival(clothes_of(rgb, detection), detection.next_roi, index))

    def claims(self, clothes: Clothes, own: Clothes) -> bool:
        """These clothes are far more like some rival's than like the followed person's own."""
        mine = own.distance(clothes)
        return mine > 10 and any(r.clothes.distance(clothes) + 6 < mine for r in self.people)


def _apart(a: Roi, b: Roi) -> float:
    """Distance of two windows' centres over the mean of their sides."""
    return float(np.hypot(a.center_px[0] - b.center_px[0], a.center_px[1] - b.center_px[1]) / (0.5 * (a.side_px + b.side_px)))
