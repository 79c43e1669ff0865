"""RSA-GAN for stills: a photo, its parsing map and its keypoints → the person in another pose.

photo  → contraction (+ parsing and keypoints, fused region by region) → keys, values, region styles at 1/2, 1/4, 1/8
target → contraction → style injection along the correspondence of poses → residual → style integration → up → head

Ji Liu, Zhenyu Weng, Yuesheng Zhu, "RSA-GAN" (CAAI Transactions on Intelligence Technology, doi 10.1049/cit2.12255). From the
abstract: the three modules, which are those of the video generator (`regions.py`, `correspondence.py`). Inferred by us: all
layers; places along the limbs as what a correspondence compares; that the matched place travels with the style, so that
features and pixels of the photo can be fetched at 1/4, 1/2 and full size along it (as liquid warping does along the body's
surface); and the blend of synthesised, fetched and untouched pixels at the end.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import check_shape
from ..geometry.grid import grid_from_pixels, sample
from ..pose.keypoints import KEYPOINTS
from .attention import LiquidWarpingBlock
from .blocks import ResidualBlock, conv
from .correspondence import POSE_CHANNELS, Pose, StyleInjection
from .decoder import within_unit
from .encoder import Contraction, Expansion
from .regions import SemanticFusion, StyleIntegration
from .still_inputs import PARSING, StillInput, StillResult
from .still_maps import FEATURES, discs, limb_features, parsing_shares, region_prior

REGIONS = len(PARSING)
CARRIED = 7  # premultiplied rgb and alpha, x, y (0..1), x² + y²
LOOSE = 0.05  # spread of a match, as a share of the picture's side, that halves the trust in it
LEAST_LIKELY = 0.05  # of each of the three pictures that are blended, before anything is learned
MOST_SAY = 3.0  # how far the network can shift the logarithms of that
LEAST_STAYING = 1e-4  # what is untouched counts where the person was
MOST_SHIFT = 0.1  # of the sides: how far a match is adjusted
_RAW = 6  # synthesised rgb; logits of synthesised, fetched and untouched


@dataclass(frozen=True, slots=True)
class RsaConfig:
    """Everything that decides the layers; kept beside the weights. Raises ValueError where no network can be built from it."""

    width: int = 256
    height: int = 256
    channels: tuple[int, int, int] = (32, 64, 128)  # at 1/2, 1/4, 1/8
    key_channels: int = 16
    style_channels: int = 96
    residual_blocks: int = 3
    semantics: bool = True  # the parsing map: regional fusion and region styles

    def __post_init__(self) -> None:
        whole = (self.width, self.height, *self.channels, self.key_channels, self.style_channels, self.residual_blocks)
        if len(self.channels) != 3 or not all(type(n) is int and 1 <= n <= 2048 for n in whole) or self.residual_blocks > 16:
            raise ValueError(f"RSA-GAN's sizes must be three channel counts and whole numbers from 1 to 2048, got {self}")
        if self.width % 8 or self.height % 8 or type(self.semantics) is not bool:
            raise ValueError(f"RSA-GAN's width and height must be multiples of 8 px and semantics a switch, got {self}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "channels": list(self.channels)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RsaConfig:
        """The inverse of `to_dict`. Raises ValueError for unknown or missing names."""
        names = {f.name for f in fields(cls)}
        if set(values) != names:
            raise ValueError(f"RSA-GAN's configuration must have {sorted(names)}, got {sorted(values)}")
        return cls(**{**values, "channels": tuple(values["channels"])})


RSA = RsaConfig()
RSA_SIZES = {"256": RSA, "128": RsaConfig(width=128, height=128), "128x64": RsaConfig(width=64, height=128)}
"""All layers are convolutions, so weights of one size are a start for another."""


class ParsedInjection(StyleInjection):
    """Style injection whose tokens are compared by their places along the limbs, and by their regions as far as that helps: a
    photo's are parsed, a target's are what its pose lets expect, so each has its own layer, and both begin at nothing."""

    def __init__(self, channels: int, style: int, semantics: bool) -> None:
        super().__init__(channels, style, FEATURES, pool=1, carried=CARRIED)
        self.regions = nn.ModuleList(_silent(conv(REGIONS, POSE_CHANNELS, 1)) for _ in range(2 * semantics))

    def embedded(self, pose: Pose, of_target: bool) -> Tensor:
        place = super().embedded(Pose(pose.features, None, pose.near), of_target)
        return place if pose.groups is None else place + self.regions[of_target](pose.groups)


class RSAGAN(nn.Module):
    """Pictures are 0..1. Keypoints of photo and target are in px of the photo."""

    def __init__(self, config: RsaConfig = RSA) -> None:
        super().__init__()
        self.config = config
        c1, c2, c3 = config.channels
        points = len(KEYPOINTS)
        self.encode = Contraction(3, points, config.channels)
        self.contract = Contraction(3, 2 * points, config.channels)
        self.fusion = SemanticFusion(c2, REGIONS) if config.semantics else None
        self.injection = ParsedInjection(c3, config.style_channels, config.semantics)
        self.residual = nn.Sequential(*(ResidualBlock(c3) for _ in range(config.residual_blocks)))
        self.integration = StyleIntegration(c3, REGIONS) if config.semantics else None
        self.up2, self.up1 = Expansion(c3, c2), Expansion(c2, c1)
        self.shift = conv(c2, 2)
        self.fetch2 = LiquidWarpingBlock(c2, config.key_channels, 4, "att", 3)
        self.fetch1 = LiquidWarpingBlock(c1, config.key_channels, 2, "att", 1)
        self.head = conv(c1 + 3 * (1 + config.semantics), 4 * _RAW)
        _silent(self.shift)
        _silent(self.head)
        if self.fusion is not None and self.integration is not None:  # so that it begins as without semantics
            _silent(self.fusion.merge)
            _silent(self.integration.out)
            _silent(self.integration.feed_forward.out)

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the pictures."""
        return self.config.width, self.config.height

    def forward(self, source: StillInput) -> StillResult:
        """Raises `ShapeError` for another size than the configured one."""
        check_shape("rgb", source.rgb, ("B", 3, self.config.height, self.config.width))
        parsing = parsing_shares(source.parsing, 4) if self.config.semantics else None
        own, wanted = (region_prior(k, self.size_px, 4) for k in (source.keypoints, source.wanted))
        own_discs, wanted_discs = (F.max_pool2d(discs(k, self.size_px), 2) for k in (source.keypoints, source.wanted))
        first, second, third = self.encode(source.rgb, own_discs, self._semantics(parsing, own))
        both_discs = torch.cat([wanted_discs, own_discs], 1)
        a, b, x = self.contract(source.rgb, both_discs, self._semantics(parsing, wanted))
        shares = parsing_shares(source.parsing, 8)
        given = self._carried(source.rgb)
        keys = self.injection.prepare(third, given, self._pose(source.keypoints, shares), 1)
        x, carried = self.injection(x, self._pose(source.wanted, region_prior(source.wanted, self.size_px, 8)), *keys)
        colours, regions = [carried[:, :3]], None
        x = self.residual(x)
        if self.integration is not None:
            styles = self.integration.prepare(third, given[:, :4], shares, 1)
            x, colour, regions = self.integration(x, *styles)
            colours.append(colour[:, :3])
        x = self.up2(x, b)
        place, trust = self._flow(carried[:, 4:], x)
        x = self.fetch2(x, self.fetch2.prepare(second, 1), place, trust)
        x = F.relu(self.fetch1(self.up1(x, a), self.fetch1.prepare(first, 1), place, trust))
        near = [F.interpolate(c, scale_factor=4.0, mode="bilinear", align_corners=False) for c in colours]
        raw = F.pixel_shuffle(self.head(torch.cat([x, *near], 1)), 2)
        was = own if parsing is None else parsing
        return self._blended(raw, source.rgb, place[:, 0], carried[:, :3], wanted[:, :1], was[:, :1], regions)

    def _semantics(self, parsing: Tensor | None, prior: Tensor) -> Tensor | None:
        """The photo's parsing, fused with a pose region by region: with its own pose, which repairs it; with the wanted one,
        which says what leaves and what comes where."""
        if self.fusion is None or parsing is None:
            return None
        out: Tensor = self.fusion(parsing, prior)
        return out

    def _pose(self, keypoints: Tensor, regions: Tensor) -> Pose:
        """What a correspondence compares at 1/8: places along the limbs, and regions (a target's: what its pose lets expect)."""
        features = limb_features(keypoints, self.size_px, 8)
        groups = regions if self.config.semantics else None
        return Pose(features, groups, torch.ones_like(features[:, :1], dtype=torch.bool))

    def _carried(self, rgb: Tensor) -> Tensor:
        """[B, CARRIED, H/8, W/8]."""
        rgba = F.avg_pool2d(_opaque(rgb), 8)
        height, width = rgba.shape[2:]
        x, y = ((torch.arange(n, device=rgb.device) + 0.5) / n for n in (width, height))
        where = torch.stack(torch.broadcast_tensors(x[None], y[:, None])).expand(len(rgb), -1, -1, -1)
        return torch.cat([rgba, where, (where**2).sum(1, keepdim=True)], 1)

    def _flow(self, carried: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """What travelled [B, 3, H/8, W/8] and features at 1/4 → matched place in px [B, 1, 2, H, W] and trust in it
        [B, 1, 1, H, W]."""
        spread = (carried[:, 2:] - (carried[:, :2] ** 2).sum(1, keepdim=True)).clamp_min(0)
        trust = 1 / (1 + spread / LOOSE**2)
        side = torch.tensor(self.size_px, device=carried.device).view(1, 2, 1, 1)
        both = torch.cat([carried[:, :2] * side, trust], 1)
        both = F.interpolate(both, scale_factor=8.0, mode="bilinear", align_corners=False)
        shift = F.interpolate(torch.tanh(self.shift(features)), scale_factor=4.0, mode="bilinear", align_corners=False)
        return (both[:, :2] + MOST_SHIFT * side * shift)[:, None], both[:, None, 2:]

    def _blended(
        self, raw: Tensor, rgb: Tensor, place: Tensor, style: Tensor, free: Tensor, wall: Tensor, regions: Tensor | None
    ) -> StillResult:
        """softmax over three pictures: synthesised (style's colour + residual), fetched along the correspondence, untouched.

        The wanted pose says beforehand where which is likely: fetched on the person, else untouched. The network can shift that,
        but nothing stays untouched where the photo shows the person (without a parsing map: where its pose lets expect them).
        `free` and `wall` [B, 1, H/4, W/4]: how much the wanted pose and the photo leave to the background.
        """
        width, height = self.size_px
        fetched = sample(rgb, grid_from_pixels(place.permute(0, 2, 3, 1), width, height))
        base = F.interpolate(style, scale_factor=8.0, mode="bilinear", align_corners=False)
        likely = torch.cat([0.5 * free, 1 - 0.5 * free, free], 1) + LEAST_LIKELY
        prior = likely.log() + F.pad((wall + LEAST_STAYING).log(), (0, 0, 0, 0, 2, 0))
        prior = F.interpolate(prior, scale_factor=4.0, mode="bilinear", align_corners=False)
        pictures = torch.stack([within_unit(base + raw[:, :3]), fetched, rgb], 1)
        weights = torch.softmax(prior + MOST_SAY * torch.tanh(raw[:, 3:] / MOST_SAY), 1)[:, :, None]
        return StillResult((weights * pictures).sum(1), warped=fetched, regions=regions)


def _silent(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer, giving 0 before it has learned."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _opaque(rgb: Tensor) -> Tensor:
    return F.pad(rgb, (0, 0, 0, 0, 0, 1), value=1.0)
