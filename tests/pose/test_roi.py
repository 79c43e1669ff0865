from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import skeleton

from motionimit.pose.roi import Roi, crop, paste, roi_from_axis, roi_from_joints

rois = st.builds(
    Roi,
    st.tuples(st.floats(-500, 2000), st.floats(-500, 2000)),
    st.floats(8, 3000),
    st.floats(-math.pi, math.pi),
)


@given(rois, st.floats(-2, 3), st.floats(-2, 3))
def test_crop_and_frame_coordinates_are_inverse(roi: Roi, u: float, v: float) -> None:
    back = roi.to_crop(roi.to_frame(np.array([u, v])))
    assert np.abs(back - (u, v)).max() < 1e-8, f"came back as {back}, wanted {(u, v)}"


@given(rois)
def test_pixel_affine_agrees_with_crop_coordinates(roi: Roi) -> None:
    points = np.array([[10.0, 20.0], [-3.0, 400.0], [77.5, 0.5]])
    matrix = roi.frame_to_pixels(256)
    pixels = points @ matrix[:, :2].T + matrix[:, 2]
    assert np.allclose(pixels, roi.to_crop(points) * 256, atol=1e-6)


def test_axis_points_up_in_its_own_window() -> None:
    roi = roi_from_axis(np.array([100.0, 100.0]), np.array([140.0, 70.0]))
    top = roi.to_crop(np.array([140.0, 70.0]))
    assert np.abs(top - (0.5, 0.5 - 0.5 / 1.25)).max() < 1e-9, f"the top lies at {top} of the window"
    assert roi.side_px == pytest.approx(125)


def test_window_of_joints_holds_them_all() -> None:
    inside = roi_from_joints(skeleton() * 200 + 50).to_crop(skeleton() * 200 + 50)
    assert inside.min() > 0 and inside.max() < 1, f"joints reach {inside.min():.2f}..{inside.max():.2f}"


@pytest.mark.parametrize("side", [200.0, 700.0, 1500.0])
@pytest.mark.parametrize("angle", [0.0, 0.7, -2.5])
def test_a_blob_is_cropped_and_pasted_to_within_a_pixel(side: float, angle: float) -> None:
    rows, cols = np.mgrid[0:900, 0:900] + 0.5
    wide = min(0.06 * side, 50)  # so that no window cuts it off
    blob = np.exp(-((cols - 420.3) ** 2 + (rows - 515.8) ** 2) / (2 * wide**2)).astype(np.float32)
    roi = Roi((450.0, 480.0), side, angle)
    window = crop(blob, roi, 256)
    where = np.array([(w * window).sum() for w in (np.mgrid[0:256, 0:256][::-1] + 0.5) / 256]) / window.sum()
    off = np.linalg.norm(roi.to_frame(where) - (420.3, 515.8))
    assert off < 1.0, f"blob centre is off by {off:.2f} px after the crop"
    back = paste(window, roi, 900, 900)
    centre = np.array([(cols * back).sum(), (rows * back).sum()]) / back.sum()
    assert np.linalg.norm(centre - (420.3, 515.8)) < 1.0, f"blob centre comes back at {centre}"


def test_half_size_paste_is_the_shrunk_frame() -> None:
    window = np.zeros((256, 256), np.float32)
    window[64:192, 64:192] = 1
    roi = Roi((300.0, 200.0), 256.0)
    full, half = paste(window, roi, 640, 400), paste(window, roi, 320, 200, scale=2)
    assert full.sum() == pytest.approx(128**2, rel=0.01)
    assert half.sum() == pytest.approx(64**2, rel=0.03)
    assert half[100, 150] == 1 and half[100, 110] == 0


def test_a_window_outside_the_frame_is_black() -> None:
    assert crop(np.full((50, 50, 3), 255, np.uint8), Roi((5000.0, 5000.0), 2000.0), 64).max() == 0
