"""Sampling grids: -1 and +1 are the image's outer edges, pixel centres lie at +0.5, the identity grid is the identity."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionimit.geometry.grid import grid_from_pixels, identity_grid, pixels_from_grid, sample

SIZES = [(1, 1), (1, 7), (5, 1), (8, 8), (33, 47), (480, 270)]


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_sampling_by_the_identity_grid_is_the_identity(height: int, width: int) -> None:
    image = noise(height, width)
    worst = float((sample(image, identity_grid(height, width)[None]) - image).abs().max())
    limit = 1e-5 if max(height, width) < 100 else 1e-4  # float32 coordinates of a 480 px image are good to 3e-5 px
    assert worst < limit, f"{worst:.1e}"


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_identity_grid_holds_the_pixel_centres(height: int, width: int) -> None:
    xy = pixels_from_grid(identity_grid(height, width), width, height)
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    worst = float((xy - torch.stack((x, y), -1)).abs().max())
    assert worst < 1e-4, f"{worst:.1e} px"


def test_corners_of_the_image_are_minus_one_and_one() -> None:
    grid = grid_from_pixels(torch.tensor([[0.0, 0.0], [20.0, 10.0], [10.0, 5.0], [0.5, 0.5]]), 20, 10)
    expected = torch.tensor([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0], [-1 + 1 / 20, -1 + 1 / 10]])
    assert torch.allclose(grid, expected, atol=1e-6), grid


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 2000), st.integers(1, 2000), st.floats(-4000, 4000), st.floats(-4000, 4000))
def test_pixels_and_grid_are_inverse(width: int, height: int, x: float, y: float) -> None:
    xy = torch.tensor([x, y], dtype=torch.float64)
    off = float((pixels_from_grid(grid_from_pixels(xy, width, height), width, height) - xy).abs().max())
    assert off < 1e-8, f"{off:.1e} px"


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 30), st.integers(3, 30), st.integers(-2, 2), st.integers(-2, 2), st.integers(0, 99))
def test_a_shift_by_whole_pixels_moves_the_image_and_holds_its_border(h: int, w: int, dx: int, dy: int, seed: int) -> None:
    image = noise(h, w, 1, seed)
    grid = identity_grid(h, w) + torch.tensor([2 * dx / w, 2 * dy / h])
    rows, columns = (torch.arange(h) + dy).clamp(0, h - 1), (torch.arange(w) + dx).clamp(0, w - 1)
    worst = float((sample(image, grid[None]) - image[:, :, rows][..., columns]).abs().max())
    assert worst < 1e-4, f"shift by ({dx}, {dy}): {worst:.1e}"


def test_half_a_pixel_is_the_mean_of_two() -> None:
    image = torch.tensor([[0.0, 1.0, 0.0, 4.0]])[None, None]
    between = grid_from_pixels(torch.tensor([[1.0, 0.5], [2.0, 0.5], [3.0, 0.5]]), 4, 1)
    assert torch.allclose(sample(image, between[None, None])[0, 0, 0], torch.tensor([0.5, 0.5, 2.0]), atol=1e-6)


def test_x_is_the_first_coordinate() -> None:
    image = torch.zeros(1, 1, 4, 6)
    image[0, 0, 1, 4] = 1
    at = grid_from_pixels(torch.tensor([4.5, 1.5]), 6, 4)
    assert float(sample(image, at[None, None, None])) == pytest.approx(1, abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=2))
def test_samples_stay_within_the_image_whatever_the_grid(h: int, w: int, point: list[float]) -> None:
    image = noise(h, w, 2)
    value = sample(image, torch.tensor(point)[None, None, None])
    assert torch.isfinite(value).all(), f"{value} at {point}"
    assert float(value.min()) >= float(image.min()) - 1e-5, f"{value} at {point}"
    assert float(value.max()) <= float(image.max()) + 1e-5, f"{value} at {point}"


def test_invalid_pixels_are_zero_and_valid_ones_untouched() -> None:
    image, grid = noise(6, 5), identity_grid(6, 5)[None]
    valid = torch.zeros(1, 1, 6, 5)
    valid[..., 2:, :] = 1
    out = sample(image, grid, valid)
    assert float(out[..., :2, :].abs().max()) == 0
    assert torch.equal(out[..., 2:, :], sample(image, grid)[..., 2:, :])


def test_gradients_reach_image_and_grid() -> None:
    image, grid = noise(6, 5).requires_grad_(), (identity_grid(6, 5)[None] + 0.01).requires_grad_()
    sample(image, grid).square().sum().backward()
    for name, tensor in (("image", image), ("grid", grid)):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all(), name
        assert float(tensor.grad.abs().sum()) > 0, name
