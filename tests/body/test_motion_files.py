"""Motion files by suffix: ours come back to the last bit; foreign ones are put before the camera; damage is one sentence."""

from __future__ import annotations

import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bvh_samples import bvh_text, random_motion
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from motionimit.body import so3
from motionimit.body.export import Motion, write_motion
from motionimit.body.model import BodyModel, load_body
from motionimit.body.motion_file import read_motion_file, write_motion_file
from motionimit.errors import BadInput
from motionimit.geometry.camera import Camera
from motionimit.types import BodyParams

MOCAP = Path(__file__).parents[3] / "shared" / "data" / "mocap"
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def some_params(frames: int = 12) -> BodyParams:
    g = torch.Generator().manual_seed(1)
    vectors = torch.randn(frames, 24, 3, generator=g) * torch.linspace(0.0, 3, 24)[:, None]  # small turns and large ones
    rotations = torch.from_numpy(so3.exp(vectors.double().numpy())).float()
    place = torch.randn(frames, 3, generator=g)
    return BodyParams(rotations, torch.randn(10, generator=g), place, Camera(700.5, (320.25, 240.0), (640, 481)))


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_body()


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    path = tmp_path_factory.mktemp("motion") / "m.npz"
    write_motion(path, some_params(), Fraction(25), cuts=(3,))
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def text() -> str:
    return bvh_text(random_motion()[:2])


def saved(path: Path, content: dict[str, Any]) -> Path:
    np.savez(path, **{name: value for name, value in content.items() if value is not None})
    return path


def test_our_npz_is_exact_to_the_last_bit(tmp_path: Path, body: BodyModel) -> None:
    params = some_params()
    thumbs = np.random.default_rng(0).integers(0, 256, (12, 32, 18), np.uint8)
    motion = Motion(params, Fraction(30000, 1001), cuts=(3, 9), thumbs=thumbs)
    assert write_motion_file(tmp_path / "M.NPZ", motion, body) == ()
    read = read_motion_file(tmp_path / "M.NPZ")
    for name in ("rotations", "betas", "translation_m"):
        assert torch.equal(getattr(read.params, name), getattr(params, name)), name
    assert (read.params.camera, read.fps, read.cuts, read.warnings) == (params.camera, Fraction(30000, 1001), (3, 9), ())
    assert read.thumbs is not None and np.array_equal(read.thumbs, thumbs)
    write_motion_file(tmp_path / "again.npz", read, body)
    assert torch.equal(read_motion_file(tmp_path / "again.npz").params.rotations, params.rotations)


def test_edited_poses_count_more_than_our_own_key(tmp_path: Path, contents: dict[str, np.ndarray]) -> None:
    path = saved(tmp_path / "m.npz", contents | {"poses": contents["poses"] * np.float32(0.5)})
    found = read_motion_file(path).params.rotations.double().numpy()
    off = np.abs(so3.log(found).reshape(12, 72) - 0.5 * contents["poses"]).max()
    assert off < 1e-3, f"off by {off:.1e} rad from the edited poses"


def test_a_part_takes_its_cuts_and_thumbs_along() -> None:
    motion = Motion(some_params(), Fraction(10), cuts=(3, 7, 9), thumbs=np.arange(12, dtype=np.uint8)[:, None, None])
    assert motion.part().cuts == (3, 7, 9)
    assert motion.part(start_s=0.3).cuts == (4, 6), "a cut at the first frame is none"
    assert motion.part(start_s=0.1, max_frames=7).cuts == (2, 6)
    part = motion.part(start_s=0.1, max_frames=6)
    assert part.cuts == (2,) and part.thumbs is not None and part.thumbs.ravel().tolist() == [1, 2, 3, 4, 5, 6]


def test_bvh_tells_what_it_cannot_hold(tmp_path: Path, body: BodyModel) -> None:
    told = write_motion_file(tmp_path / "m.bvh", Motion(some_params(), Fraction(25), cuts=(3, 9)), body)
    assert len(told) == 1 and "2 cuts" in told[0] and ".npz" in told[0]
    assert write_motion_file(tmp_path / "m.bvh", Motion(some_params(), Fraction(25)), body) == ()
    with pytest.raises(BadInput, match=r"\.npz or \.bvh"):
        write_motion_file(tmp_path / "m.fbx", Motion(some_params(), Fraction(25)), body)


