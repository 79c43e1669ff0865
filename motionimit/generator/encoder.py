"""The contracting path that photos and target have alike, and the identity encoder of the photos (G_SID in the paper)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import ResidualBlock, channels_last, conv

ERASED_SHARE = 0.06  # of the 16 px cells, while the auto-encoder learns to fill them in
NOISE = 0.03  # standard deviation of what is added to colours meanwhile


class Contraction(nn.Module):
    """Maps at full and half size → features at 1/2, 1/4, 1/8. Full size enters as 2x2 pixels stacked, so no detail is lost."""

    def __init__(self, full: int, half: int, channels: tuple[int, int, int]) -> None:
        super().__init__()
        self.stem = conv(4 * full + half, channels[0])
        self.down1 = conv(channels[0], channels[1], stride=2)
        self.down2 = conv(channels[1], channels[2], stride=2)

    def forward(self, full: Tensor, half: Tensor, semantics: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """full [M, F, H, W], half [M, A, H/2, W/2], semantics [M, C, H/4, W/4] or None."""
        first = F.relu(self.stem(channels_last(torch.cat([F.pixel_unshuffle(full, 2), half], 1))))
        second = self.down1(first)
        second = F.relu(second if semantics is None else second + semantics)
        return first, second, F.relu(self.down2(second))


class Expansion(nn.Module):
    """One step up: x + upsampled(1x1 conv(lower))."""

    def __init__(self, lower: int, channels: int) -> None:
        super().__init__()
        self.narrow = conv(lower, channels, 1)

    def forward(self, lower: Tensor, skip: Tensor) -> Tensor:
        return skip + F.interpolate(self.narrow(lower), scale_factor=2.0, mode="nearest")


class IdentityEncoder(nn.Module):
    """A denoising convolutional auto-encoder of each photo; what its decoder knows at each scale is what gets warped.

    Pixels of the photo are its colour, alpha, and the place on the body they show. `head` only serves the auto-encoder's loss.
    """

    def __init__(self, channels: tuple[int, int, int], residual_blocks: int) -> None:
        super().__init__()
        self.contract = Contraction(4, 4, channels)
        self.residual = nn.Sequential(*(ResidualBlock(channels[2]) for _ in range(residual_blocks)))
        self.up2, self.up1 = Expansion(channels[2], channels[1]), Expansion(channels[1], channels[0])
        self.mix2, self.mix1 = conv(channels[1], channels[1]), conv(channels[0], channels[0])
        self.head = conv(channels[0], 16)

    def forward(self, rgba: Tensor, place: Tensor, semantics: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """rgba [M, 4, h, w] premultiplied, place [M, 4, h/2, w/2] → features at 1/2, 1/4, 1/8."""
        first, second, third = self.contract(rgba, place, semantics)
        third = self.residual(third)
        second = F.relu(self.mix2(self.up2(third, second)))
        return F.relu(self.mix1(self.up1(second, first))), second, third

    def reconstruct(self, first: Tensor) -> Tensor:
        """Features at 1/2 → premultiplied rgb and alpha [M, 4, h, w]."""
        return F.pixel_shuffle(self.head(first), 2)


def corrupted(rgba: Tensor) -> Tensor:
    """Photos [M, 4, h, w] with cells of 16 px erased and noise on the colours, drawn from torch's generator."""
    m, _, height, width = rgba.shape
    kept = (torch.rand(m, 1, height // 16, width // 16, device=rgba.device) >= ERASED_SHARE).to(rgba.dtype)
    noisy = rgba + NOISE * torch.randn_like(rgba) * (rgba[:, 3:] > 0) * rgba.new_tensor([1, 1, 1, 0]).view(1, 4, 1, 1)
    return noisy * F.interpolate(kept, scale_factor=16.0, mode="nearest")
