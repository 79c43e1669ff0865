"""Laws of the orbit: a turn is a rigid motion about the person's own vertical, on their floor, inside the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from orbit_people import body, standing, walking

from motionimit.body.orbit import STEP_BACK, Pivot, arc, bullet_time, eased, outline, seen_from, turntable
from motionimit.body.upright import vertical
from motionimit.errors import BadUsage
from motionimit.geometry.rotation import geodesic_angle
from motionimit.types import BodyParams

FULL = np.arange(0, 360, 30.0)


def vertices(params: BodyParams) -> np.ndarray:
    return body().mesh(params).vertices_m.double().numpy()


def heading_deg(params: BodyParams, tilt_deg: float) -> np.ndarray:
    """Where the bodies face, about the vertical of a camera that looks down by `tilt_deg`."""
    forward = params.rotations[:, 0, :, 2].double().numpy() @ vertical(tilt_deg)
    return np.degrees(np.arctan2(forward[:, 0], forward[:, 2]))


@pytest.mark.parametrize("tilt_deg", [0.0, 15.0])
def test_no_turn_is_the_photo_and_a_full_turn_returns_to_it(tilt_deg: float) -> None:
    person = standing(tilt_deg)
    turned = turntable(person, body(), np.array([0.0, 360.0]))
    off_mm = 1000 * np.abs(vertices(turned) - vertices(person)).max()
    assert off_mm < 0.01, f"a turn by 0 and 360 degrees moved the person by {off_mm:.3f} mm"


@pytest.mark.parametrize("tilt_deg", [-10.0, 0.0, 20.0])
def test_the_body_turns_by_what_was_asked(tilt_deg: float) -> None:
    person = standing(tilt_deg)
    measured = Pivot.of(person, body()).tilt_deg
    turned = turntable(person, body(), FULL)
    got = heading_deg(turned, measured) - heading_deg(person, measured)
    off_deg = np.abs((got - FULL + 180) % 360 - 180).max()
    assert off_deg < 0.01, f"yaw is off by up to {off_deg:.4f} degrees"


@pytest.mark.parametrize("tilt_deg", [0.0, 20.0])
def test_feet_stay_on_their_floor(tilt_deg: float) -> None:
    person = standing(tilt_deg)
    up = vertical(Pivot.of(person, body()).tilt_deg)[:, 1]
    turned = turntable(person, body(), FULL)
    back = (turned.translation_m - turntable(person, body(), np.array([0.0])).translation_m).abs().max()
    lowest = (vertices(turned) @ up).min(1)
    spread_mm = 1000 * np.ptp(lowest)
    assert back < 2 and spread_mm < 1, f"the lowest point moves up and down by {spread_mm:.3f} mm over the turn"


@pytest.mark.parametrize(
    ("size_px", "depth_m", "arms"), [((420, 720), 3.4, "t"), ((720, 405), 2.8, "a"), ((480, 720), 2.45, "a")]
)
def test_the_turning_person_stays_in_the_picture(size_px: tuple[int, int], depth_m: float, arms: str) -> None:
    person = standing(8.0, depth_m, size_px, arms, yaw_deg=90)  # arms towards the camera need less room than arms to the sides
    before = person.camera.project(torch.from_numpy(vertices(person)))[0]
    low, high = before.amin(0).clamp_max(0), torch.maximum(before.amax(0), torch.tensor(size_px))
    turned = turntable(person, body(), FULL)
    seen = person.camera.project(torch.from_numpy(vertices(turned)))
    out_px = max(float((low - seen).max()), float((seen - high).max()))
    assert out_px < 0.01, f"the person reaches {out_px:.1f} px out of the picture"
    assert -turned.translation_m[:, 2].min() < STEP_BACK * 1.2 * depth_m


def test_elevation_looks_down_on_the_same_place() -> None:
    person = standing(10.0)
    pivot = Pivot.of(person, body())
    turned = turntable(person, body(), np.array([0.0, 0.0, 90.0]), np.array([0.0, 30.0, 30.0]))
    up = turned.rotations[:, 0].double().numpy() @ person.rotations[0, 0].double().numpy().T @ vertical(pivot.tilt_deg)[:, 1]
    got = np.degrees(np.arctan2(up[:, 2], up[:, 1]))
    np.testing.assert_allclose(got[:2], pivot.tilt_deg + np.array([0, 30]), atol=0.01)
    here = person.camera.project(torch.from_numpy(pivot.point_m)[None])[0]
    for k, params in enumerate(
        [person, BodyParams(turned.rotations[1:2], turned.betas, turned.translation_m[1:2], turned.camera)]
    ):
        x_px = person.camera.project(torch.from_numpy(Pivot.of(params, body()).point_m)[None])[0, 0]
        assert abs(float(x_px - here[0])) < 1.0 + 25 * k, f"the middle moved sideways to {float(x_px):.1f} px"


@settings(max_examples=30, deadline=None)
@given(st.floats(-720, 720).filter(lambda d: abs(d) > 1), st.integers(8, 240))
def test_paths_begin_at_the_photo_and_are_smooth(turn_deg: float, frames: int) -> None:
    path = arc(turn_deg, frames)
    assert path[0] == 0 and len(path) == frames
    loops = turn_deg % 360 == 0
    bend = np.abs(np.diff(path, 2)).max()
    bound = 1e-9 if loops else 5.78 * abs(turn_deg) / (frames - 1) ** 2  # the quintic's largest second derivative
    assert bend <= bound + 1e-9, f"{turn_deg} degrees in {frames} frames: the speed jumps by {bend:.4f} degrees per frame"
    assert (np.diff(path) * np.sign(turn_deg) >= -1e-9).all()
    if not loops:
        assert path[-1] == pytest.approx(turn_deg)


def test_a_whole_turn_loops_without_a_jump() -> None:
    path = arc(-360, 90)
    steps = np.diff(np.r_[path, -360])
    np.testing.assert_allclose(steps, -4, atol=1e-9)
    assert arc(75, 1).tolist() == [75]


@pytest.mark.parametrize("tilt_deg", [0.0, 12.0])
def test_views_share_distance_and_floor(tilt_deg: float) -> None:
    motion = walking(12, tilt_deg)
    front, side, back, again = seen_from(motion, body(), [0, 90, 180, 360])
    same_mm = 1000 * float((front.translation_m - again.translation_m).abs().max())
    assert same_mm < 0.01, f"0 and 360 degrees differ by {same_mm} mm"
    pivot = Pivot.of(motion, body())
    up = vertical(pivot.tilt_deg)[:, 1]
    stands = body().mesh(front)
    for view, yaw in ((front, 0.0), (side, 90.0), (back, 180.0)):
        turns = view.rotations[:, 0] @ motion.rotations[:, 0].mT
        expected = torch.from_numpy(pivot.rotations(np.array([yaw]))).float()
        off_deg = np.degrees(float(geodesic_angle(turns, expected.expand_as(turns)).max()))
        assert off_deg < 0.1, f"some frame is turned by {off_deg:.2f} degrees more than the view"
        mesh = body().mesh(view)
        below = [(m.vertices_m.double().numpy() @ up).min(1) - m.joints_m[:, 0].double().numpy() @ up for m in (stands, mesh)]
        heights = np.ptp(mesh.joints_m[:, 0, 1].numpy()), np.ptp(stands.joints_m[:, 0, 1].numpy())
        off_mm = 1000 * max(np.abs(below[1] - below[0]).max(), abs(heights[1] - heights[0]))
        assert off_mm < 1, f"feet leave the floor by {off_mm:.2f} mm in the view from {yaw} degrees"


@pytest.mark.parametrize("yaw_deg", [90.0, 180.0])
def test_the_way_turns_in_the_level_floor(yaw_deg: float) -> None:
    motion = walking(8)
    level = seen_from(motion, body(), [yaw_deg])[0]
    a, b = (body().mesh(p).joints_m[:, 0].double().numpy() for p in (motion, level))
    way, turned = a - a.mean(0), b - b.mean(0)
    off_mm = 1000 * np.abs(np.linalg.norm(way, axis=1) - np.linalg.norm(turned, axis=1)).max()
    assert off_mm < 0.1, f"the way became longer or shorter by {off_mm} mm"
    across = -way[:, 0] if yaw_deg == 180 else way[:, 2]
    np.testing.assert_allclose(turned[:, 0], across, atol=1e-4)


@pytest.mark.parametrize("frame", [0, 5, 11])
def test_a_bullet_freezes_one_frame_and_goes_on(frame: int) -> None:
    motion = walking(12, tilt_deg=8)
    shown, index = bullet_time(motion, body(), frame, 20)
    assert index.tolist() == [*range(frame + 1), *[frame] * 20, *range(frame + 1, 12)]
    moving = np.r_[0 : frame + 1, frame + 21 : 32]
    for name in ("rotations", "translation_m"):
        assert torch.equal(getattr(shown, name)[moving], getattr(motion, name)), "outside the spin nothing changes"
    spin = slice(frame, frame + 21)
    assert float((shown.rotations[spin, 1:] - motion.rotations[frame, 1:]).abs().max()) < 1e-6, "the pose must stand still"
    tilt = Pivot.of(motion, body()).tilt_deg
    yaw = np.unwrap(np.radians(heading_deg(shown, tilt)[spin]))
    np.testing.assert_allclose(np.degrees(yaw - yaw[0]), 360 * eased(np.arange(21) / 21), atol=0.05)


def test_a_spin_begins_and_ends_gently() -> None:
    motion = walking(4)
    shown, _ = bullet_time(motion, body(), 1, 60)
    middle = body().mesh(shown).joints_m[1:63, 0].double().numpy()
    step_mm = 1000 * np.linalg.norm(np.diff(middle, axis=0), axis=1)
    assert step_mm[0] < 1 and step_mm[-2] < 1, f"the first step is {step_mm[0]:.2f} mm, the last {step_mm[-2]:.2f} mm"
    assert np.abs(np.diff(step_mm[:-1])).max() < 10


@pytest.mark.parametrize("frame", [12, 10**9, -1])
def test_a_bullet_beyond_the_motion_is_refused(frame: int) -> None:
    with pytest.raises(BadUsage, match=r"freezes frame -?\d+, but the motion has frames 0 to 11 only"):
        bullet_time(walking(12), body(), frame, 10)


def test_outlines_reach_as_far_as_the_mesh() -> None:
    person = standing(5.0)
    points, mesh = outline(person, body())[0], vertices(person)[0]
    for direction in np.random.default_rng(0).normal(size=(20, 3)):
        assert (points @ direction).max() == pytest.approx((mesh @ direction).max(), abs=1e-9)
