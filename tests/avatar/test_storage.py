"""The avatar as a file: what is written comes back and draws the same, and every bad file is refused in one clear sentence."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from avatar_material import SIZE_PX, STANDING_DEG, arm_across, full_skirt, model, posed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from motionimit.avatar.avatar import Avatar
from motionimit.avatar.build import build_portrait
from motionimit.avatar.storage import FORMAT, read_avatar, resized, write_avatar
from motionimit.config import AvatarRequest
from motionimit.errors import BadInput, BadUsage
from motionimit.flow.surface import Surface
from motionimit.flow.transfer import Renderer
from motionimit.types import BodyParams

ANY_FILE = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@cache
def avatar() -> Avatar:
    """Two photos of one person: a skirt, and an arm before the belly."""
    people = (full_skirt(), arm_across())
    portraits = tuple(build_portrait(p.rgb8, p.matte, p.params, model(), SIZE_PX) for p in people)
    return Avatar(portraits, people[0].rgb8, ("0a" * 32, "1b" * 32))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "person.avatar"
    write_avatar(path, avatar())
    return path.read_bytes()


@pytest.fixture
def file(tmp_path: Path, whole: bytes) -> Path:
    path = tmp_path / "person.avatar"
    path.write_bytes(whole)
    return path


def refused(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        read_avatar(path)
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".") and text.count(". ") == 0 and len(text) < 400, text
    return text


def drawn(avatar: Avatar, turn_deg: float) -> list[torch.Tensor]:
    pose = posed(STANDING_DEG | {"left_hip": (0, 0, 16), "left_shoulder": (0, 0, 20)}, turn_deg)
    transforms = model().joint_transforms(pose.rotations, model().rest_joints(pose.betas), pose.translation_m)[0]
    found = []
    for p in avatar.portraits:
        warped = Renderer(p.surface, p.layers, avatar.size_px, p.known).render(transforms, avatar.params.camera).kept()
        found += [warped.rgba, warped.source_px, warped.confidence]
    return found


@pytest.mark.parametrize("turn_deg", [0.0, 140.0])
def test_what_is_read_draws_the_same_pixels(file: Path, turn_deg: float) -> None:
    for ours, theirs in zip(drawn(read_avatar(file), turn_deg), drawn(avatar(), turn_deg), strict=True):
        assert float(theirs.std()) > 0.01
        # atomic sums of the renderer come in any order
        assert float((ours - theirs).abs().max()) < 1e-3 / 255 * max(1.0, float(theirs.max())), "drawing differs"


def test_round_trip_of_everything_else(file: Path) -> None:
    ours, theirs = avatar(), read_avatar(file)
    assert theirs.photos == ours.photos
    assert np.array_equal(theirs.picture, ours.picture)
    for a, b in zip(ours.portraits, theirs.portraits, strict=True):
        assert (b.window, b.params.camera) == (a.window, a.params.camera)
        for name in ("rotations", "betas", "translation_m"):
            assert torch.equal(getattr(a.params, name), getattr(b.params, name)), name
        for field in fields(Surface):
            x, y = getattr(a.surface, field.name), getattr(b.surface, field.name)
            assert x.dtype == y.dtype and torch.equal(x, y) and y.is_contiguous(), field.name
        assert torch.equal(a.regions, b.regions) and a.regions.dtype == b.regions.dtype
        seen = a.layers[..., 3] > 0
        assert torch.equal(a.layers[seen], b.layers[seen]) and torch.equal(a.layers[..., 3], b.layers[..., 3])
        assert torch.equal(a.known & seen, b.known & seen)
        assert torch.equal(a.photo[..., 3], b.photo[..., 3])
        for name in ("background", "matte"):
            error = float((getattr(a, name) - getattr(b, name)).abs().max()) * 255
            assert error <= 0.5001, f"{name} is {error:.2f}/255 off"


def test_it_is_small_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "person.avatar"
    write_avatar(path, avatar())
    assert list(tmp_path.iterdir()) == [path]
    raw = sum(getattr(p.surface, f.name).nbytes for p in avatar().portraits for f in fields(Surface))
    raw += sum(t.nbytes for p in avatar().portraits for t in (p.layers, p.known, p.regions, p.photo, p.background, p.matte))
    share = path.stat().st_size / raw
    assert share < 0.45, f"{share:.2f} of the memory it takes"


def test_writing_where_it_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        write_avatar(tmp_path / "absent" / "a.avatar", avatar())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("long_side", [120, 240, 500])
def test_resized_shows_the_same_person_larger_or_smaller(long_side: int) -> None:
    found = resized(avatar(), long_side)
    width, height = found.size_px
    assert max(width, height) == long_side and width % 2 == height % 2 == 0
    assert found.picture.shape == (height, width, 3) and found.picture.dtype == np.uint8
    scale = height / avatar().size_px[1]
    for old, new in zip(avatar().portraits, found.portraits, strict=True):
        assert new.surface is old.surface and new.layers is old.layers
        assert new.background.shape == (height, width, 3) and new.matte.shape == (height, width)
        low, high = new.background.aminmax()
        assert float(low) >= 0 and float(high) <= 1
        assert abs(float(new.matte.mean() - old.matte.mean())) < 0.005
        points = model().mesh(old.params).joints_m[0]
        moved = (new.params.camera.project(points) - scale * old.params.camera.project(points)).abs().max()
        assert float(moved) < 1.0, f"joints lie {float(moved):.2f} px elsewhere"
    alpha = Renderer(found.portraits[0].surface, found.portraits[0].layers, found.size_px)
    pose = found.params
    transforms = model().joint_transforms(pose.rotations, model().rest_joints(pose.betas), pose.translation_m)[0]
    ours = alpha.render(transforms, pose.camera).rgba[..., 3] > 0.5
    iou = float((ours & (found.matte > 0.5)).sum() / (ours | (found.matte > 0.5)).sum())
    assert iou > 0.95, f"the person drawn and the resized matte overlap by {iou:.3f}"


# ----- files that are none of ours


def test_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "a.avatar"
    assert "does not exist" in refused(path)
    assert "folder" in refused(tmp_path)
    path.touch()
    assert "empty" in refused(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil", b"\0" * 10_000_000)
    assert "no avatar file" in refused(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    assert "no avatar file" in refused(path)
    save_file({"weight": np.zeros(3, np.float32)}, path)
    assert "holds no avatar" in refused(path)
    path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40)
    assert "no avatar file" in refused(path)


def rewritten(path: Path, change: dict[str, np.ndarray | None] | None = None, **texts: str | None) -> Path:
    """The file with other arrays (None: without) and other metadata."""
    data = path.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    meta = json.loads(data[8 : 8 + size])["__metadata__"] | texts
    arrays = {k: v for k, v in (load_file(path) | (change or {})).items() if v is not None}
    save_file(arrays, path, {k: v for k, v in meta.items() if v is not None})
    return path


def test_other_versions(file: Path) -> None:
    assert "version '2'" in refused(rewritten(file, format="motionimit-avatar-2"))
    assert len(refused(rewritten(file, format="motionimit-avatar-" + "9" * 5000))) < 400
    assert "holds no avatar" in refused(rewritten(file, format=None))
    assert "holds no avatar" in refused(rewritten(file, format="motionimit-generator-1"))


def described(file: Path) -> dict[str, Any]:
    data = file.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    found: dict[str, Any] = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["avatar"])
    return found


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "{", "[" * 100_000, '{"photos": [], "portraits": []}', '{"photos": 3}'])
def test_unreadable_description(file: Path, text: str) -> None:
    assert "damaged" in refused(rewritten(file, avatar=text))


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("portraits", 0, "layers"), 10**9, "layers"),
        (("portraits", 0, "layers"), 9, "needed"),
        (("portraits", 0, "layers"), True, "layers"),
        (("portraits", 0, "layers"), 0, "layers"),
        (("portraits", 0, "window"), [500.0, 1, 1, 300, 300], "needed"),
        (("portraits", 0, "window"), [500.0, 1, 1, 4097, 64], "size"),
        (("portraits", 0, "window"), [500.0, 1, 1, 64.5, 64], "size"),
        (("portraits", 0, "window"), [float("nan"), 1, 1, 64, 64], "window"),
        (("portraits", 0, "camera"), [0, 1, 1, 64, 64], "camera"),
        (("portraits", 0, "camera"), "500,1,1,64,64", "camera"),
        (("portraits", 0, "camera"), None, "camera"),
        (("portraits", 0), None, "described"),
        (("portraits",), [{}] * 9, "1 to 8"),
        (("portraits",), {}, "1 to 8"),
        (("photos",), ["../../etc/passwd"], "photos"),
        (("photos",), 7, "photos"),
    ],
)
def test_lies_in_the_description(file: Path, place: tuple[Any, ...], value: Any, said: str) -> None:
    head = described(file)
    at = head
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    text = refused(rewritten(file, avatar=json.dumps(head)))
    assert "damaged" in text and said in text, text


def test_a_texture_bomb_is_refused_before_memory_is_asked_for(file: Path) -> None:
    head = described(file)
    head["portraits"][0] |= {"layers": 64, "window": [500.0, 1, 1, 4096, 4096]}
    assert "larger than any" in refused(rewritten(file, avatar=json.dumps(head)))


def broken(name: str, array: np.ndarray) -> list[tuple[str, np.ndarray | None]]:
    """Ways to break an array: gone, cut, of another type, with one impossible value."""
    ways: list[tuple[str, np.ndarray | None]] = [("missing", None), ("cut", array[:-1].copy())]
    ways.append(("retyped", array.astype(np.float64)))
    if array.dtype == np.float32:
        for value in (np.nan, np.inf, -1e9):
            bad = array.copy()
            bad.flat[bad.size // 2] = value
            ways.append((str(value), bad))
    limits = {"bones": 24, "faces": 65535, "layer": 200, "regions": 17}
    key = name.partition(".")[2]
    if key in limits:
        bad = array.copy()
        bad.flat[-1] = limits[key]
        ways.append((f"{limits[key]}", bad))
    return ways


def test_every_array_is_checked(file: Path, whole: bytes) -> None:
    arrays = load_file(file)
    names = sorted(name for name in arrays if name == "picture" or name.startswith("1."))
    assert len(names) == 20
    for name in names:
        for way, bad in broken(name, arrays[name]):
            file.write_bytes(whole)
            text = refused(rewritten(file, {name: bad}))
            assert "damaged" in text, f"{name} {way}: {text}"


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("0.weights", lambda a: 0.5 * a, "add up"),
        ("0.rotations", lambda a: 2 * a, "rotate"),
        ("0.rotations", lambda a: -a, "rotate"),
        ("1.betas", lambda a: a + 1, "different people"),
        ("0.confidence", lambda a: a + 1, "confidence"),
        ("0.bones", lambda a: a[:, :3], "bones"),
        ("0.needed", lambda a: a ^ 255, "texels"),
    ],
)
def test_values_that_fit_but_cannot_be(file: Path, name: str, change: Any, said: str) -> None:
    assert said in refused(rewritten(file, {name: np.ascontiguousarray(change(load_file(file)[name]))}))


def test_strange_tensors_are_not_ignored(file: Path) -> None:
    assert "belong" in refused(rewritten(file, {"2.rest_m": np.zeros(3, np.float32)}))


# ----- any damage: a sentence, or an avatar that can be drawn


def settled(path: Path) -> None:
    """Reading gives a clear sentence, or something whole: damage to a colour can't be told from a colour."""
    try:
        found = read_avatar(path)
    except BadInput as error:
        text = str(error)
        assert "\n" not in text and text.endswith(".") and len(text) < 400, text
        return
    for p in found.portraits:
        warped = Renderer(p.surface, p.layers, found.size_px, p.known).render(torch.eye(4).expand(24, 4, 4), found.params.camera)
        assert torch.isfinite(warped.rgba).all()


