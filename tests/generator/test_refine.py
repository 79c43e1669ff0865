"""The generator at run time: inside the person's crop only, in order, with a memory that follows the crop and ends at cuts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generator_people import SIZE, avatar, generator, model, portrait
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from motionimit.compositing.place import over
from motionimit.compositing.stream import Stage, draw
from motionimit.errors import BadInput, MissingModel
from motionimit.flow.transfer import Renderer
from motionimit.generator import chosen as chosen_module
from motionimit.generator import refine as refine_module
from motionimit.generator.chosen import check_bound, chosen_generator
from motionimit.generator.maps import Box
from motionimit.generator.model import State
from motionimit.generator.refine import CELL_PX, Memory, Refiner, moved_state, pasted
from motionimit.runtime import StageClock
from motionimit.types import Frame
from motionimit.weights import save_generator

FRAMES = 7


@cache
def refiner(paints: bool) -> Refiner:
    return Refiner.of(generator(paints), [portrait()], model(), torch.device("cpu"))


def transforms(frames: int = FRAMES, step_m: float = 0.06, begin_m: float = 0.0) -> torch.Tensor:
    """The photo's pose on its way to the right [T, 24, 4, 4]."""
    params = portrait().params
    still = model().joint_transforms(params.rotations, model().rest_joints(params.betas), params.translation_m)
    out = still.repeat(frames, 1, 1, 1)
    out[:, :, 0, 3] += begin_m + step_m * torch.arange(frames)[:, None]
    return out


def stage(paints: bool | None, **options: Any) -> Stage:
    """`paints` None: the geometric core alone."""
    chosen = None if paints is None else refiner(paints)
    return Stage(avatar(), portrait().params.camera, portrait().background, torch.device("cpu"), refiner=chosen, **options)


def film(
    scene: Stage, poses: torch.Tensor, driver: Iterator[Frame | None] | None = None, clock: StageClock | None = None
) -> np.ndarray:
    with closing(draw(scene, poses, driver or repeat(None), clock or StageClock())) as frames:
        return np.stack(list(frames))


