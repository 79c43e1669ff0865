"""A z-buffer in Warp, the same kernel on CPU and CUDA, with exact depth peeling for hair.

Every pixel keeps the smallest int64 key ``depth << 24 | face``, so ties are settled by face number and peeling layer n+1 means:
the smallest key above layer n's. Pixel centres lie at +0.5; barycentrics are perspective-correct.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import warp as wp
from torch import Tensor

from ..runtime import init_warp

_FACE_BITS = 24
_DEPTH_UNIT = 1e-7  # metres per key step: 2^39 steps reach 55 km, one face id needs 24 bits
_EMPTY = 2**62

init_warp()


@wp.kernel
def _rasterize(
    xyw: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    faces: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    orthographic: int,
    floor_key: wp.array2d(dtype=wp.int64),  # type: ignore[valid-type]
    ceiling_key: wp.array2d(dtype=wp.int64),  # type: ignore[valid-type]
    out: wp.array2d(dtype=wp.int64),  # type: ignore[valid-type]
) -> None:
    """One thread per face. xyw holds pixel x, y and 1/depth (or depth itself when orthographic; ≤ 0 is clipped)."""
    i = wp.tid()
    f = faces[i]
    a = xyw[f[0]]
    b = xyw[f[1]]
    c = xyw[f[2]]
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    if wp.abs(area) < 1.0e-9 or wp.min(a[2], wp.min(b[2], c[2])) <= 0.0:
        return
    height = out.shape[0]
    width = out.shape[1]
    x0 = wp.max(int(wp.ceil(wp.min(a[0], wp.min(b[0], c[0])) - 0.5)), 0)
    x1 = wp.min(int(wp.floor(wp.max(a[0], wp.max(b[0], c[0])) - 0.5)), width - 1)
    y0 = wp.max(int(wp.ceil(wp.min(a[1], wp.min(b[1], c[1])) - 0.5)), 0)
    y1 = wp.min(int(wp.floor(wp.max(a[1], wp.max(b[1], c[1])) - 0.5)), height - 1)
    for y in range(y0, y1 + 1):
        py = float(y) + 0.5
        for x in range(x0, x1 + 1):
            px = float(x) + 0.5
            wa = ((b[0] - px) * (c[1] - py) - (b[1] - py) * (c[0] - px)) / area
            wb = ((c[0] - px) * (a[1] - py) - (c[1] - py) * (a[0] - px)) / area
            wc = 1.0 - wa - wb
            if wa >= 0.0 and wb >= 0.0 and wc >= 0.0:
                d = wa * a[2] + wb * b[2] + wc * c[2]
                if orthographic == 0:
                    d = 1.0 / d
                key = (wp.int64(wp.float64(d) * wp.float64(1.0e7)) << wp.int64(24)) | wp.int64(i)
                if key > floor_key[y, x] and key < ceiling_key[y, x]:
                    wp.atomic_min(out, y, x, key)


@dataclass(frozen=True, slots=True)
class Fragments:
    """What the z-buffer saw, for covered pixels only."""

    y: Tensor  # [P] int64
    x: Tensor  # [P] int64
    face: Tensor  # [P] int64
    barycentric: Tensor  # [P, 3], perspective-correct, sums to 1
    depth_m: Tensor  # [P]


class ZBuffer:
    """Rasterises one set of projected vertices; keeps the keys for peeling."""

    def __init__(self, width: int, height: int, device: torch.device | str = "cpu") -> None:
        self.size = (height, width)
        self.device = torch.device(device)
        self._nothing = torch.full(self.size, -1, dtype=torch.int64, device=self.device)

    def nearest(
        self, xyw: Tensor, faces: Tensor, orthographic: bool = False, above: Tensor | None = None, below: Tensor | None = None
    ) -> Tensor:
        """Keys [H, W] of the nearest face per pixel, optionally strictly between the keys of two earlier passes.

        xyw [V, 3] float32: pixel x, y and 1/depth (orthographic: depth > 0); faces [F, 3] int32.
        """
        out = torch.full(self.size, _EMPTY, dtype=torch.int64, device=self.device)
        low = self._nothing if above is None else above
        high = torch.full(self.size, _EMPTY, dtype=torch.int64, device=self.device) if below is None else below
        inputs = [
            wp.from_torch(xyw.contiguous(), dtype=wp.vec3),
            wp.from_torch(faces.contiguous(), dtype=wp.vec3i),
            int(orthographic),
            *(wp.from_torch(t) for t in (low, high, out)),
        ]
        wp.launch(_rasterize, dim=len(faces), inputs=inputs, device=wp.device_from_torch(self.device))
        return out

    def fragments(self, keys: Tensor, xyw: Tensor, faces: Tensor) -> Fragments:
        """Covered pixels of a perspective pass with their face, barycentrics and depth."""
        y, x = torch.nonzero(keys < _EMPTY, as_tuple=True)
        face = keys[y, x] & ((1 << _FACE_BITS) - 1)
        a, b, c = (xyw[faces[face, k].long()] for k in range(3))
        px, py = x + 0.5, y + 0.5
        area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
        wa = ((b[:, 0] - px) * (c[:, 1] - py) - (b[:, 1] - py) * (c[:, 0] - px)) / area
        wb = ((c[:, 0] - px) * (a[:, 1] - py) - (c[:, 1] - py) * (a[:, 0] - px)) / area
        scaled = torch.stack((wa * a[:, 2], wb * b[:, 2], (1 - wa - wb) * c[:, 2]), 1)
        inverse = scaled.sum(1)
        return Fragments(y, x, face, scaled / inverse[:, None], 1.0 / inverse)


def key_depth_m(keys: Tensor) -> Tensor:
    """Depth in metres of a key image; infinity where nothing was drawn."""
    depth = (keys >> _FACE_BITS).double() * _DEPTH_UNIT
    return torch.where(keys < _EMPTY, depth, torch.inf).float()
