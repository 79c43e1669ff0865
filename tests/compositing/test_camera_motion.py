"""The backdrop follows a moving driver's camera to a fraction of a pixel and stands perfectly still under a still one."""

from __future__ import annotations

from itertools import repeat

import cv2
import numpy as np
import torch

from motionimit.compositing.camera_motion import ANALYSED_PX, CameraFollower, moved_backdrops, picture_window, rescaled
from motionimit.types import Frame

HEIGHT, WIDTH = 320, 480


def scene(seed: int = 0) -> np.ndarray:
    """[H, W, 3] uint8: smooth blobs, so that shifts of a fraction of a pixel can be measured."""
    noise = np.random.default_rng(seed).random((HEIGHT, WIDTH, 3)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 3)
    return (255 * np.clip((blurred - 0.5) * 6 + 0.5, 0, 1)).astype(np.uint8)


def seen(picture: np.ndarray, affine: np.ndarray) -> np.ndarray:
    return cv2.warpAffine(picture, affine, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def person() -> np.ndarray:
    matte = np.zeros((HEIGHT, WIDTH), np.float32)
    matte[60:300, 200:280] = 1
    return matte


def zoomed(factor: float, dx: float, dy: float) -> np.ndarray:
    return np.array([[factor, 0, dx], [0, factor, dy]], np.float64)


def corner_error_px(a: np.ndarray, b: np.ndarray) -> float:
    corners = np.array([[[0, 0], [WIDTH, 0], [0, HEIGHT], [WIDTH, HEIGHT]]], np.float64)
    return float(np.linalg.norm(cv2.transform(corners, a) - cv2.transform(corners, b), axis=-1).max())


def test_a_pan_and_zoom_is_recovered_behind_a_moving_person() -> None:
    picture = scene()
    follow = CameraFollower(picture, person())
    for step in range(1, 13):
        truth = zoomed(1 + 0.004 * step, 1.3 * step, -0.7 * step)
        frame = seen(picture, truth)
        frame[60:300, 200 + 10 * step : 280 + 10 * step] = (200, 30, 40)  # walks at another speed than the background
        error = corner_error_px(follow(frame), truth)
        assert error < 0.5, f"frame {step} is registered {error:.2f} px off"


def test_a_still_camera_gives_the_very_same_backdrop() -> None:
    picture, rng = scene(1), np.random.default_rng(2)
    frames = []
    for step in range(5):
        noisy = np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)
        noisy[60:300, 150 + 12 * step : 230 + 12 * step] = 255
        frames.append(Frame(step, step / 25, noisy))
    backdrop = torch.from_numpy(picture).float() / 255
    for out in moved_backdrops(backdrop, picture, person(), iter(frames)):
        assert out is backdrop


def test_the_backdrop_lands_where_the_frame_has_it_in_another_size() -> None:
    picture, truth = scene(3), zoomed(1.03, 6, -4)
    frame = Frame(0, 0.0, seen(picture, truth))
    twice = cv2.resize(picture, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_LINEAR)
    (moved,) = moved_backdrops(torch.from_numpy(twice).float() / 255, picture, person(), iter([frame]))
    small = cv2.resize(moved.numpy(), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    off = np.abs(small - frame.rgb / 255)[20:-20, 20:-20].mean()
    unmoved = np.abs(picture / 255 - frame.rgb / 255)[20:-20, 20:-20].mean()
    assert off < 0.1 * unmoved, f"{off:.4f} off after moving, {unmoved:.4f} before"


def test_nothing_to_hold_on_to_means_no_motion() -> None:
    grey = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    follow = CameraFollower(grey, person())
    for frame in repeat(scene(4), 2):
        assert np.array_equal(follow(frame), np.eye(2, 3))


def test_black_bars_stand_still() -> None:
    picture = scene(5)
    picture[:, :60] = picture[:, -60:] = 0
    truth = zoomed(1, 9, 0)
    frame = seen(picture, truth)
    frame[:, :60] = frame[:, -60:] = 0
    rows, columns = picture_window(picture / 255)
    assert (columns.start, columns.stop) == (62, WIDTH - 62) and rows.start <= 2
    (moved,) = moved_backdrops(torch.from_numpy(picture).float() / 255, picture, person(), iter([Frame(0, 0.0, frame)]))
    assert float(moved[:, :60].max()) == 0 and float(moved[:, -60:].max()) == 0


def test_rescaled_keeps_pixel_centres() -> None:
    affine = zoomed(1.1, 3, -2)
    for factor in (0.5, 2.0, 1024 / ANALYSED_PX):
        scaled = rescaled(affine, factor)
        at = np.array([20.0, 30.0])
        expected = factor * (affine[:, :2] @ (at - 0.5) + affine[:, 2] + 0.5) - 0.5
        assert np.allclose(scaled[:, :2] @ (factor * at - 0.5) + scaled[:, 2], expected, atol=1e-9)
