"""The command line's contract: help, speed, exit codes, one-sentence errors, what is printed where."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import pytest
from motionimit_cli.main import COMMANDS, main

import motionimit
from motionimit.errors import BadInput, MissingModel
from motionimit.types import FitQuality, RunReport

HELP_LIMIT_S = 0.5
REPORT_KEYS = {"frames", "fps", "size", "wall_s", "source_s", "driver_s", "seconds", "peak_rss_mb", "fit", "warnings"}
REPORT_KEYS |= {"version", "settings", "output", "generator"}


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "motionimit_cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=60, check=False)


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a (fake) photo and driver, as the current one."""
    (tmp_path / "photo.jpg").write_bytes(b"x")
    (tmp_path / "dance.mp4").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., RunReport]], None]:
    """Puts a function in the place of every pipeline job."""

    def install(job: Callable[..., RunReport]) -> None:
        fake = ModuleType("motionimit.pipeline")
        fake.transfer = fake.fit = fake.personalize = fake.view = fake.avatar = fake.swap = job  # type: ignore[attr-defined]
        for name in ("pipeline", "jobs"):
            monkeypatch.setitem(sys.modules, f"motionimit.{name}", fake)
            monkeypatch.setattr(motionimit, name, fake, raising=False)

    return install


def done(settings: object, progress: object = None) -> RunReport:
    report = RunReport(frames=48, fps=Fraction(30000, 1001), size=(384, 512), wall_s=6.0, source_s=2.0, driver_s=4.0)
    report.seconds = {"landmarks": 1.5, "render": 2.0}
    report.peak_rss_mb = 900.0
    report.fit = FitQuality(0.6, 1.4, 0.87, 9.0)
    report.warnings = ["3 frames without a person were bridged"]
    report.output = settings.output  # type: ignore[attr-defined]
    return report


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


BAD_USAGE = {
    "no such command": ["transform"],
    "no such option": ["transfer", "photo.jpg", "dance.mp4", "--speed", "2"],
    "one path": ["transfer", "photo.jpg"],
    "a photo twice": ["transfer", "photo.jpg", "photo.jpg", "dance.mp4"],
    "size too small": ["transfer", "photo.jpg", "dance.mp4", "--size", "255"],
    "size too big": ["transfer", "photo.jpg", "dance.mp4", "--size", "1025"],
    "size no number": ["transfer", "photo.jpg", "dance.mp4", "--size", "big"],
    "camera": ["transfer", "photo.jpg", "dance.mp4", "--camera", "shaky"],
    "generator": ["transfer", "photo.jpg", "dance.mp4", "--generator", "magic"],
    "device": ["transfer", "photo.jpg", "dance.mp4", "--device", "tpu"],
    "start": ["transfer", "photo.jpg", "dance.mp4", "--start", "-1"],
    "start nan": ["transfer", "photo.jpg", "dance.mp4", "--start", "nan"],
    "duration": ["transfer", "photo.jpg", "dance.mp4", "--duration", "0"],
    "max-frames": ["transfer", "photo.jpg", "dance.mp4", "--max-frames", "0"],
    "person": ["transfer", "photo.jpg", "dance.mp4", "--person", "0"],
    "person nowhere": ["transfer", "photo.jpg", "dance.mp4", "--person", "120%,50%"],
    "fit somebody": ["fit", "dance.mp4", "--person", "somebody"],
    "people start": ["doctor", "--people", "dance.mp4", "--start", "-1"],
    "people output kind": ["doctor", "--people", "dance.mp4", "-o", "people.jpg"],
    "people onto the file": ["doctor", "--people", "photo.png", "-o", "photo.png"],
    "people of nothing": ["doctor", "-o", "people.png"],
    "seed": ["transfer", "photo.jpg", "dance.mp4", "--seed", "-1"],
    "colour": ["transfer", "photo.jpg", "dance.mp4", "--background", "#12345"],
    "output kind": ["transfer", "photo.jpg", "dance.mp4", "-o", "out.avi"],
    "output is the photo": ["transfer", "photo.jpg", "dance.mp4", "-o", "./dance.mp4"],
    "alpha in mp4": ["transfer", "photo.jpg", "dance.mp4", "--alpha", "-o", "out.mp4"],
    "alpha with a background": ["transfer", "photo.jpg", "dance.mp4", "--alpha", "--background", "white"],
    "motion file beside": ["transfer", "photo.jpg", "m.npz", "--side-by-side"],
    "motion file behind": ["transfer", "photo.jpg", "m.npz", "--background", "driving"],
    "alpha beside": ["transfer", "photo.jpg", "dance.mp4", "--alpha", "--side-by-side"],
    "report kind": ["transfer", "photo.jpg", "dance.mp4", "--report", "report.txt"],
    "fit output kind": ["fit", "dance.mp4", "-o", "motion.pkl"],
    "fit mesh kind": ["fit", "dance.mp4", "--mesh", "body.obj"],
    "fit twice the same file": ["fit", "dance.mp4", "-o", "a.npz", "--overlay", "dance.mp4"],
    "weights of warp": ["transfer", "photo.jpg", "dance.mp4", "--generator", "warp", "--weights", "dance.mp4"],
    "personalised warp": ["transfer", "photo.jpg", "dance.mp4", "--generator", "warp", "--personalize", "5"],
    "no steps": ["transfer", "photo.jpg", "dance.mp4", "--generator", "attlwb", "--personalize", "0"],
    "personalize nothing": ["personalize"],
    "personalize no steps": ["personalize", "photo.jpg", "--steps", "0"],
    "personalize size": ["personalize", "photo.jpg", "--size", "100"],
    "personalize seed": ["personalize", "photo.jpg", "--seed", "-1"],
    "personalize device": ["personalize", "photo.jpg", "--device", "tpu"],
    "personalize kind": ["personalize", "photo.jpg", "-o", "person.pt"],
    "personalize onto its start": ["personalize", "photo.jpg", "--weights", "a.safetensors", "-o", "a.safetensors"],
    "personalize too many": ["personalize", *["photo.jpg"] * 9],
    "sheet kind": ["sheet", "photo.jpg", "dance.mp4", "dance.mp4", "-o", "sheet.jpg"],
    "sheet columns": ["sheet", "photo.jpg", "dance.mp4", "dance.mp4", "--columns", "0"],
}  # fmt: skip


