"""Layers that several parts of the generator share. Features are [B, C, h, w], channels last in memory."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Pointwise(nn.Conv2d):
    """A 1x1 convolution, computed as the matrix product that it is.

    With one CPU thread torch takes a slow path for it that also leaves the memory order of channels last.
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1, bias: bool = True) -> nn.Conv2d:
    """A convolution that keeps the size (or divides it by `stride`)."""
    if kernel == stride == groups == 1:
        return Pointwise(inputs, outputs, 1, bias=bias)
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias)


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each pixel, without affine part (the modulation brings one).

    Not InstanceNorm as in the paper: its statistics run over the whole picture, so a pixel would change with the crop round the
    person and flicker whenever the crop or something else in it moves.
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x.permute(0, 2, 3, 1), (x.shape[1],)).permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = conv(channels, channels), conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(F.relu(x))))


class ModulatedBlock(nn.Module):
    """SPADE inside a residual block: x + conv(relu(norm(x) (1 + γ(a)) + β(a))), a the condition of the same height and width."""

    def __init__(self, channels: int, condition: int, kernel: int = 3) -> None:
        super().__init__()
        hidden = max(16, channels // 2)
        self.norm = ChannelNorm()
        self.hidden = conv(condition, hidden, kernel)
        self.gamma_beta = conv(hidden, 2 * channels, 1)
        self.conv = conv(channels, channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gamma, beta = self.gamma_beta(F.relu(self.hidden(condition))).chunk(2, 1)
        return x + self.conv(F.relu(torch.addcmul(beta, self.norm(x), 1 + gamma)))


class ConvGRU(nn.Module):
    """A convolutional gated recurrent unit: h' = (1 - z) h + z tanh(candidate)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gates = conv(2 * channels, 2 * channels)
        self.candidate = conv(2 * channels, channels)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        reset, update = torch.sigmoid(self.gates(torch.cat([x, hidden], 1))).chunk(2, 1)
        candidate = torch.tanh(self.candidate(torch.cat([x, reset * hidden], 1)))
        return hidden + update * (candidate - hidden)


class GatedFeedForward(nn.Module):
    """Gated depth-wise feed-forward (GDFN, as Restormer's): x + out(gelu(a) b), [a, b] = depthwise(expand(norm(x)))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm()
        self.expand = conv(channels, 2 * channels, 1)
        self.depthwise = conv(2 * channels, 2 * channels, 3, groups=2 * channels)
        self.out = conv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.depthwise(self.expand(self.norm(x))).chunk(2, 1)
        return x + self.out(F.gelu(gate) * value)


def channels_last(x: Tensor) -> Tensor:
    """The same values, channels last in memory: the convolutions' fast path on CPU and GPU."""
    return x.contiguous(memory_format=torch.channels_last)
