"""One step's objectives: the generator unrolled over a batch's frames, and the two losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..generator.inputs import Batch
from .discriminator import Discriminators, condition_maps, head_boxes, hinge_generator, hinge_real_fake
from .losses import composite, frame_terms, pixel_weights, reconstruction_error, temporal_error, true_composite
from .settings import LossWeights


class Unroll(nn.Module):
    """Encodes a batch's photos once and passes the state from frame to frame, in one `forward`, as data parallelism wants it."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, batch: Batch, reconstruct: bool = False) -> tuple[tuple[Any, ...], Tensor | None]:
        """→ one `Synthesis` per frame, and the photos' reconstruction where it was asked for."""
        generator: Any = self.generator
        identity = generator.encode(batch.source, reconstruct=reconstruct)
        again = identity.reconstruction if reconstruct else None
        outs, state = [], None
        for target in batch.targets:
            out = generator(identity, target, state)
            state = out.state
            outs.append(out)
        return tuple(outs), again


def composites(outs: tuple[Any, ...], batch: Batch) -> list[Tensor]:
    """Each frame's result over the truth's backdrop, [B, 3, H, W] float32."""
    pairs = zip(outs, batch.truths, strict=True)
    return [composite(out.rgb.float(), out.alpha.float(), truth.backdrop) for out, truth in pairs]


def supervised_terms(
    outs: tuple[Any, ...], reconstruction: Tensor | None, results: list[Tensor], batch: Batch, weights: LossWeights
) -> dict[str, Tensor]:
    """All terms but the perceptual and the adversarial one, unweighted; means over the frames."""
    wanted = [true_composite(truth) for truth in batch.truths]
    weighing = [pixel_weights(truth, weights) for truth in batch.truths]
    pixels = zip(results, wanted, weighing, strict=True)
    frames = [
        frame_terms(out, target, truth, three, weights)
        for out, target, truth, three in zip(outs, batch.targets, batch.truths, pixels, strict=True)
    ]
    terms = {name: torch.stack([f[name] for f in frames]).mean() for name in frames[0]}
    if len(results) == 2:
        terms["temporal"] = temporal_error((results[0], results[1]), (wanted[0], wanted[1]), weighing[1])
    if reconstruction is not None:
        terms["reconstruction"] = reconstruction_error(reconstruction, batch.source)
    return terms


def adversarial_term(discriminators: Discriminators, result: Tensor, batch: Batch, frame: int) -> Tensor:
    """The generator's hinge term on one frame; the discriminators get no gradients."""
    discriminators.requires_grad_(False)
    fake = discriminators(result, *_conditions(batch, frame))
    discriminators.requires_grad_(True)
    return hinge_generator(fake)


def discriminator_loss(discriminators: Callable[..., tuple[Tensor, ...]], result: Tensor, batch: Batch, frame: int) -> Tensor:
    """Hinge loss on the truth and the result of one frame; the result gets no gradients."""
    condition, boxes = _conditions(batch, frame)
    both = torch.cat([true_composite(batch.truths[frame]), result.detach()])
    scores = discriminators(both, torch.cat([condition, condition]), boxes + boxes)
    halves = [score.chunk(2) for score in scores]
    return hinge_real_fake(tuple(h[0] for h in halves), tuple(h[1] for h in halves))


def _conditions(batch: Batch, frame: int) -> tuple[Tensor, list[Any]]:
    target = batch.targets[frame]
    return condition_maps(target.place, target.body), head_boxes(batch.truths[frame].body)
