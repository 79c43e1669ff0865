"""Puts the scripted estimator beside the tests on the path, and opens MediaPipe once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from motionimit.pose.detector import MediaPipeDetector


@pytest.fixture(scope="session")
def mediapipe_detector() -> Iterator[MediaPipeDetector]:
    detector = MediaPipeDetector()
    yield detector
    detector.close()


@pytest.fixture(scope="session")
def real_material() -> Path:
    """The folder of real clips and photos, named by MOTIONIMIT_TEST_DATA; tests that want it skip where there is none."""
    folder = Path(os.environ.get("MOTIONIMIT_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (folder / "clips").is_dir():
        pytest.skip("no real clips here (set MOTIONIMIT_TEST_DATA to a folder with clips/ and photos/)")
    return folder
