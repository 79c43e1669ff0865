from __future__ import annotations

import numpy as np
import pytest
import torch
from scripted import BLUE, FPS, GREEN, HEIGHT, RED, WIDTH, ScriptedDetector, centre_x, clip, frame

from motionimit.errors import BadInput
from motionimit.pose.tracking import track_person
from motionimit.values import PersonChoice


def _walk(count: int, start: float = 100, step: float = 2) -> list[np.ndarray]:
    return [frame([(RED, start + step * t, 40)], noise=t) for t in range(count)]


def test_a_walk_is_followed_frame_by_frame() -> None:
    track = track_person(clip(_walk(40)), FPS, ScriptedDetector())
    error = np.abs(centre_x(track) - (100 + 2 * np.arange(40)))
    assert track.valid.all() and track.cuts == () and track.warnings == ()
    assert error.max() < 1.5, f"off by up to {error.max():.2f} px"
    assert track.size_px == (WIDTH, HEIGHT) and track.fps == FPS


def test_looking_costs_one_detection_per_frame() -> None:
    first, all_of_it = ScriptedDetector(), ScriptedDetector()
    track_person(clip(_walk(1)), FPS, first)
    track_person(clip(_walk(61)), FPS, all_of_it)
    runs, searches = all_of_it.detected - first.detected, all_of_it.found - first.found
    assert runs == 60, f"{runs} landmark runs for the 60 frames after the first"
    assert searches <= 6, f"{searches} searches for the 60 frames after the first"
    assert first.detected <= 12, f"{first.detected} landmark runs for the first frame"


def test_a_gap_is_bridged_linearly_and_reported() -> None:
    images = _walk(30)
    for t in range(12, 16):
        images[t] = frame([], noise=t)
    track = track_person(clip(images), FPS, ScriptedDetector())
    assert track.cuts == (), f"an interruption counts as cuts at {track.cuts}"
    assert track.valid.tolist() == [not 12 <= t < 16 for t in range(30)]
    assert track.confidence[12:16].abs().max() == 0
    error = np.abs(centre_x(track) - (100 + 2 * np.arange(30)))[12:16]
    assert error.max() < 1.5, f"bridged frames are off by up to {error.max():.2f} px"
    assert any("frames 12 to 15" in w for w in track.warnings), track.warnings
    assert not set(track.mask_frames) & {12, 13, 14, 15}


def test_gaps_at_both_ends_are_held() -> None:
    images = _walk(20)
    for t in (0, 1, 18, 19):
        images[t] = frame([], noise=t)
    x = centre_x(track_person(clip(images), FPS, ScriptedDetector()))
    assert x[0] == x[1] == x[2] and x[19] == x[18] == x[17], f"ends move: {x[:4]} .. {x[-4:]}"


def test_a_person_who_leaves_for_a_second_is_found_again() -> None:
    images = _walk(20) + [frame([], noise=t) for t in range(30)] + [frame([(RED, 180 - t, 40)], noise=t) for t in range(20)]
    track = track_person(clip(images), FPS, ScriptedDetector())
    assert track.valid[:20].all() and not track.valid[20:50].any()
    found = int(track.valid[50:].nonzero()[0])
    assert found <= 3, f"seen again only {found} frames after coming back"


def test_a_cut_starts_a_shot_that_nothing_is_bridged_across() -> None:
    first = [frame([(RED, 80, 40)], noise=t) for t in range(15)]
    second = _elsewhere(15, 240)
    track = track_person(clip(first + second), FPS, ScriptedDetector())
    assert track.cuts == (15,), track.cuts
    x = centre_x(track)
    assert abs(x[14] - 80) < 2 and abs(x[15] - 240) < 2, f"around the cut x is {x[13:17]}"


def _elsewhere(count: int, x: float) -> list[np.ndarray]:
    """Another place in other light, with the same person at x."""
    images = []
    for t in range(count):
        rgb = frame([(RED, x, 40)], noise=t)
        images.append(np.where((rgb == RED).all(-1, keepdims=True), rgb, np.clip(rgb + np.array((0, 90, 120)), 0, 255)))
    return [image.astype(np.uint8) for image in images]


@pytest.mark.parametrize("count", [1, 5, 20])
def test_black_frames_interrupt_a_shot_without_cutting_it(count: int) -> None:
    images = _walk(50)
    for t in range(12, 12 + count):
        images[t] = np.zeros_like(images[t])
    track = track_person(clip(images), FPS, ScriptedDetector())
    assert track.cuts == () and int((~track.valid).sum()) == count, f"cuts at {track.cuts}, {track.valid.tolist()}"
    error = np.abs(centre_x(track) - (100 + 2 * np.arange(50)))
    assert error.max() < 1.5, f"off by up to {error.max():.2f} px"


