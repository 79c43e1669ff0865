"""The sample dance: feet that don't slide, a full turn, a jump, smooth joints."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from motionimit.training.skeleton import forward_kinematics

ASSETS = Path(__file__).parents[2] / "assets"
FPS = 30000 / 1001
# A 1.65 m body: T-pose joints in metres, pelvis near the origin, left half; the right mirrors it.
_LEFT = {
    1: (0.10, -0.06, 0.0), 4: (0.124, -0.46, 0.0), 7: (0.132, -0.84, -0.012), 10: (0.14, -0.90, 0.11), 13: (0.03, 0.42, 0.0),
    16: (0.17, 0.42, 0.0), 18: (0.43, 0.42, 0.0), 20: (0.67, 0.42, 0.0), 22: (0.76, 0.42, 0.0),
}  # fmt: skip
SOLE = -0.92


@pytest.fixture(scope="module")
def joints():
    out = np.zeros((24, 3))
    for j, point in _LEFT.items():
        out[j], out[j + 1] = point, np.multiply(point, (-1, 1, 1))
    for j, y in ((3, 0.1), (6, 0.2), (9, 0.32), (12, 0.48), (15, 0.56)):
        out[j, 1] = y
    return out


@pytest.fixture(scope="module")
def choreography():
    sys.path.insert(0, str(ASSETS))  # as when the script runs: it imports its neighbours
    return importlib.import_module("choreography")


@pytest.fixture(scope="module")
def motion(joints, choreography):
    times = np.arange(180) / FPS
    rotations, translations = choreography.dance(joints, SOLE, times)
    world = np.stack([forward_kinematics(joints, r)[:, :3, 3] + t for r, t in zip(rotations, translations, strict=True)])
    return times, rotations, world


def test_rotations_are_rotations(motion):
    rotations = motion[1]
    error = np.abs(rotations @ rotations.transpose(0, 1, 3, 2) - np.eye(3)).max()
    assert error < 1e-9, f"R R^T differs from 1 by {error:.1e}"
    assert np.linalg.det(rotations).min() > 0


def test_planted_feet_do_not_slide(motion, choreography):
    times, _, world = motion
    for side, ball in (("L", 10), ("R", 11)):
        steps = [s for s in choreography.STEPS if s.foot == side]
        beats = times / choreography.BEAT_S
        moving = np.zeros(len(times), bool)
        for step in steps:
            moving |= (beats > step.lift - 0.1) & (beats < step.land + 0.1)
        still = ~moving[1:] & ~moving[:-1]
        slide = np.linalg.norm(np.diff(world[:, ball][:, [0, 2]], axis=0), axis=1)[still]
        assert still.sum() > 60
        assert slide.max() < 0.002, f"foot {side} slides {slide.max() * 1000:.1f} mm in a frame"


def test_feet_stay_above_the_floor(motion, joints):
    lowest = motion[2][:, [10, 11], 1].min()
    assert lowest > joints[10, 1] - SOLE - 0.003, f"the ball of a foot sinks to {lowest:.3f} m"


def test_there_is_a_turn_a_jump_and_travel(motion, joints):
    _, rotations, world = motion
    facing = np.unwrap(np.arctan2(rotations[:, 0, 0, 2], rotations[:, 0, 2, 2]))
    assert np.rad2deg(facing.max() - facing.min()) > 360
    both = world[:, [10, 11], 1].min(1) - (joints[10, 1] - SOLE)
    assert both.max() > 0.05, f"highest moment of both feet is {both.max() * 100:.1f} cm"
    assert np.ptp(world[:, 0, 0]) > 0.5


def test_motion_is_smooth(motion):
    jump = np.linalg.norm(np.diff(motion[2], 2, axis=0), axis=2)
    assert jump.max() < 0.11, f"a joint jerks by {jump.max() * 1000:.0f} mm/frame²"


def test_song_has_the_exact_length_and_does_not_clip(choreography):
    music = importlib.import_module("music")
    song = music.song(180 / FPS, 1)
    assert music.BEAT_S == choreography.BEAT_S, "the dance is out of time"
    assert song.shape == (2, round(180 / FPS * 44100))
    assert 0.3 < np.abs(song).max() <= 1.0
    assert np.array_equal(song, music.song(180 / FPS, 1)), "the same seed must give the same song"
