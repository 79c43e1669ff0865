"""A sheet of what a network for stills makes of one batch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..generator.still_inputs import PARSING, StillBatch, StillResult
from ..generator.still_maps import pose_mask
from .preview import MOST_ROWS, write_columns


def write_still_preview(path: Path, batch: StillBatch, out: StillResult) -> None:
    """PNG with a row per example: photo, its parsing map, wanted pose, result, truth; between them the first stage or the pixels
    that the correspondence fetches, where there are such. Raises `BadInput` where it can't be written."""
    source = batch.source
    height, width = batch.rgb.shape[-2:]
    limbs = pose_mask(source.wanted, (width, height), 0.01).expand(-1, 3, -1, -1)
    columns = {"photo": source.rgb, "parsing": _colours(source.parsing), "pose": limbs}
    more = {"stage I": out.coarse, "fetched": out.warped}
    columns |= {name: maps.float() for name, maps in more.items() if maps is not None}
    columns |= {"result": out.rgb.float(), "truth": batch.rgb}
    write_columns(path, {name: maps[:MOST_ROWS] for name, maps in columns.items()})


def _colours(parsing: Tensor) -> Tensor:
    """A colour per label, [B, H, W] → [B, 3, H, W]."""
    hue = torch.arange(len(PARSING), device=parsing.device) / len(PARSING) * 2 * torch.pi
    table = torch.stack([0.5 + 0.45 * torch.cos(hue + shift) for shift in (0.0, 2.1, 4.2)], 1)
    table[0] = 0
    return table[parsing.clamp_min(0)].permute(0, 3, 1, 2)
