"""Skinning: agreement with smplx, the landmark table, translations, pose blendshapes, gradients, bends without collapse."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from motionimit.body.loading import OPEN_BODY, BodyData, read_body
from motionimit.body.model import BodyModel, load_body
from motionimit.body.parts import JOINT_NAMES
from motionimit.errors import ShapeError
from motionimit.geometry.camera import Camera
from motionimit.geometry.rotation import axis_angle_to_matrix
from motionimit.types import BodyParams

CAMERA = Camera.for_image(640, 480)


def params(poses: torch.Tensor, betas: torch.Tensor | None = None, translation: torch.Tensor | None = None) -> BodyParams:
    shift = torch.zeros(len(poses), 3) if translation is None else translation
    return BodyParams(axis_angle_to_matrix(poses), torch.zeros(10) if betas is None else betas, shift, CAMERA)


def random_params(frames: int = 5, seed: int = 0) -> tuple[BodyParams, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    poses = 0.6 * torch.randn(frames, 24, 3, generator=g)
    return params(poses, torch.randn(10, generator=g), torch.randn(frames, 3, generator=g)), poses


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_body(OPEN_BODY)


@pytest.fixture(scope="module")
def blended(body: BodyModel) -> BodyModel:
    """A body with pose blendshapes, thinned to be quick."""
    data, keep = body.data, np.arange(0, len(body.v_template), 9)
    rng = np.random.default_rng(0)
    regressor = rng.random((24, len(keep))).astype(np.float32)
    return BodyModel(
        BodyData(
            path=data.path,
            v_template=data.v_template[keep],
            shapedirs=data.shapedirs[keep],
            posedirs=rng.normal(0, 0.003, (len(keep), 3, 207)).astype(np.float32),
            joint_regressor=regressor / regressor.sum(1, keepdims=True),
            weights=data.weights[keep],
            faces=rng.integers(0, len(keep), (500, 3)),
        )
    )


@pytest.mark.parametrize("which", ["body", "blended"])
def test_mesh_agrees_with_smplx(which: str, request: pytest.FixtureRequest) -> None:
    model: BodyModel = request.getfixturevalue(which)
    given, poses = random_params()
    mesh = model.mesh(given)
    with torch.no_grad():
        theirs = model.layer()(
            betas=given.betas[None], global_orient=poses[:, 0], body_pose=poses[:, 1:].flatten(1), transl=given.translation_m
        )
    vertices = (mesh.vertices_m - theirs.vertices).abs().max().item()
    joints = (mesh.joints_m - theirs.joints[:, :24]).abs().max().item()
    assert vertices < 1e-5, f"vertices differ by {vertices:.1e} m"
    assert joints < 1e-5, f"joints differ by {joints:.1e} m"


def test_layer_is_silent(body: BodyModel, capsys: pytest.CaptureFixture[str]) -> None:
    body.layer()
    assert capsys.readouterr().out == ""


def test_joint_transforms_are_the_documented_skinning(body: BodyModel) -> None:
    given, _ = random_params()
    rest, joints = body.rest(given.betas)
    transforms = body.joint_transforms(given.rotations, joints, given.translation_m)
    assert transforms.shape == (5, 24, 4, 4)
    some = torch.arange(0, len(rest), 97)
    homogeneous = torch.cat((rest[some], torch.ones(len(some), 1)), 1)
    by_definition = torch.einsum("vj,tjab,vb->tva", body.weights[some], transforms, homogeneous)[..., :3]
    error = (by_definition - body.mesh(given).vertices_m[:, some]).abs().max()
    assert error < 1e-5, f"{error:.1e} m"
    assert torch.allclose(transforms[:, :, 3], torch.tensor([0.0, 0, 0, 1]).expand(5, 24, 4))


def test_landmark_table_equals_regression_of_the_skinned_mesh(body: BodyModel) -> None:
    given, _ = random_params(seed=3)
    mesh, landmarks = body.mesh(given), body.landmarks(given)
    skin = body.landmark_joint < 0
    from_mesh = torch.einsum("kv,tvc->tkc", body.landmark_regressor[skin], mesh.vertices_m)
    error = (landmarks[:, skin] - from_mesh).norm(dim=-1).max()
    assert error < 1e-4, f"{error:.1e} m"
    for k in (11, 14, 15, 24, 25, 28):
        at_joint = mesh.joints_m[:, int(body.landmark_joint[k])]
        assert (landmarks[:, k] - at_joint).norm(dim=-1).max() < 1e-3, f"landmark {k} left its joint"


def test_landmark_table_is_linear_in_the_betas(body: BodyModel) -> None:
    a, b = torch.randn(10, generator=torch.Generator().manual_seed(1)), torch.ones(10)
    middle = body.landmark_table((a + b) / 2)
    assert (middle - (body.landmark_table(a) + body.landmark_table(b)) / 2).abs().max() < 1e-5


def test_global_turn_and_translation_are_rigid(body: BodyModel) -> None:
    poses = torch.zeros(1, 24, 3)
    poses[0, 0, 1] = 1.0
    shift = torch.tensor([[0.3, -0.2, -4.0]])
    mesh = body.mesh(params(poses, translation=shift))
    rotation = axis_angle_to_matrix(poses[0, 0])
    root = body.joint_mean[0]
    expected = (body.v_template - root) @ rotation.T + root + shift
    assert (mesh.vertices_m[0] - expected).abs().max() < 1e-5


def test_slices_of_frames_agree_with_the_whole(body: BodyModel, blended: BodyModel) -> None:
    given, _ = random_params(7)
    for model in (body, blended):
        whole, part = model.mesh(given), model.mesh(given, slice(2, 6, 2))
        assert part.vertices_m.shape[0] == 2
        assert (whole.vertices_m[2:6:2] - part.vertices_m).abs().max() < 1e-6
        assert model.mesh(given, slice(0, 0)).vertices_m.shape == (0, len(model.v_template), 3)


def test_gradients_reach_betas_and_pose(body: BodyModel) -> None:
    poses = torch.zeros(2, 24, 3, requires_grad=True)
    betas = torch.zeros(10, requires_grad=True)
    points = body.landmarks(params(poses, betas))
    points[:, 15].square().sum().backward()
    assert poses.grad is not None
    assert betas.grad is not None
    assert torch.isfinite(poses.grad).all()
    assert poses.grad[:, JOINT_NAMES.index("left_shoulder")].abs().max() > 1e-3
    assert poses.grad[:, JOINT_NAMES.index("right_shoulder")].abs().max() == 0
    assert betas.grad.abs().max() > 1e-3


@pytest.mark.parametrize(
    ("name", "turn", "child", "direction"),
    [
        ("left_elbow", (0.0, -1.571, 0.0), "left_wrist", (0, 0, 1)),  # forearm to the front
        ("right_elbow", (0.0, 1.571, 0.0), "right_wrist", (0, 0, 1)),
        ("left_knee", (1.571, 0.0, 0.0), "left_ankle", (0, 0, -1)),  # heel to the back
        ("left_hip", (-1.571, 0.0, 0.0), "left_knee", (0, 0, 1)),  # knee to the front
        ("left_shoulder", (0.0, 0.0, -1.3), "left_elbow", (0, -1, 0)),  # arm down
        ("right_shoulder", (0.0, 0.0, -1.4), "right_elbow", (0, 1, 0)),  # arm up
    ],
)
def test_limbs_bend_the_right_way_without_collapsing(
    body: BodyModel, name: str, turn: tuple[float, ...], child: str, direction: tuple[int, ...]
) -> None:
    poses = torch.zeros(1, 24, 3)
    bent = JOINT_NAMES.index(name)
    poses[0, bent] = torch.tensor(turn)
    mesh = body.mesh(params(poses))
    bone = mesh.joints_m[0, JOINT_NAMES.index(child)] - mesh.joints_m[0, bent]
    cosine = (bone @ torch.tensor(direction, dtype=torch.float32) / bone.norm()).item()
    assert cosine > 0.9, f"{name} points elsewhere (cosine {cosine:.2f})"
    corners = mesh.vertices_m[0][body.faces]
    volume = (corners[:, 0] * torch.linalg.cross(corners[:, 1], corners[:, 2])).sum() / 6
    rest = body.v_template[body.faces]
    change = (volume / ((rest[:, 0] * torch.linalg.cross(rest[:, 1], rest[:, 2])).sum() / 6) - 1).item()
    assert abs(change) < 0.03, f"bending {name} changes the volume by {change:.1%}"


def test_wrong_shapes_are_named(body: BodyModel) -> None:
    with pytest.raises(ShapeError, match=r"betas must have shape \[10\], got \[11\]"):
        body.rest(torch.zeros(11))
    with pytest.raises(ShapeError, match="rotations"):
        body.joint_transforms(torch.eye(3).expand(2, 23, 3, 3), body.joint_mean, torch.zeros(2, 3))


def test_loading_is_quick() -> None:
    import smplx  # noqa: F401  (its import is part of the start-up, not of this bound)

    begin = time.process_time()
    BodyModel(read_body(OPEN_BODY))
    spent = time.process_time() - begin
    assert spent < 1.0, f"{spent:.2f} s of processor time"


def test_to_the_same_device_costs_nothing(body: BodyModel) -> None:
    assert body.to("cpu") is body
