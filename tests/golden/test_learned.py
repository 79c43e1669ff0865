"""The learned generator from end to end, with weights that have learned nothing: result, report, personal weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from golden_material import SIZE_PX, pictures

from motionimit.generator.config import GeneratorConfig
from motionimit.generator.model import Generator
from motionimit.weights import save_generator

CODEC = 2  # of 255


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    tiny = GeneratorConfig(channels=(8, 8, 16), key_channels=4, token_channels=16, residual_blocks=1)
    file = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_generator(file, Generator(tiny), {"trained_on": "nothing", "steps": 0, "seed": 0})
    return file


def test_untrained_weights_give_the_geometric_result(command, material: Path, weights: Path, tmp_path: Path) -> None:
    inputs = ("transfer", material / "photo.jpg", material / "dance.mp4", "--size", SIZE_PX, "-q", "-o")
    for name, options in (("warp", ["warp"]), ("learned", ["attlwb", "--weights", weights])):
        outputs = (f"{name}.mp4", "--report", f"{name}.json", "--generator", *options)
        assert command(*inputs, *outputs) == 0
    plain, learned = (pictures(tmp_path / f"{name}.mp4").astype(int) for name in ("warp", "learned"))
    assert np.abs(plain - learned).max() <= CODEC
    report, without = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("learned", "warp"))
    told = report["generator"]
    assert (told["name"], told["weights"], told["trained_on"], len(told["sha256"])) == ("attlwb", str(weights), "nothing", 64)
    assert "personal" not in told
    assert report["seconds"]["generator"] > 0
    assert without["generator"] == {"name": "warp"} and "generator" not in without["seconds"]


def test_personal_weights_are_for_their_photo(
    command, material: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, dance = material / "photo.jpg", material / "dance.mp4"
    options = ("--weights", weights, "--size", SIZE_PX, "--steps", 2, "--report", "r.json", "-q")
    assert command("personalize", photo, "-o", "anna.safetensors", *options) == 0
    personal = json.loads((tmp_path / "r.json").read_text())["generator"]["personal"]
    assert personal["steps"] == 2 and personal["score_after"] <= personal["score_before"]
    mine = ("--generator", "attlwb", "--weights", "anna.safetensors", "--size", SIZE_PX, "-q")
    assert command("transfer", photo, dance, "-o", "out.mp4", "--max-frames", 2, *mine, "--report", "t.json") == 0
    assert json.loads((tmp_path / "t.json").read_text())["generator"]["personal"] == personal
    capsys.readouterr()
    assert command("transfer", material / "first.png", dance, "-o", "no.mp4", *mine) == 3
    sentence = capsys.readouterr().err
    assert personal["photos"][0][:8] in sentence and "motionimit personalize" in sentence and sentence.count("\n") == 1
    assert not (tmp_path / "no.mp4").exists()
