"""The video generator's learner: short sequences, state passed from frame to frame."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from ..generator.inputs import Batch
from .learner import Learner
from .losses import true_composite
from .preview import write_preview
from .settings import LossWeights
from .step import Unroll, adversarial_term, composites, discriminator_loss, supervised_terms


class ClipLearner(Learner):
    """`model`: the generator, with `encode(sources, reconstruct=…)` and `forward(identity, target, state)`."""

    def _called(self) -> nn.Module:
        return Unroll(self.model)

    def _learn(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        w, frame = cast(LossWeights, self.settings.weights), self._frame(batch)
        outs, reconstruction = self.network(batch, w.reconstruction > 0)
        results = composites(outs, batch)
        terms = supervised_terms(outs, reconstruction, results, batch, w)
        with self.accelerator.autocast():
            if w.perceptual:
                terms["perceptual"] = self._perceptual(results[frame], true_composite(batch.truths[frame]))
            if self.is_adversarial:
                terms["adversarial"] = adversarial_term(self.discriminators, results[frame], batch, frame)
        return terms, results[frame].detach()

    def _judge(self, batch: Batch, made: Tensor) -> Tensor:
        return discriminator_loss(self.critics, made, batch, self._frame(batch))

    def _frame(self, batch: Batch) -> int:
        """Perceptual and adversarial terms see the frames in turn."""
        return self.step % len(batch.targets)

    @torch.no_grad()
    def preview(self, path: Path, batch: Batch) -> None:
        outs, _ = Unroll(self.average)(batch)
        write_preview(path, batch, outs)
