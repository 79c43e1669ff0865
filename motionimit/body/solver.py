"""Levenberg-Marquardt over a window of frames (block-banded) or over loose frames with a common shape (arrow)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..geometry.camera import Camera
from ..types import BETAS
from . import so3
from .priors import Smoothness, pose_prior
from .residuals import Normals, Observations, Rows, assemble, directions, reprojection
from .rig import FREE, PARAMS, Posed, Rig

LAMBDA, LAMBDA_DOWN, LAMBDA_UP, LAMBDA_MAX = 1e-2, 5.0, 8.0, 1e6
FIXED = 1e12  # Hessian of a frame that must not move


@dataclass(frozen=True)
class State:
    """The unknowns."""

    rotations: np.ndarray  # [T, 24, 3, 3]
    translation_m: np.ndarray  # [T, 3]
    betas: np.ndarray  # [10]

    def moved(self, step: np.ndarray, betas_step: np.ndarray | None = None) -> State:
        """After a step [T, n]: left perturbation of each free joint in its parent's frame, then translation."""
        rotations = self.rotations.copy()
        turn = so3.exp(step[:, :-3].reshape(len(step), -1, 3))
        rotations[:, FREE] = turn @ rotations[:, FREE]
        betas = self.betas if betas_step is None else np.clip(self.betas + betas_step, -3.0, 3.0)
        return State(rotations, self.translation_m + step[:, -3:], betas)


ExtraTerm = Callable[[State, bool, bool], tuple[float, list[tuple[Posed, Rows]]]]
"""`term(state, rows, shape)` → cost and residual rows of further points, such as a silhouette."""


@dataclass(frozen=True)
class Problem:
    """Everything the cost depends on besides the unknowns."""

    rig: Rig
    seen: Observations
    camera: Camera
    smoothness: Smoothness | None = None  # None: frames are independent
    stiffness: float = 1.0
    shape_prior: tuple[np.ndarray, np.ndarray] | None = None  # rows [R, 10] and targets [R], whitened
    solve_shape: bool = False
    fixed_frames: int = 0  # leading frames held, for continuity with what is already solved
    extra: ExtraTerm | None = None

    def evaluate(self, state: State, system: bool) -> tuple[float, Normals | None]:
        """Cost at a state and, if asked, its Gauss-Newton system."""
        posed = self.rig.shaped(state.betas).pose(state.rotations, state.translation_m)
        cost, image = reprojection(posed, self.seen, self.camera, system, self.solve_shape)
        more, bones = directions(posed, self.seen, system, self.solve_shape)
        prior, blocks, pull = pose_prior(state.rotations, self.stiffness)
        cost += more + prior
        extra_rows: list[tuple[Posed, Rows]] = []
        if self.extra is not None:
            more, extra_rows = self.extra(state, system, self.solve_shape)
            cost += more
        temporal = np.zeros((len(self.seen.seen), PARAMS))
        if self.smoothness is not None:
            more, temporal = self.smoothness.evaluate(state.rotations, state.translation_m)
            cost += more
        matrix, target = self.shape_prior or (np.eye(BETAS), np.zeros(BETAS))
        unlikely = matrix @ state.betas - target
        cost += float(unlikely @ unlikely) if self.solve_shape else 0.0
        if image is None or bones is None:
            return cost, None
        out = assemble([image, bones], posed)
        for other, rows in extra_rows:
            out.add(assemble([rows], other))
        for j in range(len(FREE)):
            out.hessian[:, 3 * j : 3 * j + 3, 3 * j : 3 * j + 3] += blocks[:, j]
        out.gradient[:, :-3] += pull.reshape(len(pull), -1)
        out.gradient += temporal
        out.shape_hessian += matrix.T @ matrix
        out.shape_gradient += matrix.T @ unlikely
        return cost, out

    def step(self, system: Normals, damping: float) -> tuple[np.ndarray, np.ndarray | None]:
        """The damped Gauss-Newton step: poses [T, n] and, where shape is solved, betas [10]."""
        diagonal = np.arange(PARAMS)
        hessian = system.hessian.copy()
        hessian[:, diagonal, diagonal] = hessian[:, diagonal, diagonal] * (1 + damping) + 1e-6
        gradient = system.gradient.copy()
        if self.fixed_frames:
            hessian[: self.fixed_frames, diagonal, diagonal] = FIXED
            gradient[: self.fixed_frames] = 0
        if self.smoothness is not None and len(hessian) > 1:
            return -solve_banded(hessian, gradient, self.smoothness), None
        if not self.solve_shape:
            return -np.linalg.solve(hessian, gradient[..., None])[..., 0], None
        return _arrow_step(hessian, gradient, system, damping)


def _arrow_step(hessian: np.ndarray, gradient: np.ndarray, system: Normals, damping: float) -> tuple[np.ndarray, np.ndarray]:
    """Schur complement: frames are independent but for the ten shape parameters."""
    solved = np.linalg.solve(hessian, np.concatenate([system.mixed, gradient[..., None]], 2))
    corner = system.shape_hessian * (1 + damping * np.eye(10))
    reduced = corner - np.einsum("tnb,tnc->bc", system.mixed, solved[..., :-1], optimize=True)
    right = system.shape_gradient - np.einsum("tnb,tn->b", system.mixed, solved[..., -1], optimize=True)
    betas = -np.linalg.solve(reduced, right)
    return -solved[..., -1] - solved[..., :-1] @ betas, betas


def solve_banded(hessian: np.ndarray, gradient: np.ndarray, smoothness: Smoothness) -> np.ndarray:
    """Solve (blockdiag(hessian) + smoothness stencil) x = gradient, [T, n]; half-bandwidth 2n, Cholesky (LAPACK pbsv)."""
    frames, n = gradient.shape
    upper = 2 * n
    band = np.zeros((upper + 1, frames, n))
    for d in range(n):
        band[upper - d, :, d:] = np.diagonal(hessian, d, 1, 2)
    main, first, second = smoothness.bands
    band[upper] += main
    band[upper - n, 1:] = first
    band[0, 2:] = second
    flat = band.reshape(upper + 1, -1)
    from scipy.linalg import solveh_banded  # slow to load, and an avatar with a motion file needs no fit

    return solveh_banded(flat, gradient.ravel(), overwrite_ab=True, check_finite=False).reshape(frames, n)


def minimise(problem: Problem, state: State, iterations: int, tolerance: float = 1e-4) -> tuple[State, float]:
    """Levenberg-Marquardt: damping 1e-2, ÷5 on success, ×8 on failure; ends when the cost falls by less than `tolerance`."""
    damping = LAMBDA
    cost, system = problem.evaluate(state, True)
    for _ in range(iterations):
        assert system is not None
        tried = state.moved(*problem.step(system, damping))
        trial, _ = problem.evaluate(tried, False)
        if not trial < cost:
            damping *= LAMBDA_UP
            if damping > LAMBDA_MAX:
                break
            continue
        gain = (cost - trial) / max(cost, 1e-12)
        state, damping = tried, max(damping / LAMBDA_DOWN, 1e-9)
        if gain < tolerance:
            cost = trial
            break
        cost, system = problem.evaluate(state, True)
    return state, cost