def test_joints_without_a_counterpart_are_named(tmp_path: Path) -> None:
    words = ("Hat", "Cape", "Tail", "Wing", "Fin", "Horn")
    text = bvh_text(random_motion()[:2])
    extra = "".join(f"JOINT {word}\n{{\nOFFSET 0 1 0\nEnd Site\n{{\nOFFSET 0 1 0\n}}\n}}\n" for word in words)
    (tmp_path / "walk.bvh").write_text(text.replace("\tJOINT left_hip", extra + "\tJOINT left_hip"))
    (warning,) = read_motion_file(tmp_path / "walk.bvh").warnings
    assert "6 joints of walk.bvh" in warning and "Hat, Cape, Tail, Wing, ..." in warning and "Fin" not in warning


def test_amass_people_stand_before_the_camera_whatever_they_face(tmp_path: Path) -> None:
    """z up or y up, facing anywhere: upright, facing the camera, 5 m away, and walking where they face."""
    steps = np.linspace(0, 2, 30)
    for up, base in (("z", so3.exp(np.array([np.pi / 2, 0, 0]))), ("y", np.eye(3))):
        for turn in (0.0, 1.0, 3.0):
            axis = np.array([0, 0, 1.0]) if up == "z" else np.array([0, 1.0, 0])
            pelvis = so3.exp(turn * axis) @ base
            poses = np.zeros((30, 156))
            poses[:, :3] = so3.log(pelvis)
            trans = steps[:, None] * pelvis[:, 2]
            path = saved(tmp_path / "a.npz", {"poses": poses, "trans": trans, "betas": np.zeros(16), "mocap_framerate": 60.0})
            params = read_motion_file(path).params
            assert (params.rotations[:, 0] - torch.eye(3)).abs().max() < 1e-5, f"{up} up, turned by {turn}"
            moved = params.translation_m[-1] - params.translation_m[0]
            assert (moved - torch.tensor([0, 0, 2.0])).abs().max() < 1e-4, moved
            assert np.median(params.translation_m[:, 2]) == pytest.approx(-5)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"cuts": np.array([0])}, "cuts"),
    ({"cuts": np.array([5, 3])}, "cuts"),
    ({"cuts": np.array([12])}, "cuts"),
    ({"cuts": np.array([0.5])}, "cuts"),
    ({"trans": np.full((12, 3), 1e30)}, "trans holds"),
    ({"poses": np.full((12, 72), -(2**63), np.int64)}, "poses holds"),
    ({"poses": np.zeros((12, 72), complex)}, "poses holds"),
    ({"poses": np.zeros(72)}, r"poses \[72\]"),
    ({"poses": np.float32(1)}, r"poses \[\]"),
    ({"poses": np.zeros((200_001, 66), np.int8), "trans": np.zeros((200_001, 3))}, "200000 frames"),
    ({"poses": np.zeros((300_000, 150), np.int8)}, "too many"),
    ({"fps": "1e999999999"}, "frame rate"),
    ({"fps": np.array([30.0, 30.0])}, "frame rate"),
    ({"fps": None, "mocap_framerate": np.nan}, "frame rate"),
    ({"fps": None, "mocap_framerate": None}, "mocap_framerate"),
    ({"camera": np.array([1.0, 2.0, 3.0, 1e30, 5.0])}, "camera"),
]


@pytest.mark.parametrize(("change", "words"), BAD)
def test_unusable_numbers_are_refused(
    change: dict[str, Any], words: str, contents: dict[str, np.ndarray], tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        read_motion_file(saved(tmp_path / "m.npz", contents | change))
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".") and len(text) < 400, text


def usable(path: Path) -> bool:
    """Reads the file; whatever is in it, the result is a motion or one sentence."""
    try:
        motion = read_motion_file(path)
    except BadInput as error:
        assert "\n" not in str(error) and len(str(error)) < 600, str(error)
        return False
    params = motion.params
    assert torch.isfinite(params.rotations).all() and torch.isfinite(params.translation_m).all() and motion.frames > 0
    assert torch.isfinite(params.betas).all() and 0 < motion.fps <= 1000 and all(0 < c < motion.frames for c in motion.cuts)
    assert torch.allclose(torch.linalg.det(params.rotations), torch.ones(()), atol=1e-3)
    return True


