"""The generator that a user asked for: which weights, whose they are, and what the report says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..errors import BadInput
from ..media.paths import file_sha256, shown
from ..weights import load_generator, read_meta, save_generator, shipped
from .model import Generator
from .refine import Refiner

if TYPE_CHECKING:
    from ..avatar.portrait import Portrait
    from ..body.model import BodyModel
    from ..types import Photo, Progress

NAME = "attlwb"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A generator with where it comes from."""

    generator: Generator
    weights: str  # the file's name, or the size of the shipped weights
    sha256: str  # of that file
    meta: dict[str, Any]  # what the file says of itself, and of what was done since

    def facts(self) -> dict[str, object]:
        """For the report."""
        told: dict[str, object] = {k: self.meta[k] for k in ("trained_on", "steps", "seed", "personal") if k in self.meta}
        return {"name": NAME, "weights": self.weights, "sha256": self.sha256} | told

    def tuned(
        self, photos: Sequence[Photo], portraits: Sequence[Portrait], model: BodyModel, steps: int, seed: int, progress: Progress
    ) -> Chosen:
        """The same, personalised: see `personalize`."""
        from .personalize import personalize

        personal = personalize(photos, portraits, model, self.generator, steps, seed, progress)
        return replace(self, generator=personal.generator, meta=self.meta | {"personal": personal.facts()})

    def save(self, path: Path) -> None:
        """Write the weights, as personal ones where they are. Raises `BadInput` where that can't be done."""
        save_generator(path, self.generator, {k: v for k, v in self.meta.items() if k not in ("format", "config")})

    def refiner(self, portraits: Sequence[Portrait], model: BodyModel, device: torch.device) -> Refiner:
        """The generator at work for the person whom these portraits, one per photo, show."""
        return Refiner.of(self.generator, portraits, model, device)


def chosen_generator(
    name: str, weights: Path | None, photos: Mapping[str, Path], device: torch.device, size: str = "small"
) -> Chosen | None:
    """`name` 'attlwb': the generator of the file `weights`, or the shipped one where that is None. 'warp': None. 'auto': the
    former where there are weights, else the latter. `photos`: SHA-256 → path of the photos that are drawn from.

    Raises `MissingModel` and `BadInput` as `load_generator`, and `BadInput` for weights that were personalised to other photos.
    """
    path = shipped(size) if weights is None else weights
    if name == "warp" or (name == "auto" and path is None):
        return None
    generator = load_generator(weights, device, size)
    assert path is not None  # or loading would have failed
    meta = read_meta(path)
    check_bound(meta, photos, path)
    return Chosen(generator, size if weights is None else str(weights), file_sha256(path), meta)


def check_bound(meta: dict[str, Any], photos: Mapping[str, Path], path: Path) -> None:
    """Personal weights are for the photos they were made of, and for no one else. Raises `BadInput`."""
    if "personal" not in meta:
        return
    personal = meta["personal"]
    bound = personal.get("photos") if isinstance(personal, dict) else None
    if not isinstance(bound, list) or not bound or not all(isinstance(b, str) for b in bound):
        raise BadInput(
            f"{shown(path)} doesn't say which photos its personal weights are for; run 'motionimit personalize' again."
        )
    for sha256, photo in photos.items():
        if sha256 not in bound:
            theirs = ", ".join(b[:8] for b in bound)
            raise BadInput(
                f"{shown(path)} holds weights personalised to another photo (SHA-256 {theirs}) than {shown(photo)}"
                f" ({sha256[:8]}); use that photo, or run 'motionimit personalize' on this one."
            )
