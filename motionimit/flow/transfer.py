"""Liquid warping flow: the avatar's surface in a new pose → colour, alpha and source coordinates of every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import warp as wp
from torch import Tensor

from ..checks import check_shape
from ..geometry.camera import Camera
from . import kernels
from .surface import Surface

if TYPE_CHECKING:
    from ..avatar.avatar import Avatar

MERGE_M = 0.015  # surfaces closer than this are one surface: they blend instead of fighting for the z-buffer


@dataclass(frozen=True, slots=True)
class Warped:
    """One rendered frame. Views into the renderer's buffers: valid until its next `render`."""

    rgba: Tensor  # [H, W, 4] float32, straight alpha, 0..1
    source_px: Tensor  # [H, W, 2] float32, texture pixels; 0 where nothing is seen
    confidence: Tensor  # [H, W] float32, 0..1; 0 where nothing is drawn, or only what the photo didn't show

    def kept(self) -> Warped:
        """A copy that the renderer's next frame doesn't overwrite."""
        return Warped(self.rgba.clone(), self.source_px.clone(), self.confidence.clone())


class Renderer:
    """Draws one `Surface` with its texture layers. Holds buffers for one thread; make one per thread to draw in parallel."""

    def __init__(self, surface: Surface, layers: Tensor, size: tuple[int, int], known: Tensor | None = None) -> None:
        """`layers`: [L, h, w, 4] uint8 RGBA, straight alpha. `size`: (width, height) of the frames.

        `known`: [L, h, w] bool, what the photo showed (all of it where None is given): nothing else gets confidence.
        """
        axes = check_shape("layers", layers, ("L", "h", "w", 4))
        known = torch.ones(layers.shape[:3], dtype=torch.bool) if known is None else known
        check_shape("known", known, ("L", "h", "w"), axes)
        self.surface, self.size, self.device = surface, size, surface.rest_m.device
        width, height = size
        texels = layers.to(self.device).contiguous().view(torch.int32).squeeze(-1)
        self._layers = wp.from_torch(texels, dtype=wp.uint32)
        seen = known.to(self.device).contiguous().view(torch.uint8)
        self._known = wp.from_torch(seen)
        self._keep = (texels, seen)
        self._screen = torch.zeros(len(surface.rest_m), 3, device=self.device)
        self._depth = torch.zeros(height, width, device=self.device)
        self._surface, self._veil, self._flow, self._color = (torch.zeros(height, width, 4, device=self.device) for _ in range(4))
        s = surface
        self._geometry = [wp.from_torch(s.rest_m, dtype=wp.vec3), wp.from_torch(s.bones), wp.from_torch(s.weights)]
        self._drawn = [
            wp.from_torch(self._screen, dtype=wp.vec3),
            wp.from_torch(s.faces),
            wp.from_torch(s.uv_px, dtype=wp.vec2),
            wp.from_torch(s.layer),
            wp.from_torch(s.bias_m),
        ]
        self._confidence = wp.from_torch(s.confidence)
        self._images = [wp.from_torch(b, dtype=wp.vec4) for b in (self._surface, self._veil, self._flow, self._color)]

    def render(self, transforms: Tensor, camera: Camera) -> Warped:
        """Pose by `transforms` [24, 4, 4] (skinning matrices with translation) and draw with `camera` (of the frame's size)."""
        check_shape("transforms", transforms, (24, 4, 4))
        self._depth.fill_(kernels.FAR_M)
        for buffer in (self._surface, self._veil, self._flow):
            buffer.zero_()
        bones = transforms.to(self.device, torch.float32).contiguous()
        lens = [camera.focal_px, camera.center_px[0], camera.center_px[1]]
        self._launch(
            kernels.skin, len(self._screen), [*self._geometry, wp.from_torch(bones, dtype=wp.mat44), *lens, self._drawn[0]]
        )
        faces, depth = len(self.surface.faces), wp.from_torch(self._depth)
        self._launch(kernels.opaque_depth, faces, [*self._drawn, self._layers, depth])
        seen = [*self._drawn, self._confidence, self._layers, self._known, depth, MERGE_M]
        self._launch(kernels.blend, faces, [*seen, *self._images[:3]])
        self._launch(kernels.resolve, (self.size[1], self.size[0]), self._images)
        weight = self._surface[..., 3:].clamp_min(1e-6)
        return Warped(self._color, self._flow[..., :2] / weight, self._flow[..., 2] / weight[..., 0])

    def _launch(self, kernel: wp.Kernel, dim: int | tuple[int, int], inputs: list[object]) -> None:
        wp.launch(kernel, dim=dim, inputs=inputs, device=str(self.device))


def renderers(avatar: Avatar, device: torch.device | str = "cpu") -> list[Renderer]:
    """One renderer per portrait, for frames of the avatar's output size. For one thread."""
    return [Renderer(p.surface.to(torch.device(device)), p.layers, avatar.size_px, p.known) for p in avatar.portraits]
