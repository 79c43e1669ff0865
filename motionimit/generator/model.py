"""The attentional generator: photos once, then frame by frame.

photos → identity encoder → keys and values at 1/2, 1/4, 1/8; region styles; pose tokens
frame  → contraction → liquid warping 1/8 → style injection → residual → style integration → memory
       → up → liquid warping 1/4 → up → liquid warping 1/2 → head → geometric result + gate · residual
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import check_shape
from ..errors import ShapeError
from .attention import LiquidWarpingBlock
from .blocks import ConvGRU, ResidualBlock, channels_last, conv
from .config import SMALL, GeneratorConfig
from .correspondence import SURFACE_FEATURES, Pose, StyleInjection, pose_tokens
from .decoder import RAW, Canvas
from .encoder import Contraction, Expansion, IdentityEncoder, corrupted
from .inputs import GROUPS, STRIDE_PX, SourceMaps, TargetMaps
from .regions import SemanticFusion, StyleIntegration, soft_groups

STRIDES = (2, 4, 8)


@dataclass(frozen=True, slots=True)
class Identity:
    """What the generator keeps of B persons' N photos; independent of any frame."""

    levels: tuple[Tensor, ...]  # at 1/2, 1/4, 1/8: [B, N, h/s, w/s, d + C] keys and values
    styles: tuple[Tensor, ...] | None  # region styles [B, N·GROUPS, 2 C + 4], log-shares [B, N·GROUPS]; None without semantics
    tokens: tuple[Tensor, ...] | None  # pose keys, styles, usable: [B, N·P, ..] at 1/16; None without correspondence
    reconstruction: Tensor | None = None  # [B, N, 4, h, w] premultiplied rgb and alpha, the auto-encoder's output


@dataclass(frozen=True, slots=True)
class State:
    """What one frame hands to the next."""

    hidden: Tensor  # [B, C, H/8, W/8]

    def moved(self, dy_cells: int, dx_cells: int, height_cells: int, width_cells: int) -> State:
        """The state for a crop whose upper left corner has moved by (dy, dx) cells of 8 px (down and right are positive) and
        whose size is now (height, width) cells; what wasn't in the old crop starts at 0."""
        height, width = self.hidden.shape[2:]
        top, left = max(dy_cells, 0), max(dx_cells, 0)  # of what both crops show, in the old one
        low, right = min(dy_cells + height_cells, height), min(dx_cells + width_cells, width)
        hidden = self.hidden.new_zeros(*self.hidden.shape[:2], height_cells, width_cells)
        if top < low and left < right:
            common = self.hidden[:, :, top:low, left:right]
            hidden[:, :, top - dy_cells : low - dy_cells, left - dx_cells : right - dx_cells] = common
        return State(hidden)


@dataclass(frozen=True, slots=True)
class Synthesis:
    """One frame as the generator sees it."""

    rgb: Tensor  # [B, 3, H, W] 0..1, straight
    alpha: Tensor  # [B, 1, H, W] 0..1
    gate: Tensor  # [B, 1, H, W] 0..1, how much of the residual colour was let through
    regions: Tensor | None  # [B, GROUPS, H/8, W/8] log-probabilities of the region attention; None without semantics
    state: State


