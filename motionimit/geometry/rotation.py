"""Rotations travel as matrices [.., 3, 3]; axis-angle and 6D are conversions. All batch and are safe under autograd."""

from __future__ import annotations

import torch
from torch import Tensor

from ..checks import check_shape


def hat(vector: Tensor) -> Tensor:
    """[.., 3] → skew matrix [.., 3, 3] with ``hat(a) @ b == cross(a, b)``."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), -1).unflatten(-1, (3, 3))


def axis_angle_to_matrix(vector: Tensor) -> Tensor:
    """Rotation vectors [.., 3] (radians) → matrices [.., 3, 3], by Rodrigues' formula I + a·K + b·K².

    a = sin θ / θ and b = (1 - cos θ) / θ² come from their series below θ = 0.03, so value and gradient are exact at zero.
    """
    square = (vector * vector).sum(-1)
    small = square < 1e-3
    angle = torch.where(small, torch.ones_like(square), square).sqrt()
    a = torch.where(small, 1 - square / 6 + square * square / 120, angle.sin() / angle)
    half = (angle / 2).sin() / angle
    b = torch.where(small, 0.5 - square / 24 + square * square / 720, 2 * half * half)
    k = hat(vector)
    return torch.eye(3, dtype=vector.dtype, device=vector.device) + a[..., None, None] * k + b[..., None, None] * (k @ k)


def matrix_to_axis_angle(matrix: Tensor) -> Tensor:
    """Matrices [.., 3, 3] → rotation vectors [.., 3] with angle in 0..π, through the unit quaternion (stable at 0 and π)."""
    quaternion = matrix_to_quaternion(matrix)
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    w, v = quaternion[..., 0], quaternion[..., 1:]
    square = (v * v).sum(-1)
    small = square < 1e-8
    sine = torch.where(small, torch.ones_like(square), square).sqrt()
    # near zero 2 asin(s) / s = 2 + s²/3; w is near 1 there
    scale = torch.where(small, 2 + square / 3, 2 * torch.atan2(sine, w) / sine)
    return v * scale[..., None]


def matrix_to_quaternion(matrix: Tensor) -> Tensor:
    """Matrices [.., 3, 3] → unit quaternions [.., 4] (w, x, y, z); the largest of the four components is taken from the trace."""
    check_shape("matrix", matrix[..., :, :].reshape(-1, *matrix.shape[-2:]), ("N", 3, 3))
    m = matrix
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    yz, zx, xy = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    pxy, pzx, pyz = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    rows = (  # row i is 4 q_i times the quaternion
        torch.stack((1 + xx + yy + zz, yz, zx, xy), -1),
        torch.stack((yz, 1 + xx - yy - zz, pxy, pzx), -1),
        torch.stack((zx, pxy, 1 - xx + yy - zz, pyz), -1),
        torch.stack((xy, pzx, pyz, 1 - xx - yy + zz), -1),
    )
    table = torch.stack(rows, -2)
    best = torch.stack((rows[0][..., 0], rows[1][..., 1], rows[2][..., 2], rows[3][..., 3]), -1).argmax(-1)
    chosen = torch.gather(table, -2, best[..., None, None].expand(*best.shape, 1, 4)).squeeze(-2)
    return chosen / chosen.norm(dim=-1, keepdim=True)


def sixd_to_matrix(sixd: Tensor) -> Tensor:
    """[.., 6], the first two COLUMNS of a matrix, → [.., 3, 3] by Gram–Schmidt (Zhou et al. 2019)."""
    first, second = sixd[..., :3], sixd[..., 3:]
    x = torch.nn.functional.normalize(first, dim=-1)
    y = torch.nn.functional.normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack((x, y, torch.linalg.cross(x, y)), -1)


def matrix_to_sixd(matrix: Tensor) -> Tensor:
    """[.., 3, 3] → its first two columns, [.., 6]."""
    return torch.cat((matrix[..., 0], matrix[..., 1]), -1)


def geodesic_angle(a: Tensor, b: Tensor) -> Tensor:
    """Angle in radians [..] between rotations [.., 3, 3], in 0..π; precise near 0 and near π (atan2 of sine and cosine)."""
    relative = a.transpose(-1, -2) @ b
    skew = torch.stack(
        (
            relative[..., 2, 1] - relative[..., 1, 2],
            relative[..., 0, 2] - relative[..., 2, 0],
            relative[..., 1, 0] - relative[..., 0, 1],
        ),
        -1,
    )
    square = (skew * skew).sum(-1)
    sine = torch.where(square > 0, square, torch.ones_like(square)).sqrt() * (square > 0)
    return torch.atan2(sine, relative.diagonal(dim1=-2, dim2=-1).sum(-1) - 1)


def project_to_rotation(matrix: Tensor) -> Tensor:
    """The rotation [.., 3, 3] nearest (Frobenius) to any matrix [.., 3, 3]: U diag(1, 1, det UVᵀ) Vᵀ of its SVD."""
    u, _, vt = torch.linalg.svd(matrix)
    sign = torch.ones_like(matrix[..., 0])
    sign[..., 2] = torch.linalg.det(u @ vt)
    return (u * sign[..., None, :]) @ vt


def kabsch(source: Tensor, target: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Rotation R [.., 3, 3] and translation t [.., 3] that minimise sum_n w_n |R source_n + t - target_n|².

    `source`, `target`: [.., N, 3]; `weights`: [.., N] ≥ 0, ones by default. No reflection is ever returned. Where the points
    leave R undetermined (fewer than three, or on a line), some minimiser is returned.
    """
    w = torch.ones_like(source[..., 0]) if weights is None else weights
    w = (w / w.sum(-1, keepdim=True).clamp_min(1e-12))[..., None]
    mean_source, mean_target = (w * source).sum(-2, keepdim=True), (w * target).sum(-2, keepdim=True)
    covariance = (w * (target - mean_target)).transpose(-1, -2) @ (source - mean_source)
    rotation = project_to_rotation(covariance)
    return rotation, (mean_target - mean_source @ rotation.transpose(-1, -2)).squeeze(-2)


def between(a: Tensor, b: Tensor) -> Tensor:
    """The smallest rotation [.., 3, 3] that takes direction a [.., 3] to direction b [.., 3] (any lengths > 0).

    For opposite directions some half turn about a perpendicular axis.
    """
    a, b = torch.nn.functional.normalize(a, dim=-1), torch.nn.functional.normalize(b, dim=-1)
    v, c = torch.linalg.cross(a, b), (a * b).sum(-1)
    k = hat(v)
    eye = torch.eye(3, dtype=a.dtype, device=a.device)
    turned = eye + k + k @ k / (1 + c).clamp_min(1e-6)[..., None, None]
    helper = torch.where(a[..., :1].abs() < 0.8, eye[0], eye[1])
    axis = torch.nn.functional.normalize(torch.linalg.cross(a, helper.expand_as(a)), dim=-1)
    half_turn = 2 * axis[..., :, None] * axis[..., None, :] - eye
    return torch.where((c < -1 + 1e-5)[..., None, None], half_turn, turned)
