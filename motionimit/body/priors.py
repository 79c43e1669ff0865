"""What is known of poses without looking: joint limits as Gaussians on rotation vectors, and smoothness in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import so3
from .rig import FREE, PARAMS

HYPEREXTENSION_RAD = 0.05
_ARM_HANGS_RAD = 0.9  # shoulders are centred on hanging arms, not on the T-pose


def _table() -> tuple[np.ndarray, np.ndarray]:
    """Mean rotations [F, 3, 3] and sigmas [F, 3] rad of each free joint; elbows flex about ∓y, knees about +x."""
    mean, sigma = np.zeros((24, 3)), np.full((24, 3), 1e3)
    sigma[[3, 6, 9]], sigma[12], sigma[15] = 0.25, 0.3, 0.35
    sigma[[13, 14]] = 0.2
    sigma[[1, 2]], sigma[[16, 17]] = 1.0, 1.2
    sigma[[4, 5]] = 1.5, 0.2, 0.12
    sigma[[7, 8]] = 0.45
    sigma[[18, 19]] = 0.8, 1.5, 0.12
    sigma[[20, 21]] = 0.5
    mean[16, 2], mean[17, 2] = -_ARM_HANGS_RAD, _ARM_HANGS_RAD
    return so3.exp(mean[list(FREE)]), sigma[list(FREE)]


MEAN, SIGMA_RAD = _table()
HINGES = tuple((FREE.index(j), axis, sign) for j, axis, sign in ((4, 0, 1), (5, 0, 1), (18, 1, -1), (19, 1, 1)))
"""(free joint, axis, sign of flexion): bending the other way costs."""


def pose_prior(rotations: np.ndarray, stiffness: float = 1.0) -> tuple[float, np.ndarray, np.ndarray]:
    """Cost, Hessian blocks [T, F, 3, 3] and gradient [T, F, 3] of the joint priors at rotations [T, 24, 3, 3]."""
    vector = so3.log(rotations[:, FREE] @ MEAN.swapaxes(-1, -2))
    weight = np.broadcast_to(stiffness / SIGMA_RAD, vector.shape).copy()
    weight[:, 0] = 0  # the root may face anywhere
    whitened = vector * weight
    jacobian = so3.inverse_left_jacobian(vector)
    scaled = jacobian * weight[..., None]
    hessian = scaled.swapaxes(-1, -2) @ scaled
    gradient = (scaled.swapaxes(-1, -2) @ whitened[..., None])[..., 0]
    cost = float((whitened**2).sum())
    for joint, axis, sign in HINGES:
        over = np.maximum(-sign * vector[:, joint, axis], 0) / HYPEREXTENSION_RAD
        row = jacobian[:, joint, axis] * (-sign * (over > 0) / HYPEREXTENSION_RAD)[:, None]
        hessian[:, joint] += row[:, :, None] * row[:, None]
        gradient[:, joint] += row * over[:, None]
        cost += float((over**2).sum())
    return cost, hessian, gradient


@dataclass(frozen=True)
class Smoothness:
    """Weights of second differences in time (and of first differences where frames carry no data)."""

    bend: np.ndarray  # [T-2, n] 1/sigma of the acceleration centred on frame t+1; 0 across cuts
    drift: np.ndarray  # [T-1, n] 1/sigma of the step from t to t+1; 0 between seen frames

    @property
    def bands(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The stencil's diagonals: [T, n], [T-1, n], [T-2, n]."""
        b, d = self.bend**2, self.drift**2
        frames = len(d) + 1
        main, first = np.zeros((frames, PARAMS)), -d
        main[:-1] += d
        main[1:] += d
        if frames > 2:
            main[:-2] += b
            main[1:-1] += 4 * b
            main[2:] += b
            first[:-1] -= 2 * b
            first[1:] -= 2 * b
        return main, first, b

    def evaluate(self, rotations: np.ndarray, translation: np.ndarray) -> tuple[float, np.ndarray]:
        """Cost and gradient [T, n], with rotation steps as ``log(R[t+1] R[t]^T)``."""
        frames = len(translation)
        gradient = np.zeros((frames, PARAMS))
        if frames < 2:
            return 0.0, gradient
        turns = so3.log(rotations[1:, FREE] @ rotations[:-1, FREE].swapaxes(-1, -2)).reshape(frames - 1, -1)
        step = np.concatenate([turns, np.diff(translation, axis=0)], 1)
        drift = step * self.drift
        gradient[1:] += drift * self.drift
        gradient[:-1] -= drift * self.drift
        bend = np.diff(step, axis=0) * self.bend
        pull = bend * self.bend
        gradient[2:] += pull
        gradient[1:-1] -= 2 * pull
        gradient[:-2] += pull
        return float((drift**2).sum() + (bend**2).sum()), gradient


def smoothness(fps: float, cuts: tuple[int, ...], seen: np.ndarray, strength: float = 1.0) -> Smoothness:
    """Acceleration priors for T frames. Sigmas are given at 30 fps and scale with 1/fps², so that motion in seconds decides.

    `cuts` are frames that begin a new shot: no stencil reaches over them. Unseen frames get a weak pull to standing still,
    so that a gap at an end doesn't run away along the last velocity.
    """
    frames = len(seen)
    scale = strength * (fps / 30) ** 2
    rate = np.full(PARAMS, scale / 0.15)
    rate[:3] = scale / 0.08
    for j in (3, 6, 9, 13, 14):
        rate[3 * FREE.index(j) : 3 * FREE.index(j) + 3] = scale / 0.06
    for j in (12, 15, 7, 8, 20, 21):
        rate[3 * FREE.index(j) : 3 * FREE.index(j) + 3] = scale / 0.12
    rate[-3:] = scale / 0.04, scale / 0.04, scale / 0.015
    bend = np.repeat(rate[None], max(frames - 2, 0), 0)
    drift = np.zeros((max(frames - 1, 0), PARAMS))
    blind = ~seen[1:] | ~seen[:-1]
    drift[blind] = (fps / 30) * np.r_[np.full(PARAMS - 3, 1 / 0.3), np.full(3, 1 / 0.2)]
    for cut in cuts:
        if 0 < cut < frames:
            bend[max(cut - 2, 0) : cut] = 0
            drift[cut - 1] = 0
    return Smoothness(bend, drift)
