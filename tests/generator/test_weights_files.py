"""Weight files: what is saved comes back, and every bad file is refused in one clear sentence."""

import json
import pickle
import struct

import pytest
import torch
from generator_maps import TINY, frame, largest, photos, shaken
from safetensors.torch import load_file, save_file

from motionimit import weights
from motionimit.errors import BadInput, MissingModel, MotionimitError
from motionimit.generator.config import SMALL
from motionimit.media.paths import file_sha256
from motionimit.weights import FORMAT, load_generator, read_meta, save_generator, shipped

ABOUT = {"trained_on": "ovals", "steps": 7, "seed": 3}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_generator(path, shaken(), ABOUT)
    return path


def refused(call, kind=BadInput):
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".") and text.count(". ") == 0, text
    return text


def test_round_trip(file):
    model, again = shaken(), load_generator(file)
    assert again.config == TINY and not again.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert all(p.requires_grad for p in again.parameters()), "it can be trained on"
    with torch.inference_mode():
        ours, theirs = (m(m.encode(photos()), frame()) for m in (model, again))
    assert largest(ours.rgb - theirs.rgb) < 1e-5
    assert {name: read_meta(file)[name] for name in ABOUT} == ABOUT
    assert list(file.parent.iterdir()) == [file], "no temporary file stays"


def test_half_precision_halves_the_file(file, tmp_path):
    path = tmp_path / "half.safetensors"
    save_generator(path, shaken(), ABOUT, torch.float16)
    assert path.stat().st_size < 0.7 * file.stat().st_size
    again = load_generator(path)
    assert again.dtype == torch.float32
    worst = max(largest(a - b) for a, b in zip(again.state_dict().values(), shaken().state_dict().values(), strict=True))
    assert 0 < worst < 2e-3


def test_loading_does_not_draw_random_numbers(file):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    load_generator(file)
    assert torch.equal(before, torch.get_rng_state())


def test_hash(file):
    load_generator(file, sha256=file_sha256(file).upper())
    assert "SHA-256" in refused(lambda: load_generator(file, sha256="0" * 64))


def test_missing(tmp_path):
    assert "does not exist" in refused(lambda: load_generator(tmp_path / "none.safetensors"), MissingModel)


def test_folder_and_empty_file(tmp_path):
    assert "folder" in refused(lambda: load_generator(tmp_path))
    (tmp_path / "empty.safetensors").touch()
    assert "empty" in refused(lambda: load_generator(tmp_path / "empty.safetensors"))


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.5, 0.999])
def test_cut_off(file, share):
    data = file.read_bytes()
    file.write_bytes(data[: max(1, int(len(data) * share))])
    assert "damaged" in refused(lambda: load_generator(file))


def test_pickles_are_not_run(file):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was run",))

    file.write_bytes(pickle.dumps(Trap()))
    assert "damaged" in refused(lambda: load_generator(file))
    torch.save({"a": torch.zeros(3)}, file)
    assert "damaged" in refused(lambda: load_generator(file))


def test_a_lying_header(file):
    file.write_bytes(struct.pack("<Q", 2**40) + file.read_bytes()[8:])
    assert "damaged" in refused(lambda: load_generator(file))


def rewritten(file, tensors=None, **texts):
    meta = {"format": FORMAT, "config": json.dumps(TINY.to_dict()), **texts}
    save_file(load_file(file) if tensors is None else tensors, file, {k: v for k, v in meta.items() if v is not None})


def test_foreign_and_other_versions(file):
    rewritten(file, format=None)
    assert "no weights of motionimit's generator" in refused(lambda: load_generator(file))
    rewritten(file, format="pt")
    assert "no weights of motionimit's generator" in refused(lambda: load_generator(file))
    rewritten(file, format="motionimit-generator-1")
    assert "version '1'" in refused(lambda: load_generator(file))


@pytest.mark.parametrize(
    "config",
    [
        "",
        "[]",
        "null",
        "{}",
        "{",
        json.dumps({**TINY.to_dict(), "channels": [8, 8]}),
        json.dumps({**TINY.to_dict(), "channels": 3}),
    ],
)
def test_impossible_configuration(file, config):
    rewritten(file, config=config)
    assert "configuration" in refused(lambda: load_generator(file))


def test_a_file_cannot_ask_for_more_memory_than_it_has(file):
    huge = {**TINY.to_dict(), "channels": [1024, 1024, 1024], "residual_blocks": 16}
    rewritten(file, config=json.dumps(huge))
    assert "doesn't fit its configuration" in refused(lambda: load_generator(file))


def test_tensors_that_do_not_fit(file):
    whole = load_file(file)
    name = "head.weight"
    for tensors in (
        {k: v for k, v in whole.items() if k != name},
        {**whole, name: whole[name][:-1].contiguous()},
        {**whole, "more": torch.zeros(2)},
    ):
        rewritten(file, tensors)
        assert "doesn't fit its configuration" in refused(lambda: load_generator(file))
    rewritten(file, whole, config=json.dumps(SMALL.to_dict()))
    assert "doesn't fit its configuration" in refused(lambda: load_generator(file))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers(file, value):
    tensors = load_file(file)
    tensors["head.bias"][1] = value
    rewritten(file, tensors)
    assert "finite" in refused(lambda: load_generator(file))


def test_integers_are_no_weights(file):
    tensors = load_file(file)
    tensors["head.bias"] = tensors["head.bias"].long()
    rewritten(file, tensors)
    assert "finite" in refused(lambda: load_generator(file))


def test_a_failed_write_keeps_what_was_there(file, monkeypatch):
    before = file.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    assert "disk is full" in refused(lambda: save_generator(file, shaken(seed=4), ABOUT))
    assert file.read_bytes() == before and list(file.parent.iterdir()) == [file]


def test_no_such_folder(tmp_path):
    refused(lambda: save_generator(tmp_path / "none" / "w.safetensors", shaken(), ABOUT))


def test_shipped(tmp_path, file, monkeypatch):
    monkeypatch.setattr(weights, "DATA", tmp_path)
    assert shipped() is None
    assert "'small'" in refused(load_generator, MissingModel)
    data = tmp_path / "generator_small.safetensors"
    file.rename(data)
    assert shipped() == data and shipped("base") is None
    assert "weights.sha256" in refused(load_generator)
    (tmp_path / "weights.sha256").write_text(json.dumps({data.name: file_sha256(data)}))
    assert load_generator().config == TINY
    (tmp_path / "weights.sha256").write_text(json.dumps({data.name: "0" * 64}))
    assert "SHA-256" in refused(load_generator)


@pytest.mark.skipif(shipped() is None, reason="no weights are shipped yet")
def test_what_is_shipped_loads():
    path = shipped()
    assert path.stat().st_size <= 12e6
    assert load_generator().config == SMALL


def test_every_refusal_is_an_expected_error(file):
    file.write_bytes(b"\x00" * 64)
    with pytest.raises(MotionimitError):
        read_meta(file)
