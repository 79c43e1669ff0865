"""Is the photo a frame of the driving clip? Then photo and clip share one fit, and the output lines up with the clip.

Told by small pictures of the frames, which a motion file keeps as well: so it drives as the clip does that it was made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from ..types import Frame, PersonTrack

THUMB_PX = 32  # long side: tells frames apart, adds some hundred bytes per frame to a motion file, and shows nobody's face
CLOSE_OF_HEIGHT = 0.04  # mean distance of the photo's landmarks from the fitted body's, which misses them by 1 % or so
MAX_DIFFERENCE = 6.0  # mean absolute difference of grey levels, of 255; compression costs 1 to 2
ASPECT_TOLERANCE = 0.01


class Thumbs:
    """Keeps a small picture of every frame that passes through."""

    def __init__(self) -> None:
        self._kept: list[np.ndarray] = []

    def of(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            self._kept.append(thumb(frame.rgb))
            yield frame

    def first(self, count: int) -> np.ndarray:
        """[count, h, w] uint8."""
        return np.stack(self._kept[:count])


def thumb(rgb: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8 → [h, w] uint8 grey levels, `THUMB_PX` long."""
    scale = THUMB_PX / max(rgb.shape[:2])
    size = tuple(max(round(side * scale), 1) for side in rgb.shape[1::-1])
    return cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)


def find_same_frame(
    photo_rgb: np.ndarray, photo: PersonTrack, landmarks_px: np.ndarray, size_px: tuple[int, int], thumbs: np.ndarray
) -> int | None:
    """Index of the frame that the photo [H, W, 3] shows, None if it shows none of them.

    `photo` has the photo's landmarks (T = 1); `landmarks_px` [T, 33, 2] are the fitted body's in frames of `size_px` (width,
    height), `thumbs` [T, h, w] their small pictures. Landmarks and picture must both agree; the picture decides between frames.
    """
    (width, height), ours = photo.size_px, thumb(photo_rgb)
    if abs(width * size_px[1] / (height * size_px[0]) - 1) > ASPECT_TOLERANCE:
        return None
    if ours.shape != thumbs.shape[1:]:  # off by a rounded pixel
        ours = cv2.resize(ours, thumbs.shape[:0:-1], interpolation=cv2.INTER_AREA)
    difference = np.abs(thumbs.astype(np.float32) - ours).mean((1, 2))
    difference[_landmark_distance(photo, landmarks_px / np.array(size_px)) > CLOSE_OF_HEIGHT] = np.inf
    best = int(difference.argmin())
    return best if difference[best] < MAX_DIFFERENCE else None


def _landmark_distance(photo: PersonTrack, theirs: np.ndarray) -> np.ndarray:
    """[T] mean distance of landmarks [T, 33, 2] (shares of the picture) from the photo's, as a share of the person's height."""
    ours = photo.joints_px[0].numpy() / np.array(photo.size_px)
    tall = float(photo.box_xyxy_px[0, 3] - photo.box_xyxy_px[0, 1]) / photo.size_px[1]
    gap = np.linalg.norm((theirs - ours) * (photo.size_px[0] / photo.size_px[1], 1.0), axis=-1) / max(tall, 1e-6)
    weight = photo.confidence[0].numpy()
    return (gap * weight).sum(1) / max(float(weight.sum()), 1e-6)
