"""Every file that is no avatar, or a damaged one, is refused in one clear sentence, before it can ask for memory."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from avatar_files import described, refused, rewritten, whole, whole_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from motionimit.avatar.layers import LAYER_COUNT
from motionimit.avatar.storage import read_avatar
from motionimit.errors import BadInput
from motionimit.flow.transfer import Renderer

ANY_FILE = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return whole_file(tmp_path)


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


def test_other_versions(file: Path) -> None:
    assert "version '1'" in refused(rewritten(file, format="motionimit-avatar-1"))
    assert len(refused(rewritten(file, format="motionimit-avatar-" + "9" * 5000))) < 400
    assert "holds no avatar" in refused(rewritten(file, format=None))
    assert "holds no avatar" in refused(rewritten(file, format="motionimit-generator-1"))


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "{", "[" * 100_000, '{"photos": [], "portraits": []}', '{"photos": 3}'])
def test_unreadable_description(file: Path, text: str) -> None:
    assert "damaged" in refused(rewritten(file, avatar=text))


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("portraits", 0, "layers"), 10**9, "layers"),
        (("portraits", 0, "layers"), LAYER_COUNT + 1, "needed"),
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


def test_every_array_is_checked(file: Path) -> None:
    arrays = load_file(file)
    names = sorted(name for name in arrays if name == "picture" or name.startswith("1."))
    assert len(names) == 20
    for name in names:
        for way, bad in broken(name, arrays[name]):
            file.write_bytes(whole())
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
def test_flipped_bytes(file: Path, data: st.DataObject) -> None:
    (size,) = struct.unpack_from("<Q", whole())
    damaged = bytearray(whole())
    for _ in range(data.draw(st.integers(1, 4))):
        end = data.draw(st.sampled_from((8, 8 + size, len(whole()))))
        damaged[data.draw(st.integers(0, end - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(damaged)
    settled(file)


@ANY_FILE
@given(share=st.floats(0, 1))
def test_cut_off_anywhere(file: Path, share: float) -> None:
    file.write_bytes(whole()[: int(share * (len(whole()) - 1))])
    refused(file)


KEYS = st.sampled_from(("window", "camera", "layers"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@ANY_FILE
@given(place=st.sampled_from(("photos", "portraits", "window", "camera", "layers")), value=JSON)
def test_any_description(file: Path, place: str, value: Any) -> None:
    file.write_bytes(whole())
    head = described(file)
    (head if place in head else head["portraits"][1])[place] = value
    settled(rewritten(file, avatar=json.dumps(head)))


@ANY_FILE
@given(change=st.dictionaries(st.sampled_from(("dtype", "shape", "data_offsets")), JSON, min_size=1), data=st.data())
def test_any_header(file: Path, change: dict[str, Any], data: st.DataObject) -> None:
    (size,) = struct.unpack_from("<Q", whole())
    header = json.loads(whole()[8 : 8 + size])
    header[data.draw(st.sampled_from(sorted(header.keys() - {"__metadata__"})))] |= change
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + whole()[8 + size :])
    settled(file)
