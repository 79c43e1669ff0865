from __future__ import annotations

import cv2
import numpy as np
import pytest

from motionimit.pose.matting import foreground_colors, refine_matte
from motionimit.pose.sampling import spread

SIZE = 400


def _scene(background: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A two-coloured figure with one thin arm: (rgb, true alpha, true colours, box)."""
    alpha = np.zeros((SIZE * 4, SIZE * 4), np.uint8)
    cv2.ellipse(alpha, (800, 400), (140, 190), 0, 0, 360, 255, -1)
    cv2.rectangle(alpha, (600, 560), (1000, 1440), 255, -1)
    cv2.line(alpha, (960, 700), (1280, 1000), 255, 40)
    soft = cv2.resize(alpha, (SIZE, SIZE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    soft = cv2.GaussianBlur(soft, (0, 0), 1.0)
    rng = np.random.default_rng(seed)
    person = np.empty((SIZE, SIZE, 3), np.float32)
    person[:] = (150, 60, 50)
    person[:145] = (60, 45, 40)
    person += cv2.GaussianBlur(rng.normal(0, 60, person.shape).astype(np.float32), (0, 0), 4)
    if background == "plain":
        wall = np.full_like(person, 235) - np.linspace(0, 20, SIZE, dtype=np.float32)[:, None, None]
    else:
        wall = 130 + cv2.GaussianBlur(rng.normal(0, 400, person.shape).astype(np.float32), (0, 0), 5) * (0.2, 1, 1)
        wall[..., 0] = 60
    rgb = person * soft[..., None] + wall * (1 - soft[..., None])
    ys, xs = np.nonzero(soft > 0.5)
    box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float32)
    return np.clip(rgb, 0, 255).astype(np.uint8), soft, np.clip(person, 0, 255), box


def _coarse(alpha: np.ndarray) -> np.ndarray:
    """What a 256-px network makes of it: blurred, shifted a little, the arm's end cut off."""
    mask = cv2.GaussianBlur(alpha, (0, 0), 6)
    mask = np.roll(mask, 2, axis=1)
    mask[240:, 295:] = 0
    return np.clip((mask - 0.5) * 1.6 + 0.5, 0, 1)


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a > 0.5) & (b > 0.5)).sum() / ((a > 0.5) | (b > 0.5)).sum())


@pytest.mark.parametrize("background", ["plain", "busy"])
def test_the_matte_is_far_closer_than_the_mask(background: str) -> None:
    rgb, alpha, _, box = _scene(background)
    mask = _coarse(alpha)
    matte = refine_matte(rgb, mask, box)
    before, after = np.abs(mask - alpha).mean(), np.abs(matte - alpha).mean()
    assert matte.dtype == np.float32 and matte.shape == alpha.shape and matte.min() >= 0 and matte.max() <= 1
    assert after < 0.35 * before, f"mean error {1000 * after:.2f}e-3, the mask's was {1000 * before:.2f}e-3"
    assert _iou(matte, alpha) > 0.98, f"IoU {_iou(matte, alpha):.4f}"


def test_what_the_mask_cut_off_comes_back() -> None:
    rgb, alpha, _, box = _scene("plain")
    matte = refine_matte(rgb, _coarse(alpha), box)
    hand = (slice(236, 256), slice(290, 325))
    kept = float(matte[hand].sum() / alpha[hand].sum())
    assert kept > 0.7, f"{100 * kept:.0f} % of the cut hand came back"


def test_cloth_of_nearly_the_walls_colour_is_opaque_inside() -> None:
    rgb, alpha, _, box = _scene("plain")
    light = np.full_like(rgb, (236, 228, 218))
    cloth = (np.arange(SIZE)[:, None, None] > 200) & (np.arange(SIZE)[:, None, None] < 300) & (alpha > 0.5)[..., None]
    mask = _coarse(alpha)
    mask[200:300] *= 0.65
    matte = refine_matte(np.where(cloth, light, rgb), mask, box)
    inside = matte[215:285, 165:235]
    assert inside.min() > 0.95, f"alpha inside goes down to {inside.min():.2f}, in the mean {inside.mean():.2f}"


def test_nothing_is_added_beyond_the_band() -> None:
    """A second thing of the person's own colour, 10 % of their height away, stays out."""
    rgb, alpha, person, box = _scene("plain")
    rgb[200:300, 20:90] = person[200:300, 20:90]
    matte = refine_matte(rgb, _coarse(alpha), box)
    assert matte[200:300, 20:90].max() < 0.02


def test_twice_is_the_same() -> None:
    rgb, alpha, _, box = _scene("busy")
    assert (refine_matte(rgb, _coarse(alpha), box) == refine_matte(rgb, _coarse(alpha), box)).all()


def test_a_person_of_the_walls_own_colour_keeps_the_mask() -> None:
    rgb, alpha, _, box = _scene("plain")
    rgb[:] = 230
    assert _iou(refine_matte(rgb, _coarse(alpha), box), _coarse(alpha)) > 0.9


def test_an_empty_mask_gives_an_empty_matte() -> None:
    rgb, _, _, box = _scene("plain")
    assert refine_matte(rgb, np.zeros((SIZE, SIZE), np.float32), box).max() < 0.5


def test_a_box_larger_than_the_picture_works() -> None:
    rgb, alpha, _, _ = _scene("plain")
    assert _iou(refine_matte(rgb, _coarse(alpha), np.array([-50, -50, 900, 900])), alpha) > 0.95


def test_foreground_colours_are_free_of_the_wall() -> None:
    rgb, alpha, person, _ = _scene("plain")
    edge = (alpha > 0.3) & (alpha < 0.9)
    found = foreground_colors(rgb, alpha)
    before = np.abs(rgb.astype(np.float32) - person)[edge].mean()
    after = np.abs(found - person)[edge].mean()
    assert after < 0.3 * before, f"colours in the edge are off by {after:.1f} levels, the picture's by {before:.1f}"
    assert (found[alpha > 0.99] == rgb[alpha > 0.99]).all()


def test_spread_keeps_what_is_known_and_fills_the_rest() -> None:
    image = np.zeros((33, 50, 3), np.float32)
    known = np.zeros((33, 50), np.float32)
    image[10:20, 5:15], known[10:20, 5:15] = 100, 1
    out = spread(image, known)
    assert (out[10:20, 5:15] == 100).all() and np.abs(out - 100).max() < 1e-3