class Generator(nn.Module):
    """Refines the geometric result inside the person's crop. Untrained it returns that result."""

    def __init__(self, config: GeneratorConfig = SMALL) -> None:
        super().__init__()
        self.config = config
        c1, c2, c3 = config.channels
        self.encoder = IdentityEncoder(config.channels, config.residual_blocks)
        self.contract = Contraction(5, 4, config.channels)
        self.fusion = SemanticFusion(c2) if config.semantics else None
        self.warps = nn.ModuleList(
            LiquidWarpingBlock(c, config.key_channels, s, config.attention, 3 if s > 2 else 1)
            for c, s in zip(config.channels, STRIDES, strict=True)
        )
        tokens = SURFACE_FEATURES + (GROUPS if config.semantics else 0)
        self.injection = StyleInjection(c3, config.token_channels, tokens) if config.correspondence else None
        self.residual = nn.Sequential(*(ResidualBlock(c3) for _ in range(config.residual_blocks)))
        self.integration = StyleIntegration(c3) if config.semantics else None
        self.memory = ConvGRU(c3 // 2)
        self.up2, self.up1 = Expansion(c3, c2), Expansion(c2, c1)
        self.head = conv(c1 + 3 * (config.semantics + config.correspondence), 4 * RAW)
        nn.init.zeros_(self.head.weight)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights, and of what comes out."""
        return self.head.weight.dtype

    @torch.no_grad()
    def damp(self, share: float) -> None:
        """Keep this share of the residual colour from now on: what synthetic people taught is too bold for real ones."""
        colours = slice(0, 3 * 4)  # three channels, four pixels each
        self.head.weight[colours] *= share
        if self.head.bias is not None:
            self.head.bias[colours] *= share

    def encode(self, sources: SourceMaps, reconstruct: bool = False) -> Identity:
        """Once per set of photos. With `reconstruct` the auto-encoder's output is returned too, and while training its input is
        corrupted first. Raises `ShapeError` for sides that are no multiples of 16 px."""
        photos = sources.rgb.shape[1]
        _check_stride("rgb", sources.rgb)
        rgba = torch.cat([sources.rgb, sources.alpha], 2).flatten(0, 1).to(self.dtype)
        parsing, body, place = (t.flatten(0, 1) for t in (sources.parsing, sources.body, sources.place))
        semantics, groups, pose, half = self._body_maps(parsing, body, place)
        seen = corrupted(rgba) if reconstruct and self.training else rgba
        features = self.encoder(seen, half, semantics)
        levels = tuple(w.prepare(f, photos) for w, f in zip(self.warps, features, strict=True))  # type: ignore[operator]
        styles = tokens = None
        colours = F.avg_pool2d(rgba, STRIDES[2])
        if self.integration is not None and groups is not None:
            styles = self.integration.prepare(features[2], colours, F.avg_pool2d(groups, 2), photos)
        if self.injection is not None and pose is not None:
            tokens = self.injection.prepare(features[2], colours, pose, photos)
        again = self.encoder.reconstruct(features[0]).unflatten(0, (-1, photos)) if reconstruct else None
        return Identity(levels, styles, tokens, again)

    def forward(self, identity: Identity, target: TargetMaps, state: State | None = None) -> Synthesis:
        """One frame of each person; an identity with B = 1 serves all frames of a batch.

        Raises `ShapeError` where the target doesn't fit identity or state, or has sides that are no multiples of 16 px.
        """
        self._check(identity, target, state)
        rgba, confidence = target.rgba.to(self.dtype), target.confidence.to(self.dtype)
        flow = target.source_px, target.seen
        semantics, _, pose, half = self._body_maps(target.parsing, target.body, target.place)
        full = torch.cat([rgba[:, :3] * rgba[:, 3:], rgba[:, 3:], confidence], 1)
        first, second, x = self.contract(full, half, semantics)
        colours, regions = [], None
        x = self.warps[2](x, identity.levels[2], *flow)
        if self.injection is not None and identity.tokens is not None and pose is not None:
            x, colour = self.injection(x, pose, *identity.tokens)
            colours.append(colour)
        x = self.residual(x)
        if self.integration is not None and identity.styles is not None:
            x, colour, regions = self.integration(x, *identity.styles)
            colours.append(colour)
        now, passing = x.chunk(2, 1)
        hidden = self.memory(now, torch.zeros_like(now) if state is None else state.hidden.to(now.dtype))
        x = self.up2(torch.cat([hidden, passing], 1), second)
        x = self.up1(self.warps[1](x, identity.levels[1], *flow), first)
        x = F.relu(self.warps[0](x, identity.levels[0], *flow))
        canvas = Canvas.of(rgba, confidence)
        if colours:
            x = torch.cat([x, canvas.missing(torch.cat(colours, 1))], 1)
        rgb, alpha, gate = canvas.painted(F.pixel_shuffle(self.head(x), 2))
        return Synthesis(rgb, alpha, gate, regions, State(hidden))

    def _body_maps(
        self, parsing: Tensor, body: Tensor, place: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Pose | None, Tensor]:
        """Of [M, H, W] and [M, 4, H, W] maps: (fused semantics, parsing shares, both at 1/4; pose tokens, 1/16; place, 1/2)."""
        half = place[:, :, ::2, ::2].to(self.dtype)
        semantics = groups = pose_groups = pose = None
        if self.fusion is not None:
            groups, pose_groups = soft_groups(parsing).to(self.dtype), soft_groups(body).to(self.dtype)
            semantics = self.fusion(channels_last(groups), channels_last(pose_groups))
        if self.injection is not None:
            on_body = (body[:, None, ::2, ::2] >= 0).to(self.dtype)
            pose = pose_tokens(half, on_body, pose_groups)
        return semantics, groups, pose, half

    def _check(self, identity: Identity, target: TargetMaps, state: State | None) -> None:
        persons, photos = identity.levels[0].shape[:2]
        axes = check_shape("source_px", target.source_px, ("B" if persons == 1 else persons, photos, 2, "H", "W"))
        _check_stride("rgba", target.rgba)
        if state is not None:
            cells = (axes["H"] // STRIDES[2], axes["W"] // STRIDES[2])
            check_shape("state.hidden", state.hidden, (len(target.rgba), self.config.channels[2] // 2, *cells))


def _check_stride(name: str, maps: Tensor) -> None:
    if maps.shape[-1] % STRIDE_PX or maps.shape[-2] % STRIDE_PX or not maps.numel():
        multiple = f"{STRIDE_PX}·n"
        raise ShapeError(name, ("..", multiple, multiple), tuple(maps.shape))
