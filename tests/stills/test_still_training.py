"""PG² and RSA-GAN learn, in their stages and with their critics; runs resume exactly; weights go out and come back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from still_material import TINY_PG2, TINY_RSA, still_batch

from motionimit.errors import BadInput, BadUsage
from motionimit.generator.pg2 import PG2
from motionimit.generator.rsa import RSAGAN
from motionimit.training.engine import make_accelerator
from motionimit.training.logbook import read_log
from motionimit.training.perceptual import LaplacianDistance
from motionimit.training.recipes import RECIPES
from motionimit.training.settings import Pg2Weights, RsaWeights, TrainSettings
from motionimit.training.still_learner import Pg2Learner, RsaLearner, fake_error, masked_l1, parsing_error, real_error
from motionimit.training.trainer import CHECKPOINT, HANDOVER, LOG, Trainer
from motionimit.weights import load_still, read_meta, save_generator, save_still

accelerate = pytest.importorskip("accelerate", reason="training needs accelerate")
KINDS = ["pg2", "rsa"]
FALL = 2.0  # the error on a single batch must at least be divided by this


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Source:
    def __init__(self, repeat: bool = False) -> None:
        self.repeat, self.number = repeat, 0

    def next(self) -> Any:
        self.number += 1
        return still_batch(2, seed=0 if self.repeat else self.number)

    def state(self) -> dict[str, Any]:
        return {"number": self.number}

    def load_state(self, state: dict[str, Any]) -> None:
        self.number = state["number"]


def trainer(out: Path, kind: str, source: Source | None = None, **changes: Any) -> Trainer:
    values: dict[str, Any] = {"steps": 6, "log_every": 1, "sheet_every": 1000, "checkpoint_every": 3, "adversarial_from": 4}
    values |= {"warmup_steps": 2, "refine_from": 3, "weights": RECIPES[kind].weights()}
    settings = TrainSettings(**(values | changes))
    torch.manual_seed(settings.seed)
    out.mkdir(exist_ok=True)
    model, learner = (PG2(TINY_PG2), Pg2Learner) if kind == "pg2" else (RSAGAN(TINY_RSA), RsaLearner)
    learning = learner(model, learner.new_critics(), settings, make_accelerator("cpu", settings.precision), LaplacianDistance())
    return Trainer(learning, source or Source(), out, save_still)


@pytest.mark.parametrize(("kind", "term", "steps", "lr"), [("pg2", "coarse", 200, 0.005), ("rsa", "pixel", 80, 0.003)])
def test_overfits_one_batch(tmp_path: Path, kind: str, term: str, steps: int, lr: float) -> None:
    trainer(tmp_path, kind, Source(repeat=True), steps=steps, lr=lr, adversarial_from=1000, refine_from=1000).run()
    log = read_log(tmp_path / LOG)
    fall = log[0][term] / log[-1][term]
    assert fall > FALL, f"{term} only fell by {fall:.2f} ({log[0][term]:.3f} to {log[-1][term]:.3f})"


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_on_the_cpu_learns_alike(tmp_path: Path, kind: str) -> None:
    """Weights and losses stay float32; only the layers run in bfloat16."""
    falls: list[float] = []
    late: dict[str, Any] = {"adversarial_from": 99, "refine_from": 99}
    for precision in ("no", "bf16"):
        accelerate.state.AcceleratorState._reset_state()  # a process has one precision
        run = trainer(tmp_path / precision, kind, Source(repeat=True), precision=precision, steps=30, lr=0.003, **late)
        run.run()
        assert all(p.dtype == torch.float32 for p in run.learner.model.parameters())
        log = read_log(tmp_path / precision / LOG)
        falls.append(log[-1]["loss"] / log[0]["loss"])
    accelerate.state.AcceleratorState._reset_state()
    assert falls[0] < 1 and falls[1] == pytest.approx(falls[0], rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_resumes_exactly(tmp_path: Path, kind: str) -> None:
    straight = trainer(tmp_path / "straight", kind)
    straight.run()
    trainer(tmp_path / "parts", kind, minutes=1e-9).run()  # stops after one step
    torch.manual_seed(99)
    again = trainer(tmp_path / "parts", kind)
    again.resume(tmp_path / "parts" / CHECKPOINT)
    assert again.learner.step == 1
    again.run()
    a, b = (t.learner.networks for t in (straight, again))
    differing = [
        f"{part}.{k}" for part in a for k, v in a[part].state_dict().items() if not torch.equal(v, b[part].state_dict()[k])
    ]
    assert not differing, f"{len(differing)} tensors differ, first {differing[0]}"


def test_pg2_learns_its_stages_one_after_the_other(tmp_path: Path) -> None:
    learning = trainer(tmp_path, "pg2").learner
    before = {k: v.clone() for k, v in learning.model.state_dict().items()}

    def changed(part: str) -> bool:
        return any(not torch.equal(v, before[k]) for k, v in learning.model.state_dict().items() if k.startswith(part))

    terms = [learning.update(still_batch(2, seed=k)) for k in range(3)]
    assert changed("integration") and not changed("refinement")
    assert all("coarse" in t and "adversarial" not in t for t in terms)
    before = {k: v.clone() for k, v in learning.model.state_dict().items()}
    terms = [learning.update(still_batch(2, seed=k)) for k in range(3, 6)]
    assert changed("refinement") and not changed("integration")
    assert [("adversarial" in t, "pixel" in t) for t in terms] == [(False, True), (True, True), (True, True)]


def test_the_photo_itself_is_a_fake_to_pg2s_critic(tmp_path: Path) -> None:
    """Ma et al.: the source image is a second negative. A critic that takes all copies for real pays."""
    learning = trainer(tmp_path, "pg2").learner
    batch = still_batch(2)
    loss = learning._judge(batch, batch.rgb)
    other = replace(batch, source=replace(batch.source, rgb=1 - batch.source.rgb))
    assert loss != learning._judge(other, batch.rgb)


def test_losses() -> None:
    batch = still_batch(1)
    assert masked_l1(batch.rgb, batch) == 0
    assert masked_l1(batch.rgb + 0.1, batch) > 0.1, "limbs count twice"
    sure = torch.full((1, 8, 8, 8), -20.0).scatter(1, batch.parsing[:, None, 4::8, 4::8], 0.0)
    assert parsing_error(sure, batch.parsing) < 1e-6 < parsing_error(sure.roll(3, 1), batch.parsing)
    high, low = torch.full((2, 1, 4, 4), 9.0), torch.full((2, 1, 4, 4), -9.0)
    assert real_error(high) < 1e-3 < real_error(low) and fake_error(low) < 1e-3 < fake_error(high)


@pytest.mark.parametrize("kind", KINDS)
def test_sheet_and_weights_of_a_run(tmp_path: Path, kind: str) -> None:
    trainer(tmp_path, kind, steps=4, sheet_every=2).run()
    assert (tmp_path / "sheet_000002.png").stat().st_size > 1000 and (tmp_path / "sheet_000004.png").exists()
    model = load_still(kind, tmp_path / "generator.safetensors")
    assert read_meta(tmp_path / "generator.safetensors")["steps"] == 4
    with torch.no_grad():
        assert torch.isfinite(model(still_batch(1).source).rgb).all()


def test_one_networks_file_is_not_anothers(tmp_path: Path) -> None:
    from motionimit.generator.config import GeneratorConfig
    from motionimit.generator.model import Generator

    pg2, video = tmp_path / "pg2.safetensors", tmp_path / "video.safetensors"
    save_still(pg2, PG2(TINY_PG2), {})
    save_generator(video, Generator(GeneratorConfig(channels=(8, 8, 8), key_channels=4, token_channels=8)), {})
    for path in (pg2, video):
        with pytest.raises(BadInput, match="holds no weights of motionimit's RSA-GAN"):
            load_still("rsa", path)


def test_another_size_starts_from_convolutions_alone(tmp_path: Path) -> None:
    trainer(tmp_path / "small", "rsa", steps=2).run()
    large = trainer(tmp_path / "large", "rsa")
    large.learner.model.config = replace(TINY_RSA, width=128, height=128)
    large.start_from(tmp_path / "small" / HANDOVER)
    assert large.learner.step == 2
    large.learner.model.config = replace(TINY_RSA, style_channels=8)
    with pytest.raises(BadInput, match="another --size or --ablation"):
        large.start_from(tmp_path / "small" / HANDOVER)


def test_loss_weights_are_the_models_own() -> None:
    assert RECIPES["rsa"].weights().changed(["fetched=0.5"]) == RsaWeights(fetched=0.5)
    with pytest.raises(BadUsage, match="coarse, pixel, adversarial, limbs"):
        Pg2Weights().changed(["perceptual=1"])


def test_train_model_is_another_way_to_say_it(capsys: pytest.CaptureFixture[str]) -> None:
    from motionimit_cli.main import main

    for arguments in (["train", "--model", "pg2", "--help"], ["train", "--model=rsa", "--help"]):
        assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "Train PG²" in said and "Train RSA-GAN" in said
    assert main(["train", "--model", "gan3"]) == 2
