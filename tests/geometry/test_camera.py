"""The camera's convention: x right, y up, z towards the camera; pixels x right, y down, centres at +0.5."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionimit.geometry.camera import Camera

sizes = st.integers(1, 4000)
pixels = st.floats(-3000, 6000, allow_nan=False)
depths = st.floats(0.1, 50, allow_nan=False)


def double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, pixels, pixels, depths)
def test_unproject_then_project_is_the_identity(width: int, height: int, x: float, y: float, depth: float) -> None:
    camera = Camera.for_image(width, height)
    point = camera.unproject(double(x, y), double(-depth)[0])
    off = (camera.project(point) - double(x, y)).abs().max()
    assert off < 1e-6, f"({x}, {y}) at {depth} m comes back {off:.1e} px off"
    assert point[2] == -depth


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.floats(-5, 5), st.floats(-5, 5), depths)
def test_project_then_unproject_is_the_identity(width: int, height: int, x: float, y: float, depth: float) -> None:
    camera = Camera.for_image(width, height)
    point = double(x, y, -depth)
    off = (camera.unproject(camera.project(point), point[2]) - point).abs().max()
    assert off < 1e-9, f"{off:.1e} m off"


def test_the_assumed_camera_of_an_image() -> None:
    camera = Camera.for_image(400, 600)
    assert camera == Camera(900.0, (200.0, 300.0), (400, 600))


def test_the_axis_meets_the_middle_and_the_signs_are_those_of_the_convention() -> None:
    camera = Camera.for_image(400, 600)
    middle, right, up, nearer = camera.project(
        double(0, 0, -2, 0.1, 0, -2, 0, 0.1, -2, 0.1, 0, -1).reshape(4, 3),
    )
    assert middle.tolist() == [200, 300]
    assert right.tolist() == pytest.approx([245, 300]), "x runs right, 900 px / 2 m · 0.1 m"
    assert up.tolist() == pytest.approx([200, 255]), "y runs up in the world and down in the picture"
    assert nearer.tolist() == pytest.approx([290, 300]), "half as far is twice as large"


def test_pixel_centres_lie_at_half() -> None:
    """A 4 x 2 image: its principal point is the corner between the middle pixels, half a pixel from their centres."""
    camera = Camera.for_image(4, 2)
    centre_of_pixel_2_1 = camera.unproject(double(2.5, 1.5), double(-1)[0])
    assert centre_of_pixel_2_1.tolist() == pytest.approx([0.5 / 6, -0.5 / 6, -1])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 6), st.floats(-3, 3), st.floats(-3, 3), depths)
def test_resizing_scales_pixels_alike(width: int, height: int, factor: int, x: float, y: float, depth: float) -> None:
    camera, point = Camera.for_image(width, height), double(x, y, -depth)
    larger = camera.resized(width * factor, height * factor)
    off = (larger.project(point) - camera.project(point) * factor).abs().max()
    assert off < 1e-6, f"{off:.1e} px"
    assert larger.size_px == (width * factor, height * factor)
    assert larger == Camera.for_image(width * factor, height * factor)
    back = larger.resized(width, height)
    assert (back.project(point) - camera.project(point)).abs().max() < 1e-6, "there and back"


def test_resizing_to_a_rounded_aspect_keeps_the_principal_point_in_the_middle() -> None:
    camera = Camera.for_image(401, 600).resized(268, 400)
    assert camera.center_px == pytest.approx((134, 200))
    assert camera.focal_px == pytest.approx(600), "the height decides"


@settings(max_examples=60, deadline=None)
@given(st.integers(-50, 50), st.integers(-50, 50), st.floats(-3, 3), st.floats(-3, 3), depths)
def test_cropping_shifts_pixels_and_nothing_else(left: int, top: int, x: float, y: float, depth: float) -> None:
    camera, point = Camera.for_image(300, 200), double(x, y, -depth)
    crop = camera.cropped(left, top, 120, 90)
    off = (crop.project(point) + double(left, top) - camera.project(point)).abs().max()
    assert off < 1e-6, f"{off:.1e} px"
    assert (crop.focal_px, crop.size_px) == (camera.focal_px, (120, 90))
    assert crop.cropped(-left, -top, 300, 200) == camera, "the opposite crop undoes it"


def test_crop_and_resize_commute_up_to_scale() -> None:
    camera, point = Camera.for_image(300, 200), double(0.2, -0.3, -2.5)
    one = camera.cropped(30, 20, 120, 80).resized(240, 160).project(point)
    other = camera.resized(600, 400).cropped(60, 40, 240, 160).project(point)
    assert (one - other).abs().max() < 1e-9, (one, other)


@pytest.mark.parametrize("z", [0.0, 1.0, -1e-9, 1e6])
def test_points_at_and_behind_the_camera_are_never_nan(z: float) -> None:
    found = Camera.for_image(64, 48).project(torch.tensor([[0.3, -0.2, z], [0.0, 0.0, z]]))
    assert torch.isfinite(found).all(), found


def test_gradients_flow_through_a_projection() -> None:
    point = double(0.2, -0.3, -2.5).requires_grad_()
    assert torch.autograd.gradcheck(Camera.for_image(64, 48).project, (point,), eps=1e-7, atol=1e-3)
