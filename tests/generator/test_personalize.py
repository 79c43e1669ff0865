"""Personalisation: what it trains on is true, it never does harm on the held-out exercise, and it can be repeated."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from generator_people import SIZE, generator, model, person, portrait

from motionimit.errors import BadInput
from motionimit.generator import personalize as module
from motionimit.generator.chosen import Chosen, chosen_generator
from motionimit.generator.degrade import Tint, degraded, window
from motionimit.generator.inputs import STRIDE_PX
from motionimit.generator.model import Generator
from motionimit.generator.personalize import PersonalWeights, personalize
from motionimit.generator.rehearsal import Pair, own_pair, random_pose, reposed_pair, true_rgba
from motionimit.types import Photo, Progress
from motionimit.weights import load_generator

STEPS = 4
PHOTO = Photo(Path("anna.png"), person().rgb8, None, "a" * 64)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """One re-posing to train on and one held out, in two lights."""
    monkeypatch.setattr(module, "POSES", 1)
    monkeypatch.setattr(module, "TINTS", 2)
    monkeypatch.setattr(module, "reposed_pair", lambda avatar, model, random: reposed(int(random.integers(1000))))


@cache
def own() -> Pair:
    return own_pair(portrait(), model())


@cache
def reposed(seed: int) -> Pair:
    return reposed_pair(portrait(), model(), np.random.default_rng(seed))


def tuned(start: Generator, seed: int = 0, steps: int = STEPS, progress: Progress | None = None) -> PersonalWeights:
    return personalize([PHOTO], [portrait()], model(), start, steps, seed, progress)


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_truth_lies_where_drawing_the_photo_puts_it() -> None:
    pair = own()
    drawn = pair.target.rgba[:, :3] * pair.target.rgba[:, 3:]
    psnr_db = -10 * torch.log10(((drawn - pair.truth.rgb) ** 2).mean())
    assert psnr_db > 28, f"{psnr_db:.1f} dB between the photo's person and its drawing in its own pose"
    shifted = -10 * torch.log10(((drawn - pair.truth.rgb.roll(1, 3)) ** 2).mean())
    assert psnr_db > shifted + 3, f"{psnr_db:.1f} dB in place, {shifted:.1f} dB one pixel beside"


def test_the_truth_is_the_photo() -> None:
    rgba = true_rgba(portrait(), model())
    assert rgba.shape == (4, SIZE[1], SIZE[0])
    solid = (torch.from_numpy(person().matte) > 0.99) & (rgba[3] > 0.99)
    off = (rgba[:3].permute(1, 2, 0) - torch.from_numpy(person().rgb))[solid].abs().mean()
    assert solid.sum() > 3000 and off < 0.02, f"colours inside the person are off by {off:.3f}"
    assert (rgba[3] - torch.from_numpy(person().matte)).abs().mean() < 0.01


def test_random_poses_stay_in_the_picture_and_differ() -> None:
    numbers = np.random.default_rng(0)
    for _ in range(5):
        params = random_pose(portrait().params, model(), numbers)
        turn = torch.arccos(
            ((params.rotations @ portrait().params.rotations.mT).diagonal(dim1=-2, dim2=-1).sum(-1) - 1).clamp(-2, 2) / 2
        )
        assert torch.rad2deg(turn).max() > 10
        eye = params.rotations @ params.rotations.mT
        assert (eye - torch.eye(3)).abs().max() < 1e-4
        pixels = params.camera.project(model().mesh(params).vertices_m[0])
        outside = ((pixels < -20) | (pixels > torch.tensor(SIZE) + 20)).float().mean()
        assert outside < 0.02, f"{outside:.0%} of the body is outside"


def test_a_reposing_hides_what_the_photo_shows() -> None:
    hidden = [float((reposed(k).truth.hidden * reposed(k).truth.alpha).sum() / reposed(k).truth.alpha.sum()) for k in range(2)]
    itself = float((own().truth.hidden * own().truth.alpha).sum() / own().truth.alpha.sum())
    assert all(itself < h < 0.6 for h in hidden), f"hidden: {hidden} of re-posings, {itself:.3f} of the photo itself"
    for pair in (own(), reposed(0)):
        assert pair.target.rgba.shape[2:] == pair.truth.rgb.shape[2:]
        assert pair.truth.rgb.shape[2] % STRIDE_PX == pair.truth.rgb.shape[3] % STRIDE_PX == 0
        assert (pair.truth.rgb <= pair.truth.alpha + 1e-5).all()


def test_degrading_takes_knowledge_away_and_leaves_the_body() -> None:
    before, after = own().target, degraded(own().target, random())
    known, kept = (float((t.seen > 0.5).float().mean()) for t in (before, after))
    assert 0.6 * known < kept < 0.95 * known, f"{known:.3f} of the crop was seen, then {kept:.3f}"
    hole = (after.seen[:, 0] == 0) & (before.seen[:, 0] > 0.9)
    assert hole.sum() > 200 and (after.confidence[hole] <= 0.5).all()
    assert (after.body == before.body).all() and (after.place == before.place).all()
    assert after.rgba.min() >= 0 and after.rgba.max() <= 1 and after.rgba.isfinite().all()
    assert (degraded(own().target, random()).rgba == after.rgba).all(), "the same seed degrades alike"


def test_windows_cut_the_same_place_of_everything() -> None:
    target, truth = window(own().target, own().truth, (64, 48), random(3))
    assert target.rgba.shape == (1, 4, 64, 48) and truth.hidden.shape == (1, 1, 64, 48)
    whole = own().target
    places = [(y, x) for y in range(0, whole.body.shape[1] - 63, 16) for x in range(0, whole.body.shape[2] - 47, 16)]
    found = [p for p in places if (whole.place[..., p[0] : p[0] + 64, p[1] : p[1] + 48] == target.place).all()]
    y, x = found[0]
    assert (own().truth.rgb[..., y : y + 64, x : x + 48] == truth.rgb).all()
    assert (whole.source_px[..., y : y + 64, x : x + 48] == target.source_px).all()
    target, _ = window(own().target, own().truth, (4096, 4096), random())
    assert target.rgba.shape == whole.rgba.shape


def test_a_tint_lights_photo_drawing_and_truth_alike() -> None:
    for seed in range(8):
        tint, pair = Tint.random(random(seed)), own()
        straight = tint.target(pair.target).rgba
        alike = tint.premultiplied(pair.target.rgba[:, :3] * pair.target.rgba[:, 3:], pair.target.rgba[:, 3:])
        assert (straight[:, :3] * straight[:, 3:] - alike).abs().max() < 1e-5
        assert (tint.source(pair.source).rgb <= pair.source.alpha + 1e-6).all()
        assert (tint.truth(pair.truth).rgb - pair.truth.rgb).abs().max() > 0.01


def test_it_gets_better_on_what_it_was_not_trained_on() -> None:
    faulty = generator(True)
    before = {name: t.clone() for name, t in faulty.state_dict().items()}
    told: list[tuple[str, int, int | None]] = []
    weights = tuned(faulty, steps=8, progress=lambda *step: told.append(step))
    assert weights.best_step > 0
    assert weights.score_after < weights.score_before, f"{weights.score_before:.4f} before, {weights.score_after:.4f} after"
    assert all((t == before[name]).all() for name, t in faulty.state_dict().items()), "the given generator was changed"
    changed = {name for name, t in weights.generator.state_dict().items() if (t != before[name]).any()}
    assert changed and not {name for name in changed if name.startswith(("encoder", "fusion", "memory"))}
    assert [step for step in told if step[0] == "personalize"] == [("personalize", k, 8) for k in range(1, 9)]
    assert told[-1] == ("personalize", 8, 8) and ("rehearsal", 2, 2) in told


def test_it_is_never_worse_even_where_training_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEARNING_RATE", 10.0)
    weights = tuned(generator(False))
    assert weights.best_step == 0 and weights.score_after == weights.score_before
    for name, tensor in weights.generator.state_dict().items():
        assert (tensor == generator(False).state_dict()[name]).all(), name


def test_the_same_seed_gives_the_same_weights() -> None:
    first, again, other = tuned(generator(True), 1), tuned(generator(True), 1), tuned(generator(True), 2)
    assert first.score_after == again.score_after
    pairs = [
        (t, again.generator.state_dict()[n], other.generator.state_dict()[n]) for n, t in first.generator.state_dict().items()
    ]
    assert all((a == b).all() for a, b, _ in pairs)
    assert any((a != c).any() for a, _, c in pairs)


def test_personal_weights_come_back_for_their_photo_and_for_no_other(tmp_path: Path) -> None:
    file = tmp_path / "anna.safetensors"
    start = Chosen(generator(False), "small", "0" * 64, {"trained_on": "a test", "format": "old", "config": {}})
    done = start.tuned([PHOTO], [portrait()], model(), 2, 0, lambda *_: None)
    done.save(file)
    back = chosen_generator("attlwb", file, {PHOTO.sha256: PHOTO.path}, CPU)
    assert back is not None
    assert back.meta["personal"]["photos"] == ["a" * 64] and back.meta["trained_on"] == "a test"
    assert back.facts()["personal"] == done.facts()["personal"]
    for name, tensor in load_generator(file).state_dict().items():
        assert (tensor == done.generator.state_dict()[name]).all(), name
    with pytest.raises(BadInput) as error:
        chosen_generator("attlwb", file, {"c" * 64: Path("carl.png")}, CPU)
    assert re.search(r"aaaaaaaa\b.*cccccccc\b", str(error.value)), error.value
