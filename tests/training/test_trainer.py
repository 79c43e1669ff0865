"""The training loop: it learns, resumes exactly, stops cleanly, and keeps what it has."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import threading
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from trainer_material import ToySource, toy_batch, toy_trainer

from motionimit.errors import BadInput
from motionimit.generator.inputs import Batch
from motionimit.training import checkpoint as files
from motionimit.training.logbook import read_log
from motionimit.training.trainer import CHECKPOINT, CURVES, HANDOVER, LOG, DivergedError, Trainer

pytest.importorskip("accelerate", reason="training needs accelerate")
FALL = 2.0  # the loss on a single batch must at least be divided by this
PIXEL_FALL = 4.0


pytestmark = pytest.mark.usefixtures("one_thread")


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it and tidy up."""


class KillingSource(ToySource):
    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def next(self) -> Batch:
        if self.number == self.at:
            raise Killed
        return super().next()


def weights_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    parts = {f"{part}.{k}": v for part, m in trainer.learner.networks.items() for k, v in m.state_dict().items()}
    for name in ("optimizer", "critic_optimizer"):
        for i, state in getattr(trainer.learner, name).state_dict()["state"].items():
            parts |= {f"{name}.{i}.{k}": torch.as_tensor(v) for k, v in state.items()}
    return parts


