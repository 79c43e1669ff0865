"""Laws of retargeting: a copy of oneself changes nothing, feet stand on the photo's floor, travel follows leg length."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from fit_samples import dance

from motionimit.body import so3
from motionimit.body.ground import floor_clearance, floor_slope
from motionimit.body.model import BodyModel, load_body
from motionimit.body.retarget import leg_length_m, retarget
from motionimit.body.rig import Rig
from motionimit.geometry.camera import Camera
from motionimit.types import BodyParams

TALL = torch.tensor([1.2, 0.3, 0, 0, 0, 0, 0, 0, 0, 0])


@lru_cache
def body() -> BodyModel:
    return load_body()


def photo(depth_m: float = -4.0, betas: torch.Tensor = TALL, size: tuple[int, int] = (600, 900), x_m: float = 0.0) -> BodyParams:
    """Someone standing with hanging arms, seen whole."""
    vectors = np.zeros((1, 24, 3))
    vectors[:, 16, 2], vectors[:, 17, 2] = -1.2, 1.2
    place = torch.tensor([[x_m, 0.05, depth_m]])
    return BodyParams(torch.from_numpy(so3.exp(vectors)).float(), betas, place, Camera.for_image(*size))


def still(frames: int, path: np.ndarray) -> BodyParams:
    """The standing person moved along a path [T, 3]."""
    one = photo(betas=torch.zeros(10), size=(1280, 720))
    place = one.translation_m + torch.from_numpy(path).float()
    return BodyParams(one.rotations.expand(frames, 24, 3, 3).clone(), one.betas, place, one.camera)


def lowest(params: BodyParams) -> np.ndarray:
    """[T] height of the lowest point of the mesh."""
    return body().mesh(params).vertices_m[..., 1].min(1).values.numpy()


def test_copy_of_oneself_is_the_identity() -> None:
    driver = dance(20)
    source = BodyParams(driver.rotations[:1], driver.betas, driver.translation_m[:1], driver.camera)
    out = retarget(source, driver, body(), mode="copy")
    assert (out.rotations - driver.rotations).abs().max() < 1e-5
    moved = (out.translation_m - driver.translation_m).abs().max().item() * 1000
    assert moved < 0.1, f"copying the driver onto itself moved it by {moved} mm"


def test_copy_covers_the_driver_whatever_the_shape() -> None:
    driver = dance(20)
    source = BodyParams(driver.rotations[:1], TALL, driver.translation_m[:1], driver.camera)
    out = retarget(source, driver, body(), mode="copy")
    ours = driver.camera.project(body().mesh(out).joints_m)
    theirs = driver.camera.project(body().mesh(driver).joints_m)
    stature_px = driver.camera.focal_px * 1.7 / 3.4
    apart = (ours - theirs).norm(dim=-1).mean().item() / stature_px * 100
    assert apart < 1.5, f"joints lie {apart:.2f} % of stature apart in the picture"


def test_copy_keeps_size_and_place_as_shares_of_another_frame() -> None:
    driver = dance(10)
    width, height = driver.camera.size_px
    source = replace(photo(betas=driver.betas), camera=Camera.for_image(width * 2, height * 2))
    out = retarget(source, driver, body(), mode="copy")
    ours = out.camera.project(body().mesh(out).joints_m)
    theirs = 2 * driver.camera.project(body().mesh(driver).joints_m)
    apart = (ours - theirs).abs().max().item()
    assert apart < 0.5, f"{apart:.2f} px apart in the doubled frame"


@pytest.mark.parametrize("mode", ["smooth", "source"])
def test_feet_stay_on_the_photos_floor(mode: str) -> None:
    source = photo()
    driver = dance(60)
    driver.translation_m[:, 1] -= torch.from_numpy(lowest(driver)) + 1.0  # one foot always on a floor 1 m below the camera
    out = retarget(source, driver, body(), mode=mode)
    off_mm = 1000 * np.abs(lowest(out) - lowest(source)[0])
    assert off_mm.max() < 12, f"lowest point is up to {off_mm.max():.0f} mm off the photo's floor"
    assert torch.equal(out.betas, source.betas)
    assert out.camera == source.camera


def test_a_jump_leaves_the_floor() -> None:
    frames = 90
    path = np.zeros((frames, 3))
    path[40:52, 1] = 0.35 * np.sin(np.linspace(0, np.pi, 12))
    source = photo()
    height = lowest(retarget(source, still(frames, path), body())) - lowest(source)[0]
    assert height.max() > 0.25, f"a jump of 35 cm came out as {height.max() * 100:.0f} cm"
    assert np.abs(height[:30]).max() < 0.02


def test_travel_is_scaled_by_leg_length_and_halved_in_depth() -> None:
    frames = 30
    path = np.zeros((frames, 3))
    path[5:, 0], path[5:, 2] = 0.2, -0.3
    source = photo()
    out = retarget(source, still(frames, path), body())
    rig = Rig.landmarks(body())
    ratio = leg_length_m(rig.shaped(TALL.double().numpy())) / leg_length_m(rig.shaped(np.zeros(10)))
    assert ratio > 1.03, "the taller body must have the longer legs"
    way = (out.translation_m[-1] - out.translation_m[0]).numpy()
    assert way[0] == pytest.approx(0.2 * ratio, abs=0.002)
    assert way[2] == pytest.approx(-0.3 * ratio / 2, abs=0.01)


def test_source_mode_stays_in_place() -> None:
    path = np.linspace(0, 1, 30)[:, None] * np.array([1.0, 0, -1.0])
    source = photo()
    out = retarget(source, still(30, path), body(), mode="source")
    drift_mm = 1000 * (out.translation_m[:, [0, 2]] - source.translation_m[:, [0, 2]]).abs().max().item()
    assert drift_mm < 0.01, f"{drift_mm} mm"


@pytest.mark.parametrize("to_m", [-2.5, 2.5])
def test_a_walker_stays_in_the_frame(to_m: float) -> None:
    path = np.linspace(0, 1, 60)[:, None] * np.array([to_m, 0, 0])
    source = photo()
    out = retarget(source, still(60, path), body())
    x = source.camera.project(body().mesh(out).joints_m)[..., 0]
    assert x.min() > 0, f"a joint at x = {x.min():.0f} px"
    assert x.max() < source.camera.size_px[0], f"a joint at x = {x.max():.0f} px"
    travelled = (out.translation_m[-1, 0] - out.translation_m[0, 0]).item()
    assert abs(travelled) > 0.3, "the walk must still be one"
    assert np.sign(travelled) == np.sign(to_m)


def test_the_camera_sees_the_same_side_where_the_person_is_moved() -> None:
    """The driver walks at the edge of a wide picture, the photo's person stands in the middle: the line of sight counts."""
    path = np.tile([1.2, 0, 0], (10, 1))
    out = retarget(photo(), still(10, path), body())
    facing = out.rotations[0, 0, :, 2].numpy()
    yaw, expected = np.arctan2(facing[0], facing[2]), -np.arctan2(-1.2, 4.0)
    assert abs(yaw) == pytest.approx(abs(expected), abs=0.03), f"yaw {np.degrees(yaw):.1f} degrees"
    toward = -np.array([1.2, 0.0, -4.0]) / np.hypot(1.2, 4.0)
    seen_then = np.array([0, 0, 1.0]) @ toward
    seen_now = facing @ np.array([0, 0, 1.0])
    assert seen_now == pytest.approx(seen_then, abs=0.01)


