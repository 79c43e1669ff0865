"""How deep a part is: hair gets the depth that its outline suggests, or it would be a flat sheet that shrinks as heads turn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..body.parts import Region
from .posed import PosedBody


@dataclass(frozen=True, slots=True)
class ReliefGrid:
    """A part's grid of vertices over its pixels, with the depths of its two sides."""

    uv: np.ndarray  # [rows + 1, columns + 1, 2] texture pixels
    near: np.ndarray  # [rows + 1, columns + 1] depth of the body's front, run on outside it
    far: np.ndarray  # the same of its back
    closing: np.ndarray  # how far both close to their middle: 0 on the bare body .. 1 well outside it
    skin: np.ndarray  # [rows + 1, columns + 1, 24]
    cells: np.ndarray  # [rows, columns] bool: drawn


def with_hair(body: PosedBody, grid: ReliefGrid, alpha: np.ndarray) -> ReliefGrid:
    """The grid of a head whose hair keeps its size when the head turns. alpha [h, w] of the layer.

    Above the chin the half thickness at distance d inside the outline is sqrt(d (2 R - d)), a ball where the outline is a circle
    of radius R; the face keeps the body's own relief, and hair is no thinner than the bare head, but for the outline's last two
    cells: both sides meet there, or they would stand up as two sheets, horns in profile.
    """
    face = np.flatnonzero((body.region == Region.FACE).any(1))
    inside = _inside(alpha)
    if not len(face) or not inside[: face[-1]].any():
        return grid
    radius = float(inside[: face[-1]].max())
    row, column = _pixels(grid, alpha)
    d, chin = inside[row, column], float(face[-1])
    above = np.clip((chin - grid.uv[..., 1]) / (0.25 * (chin - face[0]) + 1) + 0.5, 0, 1)
    middle = cv2.GaussianBlur(((grid.near + grid.far) / 2).astype(np.float32), (0, 0), 4.0)
    thick = np.sqrt(np.maximum(d * (2 * radius - d), 0)) * middle / body.camera.focal_px * above
    near, far = (side + (middle - side) * grid.closing for side in (grid.near, grid.far))
    near_hair, far_hair = np.minimum(near, middle - thick), np.maximum(far, middle + thick)
    open_ = 1 - above * (1 - np.clip(d / float(grid.uv[0, 1, 0] - grid.uv[0, 0, 0]) - 1, 0, 1))
    near_hair, far_hair = (middle + (side - middle) * open_ for side in (near_hair, far_hair))
    near = np.where(body.region[row, column] == Region.FACE, near, near_hair)
    return replace(grid, near=near, far=far_hair, closing=np.zeros_like(grid.closing))


def _inside(alpha: np.ndarray) -> np.ndarray:
    """[h, w] float32: distance in pixels to the layer's outline, 0 outside it; the picture's border is outside."""
    framed = cv2.copyMakeBorder((alpha > 0.5).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]


def _pixels(grid: ReliefGrid, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pixels under the grid's vertices."""
    row, column = (np.minimum(grid.uv[..., k].astype(int), alpha.shape[1 - k] - 1) for k in (1, 0))
    return row, column
