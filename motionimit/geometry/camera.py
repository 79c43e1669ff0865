"""The pinhole camera, in one convention.

World = camera-aligned: metres, right-handed, x right, y UP, z TOWARDS the camera, which sits at the origin and looks along -z.
A body with identity global_orient faces +z, that is, faces the camera. Pixels: x right, y down, centres at +0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, stack


@dataclass(frozen=True, slots=True)
class Camera:
    """Pinhole camera: ``x_px = cx - f x / z``, ``y_px = cy + f y / z`` with z < 0 in front of the camera."""

    focal_px: float
    center_px: tuple[float, float]
    size_px: tuple[int, int]  # (width, height)

    @classmethod
    def for_image(cls, width: int, height: int) -> Camera:
        """The assumed camera of an image without calibration: f = 1.5 max(W, H), principal point in the middle."""
        return cls(1.5 * max(width, height), (width / 2, height / 2), (width, height))

    def project(self, points_m: Tensor) -> Tensor:
        """[.., 3] metres → [.., 2] pixels. Points at or behind the camera give huge or mirrored values, never NaN."""
        depth = (-points_m[..., 2]).clamp_min(1e-3)
        return stack(
            (
                self.center_px[0] + self.focal_px * points_m[..., 0] / depth,
                self.center_px[1] - self.focal_px * points_m[..., 1] / depth,
            ),
            -1,
        )

    def unproject(self, xy_px: Tensor, z_m: Tensor) -> Tensor:
        """[.., 2] pixels and [..] z in metres (negative in front) → [.., 3] metres."""
        x = (xy_px[..., 0] - self.center_px[0]) * -z_m / self.focal_px
        y = -(xy_px[..., 1] - self.center_px[1]) * -z_m / self.focal_px
        return stack((x, y, z_m), -1)

    def resized(self, width: int, height: int) -> Camera:
        """The same view in an image of another size. Scales by height; the aspect should match within rounding."""
        sx, sy = width / self.size_px[0], height / self.size_px[1]
        return Camera(self.focal_px * sy, (self.center_px[0] * sx, self.center_px[1] * sy), (width, height))

    def cropped(self, x_px: float, y_px: float, width: int, height: int) -> Camera:
        """The view of the window whose upper left corner is (x, y)."""
        return Camera(self.focal_px, (self.center_px[0] - x_px, self.center_px[1] - y_px), (width, height))
