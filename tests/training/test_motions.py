"""Poses within the limits, limbs outside the body, the stated shares of facings, motions resampled, and seeds that repeat."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from motionimit.body import so3
from motionimit.body.export import write_motion
from motionimit.body.parts import JOINT_NAMES, MIRROR_JOINT
from motionimit.errors import BadInput
from motionimit.geometry.camera import Camera
from motionimit.training.motions import MotionPool, PosePair, sample_pose
from motionimit.training.poses import (
    ARM_PLACES,
    JOINTS_M,
    LIMITS_DEG,
    arms_outside,
    mirrored,
    photo_pose,
    pose_of_angles,
    reach,
    sample_angles,
)
from motionimit.training.skeleton import forward_kinematics
from motionimit.types import BodyParams

DRAWS = 150


@pytest.fixture(scope="module")
def poses():
    rng = np.random.default_rng(5)
    return np.stack([sample_pose(rng) for _ in range(DRAWS)])


def spin(frames: int, fps: float) -> np.ndarray:
    """A body that turns by 60 degrees per second and lifts its left arm by 45."""
    out = np.tile(np.eye(3), (frames, 24, 1, 1))
    times = np.arange(frames) / fps
    out[:, 0] = so3.exp(np.deg2rad(60) * times[:, None] * np.array([0, 1.0, 0]))
    out[:, 16] = so3.exp(np.deg2rad(45) * times[:, None] * np.array([0, 0, 1.0]))
    return out


def save(path, rotations: np.ndarray, fps: int) -> None:
    count = len(rotations)
    place = torch.tensor([0, 0, -5.0]).expand(count, 3)
    params = BodyParams(torch.from_numpy(rotations).float(), torch.zeros(10), place, Camera.for_image(64, 64))
    write_motion(path, params, Fraction(fps))


def yaw_deg(rotations: np.ndarray) -> np.ndarray:
    return np.rad2deg(np.arctan2(rotations[..., 0, 0, 2], rotations[..., 0, 2, 2]))


def test_angles_stay_within_the_table():
    rng = np.random.default_rng(1)
    for _ in range(DRAWS):
        angles = sample_angles(rng)
        for name, limits in LIMITS_DEG.items():
            joint = JOINT_NAMES.index(name)
            low, _, high = np.array(limits, float).T
            for j in (joint, MIRROR_JOINT[joint]):
                assert (angles[j] >= low - 1e-9).all() and (angles[j] <= high + 1e-9).all(), f"{JOINT_NAMES[j]} {angles[j]}"


def test_knees_bend_backwards_and_elbows_forwards(poses):
    shank = poses[:, [4, 5]] @ np.array([0, -1.0, 0])  # seen from the thigh
    assert shank[..., 2].max() < 1e-9, f"a knee bends forwards by {np.rad2deg(np.arcsin(shank[..., 2].max())):.1f} degrees"
    forearm = poses[:, [18, 19]] @ np.array([[1.0, 0, 0]]).T
    assert forearm[..., 2, 0][:, 0].min() > -1e-9
    assert (poses[:, 19] @ np.array([-1.0, 0, 0]))[:, 2].min() > -1e-9


def test_rotations_are_rotations_and_arms_reach_everywhere(poses):
    assert np.abs(poses @ poses.swapaxes(-1, -2) - np.eye(3)).max() < 1e-9
    along = poses[:, 16, :, 0]  # of the left upper arm
    for name, share in {"up": along[:, 1] > 0.4, "down": along[:, 1] < -0.6, "front": along[:, 2] > 0.5}.items():
        assert share.mean() > 0.08, f"only {100 * share.mean():.0f} % of the arms point {name}"


def test_limbs_stay_outside_the_body(poses):
    inside = sum(not arms_outside(pose) for pose in poses)
    assert inside == 0, f"{inside} of {DRAWS} poses have an arm in the body"
    through = np.tile(np.eye(3), (24, 1, 1))
    through[16] = so3.exp(np.array([0, 0, np.deg2rad(-120.0)]))  # the arm goes through the hip
    assert not arms_outside(through)


def test_mirroring_swaps_the_sides_and_returns(poses):
    assert np.abs(mirrored(mirrored(poses)) - poses).max() < 1e-12
    at = forward_kinematics(JOINTS_M, poses[0])[:, :3, 3]
    there = forward_kinematics(JOINTS_M, mirrored(poses[0]))[:, :3, 3]
    assert np.abs(there[list(MIRROR_JOINT)] * (-1, 1, 1) - at).max() < 1e-9


@pytest.mark.parametrize("place", ARM_PLACES)
def test_hands_reach_their_place(place):
    rng = np.random.default_rng(2)
    pose = np.tile(np.eye(3), (24, 1, 1))
    pose[[16, 18, 20]] = reach(rng, place, 0.0)
    wrist = forward_kinematics(JOINTS_M, pose)[20, :3, 3]
    off_m = np.linalg.norm(wrist - ARM_PLACES[place][0])
    assert off_m < 0.03, f"{place}: the wrist ends {100 * off_m:.1f} cm off"
    assert (pose[18] @ [1.0, 0, 0])[2] > -1e-9, "the elbow bends backwards"


def test_photographed_people_stand_and_mostly_face_the_camera():
    pool, rng = MotionPool(), np.random.default_rng(3)
    sources = np.stack([pool.source(rng) for _ in range(DRAWS)])
    frontal = (np.abs(yaw_deg(sources)) <= 40.5).mean()
    assert 0.7 < frontal < 0.9, f"{100 * frontal:.0f} % within 40 degrees"
    feet = np.stack([forward_kinematics(JOINTS_M, pose)[[7, 8], 1, 3] for pose in sources]).max(1)
    assert (feet < -0.7).mean() > 0.8, f"only {100 * (feet < -0.7).mean():.0f} % stand"
    wrists = np.stack([forward_kinematics(JOINTS_M, photo_pose(rng))[20, :3, 3] for _ in range(DRAWS)])
    assert np.ptp(wrists, 0).min() > 0.3, f"left wrists vary by {np.ptp(wrists, 0)} m"


def test_same_seed_gives_the_same_pairs(tmp_path):
    save(tmp_path / "spin.npz", spin(60, 30), 30)
    pool = MotionPool([tmp_path])
    one, two, other = (
        [pool.pair(rng, 3) for _ in range(4)]
        for rng in (np.random.default_rng(7), np.random.default_rng(7), np.random.default_rng(8))
    )
    for a, b in zip(one, two, strict=True):
        assert isinstance(a, PosePair) and a.source.shape == (24, 3, 3) and a.targets.shape == (3, 24, 3, 3)
        assert np.array_equal(a.source, b.source) and np.array_equal(a.targets, b.targets)
    assert not np.array_equal(one[0].targets, other[0].targets)


def test_sequences_follow_the_motion_at_the_asked_step(tmp_path):
    save(tmp_path / "spin.npz", spin(90, 30), 30)
    pool, rng = MotionPool([tmp_path / "spin.npz"], sampled=0.0), np.random.default_rng(0)
    assert pool.duration_s == pytest.approx(89 / 30)
    rates = []
    for _ in range(60):
        motion = pool.sequence(rng, 5, 0.04)
        turns = np.linalg.norm(so3.log(motion[1:, 0] @ motion[:-1, 0].swapaxes(-1, -2)), axis=-1)
        arm = max(np.linalg.norm(so3.log(motion[1:, j] @ motion[:-1, j].swapaxes(-1, -2)), axis=-1).max() for j in (16, 17))
        assert np.ptp(turns) < 1e-3, "a steady turn must stay steady"
        assert arm == pytest.approx(turns[0] * 45 / 60, rel=0.02)
        rates.append(np.rad2deg(turns[0]) / 0.04)
    assert 52 < np.median(rates) < 69, f"the median pace is {np.median(rates):.0f} degrees per second, recorded were 60"


def test_sequences_are_seen_from_all_sides(tmp_path):
    save(tmp_path / "spin.npz", spin(60, 30), 30)
    pool, rng = MotionPool([tmp_path], sampled=0.1), np.random.default_rng(4)
    yaws = np.concatenate([yaw_deg(pool.sequence(rng, 1)) for _ in range(300)])
    frontal, behind = (np.abs(yaws) < 40).mean(), (np.abs(yaws) > 90).mean()
    assert 0.42 < frontal < 0.65, f"{frontal:.2f} near frontal; 0.4 + 0.6 * 80/360 = 0.53 expected"
    assert 0.2 < behind < 0.4, f"{behind:.2f} from behind; 0.3 expected"


def test_still_poses_move_smoothly():
    pool, rng = MotionPool(), np.random.default_rng(6)
    for _ in range(20):
        motion = pool.sequence(rng, 6, 1 / 30)
        steps = np.linalg.norm(so3.log(motion[1:] @ motion[:-1].swapaxes(-1, -2)), axis=-1)
        assert np.rad2deg(steps.max()) < 9, f"a joint jumps by {np.rad2deg(steps.max()):.1f} degrees in a frame"
    assert np.rad2deg(steps.max()) > 0.01


def test_jumps_split_a_motion(tmp_path):
    rotations = spin(60, 30)
    rotations[30:, 0] = so3.exp(np.array([0, 2.5, 0])) @ rotations[30:, 0]  # a cut
    save(tmp_path / "cut.npz", rotations, 30)
    pool = MotionPool([tmp_path])
    assert [len(clip.rotations) for clip in pool.clips] == [30, 30]


def test_bad_paths_are_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.npz").write_bytes(b"no zip")
    save(tmp_path / "short.npz", spin(3, 30), 30)
    for name, word in (
        ("empty", "no motions"),
        ("broken.npz", "broken"),
        ("missing.npz", "does not exist"),
        ("short.npz", "0.4 s"),
    ):
        with pytest.raises(BadInput, match=word):
            MotionPool([tmp_path / name])
    with pytest.raises(ValueError, match="share"):
        MotionPool([], sampled=1.5)
    with pytest.raises(ValueError, match="step_s"):
        MotionPool().sequence(np.random.default_rng(0), 2, 0.0)


def test_neutral_angles_are_the_t_pose():
    assert np.array_equal(pose_of_angles(np.zeros((24, 3))), np.tile(np.eye(3), (24, 1, 1)))
