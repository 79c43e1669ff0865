"""Silhouette coverage, distances, and the pull of a mask on shape and pose."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import torch
from fit_samples import dance, detect

from motionimit.body.fit import FitSettings, fit_body
from motionimit.body.model import BodyModel, load_body
from motionimit.body.quality import Skin, mask_agreement
from motionimit.body.residuals import image_normals
from motionimit.body.silhouette import coverage, iou, sample, signed_distance
from motionimit.types import BodyParams, PersonTrack


@lru_cache
def body() -> BodyModel:
    return load_body()


def with_masks(track: PersonTrack, truth: BodyParams, frames: tuple[int, ...], scale: float) -> PersonTrack:
    """The track with exact silhouettes of the true body as masks."""
    from dataclasses import replace

    skin = Skin(body(), truth.betas.double().numpy())
    size = (round(track.size_px[0] * scale), round(track.size_px[1] * scale))
    masks = []
    for t in frames:
        vertices = skin(truth.rotations[t].double().numpy(), truth.translation_m[t].double().numpy())
        masks.append(coverage(image_normals(vertices, truth.camera)[0] * scale, skin.faces, size))
    return replace(track, mask_frames=frames, masks=torch.from_numpy(np.stack(masks)).float()[:, None])


def test_coverage_matches_a_polygon_fill() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        tri = rng.uniform(-10, 70, (3, 2))
        if np.cross(np.r_[tri[1] - tri[0], 0], np.r_[tri[2] - tri[0], 0])[2] > 0:
            tri = tri[::-1].copy()
        ours = coverage(tri, np.array([[0, 1, 2]]), (60, 50))
        y, x = np.mgrid[:50, :60] + 0.5
        theirs = np.ones((50, 60), bool)
        for i in range(3):
            a, b = tri[i], tri[(i + 1) % 3]
            theirs &= (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) <= 0
        assert np.array_equal(ours, theirs)


def test_a_closed_mesh_has_no_holes() -> None:
    skin = Skin(body(), np.zeros(10))
    xy = skin.rest[:, :2] * (100, -100) + (110, 110)
    mask = coverage(xy, skin.faces, (220, 230)).astype(np.uint8)
    found, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[-2:]
    assert len(found) == 1, f"{len(found)} outlines; a T-pose has one"


def test_signed_distance_of_a_disc() -> None:
    y, x = np.mgrid[:80, :80] + 0.5
    radius = np.hypot(x - 40, y - 40)
    field = signed_distance(radius < 20)
    points = np.array([[46.0, 40.0], [60.0, 40.0], [40.0, 70.0], [54.1, 54.1]])
    error = np.abs(sample(field, points) - (np.hypot(*(points - 40).T) - 20))
    assert error.max() < 0.8, f"{error.max():.2f} px"


def test_photo_outline_corrects_shape() -> None:
    """Someone much wider than average: landmarks alone hardly tell, the outline does."""
    betas = np.zeros(10)
    betas[8] = 2.0
    truth = dance(1, betas=betas)
    track = detect(truth, body())
    blind = fit_body(track, body())[0]
    masked = with_masks(track, truth, (0,), 0.5)
    _, quality = fit_body(masked, body())
    before, after = mask_agreement(masked, blind, body()), quality.mask_iou
    assert before is not None
    assert after is not None
    assert after > 0.93, f"IoU {after:.3f}"
    assert after > before + 0.01, f"IoU {before:.3f} without and {after:.3f} with the outline"


def test_clip_masks_correct_shape() -> None:
    betas = np.zeros(10)
    betas[8] = 2.0
    truth = dance(40, betas=betas)
    track = with_masks(detect(truth, body()), truth, tuple(range(0, 40, 5)), 256 / 960)
    landmarks = fit_body(track, body(), settings=FitSettings(contour_frames=0))[1]
    silhouettes = fit_body(track, body())[1]
    assert landmarks.mask_iou is not None
    assert silhouettes.mask_iou is not None
    assert silhouettes.mask_iou > max(0.9, landmarks.mask_iou + 0.005), f"{landmarks.mask_iou:.3f} → {silhouettes.mask_iou:.3f}"


def test_iou_of_known_masks() -> None:
    a = np.zeros((4, 4), bool)
    b = a.copy()
    a[:2], b[1:3] = True, True
    assert iou(a, b) == 1 / 3
    assert iou(a & b & False, a & False) == 1.0
