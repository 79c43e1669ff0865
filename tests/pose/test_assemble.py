from __future__ import annotations

import numpy as np
import pytest
from scripted import skeleton

from motionimit.pose.assemble import _torso_steadiness

FPS = 30.0


def _turned(yaw: np.ndarray, roll: np.ndarray | float = 0.0) -> np.ndarray:
    """[T, 33, 2] px of a flat body turned about its own axis by yaw [T] and in the image by roll [T], rad."""
    flat = np.broadcast_to((skeleton() - (0.5, 0.52)) * (120, 300), (len(yaw), 33, 2)).copy()
    flat[..., 0] *= np.cos(yaw)[:, None]
    c, s = np.cos(roll + 0 * yaw)[:, None], np.sin(roll + 0 * yaw)[:, None]
    return np.stack((flat[..., 0] * c - flat[..., 1] * s, flat[..., 0] * s + flat[..., 1] * c), -1) + 400


@pytest.mark.parametrize("seconds", [0.4, 1.0, 3.0])
def test_half_a_turn_and_a_cartwheel_keep_their_confidence(seconds: float) -> None:
    ramp = np.concatenate((np.zeros(20), np.linspace(0, np.pi, round(seconds * FPS)), np.full(20, np.pi)))
    for name, px in (("turn", _turned(ramp)), ("cartwheel", _turned(0 * ramp, 2 * ramp))):
        factor = _torso_steadiness(px, np.ones(len(px), bool), FPS)
        assert factor.min() > 0.9, f"a {name} in {seconds} s leaves {factor.min():.2f} of the confidence"


@pytest.mark.parametrize("count", [2, 6])
def test_a_flip_to_and_fro_loses_its_confidence(count: int) -> None:
    yaw = np.full(60, 0.4)
    yaw[30 : 30 + count] = np.pi - 0.6
    factor = _torso_steadiness(_turned(yaw), np.ones(60, bool), FPS)[:, 0]
    flipped = np.isin(np.arange(60), np.arange(30, 30 + count))
    assert factor[flipped].max() < 0.2, f"flipped frames keep {factor[flipped].max():.2f}"
    assert factor[~flipped].min() > 0.9, f"others fall to {factor[~flipped].min():.2f}"
