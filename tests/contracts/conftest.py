"""A folder to run commands in, and a stand-in for the pipeline behind them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import motionimit
from motionimit.types import RunReport


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
        fake.transfer = fake.fit = fake.personalize = fake.view = fake.avatar = fake.swap = fake.pose = job  # type: ignore[attr-defined]
        for name in ("pipeline", "jobs"):
            monkeypatch.setitem(sys.modules, f"motionimit.{name}", fake)
            monkeypatch.setattr(motionimit, name, fake, raising=False)

    return install
