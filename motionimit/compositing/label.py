"""Pictures of pictures: labels, side-by-side panels and contact sheets. Pure functions on [H, W, 3] uint8 RGB arrays."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

FONT = cv2.FONT_HERSHEY_SIMPLEX
GAP_PX = 4
PAPER = 255  # grey level between cells


def label(rgb: np.ndarray, text: str) -> np.ndarray:
    """A copy of [H, W, 3] uint8 `rgb` with `text` in white on a dark strip per line in its upper left corner.

    The text's size follows the picture's height (about 1/25 of it, at least readable at 10 px); only ASCII is drawn as is.
    """
    out = np.ascontiguousarray(rgb).copy()
    scale = max(0.38, out.shape[0] / 25 / 22)  # a Hershey capital is about 22 px high at scale 1
    thickness = max(1, round(scale * 1.4))
    top = 0
    for line in text.split("\n"):
        (width, height), base = cv2.getTextSize(line, FONT, scale, thickness)
        pad = max(2, height // 3)
        bottom = top + height + base + 2 * pad
        strip = out[top:bottom, : width + 2 * pad]
        strip[:] = strip // 4
        cv2.putText(out, line, (pad, top + pad + height), FONT, scale, (255, 255, 255), thickness, cv2.LINE_AA)
        top = bottom
    return out


def fit_height(rgb: np.ndarray, height_px: int) -> np.ndarray:
    """Scale [H, W, 3] uint8 to `height_px`, keeping its aspect; area filter down, cubic up."""
    height, width = rgb.shape[:2]
    if height == height_px:
        return rgb
    size = (max(1, round(width * height_px / height)), height_px)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if height_px < height else cv2.INTER_CUBIC))


def side_by_side(panels: Sequence[np.ndarray], height_px: int) -> np.ndarray:
    """Panels scaled to one height, left to right, without gaps; width and height are even, as H.264 wants.

    An odd last column or row is filled by repeating the edge. Raises ValueError without panels.
    """
    if not panels:
        raise ValueError("side_by_side needs at least one panel")
    row = np.concatenate([fit_height(p, height_px) for p in panels], axis=1)
    return np.pad(row, ((0, row.shape[0] % 2), (0, row.shape[1] % 2), (0, 0)), mode="edge")


def grid(rows: Sequence[Sequence[np.ndarray]], cell_height_px: int) -> np.ndarray:
    """Rows of pictures, each scaled to `cell_height_px`, on white with a small gap; short rows end early.

    Columns are as wide as their widest cell, cells are centred in them. Raises ValueError where there is no picture at all.
    """
    scaled = [[fit_height(cell, cell_height_px) for cell in row] for row in rows]
    columns = max((len(row) for row in scaled), default=0)
    if columns == 0:
        raise ValueError("grid needs at least one picture")
    widths = [max(row[c].shape[1] for row in scaled if c < len(row)) for c in range(columns)]
    height = len(scaled) * (cell_height_px + GAP_PX) + GAP_PX
    sheet = np.full((height, sum(widths) + (columns + 1) * GAP_PX, 3), PAPER, np.uint8)
    for r, row in enumerate(scaled):
        top = GAP_PX + r * (cell_height_px + GAP_PX)
        for c, cell in enumerate(row):
            left = sum(widths[:c]) + (c + 1) * GAP_PX + (widths[c] - cell.shape[1]) // 2
            sheet[top : top + cell_height_px, left : left + cell.shape[1]] = cell
    return sheet


def contact_sheet(
    photo: np.ndarray,
    rows: Sequence[tuple[str, Sequence[np.ndarray]]],
    times_s: Sequence[float],
    cell_height_px: int = 240,
) -> np.ndarray:
    """The photo at the left, and beside it one row of frames per (name, frames), under each other at the same moments.

    Args:
        photo: [H, W, 3] uint8.
        rows: name and frames of each row, for example driver and result; frames are [h, w, 3] uint8.
        times_s: moment of each column in seconds, written on the first row's frames.
    Returns [H', W', 3] uint8. Raises ValueError where a row has not one frame per moment.
    """
    cells: list[list[np.ndarray]] = []
    for r, (name, frames) in enumerate(rows):
        if len(frames) != len(times_s):
            raise ValueError(f"row '{name}' has {len(frames)} frames for {len(times_s)} moments")
        small = [fit_height(f, cell_height_px) for f in frames]
        texts = [f"{t:.2f} s" if r == 0 else "" for t in times_s]
        texts[0] = f"{name} {texts[0]}".strip()
        cells.append([label(f, text) if text else f for f, text in zip(small, texts, strict=True)])
    body = grid(cells, cell_height_px)
    left = label(fit_height(photo, body.shape[0] - 2 * GAP_PX), "photo")
    return grid([[left, body[GAP_PX:-GAP_PX]]], body.shape[0] - 2 * GAP_PX)
