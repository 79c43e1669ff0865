"""Inpainting and the clean background: lines go on behind the person, and nothing of the person stays."""

import cv2
import numpy as np
import pytest
from avatar_material import HAIR, SHIRT, SKIN, TROUSERS, arm_across, close_to, standing

from motionimit.avatar.background import HALO_OF_HEIGHT, clean_background, hole_of
from motionimit.avatar.fill import distance_to, push_pull
from motionimit.avatar.inpaint import inpaint

HEIGHT, WIDTH = 120, 160


def hole():
    out = np.zeros((HEIGHT, WIDTH), bool)
    out[30:95, 62:98] = True
    return out


def stripes():
    x = np.arange(WIDTH)
    bright = (x // 5 % 2).astype(np.float32)
    return np.tile((0.2 + 0.6 * bright)[None, :, None] * np.float32((1, 0.8, 0.6)), (HEIGHT, 1, 1))


def horizon():
    """Sky over grassy ground, with grain."""
    y = np.mgrid[:HEIGHT, :WIDTH][0]
    image = np.where((y < 61)[..., None], np.float32((0.55, 0.7, 0.95)), np.float32((0.25, 0.4, 0.15)))
    return (image + 0.02 * np.random.default_rng(0).standard_normal((HEIGHT, WIDTH, 1))).astype(np.float32)


def mean_square(a, b, where):
    return float(np.square(a - b)[where].mean())


@pytest.mark.parametrize(("picture", "gain"), [(stripes, 5.0), (horizon, 3.0)], ids=["stripes", "horizon"])
def test_patches_beat_diffusion(picture, gain):
    image, gap = picture(), hole()
    damaged = np.where(gap[..., None], np.float32((1, 0, 1)), image)
    ours = mean_square(inpaint(damaged, gap), image, gap)
    diffusion = mean_square(push_pull(damaged, (~gap).astype(np.float32)), image, gap)
    assert ours * gain < diffusion, f"mean square error {ours:.5f} against {diffusion:.5f} by diffusion"


def test_a_horizon_stays_level_and_sharp():
    image, gap = horizon(), hole()
    out = inpaint(np.where(gap[..., None], 0, image), gap)
    sky, ground = out[34:58, 64:96].mean((0, 1)), out[64:92, 64:96].mean((0, 1))
    assert np.abs(sky - (0.55, 0.7, 0.95)).max() < 0.04, f"sky above the horizon is {sky}"
    assert np.abs(ground - (0.25, 0.4, 0.15)).max() < 0.04, f"ground below the horizon is {ground}"


def test_only_the_hole_changes():
    image, gap = stripes(), hole()
    out = inpaint(np.where(gap[..., None], 0, image), gap)
    assert np.array_equal(out[~gap], image[~gap])
    assert np.isfinite(out).all()
    assert out.min() >= 0
    assert out.max() <= 1


def test_what_lies_in_the_hole_is_not_read():
    image, gap = stripes(), hole()
    noise = np.random.default_rng(5).random(image.shape, np.float32)
    a, b = (inpaint(np.where(gap[..., None], inside, image), gap) for inside in (np.float32(0), noise))
    assert np.array_equal(a, b), f"differs by up to {np.abs(a - b).max():.3f}"


def test_the_same_seed_gives_the_same_picture():
    image, gap = horizon(), hole()
    once, again, other = (inpaint(image, gap, seed) for seed in (0, 0, 1))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other), "the seed has no effect"


def test_where_too_little_is_visible_diffusion_answers():
    image = np.full((30, 30, 3), 0.4, np.float32)
    gap = np.ones((30, 30), bool)
    gap[:, :3] = False
    assert np.abs(inpaint(image, gap) - 0.4).max() < 1e-4
    nothing = inpaint(image, np.ones((30, 30), bool))
    assert nothing.shape == image.shape
    assert np.isfinite(nothing).all()


def test_no_hole_no_change():
    image = horizon()
    assert np.array_equal(inpaint(image, np.zeros((HEIGHT, WIDTH), bool)), image)


@pytest.mark.parametrize("person", [standing, arm_across])
def test_the_background_has_nothing_of_the_person(person):
    photo = person()
    gap, out = hole_of(photo.matte), clean_background(photo.rgb, photo.matte)
    for name, color in (("skin", SKIN), ("hair", HAIR), ("shirt", SHIRT), ("trousers", TROUSERS)):
        before, left = int(close_to(photo.rgb, color, 0.15)[gap].sum()), int(close_to(out, color, 0.15).sum())
        assert before > 50, f"the photo shows no {name}"
        assert left == 0, f"{left} pixels of {name} are left in the background"
    assert np.array_equal(out[~gap], photo.rgb[~gap]), "pixels beside the person change"
    error = np.abs(out - photo.wall)[gap].mean()
    assert error < 0.02, f"the wall behind the person is off by {error:.3f} in the mean"


def test_the_hole_covers_the_soft_rim_and_a_halo():
    matte = standing().matte
    gap = hole_of(matte)
    assert gap[matte > 0.05].all()
    rows = np.flatnonzero((matte > 0.5).any(1))
    reach = round(HALO_OF_HEIGHT * (rows[-1] - rows[0] + 1))
    assert reach >= 2
    assert gap[distance_to(matte > 0.05) <= reach - 0.5].all()
    assert not gap[distance_to(matte > 0.05) > 2 * reach + 1].any()
    assert not hole_of(np.zeros((20, 20), np.float32)).any(), "nobody, no hole"


def test_what_the_outline_cuts_has_no_hard_edge_there():
    """A dark window half covered by somebody: patches may end it where they stood, but not with a step along their outline."""
    y, x = np.mgrid[:200, :240]
    noise = np.random.default_rng(0).normal(0, 0.01, (200, 240, 1))
    window = (x > 50) & (x < 110) & (y > 60) & (y < 150)
    rgb = (np.where(window[..., None], 0.25, 0.8) + noise).repeat(3, -1).astype(np.float32)
    matte = ((x - 120) ** 2 + (y - 105) ** 2 < 58**2).astype(np.float32)
    filled, radius = clean_background(rgb, matte), np.sqrt(hole_of(matte).sum() / np.pi)
    low = cv2.GaussianBlur(filled, (0, 0), 2.0)[..., 0]
    steep = np.hypot(cv2.Sobel(low, cv2.CV_32F, 1, 0), cv2.Sobel(low, cv2.CV_32F, 0, 1)) / 8
    outline = (np.abs(np.hypot(x - 120, y - 105) - radius) < 3) & (y > 75) & (y < 135) & (x < 100)
    assert steep[outline].mean() < 0.05, f"lightness changes by {steep[outline].mean():.3f} per pixel along the outline"
