"""A sheet of what the generator makes of one batch, beside what it got and what it should have made."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..compositing.label import grid, label
from ..generator.inputs import Batch
from .checkpoint import write_whole
from .losses import composite, true_composite

CELL_HEIGHT_PX = 256
MOST_ROWS = 6
COLUMNS = ("photo", "geometric", "generator", "truth", "gate", "hidden")


def write_preview(path: Path, batch: Batch, outs: tuple[Any, ...]) -> None:
    """PNG with a row per example of the last frame: first photo, geometric result, generator, truth, gate, hidden pixels."""
    target, truth, out = batch.targets[-1], batch.truths[-1], outs[-1]
    photo = batch.source.rgb[:, 0] + 0.5 * (1 - batch.source.alpha[:, 0])
    photo = photo.repeat_interleave(len(target.rgba) // len(photo), 0)  # several sequences may share the photos
    geometric = composite(target.rgba[:, :3], target.rgba[:, 3:], truth.backdrop)
    made = composite(out.rgb.float(), out.alpha.float(), truth.backdrop)
    columns = (photo, geometric, made, true_composite(truth), out.gate.float(), truth.hidden)
    write_columns(path, {name: maps[:MOST_ROWS] for name, maps in zip(COLUMNS, columns, strict=True)})


def write_columns(path: Path, columns: dict[str, Tensor]) -> None:
    """PNG of named columns of pictures [N, 1 or 3, H, W] in 0..1. Raises `BadInput` where it can't be written."""
    count = min(len(maps) for maps in columns.values())
    rows = [[_picture(maps[i]) for maps in columns.values()] for i in range(count)]
    rows[0] = [label(cell, name) for cell, name in zip(rows[0], columns, strict=True)]
    buffer = io.BytesIO()
    Image.fromarray(grid(rows, CELL_HEIGHT_PX)).save(buffer, "PNG")
    write_whole(path, buffer.getbuffer())


def _picture(maps: Tensor) -> np.ndarray:
    pixels = (maps.detach().clamp(0, 1) * 255).round().to(torch.uint8).expand(3, -1, -1)
    return np.ascontiguousarray(pixels.permute(1, 2, 0).cpu().numpy())
