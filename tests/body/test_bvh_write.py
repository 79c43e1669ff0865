"""Motions written as .bvh and read again: angles, places, bones, shape, camera, rate; and as any other program reads them."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from bvh_samples import Z_UP, about
from hypothesis import given, settings
from hypothesis import strategies as st

from motionimit.body import so3
from motionimit.body.bvh import read_bvh
from motionimit.body.bvh_file import CHANNELS, read_file
from motionimit.body.bvh_own import OWN_NAMES, camera_name, named_camera
from motionimit.body.bvh_write import euler_zxy, write_bvh
from motionimit.body.model import BodyModel, load_body
from motionimit.body.parts import JOINT_NAMES
from motionimit.errors import BadInput
from motionimit.geometry.camera import Camera
from motionimit.types import BodyParams

FPS = Fraction(30000, 1001)
CAMERA = Camera(700.5, (320.25, -240), (640, 481))
NEAREST_DEG = 90 + np.array([-1, 1])[:, None] * np.array([0.0, 1e-7, 1e-5, 1e-3, 0.1])  # to gimbal lock


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_body()


def some_motion(frames: int = 40, spread: float = 1.0) -> BodyParams:
    """Smooth random turns of all joints, many of them beyond gimbal lock, of a person who isn't average."""
    rng = np.random.default_rng(4)
    steps = so3.exp(rng.normal(0, 0.12, (frames, 24, 3)))
    turns = np.empty((frames, 24, 3, 3))
    turns[0] = so3.exp(rng.normal(0, spread, (24, 3)))
    for t in range(1, frames):
        turns[t] = turns[t - 1] @ steps[t]
    betas = torch.tensor([1.5, -2.0, 0.7, 1.1, -0.4, 0.2, 0.9, -1.3, 0.5, -0.6])
    place = torch.from_numpy(rng.normal(0, 0.5, (frames, 3)) - (0, 0, 4)).float()
    return BodyParams(torch.from_numpy(turns).float(), betas, place, CAMERA)


