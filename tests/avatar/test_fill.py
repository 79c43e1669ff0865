"""Filling unknown pixels: known ones stay, constants stay constant, nearest really is nearest."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionimit.avatar.fill import distance_to, nearest_index, push_pull


def scattered(height, width, share, seed=0):
    known = np.random.default_rng(seed).random((height, width)) < share
    known[height // 2, width // 2] = True
    return known


@pytest.mark.parametrize("size", [(40, 30), (33, 47), (1, 9), (64, 64)])
def test_push_pull_keeps_what_is_known(size):
    image = np.random.default_rng(1).random((*size, 3), np.float32)
    known = scattered(*size, 0.3)
    out = push_pull(image, known.astype(np.float32))
    off = np.abs(out - image)[known].max()
    assert off < 1e-6, f"known pixels change by up to {off:.1e}"


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.floats(0.0, 1.0), st.integers(0, 99))
def test_push_pull_of_a_constant_is_constant_and_reads_no_unknown_pixel(height, width, share, seed):
    known = scattered(height, width, share, seed)
    image = np.where(known[..., None], np.float32((0.2, 0.5, 0.9)), np.float32(77))
    out = push_pull(image.astype(np.float32), known.astype(np.float32))
    off = np.abs(out - np.float32((0.2, 0.5, 0.9))).max()
    assert out.shape == image.shape
    assert off < 1e-4, f"{known.sum()} known pixels of {height} x {width}: off by {off:.1e}"


def test_push_pull_runs_smoothly_between_what_is_known():
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))[..., None]
    known = np.ones((64, 64), bool)
    known[:, 24:40] = False
    out = push_pull(np.where(known[..., None], ramp, 0), known.astype(np.float32))
    assert out[:, 24:40].min() > 0.25
    assert out[:, 24:40].max() < 0.75
    assert (out[:, 38] - out[:, 25] > 0.05).all(), "the fill doesn't follow the ramp"
    step = np.abs(np.diff(out[..., 0], axis=1)).max()
    assert step < 0.15, f"a jump of {step:.2f} inside a ramp"


def test_half_known_pixels_are_mixed():
    image = np.zeros((32, 32, 1), np.float32)
    image[:, 16:] = 1
    weight = np.ones((32, 32), np.float32)
    weight[8, 8] = 0.5
    image[8, 8] = 1
    assert 0.45 < push_pull(image, weight)[8, 8, 0] < 0.6


def test_push_pull_without_anything_known_returns_a_copy():
    image = np.random.default_rng(2).random((8, 8, 3), np.float32)
    out = push_pull(image, np.zeros((8, 8), np.float32))
    assert np.array_equal(out, image)
    assert out is not image


@pytest.mark.parametrize("seed", range(4))
def test_nearest_index_is_nearest(seed):
    covered = scattered(37, 29, 0.03, seed)
    index, distance = nearest_index(covered)
    assert covered.reshape(-1)[index].all(), "an index points at an uncovered pixel"
    y, x = np.mgrid[:37, :29]
    found = np.hypot(index // 29 - y, index % 29 - x)
    places = np.argwhere(covered)
    best = np.hypot(places[:, 0, None, None] - y, places[:, 1, None, None] - x).min(0)
    assert (found - best).max() < 0.5, f"{(found - best).max():.2f} px farther than the nearest"
    assert np.abs(distance - best).max() < 0.3, f"distances are off by {np.abs(distance - best).max():.2f} px"
    own = np.flatnonzero(covered)
    assert np.array_equal(index.reshape(-1)[own], own), "a covered pixel is its own nearest"
    assert (distance[covered] == 0).all()


def test_nearest_index_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="covered"):
        nearest_index(np.zeros((4, 4), bool))


def test_distance_to_a_disc():
    disc = cv2.circle(np.zeros((60, 60), np.uint8), (30, 30), 10, 1, -1) > 0
    distance = distance_to(disc)
    assert (distance[disc] == 0).all()
    assert distance[30, 55] == pytest.approx(15, abs=0.2)
    assert distance[55, 30] == pytest.approx(15, abs=0.2)
    assert distance_to(np.zeros((4, 4), bool)).min() > 1e3, "far from everything"
