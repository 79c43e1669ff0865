from __future__ import annotations

import numpy as np
import pytest
from scripted import skeleton

from motionimit.pose.detector import LEFT_RIGHT
from motionimit.pose.swaps import repair_swaps


def _body(yaw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A rigid body turning about the vertical: [T] rad → px, metres, confidence, valid."""
    flat = (skeleton() - (0.5, 0.52)) * (-1, -1) * (0.9, 1.7)
    solid = np.concatenate((flat, np.zeros((33, 1))), 1)
    solid[[31, 32], 2] = 0.15
    c, s = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    metres = np.stack((solid[:, 0] * c + solid[:, 2] * s, solid[:, 1] + 0 * c, solid[:, 2] * c - solid[:, 0] * s), -1)
    metres += np.random.default_rng(0).normal(0, 0.004, metres.shape)
    px = metres[..., :2] * (300, -300) + (400, 400)
    return px, metres, np.full(px.shape[:2], 0.9), np.ones(len(yaw), bool)


@pytest.mark.parametrize("seconds", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("fps", [16.0, 30.0, 60.0])
def test_a_true_turn_stays(seconds: float, fps: float) -> None:
    """Full turns in half a second to three, after and before standing still."""
    turn = np.linspace(0, 2 * np.pi, max(round(seconds * fps), 3))
    still = np.zeros(round(fps / 2))
    px, metres, confidence, valid = _body(np.concatenate((still, turn, still)))
    before = px.copy()
    changed = repair_swaps(px, metres, confidence, valid, fps)
    assert changed == 0 and (px == before).all(), f"{changed} of {len(px)} frames of a true turn were changed"


def test_someone_standing_with_the_back_to_us_stays() -> None:
    px, metres, confidence, valid = _body(np.full(90, np.pi))
    assert repair_swaps(px, metres, confidence, valid, 30.0) == 0


@pytest.mark.parametrize("first", [0, 1, 20, 57])
@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_a_burst_of_back_to_front_frames_is_put_back(first: int, count: int) -> None:
    px, metres, confidence, valid = _body(np.linspace(0, 0.6, 60))
    wanted = px.copy(), metres.copy()
    bad = slice(first, min(first + count, 60))
    if bad.stop == 60 and count > 3:
        pytest.skip("a stretch that reaches the end has one kink only and may be believed")
    px[bad], metres[bad] = px[bad][:, LEFT_RIGHT], metres[bad][:, LEFT_RIGHT] * (1, 1, -1)
    repair_swaps(px, metres, confidence, valid, 30.0)
    assert np.abs(px - wanted[0]).max() < 1e-6, "the image positions did not come back"
    error = 1000 * np.linalg.norm(metres - wanted[1], axis=-1).max()
    assert error < 60, f"3D of repaired frames is off by {error:.0f} mm"


def test_swapped_legs_alone_are_put_back() -> None:
    px, metres, confidence, valid = _body(np.zeros(40))
    wanted = px.copy()
    legs = np.arange(25, 33)
    px[np.ix_([15, 16], legs)] = px[np.ix_([15, 16], LEFT_RIGHT[legs])]
    metres[np.ix_([15, 16], legs)] = metres[np.ix_([15, 16], LEFT_RIGHT[legs])]
    assert repair_swaps(px, metres, confidence, valid, 30.0) == 2
    assert np.abs(px - wanted).max() < 1e-6


def test_crossing_legs_of_a_walk_seen_from_the_side_stay() -> None:
    px, metres, confidence, valid = _body(np.full(60, np.pi / 2))
    swing = np.sin(np.arange(60) * 2 * np.pi / 30)[:, None]
    for side, sign in (([25, 27, 29, 31], 1), ([26, 28, 30, 32], -1)):
        reach = np.array([0.5, 1, 1, 1]) * 0.35
        metres[:, side, 0] += sign * swing * reach
        px[:, side, 0] += sign * swing * reach * 300
    before = px.copy()
    assert repair_swaps(px, metres, confidence, valid, 30.0) == 0 and (px == before).all()


@pytest.mark.parametrize("count", [1, 3])
def test_a_body_taken_back_to_front_whose_legs_were_right_is_put_back(count: int) -> None:
    px, metres, confidence, valid = _body(np.linspace(0, 0.6, 60))
    wanted, bad = px.copy(), slice(20, 20 + count)
    upper = np.arange(25)
    px[bad, upper], metres[bad, upper] = px[bad][:, LEFT_RIGHT[upper]], metres[bad][:, LEFT_RIGHT[upper]] * (1, 1, -1)
    assert repair_swaps(px, metres, confidence, valid, 30.0) == count
    assert np.abs(px - wanted).max() < 1e-6, f"off by {np.abs(px - wanted).max():.1f} px"


def test_half_a_second_of_swapped_legs_in_a_stride_is_put_back() -> None:
    px, metres, confidence, valid = _body(np.full(60, 0.9))
    for side, reach in ((np.array([25, 27, 29, 31]), 0.05), (np.array([26, 28, 30, 32]), -0.05)):
        metres[:, side, 0] += reach
        px[:, side, 0] += reach * 300
    wanted, bad, legs = px.copy(), slice(20, 35), np.arange(25, 33)
    px[bad, legs], metres[bad, legs] = px[bad][:, LEFT_RIGHT[legs]], metres[bad][:, LEFT_RIGHT[legs]]
    repair_swaps(px, metres, confidence, valid, 30.0)
    off = np.abs(px - wanted)[:, legs].max()
    assert off < 1e-6, f"legs are off by {off:.1f} px"
