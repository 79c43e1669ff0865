"""A motion from several sides beside each other, and the moment that stands still while the camera goes round."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from ..body.orbit import bullet_time, outline, seen_from
from ..types import BodyParams
from .label import label

if TYPE_CHECKING:
    from ..body.model import BodyModel
    from ..config.view import Bullet

A = TypeVar("A")
BESIDE_OF_HEIGHT = 0.08  # left free on both sides of whatever a view's person reaches


@dataclass(frozen=True, slots=True)
class Strip:
    """How the views of one moment become one picture: windows of the same width about the person, left to right."""

    lefts_px: tuple[int, ...]  # of each view's window
    width_px: int  # even
    names: tuple[str, ...]  # written into each view; none for a single one

    @classmethod
    def of(cls, views: Sequence[BodyParams], yaw_deg: Sequence[float], model: BodyModel) -> Strip:
        """Windows as wide as the widest view of the whole motion needs; a single view keeps the whole picture."""
        width, height = views[0].camera.size_px
        if len(views) == 1:
            return cls((0,), width, ())
        spans = []
        for view in views:
            x_px = view.camera.project(torch.from_numpy(outline(view, model)))[..., 0].clamp(0, width)
            spans.append((float(x_px.min()), float(x_px.max())))
        pad_px = BESIDE_OF_HEIGHT * height
        wide = min(width, 2 * int(np.ceil(max(high - low for low, high in spans) / 2 + pad_px)))
        lefts = tuple(int(np.clip(round((low + high - wide) / 2), 0, width - wide)) for low, high in spans)
        return cls(lefts, wide, tuple(f"{yaw:g} deg" for yaw in yaw_deg))

    def joined(self, drawn: Generator[np.ndarray]) -> Generator[np.ndarray]:
        """Frames [H, W, 3 or 4] uint8, the views of each moment one after the other → one strip per moment; closes `drawn`.

        Transparent frames get no names.
        """
        with closing(drawn):
            panels: list[np.ndarray] = []
            for frame in drawn:
                left = self.lefts_px[len(panels)]
                panel = frame[:, left : left + self.width_px]
                panels.append(label(panel, self.names[len(panels)]) if self.names and panel.shape[2] == 3 else panel)
                if len(panels) == len(self.lefts_px):
                    yield np.concatenate(panels, 1)
                    panels = []


@dataclass(frozen=True, slots=True)
class Programme:
    """What is drawn of a motion, in which order; several views of a moment follow each other."""

    motion: BodyParams  # [D] bodies to draw
    shows: np.ndarray  # [D] frame of the driver that each shows
    views: int  # per moment
    cuts: tuple[int, ...]  # moments that begin a new shot
    strip: Strip | None  # None: frames are finished as they are drawn
    pause_s: tuple[Fraction, Fraction] | None  # when the sound falls silent, and for how long

    @property
    def moments(self) -> int:
        """Frames of the result."""
        return len(self.shows) // self.views

    def driven(self, frames: Iterator[A]) -> Iterator[A]:
        """The driver's frame for each body to draw."""
        return held(frames, self.shows)

    def finished(self, drawn: Generator[np.ndarray]) -> Generator[np.ndarray]:
        """Drawn frames → the result's."""
        return drawn if self.strip is None else self.strip.joined(drawn)


def arranged(
    motion: BodyParams,
    model: BodyModel,
    fps: Fraction,
    cuts: tuple[int, ...] = (),
    views: tuple[float, ...] = (),
    bullet: Bullet | None = None,
) -> Programme:
    """The programme of a motion [T], from the sides `views` (yaw in degrees; none: the photo's own), with a `bullet` in it.

    Raises `BadUsage` for a bullet at a frame that the motion doesn't have.
    """
    shows, pause_s = np.arange(len(motion.rotations)), None
    if bullet is not None:
        spin = max(2, round(bullet.seconds * fps))
        motion, shows = bullet_time(motion, model, bullet.frame, spin)
        pause_s = (bullet.frame + 1) / fps, spin / fps
        cuts = tuple(int(np.searchsorted(shows, cut)) for cut in cuts)
    if not views:
        return Programme(motion, shows, 1, cuts, None, pause_s)
    turned = seen_from(motion, model, views)
    strip = Strip.of(turned, views, model)
    return Programme(interleaved(turned), np.repeat(shows, len(views)), len(views), cuts, strip, pause_s)


def interleaved(views: Sequence[BodyParams]) -> BodyParams:
    """N motions [T] → one [T · N]: all of the first moment, all of the second, and so on."""
    rotations = torch.stack([v.rotations for v in views], 1).flatten(0, 1)
    translation_m = torch.stack([v.translation_m for v in views], 1).flatten(0, 1)
    return BodyParams(rotations, views[0].betas, translation_m, views[0].camera)


def held(frames: Iterable[A], shows: np.ndarray) -> Iterator[A]:
    """Item number `shows[k]` of `frames` for every k; `shows` never falls. Ends early where `frames` do."""
    number, items = -1, iter(frames)
    item: A
    for wanted in shows:
        while number < wanted:
            try:
                item = next(items)
            except StopIteration:
                return
            number += 1
        yield item
