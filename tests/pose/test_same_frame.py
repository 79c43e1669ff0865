"""A photo is recognised as a frame of the clip by its landmarks and its pixels, and by nothing less."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import torch

from motionimit.pose.same_frame import Thumbs, find_same_frame, thumb
from motionimit.types import Frame, PersonTrack

SIZE = (120, 160)
FRAMES = 20


def track(joints: np.ndarray, size: tuple[int, int]) -> PersonTrack:
    """joints [T, 33, 2] px."""
    count = len(joints)
    box = np.concatenate((joints.min(1), joints.max(1)), -1)
    arrays = (box, joints, np.zeros((count, 33, 3)), np.ones((count, 33)))
    tensors = (torch.from_numpy(np.asarray(a, np.float32)) for a in arrays)
    return PersonTrack(size, Fraction(25), *tensors, torch.ones(count, dtype=torch.bool), (), (), torch.zeros(0, 1, 4, 4))


def clip() -> tuple[np.ndarray, list[Frame]]:
    """Joints [T, 33, 2] that drift, and pictures in which a block moves with them."""
    rng = np.random.default_rng(0)
    base = rng.uniform((40, 20), (80, 140), (33, 2))
    joints = np.stack([base + np.array((1.5 * t, 0)) for t in range(FRAMES)])
    wall = cv2.GaussianBlur(rng.uniform(0, 255, (SIZE[1], SIZE[0], 3)).astype(np.float32), (0, 0), 4)
    pictures = []
    for t in range(FRAMES):
        picture = wall.copy()
        picture[20:140, round(40 + 1.5 * t) : round(80 + 1.5 * t)] = (220, 40, 30)
        pictures.append(Frame(t, t / 25, picture.astype(np.uint8)))
    return joints, pictures


def small(frames: list[Frame]) -> np.ndarray:
    return np.stack([thumb(frame.rgb) for frame in frames])


def test_a_frame_in_twice_the_size_is_found() -> None:
    joints, frames = clip()
    for index in (0, 7, 19):
        photo = cv2.resize(frames[index].rgb, (2 * SIZE[0], 2 * SIZE[1]), interpolation=cv2.INTER_CUBIC)
        noise = np.random.default_rng(1).normal(0, 1, (1, 33, 2))
        person = track(2 * joints[index : index + 1] + noise, (2 * SIZE[0], 2 * SIZE[1]))
        assert find_same_frame(photo, person, joints, SIZE, small(frames)) == index


def test_the_picture_decides_where_many_frames_have_the_pose() -> None:
    """A person who hardly moves: the landmarks of every frame agree with the photo's as well as each other's."""
    joints, frames = clip()
    still = joints[:1] + np.random.default_rng(2).normal(0, 0.3, (FRAMES, 33, 2))
    for index in (0, 7, 19):
        assert find_same_frame(frames[index].rgb, track(joints[:1], SIZE), still, SIZE, small(frames)) == index


def test_the_same_pose_before_another_wall_is_no_frame() -> None:
    joints, frames = clip()
    photo = np.full_like(frames[3].rgb, 90)
    photo[20:140, 44:84] = (220, 40, 30)
    assert find_same_frame(photo, track(joints[3:4], SIZE), joints, SIZE, small(frames)) is None


def test_another_pose_or_aspect_is_refused() -> None:
    joints, frames = clip()
    elsewhere = track(joints[3:4] + np.array((0, 30)), SIZE)
    assert find_same_frame(frames[3].rgb, elsewhere, joints, SIZE, small(frames)) is None
    assert find_same_frame(frames[3].rgb, track(joints[3:4], (120, 120)), joints, SIZE, small(frames)) is None


def test_thumbs_are_kept_of_the_frames_that_pass() -> None:
    _, frames = clip()
    thumbs = Thumbs()
    assert list(thumbs.of(frames)) == frames
    assert np.array_equal(thumbs.first(5), small(frames)[:5]) and thumbs.first(5).dtype == np.uint8
