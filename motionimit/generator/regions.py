"""RSA-GAN's first and third module: regional semantic fusion, and gated depth-wise cross-attention style integration.

Ji Liu, Zhenyu Weng, Yuesheng Zhu, "RSA-GAN" (CAAI Transactions on Intelligence Technology, doi 10.1049/cit2.12255). Known from
the abstract: a *regional pose-guided semantic fusion* repairs the imprecise match of parsing map and pose, region by region; a
*gated depth-wise-convolution cross-attention style integration* distributes style to the target pose. Inferred by us, since
neither text nor code is at hand: every layer below, the pose as the groups of the posed body, the region styles as masked means,
the learned default of a region that no photo shows, and reading the attention as a parsing of the target (as CASD does).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import ChannelNorm, GatedFeedForward, conv
from .inputs import GROUPS

COLOUR = 4  # premultiplied rgb and alpha that travel with a style
PER_REGION = 4  # channels of each region's feature
LEAST_SHARE = 1e-3  # of a region's area: how a photo that doesn't show it counts


def soft_groups(labels: Tensor) -> Tensor:
    """Group labels [M, H, W] (-1 = none) → their shares [M, GROUPS, H/4, W/4], from every second row and column."""
    groups = torch.arange(GROUPS, device=labels.device).view(1, -1, 1, 1)
    return F.avg_pool2d((labels[:, None, ::2, ::2] == groups).float(), 2)


class SemanticFusion(nn.Module):
    """Parsing and pose of each region by themselves: feature · sigmoid(gate), both from grouped convolutions; then summed up.

    The 5x5 windows at 1/4 reach 10 px: as far as a fitted body usually misses the limb of the parsing map. Photos and target
    share the weights, so that a region means the same in both.
    """

    def __init__(self, channels: int, groups: int = GROUPS) -> None:
        super().__init__()
        self.groups = groups
        self.regional = conv(2 * groups, 2 * PER_REGION * groups, 5, groups=groups)
        self.merge = conv(PER_REGION * groups, channels, 1)

    def forward(self, parsing: Tensor, pose: Tensor) -> Tensor:
        """parsing, pose [M, G, h, w] shares at 1/4 → pose-guided semantics [M, C, h, w]."""
        pairs = torch.stack([parsing, pose], 2).flatten(1, 2)
        feature, gate = self.regional(pairs).unflatten(1, (self.groups, 2, PER_REGION)).unbind(2)
        return self.merge((F.relu(feature) * torch.sigmoid(gate)).flatten(1, 2))


class StyleIntegration(nn.Module):
    """Gated cross-attention: each target pixel asks the styles of the regions of all photos which of them it wears."""

    def __init__(self, channels: int, groups: int = GROUPS) -> None:
        super().__init__()
        self.groups = groups
        self.norm = ChannelNorm()
        self.expand = conv(channels, 2 * channels, 1)
        self.depthwise = conv(2 * channels, 2 * channels, 3, groups=2 * channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.default = nn.Parameter(0.1 * torch.randn(groups, channels))  # stands in where a photo doesn't show the region
        self.name = nn.Parameter(torch.randn(groups, channels))  # keys tell regions apart from the first step on
        self.null = nn.Parameter(torch.zeros(2, channels))  # key and value of "none of them"
        self.out = conv(channels, channels, 1)
        self.feed_forward = GatedFeedForward(channels)

    def prepare(self, features: Tensor, rgba: Tensor, parsing: Tensor, photos: int) -> tuple[Tensor, Tensor]:
        """features [B·N, C, h, w], premultiplied rgba [B·N, 4, h, w] and parsing [B·N, G, h, w], all at 1/8 → region styles
        [B, N·G, 2 C + 4]: key, value, mean colour; and the log of each photo's share of its region [B, N·G] (over the
        photos of one region the shares add up to 1)."""
        area = parsing.sum((2, 3))
        means = torch.einsum("mghw,mchw->mgc", parsing, torch.cat([features, rgba], 1)) / (area[..., None] + 1)
        style, colour = means[..., :-COLOUR], means[..., -COLOUR:]
        shown = (area / (area + 1)).unflatten(0, (-1, photos))
        style = style + (1 - shown).flatten(0, 1)[..., None] * self.default
        key, value = self.key_value(style).chunk(2, -1)
        styles = torch.cat([key + self.name, value, colour], -1).unflatten(0, (-1, photos)).flatten(1, 2)
        share = (shown + LEAST_SHARE) / (shown + LEAST_SHARE).sum(1, keepdim=True)
        return styles, share.log().flatten(1, 2)

    def attend(self, query: Tensor, styles: Tensor, log_share: Tensor) -> tuple[Tensor, Tensor]:
        """query [B, P, C] → (mixed style and colour [B, P, C + 4], attention [B, P, N·G + 1], the last entry for "none")."""
        channels = query.shape[-1]
        null = F.pad(self.null.flatten(), (0, COLOUR)).expand(len(styles), 1, -1)
        key, value = torch.cat([styles, null], 1).split([channels, channels + COLOUR], -1)
        key, value = key.expand(len(query), -1, -1), value.expand(len(query), -1, -1)
        bias = F.pad(log_share, (0, 1))[:, None]
        attention = torch.softmax(torch.baddbmm(bias, query, key.transpose(1, 2), alpha=1 / math.sqrt(channels)), -1)
        return attention @ value, attention

    def forward(self, x: Tensor, styles: Tensor, log_share: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x [B, C, h, w] → (x with its style, premultiplied rgba of the styles [B, 4, h, w], log-probabilities of the regions
        [B, G, h, w])."""
        query, gate = self.depthwise(self.expand(self.norm(x))).chunk(2, 1)
        mixed, attention = self.attend(query.flatten(2).transpose(1, 2), styles, log_share)
        mixed, colour = mixed.transpose(1, 2).unflatten(2, x.shape[2:]).split([x.shape[1], COLOUR], 1)
        regions = attention[..., :-1].unflatten(-1, (-1, self.groups)).sum(-2).transpose(1, 2).unflatten(2, x.shape[2:])
        return self.feed_forward(x + self.out(mixed) * torch.sigmoid(gate)), colour, torch.log(regions + 1e-6)
