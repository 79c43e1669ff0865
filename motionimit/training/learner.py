"""What learns: a network, its critics, their optimisers, and one update of each; no clocks."""

from __future__ import annotations

import copy
import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from .losses import weighted_sum
from .perceptual import MIN_SIDE_PX, LaplacianDistance, Lpips
from .schedule import learning_rate_share, update_ema
from .settings import TrainSettings

MOST_SKIPPED = 30  # float16's scaler skips an overflowing step and lowers its scale; so many in a row are no overflow any more
FULL_EVERY = 3  # steps between perceptual distances at full resolution; the others look at half of it, where shapes weigh more


class NotFiniteError(ArithmeticError):
    """A loss or gradient is NaN or infinite; no weight was touched. The message says which."""


class Learner(ABC):
    """A network, its average over the steps, critics and two Adam optimisers; `step` counts updates. What is learned from a batch
    is a subclass' business.

    Args:
        model: the network, with a `config`.
        critics: the discriminators.
        accelerator: from `engine.make_accelerator`.
        perceptual: LPIPS or its stand-in.
    """

    def __init__(
        self,
        model: nn.Module,
        critics: nn.Module,
        settings: TrainSettings,
        accelerator: Any,
        perceptual: Lpips | LaplacianDistance,
    ) -> None:
        self.settings, self.accelerator = settings, accelerator
        self.step, self.warm_from, self._skipped = 0, 0, 0
        device, layout = accelerator.device, torch.channels_last
        self.model = model.to(device, memory_format=layout)  # type: ignore[call-overload]
        self.discriminators = critics.to(device, memory_format=layout)  # type: ignore[call-overload]
        self.perceptual = perceptual.to(device)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        optimizer = torch.optim.Adam(self.model.parameters(), settings.lr, settings.betas)
        critic = torch.optim.Adam(self.discriminators.parameters(), settings.discriminator_lr, settings.discriminator_betas)
        self.network, self.critics, self.optimizer, self.critic_optimizer = accelerator.prepare(
            self._called(), self.discriminators, optimizer, critic
        )

    def _called(self) -> nn.Module:
        """The module whose `forward` an update calls, as data parallelism wants it."""
        return self.model

    @abstractmethod
    def _learn(self, batch: Any) -> tuple[dict[str, Tensor], Any]:
        """The terms of the network's loss, unweighted, and what the critics are to judge."""

    @abstractmethod
    def _judge(self, batch: Any, made: Any) -> Tensor:
        """The critics' loss; `made` gets no gradients."""

    @abstractmethod
    def preview(self, path: Path, batch: Any) -> None:
        """Draw what the averaged network makes of a batch. Raises `BadInput` where the file can't be written."""

    def update(self, batch: Any) -> dict[str, Tensor]:
        """One step on a batch of this device. Returns the unweighted terms, the loss and the norm of its gradient.

        Raises `NotFiniteError` before the weights of the network concerned are touched.
        """
        self._set_rates()
        self.network.train()
        terms, made = self._learn(batch)
        loss = weighted_sum(terms, self.settings.weights)
        self.optimizer.zero_grad(set_to_none=True)
        terms |= {"loss": loss, "gradient": self._backward(loss, self.model, "generator")}
        self.optimizer.step()
        terms = {name: value.detach() for name, value in terms.items()}
        if self.is_adversarial and self.step % self.settings.discriminator_every == 0:
            terms["discriminator"] = self._update_critics(batch, made)
        update_ema(self.average, self.model, self.step, self.settings.ema_decay)
        self.step += 1
        return terms

    @property
    def is_adversarial(self) -> bool:
        """Whether the critics have joined."""
        return bool(getattr(self.settings.weights, "adversarial", 0)) and self.step >= self.settings.adversarial_from

    def _perceptual(self, result: Tensor, truth: Tensor) -> Tensor:
        """The perceptual distance, mostly at half size."""
        if self.step % FULL_EVERY and min(result.shape[-2:]) >= 2 * MIN_SIDE_PX:
            result, truth = avg_pool2d(result, 2), avg_pool2d(truth, 2)
        return self.perceptual(result, truth).mean()  # type: ignore[no-any-return]

    def _update_critics(self, batch: Any, made: Any) -> Tensor:
        with self.accelerator.autocast():
            loss = self._judge(batch, made)
        self.critic_optimizer.zero_grad(set_to_none=True)
        self._backward(loss, self.discriminators, "discriminators")
        self.critic_optimizer.step()
        return loss.detach()

    def _backward(self, loss: Tensor, module: nn.Module, whose: str) -> Tensor:
        """Gradients, clipped; returns their norm before."""
        if not torch.isfinite(loss):
            raise NotFiniteError(f"loss of the {whose}")
        self.accelerator.backward(loss)
        norm = torch.as_tensor(self.accelerator.clip_grad_norm_(module.parameters(), self.settings.clip_norm))
        if torch.isfinite(norm):
            self._skipped = 0
            return norm
        if self.accelerator.scaler is None or self._skipped >= MOST_SKIPPED:
            raise NotFiniteError(f"gradient of the {whose}")
        self._skipped += 1
        return loss.new_zeros(())

    def _set_rates(self) -> None:
        s = self.settings
        share = learning_rate_share(self.step, s.steps, s.warmup_steps, self.warm_from, s.lr_floor)
        for optimizer, rate in ((self.optimizer, s.lr), (self.critic_optimizer, s.discriminator_lr)):
            for group in optimizer.param_groups:
                group["lr"] = rate * share

    # --- what is kept -----------------------------------------------------------------------------------------------------

    @property
    def networks(self) -> dict[str, nn.Module]:
        """All that holds weights, by the name they are kept under."""
        return {"model": self.model, "ema": self.average, "discriminators": self.discriminators}

    @property
    def config(self) -> Any:
        """The generator's config as JSON data; None for a module that has none."""
        config: Any = getattr(self.model, "config", None)
        return None if config is None else json.loads(json.dumps(config.to_dict()))

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next update depends on, but for random numbers."""
        scaler = self.accelerator.scaler
        return {
            "step": self.step,
            "warm_from": self.warm_from,
            "networks": {name: module.state_dict() for name, module in self.networks.items()},
            "optimizer": self.optimizer.state_dict(),
            "critic_optimizer": self.critic_optimizer.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`. Raises RuntimeError where weights don't fit."""
        for name, module in self.networks.items():
            module.load_state_dict(state["networks"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.critic_optimizer.load_state_dict(state["critic_optimizer"])
        if self.accelerator.scaler is not None and state["scaler"] is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.step, self.warm_from = state["step"], state["warm_from"]

    def load_weights(self, parts: dict[str, dict[str, Tensor]], step: int) -> None:
        """Weights alone, by the names of `networks`; missing ones stay. The optimisers warm up from `step`."""
        for name, module in self.networks.items():
            if name in parts:
                module.load_state_dict(parts[name])
        self.step = self.warm_from = step
