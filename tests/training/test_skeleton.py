"""The 24-joint view of Anny's bones: same table as the open body, and skinning that is consistent with forward kinematics."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from motionimit.training.skeleton import (
    BONES_OF_JOINT,
    CENTRE_BONES,
    CHILD,
    DIRECTIONS,
    PARENTS,
    Skeleton,
    fold_matrix,
    forward_kinematics,
    skin,
    skinning_transforms,
    swing,
)

BAKE = Path(__file__).parents[2] / "body_models"
BONES = [b for group in BONES_OF_JOINT.values() for b in group]


def random_rotations(rng: np.random.Generator, count: int) -> np.ndarray:
    q, _ = np.linalg.qr(rng.normal(size=(count, 3, 3)))
    return q * np.sign(np.linalg.det(q))[:, None, None]


@pytest.fixture
def skeleton():
    rng = np.random.default_rng(5)
    return Skeleton.from_bones(rng.normal(size=(len(BONES), 3)), BONES)


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, BAKE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_joint_table_is_the_open_bodys():
    """Ground truth must mean the same joints as the baked body that the fit uses."""
    parts = load("bake_parts")
    assert {j: sorted(b) for j, b in parts.BONES_OF_JOINT.items()} == {j: sorted(b) for j, b in BONES_OF_JOINT.items()}
    assert {j: sorted(b) for j, b in parts.JOINT_BONE.items()} == {j: sorted(b) for j, b in CENTRE_BONES.items()}
    assert tuple(parts.PARENTS) == PARENTS


def test_tpose_is_the_open_bodys():
    load("bake_parts")  # which bake_shapes imports by that name
    shapes = load("bake_shapes")
    heads = np.random.default_rng(7).normal(size=(len(BONES), 3))
    skeleton = Skeleton.from_bones(heads, BONES)
    joints = shapes.joint_centres(heads[None], BONES)
    palm = np.stack([heads[BONES.index(f"finger2-1.{s}")] - heads[BONES.index(f"finger5-1.{s}")] for s in "LR"])
    turn, placed = shapes.tpose_turns(joints - joints[:, :1], palm[None])
    np.testing.assert_allclose(skeleton.tpose[:, :3, :3], turn[0], atol=1e-9)
    np.testing.assert_allclose(skeleton.joints_m - skeleton.joints_m[0], placed[0], atol=1e-9)


def test_every_bone_has_one_joint():
    assert len(BONES) == len(set(BONES)) == 104
    assert (fold_matrix(BONES).sum(1) == 1).all()


def test_limbs_lie_along_their_tpose_directions(skeleton):
    joints = skeleton.joints_m
    for left, child in CHILD.items():
        for k, mirror in ((0, 1), (1, -1)):
            bone = joints[child + k] - joints[left + k]
            goal = np.array(DIRECTIONS[left], float) * (mirror, 1, 1)
            np.testing.assert_allclose(bone / np.linalg.norm(bone), goal / np.linalg.norm(goal), atol=1e-9)


def test_skinning_carries_rest_joints_to_the_posed_ones(skeleton):
    rng = np.random.default_rng(2)
    rotations, shift = random_rotations(rng, 24), rng.normal(size=3)
    moved = skin(skeleton.rest_joints_m, np.eye(24), skinning_transforms(skeleton, rotations, shift))
    expected = forward_kinematics(skeleton.joints_m, rotations)[:, :3, 3] + shift
    np.testing.assert_allclose(moved, expected, atol=1e-9)


def test_identity_pose_is_the_tpose(skeleton):
    still = np.tile(np.eye(3), (24, 1, 1))
    np.testing.assert_allclose(skinning_transforms(skeleton, still, np.zeros(3)), skeleton.tpose, atol=1e-9)


def test_swing_turns_a_onto_b():
    a, b = np.random.default_rng(1).normal(size=(2, 3))
    turned = swing(a, b) @ a
    np.testing.assert_allclose(turned / np.linalg.norm(turned), b / np.linalg.norm(b), atol=1e-12)
    np.testing.assert_allclose(swing(a, b) @ swing(a, b).T, np.eye(3), atol=1e-12)
