"""Keypoints of a known body: in the picture or not, on the near side of the head or not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from motionimit.body.model import load_body
from motionimit.body.projected import projected_keypoints
from motionimit.body.upright import rest_pose, turn
from motionimit.geometry.camera import Camera
from motionimit.pose.keypoints import KEYPOINTS
from motionimit.types import BodyParams

MODEL = load_body()
FACE = ("nose", "right_eye", "left_eye", "right_ear", "left_ear")


def body(yaw_deg: float, size: tuple[int, int] = (300, 400)) -> BodyParams:
    rotations = rest_pose("a")[None].clone()
    rotations[0, 0] = torch.from_numpy(turn(np.array(yaw_deg))).float()
    return BodyParams(rotations, torch.zeros(10), torch.tensor([[0.0, 0.2, -4.0]]), Camera.for_image(*size))


@pytest.mark.parametrize(
    ("yaw_deg", "seen"),
    [
        (0, set(FACE)),
        (90, {"nose", "right_eye", "right_ear"}),  # turned to the picture's right, the right side is the near one
        (-90, {"nose", "left_eye", "left_ear"}),
        (180, {"right_ear", "left_ear"}),
    ],
)
def test_a_face_shows_what_a_detector_would_find(yaw_deg: float, seen: set[str]) -> None:
    found = projected_keypoints(body(yaw_deg), MODEL)
    assert {name for name in FACE if found[KEYPOINTS.index(name), 2] > 0} == seen
    assert (found[[KEYPOINTS.index(n) for n in KEYPOINTS if n not in FACE], 2] == 1).all()


def test_the_body_stands_where_it_is_projected() -> None:
    found = dict(zip(KEYPOINTS, projected_keypoints(body(0), MODEL), strict=True))
    assert found["left_wrist"][0] > found["left_shoulder"][0] > found["right_shoulder"][0] > found["right_wrist"][0]
    assert found["nose"][1] < found["neck"][1] < found["left_hip"][1] < found["left_knee"][1] < found["left_ankle"][1]
    shoulders = (found["left_shoulder"] + found["right_shoulder"])[:2] / 2
    assert torch.equal(found["neck"][:2], shoulders)


def test_what_the_picture_cuts_off_is_not_there() -> None:
    whole = body(0)
    cut = BodyParams(whole.rotations, whole.betas, whole.translation_m, whole.camera.cropped(0, 0, 300, 220))
    found = projected_keypoints(cut, MODEL)
    below = found[:, 1] >= 220
    assert below.any() and (found[below, 2] == 0).all()
    assert (found[~below, 2] == 1).all()