def off_deg(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    """[24] largest angle between rotations [T, 24, 3, 3]."""
    relative = a.double().numpy().swapaxes(-1, -2) @ b.double().numpy()
    return np.rad2deg(np.linalg.norm(so3.log(relative), axis=-1)).max(0)


def joints_of_text(path: Path) -> dict[str, np.ndarray]:
    """[T, 3] per joint, in the file's unit: the textbook's recursion over offsets and channels."""
    file = read_file(path)
    turns: list[np.ndarray] = []
    places: list[np.ndarray] = []
    for joint in file.joints:
        turn, place = np.tile(np.eye(3), (len(file.values), 1, 1)), np.tile(joint.offset, (len(file.values), 1))
        for c, name in enumerate(joint.channels):
            axis, kind = CHANNELS[name]
            column = file.values[:, joint.first_channel + c]
            if kind == "position":
                place[:, axis] = column
            else:
                turn = turn @ so3.exp(np.deg2rad(column)[:, None] * np.eye(3)[axis])
        if joint.parent >= 0:
            place = places[joint.parent] + np.einsum("tab,tb->ta", turns[joint.parent], place)
            turn = turns[joint.parent] @ turn
        turns.append(turn)
        places.append(place)
    return {joint.name: place for joint, place in zip(file.joints, places, strict=True)}


def test_round_trip_keeps_angles_places_shape_and_camera(body: BodyModel, tmp_path: Path) -> None:
    params = some_motion()
    write_bvh(tmp_path / "a é.bvh", params, body, FPS)
    motion = read_bvh(tmp_path / "a é.bvh", model=body)
    off = off_deg(params.rotations, motion.params.rotations)
    assert off.max() < 1e-3, f"{JOINT_NAMES[off.argmax()]} is off by {off.max():.1e} degrees"
    ours, theirs = (body.mesh(p) for p in (params, motion.params))
    joints_mm, surface_mm = (
        1000 * float((a - b).norm(dim=-1).max())
        for a, b in ((ours.joints_m, theirs.joints_m), (ours.vertices_m, theirs.vertices_m))
    )
    assert joints_mm < 0.02 and surface_mm < 0.5, f"joints off by {joints_mm:.4f} mm, skin by {surface_mm:.3f} mm"
    assert (motion.fps, motion.params.camera, motion.frames) == (FPS, CAMERA, 40)
    assert not motion.warnings and list(tmp_path.iterdir()) == [tmp_path / "a é.bvh"]


def test_the_file_itself_says_where_the_joints_are(body: BodyModel, tmp_path: Path) -> None:
    """By an independent reading of offsets and channels, in cm."""
    params = some_motion()
    write_bvh(tmp_path / "a.bvh", params, body, FPS)
    places = joints_of_text(tmp_path / "a.bvh")
    truth = body.mesh(params).joints_m.numpy()
    for joint, name in enumerate(OWN_NAMES):
        off_mm = np.linalg.norm(10 * places[name] - 1000 * truth[:, joint], axis=-1).max()
        assert off_mm < 0.02, f"{name} is off by {off_mm:.4f} mm"


def test_other_programs_see_a_common_skeleton(body: BodyModel, tmp_path: Path) -> None:
    """Without the camera's joint the file is read as any foreign one: by names and the zero pose."""
    params = some_motion(spread=0.3)
    write_bvh(tmp_path / "a.bvh", params, body, FPS)
    text = (tmp_path / "a.bvh").read_text()
    (tmp_path / "b.bvh").write_text(text.replace(camera_name(CAMERA), "HeadTop_End"))
    motion = read_bvh(tmp_path / "b.bvh", face_camera=False)
    whole = [body.joint_transforms(p.rotations, body.rest_joints(p.betas), p.translation_m) for p in (params, motion.params)]
    off = off_deg(*(transforms[:, :22, :3, :3] for transforms in whole))
    assert off.max() < 6, f"{JOINT_NAMES[off.argmax()]} is off by {off.max():.1f} degrees"
    assert motion.warnings and "HeadTop_End" in motion.warnings[0] and "LeftHandMiddle1" not in motion.warnings[0]
    assert motion.params.camera == Camera.for_image(1080, 1080)


def changed(path: Path, turn: np.ndarray, scale: float) -> str:
    """The text of a file of ours with its axes turned and its unit changed, as Blender does it."""
    head, rows = path.read_text().split("Frame Time: ")

    def offset(match: re.Match[str]) -> str:
        return "OFFSET {:.6f} {:.6f} {:.6f}".format(*(turn @ np.array(match[1].split(), float) * scale))

    step, *frames = rows.splitlines()
    values = np.array([row.split() for row in frames], float).reshape(len(frames), -1, 3)
    euler = np.deg2rad(values[:, 1:])
    eye = np.eye(3)
    local = so3.exp(euler[..., :1] * eye[2]) @ so3.exp(euler[..., 1:2] * eye[0]) @ so3.exp(euler[..., 2:] * eye[1])
    values[:, 0] = values[:, 0] @ turn.T * scale
    values[:, 1:] = np.rad2deg(euler_zxy(turn @ local @ turn.T))
    lines = [" ".join(f"{x:.6f}" for x in row) for row in values.reshape(len(frames), -1)]
    return re.sub(r"OFFSET (.*)", offset, head) + "Frame Time: " + "\n".join([step, *lines]) + "\n"


@pytest.mark.parametrize("turn", [Z_UP, about("y", 90), about("x", 180)])
@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_other_programs_may_turn_and_scale_it(body: BodyModel, tmp_path: Path, turn: np.ndarray, scale: float) -> None:
    params = some_motion()
    write_bvh(tmp_path / "a.bvh", params, body, FPS)
    (tmp_path / "b.bvh").write_text(changed(tmp_path / "a.bvh", turn, scale))
    motion = read_bvh(tmp_path / "b.bvh", model=body)
    off = off_deg(params.rotations, motion.params.rotations)
    off_mm = 1000 * float((body.mesh(params).joints_m - body.mesh(motion.params).joints_m).norm(dim=-1).max())
    assert off.max() < 1e-3 and off_mm < 0.2, f"off by {off.max():.1e} degrees and {off_mm:.4f} mm"
    assert motion.params.camera == CAMERA


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("JOINT Spine1", "JOINT Spine1x"),
        ("HeadTop_camera_", "HeadTop_camera_x"),
        (r"(JOINT LeftForeArm\s+{\s+OFFSET) (\S+) (\S+)", r"\1 \3 -\2"),
    ],
)
def test_a_renamed_or_bent_skeleton_is_a_foreign_one(body: BodyModel, tmp_path: Path, part: str, other: str) -> None:
    write_bvh(tmp_path / "a.bvh", some_motion(4), body, FPS)
    text, count = re.subn(part, other, (tmp_path / "a.bvh").read_text())
    (tmp_path / "b.bvh").write_text(text)
    assert count == 1 and read_bvh(tmp_path / "b.bvh", model=body).params.camera == Camera.for_image(1080, 1080)


