"""One- and few-shot personalisation: the generator fine-tuned on what can be made of the photos of one person.

As in Liquid Warping GAN, but on pairs whose inputs are wrong in the way that a new pose makes them wrong (`rehearsal.py`,
`degrade.py`), without a discriminator, and judged on an exercise that is not trained on, so that it can't do harm there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..avatar.portrait import Portrait
from ..body.model import BodyModel
from ..config import PERSONAL_STEPS
from ..runtime import available_cores
from ..training.losses import (
    alpha_error,
    composite,
    open_where_confident,
    pixel_weights,
    true_composite,
    weighted_l1,
    weighted_sum,
)
from ..training.perceptual import LaplacianDistance
from ..training.settings import LossWeights
from ..types import Photo, Progress
from .degrade import Tint, degraded, window
from .inputs import TargetMaps, Truth, moved
from .model import Generator, Identity
from .rehearsal import Pair, own_pair, reposed_pair

TRAINED = ("warps", "injection.block", "residual", "integration", "up2", "up1", "head")
"""The decoder: what turns the photos' features into pixels. The encoders of photos and pose stay, so that features are computed
once and keep what they mean; the memory stays, because stills teach nothing about time."""
POSES = 4  # re-posings to train on; one more is held out
TINTS = 4
WINDOW_PX = (256, 192)  # (height, width) that a step looks at
LEARNING_RATE = 3e-4
EXAMS = 6  # how often the held-out exercise is scored on the way


@dataclass(frozen=True, slots=True)
class PersonalWeights:
    """The generator at its best step, and the photos that it is for."""

    generator: Generator
    photos: tuple[str, ...]  # SHA-256 of their files
    steps: int
    seed: int
    best_step: int  # 0: training found nothing better, and this is the generator as it was
    score_before: float  # loss on the held-out exercise
    score_after: float  # never more than `score_before`

    def facts(self) -> dict[str, Any]:
        """For the weight file and the report."""
        numbers = {name: getattr(self, name) for name in ("steps", "seed", "best_step", "score_before", "score_after")}
        return {"photos": list(self.photos), **numbers}


@dataclass(frozen=True, slots=True)
class Lesson:
    """A pair in one light; its photo's features are on the generator's device, its maps on the CPU."""

    identity: Identity
    target: TargetMaps
    truth: Truth
    own: bool  # the photo onto itself, which teaches nothing unless it is degraded


def personalize(
    photos: Sequence[Photo],
    portraits: Sequence[Portrait],
    model: BodyModel,
    generator: Generator,
    steps: int = PERSONAL_STEPS,
    seed: int = 0,
    progress: Progress | None = None,
) -> PersonalWeights:
    """Fine-tune a copy of `generator` on `photos` and the `portraits` that were made of them, in the same order.

    The loss on a held-out exercise (a re-posing and a degraded photo that are not trained on) is measured before, on the way and
    after; what scored best is returned, step 0 included. Reproducible for a seed on one machine.
    """
    tell = progress or (lambda stage, done, total: None)
    random = torch.Generator().manual_seed(seed)
    learner = deepcopy(generator).eval()
    _freeze(learner)
    own, reposed = _rehearsals(portraits, model, seed, tell)
    exam = _exam(learner, own[0], reposed[0])
    lessons = _lessons(learner, own, True, random) + _lessons(learner, reposed[1:], False, random)
    best_step, before = 0, _score(learner, exam)
    best, state = before, deepcopy(learner.state_dict())
    every = max(1, steps // EXAMS)
    for step in _trained(learner, lessons, steps, random):
        if step % every == 0 or step == steps:
            score = _score(learner, exam)
            if score < best:
                best_step, best, state = step, score, deepcopy(learner.state_dict())
        tell("personalize", step, steps)
    learner.load_state_dict(state)
    learner.requires_grad_(True)
    return PersonalWeights(learner, tuple(p.sha256 for p in photos), steps, seed, best_step, before, best)


def _device(learner: Generator) -> torch.device:
    return next(learner.parameters()).device


def _freeze(learner: Generator) -> None:
    for name, parameter in learner.named_parameters():
        parameter.requires_grad_(name.startswith(TRAINED))


def _rehearsals(portraits: Sequence[Portrait], model: BodyModel, seed: int, tell: Progress) -> tuple[list[Pair], list[Pair]]:
    """(the photos drawn onto themselves, re-posings of the photos in turn)."""

    def reposed(k: int) -> Pair:
        return reposed_pair(portraits[k % len(portraits)], model, np.random.default_rng([seed, k]))

    tell("rehearsal", 0, POSES + 1)
    own = [own_pair(portrait, model) for portrait in portraits]
    done: list[Pair] = []
    with ThreadPoolExecutor(available_cores()) as pool:
        for pair in pool.map(reposed, range(POSES + 1)):
            done.append(pair)
            tell("rehearsal", len(done), POSES + 1)
    return own, done


def _exam(learner: Generator, own: Pair, reposed: Pair) -> list[Lesson]:
    """The held-out re-posing as it is, and the photo degraded in a way that is the same for every seed."""
    fixed = replace(own, target=degraded(own.target, torch.Generator().manual_seed(0)))
    return [_lesson(learner, fixed, True), _lesson(learner, reposed, False)]


def _lesson(learner: Generator, pair: Pair, own: bool) -> Lesson:
    with torch.no_grad():
        return Lesson(learner.encode(moved(pair.source, _device(learner))), pair.target, pair.truth, own)


def _lessons(learner: Generator, pairs: list[Pair], own: bool, random: torch.Generator) -> list[Lesson]:
    """Every pair in its own light and in some others: the features of tinted photos are computed once, here."""
    out = []
    for pair in pairs:
        tints = [Tint.random(random) for _ in range(TINTS - 1)]
        lit = [Pair(t.source(pair.source), t.target(pair.target), t.truth(pair.truth)) for t in tints]
        out += [_lesson(learner, p, own) for p in (pair, *lit)]
    return out


def _trained(learner: Generator, lessons: list[Lesson], steps: int, random: torch.Generator) -> Iterator[int]:
    """Yields 1, 2, .. `steps` after each step."""
    optimizer = torch.optim.Adam([p for p in learner.parameters() if p.requires_grad], LEARNING_RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, steps)
    for step in range(1, steps + 1):
        lesson = lessons[int(torch.randint(len(lessons), (1,), generator=random))]
        target, truth = window(lesson.target, _before_something(lesson.truth, random), WINDOW_PX, random)
        if lesson.own or torch.rand(1, generator=random) < 0.5:
            target = degraded(target, random)
        optimizer.zero_grad(set_to_none=True)
        _loss(learner, lesson.identity, target, truth).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([p for p in learner.parameters() if p.requires_grad], 1.0)
        optimizer.step()
        schedule.step()
        yield step


def _before_something(truth: Truth, random: torch.Generator) -> Truth:
    """Half of the time before a plain colour, so that a matte can't hide in a background of its own colour."""
    if torch.rand(1, generator=random) < 0.5:
        return truth
    color = torch.rand(1, 3, 1, 1, generator=random).to(truth.backdrop)
    return replace(truth, backdrop=color.expand_as(truth.backdrop))


def _loss(learner: Generator, identity: Identity, target: TargetMaps, truth: Truth) -> Tensor:
    """The training's own terms of one frame, a Laplacian pyramid in place of LPIPS, whose weights users don't have."""
    weights = LossWeights()
    target, truth = moved((target, truth), _device(learner))
    made = learner(identity, target)
    result, wanted = composite(made.rgb, made.alpha, truth.backdrop), true_composite(truth)
    terms = {
        "pixel": weighted_l1(result, wanted, pixel_weights(truth, weights)),
        "perceptual": LaplacianDistance()(result, wanted).mean(),
        "alpha": alpha_error(made.alpha, truth.alpha),
        "gate_open": open_where_confident(made.gate, target),
    }
    return weighted_sum(terms, weights)


def _score(learner: Generator, exam: list[Lesson]) -> float:
    with torch.no_grad():
        losses = [_loss(learner, e.identity, e.target, e.truth) for e in exam]
    return float(torch.stack(losses).mean())
