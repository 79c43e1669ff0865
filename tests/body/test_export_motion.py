"""Motion files: round trip, SMPL/AMASS keys, foreign files, refusals, nothing half written."""

from __future__ import annotations

import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from motionimit.body.export import read_motion, write_motion
from motionimit.errors import BadInput
from motionimit.geometry.camera import Camera
from motionimit.geometry.rotation import axis_angle_to_matrix, geodesic_angle
from motionimit.types import BodyParams


@pytest.fixture
def params() -> BodyParams:
    g = torch.Generator().manual_seed(0)
    rotations = axis_angle_to_matrix(torch.randn(9, 24, 3, generator=g))
    return BodyParams(
        rotations, torch.randn(10, generator=g), torch.randn(9, 3, generator=g), Camera(700.5, (320.25, 240), (640, 481))
    )


def test_round_trip(params: BodyParams, tmp_path: Path) -> None:
    path = tmp_path / "a b é.npz"
    write_motion(path, params, Fraction(30000, 1001), {"note": "text", "valid": np.ones(9, bool)}, gender="female")
    motion = read_motion(path)
    angle = geodesic_angle(motion.params.rotations, params.rotations).max()
    assert angle < 2e-3, f"{angle:.1e} rad"
    assert (motion.params.rotations - params.rotations).abs().max() < 1e-5
    assert torch.equal(motion.params.betas, params.betas)
    assert torch.equal(motion.params.translation_m, params.translation_m)
    assert motion.params.camera == params.camera
    assert (motion.fps, motion.gender) == (Fraction(30000, 1001), "female")
    assert str(motion.extra["note"]) == "text"
    assert motion.extra["valid"].all()
    assert list(tmp_path.iterdir()) == [path]


def test_keys_are_those_of_amass(params: BodyParams, tmp_path: Path) -> None:
    write_motion(tmp_path / "m.npz", params, Fraction(25))
    with np.load(tmp_path / "m.npz", allow_pickle=False) as content:
        assert content["poses"].shape == (9, 72)
        assert content["poses"].dtype == np.float32
        assert content["trans"].shape == (9, 3)
        assert content["betas"].shape == (10,)
        assert float(content["mocap_framerate"]) == 25
        assert str(content["gender"]) == "neutral"


@pytest.mark.parametrize("width", [156, 165, 66])
def test_amass_files_are_turned_upright(width: int, tmp_path: Path) -> None:
    """z up in the file: a person standing there stands here; fingers are dropped."""
    poses = np.zeros((4, width))
    poses[:, 0] = np.pi / 2  # SMPL's y up to AMASS's z up
    poses[:, 66:] = 1.0
    trans = np.stack([np.arange(4.0), np.zeros(4), np.full(4, 0.9)], 1)
    np.savez(
        tmp_path / "amass.npz",
        poses=poses,
        trans=trans,
        betas=np.ones(16),
        mocap_framerate=119.88,
        gender="male",
        dmpls=np.ones(3),
    )
    motion = read_motion(tmp_path / "amass.npz")
    assert torch.allclose(motion.params.rotations[:, 0], torch.eye(3).expand(4, 3, 3), atol=1e-6)
    assert torch.allclose(motion.params.rotations[:, 22:], torch.eye(3).expand(4, 2, 3, 3))
    step = motion.params.translation_m.diff(dim=0)
    assert torch.allclose(step, torch.tensor([1.0, 0, 0]).expand(3, 3), atol=1e-5), step
    assert (motion.params.translation_m[:, 2] < -4).all()
    assert abs(float(motion.fps) - 119.88) < 1e-3
    assert motion.gender == "male"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"poses": None}, "lacks 'poses'"),
        ({"poses": np.zeros((9, 12))}, r"poses \[9, 12\]"),
        ({"trans": np.zeros((8, 3))}, r"trans \[8, 3\]"),
        ({"poses": np.zeros((0, 72)), "trans": np.zeros((0, 3))}, "1 to 200000 frames"),
        ({"poses": np.full((9, 72), np.nan)}, "finite"),
        ({"fps": "0/0"}, "frame rate"),
        ({"fps": "99999"}, "frame rate"),
        ({"camera": np.zeros(5)}, "camera"),
        ({"betas": np.array(["a"] * 10)}, "betas"),
    ],
)
def test_bad_files_are_refused(change: dict[str, Any], words: str, params: BodyParams, tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    write_motion(path, params, Fraction(25))
    with np.load(path) as stored:
        content = {**stored, **change}
    np.savez(path, **{k: v for k, v in content.items() if v is not None})
    with pytest.raises(BadInput, match=words) as caught:
        read_motion(path)
    assert "\n" not in str(caught.value)


def test_damage_and_malice_are_refused(params: BodyParams, tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    write_motion(path, params, Fraction(25))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="motion file"):
        read_motion(path)
    path.write_bytes(pickle.dumps({"poses": 1}))
    with pytest.raises(BadInput, match="motion file"):
        read_motion(path)
    with pytest.raises(BadInput, match="does not exist"):
        read_motion(tmp_path / "gone.npz")
    np.savez(path, poses=np.array([eval], dtype=object))
    with pytest.raises(BadInput, match=r"builtins\.eval"):
        read_motion(path)


def test_failed_write_leaves_nothing(params: BodyParams, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="extra may hold"):
        write_motion(tmp_path / "m.npz", params, Fraction(25), {"thing": object()})
    with pytest.raises(ValueError, match="must not use"):
        write_motion(tmp_path / "m.npz", params, Fraction(25), {"poses": 1})
    with pytest.raises(BadInput):
        write_motion(tmp_path / "absent" / "m.npz", params, Fraction(25))
    assert list(tmp_path.iterdir()) == []
