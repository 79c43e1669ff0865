"""Shared by the end-to-end tests: the real command line, small inputs cut from the samples, what a failure must look like."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from golden_material import SIZE_PX, dance_frames, listing, sample_photo, save_photo, save_video, scene_without_person

DRIVER_FRAMES = 9

Command = Callable[..., int]
Failure = Callable[..., str]


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`photo.jpg`, `dance.mp4` (9 frames with sound), `first.png` (its first frame)."""
    folder = tmp_path_factory.mktemp("material")
    save_photo(folder / "photo.jpg", sample_photo())
    frames = dance_frames(DRIVER_FRAMES, every=3)
    save_video(folder / "dance.mp4", frames)
    Image.fromarray(frames[0]).save(folder / "first.png")
    return folder


@pytest.fixture(scope="session")
def golden(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a plain run in a process of its own, as a user starts it: `out.mp4` and `report.json`."""
    folder = tmp_path_factory.mktemp("golden")
    arguments = ["transfer", material / "photo.jpg", material / "dance.mp4", "-o", "out.mp4", "--size", SIZE_PX]
    command = [sys.executable, "-m", "motionimit_cli.main", *map(str, arguments), "--report", "report.json", "--quiet"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", ""), "a quiet run says nothing, nor do its libraries"
    return folder


@pytest.fixture(scope="session")
def empty_scene() -> np.ndarray:
    """The driver's scene without its person [H, W, 3] uint8."""
    return scene_without_person(dance_frames(1)[0])


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line in this process, with real functions behind it, in an empty current folder; returns the exit code."""
    from motionimit_cli.main import main

    monkeypatch.chdir(tmp_path)
    return lambda *arguments: main([str(a) for a in arguments])


@pytest.fixture
def fails(command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Failure:
    """Run a command that must end with exit code 3, one sentence, and the current folder as it was; returns the sentence."""

    def run(*arguments: object) -> str:
        before = listing(tmp_path)
        code = command(*arguments, "--quiet")
        out, sentence = capsys.readouterr()
        assert code == 3, f"exit code {code}: {sentence}"
        assert out == ""
        assert sentence.startswith("motionimit: "), sentence
        assert sentence.count("\n") == 1, f"not one line: {sentence}"
        assert sentence.endswith(".\n"), f"no full sentence: {sentence}"
        assert "Traceback" not in sentence
        assert "unexpected" not in sentence, sentence
        assert listing(tmp_path) == before, "the run left something behind or touched a file"
        return sentence.strip()

    return run
