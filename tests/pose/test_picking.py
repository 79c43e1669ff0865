"""Frames for photos: every side once, the front first, sharp rather than blurred, and never one that shows nobody."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionimit.body.model import BodyModel, load_body
from motionimit.body.rig import Rig
from motionimit.geometry.camera import Camera
from motionimit.geometry.rotation import axis_angle_to_matrix
from motionimit.media.writer import VideoWriter
from motionimit.pose import picking
from motionimit.pose.picking import APART_DEG, GRID, frame_sharpness, person_sharpness, pick_frames, yaw_deg
from motionimit.types import BodyParams, PersonTrack

SIZE = (480, 640)


@lru_cache
def body() -> BodyModel:
    return load_body()


def turned(yaw: np.ndarray, x_m: float = 0.0) -> BodyParams:
    """Standing bodies [T] that turn by the given degrees about the vertical, as seen from the line of sight to `x_m`."""
    vectors = torch.zeros(len(yaw), 24, 3)
    vectors[:, 0, 1] = torch.deg2rad(torch.as_tensor(yaw, dtype=torch.float32)) - float(np.arctan2(x_m, 3.4))
    vectors[:, 16, 2], vectors[:, 17, 2] = -0.9, 0.9
    place = torch.tensor([x_m, 0.2, -3.4]).repeat(len(yaw), 1)
    return BodyParams(axis_angle_to_matrix(vectors), torch.zeros(10), place, Camera.for_image(*SIZE))


def seen(params: BodyParams) -> PersonTrack:
    """What a perfect detector makes of it."""
    shaped = Rig.landmarks(body()).shaped(np.zeros(10))
    metres = shaped.pose(params.rotations.double().numpy(), params.translation_m.double().numpy()).points_m
    xy = params.camera.project(torch.from_numpy(metres)).float()
    box = torch.cat((xy.amin(1), xy.amax(1)), 1)
    count = len(xy)
    centred = torch.from_numpy(metres - metres[:, [23, 24]].mean(1, keepdims=True)).float()
    valid = torch.ones(count, dtype=torch.bool)
    return PersonTrack(SIZE, Fraction(25), box, xy, centred, torch.ones(count, 33), valid, (), (), torch.zeros(0, 1, 8, 8))


def apart(yaw: np.ndarray) -> float:
    return min(abs((a - b + 180) % 360 - 180) for a, b in combinations(yaw, 2))


@pytest.mark.parametrize("x_m", [0.0, 0.8, -0.8])
def test_yaw_is_the_side_that_the_camera_sees(x_m: float) -> None:
    yaw = np.array([0.0, 45, 90, 179, -90, -135])
    off = np.abs(yaw_deg(turned(yaw, x_m)) - yaw)
    assert off.max() < 0.1, f"{off.max():.2f} degrees off"


def test_a_full_turn_gives_front_back_and_both_sides() -> None:
    yaw = np.linspace(0, 357, 120)
    params = turned(yaw)
    for count, widest in ((2, 170), (4, 80), (8, 35)):
        picks = pick_frames(seen(params), params, np.ones(120), count)
        found = yaw_deg(params)[list(picks)]
        assert len(picks) == count and abs(found[0]) < 16, f"{count} frames at {found.round()}"
        assert apart(found) > widest, f"{count} frames at {found.round()}, two of them {apart(found):.0f} degrees apart"


def test_few_sides_give_few_frames() -> None:
    params = turned(20 * np.sin(np.linspace(0, 9, 50)))
    found = yaw_deg(params)[list(pick_frames(seen(params), params, np.ones(50), 4))]
    assert 1 <= len(found) <= 2 and (len(found) == 1 or apart(found) >= APART_DEG), f"{found.round()}"
    still = turned(np.full(9, 180.0))
    assert len(pick_frames(seen(still), still, np.ones(9), 4)) == 1


def test_sharp_frames_are_preferred_at_each_side() -> None:
    yaw = np.repeat([0.0, 90, 180, -90], 30)
    sharp = np.tile(np.where(np.abs(np.arange(30) - 17) < 3, 9.0, 3.0), 4)
    params = turned(yaw)
    picks = pick_frames(seen(params), params, sharp, 4)
    assert len(picks) == 4 and all(14 < p % 30 < 20 for p in picks), f"picked {picks}"


def test_sharpness_of_a_plain_back_is_not_held_against_a_patterned_front() -> None:
    yaw = np.repeat([0.0, 180], 40)
    params = turned(yaw)
    picks = pick_frames(seen(params), params, np.repeat([50.0, 2.0], 40), 2)
    assert {int(p) // 40 for p in picks} == {0, 1}


def test_cropped_unseen_and_badly_explained_frames_are_avoided() -> None:
    yaw = np.repeat([0.0, 180], 20)
    params = turned(yaw)
    track = seen(params)
    good = {7, 33}
    xy, valid = track.joints_px.clone(), track.valid.clone()
    trust = np.full(40, 0.3)
    for t in range(40):
        if t in good:
            trust[t] = 1.0
        elif t % 3 == 0:
            xy[t, 25:] += torch.tensor([0.0, 400.0])  # legs below the picture
        elif t % 3 == 1:
            valid[t] = False
    picks = pick_frames(replace(track, joints_px=xy, valid=valid), params, np.ones(40), 2, trust)
    assert set(picks) == good, f"picked {picks}"


def test_arms_off_the_body_are_preferred() -> None:
    params = turned(np.zeros(30))
    vectors = torch.zeros(30, 24, 3)
    vectors[:, 16, 2], vectors[:, 17, 2] = -1.45, 1.45
    vectors[12, 16, 2], vectors[12, 17, 2] = -0.6, 0.6
    params = replace(params, rotations=axis_angle_to_matrix(vectors))
    assert pick_frames(seen(params), params, np.ones(30), 1) == (12,)


def test_nobody_to_pick() -> None:
    params = turned(np.zeros(3))
    nobody = replace(seen(params), valid=torch.zeros(3, dtype=torch.bool))
    with pytest.raises(ValueError, match="0 show the person"):
        pick_frames(nobody, params, np.ones(3), 2)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-400, 400), min_size=1, max_size=40), st.integers(1, 9), st.randoms(use_true_random=False))
def test_laws_of_any_choice(yaw: list[float], count: int, chance) -> None:
    params = turned(np.array(yaw))
    track = seen(params)
    sharp = np.array([chance.uniform(0, 5) for _ in yaw])
    picks = pick_frames(track, params, sharp, count)
    found = yaw_deg(params)[list(picks)]
    assert 1 <= len(picks) <= count and len(set(picks)) == len(picks)
    assert len(picks) == 1 or apart(found) >= APART_DEG - 1e-6
    assert abs(found[0]) <= np.abs(yaw_deg(params)).min() + 15 + 1e-6, "the most frontal comes first"
    assert picks == pick_frames(track, params, sharp, count)


def test_sharpness_falls_with_blur_only_where_the_person_is() -> None:
    rng = np.random.default_rng(0)
    sharp = cv2.resize(rng.integers(0, 255, (160, 120, 3), np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 4)
    params = turned(np.zeros(2))
    track = seen(params)
    x0, y0, x1, y1 = (int(v) for v in track.box_xyxy_px[0])
    wide = np.s_[max(y0 - 40, 0) : y1 + 40, max(x0 - 40, 0) : x1 + 40]
    person_blurred, wall_blurred = sharp.copy(), blurred.copy()
    person_blurred[wide], wall_blurred[wide] = blurred[wide], sharp[wide]
    values = person_sharpness(np.stack([frame_sharpness(f) for f in (wall_blurred, person_blurred)]), track)
    assert frame_sharpness(sharp).shape == (GRID, GRID)
    assert values[0] > 5 * values[1], f"sharp person {values[0]:.1f}, blurred person {values[1]:.1f}"


@pytest.mark.parametrize(
    ("frames", "fps", "stride"),
    [(None, 25, 1), (200, 25, 1), (201, 25, 2), (1500, 25, 2), (1500, 60, 5), (90_000, 30, 2), (5000, 5, 1)],
)
def test_long_videos_are_strided_as_far_as_motion_can_be_followed(frames: int | None, fps: int, stride: int) -> None:
    assert picking._stride(frames, Fraction(fps)) == stride


def test_a_picked_frame_is_the_frame(tmp_path: Path) -> None:
    """At full size, by number, also deep inside a group of pictures."""
    path = tmp_path / "numbered.mp4"
    shade = [20 + 6 * i for i in range(36)]
    with VideoWriter(path, Fraction(30000, 1001), (64, 48)) as writer:
        for value in shade:
            writer.write(np.full((48, 64, 3), value, np.uint8))
    for index in (0, 7, 29, 35):
        photo = picking._photo(path, index, Fraction(30000, 1001))
        assert photo.rgb.shape == (48, 64, 3) and abs(float(photo.rgb.mean()) - shade[index]) < 2.5, f"frame {index}"
        assert len(photo.sha256) == 64 and photo.path == path and photo.matte is None
    assert picking._photo(path, 3, Fraction(30000, 1001)).sha256 != picking._photo(path, 4, Fraction(30000, 1001)).sha256


def test_a_real_turn_gives_four_sides(real_material: Path, tmp_path: Path) -> None:
    """Every eighth frame of a slow turn on the spot, small, at its own pace: front, back, left and right are in it."""
    from motionimit.media.reader import VideoReader

    clip = real_material / "clips" / "peoplesnapshot_male_rotation.mp4"
    if not clip.is_file():
        pytest.skip("the clip of a turning man is not there")
    path = tmp_path / "turn.mp4"
    with VideoReader(clip, max_side_px=360) as reader, VideoWriter(path, Fraction(25, 8), reader.size_px) as writer:
        for frame in reader:
            if frame.index % 8 == 0:
                writer.write(frame.rgb)
    photos, bodies = picking.picked_photos(path, body(), 4)
    yaw = np.array([float(yaw_deg(b)[0]) for b in bodies])
    assert len(photos) == 4 and abs(yaw[0]) < 16 and apart(yaw) > 60, f"seen from {yaw.round()} degrees"
    assert all(torch.equal(b.betas, bodies[0].betas) and len(b.rotations) == 1 for b in bodies)
    assert all(b.camera.size_px == (p.rgb.shape[1], p.rgb.shape[0]) for b, p in zip(bodies, photos, strict=True))