@ANY_FILE
@given(data=st.data())
def test_flipped_bytes(file: Path, whole: bytes, data: st.DataObject) -> None:
    (size,) = struct.unpack_from("<Q", whole)
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        end = data.draw(st.sampled_from((8, 8 + size, len(whole))))
        damaged[data.draw(st.integers(0, end - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(damaged)
    settled(file)


@ANY_FILE
@given(share=st.floats(0, 1))
def test_cut_off_anywhere(file: Path, whole: bytes, share: float) -> None:
    file.write_bytes(whole[: int(share * (len(whole) - 1))])
    refused(file)


KEYS = st.sampled_from(("window", "camera", "layers"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@ANY_FILE
@given(place=st.sampled_from(("photos", "portraits", "window", "camera", "layers")), value=JSON)
def test_any_description(file: Path, whole: bytes, place: str, value: Any) -> None:
    file.write_bytes(whole)
    head = described(file)
    (head if place in head else head["portraits"][1])[place] = value
    settled(rewritten(file, avatar=json.dumps(head)))


@ANY_FILE
@given(change=st.dictionaries(st.sampled_from(("dtype", "shape", "data_offsets")), JSON, min_size=1), data=st.data())
def test_any_header(file: Path, whole: bytes, change: dict[str, Any], data: st.DataObject) -> None:
    (size,) = struct.unpack_from("<Q", whole)
    header = json.loads(whole[8 : 8 + size])
    header[data.draw(st.sampled_from(sorted(header.keys() - {"__metadata__"})))] |= change
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + whole[8 + size :])
    settled(file)


def test_an_avatar_of_one_photo(tmp_path: Path) -> None:
    one = replace(avatar(), portraits=avatar().portraits[:1], photos=avatar().photos[:1])
    write_avatar(tmp_path / "a.avatar", one)
    found = read_avatar(tmp_path / "a.avatar")
    assert len(found.portraits) == 1 and isinstance(found.params, BodyParams)
    assert json.loads(described_text(tmp_path / "a.avatar"))["photos"] == list(one.photos)


def described_text(path: Path) -> str:
    data = path.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    meta = json.loads(data[8 : 8 + size])["__metadata__"]
    assert meta["format"] == FORMAT
    return str(meta["avatar"])


# ----- what a user asks for


def asked(**changes: Any) -> AvatarRequest:
    return AvatarRequest(**({"sources": (Path("a.jpg"),), "output": Path("a.avatar")} | changes))


def test_a_request_names_its_files() -> None:
    found = asked(glb=Path("a.glb"), motion=Path("m.bvh"))
    assert found.input_paths == (Path("a.jpg"), Path("m.bvh"))
    assert found.output_paths == {"--output": Path("a.avatar"), "--glb": Path("a.glb")}
    assert found.as_report()["size_px"] == 512


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sources": ()}, "1 to 8"),
        ({"sources": (Path("a.jpg"),) * 9}, "1 to 8"),
        ({"output": Path("a.safetensors")}, "--output"),
        ({"size_px": 100}, "--size"),
        ({"glb": Path("a.obj")}, "--glb"),
        ({"glb": Path("a.glb"), "motion": Path("a.mp4")}, "--motion"),
        ({"motion": Path("a.npz")}, "--glb"),
        ({"sources": (Path("a.avatar"),)}, "also the input"),
        ({"device": "gpu"}, "--device"),
    ],
)
def test_requests_that_cannot_be(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadUsage, match=said):
        asked(**changes)


def test_paths_are_checked_before_any_work(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"x")
    good = asked(sources=(photo,), output=tmp_path / "a.avatar", glb=tmp_path / "a.glb")
    good.check_paths()
    assert list(tmp_path.iterdir()) == [photo]
    for changes, said in (
        ({"sources": (tmp_path / "none.jpg",)}, "does not exist"),
        ({"output": tmp_path / "none" / "a.avatar"}, "does not exist"),
        ({"glb": tmp_path / "none" / "a.glb"}, "does not exist"),
        ({"motion": tmp_path / "none.npz"}, "does not exist"),
    ):
        with pytest.raises(BadInput, match=said):
            replace(good, **changes).check_paths()