def assert_one_sentence(err: str) -> None:
    assert err.startswith("motionimit: "), err
    assert err.count("\n") == 1, f"not one line: {err}"
    assert err.endswith((".\n", ").\n")), f"no full sentence: {err}"
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", BAD_USAGE.values(), ids=BAD_USAGE.keys())
def test_bad_usage_is_exit_2_and_one_sentence(
    arguments: list[str], inputs: Path, capsys: pytest.CaptureFixture[str], pipeline
) -> None:
    pipeline(done)
    before = {p: p.read_bytes() for p in inputs.iterdir()}
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert_one_sentence(err)
    assert {p: p.read_bytes() for p in inputs.iterdir()} == before, "files were touched"


BAD_INPUT = {
    "no photo": (["transfer", "nobody.jpg", "dance.mp4"], "nobody.jpg"),
    "no driver": (["transfer", "photo.jpg", "nothing.mp4"], "nothing.mp4"),
    "a folder": (["transfer", ".", "dance.mp4"], "folder"),
    "empty": (["transfer", "photo.jpg", "empty.mp4"], "0 bytes"),
    "no background": (["transfer", "photo.jpg", "dance.mp4", "--background", "beach.png"], "beach.png"),
    "no output folder": (["transfer", "photo.jpg", "dance.mp4", "-o", "nowhere/out.mp4"], "nowhere"),
    "no report folder": (["transfer", "photo.jpg", "dance.mp4", "--report", "nowhere/r.json"], "nowhere"),
    "output is a folder in use": (["transfer", "photo.jpg", "dance.mp4", "-o", "letters"], "letters"),
    "fit output is a folder": (["fit", "dance.mp4", "-o", "taken.npz"], "taken.npz"),
    "fit: no input": (["fit", "nothing.mp4"], "nothing.mp4"),
    "fit: no mesh folder": (["fit", "dance.mp4", "--mesh", "nowhere/b.glb"], "nowhere"),
    "personalize: no photo": (["personalize", "photo.jpg", "nobody.jpg"], "nobody.jpg"),
    "personalize: no output folder": (["personalize", "photo.jpg", "-o", "nowhere/p.safetensors"], "nowhere"),
    "people: no file": (["doctor", "--people", "nothing.mp4"], "nothing.mp4"),
    "people: no output folder": (["doctor", "--people", "dance.mp4", "-o", "nowhere/p.png"], "nowhere"),
    "sheet: no result": (["sheet", "photo.jpg", "dance.mp4", "nothing.mp4"], "nothing.mp4"),
}


