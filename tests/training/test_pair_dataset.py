"""Pairs on disk: what is written comes back, patches are parts of the whole, and a stream goes on where it stopped."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from motionimit.errors import BadInput
from motionimit.generator.inputs import Batch, SourceMaps, TargetMaps, Truth
from motionimit.training.augment import Recolor, augmented, mirrored, recolored, softened
from motionimit.training.dataset import PairDataset
from motionimit.training.storage import FILMED, Example, PairFile, people_in, read_batch, write_example


def maps_of(kind, seed, height, width, photos=2):
    draw = torch.Generator().manual_seed(seed)
    shapes = {"source_px": (1, photos, 2), "seen": (1, photos, 1), "place": (1, 4), "rgba": (1, 4)}
    if kind is SourceMaps:
        shapes = {
            "rgb": (1, photos, 3),
            "alpha": (1, photos, 1),
            "parsing": (1, photos),
            "body": (1, photos),
            "place": (1, photos, 4),
        }
    out = {}
    for field in fields(kind):
        if field.name in ("parsing", "body"):
            lead = shapes.get(field.name, (1,))
            out[field.name] = torch.randint(-1, 10, (*lead, height, width), generator=draw)
            continue
        channels = {"rgb": (1, 3), "backdrop": (1, 3)}.get(field.name, (1, 1))
        plane = torch.rand(*shapes.get(field.name, channels), height, width, generator=draw)
        out[field.name] = plane * (width if field.name == "source_px" else 1)
    if "rgb" in out and "alpha" in out:
        out["rgb"] = out["rgb"] * out["alpha"]
    return kind(**out)


def example(seed=0, sequences=3, size=(96, 64)):
    frames = [
        (
            tuple(maps_of(TargetMaps, seed + 10 * k + t, *size) for t in range(2)),
            tuple(maps_of(Truth, seed + 10 * k + t + 5, *size) for t in range(2)),
        )
        for k in range(sequences)
    ]
    return Example(maps_of(SourceMaps, seed, 80, 48), tuple(frames), {"photos": "2"})


@pytest.fixture
def folder(tmp_path):
    for n in range(3):
        write_example(tmp_path / f"person_{n:05d}.safetensors", example(100 * n))
    return tmp_path


def worst(a, b):
    return max(float((getattr(a, f.name).float() - getattr(b, f.name).float()).abs().max()) for f in fields(a))


def test_what_is_written_comes_back(folder):
    true, read = example(0), read_batch(folder / "person_00000.safetensors", 1)
    assert worst(true.source, read.source) < 3e-3, "8 bits of colour and half floats of position must survive"
    targets, truths = true.sequences[1]
    for t in range(2):
        assert worst(truths[t], read.truths[t]) < 3e-3
        off = float((targets[t].source_px - read.targets[t].source_px).abs().max())
        assert off <= 1 / 64 + 1e-6, f"coordinates are off by {off} px, more than half a 32nd"
        assert torch.equal(targets[t].body, read.targets[t].body)


def test_a_window_is_a_part_of_the_whole(folder):
    with PairFile(folder / "person_00001.safetensors") as file:
        (whole, _), (part, truth) = file.sequence(0), file.sequence(0, (16, 8, 32, 48))
        assert file.size(0) == (96, 64)
    assert torch.equal(whole[1].rgba[..., 16:48, 8:56], part[1].rgba)
    assert torch.equal(whole[0].place[..., 16:48, 8:56], part[0].place)
    assert truth[0].alpha.shape == (1, 1, 32, 48)


def test_the_stream_is_repeatable_and_goes_on_where_it_stopped(folder):
    def stream():
        return PairDataset(folder, batch=2, patch_px=(48, 32), seed=3)

    first, again = stream(), stream()
    taken = [first.next() for _ in range(4)]
    [again.next() for _ in range(2)]
    resumed = stream()
    resumed.load_state(again.state())
    for k in (2, 3):
        assert torch.equal(taken[k].truths[-1].rgb, resumed.next().truths[-1].rgb), f"batch {k} differs after resuming"
    assert taken[0].source.rgb.shape[0] == 1 and taken[0].targets[0].rgba.shape == (2, 4, 48, 32)
    assert not torch.equal(taken[0].truths[0].rgb, taken[1].truths[0].rgb), "the stream repeats itself"


def test_a_folder_that_has_lost_files_cannot_resume(folder):
    data = PairDataset(folder, batch=2, patch_px=(48, 32))
    state = data.state()
    (folder / "person_00001.safetensors").unlink()
    with pytest.raises(ValueError, match="person_00001"):
        data.load_state(state)


def test_a_folder_may_grow_and_the_stream_still_resumes(folder, monkeypatch):
    monkeypatch.setattr("motionimit.training.stream.RELIST", 2)
    data = PairDataset(folder, batch=1, patch_px=(48, 32), seed=1)
    data.next()
    write_example(folder / "person_00003.safetensors", example(7))
    data.next()
    state = data.state()
    assert len(state["files"]) == 4, "the new file was not noticed"
    resumed = PairDataset(folder, batch=1, patch_px=(48, 32), seed=1)
    resumed.load_state(state)
    assert torch.equal(data.next().truths[0].rgb, resumed.next().truths[0].rgb)


def test_weights_can_tell_whom_they_were_trained_on(folder):
    assert people_in(folder) == "3 synthetic people"
    write_example(folder / "clip.safetensors", replace(example(7), about={"kind": FILMED, "photos": "2"}))
    assert people_in(folder) == "3 synthetic people and 1 clips of real people"


def test_foreign_and_missing_files_are_named(tmp_path):
    with pytest.raises(BadInput, match="train synth"):
        PairDataset(tmp_path)
    (tmp_path / "person_00000.safetensors").write_bytes(b"no tensors here")
    with pytest.raises(BadInput, match="person_00000"):
        PairDataset(tmp_path).next()


def batch_of(seed=0):
    true = example(seed)
    return Batch(true.source, *true.sequences[0])


def test_mirroring_twice_changes_nothing_and_once_keeps_correspondence():
    batch = batch_of()
    twice = mirrored(mirrored(batch))
    assert worst(batch.targets[0], twice.targets[0]) < 1e-4 and worst(batch.source, twice.source) == 0
    once = mirrored(batch)
    x = batch.targets[0].source_px[0, 0, 0, 5, 7]
    width = batch.source.rgb.shape[-1]
    assert float((once.targets[0].source_px[0, 0, 0, 5, -8] - (width - x)).abs()) < 1e-4


def test_recolouring_changes_photo_drawing_and_truth_alike():
    batch, color = batch_of(), Recolor((2, 0, 1), (0.9, 1.1, 0.8), 1.2)
    out = recolored(batch, color)
    straight = (batch.truths[0].rgb / batch.truths[0].alpha.clamp_min(1e-3)).clamp(0, 1)
    assert torch.allclose(out.truths[0].rgb, color(straight) * batch.truths[0].alpha, atol=1e-5)
    assert torch.equal(out.truths[0].alpha, batch.truths[0].alpha) and torch.equal(
        out.truths[0].backdrop, batch.truths[0].backdrop
    )
    assert torch.allclose(out.targets[0].rgba[:, :3], color(batch.targets[0].rgba[:, :3]))


def test_softening_blurs_photo_drawing_and_truth_alike_and_keeps_their_mean():
    batch = batch_of()
    out = softened(batch, 1.0)
    for before, after in ((batch.truths[0].rgb, out.truths[0].rgb), (batch.source.alpha, out.source.alpha)):
        assert float(after.std()) < 0.6 * float(before.std()), "nothing was blurred"
        assert float(after.mean()) == pytest.approx(float(before.mean()), abs=0.01)
    assert float((out.truths[0].rgb - out.truths[0].alpha).max()) < 1e-5, "colour must stay premultiplied"
    assert torch.equal(out.targets[0].source_px, batch.targets[0].source_px)


def test_augmented_colours_stay_premultiplied():
    for seed in range(6):
        out = augmented(np.random.default_rng(seed), batch_of(seed))
        for truth in out.truths:
            excess = float((truth.rgb - truth.alpha).max())
            assert excess < 1e-5, f"colour exceeds alpha by {excess}"
            assert float(truth.rgb.min()) >= 0
