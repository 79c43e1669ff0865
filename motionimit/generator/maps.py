"""Portrait and drawn frame → the maps that the generator sees (`inputs.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from ..avatar.portrait import Portrait
from ..body.model import BodyModel
from ..flow.fusion import density, fused
from ..flow.raster import rasterize
from ..flow.transfer import Warped
from ..geometry.camera import Camera
from .inputs import STRIDE_PX, SourceMaps, TargetMaps, group_table

_COARSE = 2  # the body is drawn at half resolution: its maps are smooth
_SAMPLED = 1e-3


@dataclass(frozen=True, slots=True)
class Box:
    """A crop of the frame whose sides are multiples of 16; it may stick out of the frame."""

    left: int
    top: int
    width: int
    height: int


def source_maps(portrait: Portrait, model: BodyModel) -> tuple[SourceMaps, float]:
    """One photo's maps (B = N = 1) at about the output's resolution, and their pixels per texture pixel."""
    scale = min(1.0, portrait.params.camera.focal_px / portrait.window.focal_px)
    height, width = (max(8, round(n * scale)) for n in portrait.photo.shape[:2])
    photo = portrait.photo.permute(2, 0, 1)[None].float() / 255
    rgba = torch.cat((photo[:, :3] * photo[:, 3:], photo[:, 3:]), 1)
    if scale < 1:
        rgba = interpolate(rgba, (height, width), mode="bilinear", antialias=True)
    regions = interpolate(portrait.regions[None, None].float(), (height, width))[0, 0].long()
    vertices = model.mesh(portrait.params).vertices_m[0]
    window = portrait.window.resized(width, height)
    body, place = _body_maps(model, vertices, _rest(portrait, model), window)
    more = (0, -width % STRIDE_PX, 0, -height % STRIDE_PX)
    table = group_table()
    maps = SourceMaps(
        rgb=pad(rgba[:, :3], more)[None],
        alpha=pad(rgba[:, 3:], more)[None],
        parsing=pad(table[regions], more, value=-1)[None, None],
        body=pad(table[body], more, value=-1)[None, None],
        place=pad(place, more)[None, None],
    )
    return maps, scale


def stacked(sources: Sequence[SourceMaps]) -> SourceMaps:
    """Several photos of one person (B = 1, N = 1 each) as one (B = 1, N): windows are padded to the largest."""
    height, width = (max(s.rgb.shape[k] for s in sources) for k in (-2, -1))

    def joined(name: str, value: float = 0.0) -> Tensor:
        planes = [getattr(s, name) for s in sources]
        return torch.cat([pad(p, (0, width - p.shape[-1], 0, height - p.shape[-2]), value=value) for p in planes], 1)

    return SourceMaps(joined("rgb"), joined("alpha"), joined("parsing", -1), joined("body", -1), joined("place"))


class TargetMapper:
    """Turns drawn frames of one person (one `Warped` per photo) into `TargetMaps`. Lives on one device."""

    def __init__(
        self, portraits: Sequence[Portrait], scales: Sequence[float], model: BodyModel, device: torch.device | str
    ) -> None:
        """`scales`: what `source_maps` gave with each photo."""
        self.device, self.model = torch.device(device), model.to(device)
        self._scales = scales
        self._rest = _rest(portraits[0], model).to(self.device)
        self._table = group_table().to(self.device)
        self._regions = [self._table[a.regions.long().to(self.device)] for a in portraits]

    def maps(
        self, drawn: Sequence[Warped], transforms: Tensor, camera: Camera, box: Box, rgba: Tensor | None = None
    ) -> TargetMaps:
        """The crop `box` of one frame: `drawn` [N] whole frames, the pose `transforms` [24, 4, 4] and the frame's `camera`.

        `rgba` [H, W, 4]: what `fused` makes of them, where the caller has it already.
        """
        parts = [self._photo(w, k, box) for k, w in enumerate(drawn)]
        known = torch.stack([p[1] for p in parts])
        merged, (confidence, best) = cropped((fused(drawn) if rgba is None else rgba).permute(2, 0, 1), box), known.max(0)
        parsing = torch.stack([p[2] for p in parts]).gather(0, best[None])[0, 0]
        body, place = self._body(transforms, camera, box)
        return TargetMaps(
            rgba=merged[None],
            confidence=confidence[None],
            source_px=torch.stack([p[0] for p in parts])[None],
            seen=known[None],
            parsing=torch.where(merged[3] > 0.5, parsing, -1)[None],
            body=body[None],
            place=place[None],
        )

    def _photo(self, warped: Warped, k: int, box: Box) -> tuple[Tensor, Tensor, Tensor]:
        """source_px [2, H, W], seen [1, H, W] and parsing [1, H, W] of photo k."""
        texel = cropped(warped.source_px.permute(2, 0, 1), box)
        seen = cropped(warped.confidence[None], box) * density(texel)
        regions = self._regions[k]
        x, y = (texel[i].long().clamp(0, regions.shape[1 - i] - 1) for i in (0, 1))
        return texel * self._scales[k], seen, regions[y, x][None]

    def regions_of(self, vertices_m: Tensor, camera: Camera, box: Box) -> Tensor:
        """[H, W] int64 groups of the bare body with the posed vertices [V, 3], in a crop of the frame."""
        view = camera.cropped(box.left, box.top, box.width, box.height)
        return self._table[_body_maps(self.model, vertices_m, self._rest, view)[0]]

    def _body(self, transforms: Tensor, camera: Camera, box: Box) -> tuple[Tensor, Tensor]:
        pose = transforms.to(self.device, torch.float32)
        blended = (self.model.weights.float() @ pose[:, :3].reshape(24, 12)).reshape(-1, 3, 4)
        vertices = (blended[..., :3] @ self._rest[..., None])[..., 0] + blended[..., 3]
        view = camera.cropped(box.left, box.top, box.width, box.height).resized(box.width // _COARSE, box.height // _COARSE)
        body, place = _body_maps(self.model, vertices, self._rest, view)
        groups = interpolate(self._table[body][None, None].float(), scale_factor=float(_COARSE))[0, 0].long()
        return groups, interpolate(place[None], scale_factor=float(_COARSE))[0]


def box_of(alpha: Tensor, margin_px: int) -> Box | None:
    """The box round what is drawn in alpha [H, W], grown by a margin and snapped to the 16 px lattice; None where nothing is."""
    rows, columns = ((alpha > _SAMPLED).any(k).nonzero() for k in (1, 0))
    if not len(rows):
        return None
    (top, bottom), (left, right) = ((int(r[0]) - margin_px, int(r[-1]) + 1 + margin_px) for r in (rows, columns))
    top, left = (STRIDE_PX * (n // STRIDE_PX) for n in (top, left))
    bottom, right = (-STRIDE_PX * (-n // STRIDE_PX) for n in (bottom, right))
    return Box(left, top, right - left, bottom - top)


def _rest(portrait: Portrait, model: BodyModel) -> Tensor:
    return model.rest(portrait.params.betas)[0]


def _body_maps(model: BodyModel, vertices: Tensor, rest: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
    """The bare body seen by `camera`: region [h, w] int64 (-1 off it); rest position and facing [4, h, w]."""
    screen = torch.cat((camera.project(vertices), -vertices[:, 2:].clamp_max(-0.05)), 1)
    raster = rasterize(screen, model.faces, camera.size_px)
    hit = raster.face >= 0
    face = raster.face[hit]
    corner, bary = model.faces[face], raster.barycentric[hit][..., None]
    a, b, c = vertices[corner].unbind(1)
    normal = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=1)
    view = torch.nn.functional.normalize(-a, dim=1)
    place = rest.new_zeros(*hit.shape, 4)
    place[hit] = torch.cat(((rest[corner] * bary).sum(1), (normal * view).sum(1, keepdim=True)), 1)
    region = torch.where(hit, model.region_of_face[raster.face.clamp_min(0)], -1)
    return region, place.permute(2, 0, 1).contiguous()


def cropped(plane: Tensor, box: Box, held: bool = False) -> Tensor:
    """[C, H, W] of a whole frame → [C, box.height, box.width]; outside the frame zeros, or the border's values where `held`."""
    right, bottom = box.left + box.width, box.top + box.height
    inner = plane[:, max(box.top, 0) : max(bottom, 0), max(box.left, 0) : max(right, 0)]
    before = (min(max(-box.left, 0), box.width), min(max(-box.top, 0), box.height))
    more = (before[0], box.width - inner.shape[2] - before[0], before[1], box.height - inner.shape[1] - before[1])
    return pad(inner[None], more, mode="replicate")[0] if held else pad(inner, more)
