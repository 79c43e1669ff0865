"""Silhouettes: coverage of a projected mesh, signed distances to a mask, and contour rows that pull a body onto its mask."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..geometry.camera import Camera
from .residuals import Rows, image_normals, robust
from .rig import Posed, Rig
from .solver import State

SIGMA_CONTOUR = 0.01  # of person height
LOOSE = 0.8  # weight of "the body is thinner than the mask" (clothes, hair) against "the body sticks out"
CONTOUR_SHARE = 40.0  # all contour rows of a frame together weigh as much as this many landmarks


def coverage(xy_px: np.ndarray, faces: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """Pixels whose centre lies in any triangle: bool [h, w]. `xy_px` [V, 2]; the mesh is closed: one side will do."""
    width, height = size_px
    tri = xy_px[faces]
    ab, ac = tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0]
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    low, high = tri.min(1), tri.max(1)
    keep = (area < -1e-9) & (high > 0).all(1) & (low < (width, height)).all(1)
    tri, first = tri[keep], np.ceil(np.maximum(low[keep], 0) - 0.5).astype(np.int64)
    last = np.floor(np.minimum(high[keep], (width, height)) - 0.5).astype(np.int64)
    extent = np.maximum(last - first + 1, 0).max(1)
    out = np.zeros((height, width), bool)
    step = 1
    while len(tri) and extent.max() > step // 2:
        chosen = (extent <= step) & (extent > step // 2)
        _fill(out, tri[chosen], first[chosen], step)
        step *= 2
    return out


def _fill(out: np.ndarray, tri: np.ndarray, first: np.ndarray, step: int) -> None:
    grid = np.stack(np.meshgrid(np.arange(step), np.arange(step)), -1).reshape(-1, 2)
    for start in range(0, len(tri), max(1, 400_000 // (step * step))):
        part = slice(start, start + max(1, 400_000 // (step * step)))
        pixel = first[part, None] + grid
        inside = np.ones(pixel.shape[:2], bool)
        for i in range(3):
            a, b = tri[part, i, None], tri[part, (i + 1) % 3, None]
            p = pixel + 0.5 - a
            inside &= (b[..., 0] - a[..., 0]) * p[..., 1] - (b[..., 1] - a[..., 1]) * p[..., 0] <= 1e-9
        inside &= (pixel < (out.shape[1], out.shape[0])).all(-1)
        x, y = pixel[inside].T
        out[y, x] = True


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Distance in px from each pixel centre to the mask's border [h, w] float32, negative inside."""
    inside = np.pad(mask, 1, mode="edge").astype(np.uint8)
    outward = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5) if inside.any() else np.full(inside.shape, 1e3, np.float32)
    inward = cv2.distanceTransform(inside, cv2.DIST_L2, 5) if not inside.all() else np.full(inside.shape, 1e3, np.float32)
    field = np.where(inside > 0, 0.5 - inward, outward - 0.5)
    return field[1:-1, 1:-1].astype(np.float32)


def sample(field: np.ndarray, xy_px: np.ndarray) -> np.ndarray:
    """Bilinear value of a field [h, w] at [K, 2] px (centres at +0.5); clamped at the border."""
    points = (xy_px - 0.5).astype(np.float32)[None]
    return cv2.remap(field, points[..., 0], points[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0].astype(float)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two bool masks; 1 where both are empty."""
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


@dataclass(frozen=True)
class Outline:
    """The mask of one frame, ready to be pulled towards."""

    field: np.ndarray  # [h, w] signed distance, mask px
    slope: np.ndarray  # [h, w, 2] its gradient, towards the outside
    mask: np.ndarray  # [h, w] bool

    @classmethod
    def of(cls, mask: np.ndarray) -> Outline:
        """From a mask [h, w] in 0..1."""
        inside = mask > 0.5
        field = cv2.GaussianBlur(signed_distance(inside), (0, 0), 1.0)
        slope = np.stack([cv2.Sobel(field, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(field, cv2.CV_32F, 0, 1, scale=0.125)], -1)
        return cls(field, slope, inside)


class ContourTerm:
    """Vertices on the body's occluding contour against the mask's outline; the choice of vertices is renewed by `update`."""

    def __init__(self, rig: Rig, faces: np.ndarray, candidates: np.ndarray, outlines: list[Outline], camera: Camera) -> None:
        """`rig` rides the candidate vertices (indices [K]); one outline per frame; `camera` of the masks' size."""
        self.rig, self.faces, self.candidates = rig, faces, candidates
        self.outlines, self.camera = outlines, camera
        self.weight = np.zeros((len(outlines), len(candidates)))
        self.own = np.zeros_like(self.weight)

    def update(self, vertices_m: np.ndarray, height_px: np.ndarray) -> None:
        """Choose the contour vertices of posed meshes [T, V, 3]; `height_px` [T] is the person's stature in mask px."""
        self.height_px = height_px
        size = self.camera.size_px
        for t, outline in enumerate(self.outlines):
            xy, _ = image_normals(vertices_m[t], self.camera)
            body = coverage(xy, self.faces, size)
            field = cv2.GaussianBlur(signed_distance(body), (0, 0), 0.7)
            own = sample(field, xy[self.candidates])
            reach = max(1.0, 0.008 * height_px[t])
            on = (own > -reach) & (xy[self.candidates] > 1).all(1) & (xy[self.candidates] < np.subtract(size, 1)).all(1)
            gx, gy = cv2.Sobel(field, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(field, cv2.CV_32F, 0, 1, scale=0.125)
            ours = np.stack([sample(gx, xy[self.candidates]), sample(gy, xy[self.candidates])], -1)
            theirs = self._slope(outline, xy[self.candidates])
            agree = (ours * theirs).sum(-1) / (np.linalg.norm(ours, axis=-1) * np.linalg.norm(theirs, axis=-1) + 1e-6)
            chosen = on & (agree > 0.5)
            self.weight[t] = chosen * np.sqrt(CONTOUR_SHARE / max(chosen.sum(), 40))
            self.own[t] = own

    @staticmethod
    def _slope(outline: Outline, xy: np.ndarray) -> np.ndarray:
        return np.stack([sample(np.ascontiguousarray(outline.slope[..., i]), xy) for i in (0, 1)], -1)

    def __call__(self, state: State, rows: bool, shape: bool) -> tuple[float, list[tuple[Posed, Rows]]]:
        """Cost and rows at a state: distance beyond the outline in units of 1 % of stature, Geman-McClure."""
        posed = self.rig.shaped(state.betas).pose(state.rotations, state.translation_m)
        xy, normals = image_normals(posed.points_m, self.camera)
        over = np.stack([sample(o.field, p) for o, p in zip(self.outlines, xy, strict=True)]) - self.own
        error = over / (SIGMA_CONTOUR * self.height_px[:, None])
        side = np.where(error > 0, 1.0, LOOSE) * self.weight
        cost, factor = robust(error**2, 4.0)
        total = float((side**2 * cost).sum())
        if not rows:
            return total, []
        slope = np.stack([self._slope(o, p) for o, p in zip(self.outlines, xy, strict=True)])
        factor = factor * side
        normal = np.einsum("tki,tkic->tkc", slope, normals) * (factor / (SIGMA_CONTOUR * self.height_px[:, None]))[..., None]
        by_beta = np.einsum("tkc,tkbc->tkb", normal, posed.points_by_beta()) if shape else None
        return total, [(posed, Rows(error * factor, normal, posed.levers_m, True, by_beta))]
