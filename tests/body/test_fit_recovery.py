"""The fit recovers known motion from its projected landmarks.

What one camera can't tell is left out of the bounds: the scale of body and distance together (betas are given, or sizes are
compared after scaling), how a bend is shared between the three spine joints, and the roll of a straight limb about its axis.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch
from fit_samples import SIZE_PX, dance, detect, joints_m, rotation_error_deg

from motionimit.body.fit import FitSettings, fit_body
from motionimit.body.model import BodyModel, load_body
from motionimit.body.quality import jitter_mm
from motionimit.errors import BadInput
from motionimit.geometry.camera import Camera
from motionimit.types import BodyParams

BETAS = np.array([0.5, -0.6, 0.4, 0.3, -0.5, 0.2, 0.3, 0.0, 0.2, 0.0])


@lru_cache
def body() -> BodyModel:
    return load_body()


@lru_cache
def full_turn(noise: float) -> tuple[BodyParams, BodyParams]:
    truth = dance(60, betas=BETAS)
    return truth, fit_body(detect(truth, body(), noise=noise), body(), betas=truth.betas)[0]


@pytest.mark.parametrize("noise", [0.0, 0.003])
def test_full_turn_is_recovered(noise: float) -> None:
    truth, fitted = full_turn(noise)
    error_mm = 1000 * np.linalg.norm(joints_m(fitted, body()) - joints_m(truth, body()), axis=-1)
    assert error_mm.mean() < 15, f"joints are {error_mm.mean():.1f} mm off in the mean at noise {noise}"
    turn = rotation_error_deg(fitted, truth)
    assert np.median(turn) < 3, f"joint rotations are {np.median(turn):.2f} degrees off (median) at noise {noise}"


def test_a_turn_goes_through_the_back_view() -> None:
    _, fitted = full_turn(0.003)
    facing = fitted.rotations[:, 0, :, 2].numpy()
    yaw = np.unwrap(np.arctan2(facing[:, 0], facing[:, 2]))
    known = np.radians(np.linspace(0, 360, len(yaw)))
    assert np.abs(yaw - known).max() < np.radians(10), f"yaw strays by {np.degrees(np.abs(yaw - known).max()):.1f} degrees"
    assert facing[len(facing) // 2, 2] < -0.95, "half way round the body must face away"


def test_shape_is_found_up_to_scale() -> None:
    truth = dance(60, betas=BETAS)
    fitted, quality = fit_body(detect(truth, body()), body())
    ours, theirs = joints_m(fitted, body()), joints_m(truth, body())
    scale = (ours * theirs).sum() / (ours * ours).sum()
    error_mm = 1000 * np.linalg.norm(scale * ours - theirs, axis=-1).mean()
    assert error_mm < 15, f"{error_mm:.1f} mm after scaling by {scale:.3f}"
    assert abs(scale - 1) < 0.06, f"scale {scale:.3f}: an average stature is assumed"
    assert quality.reprojection_pct_mean < 0.1, f"{quality.reprojection_pct_mean:.3f} % of stature"


def test_one_frame_is_enough() -> None:
    truth = dance(1)
    fitted, quality = fit_body(detect(truth, body()), body())
    assert quality.reprojection_pct_mean < 0.3, f"{quality.reprojection_pct_mean:.3f} % of stature"
    assert quality.jitter_mm == 0
    heights = body().rest(fitted.betas)[0][:, 1]
    stature = float(heights.max() - heights.min())
    assert 1.55 < stature < 1.85, f"stature {stature:.2f} m from one photo"


def test_nothing_is_smoothed_across_a_cut() -> None:
    """Two shots of opposite facing: each must come out as if it were fitted alone."""
    first, second = dance(20, turn_deg=0), dance(20, turn_deg=40)
    turned = second.rotations.clone()
    turned[:, 0] = torch.diag(torch.tensor([-1.0, 1.0, -1.0])) @ turned[:, 0]
    joined = BodyParams(
        torch.cat([first.rotations, turned]), first.betas, torch.cat([first.translation_m, second.translation_m]), first.camera
    )
    together, _ = fit_body(detect(joined, body(), cuts=(20,)), body(), betas=first.betas)
    alone, _ = fit_body(detect(first, body()), body(), betas=first.betas)
    apart = 1000 * np.abs(joints_m(together, body())[:20] - joints_m(alone, body())).max()
    assert apart < 1.0, f"the other shot moved this one by {apart:.2f} mm"


def test_a_gap_is_bridged_smoothly() -> None:
    truth = dance(60, turn_deg=60)
    track = detect(truth, body())
    track.valid[25:37] = False
    track.confidence[25:37] = 0
    track.joints_px[25:37] = 0
    fitted, quality = fit_body(track, body(), betas=truth.betas)
    error = 1000 * np.linalg.norm(joints_m(fitted, body()) - joints_m(truth, body()), axis=-1)
    assert error[25:37].mean() < 60, f"{error[25:37].mean():.0f} mm in the gap"
    assert error[:25].mean() < 15, f"{error[:25].mean():.1f} mm before the gap"
    seam = jitter_mm(joints_m(fitted, body())[22:40], ())
    assert seam < 4, f"{seam:.1f} mm/frame² around the gap"
    assert any("12 of 60" in w for w in quality.warnings)


def test_window_seams_do_not_show() -> None:
    truth = dance(150, turn_deg=300)
    track = detect(truth, body(), noise=0.003)
    whole, _ = fit_body(track, body(), betas=truth.betas)
    pieces, _ = fit_body(track, body(), betas=truth.betas, settings=FitSettings(window=60))
    apart = 1000 * np.linalg.norm(joints_m(whole, body()) - joints_m(pieces, body()), axis=-1).max()
    assert apart < 5, f"windows and the whole clip differ by {apart:.1f} mm"
    second = np.linalg.norm(np.diff(joints_m(pieces, body()), 2, axis=0), axis=-1).mean(1)
    seam = second[32:36].max() / second.mean()
    assert seam < 3, f"acceleration at the first seam is {seam:.1f} times the mean"


def test_motion_in_seconds_decides_smoothing() -> None:
    """The same dance at 60 fps is smoothed no more, in seconds, than at 30."""
    slow, fast = dance(40, fps=30), dance(80, fps=60)
    at30, _ = fit_body(detect(slow, body(), 30), body(), betas=slow.betas)
    at60, _ = fit_body(detect(fast, body(), 60), body(), betas=fast.betas)
    apart = 1000 * np.linalg.norm(joints_m(at30, body()) - joints_m(at60, body())[::2], axis=-1).mean()
    assert apart < 10, f"{apart:.1f} mm apart"


def test_half_body_gets_likely_legs_and_a_warning() -> None:
    truth = dance(1)
    track = detect(truth, body())
    track.confidence[:, 25:] = 0.02
    fitted, quality = fit_body(track, body())
    assert torch.isfinite(fitted.rotations).all()
    joints = joints_m(fitted, body())[0]
    assert joints[[7, 8], 1].max() < -0.5, f"ankles at {joints[[7, 8], 1]} m from the pelvis"
    assert any("legs" in w for w in quality.warnings)


def test_nobody_and_wrong_camera_are_refused() -> None:
    track = detect(dance(3), body())
    with pytest.raises(ValueError, match="camera is of"):
        fit_body(track, body(), camera=Camera.for_image(SIZE_PX[0], SIZE_PX[1] // 2))
    track.confidence[:] = 0
    with pytest.raises(BadInput, match="No frame shows"):
        fit_body(track, body())