@pytest.mark.parametrize("away", NEAREST_DEG.ravel())
def test_gimbal_lock_is_exact_and_steady(away: float) -> None:
    """The middle angle passes ±90 degrees, or stays there, while the others turn."""
    turn = np.linspace(0, 3, 60)
    angles = np.stack([turn, np.full(60, np.deg2rad(away)), -0.5 * turn], -1)
    angles[30:, 1] = np.deg2rad(away) + np.linspace(0, 1.2, 30)
    eye = np.eye(3)
    rotations = np.stack([so3.exp(angles[:, :1] * eye[2]) @ so3.exp(angles[:, 1:2] * s * eye[0]) @ so3.exp(angles[:, 2:] * eye[1])
                          for s in (1, -1)], 1)  # fmt: skip
    rotations = rotations.astype(np.float32).astype(float)
    found = euler_zxy(rotations)
    again = so3.exp(found[..., :1] * eye[2]) @ so3.exp(found[..., 1:2] * eye[0]) @ so3.exp(found[..., 2:] * eye[1])
    off = np.rad2deg(np.linalg.norm(so3.log(rotations.swapaxes(-1, -2) @ again), axis=-1)).max()
    assert off < 1e-4, f"off by {off:.1e} degrees"
    assert np.abs(np.diff(found[..., 1], axis=0)).max() < 0.1, "the middle angle jumps"


def test_angles_have_no_jumps_of_whole_turns(body: BodyModel, tmp_path: Path) -> None:
    turn = np.linspace(0, 6 * np.pi, 90)
    rotations = torch.eye(3).repeat(90, 24, 1, 1)
    rotations[:, 0] = torch.from_numpy(so3.exp(turn[:, None] * np.array([0, 1.0, 0]))).float()
    write_bvh(tmp_path / "a.bvh", BodyParams(rotations, torch.zeros(10), torch.zeros(90, 3), CAMERA), body, FPS)
    values = read_file(tmp_path / "a.bvh").values
    assert np.abs(np.diff(values[:, 3:], axis=0)).max() < 15, "degrees from one frame to the next"
    assert values[-1, 5] == pytest.approx(1080, abs=1e-3)


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(25), Fraction(12), Fraction(15000, 1001), Fraction(997, 31)])
def test_frame_rates_are_exact(body: BodyModel, tmp_path: Path, fps: Fraction) -> None:
    write_bvh(tmp_path / "a.bvh", some_motion(2), body, fps)
    assert read_bvh(tmp_path / "a.bvh").fps == fps


_SIZES = st.integers(1, 10_000)
_NUMBERS = st.floats(-1e5, 1e5).map(lambda x: x + 0.0)


@settings(max_examples=80, deadline=None)
@given(st.floats(1e-3, 1e6), _NUMBERS, _NUMBERS, _SIZES, _SIZES)
def test_cameras_survive_as_names(focal: float, x: float, y: float, width: int, height: int) -> None:
    camera = Camera(focal, (x, y), (width, height))
    name = camera_name(camera)
    assert name.replace("_", "").isalnum() and name.isascii()
    assert named_camera(name) == camera


@settings(max_examples=150, deadline=None)
@given(st.text("0123456789pne_", max_size=30))
def test_other_names_are_no_cameras_or_usable_ones(tail: str) -> None:
    camera = named_camera("HeadTop_camera_" + tail)
    assert camera is None or (camera.focal_px > 0 and min(camera.size_px) >= 1)
    assert named_camera("HeadTop_camera_0_1_1_1_1") is None and named_camera("HeadTop_camera_1e999_1_1_1_1") is None


def test_shape_of_another_body_stays_plausible(body: BodyModel, tmp_path: Path) -> None:
    """Offsets that no shape has (here: a limb longer by 3 cm) give near betas, not wild ones."""
    write_bvh(tmp_path / "a.bvh", some_motion(2), body, FPS)
    text = (tmp_path / "a.bvh").read_text()
    line = next(line for line in text.split("JOINT LeftLeg")[1].splitlines() if "OFFSET" in line)
    x, y, z = line.split()[1:]
    (tmp_path / "a.bvh").write_text(text.replace(line, f"OFFSET {x} {float(y) - 3:.6f} {z}"))
    betas = read_bvh(tmp_path / "a.bvh", model=body).params.betas
    assert (betas - some_motion(2).betas).abs().max() < 4, betas


def test_what_cannot_be_written_leaves_nothing(body: BodyModel, tmp_path: Path) -> None:
    params = some_motion(2)
    with pytest.raises(BadInput, match="does not exist|failed"):
        write_bvh(tmp_path / "absent" / "a.bvh", params, body, FPS)
    broken = BodyParams(params.rotations * torch.nan, params.betas, params.translation_m, CAMERA)
    with pytest.raises(ValueError, match="finite"):
        write_bvh(tmp_path / "a.bvh", broken, body, FPS)
    assert not list(tmp_path.iterdir())
