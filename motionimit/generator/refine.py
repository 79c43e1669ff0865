"""The generator at run time: one rendered frame after the other, refined inside a crop round the person."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from ..avatar.portrait import Portrait
from ..body.model import BodyModel
from ..flow.fusion import fused
from ..flow.transfer import Warped
from ..geometry.camera import Camera
from ..runtime import half_precision
from .inputs import SourceMaps, TargetMaps, moved
from .maps import Box, TargetMapper, box_of, source_maps, stacked
from .model import Generator, State

MARGIN_PX = 16  # how far hair and cloth may grow beyond what the geometric core drew
CELL_PX = 8  # of the frame, per cell of the generator's state


@dataclass(frozen=True, slots=True)
class Drawn:
    """A frame between rendering and refinement; its tensors are its own."""

    rgba: Tensor  # [H, W, 4] float32, straight alpha, 0..1: the geometric result
    box: Box | None = None  # the crop to refine; None where nobody is visible
    maps: TargetMaps | None = None  # of that crop


@dataclass(frozen=True, slots=True)
class Memory:
    """What the generator hands on to the next frame, and the crop that it belongs to."""

    state: State
    box: Box


class Refiner:
    """A generator that knows its person. Holds no state of the film: the caller passes `Memory` from frame to frame."""

    def __init__(self, generator: Generator, sources: SourceMaps, mapper: TargetMapper) -> None:
        """`sources`: B = 1. The generator goes to the mapper's device, and the sources' features are computed here, once."""
        self.device, self.mapper = mapper.device, mapper
        self.generator = generator.to(self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        with torch.inference_mode(), self._precision():
            self.identity = self.generator.encode(moved(sources, self.device))

    @classmethod
    def of(cls, generator: Generator, portraits: Sequence[Portrait], model: BodyModel, device: torch.device) -> Refiner:
        """For the person whom these portraits, one per photo, show."""
        maps, scales = zip(*(source_maps(portrait, model) for portrait in portraits), strict=True)
        return cls(generator, stacked(maps), TargetMapper(portraits, scales, model, device))

    def prepare(self, warped: Sequence[Warped], transforms: Tensor, camera: Camera) -> Drawn:
        """Copy what the generator needs of a rendered frame, one drawing per photo with `transforms` [24, 4, 4].

        May run in several threads.
        """
        with torch.inference_mode():
            rgba = fused(warped).clone()
            box = box_of(rgba[..., 3], MARGIN_PX)
            if box is None:
                return Drawn(rgba)
            return Drawn(rgba, box, self.mapper.maps(warped, transforms, camera, box, rgba))

    def refine(self, drawn: Drawn, memory: Memory | None) -> tuple[Tensor, Memory | None]:
        """The refined frame [H, W, 4] and the memory for the next one; pixels outside the crop are the geometric core's.

        `memory`: of the frame before; None where there is none: at the start, after a cut, after a frame without the person.
        """
        if drawn.box is None or drawn.maps is None:
            return drawn.rgba, None
        with torch.inference_mode(), self._precision():
            made = self.generator(self.identity, drawn.maps, None if memory is None else moved_state(memory, drawn.box))
            crop = torch.cat((made.rgb, made.alpha), 1)[0].float().permute(1, 2, 0)
            return pasted(drawn.rgba, crop, drawn.box), Memory(made.state, drawn.box)

    def _precision(self) -> AbstractContextManager[object]:
        faster = half_precision(self.device)
        return nullcontext() if faster is None else torch.autocast(self.device.type, dtype=faster)


def moved_state(memory: Memory, box: Box) -> State | None:
    """The state of the crop before, where the crop `box` sees it; None where it sees nothing of it."""
    old = memory.box
    if old == box:
        return memory.state
    down, right = box.top - old.top, box.left - old.left
    if not (-box.height < down < old.height and -box.width < right < old.width):
        return None
    return memory.state.moved(down // CELL_PX, right // CELL_PX, box.height // CELL_PX, box.width // CELL_PX)


def pasted(rgba: Tensor, crop: Tensor, box: Box) -> Tensor:
    """A frame [H, W, 4] with the crop [box.height, box.width, 4] in its place, as far as it lies inside the frame."""
    height, width = rgba.shape[:2]
    top, left = max(box.top, 0), max(box.left, 0)
    bottom, right = min(box.top + box.height, height), min(box.left + box.width, width)
    out = rgba.clone()
    out[top:bottom, left:right] = crop[top - box.top : bottom - box.top, left - box.left : right - box.left].clamp(0, 1)
    return out
