"""The learners of the networks for stills: PG² in its two stages, RSA-GAN in one."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..generator.still_inputs import StillBatch, StillResult
from ..generator.still_maps import discs, pose_mask
from ..pose.keypoints import KEYPOINTS
from .discriminator import PatchDiscriminator, hinge_generator, hinge_real_fake
from .learner import Learner
from .losses import weighted_l1
from .settings import Pg2Weights, RsaWeights
from .still_preview import write_still_preview

_MASK_STRIDE = 4  # px; at full resolution the mask took more than half of a step's time
_PERSON = 4.0  # for RSA-GAN: how much more a pixel counts where the person is or was


class Pg2Learner(Learner):
    """Until step `refine_from` stage I learns alone, then stage II, with stage I as it is (Ma et al. 2017, sections 3.1, 3.2)."""

    @staticmethod
    def new_critics() -> nn.Module:
        """Sees pictures alone. Patches, where the paper has a DCGAN's critic."""
        return PatchDiscriminator(inputs=3)

    @property
    def is_refining(self) -> bool:
        return self.step >= self.settings.refine_from

    @property
    def is_adversarial(self) -> bool:
        return self.is_refining and super().is_adversarial

    def _learn(self, batch: StillBatch) -> tuple[dict[str, Tensor], Tensor]:
        out: StillResult = self.network(batch.source, refine=self.is_refining)
        made = out.rgb.float()
        error = masked_l1(made, batch, cast(Pg2Weights, self.settings.weights).limbs)
        if not self.is_refining:
            return {"coarse": error}, made.detach()
        terms = {"pixel": error}
        if self.is_adversarial:
            self.discriminators.requires_grad_(False)
            with self.accelerator.autocast():
                terms["adversarial"] = real_error(self.discriminators(made * 2 - 1))
            self.discriminators.requires_grad_(True)
        return terms, made.detach()

    def _judge(self, batch: StillBatch, made: Tensor) -> Tensor:
        """Binary cross-entropy; what stage II makes and the photo itself are both fakes, so that a copy doesn't pass."""
        pictures = torch.cat([batch.rgb, made, batch.source.rgb]) * 2 - 1
        real, fake, copied = self.critics(pictures).float().chunk(3)
        return real_error(real) + (fake_error(fake) + fake_error(copied)) / 2

    @torch.no_grad()
    def preview(self, path: Path, batch: StillBatch) -> None:
        write_still_preview(path, batch, self.average(batch.source, refine=self.is_refining))


class RsaLearner(Learner):
    """L1, perceptual, adversarial (hinge, conditional on the pose), the pixels fetched along the correspondence, and the region
    attention read as a parsing of the target."""

    @staticmethod
    def new_critics() -> nn.Module:
        """Sees pictures with the discs of the wanted pose."""
        return PatchDiscriminator(inputs=3 + len(KEYPOINTS))

    def _learn(self, batch: StillBatch) -> tuple[dict[str, Tensor], Tensor]:
        w = cast(RsaWeights, self.settings.weights)
        out: StillResult = self.network(batch.source)
        made = out.rgb.float()
        person = torch.maximum(batch.alpha, (batch.source.parsing > 0)[:, None].to(batch.alpha.dtype))
        terms = {"pixel": weighted_l1(made, batch.rgb, 1 + _PERSON * person)}
        if out.warped is not None and w.fetched:
            terms["fetched"] = weighted_l1(out.warped.float(), batch.rgb, 0.05 + batch.alpha)
        if out.regions is not None and w.regions:
            terms["regions"] = parsing_error(out.regions, batch.parsing)
        with self.accelerator.autocast():
            if w.perceptual:
                terms["perceptual"] = self._perceptual(made, batch.rgb)
            if self.is_adversarial:
                self.discriminators.requires_grad_(False)
                terms["adversarial"] = hinge_generator((self.discriminators(_with_pose(made, batch)),))
                self.discriminators.requires_grad_(True)
        return terms, made.detach()

    def _judge(self, batch: StillBatch, made: Tensor) -> Tensor:
        real, fake = self.critics(torch.cat([_with_pose(batch.rgb, batch), _with_pose(made, batch)])).chunk(2)
        return hinge_real_fake((real,), (fake,))

    @torch.no_grad()
    def preview(self, path: Path, batch: StillBatch) -> None:
        write_still_preview(path, batch, self.average(batch.source))


def masked_l1(made: Tensor, batch: StillBatch, limbs: float = 1.0) -> Tensor:
    """PG²'s loss: mean |made - truth| · (1 + limbs · pose mask); the paper's `limbs` is 1, and its mask that of the wanted pose.
    Ours is the union with the photo's own pose: people have to leave the place where they stood."""
    height, width = made.shape[-2:]
    source = batch.source
    masks = [pose_mask(pose, (width, height), stride=_MASK_STRIDE) for pose in (source.wanted, source.keypoints)]
    mask = F.interpolate(torch.maximum(*masks), (height, width))
    return ((made - batch.rgb).abs() * (1 + limbs * mask)).mean()


def parsing_error(log_shares: Tensor, parsing: Tensor) -> Tensor:
    """Cross-entropy of region attention [B, 8, H/s, W/s] with labels [B, H, W] at cell centres; -1 is ignored."""
    stride = parsing.shape[-1] // log_shares.shape[-1]
    return F.nll_loss(log_shares.float().contiguous(), parsing[:, stride // 2 :: stride, stride // 2 :: stride], ignore_index=-1)


def real_error(scores: Tensor) -> Tensor:
    """Binary cross-entropy of logits that should say "real"."""
    return F.binary_cross_entropy_with_logits(scores.float(), torch.ones_like(scores, dtype=torch.float32))


def fake_error(scores: Tensor) -> Tensor:
    """Binary cross-entropy of logits that should say "made"."""
    return F.binary_cross_entropy_with_logits(scores.float(), torch.zeros_like(scores, dtype=torch.float32))


def _with_pose(rgb: Tensor, batch: StillBatch) -> Tensor:
    height, width = rgb.shape[-2:]
    return torch.cat([rgb * 2 - 1, discs(batch.source.wanted, (width, height))], 1)
