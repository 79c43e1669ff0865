"""Shared by the end-to-end tests: the command in this process, small inputs, and a memory for work that many runs share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden_material import dance_frames, sample_photo, save_photo, save_video
from PIL import Image

DRIVER_FRAMES = 9
SIZE_PX = 256  # of results, unless a test says otherwise

Command = Callable[..., int]


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`photo.jpg`, `dance.mp4` (9 frames with sound), `first.png` (its first frame)."""
    folder = tmp_path_factory.mktemp("material")
    save_photo(folder / "photo.jpg", sample_photo())
    frames = dance_frames(DRIVER_FRAMES, every=3)
    save_video(folder / "dance.mp4", frames)
    Image.fromarray(frames[0]).save(folder / "first.png")
    return folder


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The real command line in this process, in an empty current folder; returns the exit code."""
    from motionimit_cli.main import main

    monkeypatch.chdir(tmp_path)
    return lambda *arguments: main([str(a) for a in arguments])


@pytest.fixture
def transfer(command: Command, material: Path, remembered: None) -> Command:
    """`motionimit transfer` of the sample photo and driver with further arguments."""
    return lambda *arguments: command("transfer", material / "photo.jpg", material / "dance.mp4", "--size", SIZE_PX, *arguments)


@pytest.fixture(scope="session")
def _memory() -> dict[object, Any]:
    return {}


@pytest.fixture
def remembered(_memory: dict[object, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos prepared and motions recovered once serve all tests that ask: those are about what comes before and after."""
    from motionimit import pipeline

    prepare, recover = pipeline.prepare_source, pipeline.recover_motion

    def prepare_once(photo, model, size_px, clock, tell, report):
        key = (photo.sha256, size_px)
        if key not in _memory:
            before = len(report.warnings)
            _memory[key] = prepare(photo, model, size_px, clock, tell, report), report.warnings[before:]
        else:
            report.warnings.extend(_memory[key][1])
        return _memory[key][0]

    def recover_once(reader, model, person, clock, tell, report):
        path = reader.info.path
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else str(path)
        key = (content, reader.frames, reader._first, person)
        if key not in _memory:
            before = len(report.warnings)
            _memory[key] = recover(reader, model, person, clock, tell, report), report.fit, report.warnings[before:]
        else:
            report.fit = _memory[key][1]
            report.warnings.extend(_memory[key][2])
        return _memory[key][0]

    monkeypatch.setattr(pipeline, "prepare_source", prepare_once)
    monkeypatch.setattr(pipeline, "recover_motion", recover_once)


@pytest.fixture
def empty_scene(material: Path, remembered: None) -> np.ndarray:
    """The driver's scene without its person [H, W, 3] uint8."""
    from motionimit import pipeline
    from motionimit.body.model import load_body
    from motionimit.media.image import read_photo
    from motionimit.runtime import StageClock
    from motionimit.types import RunReport

    photo = read_photo(material / "first.png")
    size = (photo.rgb.shape[1], photo.rgb.shape[0])
    avatar = pipeline.prepare_source(photo, load_body(None), size, StageClock(), lambda *_: None, RunReport())
    return (avatar.background.numpy() * 255 + 0.5).astype(np.uint8)
