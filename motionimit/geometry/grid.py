"""Sampling grids in one corner convention, and the only `grid_sample` in the tree.

Normalised coordinates run from -1 (left or upper edge of the image) to +1 (right or lower edge), `align_corners=False`: the
centre of pixel (0, 0) lies at -1 + 1/W, -1 + 1/H. Pixel coordinates have their centres at +0.5.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def identity_grid(height: int, width: int, device: torch.device | str = "cpu") -> Tensor:
    """[H, W, 2] grid (x, y) that samples every pixel at its own centre."""
    y = (torch.arange(height, device=device) + 0.5) * (2 / height) - 1
    x = (torch.arange(width, device=device) + 0.5) * (2 / width) - 1
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)


def grid_from_pixels(xy_px: Tensor, width: int, height: int) -> Tensor:
    """[.., 2] pixels (centres at +0.5) → normalised grid."""
    return xy_px * xy_px.new_tensor([2 / width, 2 / height]) - 1


def pixels_from_grid(grid: Tensor, width: int, height: int) -> Tensor:
    """[.., 2] normalised grid → pixels (centres at +0.5)."""
    return (grid + 1) * grid.new_tensor([width / 2, height / 2])


def sample(image: Tensor, grid: Tensor, valid: Tensor | None = None) -> Tensor:
    """Bilinear sampling of image [N, C, h, w] at grid [N, H, W, 2] → [N, C, H, W]; borders are held.

    Grids carry no NaN or sentinel: pixels without correspondence are named by `valid` [N, 1, H, W] and come out as 0.
    """
    out = F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return out if valid is None else out * valid