def test_half_body_keeps_the_pelvis_of_the_photo() -> None:
    source = photo(depth_m=-1.6)
    assert body().landmarks(source)[0, 29:33, 1].max() < -0.9
    xy = source.camera.project(body().landmarks(source))[0, 29:33, 1]
    assert xy.min() > source.camera.size_px[1], "the feet must be below the frame for this test"
    vectors = np.zeros((30, 24, 3))
    vectors[:, [1, 2], 0], vectors[:, [4, 5], 0] = -0.9, 1.5  # the driver squats all the time
    driver = replace(still(30, np.zeros((30, 3))), rotations=torch.from_numpy(so3.exp(vectors)).float())
    out = retarget(source, driver, body())
    rise_mm = 1000 * (out.translation_m[0, 1] - source.translation_m[0, 1]).abs().item()
    assert rise_mm < 20, f"the pelvis moved by {rise_mm:.0f} mm at the start"


def test_a_camera_that_looks_down_gives_a_sloping_floor() -> None:
    rng = np.random.default_rng(0)
    z = np.linspace(-6, -3, 80)
    feet = np.stack([rng.normal(0, 0.1, 80), -1.2 - 0.4 * (z + 4.5) + rng.normal(0, 0.01, 80), z], -1)[:, None]
    slope = floor_slope(feet, ())
    assert np.abs(slope + 0.4).max() < 0.05, f"slope {slope[0]:.2f}, truth -0.40"
    standing = feet.copy()
    standing[..., 2] = -4 + rng.normal(0, 0.02, (80, 1))
    standing[..., 1] = -1.2 * standing[..., 2] / -4 * -1  # depth noise moves the feet along the line of sight
    assert np.abs(floor_slope(standing, ())).max() < 0.05


def test_standing_noise_is_not_a_jump() -> None:
    rng = np.random.default_rng(1)
    above = floor_clearance(-0.9 + rng.normal(0, 0.01, 200), 30.0, ())
    assert above.max() < 0.02, f"{above.max() * 1000:.0f} mm from 10 mm of noise"


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="smooth, source or copy"):
        retarget(photo(), dance(2), body(), mode="follow")  # type: ignore[arg-type]
