"""Shells: the photo's own silhouette as a relief on the fitted body.

Each part's layer becomes a grid of vertices over its pixels. Depth and skinning weights come from the part's bare body and run on
outside it, so that clothes and hair beyond the bare silhouette are carried along, and the source pose gives the photo back.
A front and a back relief meet at the silhouette (the construction of Weng et al. 2019, "Photo Wake-Up").
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from ..body.parts import Part
from ..flow.raster import Raster
from ..flow.surface import Surface, top_bones
from .fill import nearest_index
from .layers import BEHIND, SKIRT
from .posed import PosedBody
from .skirt import drape_weights, lower_body
from .underlay import unpose
from .volume import ReliefGrid, with_hair

FRONT_CONFIDENCE, BACK_CONFIDENCE = 1.0, 0.6
ALPHA_KEPT = 0.02
TEAR_M, TEAR_STRETCH = 0.05, 2.5  # a cell longer than this in the rest pose, and this many times longer than in the photo, tears
RIM_M = 0.03  # outside the bare body the two reliefs close to its middle plane over this distance


def part_shells(body: PosedBody, part: Part, alpha: np.ndarray, weights: Tensor, faces: Tensor, cell_px: float) -> list[Surface]:
    """The front and back relief of one part's layer; none where the layer is empty.

    alpha [h, w] of the layer; weights [V, 24] and faces [F, 3] of the body model; cell_px: grid spacing in texture pixels.
    """
    view = body.parts[part]
    grid = _grid(view.front, view.back, body.camera.focal_px, alpha, weights, faces, cell_px)
    if grid is None:
        return []
    if part == Part.HEAD:
        grid = with_hair(body, grid, alpha)
    skin = _smooth_weights(grid.skin)
    return [_relief(body, grid, skin, int(part), True), _relief(body, grid, skin, int(BEHIND.get(part, part)), False)]


def skirt_shells(body: PosedBody, alpha: np.ndarray, weights: Tensor, faces: Tensor, cell_px: float) -> list[Surface]:
    """The front and back relief of the skirt's layer: one cloth over both legs."""
    grid = _grid(*lower_body(body), body.camera.focal_px, alpha, weights, faces, cell_px)
    if grid is None:
        return []
    skin = drape_weights(grid.skin, float(grid.cells.any(0).sum()))
    return [_relief(body, grid, skin, SKIRT, front) for front in (True, False)]


def _grid(
    front: Raster, back: Raster, focal_px: float, alpha: np.ndarray, weights: Tensor, faces: Tensor, cell_px: float
) -> ReliefGrid | None:
    covered = np.isfinite(front.depth_m.numpy()) & np.isfinite(back.depth_m.numpy())
    cells = _cells(alpha, cell_px)
    if not covered.any() or not cells.any():
        return None
    rows, columns = cells.shape
    y, x = (np.mgrid[: rows + 1, : columns + 1] * cell_px).astype(np.float32)
    inside_y, inside_x = np.minimum(y, alpha.shape[0] - 1).astype(int), np.minimum(x, alpha.shape[1] - 1).astype(int)
    index, distance = nearest_index(covered)
    nearest, distance = index[inside_y, inside_x], distance[inside_y, inside_x]
    near, far = (r.depth_m.numpy().reshape(-1)[nearest] for r in (front, back))
    reach = RIM_M * focal_px / float(np.median(near))
    skin = _weights_at(front.face, front.barycentric, nearest, weights, faces)
    return ReliefGrid(np.stack((x, y), -1), near, far, np.clip(distance / reach, 0, 1), skin, cells)


def _relief(body: PosedBody, grid: ReliefGrid, skin: np.ndarray, layer: int, front: bool) -> Surface:
    """One side: on the body's surface, closing to its middle plane outside the bare silhouette."""
    depth = grid.near if front else grid.far
    depth = depth + ((grid.near + grid.far) / 2 - depth) * grid.closing
    relief = cv2.GaussianBlur(depth.astype(np.float32), (0, 0), 1.0)
    return _surface(body, grid.uv, relief, skin, grid.cells, _used_vertices(grid.cells), layer, front)


