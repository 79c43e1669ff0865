"""Rotation conversions: round trips, gradients at the singular points, Kabsch."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from motionimit.geometry import rotation as r


def random_rotations(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    quaternion = torch.nn.functional.normalize(torch.randn(count, 4, generator=generator, dtype=torch.float64), dim=-1)
    axis = torch.nn.functional.normalize(quaternion[:, 1:], dim=-1)
    return r.axis_angle_to_matrix(axis * 2 * torch.acos(quaternion[:, :1].clamp(-1, 1)))


def test_axis_angle_turns_by_the_right_hand_rule() -> None:
    turned = r.axis_angle_to_matrix(torch.tensor([0.0, 0.0, math.pi / 2])) @ torch.tensor([1.0, 0.0, 0.0])
    assert torch.allclose(turned, torch.tensor([0.0, 1.0, 0.0]), atol=1e-6), turned


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-4, 0.0316, 0.0317, 1.0, 3.0, math.pi - 1e-6, math.pi - 1e-9])
def test_axis_angle_round_trip_at_every_size(angle: float) -> None:
    axes = torch.nn.functional.normalize(
        torch.randn(50, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64), dim=-1
    )
    vector = axes * angle
    matrix = r.axis_angle_to_matrix(vector)
    exact = torch.linalg.matrix_exp(r.hat(vector))
    assert (matrix - exact).abs().max() < 1e-9, f"formula off by {(matrix - exact).abs().max():.1e}"
    back = r.matrix_to_axis_angle(matrix)
    assert (back - vector).abs().max() < 1e-7, f"round trip off by {(back - vector).abs().max():.1e} rad"


def test_axis_angle_in_float32_keeps_a_millionth() -> None:
    matrix = random_rotations(500).float()
    error = r.geodesic_angle(r.axis_angle_to_matrix(r.matrix_to_axis_angle(matrix)).double(), matrix.double()).max()
    assert error < 2e-6, f"{error:.1e} rad"


@pytest.mark.parametrize("angle", [0.0, math.pi])
def test_gradients_are_finite_at_the_singular_points(angle: float) -> None:
    vector = torch.tensor([[angle, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    matrix = r.axis_angle_to_matrix(vector)
    (r.matrix_to_axis_angle(matrix).sum() + r.geodesic_angle(matrix, torch.eye(3, dtype=torch.float64)).sum()).backward()
    assert vector.grad is not None
    assert torch.isfinite(vector.grad).all(), vector.grad


def test_gradient_at_zero_is_the_generator() -> None:
    jacobian = torch.autograd.functional.jacobian(r.axis_angle_to_matrix, torch.zeros(3, dtype=torch.float64))
    assert torch.allclose(jacobian[..., 2], r.hat(torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))), jacobian[..., 2]


def test_sixd_round_trip_and_noise() -> None:
    matrix = random_rotations(200)
    assert torch.allclose(r.sixd_to_matrix(r.matrix_to_sixd(matrix)), matrix, atol=1e-12)
    noisy = r.sixd_to_matrix(r.matrix_to_sixd(matrix) + 0.3)
    assert torch.allclose(noisy @ noisy.transpose(-1, -2), torch.eye(3, dtype=torch.float64).expand_as(noisy), atol=1e-9)
    assert (torch.linalg.det(noisy) > 0).all()


@pytest.mark.parametrize("angle", [0.0, 1e-7, 0.5, math.pi - 1e-7, math.pi])
def test_geodesic_angle(angle: float) -> None:
    a = random_rotations(20)
    b = a @ r.axis_angle_to_matrix(torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64) * angle)
    assert (r.geodesic_angle(a, b) - angle).abs().max() < 1e-8, r.geodesic_angle(a, b)


def test_projection_is_nearest_and_idempotent() -> None:
    matrix = random_rotations(100)
    assert torch.allclose(r.project_to_rotation(matrix), matrix, atol=1e-12)
    noisy = matrix + 0.2 * torch.randn(matrix.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    best = r.project_to_rotation(noisy)
    assert torch.allclose(torch.linalg.det(best), torch.ones(100, dtype=torch.float64))
    nudged = best @ r.axis_angle_to_matrix(torch.full((100, 3), 0.01, dtype=torch.float64))
    assert ((best - noisy).square().sum((-1, -2)) <= (nudged - noisy).square().sum((-1, -2)) + 1e-12).all()


def test_kabsch_recovers_a_motion_and_never_mirrors() -> None:
    points = torch.randn(10, 7, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    rotation, shift = random_rotations(10), torch.randn(10, 3, dtype=torch.float64)
    moved = points @ rotation.transpose(-1, -2) + shift[:, None]
    found, found_shift = r.kabsch(points, moved, torch.rand(10, 7, dtype=torch.float64) + 0.1)
    assert (found - rotation).abs().max() < 1e-9
    assert (found_shift - shift).abs().max() < 1e-9
    mirrored, _ = r.kabsch(points, moved * torch.tensor([-1.0, 1, 1], dtype=torch.float64))
    assert torch.allclose(torch.linalg.det(mirrored), torch.ones(10, dtype=torch.float64))


def test_kabsch_ignores_points_without_weight() -> None:
    points = torch.randn(6, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    moved = points.clone()
    moved[5] += 100
    rotation, _ = r.kabsch(points, moved, torch.tensor([1.0, 1, 1, 1, 1, 0], dtype=torch.float64))
    assert torch.allclose(rotation, torch.eye(3, dtype=torch.float64), atol=1e-9)


def test_between_maps_one_direction_to_the_other_even_if_opposite() -> None:
    a = torch.nn.functional.normalize(
        torch.randn(100, 3, generator=torch.Generator().manual_seed(6), dtype=torch.float64), dim=-1
    )
    b = torch.cat((-a[:50], a[50:].flip(0)))
    matrix = r.between(3 * a, 2 * b)
    error = ((matrix @ a[..., None]).squeeze(-1) - b).norm(dim=-1).max()
    assert error < 1e-6, f"{error:.1e}"
    assert torch.allclose(torch.linalg.det(matrix), torch.ones(100, dtype=torch.float64), atol=1e-6)
