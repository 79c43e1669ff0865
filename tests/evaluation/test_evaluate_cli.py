"""`evaluate` and `bench` on the command line: help, refusals, what is handed over, and the painted person that bench uses."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluate_material import item, started
from motionimit_cli.main import main

from motionimit.config.evaluate import STILL_METHODS, BenchSettings, MethodSpec, parse_methods
from motionimit.errors import BadUsage
from motionimit.evaluation import speed
from motionimit.evaluation.mannequin import CLIP_PX, painted, posed, write_mannequin
from motionimit.evaluation.methods import load_methods
from motionimit.media.reader import VideoReader
from motionimit.types import RunReport


@pytest.mark.parametrize("command", ["", "stills", "self", "cross", "views", "report"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *command.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Examples:" in shown
    assert f"motionimit evaluate {command}".strip() in shown


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    (tmp_path / "dance.mp4").write_bytes(b"x")
    (tmp_path / "pairs").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


REFUSED = {
    "unknown method": (["stills", "pairs", "-o", "run", "--method", "magic"], 2, "magic"),
    "a method twice": (["stills", "pairs", "-o", "run", "--method", "warp", "--method", "warp"], 2, "twice"),
    "weights of warp": (["stills", "pairs", "-o", "run", "--method", "warp=a.safetensors"], 2, "no weights"),
    "no file behind =": (["stills", "pairs", "-o", "run", "--method", "mine="], 2, "mine="),
    "a bad name": (["stills", "pairs", "-o", "run", "--method", "a/b=c.safetensors"], 2, "NAME"),
    "no output": (["stills", "pairs"], 2, "--output"),
    "size": (["stills", "pairs", "-o", "run", "--size", "20"], 2, "--size"),
    "stills networks on films": (["self", "dance.mp4", "-o", "run", "--method", "pg2"], 2, "pg2"),
    "cross without a driver": (["cross", "photo.jpg", "-o", "run"], 2, "driving"),
    "views without a truth": (["views", "photo.jpg", "-o", "run"], 2, "true pictures"),
    "no data": (["stills", "nowhere", "-o", "run"], 3, "nowhere"),
    "no pairs": (["stills", "pairs", "-o", "run"], 3, "no pairs"),
    "no weights": (["stills", "pairs", "-o", "run", "--method", "mine=no.safetensors"], 4, "no.safetensors"),
    "no LPIPS file": (["stills", "pairs", "-o", "run", "--lpips", "no.npz"], 3, "no.npz"),
    "output is a file": (["stills", "pairs", "-o", "photo.jpg"], 3, "photo.jpg"),
    "no output folder": (["stills", "pairs", "-o", "nowhere/run"], 3, "nowhere"),
    "no run": (["report", "pairs"], 3, "run.json"),
}


@pytest.mark.parametrize(("arguments", "code", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals_are_one_sentence_and_leave_nothing(
    arguments: list[str], code: int, named: str, inputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(p.name for p in inputs.rglob("*"))
    assert main(["evaluate", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("motionimit: ") and err.count("\n") == 1 and named in err, err
    assert sorted(p.name for p in inputs.rglob("*")) == before


def test_weights_of_no_network_are_refused_before_any_work(inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (inputs / "junk.safetensors").write_bytes(b"not a weight file")
    for name in "x_0.png", "x_1.png":
        (inputs / "pairs" / name).write_bytes(b"x")
    assert main(["evaluate", "stills", "pairs", "-o", "run", "--method", "mine=junk.safetensors"]) == 3
    assert "junk.safetensors" in capsys.readouterr().err
    assert not (inputs / "run").exists()


def test_methods_keep_their_order_and_the_baseline_comes_first() -> None:
    chosen = parse_methods(("warp", "mine=a.safetensors", "copy"), STILL_METHODS)
    assert chosen == (MethodSpec("copy"), MethodSpec("warp"), MethodSpec("mine", Path("a.safetensors")))
    assert parse_methods(("warp",), STILL_METHODS, "none") == (MethodSpec("warp"),)
    with pytest.raises(BadUsage, match="Nothing"):
        parse_methods((), STILL_METHODS, "none")


def test_the_products_own_generator_is_loaded_with_its_facts() -> None:
    import torch

    methods = load_methods(parse_methods(("warp", "attlwb"), STILL_METHODS), torch.device("cpu"), stills=True)
    facts = [m.facts() for m in methods]
    assert [f["name"] for f in facts] == ["copy", "warp", "attlwb"]
    assert len(facts[2]["sha256"]) == 64
    assert facts[2]["parameters"] > 1e6
    assert json.dumps(facts)


def test_what_was_asked_is_handed_over_and_the_table_is_shown(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from motionimit.evaluation import stills
    from motionimit.evaluation.runs import read_run

    seen = []

    def evaluate(settings: Any, progress: Any) -> Any:
        seen.append(settings)
        with started(settings.output) as run:
            run.add(item("a", copy=0.5, warp=0.6, mine="Nobody was found."))
            run.add(item("b", copy=0.5, warp=0.6, mine=0.7))
        return read_run(settings.output)

    monkeypatch.setattr(stills, "evaluate_stills", evaluate)
    options = ["--limit", "5", "--both-ways", "--missing", "skip", "--seed", "7", "--size", "512", "--resume"]
    assert main(["evaluate", "stills", "pairs", "-o", "run", "--method", "warp", "--method", "rsa", *options]) == 0
    (settings,) = seen
    assert [str(m) for m in settings.methods] == ["copy", "warp", "rsa"]
    assert (settings.limit, settings.both_ways, settings.missing, settings.seed) == (5, True, "skip", 7)
    assert (settings.size_px, settings.resume, settings.device) == (512, True, "auto")
    out, err = capsys.readouterr()
    assert out.strip() == str(Path("run") / "report.html")
    assert "SSIM" in err and "0.700" in err and "1 of 2 pairs" in err and "Nobody was found." in err
    assert main(["evaluate", "report", "run", "--quiet"]) == 0


BAD_BENCH = [["--frames", "0"], ["--repeats", "0"], ["--source", "photo.jpg"], ["-o", "bench.txt"], ["--device", "tpu"]]


@pytest.mark.parametrize("arguments", [*BAD_BENCH, ["--source", "photo.jpg", "--driver", "m.npz"]])
def test_bench_refuses_what_makes_no_sense(arguments: list[str], inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_bench_reports_medians_and_the_warm_up_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = iter([1.0, 2.0, 10.0, 20.0, 30.0, 60.0, 20.0, 40.0])  # warp and attlwb in turn, the first of each warming up

    def transfer(settings: Any, progress: Any = None) -> RunReport:
        report = RunReport(frames=60, fps=Fraction(30), size=(384, 512), wall_s=9.0, source_s=2.0, driver_s=60 / next(rates))
        report.seconds = {"landmarks": 1.0, "render": 2.0}
        return report

    monkeypatch.setattr("motionimit.pipeline.transfer", transfer)
    monkeypatch.setattr(speed, "shipped", lambda: Path("weights"))
    monkeypatch.setattr(speed, "parts_ms", lambda *_: {"render": [3.0, 4.0, 8.0]})
    monkeypatch.setattr(speed, "write_mannequin", lambda folder, frames: (folder / "a.png", folder / "b.mp4"))
    monkeypatch.setattr("motionimit.config.transfer.TransferSettings.check_paths", lambda self: None)
    data = speed.bench(BenchSettings(output=tmp_path / "bench.json", repeats=3, device="cpu"))
    assert json.loads((tmp_path / "bench.json").read_text()) == json.loads(json.dumps(data))
    warp, learned = data["pipeline"]["warp"], data["pipeline"]["attlwb"]
    assert warp["frames_per_s"] == pytest.approx({"median": 20.0, "low": 10.0, "high": 30.0})
    assert learned["frames_per_s"]["median"] == pytest.approx(40.0)
    assert (warp["warm_up"]["frames_per_s"], warp["runs"]) == (pytest.approx(1.0), 3)
    assert data["parts_ms"]["512"]["render"]["median"] == 4.0
    assert data["feature_warp"] == [] and data["copy_gb_s"] is None
    assert {"commit", "device", "cpu", "torch", "threads", "peak_rss_mb"} <= data.keys()
    told = dict(speed.bench_rows(data))
    assert "20.0 (10.0 to 30.0) frames/s" in told["pipeline, warp"]
    assert "render 2.00" in told["busy s, warp"]


def test_the_painted_person_is_found_and_walks(tmp_path: Path) -> None:
    from motionimit.body.model import load_body
    from motionimit.media.image import read_photo
    from motionimit.pose.photo import track_photo

    photo, clip = write_mannequin(tmp_path, 3)
    track = track_photo(read_photo(photo))
    assert float(track.confidence.mean()) > 0.9, "bench needs a person that the detector is sure of"
    with VideoReader(clip) as reader:
        frames = [frame.rgb for frame in reader]
    assert len(frames) == 3
    assert frames[0].shape == (CLIP_PX[1], CLIP_PX[0], 3)
    model = load_body()
    left, right = (painted(posed(phase, 1.0, (120, 160), model), model).astype(int) for phase in (np.pi / 2, -np.pi / 2))
    assert np.abs(left - right).mean() > 2, "the two steps must differ"
