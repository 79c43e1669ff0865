"""The listed people of a file as one picture: numbered boxes in the frame, and everybody close."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from ..pose.listing import Listed
from .label import FONT, GAP_PX, PAPER, grid, label

THUMB_PX = (216, 288)  # width, height
_BORDER_PX = 4
_COLORS = ((214, 39, 40), (31, 119, 180), (44, 160, 44), (255, 127, 14), (148, 103, 189), (23, 190, 207), (227, 119, 194))


def people_sheet(people: Sequence[Listed]) -> np.ndarray:
    """Draw people, at least one, as numbered in the first one's frame; beside or under it one thumbnail per person with the
    options that follow them. [H, W, 3] uint8."""
    frame = people[0].frame
    top = numbered(frame, [p for p in people if p.frame is frame])
    height, width = top.shape[:2]
    thumbs = [label(thumbnail(p, _color(n)), options_text(p).replace(" --", "\n--")) for n, p in enumerate(people)]
    beside = height > width
    if beside:
        columns = math.ceil(len(thumbs) / max(height // (THUMB_PX[1] + GAP_PX), 1))
    else:
        columns = max(width // (THUMB_PX[0] + GAP_PX), 2)
    close = grid([thumbs[i : i + columns] for i in range(0, len(thumbs), columns)], THUMB_PX[1])
    y, x = (0, width + GAP_PX) if beside else (height + GAP_PX, 0)
    size = max(height + 2 * GAP_PX, y + close.shape[0]), max(width + 2 * GAP_PX, x + close.shape[1])
    sheet = np.full((*size, 3), PAPER, np.uint8)
    sheet[GAP_PX : GAP_PX + height, GAP_PX : GAP_PX + width] = top
    sheet[y : y + close.shape[0], x : x + close.shape[1]] = close
    return sheet


def options_text(person: Listed) -> str:
    """What to type to follow them, such as ``--start 3.2 --person 2``."""
    start = f"--start {person.start_s:.10g} " if person.start_s else ""
    return f"{start}--person {person.number}"


def numbered(frame: np.ndarray, people: Sequence[Listed]) -> np.ndarray:
    """A copy of [H, W, 3] uint8 with a box per person and their number over their head."""
    out = np.ascontiguousarray(frame).copy()
    thickness = max(2, round(out.shape[0] / 360))
    scale = max(0.5, out.shape[0] / 700)
    for n, person in enumerate(people):
        x0, y0, x1, y1 = (round(float(v)) for v in person.box_px)
        cv2.rectangle(out, (x0, y0), (x1 - 1, y1 - 1), _color(n), thickness)
    for n, person in enumerate(people):  # over all boxes
        (width, height), base = cv2.getTextSize(str(person.number), FONT, scale, thickness)
        x, bottom = round(person.center_px[0] - width / 2), max(round(float(person.box_px[1])), height + base + 6)
        cv2.rectangle(out, (x - 4, bottom - height - base - 6), (x + width + 4, bottom), _color(n), cv2.FILLED)
        cv2.putText(out, str(person.number), (x, bottom - base - 3), FONT, scale, (255, 255, 255), thickness, cv2.LINE_AA)
    return out


def thumbnail(person: Listed, color: tuple[int, int, int]) -> np.ndarray:
    """[288, 216, 3] uint8: the person with a little of their surroundings, framed in their colour; grey outside the frame."""
    width, height = THUMB_PX
    size = (person.box_px[2:] - person.box_px[:2]) * 1.08
    scale = float(min(width / size[0], height / size[1]))
    half = np.array(THUMB_PX) / (2 * scale)
    center = np.array((person.center_px[0], (person.box_px[1] + person.box_px[3]) / 2))
    whole = np.array(person.frame.shape[1::-1])
    center = np.where(whole > 2 * half, center.clip(half, np.maximum(whole - half, half)), center)
    matrix = np.concatenate((np.eye(2) * scale, (np.array(THUMB_PX) / 2 - scale * center)[:, None]), 1)
    matrix[:, 2] += 0.5 * (scale - 1)  # pixel centres at +0.5; OpenCV's are whole numbers
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    thumb = cv2.warpAffine(person.frame, matrix, THUMB_PX, flags=way, borderValue=(128, 128, 128))
    cv2.rectangle(thumb, (0, 0), (width - 1, height - 1), color, 2 * _BORDER_PX - 1)
    return np.asarray(thumb)


def _color(n: int) -> tuple[int, int, int]:
    return _COLORS[n % len(_COLORS)]