_ANY = hnp.arrays(
    st.sampled_from(["f4", "f8", "i1", "i8", "u1", "?", "c8", "U5", "S3"]).map(np.dtype),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=13),
)
_KEYS = ("poses", "trans", "betas", "fps", "mocap_framerate", "camera", "rotations", "cuts", "thumbs", "gender")


@FUZZ
@given(st.dictionaries(st.sampled_from(_KEYS), st.none() | _ANY, min_size=1, max_size=3))
def test_any_arrays_under_our_names(tmp_path: Path, contents: dict[str, np.ndarray], change: dict[str, Any]) -> None:
    usable(saved(tmp_path / "m.npz", contents | change))


@FUZZ
@given(st.data())
def test_damaged_bytes(tmp_path: Path, contents: dict[str, np.ndarray], data: st.DataObject) -> None:
    whole = saved(tmp_path / "m.npz", contents).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.sampled_from([0, 1, 4, 40]))
    harmed = whole[:at] + data.draw(st.binary(max_size=40)) + whole[at + length :]
    (tmp_path / "m.npz").write_bytes(data.draw(st.sampled_from([harmed, harmed[:at]])))
    usable(tmp_path / "m.npz")


_LINES = (
    *("HIERARCHY", "ROOT Hips", "JOINT LeftArm", "End Site", "{", "}", "OFFSET 1 2 3", "OFFSET nan 0 0", "CHANNELS 0"),
    *("CHANNELS 3 Zrotation Xrotation Yrotation", "MOTION", "Frames: 2", "Frames: -1", "Frame Time: .1", "1 2 3", "", "\x00"),
)


@FUZZ
@given(st.lists(st.sampled_from(_LINES) | st.text(max_size=12), max_size=30))
def test_any_lines_as_bvh(tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "m.bvh").write_text("\n".join(["HIERARCHY", *lines]), encoding="utf-8")
    usable(tmp_path / "m.bvh")


@FUZZ
@given(st.data())
def test_shuffled_lines_of_a_bvh(tmp_path: Path, text: str, data: st.DataObject) -> None:
    """Lines left out, doubled, or moved: trees of any shape."""
    lines = text.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        a, b = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        lines.insert(b, lines[a]) if data.draw(st.booleans()) else lines.pop(a)
    (tmp_path / "m.bvh").write_text("\n".join(lines))
    usable(tmp_path / "m.bvh")


def test_a_zip_bomb_is_refused_by_what_it_claims(tmp_path: Path, contents: dict[str, np.ndarray]) -> None:
    path = saved(tmp_path / "m.npz", contents)
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (600 * 2**20).to_bytes(4, "little")  # the size of the first member, unpacked
    path.write_bytes(bytes(data))
    with pytest.raises(BadInput, match="512 MB"):
        read_motion_file(path)


def test_odd_member_names_write_nothing(tmp_path: Path, contents: dict[str, np.ndarray]) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    saved(folder / "m.npz", contents)
    with zipfile.ZipFile(folder / "m.npz", "a") as archive:
        archive.writestr("../../evil.npy", b"no array")
    assert not usable(folder / "m.npz")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["m.npz"]


@pytest.mark.parametrize("name", ["m.fbx", "m", "m.npz.txt"])
def test_other_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(BadInput, match=r"\.npz or \.bvh"):
        read_motion_file(tmp_path / name)


@pytest.mark.skipif(not MOCAP.is_dir(), reason="needs the shared motion recordings")
def test_recordings_of_all_makers_survive_our_own_bvh(tmp_path: Path, body: BodyModel) -> None:
    for name in ("anidraw_cmu1_jumping_jacks", "anidraw_rokoko_jesse_dance", "bandai_dataset-1_kick_normal_001"):
        motion = read_motion_file(MOCAP / f"{name}.bvh").part(max_frames=200)
        assert motion.warnings == ()
        write_motion_file(tmp_path / "m.bvh", motion, body)
        read = read_motion_file(tmp_path / "m.bvh", body)
        off_mm = 1000 * float((body.mesh(motion.params).joints_m - body.mesh(read.params).joints_m).norm(dim=-1).max())
        relative = motion.params.rotations.double().numpy().swapaxes(-1, -2) @ read.params.rotations.double().numpy()
        off_deg = np.rad2deg(np.linalg.norm(so3.log(relative), axis=-1).max())
        assert off_mm < 0.05 and off_deg < 1e-3, f"{name}: {off_mm:.4f} mm, {off_deg:.1e} degrees"
