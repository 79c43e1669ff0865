"""Is the photo a frame of the driving clip? Then photo and clip can share one fit, and the output lines up with the clip."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import cv2
import numpy as np

from ..types import Frame, PersonTrack

CLOSE_OF_HEIGHT = 0.03  # mean distance of the landmarks; the same pixels in another size and codec come to about a third of it
CANDIDATES = 5
THUMB_PX = 96  # long side at which pictures are compared
MAX_DIFFERENCE = 8.0  # mean absolute difference of grey levels, of 255; compression costs 1 to 3
ASPECT_TOLERANCE = 0.01


def find_same_frame(
    photo_rgb: np.ndarray, photo: PersonTrack, track: PersonTrack, frames: Callable[[], Iterable[Frame]]
) -> int | None:
    """Index of the frame of `track` that the photo [H, W, 3] shows, None if it shows none of them.

    Frames whose landmarks agree are looked at; `frames()` gives the clip once more and is asked only when there are any.
    """
    (width, height), (clip_width, clip_height) = photo.size_px, track.size_px
    if abs(width * clip_height / (height * clip_width) - 1) > ASPECT_TOLERANCE:
        return None
    distance = _landmark_distance(photo, track)
    near = [int(t) for t in np.argsort(distance)[:CANDIDATES] if distance[t] < CLOSE_OF_HEIGHT]
    if not near:
        return None
    best, least = None, MAX_DIFFERENCE
    thumb = _thumb(photo_rgb, clip_width / clip_height)
    for frame in frames():
        if frame.index in near:
            difference = float(np.abs(_thumb(frame.rgb, clip_width / clip_height) - thumb).mean())
            if difference < least:
                best, least = frame.index, difference
        if frame.index >= max(near):
            break
    return best


def _landmark_distance(photo: PersonTrack, track: PersonTrack) -> np.ndarray:
    """[T] mean distance of the landmarks that both are sure of, as a share of the person's height; inf where nobody was seen."""
    sizes = [np.array(t.size_px, np.float32) for t in (photo, track)]
    ours, theirs = photo.joints_px[0].numpy() / sizes[0], track.joints_px.numpy() / sizes[1]
    tall = float((photo.box_xyxy_px[0, 3] - photo.box_xyxy_px[0, 1]) / sizes[0][1])
    gap = np.linalg.norm((theirs - ours) * (sizes[0][0] / sizes[0][1], 1.0), axis=-1) / max(tall, 1e-6)
    weight = track.confidence.numpy() * photo.confidence[0].numpy()
    mean = (gap * weight).sum(1) / np.maximum(weight.sum(1), 1e-6)
    return np.where(track.valid.numpy() & (weight.sum(1) > 1), mean, np.inf)


def _thumb(rgb: np.ndarray, aspect: float) -> np.ndarray:
    """A small grey picture, float32."""
    size = (THUMB_PX, round(THUMB_PX / aspect)) if aspect > 1 else (round(THUMB_PX * aspect), THUMB_PX)
    return cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY).astype(np.float32)
