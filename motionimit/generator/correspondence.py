"""RSA-GAN's second module: style injection along the correspondence of poses.

Known from the abstract: the correspondence between source pose and target pose is learned, and aligns the source's style with
the target's pose. Inferred by us: features of the pose from the posed body's surface, a softmax over cosines (as CoCosNet), and
the warped style as SPADE's condition. It is what tells a surface that no photo saw how its garment looks: the back of a jumper
finds its front, a hidden sleeve the other one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import ModulatedBlock, conv

COLOUR = 4  # premultiplied rgb and alpha that travel with a style
POSE_CHANNELS = 64
WAVES = (2.0, 8.0)  # rad per metre × π of the sines that make places 7 cm (one token) apart distinguishable
SURFACE_FEATURES = 4 + 1 + 6 * len(WAVES)  # of a token of the posed surface


@dataclass(frozen=True, slots=True)
class Pose:
    """What the tokens of a picture show of the posed body."""

    features: Tensor  # [M, F, h, w] what tells places on the body apart
    groups: Tensor | None  # [M, G, h, w] shares; None without semantics
    near: Tensor  # [M, 1, h, w] bool: the token or a neighbour of it shows the body


def pose_tokens(place: Tensor, body: Tensor, groups: Tensor | None) -> Pose:
    """place [M, 4, H/2, W/2], body [M, 1, H/2, W/2] (1 = on it), groups [M, GROUPS, H/4, W/4] → tokens at 1/16.

    A token's place is the mean over the body's part of it (where it has none, of its neighbours); |x| lets left and right find
    each other.
    """
    sums = F.avg_pool2d(torch.cat([place * body, body], 1), 8)
    around = F.avg_pool2d(sums, 3, 1, 1)
    best = torch.where(sums[:, 4:] > 0.05, sums, around)
    place = best[:, :4] / best[:, 4:].clamp_min(1e-4)
    waves = [wave(f * place[:, :3]) for f in WAVES for wave in (torch.sin, torch.cos)]
    features = torch.cat([place, place[:, :1].abs(), *waves], 1)
    return Pose(features, None if groups is None else F.avg_pool2d(groups, 4), best[:, 4:] > 0)


class StyleInjection(nn.Module):
    """softmax(τ cos(target pose, photo poses)) · photo styles, as SPADE's condition at 1/8.

    `inputs` counts the pose's features and groups; a token is `pool` x `pool` cells of 1/8; `carried` channels travel with the
    styles as they are.
    """

    def __init__(self, channels: int, style: int, inputs: int, pool: int = 2, carried: int = COLOUR) -> None:
        super().__init__()
        self.pool, self.carried = pool, carried
        self.pose = nn.Sequential(conv(inputs, POSE_CHANNELS, 1), nn.ReLU(), conv(POSE_CHANNELS, POSE_CHANNELS, 1))
        self.style = conv(channels, style, 1)
        self.temperature = nn.Parameter(torch.tensor(math.log(10.0)))
        self.null = nn.Parameter(torch.zeros(style))  # what is injected if no photo shows any body
        self.block = ModulatedBlock(channels, style)

    def embedded(self, pose: Pose, of_target: bool) -> Tensor:
        """[M, POSE_CHANNELS, h, w]: what is compared; photos and target alike."""
        parts = [pose.features, *([] if pose.groups is None else [pose.groups])]
        out: Tensor = self.pose(torch.cat(parts, 1))
        return out

    def _tokens(self, pose: Pose, of_target: bool) -> Tensor:
        """[M, h·w, POSE_CHANNELS], of length 1."""
        return F.normalize(self.embedded(pose, of_target).flatten(2).transpose(1, 2), dim=-1)

    def prepare(self, features: Tensor, carried: Tensor, pose: Pose, photos: int) -> tuple[Tensor, Tensor, Tensor]:
        """features [B·N, C, h, w] and what travels along [B·N, carried, h, w] (premultiplied rgba first), at 1/8 → keys
        [B, N·P, POSE_CHANNELS], values [B, N·P, style + carried], usable [B, N·P] bool."""
        values = torch.cat([self.style(F.avg_pool2d(features, self.pool)), F.avg_pool2d(carried, self.pool)], 1)
        tokens = (self._tokens(pose, False), values.flatten(2).transpose(1, 2), pose.near.flatten(1))
        keys, values, usable = (t.unflatten(0, (-1, photos)).flatten(1, 2) for t in tokens)
        return keys, values, usable

    def forward(self, x: Tensor, pose: Pose, keys: Tensor, values: Tensor, usable: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, C, H/8, W/8], the target's pose tokens, and what `prepare` gave → (x with its style, what travelled along
        [B, carried, H/8, W/8])."""
        sets = len(keys)
        keys = torch.cat([keys, keys.new_zeros(sets, 1, POSE_CHANNELS)], 1)
        values = torch.cat([values, F.pad(self.null, (0, self.carried)).expand(sets, 1, -1)], 1)
        bias = torch.zeros(sets, 1, keys.shape[1], device=x.device, dtype=x.dtype)
        bias[:, 0, :-1].masked_fill_(~usable, -1e4)
        bias[:, 0, -1] = -20.0  # below every cosine: only counts where nothing is usable
        query = self._tokens(pose, True) * self.temperature.exp()
        keys, values, bias = (t.expand(len(x), -1, -1) for t in (keys, values, bias))
        style = F.scaled_dot_product_attention(query, keys, values, bias, scale=1.0)
        style = style.transpose(1, 2).unflatten(2, pose.near.shape[2:]) * pose.near
        if self.pool > 1:
            style = F.interpolate(style, scale_factor=float(self.pool), mode="bilinear", align_corners=False)
        return self.block(x, style[:, : -self.carried]), style[:, -self.carried :]
