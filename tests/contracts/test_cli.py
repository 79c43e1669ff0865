"""The command line's contract: help, speed, what is handed over, what is printed where."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from motionimit_cli.main import COMMANDS, main

sys.path.insert(0, str(Path(__file__).parent))
from cli_runs import done, run

import motionimit
from motionimit.types import RunReport

HELP_LIMIT_S = 0.5
REPORT_KEYS = {"frames", "fps", "size", "wall_s", "source_s", "driver_s", "seconds", "peak_rss_mb", "fit", "warnings"}
REPORT_KEYS |= {"version", "settings", "output", "generator"}


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_fast_and_shows_examples(command: str) -> None:
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        result = run(*command.split(), "--help")
        seconds.append(time.perf_counter() - begin)
        if seconds[-1] < HELP_LIMIT_S:
            break
    assert result.returncode == 0, result.stderr
    assert "Examples:" in result.stdout
    assert f"motionimit {command}".strip() in result.stdout
    assert min(seconds) < HELP_LIMIT_S, f"--help took {min(seconds):.2f} s at best, limit {HELP_LIMIT_S} s"


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from motionimit_cli.main import COMMANDS, main\n"
        "for c in COMMANDS: assert main([c, '--help']) == 0\n"
        "heavy = {'torch', 'cv2', 'mediapipe', 'numpy', 'rich', 'av', 'warp', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr


def test_commands_listed_are_commands_that_exist() -> None:
    listed = run("--help").stdout
    for name, (_, line) in COMMANDS.items():
        assert name in listed
        assert line in listed


def test_version() -> None:
    assert run("--version").stdout.strip() == f"motionimit, version {motionimit.__version__}"


def test_transfer_hands_over_what_was_asked_for(inputs: Path, pipeline) -> None:
    seen = []
    pipeline(lambda settings, progress: (seen.append(settings), done(settings))[1])
    (inputs / "wall.png").write_bytes(b"x")
    options = [
        "--size",
        "640",
        "--camera",
        "copy",
        "--background",
        "wall.png",
        "--start",
        "1.5",
        "--duration",
        "2",
        "--max-frames",
        "9",
    ]
    assert main(["transfer", "photo.jpg", "dance.mp4", *options, "--person", "2", "--seed", "7", "--side-by-side", "-q"]) == 0
    (settings,) = seen
    assert (settings.sources, settings.driving) == ((Path("photo.jpg"),), Path("dance.mp4"))
    assert settings.output == Path("photo_dance.mp4")
    assert (settings.size_px, settings.camera, settings.background_kind) == (640, "copy", "file")
    assert (settings.start_s, settings.duration_s, settings.max_frames) == (1.5, 2.0, 9)
    assert (settings.person, settings.seed, settings.side_by_side, settings.alpha) == ("2", 7, True, False)


def test_what_generates_is_handed_over_and_told(inputs: Path, capsys: pytest.CaptureFixture[str], pipeline) -> None:
    seen = []

    def job(settings, progress) -> RunReport:
        seen.append(settings)
        result = done(settings)
        personal = {"photos": ["a" * 64], "steps": 9, "best_step": 8, "score_before": 0.5, "score_after": 0.4}
        result.generator = {"name": "attlwb", "weights": "mine.safetensors", "sha256": "b" * 64, "personal": personal}
        return result

    pipeline(job)
    for name in ("mine.safetensors", "other.jpg"):
        (inputs / name).write_bytes(b"x")
    options = ["--generator", "attlwb", "--weights", "mine.safetensors", "--report", "r.json"]
    assert main(["transfer", "photo.jpg", "dance.mp4", *options, "--personalize", "9"]) == 0
    assert main(["personalize", "photo.jpg", "other.jpg", "--steps", "7", "--size", "640", "--weights", "mine.safetensors"]) == 0
    transfer, personalize = seen
    assert (transfer.generator, transfer.weights, transfer.personalize) == ("attlwb", Path("mine.safetensors"), 9)
    assert personalize.sources == (Path("photo.jpg"), Path("other.jpg"))
    assert (personalize.output, personalize.steps, personalize.size_px) == (Path("person.safetensors"), 7, 640)
    assert "20.0 % lower (step 8 of 9)" in capsys.readouterr().err
    told = json.loads((inputs / "r.json").read_text())["generator"]
    assert (told["name"], told["sha256"], told["personal"]["best_step"]) == ("attlwb", "b" * 64, 8)


def test_report_has_exactly_its_keys(inputs: Path, pipeline) -> None:
    pipeline(done)
    assert main(["transfer", "photo.jpg", "dance.mp4", "--report", "r.json", "--quiet"]) == 0
    report = json.loads((inputs / "r.json").read_text())
    assert set(report) == REPORT_KEYS
    assert (report["frames"], report["fps"], report["size"]) == (48, "30000/1001", [384, 512])
    assert report["seconds"] == {"landmarks": 1.5, "render": 2.0}
    assert report["fit"] == {"reprojection_pct": {"mean": 0.6, "p95": 1.4}, "mask_iou": 0.87, "jitter_mm": 9.0}
    assert report["settings"]["size_px"] == 512
    assert report["generator"] is None, "this job made no pictures"
    assert report["settings"]["sources"] == ["photo.jpg"]
    assert sorted(p.name for p in inputs.iterdir()) == ["dance.mp4", "photo.jpg", "r.json"], "a part file was left"


def test_quiet_prints_nothing_and_else_stdout_is_the_path(inputs: Path, capsys: pytest.CaptureFixture[str], pipeline) -> None:
    def job(settings, progress) -> RunReport:
        progress("render", 1, 48)
        time.sleep(0.05)
        progress("render", 48, 48)
        progress("fit", 48, 48)  # tells only its end
        return done(settings)

    pipeline(job)
    assert main(["transfer", "photo.jpg", "dance.mp4", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["transfer", "photo.jpg", "dance.mp4"]) == 0
    out, err = capsys.readouterr()
    assert out == "photo_dance.mp4\n"
    for wanted in ("render: 48 of 48", "29.97 frames/s", "384 x 512", "12.0 frames/s", "0.60 %", "bridged"):
        assert wanted in err, f"'{wanted}' is missing in: {err}"
    assert "fit: 48 of 48\n" in err, f"a rate without a time: {err}"
