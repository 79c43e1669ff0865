"""The command line as a process of its own: signals, a terminal, what libraries print."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cli_runs import assert_one_sentence


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
