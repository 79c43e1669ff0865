"""The terms that the generator is trained on. Pure functions of one frame's result and truth; means over pixels."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..generator.inputs import SourceMaps, TargetMaps, Truth
from .discriminator import HEAD_GROUPS
from .settings import LossWeights, Weights

HANDS_GROUP = 6
_ROUND_PX = 4  # hair and fingers reach beyond the bare body


def composite(rgb: Tensor, alpha: Tensor, backdrop: Tensor) -> Tensor:
    """Straight colour over a backdrop: rgb·alpha + backdrop·(1 - alpha)."""
    return rgb * alpha + backdrop * (1 - alpha)


def true_composite(truth: Truth) -> Tensor:
    """The truth over its backdrop; its colour is premultiplied already."""
    return truth.rgb + truth.backdrop * (1 - truth.alpha)


def pixel_weights(truth: Truth, weights: LossWeights) -> Tensor:
    """[B, 1, H, W]: 1, times `head`, `hands` and `hidden` where these are."""
    head = torch.zeros_like(truth.body, dtype=torch.bool)
    for group in HEAD_GROUPS:
        head |= truth.body == group
    masks = torch.stack([head, truth.body == HANDS_GROUP], 1).to(truth.alpha.dtype)
    width = 2 * _ROUND_PX + 1
    masks = F.max_pool2d(F.max_pool2d(masks, (width, 1), 1, (_ROUND_PX, 0)), (1, width), 1, (0, _ROUND_PX))
    w = torch.where(masks[:, :1] > 0, weights.head, 1.0)
    w = torch.maximum(w, torch.where(masks[:, 1:] > 0, weights.hands, 1.0))
    return w * (1 + (weights.hidden - 1) * truth.hidden)


def weighted_l1(a: Tensor, b: Tensor, weights: Tensor) -> Tensor:
    """Σ w·mean_c|a - b| / Σ w over [B, C, H, W] and w [B, 1, H, W]."""
    return ((a - b).abs().mean(1, keepdim=True) * weights).sum() / weights.sum().clamp(min=1e-6)


def variation(maps: Tensor) -> Tensor:
    """Total variation: mean absolute difference of neighbours, both directions."""
    across = (maps[..., 1:] - maps[..., :-1]).abs().mean()
    return across + (maps[..., 1:, :] - maps[..., :-1, :]).abs().mean()


def alpha_error(alpha: Tensor, truth: Tensor) -> Tensor:
    """L1 of the matte plus L1 of its gradient."""
    return (alpha - truth).abs().mean() + variation(alpha - truth)


def open_where_confident(gate: Tensor, target: TargetMaps) -> Tensor:
    """Mean of gate · confidence · geometric alpha: what the photo showed well should pass through."""
    return (gate * target.confidence * target.rgba[:, 3:]).mean()


def temporal_error(result: tuple[Tensor, Tensor], truth: tuple[Tensor, Tensor], weights: Tensor) -> Tensor:
    """L1 between the changes from the first to the second frame: flicker and missing motion alike."""
    return weighted_l1(result[1] - result[0], truth[1] - truth[0], weights)


def region_error(logits: Tensor, body: Tensor) -> Tensor:
    """Cross-entropy of region attention [B, G, H/s, W/s] against the true body [B, H, W] at cell centres; -1 is ignored."""
    stride = body.shape[-1] // logits.shape[-1]
    wanted = body[:, stride // 2 :: stride, stride // 2 :: stride]
    total = F.cross_entropy(logits.float(), wanted, ignore_index=-1, reduction="sum")
    return total / (wanted >= 0).sum().clamp(min=1)


def reconstruction_error(reconstruction: Tensor, source: SourceMaps) -> Tensor:
    """L1 of the photos' auto-encoder [B, N, 3 or 4, h', w'] (premultiplied colour, alpha), at its own size."""
    truth = torch.cat([source.rgb, source.alpha], 2)[:, :, : reconstruction.shape[2]].flatten(0, 1)
    made = reconstruction.float().flatten(0, 1)
    if made.shape[-2:] != truth.shape[-2:]:
        truth = F.adaptive_avg_pool2d(truth, (made.shape[-2], made.shape[-1]))
    return (made - truth).abs().mean()


def frame_terms(
    out: Any, target: TargetMaps, truth: Truth, pixels: tuple[Tensor, Tensor, Tensor], weights: LossWeights
) -> dict[str, Tensor]:
    """Terms of one frame that need nothing but itself; `out` is the `Synthesis`, `pixels` its composite, the true one, and the
    pixels' weights."""
    gate = out.gate.float()
    terms = {
        "pixel": weighted_l1(*pixels),
        "alpha": alpha_error(out.alpha.float(), truth.alpha),
        "gate_variation": variation(gate),
        "gate_open": open_where_confident(gate, target),
    }
    if out.regions is not None and weights.regions:
        terms["regions"] = region_error(out.regions, truth.body)
    return terms


def weighted_sum(terms: dict[str, Tensor], weights: Weights) -> Tensor:
    """Σ weight · term; a term's name is its weight's."""
    return torch.stack([getattr(weights, name) * value for name, value in terms.items()]).sum()
