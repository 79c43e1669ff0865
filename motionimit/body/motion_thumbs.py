"""Small pictures of the frames that a motion was fitted to. By them a motion file knows a photo that is one of its frames.

Such a photo shares the fit of its frame (see `pose.same_frame`), whether the clip drives it or the file that was made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from ..types import Frame, PersonTrack
from .export import Motion
from .model import BodyModel

SIDE_PX = 32  # long side: tells frames apart, adds about half a kilobyte per frame, and shows nobody's face
CLOSE_OF_HEIGHT = 0.04  # mean distance of the photo's landmarks from the fitted body's, which misses them by 1 % or so
MAX_DIFFERENCE = 6.0  # mean absolute difference of grey levels, of 255
ASPECT_TOLERANCE = 0.01


class Thumbs:
    """Keeps a thumbnail of every frame that passes through."""

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
    """[H, W, 3] uint8 → [h, w] uint8 grey levels, `SIDE_PX` long."""
    scale = SIDE_PX / max(rgb.shape[:2])
    size = tuple(max(round(side * scale), 1) for side in rgb.shape[1::-1])
    return cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)


def find_frame_of_file(photo_rgb: np.ndarray, photo: PersonTrack, motion: Motion, model: BodyModel) -> int | None:
    """Index of the frame of `motion` that the photo [H, W, 3] shows, None if it shows none of them or nothing tells.

    Body and picture must both agree: the fitted landmarks with the photo's (`photo`, T = 1), and the thumbnail.
    """
    (width, height), (clip_width, clip_height) = photo.size_px, motion.params.camera.size_px
    if motion.thumbs is None or abs(width * clip_height / (height * clip_width) - 1) > ASPECT_TOLERANCE:
        return None
    ours = thumb(photo_rgb)
    if ours.shape != motion.thumbs.shape[1:]:
        return None
    difference = np.abs(motion.thumbs.astype(np.float32) - ours).mean((1, 2))
    difference[_landmark_distance(photo, motion, model) > CLOSE_OF_HEIGHT] = np.inf
    best = int(difference.argmin())
    return best if difference[best] < MAX_DIFFERENCE else None


def _landmark_distance(photo: PersonTrack, motion: Motion, model: BodyModel) -> np.ndarray:
    """[T] mean distance of the fitted landmarks from those that the photo shows, as a share of the person's height."""
    camera = motion.params.camera
    theirs = camera.project(model.landmarks(motion.params).cpu()).numpy() / np.array(camera.size_px)
    ours = photo.joints_px[0].numpy() / np.array(photo.size_px)
    tall = float(photo.box_xyxy_px[0, 3] - photo.box_xyxy_px[0, 1]) / photo.size_px[1]
    gap = np.linalg.norm((theirs - ours) * (photo.size_px[0] / photo.size_px[1], 1.0), axis=-1) / max(tall, 1e-6)
    weight = photo.confidence[0].numpy()
    return (gap * weight).sum(1) / max(float(weight.sum()), 1e-6)
