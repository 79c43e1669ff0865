"""The avatar's surface for viewers that have a plain z-buffer: which faces, and where they lie in the rest pose.

Where several photos show the same surface, the one that saw it best is taken. The sides of a shell meet where their texture ends.
The underlay fills what is open still; it has no depth bias here, so it is sunk under the shells, and meant to be drawn opaque.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from ..body.gltf_parts import vertex_normals
from ..body.model import BodyModel
from .avatar import Avatar
from .portrait import Portrait

CUTOFF = 0.5  # of alpha: what is less opaque isn't drawn
SAME_SURFACE_M = 0.04  # faces of two photos this near each other in the rest pose, and facing alike, show the same surface ..
CLEARLY = 0.4  # .. and one goes where it was seen this much worse; the rest overlap, so that no gap opens between the photos
GRAZING = 0.05  # how well the back of a shell was seen, beside 1 for what faced the camera ..
UNKNOWN = 0.1  # .. and a texel that was filled in, beside 1 for one that the photo shows
NEIGHBOURS = 16
SUNK_M = 0.005  # how far the underlay lies under its shells ..
THIN_M, THIN_SHARE, OPPOSITE = 0.04, 0.3, 48  # .. or this share of a thinner limb, told by that many vertices around


@dataclass(frozen=True, slots=True)
class Triangles:
    """The faces of a portrait that can be drawn, in the rest pose."""

    rest_m: np.ndarray  # [V, 3]
    faces: np.ndarray  # [F, 3]
    under: np.ndarray  # [F] bool: of the underlay
    layer: np.ndarray  # [F]
    seen: np.ndarray  # [F] how well the photo shows them, 0..1
    middle_m: np.ndarray  # [F, 3]
    normal: np.ndarray  # [F, 3]

    def chosen(self, which: np.ndarray) -> Triangles:
        """Those where `which` [F] is True."""
        columns = (self.faces, self.under, self.layer, self.seen, self.middle_m, self.normal)
        return Triangles(self.rest_m, *(a[which] for a in columns))


def best_seen(avatar: Avatar, model: BodyModel) -> list[Triangles]:
    """Per portrait what it shows as well as any other."""
    found = [_drawable(portrait, model) for portrait in avatar.portraits]
    if len(found) == 1:
        return found
    trees = [cKDTree(t.middle_m) for t in found]
    kept = []
    for k, mine in enumerate(found):
        best = np.zeros(len(mine.seen))
        for j in (j for j in range(len(found)) if j != k):
            best = np.maximum(best, _alike(mine, found[j], trees[j]).max(1))
        lead = np.log((mine.seen + UNKNOWN * GRAZING) / (best + UNKNOWN * GRAZING))
        around = trees[k].query(mine.middle_m, k=NEIGHBOURS)[1]
        kept.append(mine.chosen(np.median(lead[around], 1) >= np.log(CLEARLY)))  # neighbours agree: no speckles
    return kept


def _alike(mine: Triangles, other: Triangles, tree: cKDTree) -> np.ndarray:
    """[F, k] how well `other` saw the faces of its own that lie where mine do and face as they do; 0 for those that don't."""
    _, index = tree.query(mine.middle_m, k=NEIGHBOURS, distance_upper_bound=SAME_SURFACE_M)
    there = index < len(other.seen)
    index = np.where(there, index, 0)
    there &= (other.normal[index] * mine.normal[:, None]).sum(-1) > 0.3
    there &= other.under[index] == mine.under[:, None]
    return np.where(there, other.seen[index], 0)


def _drawable(portrait: Portrait, model: BodyModel) -> Triangles:
    """The faces that show anything of their textures."""
    surface = portrait.surface
    faces, layer, under = surface.faces.cpu().numpy(), surface.layer.cpu().numpy(), (surface.bias_m > 0).cpu().numpy()
    posed, rest = _posed(portrait, model), _closed(portrait, faces[~under], layer[~under])
    rest = _sunk(rest, faces[under])
    middle, normal = posed[faces].mean(1), _face_normals(posed, faces)
    towards = -(middle * normal).sum(1) / np.linalg.norm(middle, axis=1)
    seen = surface.confidence.cpu().numpy() * np.maximum(towards, GRAZING) * _known(portrait, faces, layer)
    every = Triangles(rest, faces, under, layer, seen, rest[faces].mean(1), _face_normals(rest, faces))
    return every.chosen(_opaque_somewhere(portrait, faces, layer))


