"""The log of a run: one JSON object per line, readable after any crash, and its curves as a picture."""

from __future__ import annotations

import io
import json
import math
import os
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from .checkpoint import write_whole, writing

PANEL_PX = (360, 200)
_COLUMNS = 3
_MARGIN_PX = 34
_INK, _FAINT, _LINE = (30, 30, 30), (215, 215, 215), (30, 90, 200)
_NOT_CURVES = ("step", "seconds")


def read_log(path: Path) -> list[dict[str, Any]]:
    """All complete lines; one that a crash cut short is left out. Empty without the file."""
    entries: list[dict[str, Any]] = []
    if not path.exists():
        return entries
    for line in path.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and "step" in entry:
            entries.append(entry)
    return entries


class Logbook:
    """Appends entries to a file. Opened at a step, it drops what an earlier run wrote beyond: those steps are done again."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        kept = [entry for entry in read_log(path) if entry["step"] <= step]
        write_whole(path, "".join(_line(e) for e in kept).encode())

    def add(self, entry: dict[str, Any]) -> None:
        """Append one entry and hand it to the system at once. Raises `BadInput` where that fails."""
        with writing(self.path), self.path.open("ab") as file:
            file.write(_line(entry).encode())
            file.flush()
            os.fsync(file.fileno())


def write_curves(log: Path, picture: Path) -> None:
    """Draw every quantity of the log over the steps, one panel each, as a PNG. Raises `BadInput`."""
    entries = read_log(log)
    names = [name for name in dict.fromkeys(k for e in entries for k in e) if name not in _NOT_CURVES]
    if not names:
        return
    rows = math.ceil(len(names) / _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * PANEL_PX[0], rows * PANEL_PX[1]), "white")
    for k, name in enumerate(names):
        points = [(float(e["step"]), float(e[name])) for e in entries if isinstance(e.get(name), (int, float))]
        sheet.paste(_panel(name, points), ((k % _COLUMNS) * PANEL_PX[0], (k // _COLUMNS) * PANEL_PX[1]))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_whole(picture, buffer.getbuffer())


def _panel(name: str, points: list[tuple[float, float]]) -> Image.Image:
    image = Image.new("RGB", PANEL_PX, "white")
    draw = ImageDraw.Draw(image)
    points = [p for p in points if math.isfinite(p[1])]
    if not points:
        return image
    (left, top), (right, bottom) = (_MARGIN_PX + 16, _MARGIN_PX // 2 + 6), (PANEL_PX[0] - 10, PANEL_PX[1] - _MARGIN_PX // 2)
    x0, x1 = points[0][0], max(points[-1][0], points[0][0] + 1)
    values = sorted(v for _, v in points)
    low, high = min(0.0, values[0]), values[min(len(values) - 1, int(0.99 * len(values)))]  # a spike mustn't flatten the rest
    high = high if high > low else low + 1
    across, up = (right - left) / (x1 - x0), (bottom - top) / (high - low)
    place = [(left + (step - x0) * across, bottom - (min(value, high) - low) * up) for step, value in points]
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * (bottom - top)
        draw.line((left, y, right, y), fill=_FAINT)
        draw.text((2, y - 6), f"{low + share * (high - low):.3g}", fill=_INK)
    draw.text((left, 2), f"{name}: {points[-1][1]:.4g} at step {points[-1][0]:.0f}", fill=_INK)
    draw.line(place, fill=_LINE, width=1)
    return image


def _line(entry: dict[str, Any]) -> str:
    return json.dumps({k: round(v, 6) if isinstance(v, float) else v for k, v in entry.items()}) + "\n"
