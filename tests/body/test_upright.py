"""The vertical from the body's balance, and poses that stand on the photo's floor."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from orbit_people import body, standing, walking

from motionimit.body.upright import balance, centre_of_mass, facing, pose_of, rest_pose, stood, turn, vertical
from motionimit.errors import BadUsage
from motionimit.types import BodyParams


def test_centre_of_mass_of_a_box_is_its_middle_wherever_it_stands() -> None:
    corners = np.array([[x, y, z] for x in (0, 2.0) for y in (0, 1.0) for z in (0, 4.0)])
    faces = np.array(
        [
            [0, 1, 3],
            [0, 3, 2],
            [4, 6, 7],
            [4, 7, 5],
            [0, 4, 5],
            [0, 5, 1],
            [2, 3, 7],
            [2, 7, 6],
            [0, 2, 6],
            [0, 6, 4],
            [1, 5, 7],
            [1, 7, 3],
        ]
    )
    for shift in ([0, 0, 0], [5, -3, 11]):
        np.testing.assert_allclose(centre_of_mass(corners + shift, faces), np.array([1, 0.5, 2]) + shift, atol=1e-9)


@pytest.mark.parametrize("yaw_deg", [0.0, 120.0])
def test_a_camera_that_looks_down_tilts_the_vertical_by_as_much(yaw_deg: float) -> None:
    level = balance(standing(0, yaw_deg=yaw_deg), body())[0]
    assert abs(level) < 4, f"an upright person is measured to lean by {level:.1f} degrees"
    for tilt_deg in (-8.0, 6.0, 14.0, 22.0):
        got = balance(standing(tilt_deg, yaw_deg=yaw_deg), body())[0] - level
        assert got == pytest.approx(tilt_deg, abs=0.3)


def test_the_tilt_is_bounded_and_a_clip_says_the_same_as_a_photo() -> None:
    assert balance(standing(50), body())[0] <= 30
    photo, clip = balance(standing(12, depth_m=4.5), body())[0], balance(walking(10, 12), body())[0]
    assert clip == pytest.approx(photo, abs=4), f"{clip:.1f} degrees from the clip, {photo:.1f} from one frame"


def test_who_leans_sideways_or_has_no_feet_in_the_picture_has_no_say() -> None:
    roll = torch.tensor([[0.7071, -0.7071, 0], [0.7071, 0.7071, 0], [0, 0, 1.0]])
    person = standing(15)
    falling = person.rotations.clone()
    falling[:, 0] = roll @ falling[:, 0]
    assert balance(BodyParams(falling, person.betas, person.translation_m, person.camera), body())[0] == pytest.approx(
        0, abs=1e-6
    )
    assert balance(standing(15, depth_m=1.2), body())[0] == 0


def test_rest_poses_hold_the_arms_as_they_say() -> None:
    for kind, down_deg in (("t", 0.0), ("a", 45.0)):
        flat = BodyParams(rest_pose(kind)[None], torch.zeros(10), torch.zeros(1, 3), standing().camera)  # type: ignore[arg-type]
        joints = body().mesh(flat).joints_m[0].double().numpy()
        level = body().rest(torch.zeros(10))[1].double().numpy()
        for shoulder, wrist in ((16, 20), (17, 21)):
            arm, straight = joints[wrist] - joints[shoulder], level[wrist] - level[shoulder]
            angle = np.degrees(np.arccos(min(1.0, arm @ straight / np.linalg.norm(arm) / np.linalg.norm(straight))))
            assert angle == pytest.approx(down_deg, abs=0.5) and arm[1] <= straight[1] + 1e-9
    with pytest.raises(ValueError, match="must be a or t"):
        rest_pose("x")  # type: ignore[arg-type]


@pytest.mark.parametrize("tilt_deg", [0.0, 18.0])
def test_a_new_pose_stands_on_the_photos_floor_and_faces_the_camera(tilt_deg: float) -> None:
    source = standing(tilt_deg, yaw_deg=40)
    measured, mass = balance(source, body())
    pose = rest_pose("t").double()
    pose[0] = torch.from_numpy(turn(np.array(200.0)))
    new = stood(pose.float(), source, body())
    up = vertical(measured)
    floors = [(body().mesh(p).vertices_m[0].double().numpy() @ up)[:, 1].min() for p in (source, new)]
    assert 1000 * abs(floors[0] - floors[1]) < 1, f"the feet are {1000 * (floors[1] - floors[0]):.2f} mm off the floor"
    moved_mm = 1000 * ((balance(new, body())[1] - mass) @ up)[[0, 2]]
    assert np.abs(moved_mm).max() < 1, f"the person stands {moved_mm} mm beside their place"
    forward = up.T @ new.rotations[0, 0, :, 2].double().numpy()
    assert forward @ [0, 0, 1] == pytest.approx(1, abs=1e-5)


def test_a_lying_body_is_not_turned() -> None:
    lying = vertical(88)
    assert np.array_equal(facing(lying), lying)


def test_the_pose_of_a_motion_stands_up_where_its_camera_looked_down() -> None:
    level, tilted = walking(10), walking(10, 16)
    for frame in (0, 7):
        a, b = pose_of(level, body(), frame), pose_of(tilted, body(), frame)
        assert float((a - b).abs().max()) < 0.03, "the camera's tilt must not tell"
    with pytest.raises(BadUsage, match="--pose asks for frame 10, but the motion has frames 0 to 9 only"):
        pose_of(level, body(), 10)
