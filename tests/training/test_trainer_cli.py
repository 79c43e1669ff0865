"""`motionimit train attlwb` from the command line, with toy batches in the data's place; and training in two processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from motionimit_cli.main import main
from trainer_material import ToySource

from motionimit.errors import BadUsage, MissingModel
from motionimit.training import dataset, storage
from motionimit.training.checkpoint import load_handover
from motionimit.training.engine import make_accelerator
from motionimit.training.logbook import read_log
from motionimit.weights import load_generator, read_meta

pytest.importorskip("accelerate", reason="training needs accelerate")
QUICK = ("--device", "cpu", "--threads", "1", "--log-every", "1", "--adversarial-from", "1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder whose batches are toys."""
    monkeypatch.setattr(dataset, "open_dataset", lambda folder, settings, rank=0: ToySource())
    monkeypatch.setattr(storage, "people_in", lambda folder: "3 clips of real people")
    (tmp_path / "pairs").mkdir()
    before = torch.get_num_threads()
    monkeypatch.setattr("motionimit.training.job.set_threads", lambda threads: torch.set_num_threads(1))
    yield tmp_path
    torch.set_num_threads(before)


def train(folder: Path, *more: str, out: str = "run") -> int:
    return main(["train", "attlwb", "--data", str(folder / "pairs"), "--out", str(folder / out), *QUICK, *more])


def test_trains_continues_and_hands_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(folder, "--steps", "2", "--weight", "adversarial=0.2") == 0
    said = capsys.readouterr()
    assert said.out == f"finished after 2 of 2 steps; checkpoint, log and weights are in {folder / 'run'}\n"
    assert "Laplacian pyramid stands in" in said.err
    assert json.loads((folder / "run" / "settings.json").read_text())["settings"]["weights"]["adversarial"] == 0.2
    assert train(folder, "--steps", "3", "--resume") == 0
    assert "resumed at step 2" in capsys.readouterr().err
    assert [entry["step"] for entry in read_log(folder / "run" / "log.jsonl")] == [1, 2, 3]
    model, meta = load_generator(folder / "run" / "generator.safetensors"), read_meta(folder / "run" / "generator.safetensors")
    assert (meta["steps"], meta["seed"], meta["trained_on"]) == (3, 0, "pairs: 3 clips of real people")
    average = load_handover(folder / "run" / "handover.safetensors")[0]["ema"]
    worst = max(float((v - average[k]).abs().max()) for k, v in model.state_dict().items())
    assert worst < 2e-3, f"generator file and hand-over differ by {worst:.1e}"
    assert train(folder, "--steps", "4", "--start-from", str(folder / "run" / "handover.safetensors"), out="next") == 0
    assert "weights of step 3" in capsys.readouterr().err
    assert train(folder, "--steps", "1", "--start-from", str(folder / "run" / "generator.safetensors"), "-q", out="third") == 0


def test_another_network_does_not_take_the_checkpoint(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(folder, "--steps", "1", "-q", "--ablation", "add") == 0
    assert train(folder, "--steps", "2") == 3
    assert "another --size or --ablation" in capsys.readouterr().err
    assert train(folder, "--steps", "1", "--fresh", "-q") == 0


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("--steps", "0"), 2, "--steps"),
        (("--weight", "speed=1"), 2, "--weight"),
        (("--weight", "pixel=-1"), 2, "--weight"),
        (("--threads", "0"), 2, "--threads"),
        (("--precision", "fp16"), 2, "needs a GPU"),
        (("--minutes", "nan"), 2, "--minutes"),
        (("--resume",), 3, "no checkpoint"),
        (("--resume", "--start-from", "x"), 2, "--start-from"),
        (("--perceptual", "none.npz"), 3, "LPIPS weights"),
        (("--data", "nowhere"), 3, "nowhere"),
        (("--out", "nowhere/run"), 3, "nowhere"),
    ],
)
def test_mistakes_are_one_sentence(
    folder: Path, arguments: tuple[str, ...], code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(folder, *arguments) == code
    err = capsys.readouterr().err
    assert err.startswith("motionimit: ")
    assert err.count("\n") == 1
    assert text in err


def test_without_accelerate_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(MissingModel, match=r"pip install \"motionimit\[train\]\""):
        make_accelerator("cpu")


def test_float16_on_the_cpu_is_refused() -> None:
    with pytest.raises(BadUsage, match="needs a GPU"):
        make_accelerator("cpu", "fp16")


TWO = """
import os, sys, torch
from pathlib import Path
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
from trainer_material import ToySource, toy_trainer
source = ToySource()
source.number = 100 * int(os.environ["RANK"])
trainer = toy_trainer(Path(sys.argv[2]), source, steps=3)
trainer.run()
again = ToySource()
trainer.source = again
trainer.resume(Path(sys.argv[2]) / "checkpoint.pt")
flat = torch.cat([p.detach().flatten() for p in trainer.learner.model.parameters()])
Path(sys.argv[2], f"rank{os.environ['RANK']}").write_text(f"{again.number} {flat.double().sum().item()!r}")
"""


def test_two_processes_keep_equal_weights_and_own_data(tmp_path: Path) -> None:
    script = tmp_path / "two.py"
    script.write_text(TWO)
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    done = subprocess.run(
        [*run, str(Path(__file__).parent), str(tmp_path)], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    places, sums = zip(*((tmp_path / f"rank{r}").read_text().split() for r in (0, 1)), strict=True)
    assert places == ("3", "103")
    assert sums[0] == sums[1], f"the processes' weights differ: {sums}"
