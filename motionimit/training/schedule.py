"""Laws over the steps: learning rate and averaged weights. Functions of the step alone, so that a resumed run repeats them."""

from __future__ import annotations

import math

import torch
from torch import nn


def learning_rate_share(step: int, steps: int, warmup_steps: int, warm_from: int = 0, floor: float = 0.05) -> float:
    """Share of the full rate for the update from `step` to `step + 1`.

    Cosine from 1 at step 0 to `floor` at `steps`, times a linear ramp over the `warmup_steps` after `warm_from`, where the
    optimiser began without memory.
    """
    done = min(step / steps, 1.0)
    cosine = floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))
    return cosine * min(1.0, (step - warm_from + 1) / max(warmup_steps, 1))


def ema_decay(updates: int, decay: float) -> float:
    """min(decay, (1 + n) / (10 + n)): early averages forget the start quickly."""
    return min(decay, (1 + updates) / (10 + updates))


@torch.no_grad()
def update_ema(average: nn.Module, model: nn.Module, updates: int, decay: float) -> None:
    """average ← d·average + (1 - d)·model for parameters, with d = `ema_decay(updates, decay)`; buffers are copied."""
    share = 1 - ema_decay(updates, decay)
    for kept, parameter in zip(average.parameters(), model.parameters(), strict=True):
        kept.lerp_(parameter, share)
    for kept_buffer, buffer in zip(average.buffers(), model.buffers(), strict=True):
        kept_buffer.copy_(buffer)