def _cells(alpha: np.ndarray, cell_px: float) -> np.ndarray:
    """[rows, columns] bool: grid cells in which the layer is visible anywhere."""
    rows, columns = int(np.ceil(alpha.shape[0] / cell_px)), int(np.ceil(alpha.shape[1] / cell_px))
    seen = np.zeros((rows, columns), bool)
    y, x = np.nonzero(alpha > ALPHA_KEPT)
    seen[(y / cell_px).astype(int), (x / cell_px).astype(int)] = True
    return seen


def _used_vertices(cells: np.ndarray) -> np.ndarray:
    used = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1), bool)
    for dy in (0, 1):
        for dx in (0, 1):
            used[dy : dy + cells.shape[0], dx : dx + cells.shape[1]] |= cells
    return used


def _weights_at(face: Tensor, barycentric: Tensor, flat: np.ndarray, weights: Tensor, faces: Tensor) -> np.ndarray:
    """Skinning weights [.., 24] at flat pixel indices."""
    pixel = torch.from_numpy(flat.reshape(-1))
    corner = weights[faces[face.reshape(-1)[pixel]]]  # [P, 3, 24]
    blended = (corner * barycentric.reshape(-1, 3)[pixel][..., None]).sum(1)
    return blended.reshape(*flat.shape, -1).numpy()


def _smooth_weights(skin: np.ndarray) -> np.ndarray:
    out = np.stack([cv2.GaussianBlur(np.ascontiguousarray(skin[..., j]), (0, 0), 1.2) for j in range(skin.shape[-1])], -1)
    return out / np.maximum(out.sum(-1, keepdims=True), 1e-8)


def _surface(
    body: PosedBody,
    uv: np.ndarray,
    depth: np.ndarray,
    skin: np.ndarray,
    cells: np.ndarray,
    used: np.ndarray,
    layer: int,
    front: bool,
) -> Surface:
    number = np.cumsum(used).reshape(used.shape) - 1
    r, c = np.nonzero(cells)
    tl, tr, bl, br = number[r, c], number[r, c + 1], number[r + 1, c], number[r + 1, c + 1]
    faces = np.concatenate((np.stack((tl, bl, tr), 1), np.stack((tr, bl, br), 1)))
    if not front:
        faces = faces[:, ::-1]
    uv_px = torch.from_numpy(uv[used])
    weights = torch.from_numpy(skin[used]).float()
    posed = body.camera.unproject(uv_px, -torch.from_numpy(depth[used]))
    bones, heaviest = top_bones(weights)
    rest = unpose(body.transforms, bones, heaviest, posed)
    corners, source, follows = _detached(faces, _torn(faces, posed.numpy(), rest.numpy()), heaviest)
    uv_px, posed, bones, heaviest = uv_px[source], posed[source], bones[follows], heaviest[follows]
    rest = unpose(body.transforms, bones, heaviest, posed)
    count = len(corners)
    return Surface(
        rest_m=rest,
        bones=bones,
        weights=heaviest,
        uv_px=uv_px.float().contiguous(),
        faces=corners.to(torch.int32).contiguous(),
        layer=torch.full((count,), layer, dtype=torch.int32),
        bias_m=torch.zeros(count),
        confidence=torch.full((count,), FRONT_CONFIDENCE if front else BACK_CONFIDENCE),
    )


def _torn(faces: np.ndarray, posed: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """[F] bool: cells between surfaces that touch in the picture alone, such as a folded arm's; unfolded they would be spikes."""
    longest = []
    for vertices in (posed, rest):
        corners = vertices[faces]
        longest.append(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1).max(1))
    return (longest[1] > TEAR_M) & (longest[1] > TEAR_STRETCH * longest[0])


def _detached(faces: np.ndarray, torn: np.ndarray, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Faces [F, 3] of which the torn ones have vertices of their own; for every vertex, which old one it is and which it follows.

    All three corners of a torn cell follow its most rigid one, so that it neither stretches into a spike nor leaves a hole.
    """
    corners, loose = torch.from_numpy(np.ascontiguousarray(faces)).long(), torch.from_numpy(torn)
    own = corners[loose]  # [N, 3]
    leader = own.gather(1, weights[own, 0].argmax(1, keepdim=True)).expand_as(own)
    count = len(weights)
    corners[loose] = torch.arange(count, count + own.numel()).reshape(-1, 3)
    old = torch.arange(count)
    return corners, torch.cat((old, own.reshape(-1))), torch.cat((old, leader.reshape(-1)))
