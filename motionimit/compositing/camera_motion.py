"""The driver's camera: where the background of the photo lies in every frame of the clip that the photo is taken from."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch import Tensor

from ..types import Frame

ANALYSED_PX = 480  # long side at which frames are compared
POINTS, LEAST_POINTS, LEAST_SHARE = 400, 12, 0.3
BACK_AND_FORTH_PX, INLIER_PX = 0.7, 1.0
STILL_PX = 0.35  # corner shifts up to this are noise of a camera that stands still; from twice as much on they count in full
HALO_OF_HEIGHT = 0.03
BLACK, DIRT_PX = 0.1, 2


class CameraFollower:
    """Registers frames to the photo by its background.

    Points are tracked from the photo into each frame (pyramidal Lucas-Kanade); most of them agree on a similarity transform
    (RANSAC). Each frame is measured against the photo itself, so errors don't add up.
    """

    def __init__(self, photo: np.ndarray, matte: np.ndarray) -> None:
        """photo [H, W, 3] uint8 and its person's matte [H, W]."""
        scale = ANALYSED_PX / max(photo.shape[:2])
        self._size = (round(photo.shape[1] * scale), round(photo.shape[0] * scale))
        self._reference = self._grey(photo)
        reach = 2 * round(HALO_OF_HEIGHT * self._size[1]) + 1
        person = cv2.resize(matte, self._size, interpolation=cv2.INTER_AREA) > 0.02
        free = 255 - 255 * cv2.dilate(person.astype(np.uint8), np.ones((reach, reach), np.uint8))
        border = np.zeros_like(free)
        border[picture_window(cv2.resize(photo, self._size, interpolation=cv2.INTER_AREA) / 255)] = 255
        free &= cv2.erode(border, np.ones((9, 9), np.uint8))  # bars stand still
        found = cv2.goodFeaturesToTrack(self._reference, POINTS, 0.01, 6, mask=free)
        self._points = np.zeros((0, 1, 2), np.float32) if found is None else found
        self._last = np.eye(2, 3)

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """[2, 3] affine from the photo to the frame, both `ANALYSED_PX` long; the last one where too little is seen."""
        if len(self._points) >= LEAST_POINTS:
            self._last = self._measured(self._grey(rgb), self._last)
        return self._calmed(self._last)

    def _grey(self, rgb: np.ndarray) -> np.ndarray:
        return cv2.cvtColor(cv2.resize(rgb, self._size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)

    def _measured(self, grey: np.ndarray, guess: np.ndarray) -> np.ndarray:
        start = cv2.transform(self._points, guess).astype(np.float32)
        there, seen = _tracked(self._reference, grey, self._points, start)
        back, again = _tracked(grey, self._reference, there, self._points.copy())
        off = np.linalg.norm(back - self._points, axis=-1)[:, 0]
        good = (seen[:, 0] > 0) & (again[:, 0] > 0) & (off < BACK_AND_FORTH_PX)
        if good.sum() < LEAST_POINTS:
            return guess
        found, inlier = cv2.estimateAffinePartial2D(self._points[good], there[good], ransacReprojThreshold=INLIER_PX)
        if found is None or inlier.sum() < max(LEAST_POINTS, LEAST_SHARE * len(self._points)):
            return guess
        return found

    def _calmed(self, affine: np.ndarray) -> np.ndarray:
        width, height = self._size
        corners = np.array([[[0, 0], [width, 0], [0, height], [width, height]]], np.float64)
        shift = float(np.linalg.norm(cv2.transform(corners, affine) - corners, axis=-1).max())
        share = np.clip(shift / STILL_PX - 1, 0, 1)
        return np.eye(2, 3) + share * (affine - np.eye(2, 3))


def _tracked(first: np.ndarray, second: np.ndarray, points: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where points [N, 1, 2] of the first picture are in the second, and [N, 1] whether they were found."""
    flags = cv2.OPTFLOW_USE_INITIAL_FLOW
    there, seen, _ = cv2.calcOpticalFlowPyrLK(first, second, points, guess, winSize=(21, 21), maxLevel=3, flags=flags)
    return there, seen


def moved_backdrops(backdrop: Tensor, photo: np.ndarray, matte: np.ndarray, frames: Iterator[Frame]) -> Iterator[Tensor]:
    """The backdrop [H, W, 3] as the driver's camera sees it in each of `frames`.

    Beyond the photo its border is mirrored; black bars stay where they are.
    """
    follow, image = CameraFollower(photo, matte), backdrop.cpu().numpy()
    height, width = image.shape[:2]
    window = picture_window(image)
    origin = np.array((window[1].start, window[0].start), np.float64)
    inner = np.ascontiguousarray(image[window])
    for frame in frames:
        affine = follow(frame.rgb)
        if np.array_equal(affine, np.eye(2, 3)):
            yield backdrop
            continue
        scaled = rescaled(affine, max(width, height) / ANALYSED_PX)
        scaled[:, 2] += scaled[:, :2] @ origin - origin
        size, out = inner.shape[1::-1], image.copy()
        out[window] = cv2.warpAffine(inner, scaled, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        yield torch.from_numpy(out).to(backdrop.device)


def rescaled(affine: np.ndarray, factor: float) -> np.ndarray:
    """A [2, 3] affine of pixel indices for pictures `factor` times as large; pixel centres lie at +0.5 in both."""
    linear, centre = affine[:, :2], np.full(2, 0.5)
    shift = factor * (linear @ (centre / factor - centre) + affine[:, 2] + centre) - centre
    return np.concatenate((linear, shift[:, None]), 1)


def picture_window(image: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of [H, W, 3] (0..1) inside black bars and the line or two of dirt that videos have at their border."""
    lit = image.max(-1) > BLACK
    rows, columns = (np.flatnonzero(lit.mean(axis) > 0.02) for axis in (1, 0))
    if len(rows) < 8 or len(columns) < 8:
        return slice(0, image.shape[0]), slice(0, image.shape[1])
    return slice(rows[0] + DIRT_PX, rows[-1] + 1 - DIRT_PX), slice(columns[0] + DIRT_PX, columns[-1] + 1 - DIRT_PX)
