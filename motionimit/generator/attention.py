"""Attentional liquid warping block (Liquid Warping GAN with Attention): which photo knows this pixel best?"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .blocks import ModulatedBlock, conv
from .warp import warp_features

NOT_SEEN = 1e-3  # what an uncovered photo counts, against 1 of a fully seen one


class LiquidWarpingBlock(nn.Module):
    """Attention over the photos' warped features, as SPADE's condition for the target's feature.

    Per pixel: q from the target's feature, k_i and v_i from photo i's, a = softmax_i(<q, k_i> / sqrt(d) + log-confidence),
    A = Σ a_i v_i, x' = x + conv(relu(norm(x) (1 + γ(A)) + β(A))). A further slot holds the target's own key and value, so that a
    photo can be declined where the flow is wrong; with one photo (the common case) the paper's softmax would always be 1.
    With `attention="add"` (AddLWB of the first Liquid Warping GAN) the condition is the target's own value plus Σ seen_i v_i.

    1x1 convolutions without bias commute with the warp, so keys and values are made once per photo (`prepare`), not per frame.
    """

    def __init__(self, channels: int, keys: int, stride: int, attention: str, kernel: int) -> None:
        super().__init__()
        self.stride = stride
        self.keys = keys if attention == "att" else 0
        self.photo = conv(channels, self.keys + channels, 1, bias=False)
        self.own = conv(channels, 2 * self.keys + channels, 1)
        if self.keys:
            self.trust = nn.Parameter(torch.tensor([1.0, 1.0]))  # slope and offset of the log-confidence
        self.block = ModulatedBlock(channels, channels, kernel)

    def prepare(self, features: Tensor, photos: int) -> Tensor:
        """A level of the photos' features [B·N, C, h, w] → keys and values [B, N, h, w, d + C]."""
        return self.photo(features).permute(0, 2, 3, 1).contiguous().unflatten(0, (-1, photos))

    def forward(self, x: Tensor, photos: Tensor, source_px: Tensor, seen: Tensor) -> Tensor:
        """x [B, C, H/s, W/s]; `photos` from `prepare`; source_px and seen at full size, see `warp_features`."""
        warped, confidence = warp_features(photos, source_px, seen, self.stride)
        own = self.own(x).permute(0, 2, 3, 1)
        condition = self._attend(own, warped, confidence) if self.keys else own + (confidence[..., None] * warped).sum(1)
        return self.block(x, condition.permute(0, 3, 1, 2))

    def _attend(self, own: Tensor, warped: Tensor, confidence: Tensor) -> Tensor:
        """own [B, h, w, 2 d + C], warped [B, N, h, w, d + C], confidence [B, N, h, w] → [B, h, w, C]."""
        d = self.keys
        query = own[..., :d] / math.sqrt(d)
        bias = self.trust[0] * torch.log(confidence + NOT_SEEN) + self.trust[1]
        theirs = (query[:, None] * warped[..., :d]).sum(-1) + bias
        mine = (query * own[..., d : 2 * d]).sum(-1)
        weights = torch.softmax(torch.cat([theirs, mine[:, None]], 1), 1)[..., None]
        condition = weights[:, -1] * own[..., 2 * d :]
        for i in range(warped.shape[1]):
            condition = torch.addcmul(condition, weights[:, i], warped[:, i, ..., d:])
        return condition
