"""Shared by the end-to-end tests: the command in this process, small inputs, and a memory for work that many runs share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden_material import PHOTO_SIDE_PX, dance_frames, save_photo, save_video, shrunk
from golden_material import ASSETS as ASSETS
from PIL import Image

DRIVER_FRAMES = 9

Command = Callable[..., int]


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`photo.jpg`, `dance.mp4` (9 frames with sound), `first.png` (its first frame), `still.mp4` (one frame, silent)."""
    folder = tmp_path_factory.mktemp("material")
    save_photo(folder / "photo.jpg", shrunk(np.asarray(Image.open(ASSETS / "photo.jpg").convert("RGB")), PHOTO_SIDE_PX))
    frames = dance_frames(DRIVER_FRAMES, every=3)
    save_video(folder / "dance.mp4", frames)
    save_video(folder / "still.mp4", frames[:1], sound=False)
    Image.fromarray(frames[0]).save(folder / "first.png")
    return folder


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The real command line in this process, in an empty current folder; returns the exit code."""
    from motionimit_cli.main import main

    monkeypatch.chdir(tmp_path)
    return lambda *arguments: main([str(a) for a in arguments])


@pytest.fixture(scope="session")
def _memory() -> dict[object, Any]:
    return {}


@pytest.fixture
def remembered(_memory: dict[object, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos prepared and motions recovered once serve all tests that ask for this: they are about what comes after."""
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
        content = hashlib.sha256(reader.info.path.read_bytes()).hexdigest()
        key = (content, reader._first, reader._limit, person)
        if key not in _memory:
            before = len(report.warnings)
            _memory[key] = recover(reader, model, person, clock, tell, report), report.fit, report.warnings[before:]
        else:
            report.fit = _memory[key][1]
            report.warnings.extend(_memory[key][2])
        return _memory[key][0]

    monkeypatch.setattr(pipeline, "prepare_source", prepare_once)
    monkeypatch.setattr(pipeline, "recover_motion", recover_once)


@pytest.fixture(scope="session")
def empty_scene(material: Path, _memory: dict[object, Any]) -> Iterator[np.ndarray]:
    """The driver's scene without its person, [H, W, 3] uint8."""
    import cv2

    with Image.open(material / "first.png") as image:
        rgb = np.asarray(image)
    small = cv2.GaussianBlur(rgb, (0, 0), 25)
    return small