def differing(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> list[str]:
    assert a.keys() == b.keys()
    return [name for name in a if not torch.equal(a[name], b[name])]


def test_overfits_one_batch(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path, ToySource(repeat=True), steps=120, lr=0.03, adversarial_from=1000)
    outcome = trainer.run()
    log = read_log(tmp_path / LOG)
    assert outcome.reason == "finished"
    assert len(log) == 120
    fall, pixel_fall = (log[0][name] / log[-1][name] for name in ("loss", "pixel"))
    assert fall > FALL, f"loss only fell by {fall:.2f} ({log[0]['loss']:.3f} to {log[-1]['loss']:.3f})"
    assert pixel_fall > PIXEL_FALL, f"pixel term only fell by {pixel_fall:.2f}"


def test_resume_after_a_kill_is_exact(tmp_path: Path) -> None:
    straight = toy_trainer(tmp_path / "straight")
    straight.run()
    killed = toy_trainer(tmp_path / "killed", KillingSource(at=5), checkpoint_every=3)
    with pytest.raises(Killed):
        killed.run()
    torch.manual_seed(99)  # another process has other random numbers
    again = toy_trainer(tmp_path / "killed", seed=0)
    again.resume(tmp_path / "killed" / CHECKPOINT)
    assert again.learner.step == 3
    again.run()
    wrong = differing(weights_of(straight), weights_of(again))
    assert not wrong, f"{len(wrong)} tensors differ after resuming, first {wrong[0]}"
    assert [e["step"] for e in read_log(tmp_path / "killed" / LOG)] == [1, 2, 3, 4, 5, 6]
    a, b = (read_log(tmp_path / name / LOG)[-1]["loss"] for name in ("straight", "killed"))
    assert a == b


def test_resuming_forgets_what_it_should_remember(tmp_path: Path) -> None:
    """The test above would notice: without the random numbers' state the weights come out different."""
    toy_trainer(tmp_path / "a").run()
    toy_trainer(tmp_path / "b", KillingSource(at=9), steps=6, checkpoint_every=3).run()
    killed = toy_trainer(tmp_path / "c", KillingSource(at=3), checkpoint_every=3)
    with pytest.raises(Killed):
        killed.run()
    again = toy_trainer(tmp_path / "c")
    again.resume(tmp_path / "c" / CHECKPOINT)
    torch.manual_seed(7)
    again.run()
    straight = files.load_checkpoint(tmp_path / "a" / CHECKPOINT)["networks"]["model"]
    assert any(not torch.equal(straight[k], v) for k, v in again.learner.model.state_dict().items())


def with_nan(maps: Any) -> Any:
    """A batch whose first truth has one NaN."""
    truth = maps.truths[0]
    rgb = truth.rgb.clone()
    rgb[0, 0, 10, 10] = float("nan")
    return replace(maps, truths=(replace(truth, rgb=rgb), *maps.truths[1:]))


def test_nan_stops_and_keeps_the_batch(tmp_path: Path) -> None:
    class Poisoned(ToySource):
        def next(self) -> Batch:
            batch = super().next()
            return with_nan(batch) if self.number == 4 else batch

    trainer = toy_trainer(tmp_path, Poisoned(), checkpoint_every=2)
    with pytest.raises(DivergedError, match=r"^The loss of the generator is not finite at step 3; .*\.$") as caught:
        trainer.run()
    assert "\n" not in str(caught.value)
    kept = load_file(tmp_path / "diverged_step_000003.safetensors")
    assert torch.isnan(kept["truths.0.rgb"]).sum() == 1
    assert torch.equal(kept["source.parsing"], toy_batch(3).source.parsing)
    assert kept.keys() == set(names(toy_batch(3)))
    assert files.load_checkpoint(tmp_path / CHECKPOINT)["step"] == 2
    bad = [k for k, v in trainer.learner.model.state_dict().items() if not torch.isfinite(v).all()]
    assert not bad, f"the NaN reached {bad}"


def test_infinite_gradient_stops_too(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path)
    trainer.learner.model.body[2].weight.register_hook(lambda g: g * float("inf"))  # type: ignore[index, union-attr]
    before = {k: v.clone() for k, v in trainer.learner.model.state_dict().items()}
    with pytest.raises(DivergedError, match="gradient of the generator is not finite at step 0"):
        trainer.run()
    assert not differing(before, dict(trainer.learner.model.state_dict()))


def names(maps: Any, prefix: str = "") -> list[str]:
    if isinstance(maps, torch.Tensor):
        return [prefix]
    parts = enumerate(maps) if isinstance(maps, tuple) else [(f.name, getattr(maps, f.name)) for f in fields(maps)]
    assert isinstance(maps, tuple) or is_dataclass(maps)
    return [n for name, part in parts for n in names(part, f"{prefix}.{name}" if prefix else str(name))]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_full_disk_keeps_the_previous_checkpoint(tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = toy_trainer(tmp_path, steps=6, checkpoint_every=2, log_every=100)
    real = getattr(os, call)

    def full(*arguments: Any) -> None:
        if trainer.learner.step >= 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*arguments)

    monkeypatch.setattr(files.os, call, full)
    with pytest.raises(BadInput, match=r"^The disk is full while writing '.*'; what was there before is untouched: .*\.$"):
        trainer.run()
    monkeypatch.undo()
    assert files.load_checkpoint(tmp_path / CHECKPOINT)["step"] == 2
    assert not list(tmp_path.glob(".motionimit-*")), "a half-written file was left"


def test_write_that_really_fails_keeps_the_previous_file(tmp_path: Path) -> None:
    """The kernel refuses the bytes, not a stand-in."""
    path = tmp_path / "kept"
    files.write_whole(path, b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        with pytest.raises(BadInput, match="what was there before is untouched"):
            files.write_whole(path, bytes(1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["kept"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_finishes_the_step_and_saves(tmp_path: Path, number: int) -> None:
    class Signalling(ToySource):
        def next(self) -> Batch:
            batch = super().next()
            if self.number == 3:
                os.kill(os.getpid(), number)
            return batch

    handler = signal.getsignal(number)
    outcome = toy_trainer(tmp_path, Signalling(), steps=50).run()
    assert (outcome.reason, outcome.steps) == ("interrupted", 3)
    assert files.load_checkpoint(tmp_path / CHECKPOINT)["step"] == 3
    assert signal.getsignal(number) is handler


def test_runs_outside_the_main_thread(tmp_path: Path) -> None:
    outcomes: list[Any] = []
    thread = threading.Thread(target=lambda: outcomes.append(toy_trainer(tmp_path, steps=2).run()))
    thread.start()
    thread.join()
    assert outcomes[0].reason == "finished"


def test_time_budget_stops_with_a_checkpoint(tmp_path: Path) -> None:
    outcome = toy_trainer(tmp_path, steps=100_000, minutes=0.3 / 60).run()
    assert outcome.reason == "time"
    assert 0 < outcome.steps < 1000
    assert outcome.seconds < 10
    assert files.load_checkpoint(tmp_path / CHECKPOINT)["step"] == outcome.steps


def test_starts_from_a_handover_with_a_new_warm_up(tmp_path: Path) -> None:
    first = toy_trainer(tmp_path / "a", steps=4)
    first.run()
    second = toy_trainer(tmp_path / "b", steps=8, warmup_steps=4, seed=5, lr_floor=1.0)
    second.start_from(tmp_path / "a" / HANDOVER)
    assert second.learner.step == 4
    for name, module in first.learner.networks.items():
        again = second.learner.networks[name].state_dict()
        worst = max(float((v - again[k]).abs().max()) for k, v in module.state_dict().items())
        assert worst < 1e-3, f"{name} is {worst:.1e} away after the hand-over"
    second.run()
    rates = [entry["lr"] for entry in read_log(tmp_path / "b" / LOG)]
    assert rates == pytest.approx([1.25e-4, 2.5e-4, 3.75e-4, 5e-4], abs=1e-6), f"no warm-up: {rates}"
    size = (tmp_path / "a" / HANDOVER).stat().st_size / (tmp_path / "a" / CHECKPOINT).stat().st_size
    assert size < 0.5, f"the hand-over has {size:.0%} of the checkpoint's size"


def test_sheets_and_curves_are_drawn(tmp_path: Path) -> None:
    from PIL import Image

    toy_trainer(tmp_path, steps=4, sheet_every=2).run()
    sheets = sorted(p.name for p in tmp_path.glob("sheet_*.png"))
    assert sheets == ["sheet_000002.png", "sheet_000004.png"]
    for name in (*sheets, CURVES):
        with Image.open(tmp_path / name) as image:
            low, high = image.convert("L").getextrema()
            assert low < 100 < 200 < high, f"{name} is one flat colour"


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 cut off"])
def test_broken_checkpoint_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / CHECKPOINT
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        toy_trainer(tmp_path / "run").resume(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    path.write_bytes(content)
    with pytest.raises(BadInput, match="weights file"):
        toy_trainer(tmp_path / "run").start_from(path)


def test_weights_that_do_not_fit_are_one_sentence(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path, steps=1)
    trainer.run()
    files.save_handover(tmp_path / "x.safetensors", {"model": {"a": torch.zeros(3)}}, {"steps": 3, "config": None})
    with pytest.raises(BadInput, match="don't fit") as caught:
        trainer.start_from(tmp_path / "x.safetensors")
    assert "\n" not in str(caught.value)


def test_foreign_safetensors_is_refused(tmp_path: Path) -> None:
    files.save_tensors(tmp_path / "x.safetensors", {"a": torch.zeros(3)}, {"format": "other"})
    with pytest.raises(BadInput, match="no weights to start from"):
        files.load_handover(tmp_path / "x.safetensors")


def test_source_state_is_json(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path, steps=2)
    trainer.run()
    ranks = files.load_checkpoint(tmp_path / CHECKPOINT)["ranks"]
    assert [json.loads(rank["source"]) for rank in ranks] == [{"number": 2}]
