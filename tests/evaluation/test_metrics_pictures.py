"""Differences between pictures: against definitions written out, their laws, masks and odd sizes."""

from __future__ import annotations

import numpy as np
import pytest
from metrics_material import noisy, person, picture

from motionimit.errors import BadInput, ShapeError
from motionimit.evaluation import pictures as p

MASK = person().mask


def naive_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Wang et al. (2004) with uniform 7 x 7 windows and unbiased moments, window by window."""
    values = []
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    for channel in range(3):
        for y in range(a.shape[0] - 6):
            for x in range(a.shape[1] - 6):
                u, v = (i[y : y + 7, x : x + 7, channel].astype(float).ravel() for i in (a, b))
                (s_u, s_uv), (_, s_v) = np.cov(u, v)
                light = (2 * u.mean() * v.mean() + c1) / (u.mean() ** 2 + v.mean() ** 2 + c1)
                values.append(light * (2 * s_uv + c2) / (s_u + s_v + c2))
    return float(np.mean(values))


def test_ssim_follows_its_definition() -> None:
    a = picture()[40:60, 80:110]
    for b in (noisy(a, 20), 255 - a, np.full_like(a, 128)):
        assert p.ssim(a, b) == pytest.approx(naive_ssim(a, b), abs=1e-10)


def test_ssim_equals_scikit_image() -> None:
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed")
    a = picture()
    for b in (noisy(a, 5), noisy(a, 60), np.roll(a, 3, 1)):
        wanted = metrics.structural_similarity(a, b, data_range=255, channel_axis=2)
        assert p.ssim(a, b) == pytest.approx(wanted, abs=1e-9)
        assert p.psnr(a, b) == pytest.approx(metrics.peak_signal_noise_ratio(a, b, data_range=255), abs=1e-9)


def test_psnr_of_a_known_error() -> None:
    a = np.full((20, 20, 3), 100, np.uint8)
    assert p.psnr(a, a + 1) == pytest.approx(20 * np.log10(255))
    assert p.psnr(a, a + 10) == pytest.approx(20 * np.log10(25.5))


def test_equal_pictures_are_perfect() -> None:
    a = picture()
    assert p.psnr(a, a) == np.inf
    assert p.ssim(a, a) == pytest.approx(1, abs=1e-12)
    assert p.mask_psnr(a, a, MASK) == np.inf
    assert p.mask_ssim(a, a, MASK) == pytest.approx((1, 1), abs=1e-12)
    assert p.mask_l1(a, a, MASK) == 0


def test_all_fall_as_noise_grows() -> None:
    a = picture()
    steps = [noisy(a, sigma) for sigma in (2, 8, 20, 50)]
    for falls in (
        [p.psnr(a, b) for b in steps],
        [p.ssim(a, b) for b in steps],
        [p.mask_psnr(a, b, MASK) or 0 for b in steps],
        [(p.mask_ssim(a, b, MASK) or (0, 0))[1] for b in steps],
        [-(p.mask_l1(a, b, MASK) or 0) for b in steps],
    ):
        assert falls == sorted(falls, reverse=True), falls
        assert falls[0] > falls[-1]


def test_symmetric_in_the_two_pictures() -> None:
    a, b = picture(), noisy(picture(), 25)
    assert p.psnr(a, b) == pytest.approx(p.psnr(b, a))
    assert p.ssim(a, b) == pytest.approx(p.ssim(b, a))


def test_masked_measures_ignore_the_background() -> None:
    a, b = picture(), noisy(picture(), 25)
    other = np.where(MASK[..., None], b, 255 - b)
    assert p.psnr(a, b) > p.psnr(a, other) + 3
    assert p.mask_psnr(a, b, MASK) == p.mask_psnr(a, other, MASK)
    assert p.mask_ssim(a, b, MASK) == p.mask_ssim(a, other, MASK)
    assert p.mask_l1(a, b, MASK) == p.mask_l1(a, other, MASK)


def test_mask_ssim_of_a_small_person_hides_them_and_the_body_mean_does_not() -> None:
    a = picture()
    b = np.where(MASK[..., None], 255 - a, a)
    whole, body = p.mask_ssim(a, b, MASK) or (0, 0)
    assert body < 0 < 0.5 < whole, f"whole {whole:.3f}, body {body:.3f}"


def test_an_empty_mask_gives_nothing() -> None:
    a, empty = picture(), np.zeros_like(MASK)
    assert p.mask_psnr(a, a, empty) is None
    assert p.mask_ssim(a, a, empty) is None
    assert p.mask_l1(a, a, empty) is None
    rim = empty.copy()
    rim[:3] = True
    assert p.mask_ssim(a, a, rim) is None, "no window is centred on the rim"
    assert p.mask_psnr(a, a, rim) == np.inf


def test_motion_tells_frozen_from_flickering() -> None:
    was, now = picture(), np.roll(picture(), 2, 1)
    perfect = p.motion((was, now), (was, now))
    assert perfect["flicker"] == 0
    assert perfect["motion_truth"] == perfect["motion_pred"] > 5
    frozen = p.motion((was, now), (was, was))
    assert frozen["motion_pred"] == 0
    assert frozen["flicker"] == frozen["motion_truth"]
    shaky = p.motion((was, was), (noisy(was, 5, 1), noisy(was, 5, 2)))
    assert shaky["motion_truth"] == 0
    assert shaky["flicker"] == shaky["motion_pred"] > 3


def test_jitter_is_zero_for_steady_change() -> None:
    frames = [np.full((9, 9, 3), 40 + 10 * k, np.uint8) for k in range(4)]
    assert p.jitter(*frames[:3]) == 0
    assert p.jitter(frames[0], frames[1], frames[0]) == 20


@pytest.mark.parametrize("measure", [p.psnr, p.ssim])
def test_sizes_must_agree(measure: object) -> None:
    with pytest.raises(ShapeError, match=r"made must have shape \[300, 200, 3\], got \[300, 199, 3\]"):
        measure(picture(), picture()[:, :199])  # type: ignore[operator]
    with pytest.raises(ValueError, match="uint8, got float64 and uint8"):
        measure(picture() / 255, picture())  # type: ignore[operator]
    with pytest.raises(ShapeError, match="truth"):
        measure(picture()[..., 0], picture()[..., 0])  # type: ignore[operator]


def test_a_mask_of_another_size() -> None:
    with pytest.raises(ShapeError, match="mask"):
        p.mask_ssim(picture(), picture(), MASK[:-1])
    with pytest.raises(ValueError, match="bool, got uint8"):
        p.mask_psnr(picture(), picture(), MASK.astype(np.uint8))


def test_tiny_pictures() -> None:
    least = picture()[:7, :7]
    assert p.ssim(least, least) == pytest.approx(1)
    with pytest.raises(BadInput, match="7x6 px is too small"):
        p.ssim(least[:6], least[:6])
    with pytest.raises(BadInput, match="too small"):
        p.psnr(least[:, :1], least[:, :1])


def test_resizing_keeps_means_and_the_same_size_alone() -> None:
    a = picture()
    assert p.resized(a, 200, 300) is a
    small = p.resized(a, 50, 75)
    assert small.shape == (75, 50, 3)
    assert abs(float(small.mean()) - float(a.mean())) < 0.5
    assert p.resized(a, 400, 30).shape == (30, 400, 3)