def _known(portrait: Portrait, faces: np.ndarray, layer: np.ndarray) -> np.ndarray:
    """[F] 1 for faces whose middle the photo shows, UNKNOWN for others."""
    known = portrait.known.cpu().numpy()
    column, row = portrait.surface.uv_px.cpu().numpy()[faces].mean(1).astype(int).T
    inside = known[layer, row.clip(0, known.shape[1] - 1), column.clip(0, known.shape[2] - 1)]
    return np.where(inside, 1.0, UNKNOWN)


def _closed(portrait: Portrait, faces: np.ndarray, layer: np.ndarray) -> np.ndarray:
    """The rest vertices [V, 3] with the two sides of every shell meeting where their texture ends.

    Both sides of a vertex have its texel and skin, and lie on one ray of the photo's camera: there nothing seems to move.
    """
    surface, rest = portrait.surface, portrait.surface.rest_m.cpu().numpy().copy()
    used, first = np.unique(faces, return_index=True)
    same = np.concatenate([t.cpu().numpy().astype(np.float32)[used] for t in (surface.uv_px, surface.bones, surface.weights)], 1)
    _, group, count = np.unique(same, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(group.reshape(-1), kind="stable")
    pairs = used[order[(count == 2)[group.reshape(-1)[order]]]].reshape(-1, 2)
    if not len(pairs):
        return rest
    uv = surface.uv_px.cpu().numpy()
    cell_px = np.median(np.linalg.norm(uv[faces[:, 0]] - uv[faces[:, 1]], axis=1))
    layer_of = np.zeros(len(rest), int)
    layer_of[used] = layer[first // 3]
    inside = np.stack([_depth_inside(plane.cpu().numpy()) for plane in portrait.layers[..., 3]])
    column, row = (uv[pairs[:, 0], k].astype(int).clip(0, inside.shape[2 - k] - 1) for k in (0, 1))
    apart = (inside[layer_of[pairs[:, 0]], row, column] / cell_px).clip(0, 1)[:, None]
    middle = rest[pairs].mean(1)
    for side in pairs.T:
        rest[side] = middle + apart * (rest[side] - middle)
    return rest


def _depth_inside(alpha: np.ndarray) -> np.ndarray:
    """[h, w] distance in texels to what is cut away."""
    return cv2.distanceTransform((alpha >= 255 * CUTOFF).astype(np.uint8), cv2.DIST_L2, 5)


def _sunk(rest: np.ndarray, under: np.ndarray) -> np.ndarray:
    """The vertices [V, 3] with those of the faces `under` [F, 3] moved inwards, less where the body is thin."""
    used = np.unique(under)
    if not len(used):
        return rest
    normal = vertex_normals(rest, under)[used]
    distance, index = cKDTree(rest[used]).query(rest[used], k=OPPOSITE, distance_upper_bound=THIN_M)
    there = index < len(used)
    facing = (normal[np.where(there, index, 0)] * normal[:, None]).sum(-1)
    thickness = np.where(there & (facing < -0.3), distance, THIN_M).min(1)
    out = rest.copy()
    out[used] -= normal * np.minimum(SUNK_M, THIN_SHARE * thickness)[:, None]
    return out


def _posed(portrait: Portrait, model: BodyModel) -> np.ndarray:
    """[V, 3] the portrait's vertices as its photo saw them."""
    return portrait.surface.posed(model.transforms(portrait.params)[0]).cpu().numpy()


def _face_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = vertices[faces].swapaxes(0, 1)
    normal = np.cross(b - a, c - a)
    return normal / np.linalg.norm(normal, axis=1, keepdims=True).clip(1e-12)


def _opaque_somewhere(portrait: Portrait, faces: np.ndarray, layer: np.ndarray) -> np.ndarray:
    """[F] bool: faces in whose box of texels one reaches the cut-off. Counted in sums over rectangles (integral images)."""
    opaque = portrait.layers[..., 3].cpu().numpy() >= 255 * CUTOFF
    height, width = opaque.shape[1:]
    sums = np.zeros((len(opaque), height + 1, width + 1), np.int64)
    sums[:, 1:, 1:] = opaque.cumsum(1).cumsum(2)
    uv = portrait.surface.uv_px.cpu().numpy()[faces]
    left, top = (np.floor(uv[..., k].min(1) - 0.5).astype(int).clip(0, (width, height)[k] - 1) for k in (0, 1))
    right, bottom = (np.ceil(uv[..., k].max(1) + 0.5).astype(int).clip(1, (width, height)[k]) for k in (0, 1))
    count = sums[layer, bottom, right] - sums[layer, top, right] - sums[layer, bottom, left] + sums[layer, top, left]
    return np.asarray(count > 0)
