"""From the network's raw output to colour and alpha: what the geometric core is sure of passes through at full resolution."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

RAW = 5  # residual rgb, blend gate, residual alpha
CELL_PX, FAR_CELLS = 8, 9
UNSURE, SURE = 3.0, -3.0  # the gate's logit at the start, at confidence 0 and 1
RIM_PX = 9  # window over which the gate closes towards the silhouette, and over which sureness holds the matte


def within_unit(x: Tensor) -> Tensor:
    """Clamp to 0..1 whose gradient passes straight through, so that nothing sticks once it has left the range."""
    return x + (x.clamp(0, 1) - x).detach()


def surroundings(premultiplied: Tensor, alpha: Tensor) -> Tensor:
    """[B, 3, H, W] the person's colours averaged over nearby cells, for where nothing is drawn; 0 far away.

    premultiplied [B, 3, H, W], alpha [B, 1, H, W].
    """
    sums = F.avg_pool2d(torch.cat([premultiplied, alpha], 1), CELL_PX)
    sums = sums + 0.05 * F.avg_pool2d(sums, 3, 1, 1) + 1e-3 * F.avg_pool2d(sums, FAR_CELLS, 1, FAR_CELLS // 2)
    smooth = F.interpolate(sums, scale_factor=float(CELL_PX), mode="bilinear", align_corners=False)
    return smooth[:, :3] / smooth[:, 3:].clamp_min(1e-6)


@dataclass(frozen=True, slots=True)
class Canvas:
    """What the network paints on."""

    base: Tensor  # [B, 3, H, W] straight colour of the geometric result, and a smooth fill outside its alpha
    alpha: Tensor  # [B, 1, H, W]
    confidence: Tensor  # [B, 1, H, W]

    @classmethod
    def of(cls, rgba: Tensor, confidence: Tensor) -> Canvas:
        """From the geometric result (straight alpha)."""
        straight, alpha = rgba[:, :3], rgba[:, 3:]
        fill = surroundings(straight * alpha, alpha)
        return cls(torch.lerp(fill, straight, (alpha * 255).clamp_max(1)), alpha, confidence)

    def missing(self, colours: Tensor) -> Tensor:
        """What styles' premultiplied colours [B, 4·K, H/8, W/8] would change of the base, at 1/2: [B, 3·K, H/2, W/2].

        Colour that photos show elsewhere thus has a short way to the head; without it, the network would first have to learn to
        carry colour through all its layers.
        """
        half = F.avg_pool2d(self.base, 2)
        near = F.interpolate(colours, scale_factor=4.0, mode="bilinear", align_corners=False).split(4, 1)
        return torch.cat([c[:, :3] - c[:, 3:] * half for c in near], 1)

    def painted(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """raw [B, 5, H, W] → (rgb [B, 3, H, W], alpha [B, 1, H, W], gate [B, 1, H, W]).

        rgb = base + gate · residual, gate = away³ · (1 - confidence) · sigmoid(g + UNSURE + (SURE - UNSURE) confidence), alpha =
        alpha + free · min(tanh(a), 0), all clamped to 0..1. With raw = 0 this is the geometric result. The gate closes along the
        silhouette (`away` falls to 0 there) and where a photo showed the surface, alpha only falls, stays as drawn next to what a
        photo showed (`free` is 0 there), and nothing is moved: outlines of synthetic people are wrong in other ways than real
        ones, and what was learned there put halos round these, ate hair and hems and softened cloth.
        """
        mean = F.avg_pool2d(F.avg_pool2d(self.alpha, (RIM_PX, 1), 1, (RIM_PX // 2, 0)), (1, RIM_PX), 1, (0, RIM_PX // 2))
        opened = torch.sigmoid(raw[:, 3:4] + UNSURE + (SURE - UNSURE) * self.confidence)
        gate = (2 * mean - 1).abs() ** 3 * (1 - self.confidence) * opened
        free = 1 - F.max_pool2d(self.confidence * self.alpha, RIM_PX, 1, RIM_PX // 2)
        fall = 1 - within_unit(1 + torch.tanh(raw[:, 4:]))
        return within_unit(self.base + gate * raw[:, :3]), within_unit(self.alpha - free * fall), gate