@pytest.mark.parametrize(("arguments", "named"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
def test_bad_paths_are_exit_3_before_any_work(
    arguments: list[str], named: str, inputs: Path, capsys: pytest.CaptureFixture[str], pipeline
) -> None:
    pipeline(lambda *_: pytest.fail("work began"))
    (inputs / "empty.mp4").touch()
    (inputs / "taken.npz").mkdir()
    (inputs / "letters").mkdir()
    (inputs / "letters" / "dear.txt").touch()
    assert main(arguments) == 3
    err = capsys.readouterr().err
    assert_one_sentence(err)
    assert named in err


@pytest.mark.parametrize("command", ["transfer photo.jpg dance.mp4 --generator attlwb", "personalize photo.jpg"])
def test_missing_weights_are_exit_4_before_any_work(
    command: str, inputs: Path, capsys: pytest.CaptureFixture[str], pipeline
) -> None:
    pipeline(lambda *_: pytest.fail("work began"))
    assert main([*command.split(), "--weights", "no.safetensors"]) == 4
    err = capsys.readouterr().err
    assert_one_sentence(err)
    assert "'no.safetensors'" in err
    (inputs / "no.safetensors").touch()
    assert main([*command.split(), "--weights", "no.safetensors"]) == 3, "an empty file is bad input"


@pytest.mark.parametrize(
    ("error", "code"), [(BadInput("no person\nin 'a.jpg'; take another."), 3), (MissingModel("no body."), 4)]
)
def test_library_errors_keep_their_exit_code(error, code, inputs, capsys, pipeline) -> None:
    def fails(*_: object) -> RunReport:
        raise error

    pipeline(fails)
    assert main(["transfer", "photo.jpg", "dance.mp4"]) == code
    assert_one_sentence(capsys.readouterr().err)


def test_unexpected_errors_are_one_sentence_and_a_traceback_only_with_debug(inputs, capsys, pipeline) -> None:
    def fails(*_: object) -> RunReport:
        raise ZeroDivisionError("division by zero")

    pipeline(fails)
    assert main(["transfer", "photo.jpg", "dance.mp4"]) == 1
    err = capsys.readouterr().err
    assert_one_sentence(err)
    assert "ZeroDivisionError" in err
    assert "--debug" in err
    for arguments in (["--debug", "transfer", "photo.jpg", "dance.mp4"], ["transfer", "photo.jpg", "dance.mp4", "--debug"]):
        assert main(arguments) == 1
        assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_ctrl_c_is_exit_130(inputs, capsys, pipeline) -> None:
    def interrupted(*_: object) -> RunReport:
        raise KeyboardInterrupt

    pipeline(interrupted)
    assert main(["transfer", "photo.jpg", "dance.mp4"]) == 130
    assert_one_sentence(capsys.readouterr().err.lstrip("\n"))  # the terminal shows ^C before it


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_run_the_cleanup(number: signal.Signals, code: int, inputs: Path) -> None:
    script = inputs / "job.py"
    script.write_text(
        "import sys, time, types, pathlib, motionimit\n"
        "def job(settings, progress=None):\n"
        "    half = pathlib.Path('half'); half.touch()\n"
        "    try:\n"
        "        print('working', flush=True); time.sleep(30)\n"
        "    finally:\n"
        "        half.unlink()\n"
        "motionimit.pipeline = sys.modules['motionimit.pipeline'] = types.SimpleNamespace(transfer=job)\n"
        "from motionimit_cli.main import main\n"
        "sys.exit(main(['transfer', 'photo.jpg', 'dance.mp4']))\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == code, err
    assert_one_sentence(err.lstrip("\n"))
    assert not (inputs / "half").exists()


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


def test_on_a_terminal_each_stage_has_a_bar_with_rate_and_time_left(inputs: Path) -> None:
    script = inputs / "job.py"
    script.write_text(
        "import sys, time, types, motionimit\n"
        "from motionimit.types import RunReport\n"
        "def job(settings, progress):\n"
        "    progress('source', 2, 4)\n"
        "    for i in range(6):\n"
        "        progress('landmarks', 10 * i, 100); time.sleep(0.15)\n"
        "    return RunReport(frames=100, output=settings.output)\n"
        "motionimit.pipeline = sys.modules['motionimit.pipeline'] = types.SimpleNamespace(transfer=job)\n"
        "from motionimit_cli.main import main\n"
        "sys.exit(main(['transfer', 'photo.jpg', 'dance.mp4', *sys.argv[1:]]))\n"
    )
    shown = on_terminal([str(script)], inputs)
    assert re.search(r"landmarks .* 50/100 .*\d\d(\.\d)? frames/s .*0:00:0[1-9]", shown), f"no rate and time left in {shown!r}"
    assert re.search(r"source .* 2/4", shown), shown
    assert "whole run" in shown, "no table at the end"
    assert on_terminal([str(script), "--quiet"], inputs) == ""


def on_terminal(arguments: list[str], cwd: Path) -> str:
    """What a Python script that must succeed shows on a terminal of 120 columns, without colours."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    with subprocess.Popen([sys.executable, *arguments], cwd=cwd, env=environment, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # how Linux says that the other end is closed
                break
            if not part:
                break
            seen += part
    os.close(ours)
    assert process.returncode == 0, seen
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())


def test_native_noise_is_swallowed_unless_debug(inputs: Path) -> None:
    script = inputs / "noisy.py"
    script.write_text(
        "import os, sys, types, motionimit\n"
        "def job(settings, progress=None):\n"
        "    os.write(2, b'W0000 noise from C++\\n'); print('from python', file=sys.stderr); raise SystemExit(0)\n"
        "motionimit.pipeline = sys.modules['motionimit.pipeline'] = types.SimpleNamespace(transfer=job)\n"
        "from motionimit_cli.main import main\n"
        "sys.exit(main(['transfer', 'photo.jpg', 'dance.mp4', *sys.argv[1:]]))\n"
    )
    for extra, noisy in (([], False), (["--debug"], True)):
        result = subprocess.run([sys.executable, str(script), *extra], capture_output=True, text=True, timeout=60, check=False)
        assert ("noise" in result.stderr) is noisy, result.stderr
        assert "from python" in result.stderr
