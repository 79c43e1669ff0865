"""The solver's analytic derivatives against finite differences, and its banded system against a dense one."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from motionimit.body import so3
from motionimit.body.model import load_body
from motionimit.body.priors import smoothness
from motionimit.body.residuals import BONES, Observations
from motionimit.body.rig import PARAMS, Rig
from motionimit.body.solver import Problem, State, solve_banded
from motionimit.geometry.camera import Camera

STEP = 1e-5


@lru_cache
def problem() -> tuple[Problem, State]:
    rng = np.random.default_rng(0)
    frames = 3
    state = State(
        so3.exp(rng.normal(0, 0.4, (frames, 24, 3))),
        np.c_[rng.normal(0, 0.2, (frames, 2)), rng.normal(-4, 0.2, frames)],
        rng.normal(0, 0.5, 10),
    )
    seen = Observations(
        rng.uniform(100, 700, (frames, 33, 2)),
        rng.uniform(0.2, 1, (frames, 33)),
        so3.exp(rng.normal(0, 1, (frames, len(BONES), 3)))[..., 0],
        rng.uniform(0.2, 1, (frames, len(BONES))),
        np.full(frames, 500.0),
        np.ones(frames, bool),
    )
    return Problem(Rig.landmarks(load_body()), seen, Camera.for_image(600, 800), solve_shape=True), state


def slope(task: Problem, plus: State, minus: State) -> float:
    """Half the derivative of the cost (the solver's gradient is JᵀR, the cost RᵀR)."""
    return (task.evaluate(plus, False)[0] - task.evaluate(minus, False)[0]) / (4 * STEP)


def test_pose_gradient_matches_finite_differences() -> None:
    task, state = problem()
    system = task.evaluate(state, True)[1]
    assert system is not None
    rng = np.random.default_rng(1)
    for _ in range(12):
        direction = rng.normal(size=system.gradient.shape) * (rng.uniform(size=PARAMS) < 0.2)
        measured = slope(task, state.moved(STEP * direction), state.moved(-STEP * direction))
        expected = float((system.gradient * direction).sum())
        assert measured == pytest.approx(expected, rel=1e-5, abs=1e-4)


def test_shape_gradient_matches_finite_differences() -> None:
    task, state = problem()
    system = task.evaluate(state, True)[1]
    assert system is not None
    for b, unit in enumerate(np.eye(10)):
        plus, minus = replace(state, betas=state.betas + STEP * unit), replace(state, betas=state.betas - STEP * unit)
        assert slope(task, plus, minus) == pytest.approx(system.shape_gradient[b], rel=1e-4, abs=1e-4), f"beta {b}"


def test_points_by_beta_match_finite_differences() -> None:
    task, state = problem()
    posed = task.rig.shaped(state.betas).pose(state.rotations, state.translation_m)
    change = posed.points_by_beta()
    for b, unit in enumerate(np.eye(10)):
        moved = task.rig.shaped(state.betas + unit).pose(state.rotations, state.translation_m)
        error = np.abs(moved.points_m - posed.points_m - change[:, :, b]).max()
        assert error < 1e-9, f"beta {b}: {error} m; points are affine in betas"


def test_rig_agrees_with_the_skinned_model() -> None:
    model = load_body()
    index = np.arange(0, len(model.v_template), 997)
    task, state = problem()
    rig = Rig.vertices(model, index)
    points = rig.shaped(state.betas).pose(state.rotations, state.translation_m).points_m
    import torch

    from motionimit.types import BodyParams

    params = BodyParams(
        torch.from_numpy(state.rotations).float(),
        torch.from_numpy(state.betas).float(),
        torch.from_numpy(state.translation_m).float(),
        task.camera,
    )
    error = np.abs(points - model.mesh(params).vertices_m[:, index].numpy()).max()
    assert error < 1e-5, f"{error * 1000:.4f} mm between the rig's points and skinning"


def test_banded_step_equals_the_dense_one() -> None:
    rng = np.random.default_rng(3)
    frames = 6
    blocks = rng.normal(size=(frames, PARAMS, PARAMS))
    blocks = blocks @ blocks.swapaxes(1, 2) + np.eye(PARAMS)
    gradient = rng.normal(size=(frames, PARAMS))
    seen = np.array([True, True, False, True, True, True])
    smooth = smoothness(25.0, (4,), seen)
    main, first, second = smooth.bands
    dense = np.zeros((frames * PARAMS, frames * PARAMS))
    for t in range(frames):
        part = slice(t * PARAMS, (t + 1) * PARAMS)
        dense[part, part] = blocks[t] + np.diag(main[t])
        for gap, band in ((1, first), (2, second)):
            if t + gap < frames:
                other = slice((t + gap) * PARAMS, (t + gap + 1) * PARAMS)
                dense[part, other] = dense[other, part] = np.diag(band[t])
    expected = np.linalg.solve(dense, gradient.ravel()).reshape(frames, PARAMS)
    error = np.abs(solve_banded(blocks, gradient, smooth) - expected).max() / np.abs(expected).max()
    assert error < 1e-8, f"relative error {error}"


def test_smoothness_gradient_for_slow_motion() -> None:
    """Its stencil takes turns as small per frame; at dance speed (.1 rad/frame) the gradient still holds to a few percent."""
    rng = np.random.default_rng(5)
    frames = 8
    steps = so3.exp(0.1 * rng.normal(size=(24, 3)))
    rotations = np.empty((frames, 24, 3, 3))
    rotations[0] = so3.exp(rng.normal(0, 0.5, (24, 3)))
    for t in range(1, frames):
        rotations[t] = so3.exp(0.02 * rng.normal(size=(24, 3))) @ steps @ rotations[t - 1]
    state = State(rotations, rng.normal(size=(frames, 3)), np.zeros(10))
    smooth = smoothness(30.0, (), np.ones(frames, bool))
    _, gradient = smooth.evaluate(state.rotations, state.translation_m)
    for _ in range(5):
        direction = rng.normal(size=gradient.shape)
        plus, minus = state.moved(STEP * direction), state.moved(-STEP * direction)
        change = smooth.evaluate(plus.rotations, plus.translation_m)[0] - smooth.evaluate(minus.rotations, minus.translation_m)[0]
        measured, expected = change / (4 * STEP), float((gradient * direction).sum())
        assert abs(measured - expected) < 0.05 * np.linalg.norm(gradient) * np.linalg.norm(direction) / 10


def test_cuts_take_all_coupling_away() -> None:
    smooth = smoothness(30.0, (5,), np.ones(10, bool))
    _, first, second = smooth.bands
    assert not first[4].any()  # frame 4 to 5
    assert not second[[3, 4]].any()  # 3 to 5, 4 to 6
    assert second[[2, 5]].all()


@pytest.mark.parametrize("angle", [0.0, 1e-8, 0.3, 2.0, np.pi - 1e-4, np.pi])
def test_log_inverts_exp(angle: float) -> None:
    axis = np.array([[1.0, 0, 0], [0, -0.6, 0.8], [0.36, 0.48, -0.8]])
    matrix = so3.exp(axis * angle)
    error = np.abs(so3.exp(so3.log(matrix)) - matrix).max()
    assert error < 1e-7, f"exp(log(R)) is {error} from R at {angle} rad"
