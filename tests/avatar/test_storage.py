"""The avatar as a file: what is written comes back and draws the same. And what `avatar` may be asked for."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from avatar_files import avatar, described, metadata, whole_file
from avatar_material import STANDING_DEG, model, posed

from motionimit.avatar.avatar import Avatar
from motionimit.avatar.storage import FORMAT, read_avatar, resized, write_avatar
from motionimit.config import AvatarRequest
from motionimit.errors import BadInput, BadUsage
from motionimit.flow.surface import Surface
from motionimit.flow.transfer import Renderer
from motionimit.types import BodyParams


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return whole_file(tmp_path)


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


def test_an_avatar_of_one_photo(tmp_path: Path) -> None:
    one = replace(avatar(), portraits=avatar().portraits[:1], photos=avatar().photos[:1])
    write_avatar(tmp_path / "a.avatar", one)
    found = read_avatar(tmp_path / "a.avatar")
    assert len(found.portraits) == 1 and isinstance(found.params, BodyParams)
    assert described(tmp_path / "a.avatar")["photos"] == list(one.photos)


def test_a_file_says_what_it_is(file: Path) -> None:
    assert metadata(file)["format"] == FORMAT
    assert metadata(file)["version"].count(".") >= 1


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
