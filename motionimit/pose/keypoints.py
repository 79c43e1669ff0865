"""The 18 keypoints of pose-guided stills (OpenPose's COCO order), from the 33 landmarks that are found everywhere else."""

from __future__ import annotations

import torch
from torch import Tensor

from ..checks import check_shape
from ..types import LANDMARKS

KEYPOINTS = (
    "nose", "neck",
    "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip
"""Left and right are the person's own."""

LIMBS = (
    (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13),
    (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (8, 11),
)  # fmt: skip
"""Pairs of keypoints between which the body runs."""

_LANDMARK_OF = (0, -1, 12, 14, 16, 11, 13, 15, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7)  # the neck lies between two
_SHOULDERS = (11, 12)
LEAST_CONFIDENCE = 0.3  # below it a keypoint counts as not there


def keypoints_of(landmarks_px: Tensor, confidence: Tensor) -> Tensor:
    """Landmarks [.., 33, 2] px and their confidence [.., 33] → [.., 18, 3]: x, y in px, confidence. The neck lies between the
    shoulders, as sure as the less sure of them. Raises `ShapeError`."""
    axes = check_shape("confidence", confidence.reshape(-1, confidence.shape[-1]), ("T", LANDMARKS))
    check_shape("landmarks_px", landmarks_px.reshape(-1, *landmarks_px.shape[-2:]), ("T", LANDMARKS, 2), axes)
    points = torch.cat([landmarks_px, confidence[..., None]], -1)
    left, right = (points[..., k, :] for k in _SHOULDERS)
    neck = torch.cat([(left[..., :2] + right[..., :2]) / 2, torch.minimum(left[..., 2:], right[..., 2:])], -1)
    named = [neck if k < 0 else points[..., k, :] for k in _LANDMARK_OF]
    return torch.stack(named, -2)
