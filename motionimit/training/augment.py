"""Variety without drawing anew: mirrored bodies, other colours, grain, and other rooms."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad

from ..generator.inputs import Batch, SourceMaps, TargetMaps, Truth

_SWAPPED = 0.12  # share of batches whose colour channels trade places
_GRAIN = 0.5  # share of batches with sensor noise that truth and geometric result have in common
_SOFT = 0.5  # share of batches as a real lens, compression and motion leave them: photos and truth alike
_SOFT_PX = (0.4, 1.1)  # standard deviation of that blur


def augmented(rng: np.random.Generator, batch: Batch) -> Batch:
    """The same pairs, seen otherwise. All frames and photos of a batch change alike."""
    if rng.random() < 0.5:
        batch = mirrored(batch)
    batch = recolored(batch, Recolor.random(rng))
    if rng.random() < _SOFT:
        batch = softened(batch, float(rng.uniform(*_SOFT_PX)))
    return grained(rng, batch)


def mirrored(batch: Batch) -> Batch:
    """Left and right exchanged. Groups are the same on both sides; x of the rest pose changes its sign."""
    width = batch.source.rgb.shape[-1]
    return Batch(
        _flipped(batch.source),
        tuple(_with_flow(_flipped(t), width) for t in batch.targets),
        tuple(_flipped(t) for t in batch.truths),
    )


def _flipped(maps):  # type: ignore[no-untyped-def]
    out = type(maps)(**{f.name: getattr(maps, f.name).flip(-1) for f in fields(maps)})
    if not hasattr(out, "place"):
        return out
    sign = out.place.new_tensor([-1.0, 1, 1, 1])[:, None, None]
    return replace(out, place=out.place * sign)


def _with_flow(target: TargetMaps, width: int) -> TargetMaps:
    x, y = target.source_px.unbind(2)
    return replace(target, source_px=torch.stack((width - x, y), 2))


@dataclass(frozen=True, slots=True)
class Recolor:
    """``rgb[order] ** gamma * gain`` of straight colours."""

    order: tuple[int, ...]
    gain: tuple[float, ...]
    gamma: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> Recolor:
        order = tuple(rng.permutation(3).tolist()) if rng.random() < _SWAPPED else (0, 1, 2)
        gain = np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.06, 3))
        return cls(order, tuple(gain.tolist()), float(np.exp(rng.normal(0, 0.15))))

    def __call__(self, rgb: Tensor) -> Tensor:
        """Straight colours [.., 3, H, W] in 0..1."""
        gain = rgb.new_tensor(self.gain)[:, None, None]
        return (rgb[..., list(self.order), :, :].clamp_min(0) ** self.gamma * gain).clamp(0, 1)

    def premultiplied(self, rgb: Tensor, alpha: Tensor) -> Tensor:
        return self((rgb / alpha.clamp_min(1e-3)).clamp(0, 1)) * alpha


def recolored(batch: Batch, color: Recolor) -> Batch:
    """The person in other light; the backdrop stays."""

    def source(s: SourceMaps) -> SourceMaps:
        return replace(s, rgb=color.premultiplied(s.rgb, s.alpha))

    def target(t: TargetMaps) -> TargetMaps:
        return replace(t, rgba=torch.cat((color(t.rgba[:, :3]), t.rgba[:, 3:]), 1))

    def truth(t: Truth) -> Truth:
        return replace(t, rgb=color.premultiplied(t.rgb, t.alpha))

    return Batch(source(batch.source), tuple(map(target, batch.targets)), tuple(map(truth, batch.truths)))


def softened(batch: Batch, deviation_px: float) -> Batch:
    """Everything a little out of focus; drawn people are sharper than filmed ones."""

    def soft(planes: Tensor) -> Tensor:
        kernel = torch.exp(-0.5 * (torch.arange(-3, 4) / deviation_px) ** 2)
        kernel = (kernel / kernel.sum()).expand(planes.shape[-3], 1, 1, 7)
        flat = pad(planes.flatten(0, -4), (3, 3, 3, 3), mode="replicate")
        for k in (kernel, kernel.transpose(2, 3)):
            flat = conv2d(flat, k, groups=len(k))
        return flat.reshape(planes.shape)

    def source(s: SourceMaps) -> SourceMaps:
        rgba = soft(torch.cat((s.rgb, s.alpha), 2))
        return replace(s, rgb=rgba[:, :, :3], alpha=rgba[:, :, 3:])

    def target(t: TargetMaps) -> TargetMaps:
        rgba = soft(torch.cat((t.rgba[:, :3] * t.rgba[:, 3:], t.rgba[:, 3:]), 1))
        straight = torch.where(rgba[:, 3:] > 0.02, rgba[:, :3] / rgba[:, 3:].clamp_min(0.02), t.rgba[:, :3])
        return replace(t, rgba=torch.cat((straight.clamp(0, 1), rgba[:, 3:]), 1))

    def truth(t: Truth) -> Truth:
        rgba = soft(torch.cat((t.rgb, t.alpha), 1))
        return replace(t, rgb=rgba[:, :3], alpha=rgba[:, 3:], backdrop=soft(t.backdrop))

    return Batch(source(batch.source), tuple(map(target, batch.targets)), tuple(map(truth, batch.truths)))


def grained(rng: np.random.Generator, batch: Batch) -> Batch:
    """Fine texture that the drawn people lack, laid alike over truth and geometric result: the generator must let it through."""
    if rng.random() > _GRAIN:
        return batch
    strength, soft = float(rng.uniform(0.005, 0.04)), rng.random() < 0.5
    targets, truths = [], []
    for target, truth in zip(batch.targets, batch.truths, strict=True):
        shape = (len(truth.alpha), 1, *truth.alpha.shape[2:])
        grain = torch.from_numpy(rng.standard_normal(shape, np.float32))
        grain = (avg_pool2d(grain, 3, 1, 1) * 2 if soft else grain) * strength
        rgb = (target.rgba[:, :3] + grain * (target.confidence > 0.3)).clamp(0, 1)
        targets.append(replace(target, rgba=torch.cat((rgb, target.rgba[:, 3:]), 1)))
        truths.append(replace(truth, rgb=(truth.rgb + grain * truth.alpha).clamp(0, 1).minimum(truth.alpha)))
    return Batch(batch.source, tuple(targets), tuple(truths))
