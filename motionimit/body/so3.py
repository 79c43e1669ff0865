"""Rotations in NumPy float64 for the solver. The tensor versions are in `geometry.rotation`."""

from __future__ import annotations

import numpy as np


def skew(v: np.ndarray) -> np.ndarray:
    """[.., 3] → [.., 3, 3] with ``skew(v) @ x = v × x``."""
    out = np.zeros((*v.shape, 3))
    out[..., 0, 1], out[..., 0, 2], out[..., 1, 2] = -v[..., 2], v[..., 1], -v[..., 0]
    out[..., 1, 0], out[..., 2, 0], out[..., 2, 1] = v[..., 2], -v[..., 1], v[..., 0]
    return out


def exp(v: np.ndarray) -> np.ndarray:
    """Rotation vectors [.., 3] in radians → matrices [.., 3, 3] (Rodrigues)."""
    angle = np.linalg.norm(v, axis=-1)[..., None, None]
    small = angle < 1e-6
    safe = np.where(small, 1.0, angle)
    a = np.where(small, 1 - angle**2 / 6, np.sin(safe) / safe)
    b = np.where(small, 0.5 - angle**2 / 24, (1 - np.cos(safe)) / safe**2)
    k = skew(v)
    return np.eye(3) + a * k + b * (k @ k)


def quaternion(matrix: np.ndarray) -> np.ndarray:
    """Matrices [.., 3, 3] → unit quaternions [.., 4] (w, x, y, z), w >= 0; stable at half turns (largest pivot)."""
    m = matrix
    d = np.stack([m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]], -1)
    trace = d.sum(-1)
    columns = np.empty((*m.shape[:-2], 4, 4))  # columns[.., i, :] = 4 q_i q
    columns[..., 0, 0] = 1 + trace
    for i in range(3):
        columns[..., i + 1, i + 1] = 1 - trace + 2 * d[..., i]
        j, k = (i + 1) % 3, (i + 2) % 3
        columns[..., 0, i + 1] = columns[..., i + 1, 0] = m[..., k, j] - m[..., j, k]
        columns[..., j + 1, k + 1] = columns[..., k + 1, j + 1] = m[..., j, k] + m[..., k, j]
    pivot = np.argmax(np.diagonal(columns, axis1=-2, axis2=-1), -1)
    q = np.take_along_axis(columns, pivot[..., None, None], -2)[..., 0, :]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    return np.where(q[..., :1] < 0, -q, q)


def log(matrix: np.ndarray) -> np.ndarray:
    """Matrices [.., 3, 3] → rotation vectors [.., 3], length in 0..π."""
    q = quaternion(matrix)
    sine = np.linalg.norm(q[..., 1:], axis=-1)
    angle = 2 * np.arctan2(sine, q[..., 0])
    scale = np.where(sine < 1e-9, 2.0, angle / np.maximum(sine, 1e-9))
    return q[..., 1:] * scale[..., None]


def inverse_left_jacobian(v: np.ndarray) -> np.ndarray:
    """[.., 3] → [.., 3, 3]: ``log(exp(d) exp(v)) ≈ v + inverse_left_jacobian(v) d``."""
    angle = np.linalg.norm(v, axis=-1)[..., None, None]
    small = angle < 1e-4
    safe = np.where(small, 1.0, np.minimum(angle, 2 * np.pi - 1e-2))
    c = np.where(small, 1 / 12, 1 / safe**2 - (1 + np.cos(safe)) / (2 * safe * np.sin(safe) + 1e-12))
    k = skew(v)
    return np.eye(3) - 0.5 * k + c * (k @ k)


def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Smallest rotations [.., 3, 3] that turn directions a [.., 3] into directions b [.., 3]."""
    a = a / np.maximum(np.linalg.norm(a, axis=-1, keepdims=True), 1e-9)
    b = b / np.maximum(np.linalg.norm(b, axis=-1, keepdims=True), 1e-9)
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = np.arctan2(sine, (a * b).sum(-1, keepdims=True))
    fallback = np.cross(a, np.roll(np.eye(3)[np.argmin(np.abs(a), -1)], 0, -1))  # any axis across a, for opposite directions
    fallback = fallback / np.maximum(np.linalg.norm(fallback, axis=-1, keepdims=True), 1e-9)
    axis = np.where(sine < 1e-7, fallback, axis / np.maximum(sine, 1e-7))
    return exp(axis * angle)


def kabsch(source: np.ndarray, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Rotations [T, 3, 3] that best turn source [K, 3] onto target [T, K, 3]; both are centred with weight [K] first."""
    w = weight / weight.sum()
    s = source - w @ source
    t = target - np.einsum("k,tka->ta", w, target)[:, None]
    u, _, vt = np.linalg.svd(np.einsum("tka,k,kb->tab", t, w, s))
    sign = np.sign(np.linalg.det(u @ vt))
    u[:, :, 2] *= sign[:, None]
    return u @ vt
