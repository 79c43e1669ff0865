"""Who is drawn and how: the person of a rendering job, the generator that refines them, and what stands behind them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from .avatar.avatar import Avatar
from .compositing.place import chosen_backdrop
from .compositing.stream import Stage
from .config import AVATAR_SUFFIX, STILL_GENERATORS, Rendering
from .geometry.camera import Camera
from .run import Run
from .sources import Sources, build_avatar, find_sources, opened, read_sources
from .types import BodyParams, Photo

if TYPE_CHECKING:
    from .generator.chosen import Chosen


@dataclass(slots=True)
class Cast:
    """The person of a job, from opened files to the stage."""

    settings: Rendering
    photos: list[Photo]  # none where an avatar file is given
    bodies: list[BodyParams | None]  # of the photos, where a film shows them
    ready: Avatar | None  # that of an avatar file
    whose: dict[str, Path]  # SHA-256 of every photo that is drawn from → the file it comes from
    chosen: Chosen | None = None  # None: the geometric core alone
    backdrop: Tensor | None = None  # [H, W, 3] float32 0..1; None: the photo's own background

    @classmethod
    def of(cls, settings: Rendering, run: Run) -> Cast:
        """Open all that the settings name besides the driver. Raises `BadInput` or `MissingModel` before any work."""
        photos, bodies, ready = [], [], None  # type: list[Photo], list[BodyParams | None], Avatar | None
        if settings.sources[0].suffix.lower() == AVATAR_SUFFIX:
            ready = opened(settings.sources[0], settings.size_px)
            whose = dict.fromkeys(ready.photos, settings.sources[0])
        else:
            photos, bodies = read_sources(settings.sources, run)
            whose = {p.sha256: p.path for p in photos}
        cast = cls(settings, photos, bodies, ready, whose)
        wanted = settings.generator if settings.personalize is None else "attlwb"
        if wanted not in ("warp", *STILL_GENERATORS):
            from .generator.chosen import chosen_generator

            cast.chosen = chosen_generator(wanted, settings.weights, whose, run.device)
        cast.backdrop = chosen_backdrop(settings, cast.size_px)
        return cast

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the output."""
        if self.ready is not None:
            return self.ready.size_px
        return self._empty().size_px(self.settings.size_px)

    def found(self, run: Run) -> Sources:
        """The person in every photo; without photos where an avatar file is given. Raises `BadInput`."""
        return self._empty() if self.ready is not None else find_sources(self.photos, self.bodies, run)

    def avatar(self, sources: Sources, run: Run) -> Avatar:
        """The person of the sources, or of the avatar file."""
        return build_avatar(sources, self.settings.size_px, run) if self.ready is None else self.ready

    def stage(self, avatar: Avatar, camera: Camera, run: Run) -> Stage:
        """The avatar before its background, with the generator (personalised first, where that is asked for)."""
        refiner, run.report.generator = None, {"name": "warp"}
        if self.chosen is not None:
            if self.settings.personalize is not None:
                with run.clock.stage("personalize"):
                    args = (self.photos, avatar.portraits, run.model, self.settings.personalize, self.settings.seed, run.tell)
                    self.chosen = self.chosen.tuned(*args)
            refiner = self.chosen.refiner(avatar.portraits, run.model, run.device)
            run.report.generator = self.chosen.facts()
        still = avatar.background if self.backdrop is None else self.backdrop
        return Stage(avatar, camera, still, run.device, self.settings.alpha, refiner=refiner)

    def _empty(self) -> Sources:
        return Sources(tuple(self.photos), (), tuple(self.bodies))
