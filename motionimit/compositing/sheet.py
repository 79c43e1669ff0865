"""A contact sheet from files: photo, and driver and result at the same moments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import BadInput
from ..media.image import read_photo, write_png
from ..media.reader import VideoReader
from .label import contact_sheet


def sample_frames(path: Path, times_s: Sequence[float], start_s: float = 0.0, max_side_px: int | None = None) -> list[np.ndarray]:
    """The frame shown at each of the ascending `times_s` after `start_s`, [H, W, 3] uint8;
    the last frame stands for all later times.

    Only the chosen frames are kept in memory. Raises `BadInput`.
    """
    chosen: list[np.ndarray] = []
    with VideoReader(path, start_s, max_side_px=max_side_px) as reader:
        half_frame_s = float(1 / (2 * reader.info.fps))
        last = None
        for frame in reader:
            last = frame.rgb
            while len(chosen) < len(times_s) and times_s[len(chosen)] <= frame.time_s + half_frame_s:
                chosen.append(last)
            if len(chosen) == len(times_s):
                return chosen
    if last is None:
        raise BadInput(f"'{path}' has no frame at {start_s:g} s; choose an earlier --start.")
    return chosen + [last] * (len(times_s) - len(chosen))


def moments(path: Path, columns: int) -> list[float]:
    """`columns` times in seconds, each in the middle of its share of the video; fewer where the video has fewer frames."""
    with VideoReader(path, max_side_px=64) as reader:
        frames = reader.frames or sum(1 for _ in reader)
        fps = float(reader.info.fps)
    count = min(columns, frames)
    return [int((i + 0.5) * frames / count) / fps for i in range(count)]


def write_sheet(
    photo: Path, driver: Path, result: Path, output: Path, columns: int = 8, cell_height_px: int = 240, start_s: float = 0.0
) -> None:
    """Write a PNG: the photo at the left; beside it the driver (from `start_s` on) over the result. Raises `BadInput`."""
    times_s = moments(result, columns)
    rows = [
        ("driver", sample_frames(driver, times_s, start_s, max_side_px=4 * cell_height_px)),
        ("result", sample_frames(result, times_s, max_side_px=4 * cell_height_px)),
    ]
    write_png(output, contact_sheet(read_photo(photo).rgb, rows, times_s, cell_height_px))
