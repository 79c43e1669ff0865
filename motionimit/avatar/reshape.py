"""Clothes change their wearer: surfaces in the rest pose follow the bare body from one shape to another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..flow.surface import Surface

NEIGHBOURS = 12
SOFTEN_M = 0.02  # vertices nearer than this to a point of the surface count alike


def carried(surface: Surface, worn_by: Tensor, worn_next: Tensor) -> Surface:
    """The surface moved as the bare body under it moves from the rest mesh `worn_by` to `worn_next`, both [V, 3] metres.

    A point takes the mean displacement of its nearest body vertices with weights 1 / (d² + s²); skinning weights stay.
    """
    start, shift = worn_by.cpu().numpy(), (worn_next - worn_by).cpu().numpy()
    if not np.any(shift):
        return surface
    distance, index = cKDTree(start).query(surface.rest_m.cpu().numpy(), k=NEIGHBOURS)
    weight = 1 / (distance**2 + SOFTEN_M**2)
    moved = (shift[index] * (weight / weight.sum(1, keepdims=True))[..., None]).sum(1)
    return replace(surface, rest_m=surface.rest_m + torch.from_numpy(moved).to(surface.rest_m))
