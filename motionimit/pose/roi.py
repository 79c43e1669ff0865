"""The square, turned window in which one person is looked at: its crop, its mapping to the frame and its making from
landmarks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True, slots=True)
class Roi:
    """A square of `side_px` about `center_px`, turned clockwise (as seen) by `angle_rad`, so that the person stands upright
    in it."""

    center_px: tuple[float, float]
    side_px: float
    angle_rad: float = 0.0

    def to_frame(self, xy: np.ndarray) -> np.ndarray:
        """[.., 2] crop coordinates (0..1, y down) → [.., 2] frame pixels."""
        return (xy - 0.5) * self.side_px @ self.rotation().T + np.asarray(self.center_px)

    def to_crop(self, xy_px: np.ndarray) -> np.ndarray:
        """[.., 2] frame pixels → [.., 2] crop coordinates; the inverse of `to_frame`."""
        return (xy_px - np.asarray(self.center_px)) @ self.rotation() / self.side_px + 0.5

    def rotation(self) -> np.ndarray:
        """[2, 2], crop axes → frame axes (y down)."""
        c, s = math.cos(self.angle_rad), math.sin(self.angle_rad)
        return np.array([[c, -s], [s, c]])

    def scaled(self, factor: float) -> Roi:
        return Roi(self.center_px, self.side_px * factor, self.angle_rad)

    def moved(self, dx_px: float, dy_px: float) -> Roi:
        return Roi((self.center_px[0] + dx_px, self.center_px[1] + dy_px), self.side_px, self.angle_rad)

    def frame_to_pixels(self, size: int) -> np.ndarray:
        """[2, 3] affine from frame pixels to pixels of a size × size crop, both with centres at +0.5."""
        scale = size / self.side_px
        linear = self.rotation().T * scale
        offset = np.full(2, size / 2) - linear @ np.asarray(self.center_px)
        return np.concatenate((linear, offset[:, None]), 1)


def _index_affine(matrix: np.ndarray) -> np.ndarray:
    """The same affine for OpenCV, whose pixel centres sit on integers."""
    out = matrix.astype(np.float64).copy()
    out[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return out


def crop(rgb: np.ndarray, roi: Roi, size: int) -> np.ndarray:
    """[H, W, C] → the roi as [size, size, C]; outside the frame it is black. Shrinks by area first, so that nothing aliases."""
    factor = int(roi.side_px / size)
    if factor < 2:
        return cv2.warpAffine(rgb, _index_affine(roi.frame_to_pixels(size)), (size, size), flags=cv2.INTER_LINEAR)
    height, width = rgb.shape[:2]
    reach = roi.side_px * 0.5 * (abs(math.cos(roi.angle_rad)) + abs(math.sin(roi.angle_rad)))
    x0, y0 = (max(int(c - reach), 0) for c in roi.center_px)
    x1, y1 = min(int(roi.center_px[0] + reach) + 2, width), min(int(roi.center_px[1] + reach) + 2, height)
    small_w, small_h = (x1 - x0) // factor, (y1 - y0) // factor
    if small_w < 2 or small_h < 2:
        return np.zeros((size, size, *rgb.shape[2:]), rgb.dtype)
    part = rgb[y0 : y0 + small_h * factor, x0 : x0 + small_w * factor]
    small = cv2.resize(part, (small_w, small_h), interpolation=cv2.INTER_AREA)
    inner = Roi(((roi.center_px[0] - x0) / factor, (roi.center_px[1] - y0) / factor), roi.side_px / factor, roi.angle_rad)
    return cv2.warpAffine(small, _index_affine(inner.frame_to_pixels(size)), (size, size), flags=cv2.INTER_LINEAR)


def paste(image: np.ndarray, roi: Roi, width: int, height: int, scale: float = 1.0) -> np.ndarray:
    """The inverse of `crop` for one channel: [size, size] → [height, width] of a frame shrunk by `scale`; 0 outside the roi."""
    matrix = roi.frame_to_pixels(image.shape[0])
    matrix[:, :2] *= scale
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, _index_affine(matrix), (width, height), flags=flags)


def roi_from_axis(center_px: np.ndarray, top_px: np.ndarray, margin: float = 1.25) -> Roi:
    """BlazePose's rule: a circle about the hips through `top`, the square round it enlarged by `margin`, turned so that top
    is up."""
    dx, dy = (float(v) for v in top_px - center_px)
    side = 2 * math.hypot(dx, dy) * margin
    return Roi((float(center_px[0]), float(center_px[1])), max(side, 1.0), math.atan2(dx, -dy))


def roi_from_joints(joints_px: np.ndarray, margin: float = 1.25) -> Roi:
    """The same window for an estimator that gives none: the circle about the mid hips that holds all 33 landmarks."""
    hips, shoulders = joints_px[23:25].mean(0), joints_px[11:13].mean(0)
    reach = float(np.linalg.norm(joints_px - hips, axis=-1).max())
    up = shoulders - hips
    length = float(np.linalg.norm(up))
    direction = up / length if length > 1e-6 else np.array([0.0, -1.0])
    return roi_from_axis(hips, hips + direction * reach, margin)