def test_black_frames_before_another_place_stay_a_cut() -> None:
    images = [*_walk(15), *[np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 5, *_elsewhere(15, 130)]
    track = track_person(clip(images), FPS, ScriptedDetector())
    assert 20 in track.cuts, track.cuts
    assert abs(float(centre_x(track)[20]) - 130) < 2


def test_a_jump_within_one_place_is_a_cut() -> None:
    images = [frame([(RED, 100 + 2 * t + (60 if t >= 15 else 0), 40)], noise=t) for t in range(30)]
    track = track_person(clip(images), FPS, ScriptedDetector())
    assert track.cuts == (15,), track.cuts
    assert track.valid.all()


def test_a_flash_of_light_is_no_cut() -> None:
    images = _walk(30)
    bright = np.clip(images[14].astype(int) + 90, 0, 255).astype(np.uint8)
    bright[(images[14] == RED).all(-1)] = RED
    images[14] = bright
    assert track_person(clip(images), FPS, ScriptedDetector()).cuts == ()


@pytest.mark.parametrize("front", ["mine", "other"])
@pytest.mark.parametrize(("count", "person"), [(40, 0), (40, 1), (70, 0)])
def test_identity_survives_a_crossing(front: str, count: int, person: int) -> None:
    images = []
    for t in range(count):
        left, right = (RED, 70 + 180 * t / (count - 1), 40.0), (BLUE, 250 - 180 * t / (count - 1), 40.0)
        mine, other = (left, right) if person == 0 else (right, left)
        images.append(frame([other, mine] if front == "mine" else [mine, other], noise=t))
    track = track_person(clip(images), FPS, ScriptedDetector(), person=PersonChoice(number=person + 1))
    end = centre_x(track)[-1]
    wanted = 250 if person == 0 else 70
    assert abs(end - wanted) < 5, f"ends at x = {end:.0f}, the followed person is at {wanted}"


def test_the_largest_is_chosen_unless_a_number_is_given() -> None:
    images = [frame([(BLUE, 60, 60)], tall=100, noise=t) for t in range(5)]
    for t, rgb in enumerate(images):
        big = frame([(RED, 200, 30)], tall=180, noise=t)
        rgb[:, 140:] = big[:, 140:]
    assert abs(centre_x(track_person(clip(images), FPS, ScriptedDetector()))[0] - 200) < 3
    assert abs(centre_x(track_person(clip(images), FPS, ScriptedDetector(), person=PersonChoice(number=1)))[0] - 60) < 3


def test_too_few_people_says_how_many_there_are() -> None:
    images = [frame([(RED, 70, 40), (GREEN, 240, 40)], noise=t) for t in range(40)]
    with pytest.raises(BadInput, match=r"^Person 3 was asked for but 2 people were found in dance\.mp4"):
        track_person(clip(images), FPS, ScriptedDetector(), person=PersonChoice(number=3), where="dance.mp4")


def test_nobody_says_so() -> None:
    with pytest.raises(BadInput, match=r"^No person was found in dance\.mp4"):
        track_person(clip([frame([], noise=t) for t in range(8)]), FPS, ScriptedDetector(), where="dance.mp4")


def test_no_frames_says_so() -> None:
    with pytest.raises(BadInput, match="^There are no frames in the video"):
        track_person(clip([]), FPS, ScriptedDetector())


def test_a_tiny_person_is_refused_with_both_numbers() -> None:
    images = [frame([(RED, 100, 100)], tall=45, noise=t) for t in range(5)]
    with pytest.raises(BadInput, match=r"^The person in the video is only \d+ px tall, at least 64 px are needed"):
        track_person(clip(images), FPS, ScriptedDetector())


@pytest.mark.parametrize("wrong", [[10], [10, 11, 12], [5, 20, 21]])
def test_swapped_frames_are_put_back(wrong: list[int]) -> None:
    images = [frame([(RED, 100 + 2 * t, 40)], swapped=t in wrong, noise=t) for t in range(30)]
    track = track_person(clip(images), FPS, ScriptedDetector())
    order = (track.joints_px[:, 11, 0] < track.joints_px[:, 12, 0]).tolist()
    assert all(order), f"left and right exchanged in frames {[t for t, o in enumerate(order) if not o]}"
    assert any(f"swapped back in {len(wrong)} of 30" in w for w in track.warnings), track.warnings


@pytest.mark.parametrize("count", [48, 49, 130])
def test_masks_are_few_spread_and_small(count: int) -> None:
    track = track_person(clip(_walk(count, step=0.4)), FPS, ScriptedDetector())
    frames = np.array(track.mask_frames)
    assert 24 <= len(frames) <= 48, f"{len(frames)} masks kept of {count} frames"
    assert len(set(np.diff(frames))) == 1 and frames[-1] >= count - 2 * np.diff(frames)[0], frames
    assert track.masks.dtype == torch.float32 and max(track.masks.shape[-2:]) == 256
    assert 0.9 < float(track.masks.amax()) <= 1


def test_one_frame_is_enough() -> None:
    track = track_person(clip(_walk(1)), FPS, ScriptedDetector())
    assert track.joints_px.shape == (1, 33, 2) and track.valid.all()


def test_progress_counts_frames() -> None:
    seen: list[tuple[str, int, int | None]] = []
    track_person(clip(_walk(5)), FPS, ScriptedDetector(), progress=lambda *a: seen.append(a))
    assert seen == [("pose", i + 1, None) for i in range(5)]