def test_sixteen_bits_look_like_thirty_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forced, so that it is tested on CPUs too that would not choose it."""
    films = []
    for faster in (None, torch.bfloat16):
        monkeypatch.setattr(refine_module, "half_precision", lambda device, faster=faster: faster)
        own = Refiner.of(generator(True), [portrait()], model(), torch.device("cpu"))
        scene = Stage(avatar(), portrait().params.camera, portrait().background, torch.device("cpu"), refiner=own)
        films.append(film(scene, transforms()))
    off = difference(*films)
    assert off.max() > 0 and np.quantile(off, 0.999) <= 4, (
        f"0.1 % of the pixels differ by {np.quantile(off, 0.999):.0f} grey levels"
    )


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(a.astype(int) - b.astype(int))


def test_the_geometric_core_alone_is_exactly_renderer_and_backdrop() -> None:
    poses = transforms()
    renderer = Renderer(portrait().surface, portrait().layers, SIZE)
    direct = [over(renderer.render(pose, portrait().params.camera).rgba, portrait().background) for pose in poses]
    assert (film(stage(None), poses) == np.stack(direct)).all()


@pytest.mark.parametrize("options", [{}, {"alpha": True}, {"before_driver": True}, {"side_by_side": True}])
def test_an_untrained_generator_changes_nothing(options: dict[str, Any]) -> None:
    def driver() -> Iterator[Frame]:
        return (Frame(i, i / 25, np.full((40, 60, 3), 20 * i, np.uint8)) for i in range(FRAMES))

    before, after = film(stage(None, **options), transforms(), driver()), film(stage(False, **options), transforms(), driver())
    seen = before[..., 3:] > 0 if "alpha" in options else True
    off = (difference(before, after) * seen).max()
    assert before.shape == after.shape
    assert off <= 2, f"colours differ by up to {off} of 255"
    if "alpha" in options:
        assert difference(before[..., 3], after[..., 3]).max() <= 2


def test_only_the_crop_is_painted_on() -> None:
    drawn = refiner(True).prepare([rendered()], transforms(1)[0], portrait().params.camera)
    out, memory = refiner(True).refine(drawn, None)
    box = drawn.box
    assert box is not None and memory is not None and memory.box == box
    inside = torch.zeros(SIZE[1], SIZE[0], dtype=torch.bool)
    inside[max(0, box.top) : box.top + box.height, max(0, box.left) : box.left + box.width] = True
    assert (out[~inside] == drawn.rgba[~inside]).all(), "pixels outside the crop were touched"
    assert (out[inside] - drawn.rgba[inside]).abs().amax() > 0.1, "this generator should have changed something"
    assert out.shape == (SIZE[1], SIZE[0], 4) and out.min() >= 0 and out.max() <= 1
    visible = drawn.rgba[..., 3] > 0.002
    assert inside[visible].all(), "part of the person lies outside the crop"


def rendered(pose: torch.Tensor | None = None) -> Any:
    renderer = Renderer(portrait().surface, portrait().layers, SIZE, portrait().known)
    return renderer.render(transforms(1)[0] if pose is None else pose, portrait().params.camera)


def test_what_is_prepared_survives_the_next_rendering() -> None:
    renderer, camera = Renderer(portrait().surface, portrait().layers, SIZE, portrait().known), portrait().params.camera
    here, there = transforms(2, 0.4)
    drawn = refiner(True).prepare([renderer.render(here, camera)], here, camera)
    assert drawn.maps is not None
    before = [drawn.rgba.clone(), drawn.maps.rgba.clone(), drawn.maps.source_px.clone(), drawn.maps.seen.clone()]
    renderer.render(there, camera)
    for kept, now in zip(before, (drawn.rgba, drawn.maps.rgba, drawn.maps.source_px, drawn.maps.seen), strict=True):
        assert (kept == now).all()


def test_a_person_may_leave_the_picture_and_come_back() -> None:
    """From the middle to 3 m beside it, where nobody is visible, and again in the middle."""
    poses = torch.cat((transforms(6, 0.5), transforms(2, 0.0)))
    clock = StageClock()
    frames = film(stage(True), poses, clock=clock)
    wall = (portrait().background * 255 + 0.5).to(torch.uint8).numpy()
    assert (frames[4] == wall).all() and (frames[5] == wall).all(), "somebody was painted into an empty picture"
    assert (frames[1] != wall).any() and (frames[6] != wall).any()
    assert (frames[6] == frames[0]).all(), "who comes back is seen for the first time"
    assert set(clock.seconds) == {"render", "generator"}
    assert clock.seconds["generator"] > 0


def test_the_memory_ends_at_a_cut() -> None:
    poses = transforms()
    whole, cut = film(stage(True), poses), film(stage(True, cuts=(4,)), poses)
    assert (whole[:4] == cut[:4]).all()
    assert (whole[4] != cut[4]).any(), "without a cut the frames before should count"
    assert (film(stage(True), poses[4:]) == cut[4:]).all(), "after a cut the film should begin anew"


boxes = st.builds(
    lambda y, x, h, w: Box(16 * x, 16 * y, 16 * w, 16 * h),
    st.integers(-1, 3),
    st.integers(-1, 3),
    st.integers(1, 6),
    st.integers(1, 6),
)


@given(boxes, boxes)
@settings(max_examples=60, deadline=None)
def test_the_memory_stays_where_it_was_in_the_picture(old: Box, new: Box) -> None:
    """Cells are numbered by their place in the frame: after a move each still holds its own number, or 0 where it is new."""

    def numbers(box: Box) -> torch.Tensor:
        y, x = (torch.arange(b // CELL_PX, (b + n) // CELL_PX) for b, n in ((box.top, box.height), (box.left, box.width)))
        return (1000.0 * (y + 100)[:, None] + (x + 100))[None, None]

    moved = moved_state(Memory(State(numbers(old)), old), new)
    common = torch.isin(numbers(new), numbers(old))
    if moved is None:
        assert not common.any()
        return
    assert moved.hidden.shape == numbers(new).shape
    assert (moved.hidden == torch.where(common, numbers(new), 0)).all()


@given(boxes)
@settings(max_examples=40, deadline=None)
def test_pasting_keeps_what_lies_outside(box: Box) -> None:
    assume(box.top + box.height > 0 and box.left + box.width > 0)  # it lies round something visible
    frame = torch.full((70, 90, 4), 0.25)
    out = pasted(frame, torch.full((box.height, box.width, 4), 0.75), box)
    y, x = torch.arange(70)[:, None], torch.arange(90)
    inside = (y >= box.top) & (y < box.top + box.height) & (x >= box.left) & (x < box.left + box.width)
    assert (out[inside] == 0.75).all() and (out[~inside] == 0.25).all()
    assert (frame == 0.25).all(), "the frame given was changed"


def photo(name: str, digest: str) -> dict[str, Path]:
    return {digest * 64: Path(name)}


CPU = torch.device("cpu")


def test_weights_are_found_or_missed_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen_module, "shipped", lambda size: None)
    monkeypatch.setattr("motionimit.weights.DATA", tmp_path)
    assert chosen_generator("warp", None, {}, CPU) is None
    assert chosen_generator("auto", None, {}, CPU) is None, "without weights 'auto' is the geometric core"
    with pytest.raises(MissingModel, match=r"[Nn]o weights"):
        chosen_generator("attlwb", None, {}, CPU)
    file = tmp_path / "mine.safetensors"
    save_generator(file, generator(True), {"trained_on": "a test", "steps": 5, "seed": 1})
    for name in ("attlwb", "auto"):
        found = chosen_generator(name, file, photo("a.jpg", "a"), CPU)
        assert found is not None
        facts = found.facts()
        assert (facts["name"], facts["weights"], facts["steps"], facts["trained_on"]) == ("attlwb", str(file), 5, "a test")
        assert len(str(facts["sha256"])) == 64


@pytest.mark.parametrize("content", [b"", b"not tensors", b"\x08" + b"\0" * 7 + b"{}      "])
def test_foreign_files_are_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(content)
    with pytest.raises(BadInput, match=r"x\.safetensors"):
        chosen_generator("attlwb", file, {}, CPU)
    with pytest.raises(MissingModel, match=r"nowhere\.safetensors"):
        chosen_generator("attlwb", tmp_path / "nowhere.safetensors", {}, CPU)


def test_personal_weights_serve_their_own_photos_only() -> None:
    meta = {"personal": {"photos": ["a" * 64, "b" * 64]}}
    check_bound(meta, photo("anna.jpg", "a"), Path("anna.safetensors"))
    check_bound({}, photo("carl.jpg", "c"), Path("shipped.safetensors"))
    with pytest.raises(BadInput, match=r"'anna.safetensors' .*aaaaaaaa.*'carl.jpg'.*cccccccc.*motionimit personalize") as error:
        check_bound(meta, photo("carl.jpg", "c"), Path("anna.safetensors"))
    assert str(error.value).count("\n") == 0
    for damaged in ("x", {"photos": []}, {"photos": [1]}, {}):
        with pytest.raises(BadInput, match="which photos"):
            check_bound({"personal": damaged}, photo("anna.jpg", "a"), Path("anna.safetensors"))
