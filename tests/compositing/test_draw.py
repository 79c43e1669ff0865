"""Drawing a motion: every frame has its own pose before its own background, whichever thread drew it."""

from __future__ import annotations

from fractions import Fraction
from itertools import repeat
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from motionimit.compositing.stream import Stage, draw
from motionimit.flow.surface import Surface
from motionimit.geometry.camera import Camera
from motionimit.runtime import StageClock
from motionimit.types import Frame

SIZE = (64, 48)
CAMERA = Camera(64.0, (32.0, 24.0), SIZE)
DEPTH_M, STEP_M, FRAMES = 2.0, 0.05, 12
RED, GREY, GREEN = (200, 20, 20), (90, 90, 90), (0, 255, 0)


def board() -> SimpleNamespace:
    """A red board of 0.5 x 0.5 m, one texture layer, moved by the root joint: 16 x 16 px on the picture's middle."""
    corners = torch.tensor([[-0.25, -0.25, -DEPTH_M], [0.25, -0.25, -DEPTH_M], [0.25, 0.25, -DEPTH_M], [-0.25, 0.25, -DEPTH_M]])
    surface = Surface(
        rest_m=corners,
        bones=torch.zeros(4, 6, dtype=torch.int32),
        weights=torch.tensor([[1.0, 0, 0, 0, 0, 0]]).repeat(4, 1),
        uv_px=CAMERA.project(corners).float(),
        faces=torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32),
        layer=torch.zeros(2, dtype=torch.int32),
        bias_m=torch.zeros(2),
        confidence=torch.ones(2),
    )
    layers = torch.tensor([*RED, 255], dtype=torch.uint8).expand(1, SIZE[1], SIZE[0], 4).contiguous()
    portrait = SimpleNamespace(surface=surface, layers=layers, known=None)
    return SimpleNamespace(portraits=(portrait,), size_px=SIZE, picture=np.full((96, 96, 3), GREEN, np.uint8))


def frames(driver: Any = None, **options: Any) -> np.ndarray:
    """The board on its way to the right, drawn on a stage with `options` [T, H, W, C] uint8."""
    transforms = torch.eye(4).repeat(FRAMES, 24, 1, 1)
    transforms[:, :, 0, 3] = STEP_M * torch.arange(FRAMES)[:, None]
    backdrop = (torch.tensor(GREY) / 255).expand(SIZE[1], SIZE[0], 3).contiguous()
    stage = Stage(board(), CAMERA, backdrop, torch.device("cpu"), **options)  # type: ignore[arg-type]
    return np.stack(list(draw(stage, transforms, driver or repeat(None), StageClock())))


def driving() -> list[Frame]:
    return [Frame(i, float(i / Fraction(25)), np.full((30, 40, 3), 10 * i, np.uint8)) for i in range(FRAMES)]


def test_each_frame_has_its_own_pose_in_order() -> None:
    drawn = frames()
    assert drawn.shape == (FRAMES, SIZE[1], SIZE[0], 3)
    red = (drawn[..., 0] > 150) & (drawn[..., 1] < 60)
    middles = np.array([np.argwhere(r).mean(0)[1] + 0.5 for r in red])
    expected = 32 + 64 * STEP_M / DEPTH_M * np.arange(FRAMES)
    assert np.abs(middles - expected).max() < 0.6, f"the board's middle is at {middles} px, {expected} are right"
    assert (drawn[0][18:30, 26:38] == RED).all(), "colours changed inside the board, whose rim is soft"


def test_where_nobody_is_the_background_is_exact() -> None:
    drawn = frames()
    assert (drawn[:, :10] == GREY).all()
    assert (drawn[:, :, :20] == GREY).all()


def test_the_drivers_background_belongs_to_its_own_frame() -> None:
    drawn = frames(iter(driving()), before_driver=True)
    assert drawn[:, 2, 2, 0].tolist() == [10 * i for i in range(FRAMES)]


def test_alpha_leaves_the_background_out() -> None:
    drawn = frames(alpha=True)
    assert drawn.shape == (FRAMES, SIZE[1], SIZE[0], 4)
    assert (drawn[:, :10, :, 3] == 0).all()
    assert drawn[0, 24, 32].tolist() == [*RED, 255]
    area = (drawn[..., 3] / 255).sum((1, 2))
    assert area == pytest.approx(16 * 16, rel=0.15), f"the board covers {area} px, 256 are right"


def test_panels_are_photo_driver_result_of_one_moment() -> None:
    drawn = frames(iter(driving()), side_by_side=True)
    assert drawn.shape == (FRAMES, 48, 48 + 64 + 64, 3)
    assert (drawn[:, 24, 24] == GREEN).all()
    assert drawn[:, 24, 48 + 32, 0].tolist() == [10 * i for i in range(FRAMES)]
    assert drawn[0, 24, 48 + 64 + 32].tolist() == [*RED]
