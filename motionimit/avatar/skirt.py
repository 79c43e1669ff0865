"""Skirts, dresses and coats: cloth that spans both legs and must not split when they part."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from ..body.parts import Part
from ..flow.raster import Raster
from .posed import PosedBody

FULLNESS = 1.4  # a row is cloth when the matte is this much wider than the bare legs in it, in one run across both
LEAST_OF_LEG = 0.18  # shorter than this share of the leg it is a belt, a jacket's hem or noise
HEM_STEP = 1.3  # at a hem the matte narrows at least this much; trousers end in shoes instead
FLOOR_LENGTH_FULLNESS = 1.8  # cloth down to the feet needs no step, but must be this full
HEM_COLOR_STEP = 18.0  # Lab distance between a narrow skirt and the legs under it
SKIN_TONE_STEP = 13.0  # the same in a and b only, between bare legs and the face
NARROW_HEM_END = 0.62  # of the leg's length from the top; lower steps in colour are shoes and trouser legs
DRAPE_M = 0.015  # cloth hangs this far before the bare body
PELVIS, HIPS, KNEES, ANKLES = 0, (1, 2), (4, 5), ((7, 10), (8, 11))


def find_skirt(body: PosedBody, rgb: np.ndarray, matte: np.ndarray, label: np.ndarray) -> np.ndarray:
    """[h, w] bool: the cloth between crotch and hem, empty for trousers and bare legs. rgb [h, w, 3] 0..1, matte [h, w].

    Full skirts show by their width: one run of matte covers both legs and is `FULLNESS` times as wide, so gaps
    between parted legs and flared hems count alike. Narrow ones show by their hem: closed cloth above, face-toned skin below.
    """
    legs = [np.isfinite(body.parts[p].front.depth_m.numpy()) for p in (Part.LEFT_LEG, Part.RIGHT_LEG)]
    extents = [_extent(leg) for leg in legs]
    empty = np.zeros(matte.shape, bool)
    if extents[0] is None or extents[1] is None:
        return empty
    first, last = min(extents[0][0], extents[1][0]), max(extents[0][1], extents[1][1])
    is_leg = (label == Part.LEFT_LEG) | (label == Part.RIGHT_LEG)
    width = np.zeros(matte.shape[0])
    for y in range(first, last + 1):
        run = _run_across(matte[y] > 0.5, legs[0][y], legs[1][y])
        width[y] = run[1] - run[0] if run is not None else 0
    fullness = width / np.maximum((legs[0] | legs[1]).sum(1), 1)
    end = _full_skirt_end(fullness, matte, first, last)
    if end is None:
        end = _narrow_skirt_end(width > 0, rgb, is_leg & (matte > 0.5), (label == Part.HEAD) & (matte > 0.5), first, last)
    if end is None:
        return empty
    skirt = is_leg & (matte > 0.02)
    skirt[end:] = False
    return skirt


def _full_skirt_end(fullness: np.ndarray, matte: np.ndarray, first: int, last: int) -> int | None:
    """One past the hem's row of cloth that is wider than the legs, None where there is none."""
    kernel = np.ones((max(3, (last - first) // 12), 1), np.uint8)
    cloth = cv2.morphologyEx((fullness > FULLNESS).astype(np.uint8)[:, None], cv2.MORPH_CLOSE, kernel)[:, 0] > 0
    start, end = _longest_run(cloth, first, last + 1)
    if end - start < LEAST_OF_LEG * (last - first + 1) or start > (first + last) // 2:
        return None
    return end if _is_hem(matte, end - 1, first, last, float(np.median(fullness[start:end]))) else None


def _narrow_skirt_end(
    closed: np.ndarray, rgb: np.ndarray, leg: np.ndarray, head: np.ndarray, first: int, last: int
) -> int | None:
    """One past the row, well above the feet, where closed cloth gives way to skin; None where there is none."""
    lab = cv2.cvtColor(rgb.astype(np.float32), cv2.COLOR_RGB2Lab)
    count = np.maximum(leg.sum(1), 1)
    mean = (lab * leg[..., None]).sum(1) / count[:, None]
    length = last - first + 1
    reach = max(2, length // 25)
    extent = _extent(head)
    if extent is None:
        return None
    face = head.copy()
    face[: extent[0] + (extent[1] - extent[0]) // 3] = False  # hair and forehead
    skin = np.median(lab[face], axis=0)
    best, end = HEM_COLOR_STEP, None
    for y in range(first + int(LEAST_OF_LEG * length), first + int(NARROW_HEM_END * length)):
        if closed[first + reach : y - reach].mean() < 0.9 or not leg[y + 2 * reach].any():
            continue
        above, below = mean[y - 2 * reach : y - reach].mean(0), mean[y + reach : y + 2 * reach].mean(0)
        step = float(np.linalg.norm(above - below))
        if step > best and np.linalg.norm((below - skin)[1:]) < SKIN_TONE_STEP:
            best, end = step, y
    return end


def _longest_run(flags: np.ndarray, first: int, last: int) -> tuple[int, int]:
    """Start and end of the longest run of True within [first, last)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags[first:last].astype(int), [0]))))
    if not len(edges):
        return first, first
    runs = edges.reshape(-1, 2)
    start, end = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    return first + int(start), first + int(end)


def _is_hem(matte: np.ndarray, hem: int, first: int, last: int, fullness: float) -> bool:
    """Whether the cloth's lowest row ends a skirt (the matte narrows under it, or it falls full to the floor), not trousers."""
    reach = max(2, (last - first) // 20)
    if hem + 2 * reach >= last:
        return fullness > FLOOR_LENGTH_FULLNESS
    above = (matte[max(first, hem - 2 * reach) : hem + 1] > 0.5).sum(1).max()
    below = (matte[hem + reach : hem + 2 * reach] > 0.5).sum(1).mean()
    return bool(above > HEM_STEP * max(below, 1.0))


def _extent(mask: np.ndarray) -> tuple[int, int] | None:
    rows = np.flatnonzero(mask.any(1))
    return (int(rows[0]), int(rows[-1])) if len(rows) else None


def _run_across(row: np.ndarray, left: np.ndarray, right: np.ndarray) -> tuple[int, int] | None:
    """First and one-past-last column of the run of `row` that holds the middles of both legs; None where a gap parts them.

    Their outer edges don't count: a hip that the fit has too wide reaches over the gap to the hand beside it.
    """
    a, b = np.flatnonzero(left & row), np.flatnonzero(right & row)
    if not len(a) or not len(b):
        return None
    low, high = sorted((int(np.median(a)), int(np.median(b))))
    if not row[low : high + 1].all():
        return None
    outside = np.flatnonzero(~row)
    before, after = outside[outside < low], outside[outside > high]
    return (int(before[-1]) + 1 if len(before) else 0), (int(after[0]) if len(after) else len(row))


def lower_body(body: PosedBody) -> tuple[Raster, Raster]:
    """Nearest front and farthest back surface of legs and trunk together, draped."""
    parts = (Part.LEFT_LEG, Part.RIGHT_LEG, Part.TRUNK)
    front = _merge([body.parts[p].front for p in parts], nearest=True)
    back = _merge([body.parts[p].back for p in parts], nearest=False)
    return Raster(front.face, front.barycentric, front.depth_m - DRAPE_M), Raster(
        back.face, back.barycentric, back.depth_m + DRAPE_M
    )


def _merge(rasters: list[Raster], nearest: bool) -> Raster:
    depth = torch.stack([r.depth_m for r in rasters])
    order = depth if nearest else torch.where(depth.isfinite(), -depth, torch.inf)
    pick = order.argmin(0, keepdim=True)
    face = torch.stack([r.face for r in rasters]).gather(0, pick)[0]
    bary = torch.stack([r.barycentric for r in rasters]).gather(0, pick[..., None].expand(-1, -1, -1, 3))[0]
    return Raster(face, bary, depth.gather(0, pick)[0])


def drape_weights(skin: np.ndarray, width_cells: float) -> np.ndarray:
    """Skinning weights [rows, columns, 24] of cloth: shins follow thighs by half, both sides flow together, the waist pulls.

    `width_cells`: the skirt's width in grid cells; weights are mixed across about a third of it.
    """
    out = skin.copy()
    for hip, knee, below in zip(HIPS, KNEES, ANKLES, strict=True):
        shin = out[..., knee] + out[..., list(below)].sum(-1)
        out[..., list(below)] = 0
        out[..., hip] += 0.5 * shin
        out[..., knee] = 0.5 * shin
    sigma = max(1.0, width_cells / 4)
    out = np.stack(
        [cv2.GaussianBlur(np.ascontiguousarray(out[..., j]), (0, 0), sigma, sigmaY=sigma / 3) for j in range(out.shape[-1])], -1
    )
    out /= np.maximum(out.sum(-1, keepdims=True), 1e-8)
    out *= 0.8
    out[..., PELVIS] += 0.2
    return out
