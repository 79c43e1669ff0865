"""Pictures of a report: JPEG, so that a run of thousands of pairs stays small."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..compositing.label import fit_height
from ..media.paths import whole_file

HEIGHT_PX = 320  # at most
QUALITY = 90


def write_preview(folder: Path, name: str, rgb: np.ndarray, height_px: int = HEIGHT_PX) -> str:
    """Write [H, W, 3] uint8, reduced to at most `height_px`, as `folder`/`name`.jpg; returns the path from the run's folder."""
    small = fit_height(rgb, min(height_px, rgb.shape[0]))
    path = folder / f"{name}.jpg"
    with whole_file(path) as half:
        Image.fromarray(np.ascontiguousarray(small)).save(half, "JPEG", quality=QUALITY)
    return f"{folder.name}/{path.name}"


def strip(frames: Sequence[np.ndarray], height_px: int = HEIGHT_PX // 2) -> np.ndarray:
    """Frames beside each other, at one height."""
    return np.concatenate([fit_height(f, height_px) for f in frames], axis=1)
