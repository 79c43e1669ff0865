"""Variety for pairs of stills, and the errors of the estimators whose keypoints and parsing the networks get at run time."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from ..generator.still_inputs import PARSING
from ..pose.keypoints import KEYPOINTS

_OTHER_SIDE = {"left": "right", "right": "left"}
MIRROR_KEYPOINT = tuple(KEYPOINTS.index("_".join(_OTHER_SIDE.get(word, word) for word in name.split("_"))) for name in KEYPOINTS)
"""For each keypoint the index of its twin on the other side."""

_FACE = [k for k, name in enumerate(KEYPOINTS) if name == "nose" or name.endswith(("eye", "ear"))]
_LIMBS_END = [k for k, name in enumerate(KEYPOINTS) if name.endswith(("elbow", "wrist", "ankle"))]
_SURE, _UNSURE, _OFTEN_UNSURE = 0.012, 0.03, 0.12  # standard deviation of a joint, of the person's height; how often the larger
_WANTED = 0.5  # the wanted pose comes from a body, whose errors are smaller
_FACE_SHARE = (0.6, 0.15)  # of a joint's: error of the whole face, and of each of its points, so that the head keeps its turn
_DROPPED, _END_DROPPED = 0.01, 0.05  # share of keypoints that a detector misses; of elbows, wrists and ankles
_FACE_REPORTED = 0.3  # share of people whose face is reported though it is turned away, as BlazePose does
_LEG_DROPPED = 0.04  # share of people whose legs below a knee are missed
_WRONG_GARMENT = 0.05
_MISTAKEN = {"upper": "lower", "lower": "upper", "shoes": "legs", "hair": "face", "legs": "lower", "arms": "upper"}
_KNEE_AND_ANKLE = ((9, 10), (12, 13))


def mirrored_keypoints(keypoints: Tensor, width: int) -> Tensor:
    """Keypoints [.., 18, 3] in a picture of `width` px as they are in the mirrored picture: sides swapped, x → width - x."""
    out = keypoints[..., list(MIRROR_KEYPOINT), :].clone()
    out[..., 0] = width - out[..., 0]
    return out


def shaken_keypoints(rng: np.random.Generator, keypoints: Tensor, height_px: float, wanted: bool) -> Tensor:
    """Keypoints [18, 3] as a detector finds them on a person of `height_px`: a standard deviation of 1.2 % of the height,
    sometimes 3 %; points of the face move together; some points are missed, and sometimes a face is reported that is turned
    away. Half of that error where the pose is the `wanted` one."""
    spread = height_px * (_UNSURE if rng.random() < _OFTEN_UNSURE else _SURE) * (_WANTED if wanted else 1.0)
    error = rng.normal(0, spread, (len(KEYPOINTS), 2))
    whole, own = _FACE_SHARE
    error[_FACE] = whole * rng.normal(0, spread, (1, 2)) + own * error[_FACE]
    chance = np.full(len(KEYPOINTS), _DROPPED)
    chance[_LIMBS_END] = _END_DROPPED
    missed = rng.random(len(KEYPOINTS)) < chance
    for knee, ankle in _KNEE_AND_ANKLE:
        if rng.random() < _LEG_DROPPED:
            missed[[knee, ankle]] = True
    out = keypoints.clone()
    if rng.random() < _FACE_REPORTED and bool((out[_FACE, :2] > 0).all()):  # the face lies in the picture
        out[_FACE, 2] = 1.0
    out[:, :2] += torch.from_numpy(error).float()
    out[:, 2] *= torch.from_numpy(~missed).float()
    return out


def shaken_parsing(rng: np.random.Generator, parsing: Tensor) -> Tensor:
    """A parsing [H, W] as a parser finds it: borders and the whole off by up to 1 % of the height, patches and now and then a
    garment taken for something else."""
    labels = parsing.numpy().astype(np.uint8)
    unit = max(1.0, len(labels) / 256)
    if rng.random() < _WRONG_GARMENT:
        name = str(rng.choice(list(_MISTAKEN)))
        labels = np.where(labels == PARSING.index(name), PARSING.index(_MISTAKEN[name]), labels).astype(np.uint8)
    if rng.random() < 0.7:
        labels = _worn(rng, labels, int(rng.choice([3, 5])))
    if rng.random() < 0.5:
        labels = _shifted(labels, *(round(s * unit) for s in rng.integers(-3, 4, 2)))
    if rng.random() < 0.5:
        _patch(rng, labels, unit)
    return torch.from_numpy(labels).to(parsing.dtype)


def _worn(rng: np.random.Generator, labels: np.ndarray, size: int) -> np.ndarray:
    """Every border moves: a maximum filter over labels in random order."""
    order = rng.permutation(len(PARSING)).astype(np.uint8)
    grown = cv2.dilate(order[labels], np.ones((size, size), np.uint8))
    return np.argsort(order).astype(np.uint8)[grown]


def _shifted(labels: np.ndarray, down: int, right: int) -> np.ndarray:
    height, width = labels.shape
    rows, columns = (np.clip(np.arange(n) - s, 0, n - 1) for n, s in ((height, down), (width, right)))
    return labels[rows][:, columns]


def _patch(rng: np.random.Generator, labels: np.ndarray, unit: float) -> None:
    """Give up to four small rectangles on the person the label of another place of the person, in place."""
    rows, columns = labels.nonzero()
    if not len(rows):
        return
    for _ in range(int(rng.integers(1, 5))):
        to, like = rng.integers(len(rows), size=2)
        high, wide = (1 + int(unit * rng.integers(2, 7)) for _ in range(2))
        y, x = max(rows[to] - high // 2, 0), max(columns[to] - wide // 2, 0)
        labels[y : y + high, x : x + wide] = labels[rows[like], columns[like]]
