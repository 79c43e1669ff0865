"""An estimator that can't tell front from back reports something between a pose and its mirror image."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scripted import skeleton

from motionimit.pose.assemble import MaskSample, Seen, build_track
from motionimit.pose.detector import LEFT_RIGHT
from motionimit.pose.swaps import decidedness
from motionimit.types import PersonTrack

FPS = Fraction(30)
PX_PER_M = 300
MIXED = slice(40, 65)


def hands_on_hips(yaw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Px [T, 33, 2] and metres [T, 33, 3] of someone whose elbows point out, turned by yaw [T] rad."""
    flat = (skeleton() - (0.5, 0.52)) * (-1, -1) * (0.9, 1.7)
    for wrist, hand, hip in ((15, (17, 19, 21), 23), (16, (18, 20, 22), 24)):
        flat[[wrist, *hand]] = flat[hip] * (1.2, 1) + (0, 0.1)
    flat[[13, 14]] += ((0.1, 0.05), (-0.1, 0.05))
    solid = np.concatenate((flat, np.zeros((33, 1))), 1)
    solid[[31, 32], 2], solid[:11, 2] = 0.15, 0.1
    c, s = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    metres = np.stack((solid[:, 0] * c + solid[:, 2] * s, solid[:, 1] + 0 * c, solid[:, 2] * c - solid[:, 0] * s), -1)
    return metres[..., :2] * (PX_PER_M, -PX_PER_M) + (400, 400), metres


def mixed(px: np.ndarray, metres: np.ndarray, legs: slice, arms: slice) -> tuple[np.ndarray, np.ndarray]:
    """The same with a share of 0.3 to 0.7 of the mirror image in the legs and, in fewer frames, in the arms."""
    rng = np.random.default_rng(4)
    px, metres = px.copy(), metres.copy()
    for part, members in ((legs, np.arange(23, 33)), (arms, np.arange(11, 23))):
        share = rng.uniform(0.3, 0.7, (part.stop - part.start, 1, 1))
        for array, mirror in ((px, (1, 1)), (metres, (1, 1, -1))):
            here = array[part]
            here[:, members] += share * ((here[:, LEFT_RIGHT] * mirror)[:, members] - here[:, members])
    return px, metres


def track_of(px: np.ndarray, metres: np.ndarray) -> PersonTrack:
    box, sure = np.array([100, 50, 700, 750]), np.full(33, 0.95)
    seen: list[Seen | None] = [Seen(p, m, sure, box) for p, m in zip(px, metres, strict=True)]
    return build_track(seen, FPS, (800, 800), (), MaskSample())


@pytest.mark.parametrize("seconds", [0.5, 1.0, 3.0])
def test_a_turn_is_never_undecided(seconds: float) -> None:
    _, metres = hands_on_hips(np.linspace(0, 2 * np.pi, round(seconds * 30)))
    lowest = decidedness(metres + np.random.default_rng(0).normal(0, 0.01, metres.shape), np.ones(len(metres), bool)).min()
    assert lowest > 0.95, f"a true turn in {seconds} s leaves {lowest:.2f}"


def test_mixed_sides_are_taken_apart() -> None:
    """Legs half-way for 0.8 s and arms for 0.3 s of a turn seen from behind."""
    truth_px, truth_m = hands_on_hips(np.linspace(np.pi - 0.6, np.pi + 0.6, 110))
    px, metres = mixed(truth_px, truth_m, MIXED, slice(48, 57))
    track = track_of(px, metres)
    given = np.linalg.norm(px - truth_px, axis=-1)[MIXED].max()
    off = np.linalg.norm(track.joints_px.numpy() - truth_px, axis=-1)
    assert given > 50, f"the sample is mixed by {given:.0f} px only"
    assert off.max() < 6, f"landmarks are {off.max():.1f} px off, given {given:.0f} px"
    off_mm = 1000 * np.linalg.norm(track.joints_m.numpy() - truth_m, axis=-1).max()
    assert off_mm < 40, f"3D landmarks are {off_mm:.0f} mm off"
    legs = track.confidence.numpy()[MIXED, 23:].max()
    assert legs < 0.5, f"mixed legs keep a confidence of {legs:.2f}"
    assert any("25 of 110" in w for w in track.warnings), track.warnings


def test_whole_flips_among_mixed_frames_are_put_back() -> None:
    """Mixed frames around a short flip hide that it comes and goes within a frame."""
    truth_px, truth_m = hands_on_hips(np.linspace(np.pi - 0.5, np.pi + 0.3, 110))
    px, metres = mixed(truth_px, truth_m, MIXED, MIXED)
    for t in (47, 51, 52, 53, 54, 58):
        px[t], metres[t] = truth_px[t][LEFT_RIGHT], truth_m[t][LEFT_RIGHT] * (1, 1, -1)
    off = np.linalg.norm(track_of(px, metres).joints_px.numpy() - truth_px, axis=-1)
    assert off[:, 11:].max() < 10, f"landmarks are {off[:, 11:].max():.1f} px off in frame {off[:, 11:].max(1).argmax()}"


def test_what_never_is_clear_keeps_its_middle() -> None:
    """No frame near enough tells left from right: nothing is invented, and nothing of it is believed."""
    truth_px, truth_m = hands_on_hips(np.full(200, np.pi))
    px, metres = mixed(truth_px, truth_m, slice(40, 130), slice(40, 130))
    track = track_of(px, metres)
    middle = track.joints_px.numpy()[85, [23, 24]].mean(0)
    assert np.abs(middle - truth_px[85, [23, 24]].mean(0)).max() < 1
    assert track.confidence.numpy()[85, 11:].max() < 0.3, f"{track.confidence.numpy()[85, 11:].max():.2f} is left"
