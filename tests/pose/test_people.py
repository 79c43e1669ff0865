from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scripted import BLUE, GREEN, HEIGHT, RED, WIDTH, ScriptedDetector, frame, skeleton

from motionimit.errors import BadInput
from motionimit.pose.choice import choose
from motionimit.pose.detector import Detection
from motionimit.pose.people import find_people, plausibility
from motionimit.pose.photo import _bones, _unturned, track_photo
from motionimit.pose.roi import Roi
from motionimit.types import Photo
from motionimit.values import parse_person


def test_people_come_left_to_right_each_once() -> None:
    people = find_people(frame([(GREEN, 260, 40), (RED, 60, 40), (BLUE, 160, 40)], tall=120), ScriptedDetector())
    x = [float(p.box_px[[0, 2]].mean()) for p in people]
    assert np.abs(np.array(x) - (60, 160, 260)).max() < 8, x


def test_boxes_hold_the_people_and_stay_in_the_frame() -> None:
    (person,) = find_people(frame([(RED, 40, -20)], tall=200), ScriptedDetector())
    x0, y0, x1, y1 = person.box_px
    assert x0 >= 0 and y0 >= 0 and x1 >= 85 and y1 >= 175, person.box_px


def test_choose_refuses_nobody_and_numbers_out_of_range() -> None:
    people = find_people(frame([(RED, 100, 40)]), ScriptedDetector())
    for choice in map(parse_person, (None, 1, "left", "0.2,0.2")):
        with pytest.raises(BadInput, match="^No person was found in a.jpg"):
            choose([], choice, (WIDTH, HEIGHT), "a.jpg")
    with pytest.raises(BadInput, match="Person 2 was asked for but only 1 person was found in a.jpg.*doctor --people FILE"):
        choose(people, parse_person(2), (WIDTH, HEIGHT), "a.jpg")


def test_a_collapsed_skeleton_is_implausible() -> None:
    window = Roi((100.0, 100.0), 200.0)
    joints = np.full((33, 2), 100, np.float32)
    collapsed = Detection(joints, np.zeros((33, 3), np.float32), np.ones(33, np.float32), window, window)
    assert plausibility(collapsed) < 0.35


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_windows_of_a_turned_picture_come_back(turns: int) -> None:
    rgb = np.zeros((60, 100, 3), np.uint8)
    rgb[12, 70] = 255
    row, column = np.argwhere(np.rot90(rgb, turns)[..., 0])[0]
    roi = _unturned(Roi((column + 0.5, row + 0.5), 30.0), turns, 100, 60)
    assert roi.center_px == (70.5, 12.5), roi.center_px
    up = roi.to_frame(np.array([0.5, 0.0])) - roi.center_px
    wanted = {1: (1, 0), 2: (0, 1), 3: (-1, 0)}[turns]  # where up of the turned picture points in the picture
    assert np.allclose(up / 15, wanted, atol=1e-9), up


def _photo(rgb: np.ndarray, matte: np.ndarray | None = None) -> Photo:
    return Photo(Path("photo.jpg"), rgb, matte, "0" * 64)


def test_a_photo_is_a_track_of_one_frame_with_a_full_size_mask() -> None:
    track = track_photo(_photo(frame([(RED, 150, 30)], tall=180)), ScriptedDetector())
    assert track.masks.shape == (1, 1, 240, 320) and track.mask_frames == (0,) and track.valid.all()
    assert abs(float(track.joints_px[0, [23, 24], 0].mean()) - 150) < 3


def test_the_photos_own_matte_is_used_as_it_is() -> None:
    matte = np.linspace(0, 1, 240 * 320, dtype=np.float32).reshape(240, 320)
    track = track_photo(_photo(frame([(RED, 150, 30)], tall=180), matte), ScriptedDetector())
    assert (track.masks[0, 0].numpy() == matte).all()


def test_a_small_person_in_a_photo_is_refused_with_both_numbers() -> None:
    with pytest.raises(BadInput, match=r"^The person in 'photo.jpg' is only \d+ px tall, at least 128 px are needed"):
        track_photo(_photo(frame([(RED, 150, 60)], tall=90)), ScriptedDetector())


def test_a_limb_that_the_mask_does_not_bear_out_adds_nothing_to_it() -> None:
    window = Roi((100.0, 120.0), 240.0)
    joints = (skeleton() * (100, 200) + (50, 20)).astype(np.float32)
    person = Detection(joints, np.zeros((33, 3), np.float32), np.ones(33, np.float32), window, window)
    whole, shinless = np.ones((240, 200), np.float32), np.ones((240, 200), np.float32)
    shinless[int(joints[25, 1]) + 6 :, :100] = 0
    knee_to_ankle = tuple(int(v) for v in joints[[25, 27]].mean(0))[::-1]
    other_shin = tuple(int(v) for v in joints[[26, 28]].mean(0))[::-1]
    assert _bones(person, whole, 200)[knee_to_ankle] > 0.9
    assert _bones(person, shinless, 200)[knee_to_ankle] == 0
    assert _bones(person, shinless, 200)[other_shin] > 0.9
