"""Runs without networks: a finder that sees a bright person, items with made-up scores, settings for a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from motionimit.config.evaluate import MethodSpec, StillsEvaluation
from motionimit.evaluation.people import Seen
from motionimit.evaluation.results import Item, Outcome
from motionimit.evaluation.runs import RunFolder

METHODS = ("copy", "warp", "mine")
SIZE_PX = (256, 192)  # (width, height)


def item(name: str, **ssim: float | str) -> Item:
    """An item whose methods have these SSIM (and LPIPS = 1 - SSIM); a text is a failure."""
    outcomes = {}
    for method, value in ssim.items():
        if isinstance(value, str):
            outcomes[method] = Outcome(failure=value)
        else:
            outcomes[method] = Outcome(
                {"ssim": value, "lpips": 1 - value}, {"generate": 0.02, "prepare": 1.0}, f"pictures/{name}.jpg"
            )
    return Item(name, outcomes, {"source": f"pictures/{name}.source.jpg"})


def settings_for(folder: Path, **changes: Any) -> StillsEvaluation:
    given = {"output": folder, "data": Path("pairs"), "methods": tuple(MethodSpec(m) for m in METHODS)}
    return StillsEvaluation(**(given | changes))


def started(folder: Path, **changes: Any) -> RunFolder:
    """A run's folder, opened."""
    settings = settings_for(folder, **changes)
    facts = [{"name": str(m), "kind": str(m)} for m in settings.methods]
    return RunFolder(settings, "stills", facts, {"kind": "pairs", "items": 3})


def bright_person(rgb: np.ndarray) -> Seen | None:
    """A finder: pixels brighter than half are the person; landmarks stand in a column along their middle."""
    mask = rgb.mean(-1) > 127
    if mask.sum() < 50:
        return None
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    y = np.linspace(rows[0], rows[-1], 33)
    x = np.full(33, (columns[0] + columns[-1]) / 2)
    return Seen(np.stack([x, y], -1).astype(np.float32), np.ones(33, np.float32), mask)


@pytest.fixture
def bright_finder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts `bright_person` in the place of the detector."""

    class Finder:
        def __call__(self, rgb: np.ndarray) -> Seen | None:
            return bright_person(rgb)

        def close(self) -> None:
            pass

    monkeypatch.setattr("motionimit.evaluation.instruments.PersonFinder", Finder)


def picture(x_px: int, size_px: tuple[int, int] = SIZE_PX, person: bool = True) -> np.ndarray:
    """A bright figure at a column, before a dark, textured wall."""
    width, height = size_px
    wall = np.random.default_rng(0).integers(20, 90, (height, width, 3))
    out = wall.astype(np.uint8)
    if person:
        out[height // 8 : height * 7 // 8, x_px : x_px + width // 6] = (230, 200, 180)
        out[height // 8 : height // 4, x_px : x_px + width // 6] = (250, 150, 140)
    return out


def save_pair(folder: Path, name: str, first: np.ndarray, second: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    for number, rgb in enumerate((first, second)):
        Image.fromarray(rgb).save(folder / f"{name}_{number}.png")


def shifting(pixels: Callable[[str], int]) -> Callable[..., np.ndarray]:
    """A stand-in for drawing: the true picture, shifted by what `pixels` says for the method's name."""

    def draw(method: Any, scene: Any, run: Any) -> np.ndarray:
        shift = pixels(method.name)
        return np.roll(scene.truth, shift, axis=1)

    return draw
