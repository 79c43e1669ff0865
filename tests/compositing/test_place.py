"""Backgrounds: fitted without distortion, taken from where the settings say, and put behind the person exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionimit.compositing.place import chosen_backdrop, cover, over, to_uint8
from motionimit.config import TransferSettings
from motionimit.errors import BadInput
from motionimit.media.image import write_png

SIDES = st.integers(1, 90)


def wanting(background: str) -> TransferSettings:
    return TransferSettings(
        sources=(Path("photo.jpg"),), driving=Path("dance.mp4"), output=Path("out.mp4"), background=background
    )


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES)
def test_cover_fills_any_size_and_keeps_a_plain_colour(height: int, width: int, to_width: int, to_height: int) -> None:
    out = cover(np.full((height, width, 3), (10, 120, 250), np.uint8), (to_width, to_height))
    assert out.shape == (to_height, to_width, 3)
    assert (out == (10, 120, 250)).all()


def test_cover_of_the_same_size_is_the_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    assert np.array_equal(cover(picture, (50, 30)), picture)


@pytest.mark.parametrize("size", [(60, 60), (200, 60), (60, 200), (240, 320)])
def test_cover_crops_about_the_middle_and_keeps_circles_round(size: tuple[int, int]) -> None:
    y, x = np.mgrid[:160, :120] + 0.5
    disc = (np.hypot(x - 60, y - 80) < 40).astype(np.uint8) * 255
    seen = np.argwhere(cover(np.dstack([disc] * 3), size)[..., 0] > 127)
    middle = (seen.min(0) + seen.max(0) + 1) / 2
    off_px = np.abs(middle - np.array(size[::-1]) / 2).max()
    assert off_px <= 1.5, f"the disc's middle is {off_px:.1f} px off"
    extent = seen.max(0) - seen.min(0) + 1
    expected = np.minimum(80 * max(size[0] / 120, size[1] / 160), size[::-1])
    assert np.abs(extent - expected).max() <= 3, f"the disc spans {extent} px, {expected} are round"


def test_a_colour_is_exact_everywhere() -> None:
    out = chosen_backdrop(wanting("#20a040"), (6, 4))
    assert out is not None
    assert out.shape == (4, 6, 3)
    assert (to_uint8(out) == (0x20, 0xA0, 0x40)).all()


def test_a_picture_comes_from_its_file_and_the_others_are_left_to_the_caller(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    write_png(tmp_path / "wall.png", picture)
    out = chosen_backdrop(wanting(str(tmp_path / "wall.png")), (6, 4))
    assert out is not None
    assert np.array_equal(to_uint8(out), picture)
    assert chosen_backdrop(wanting("source"), (6, 4)) is None
    assert chosen_backdrop(wanting("driving"), (6, 4)) is None
    (tmp_path / "wall.png").write_bytes(b"no picture")
    with pytest.raises(BadInput, match=r"background picture .*wall\.png"):
        chosen_backdrop(wanting(str(tmp_path / "wall.png")), (6, 4))


def test_over_is_exact_at_both_ends_and_linear_between() -> None:
    rng = np.random.default_rng(0)
    front, back = (torch.from_numpy(rng.integers(0, 256, (8, 9, 3)) / 255).float() for _ in range(2))
    drawn = {a: over(torch.cat((front, torch.full((8, 9, 1), a)), -1), back) for a in (0.0, 0.25, 1.0)}
    assert np.array_equal(drawn[0.0], to_uint8(back)), "the background changes where nobody is"
    assert np.array_equal(drawn[1.0], to_uint8(front))
    between = 0.25 * front.numpy() * 255 + 0.75 * back.numpy() * 255
    assert np.abs(drawn[0.25] - between).max() <= 0.5 + 1e-3


def test_to_uint8_rounds_clips_and_returns_its_own_memory() -> None:
    values = torch.tensor([-1.0, 0.0, 0.499 / 255, 0.501 / 255, 254.501 / 255, 1.0, 2.0])
    assert to_uint8(values).tolist() == [0, 0, 0, 1, 255, 255, 255]
    every = torch.arange(256) / 255
    out = to_uint8(every)
    assert out.tolist() == list(range(256))
    every.zero_()
    assert out.tolist() == list(range(256))
