"""iPER's evaluation protocol as a file: which frames of a test video are sources, and which frames of which video drive."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import BadInput
from ...media.paths import shown
from .files import read_text

SOURCE_COUNTS = (1, 2, 3, 4, 8)
MODES = ("self", "cross")
TO_THE_END = 10**6 - 1  # as the last frame of a span: no video is that long

_VIDEO = re.compile(r"(\d{1,4})[/_](\d{1,4})[/_](\d{1,4})")
_FRAME = re.compile(r"0*(\d{1,6})(\.\w+)?")


@dataclass(frozen=True, slots=True)
class ProtocolVideo:
    """One test video's entry. Frames are numbers from 0 in the video's own order; spans include their last frame."""

    video: str  # 'actor/outfit/action': 1 turns round in an A-pose, 2 moves freely
    sources: Mapping[int, tuple[int, ...]]  # by how many there are, frontal first
    yaw_deg: tuple[tuple[int, int], ...]  # (frame, view angle) of the eight views, as far as the video shows them
    driver: Mapping[str, tuple[str, int, int]]  # by mode: (video, first, last)
    real: tuple[int, int] | None  # frames of this video that cross-imitation's result is compared with as a set


def video_id(text: str) -> str | None:
    """``001/9/1`` or ``001_9_1`` → '001/9/1'; None for anything else, so that no path leads out of the data set."""
    match = _VIDEO.fullmatch(text.strip())
    return None if match is None else "/".join(match.groups())


def read_split(path: Path) -> list[str]:
    """The videos of ``train.txt`` or ``val.txt``, one ``001/9/1`` a line. Raises `BadInput` with the line's number."""
    videos: dict[str, None] = {}
    for number, line in enumerate(read_text(path, "iPER split").splitlines(), 1):
        if not line.strip():
            continue
        video = video_id(line)
        if video is None:
            raise BadInput(f"Line {number} of {shown(path)} is no video like 001/9/1; mend or remove it.")
        videos[video] = None
    if not videos:
        raise BadInput(f"The iPER split {shown(path)} names no videos; download it again.")
    return list(videos)


def read_protocol(path: Path) -> list[ProtocolVideo]:
    """The test videos of ``iPER_protocol.json`` in its order. Raises `BadInput` with the video and what is wrong with it."""
    try:
        data = json.loads(read_text(path, "iPER protocol"))
    except (ValueError, RecursionError) as error:
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise BadInput(f"The iPER protocol {shown(path)} is not JSON{where}; download it again.") from None
    videos = data.get("val") if isinstance(data, dict) else None
    if not isinstance(videos, dict) or not videos:
        raise BadInput(f'The iPER protocol {shown(path)} has no test videos under "val"; is it another project\'s file?')
    out = []
    for name, entry in videos.items():
        try:
            out.append(_entry(name, entry))
        except _Wrong as wrong:
            shown_name = name if len(name) <= 40 and name.isprintable() else ascii(name[:40])
            raise BadInput(
                f"The video '{shown_name}' in {shown(path)} {wrong}; mend it, or download the protocol again."
            ) from None
    return out


class _Wrong(Exception):
    """What is wrong with one entry."""


def _entry(name: str, entry: object) -> ProtocolVideo:
    video = video_id(name)
    if video is None:
        raise _Wrong("is not called like 001/9/1")
    if not isinstance(entry, dict):
        raise _Wrong("is not an object")
    counted = entry.get("s_n")
    if not isinstance(counted, dict):
        raise _Wrong('has no sources under "s_n"')
    sources = {count: _frames(counted[str(count)], "s_n", count) for count in SOURCE_COUNTS if str(count) in counted}
    views, angles = entry.get("source", []), entry.get("view angle", [])
    seen = _frames(views, "source", None)
    if not isinstance(angles, list) or len(angles) != len(seen) or not all(type(a) is int and 0 <= a < 360 for a in angles):
        raise _Wrong('needs one whole "view angle" in 0..359 for each "source"')
    driver = {mode: _driver(entry[f"{mode}_imitation"]) for mode in MODES if f"{mode}_imitation" in entry}
    real = _span(entry["flag"], "flag") if "flag" in entry else None
    return ProtocolVideo(video, sources, tuple(zip(seen, angles, strict=True)), driver, real)


def _frames(names: object, key: str, count: int | None) -> tuple[int, ...]:
    """``["000.jpg", "0155.jpg"]`` → (0, 155). The number counts, not the digits: the official file mixes widths."""
    if not isinstance(names, list) or (count is not None and len(names) != count):
        raise _Wrong(f'has no list of {count if count is not None else "its"} frames under "{key}"')
    matches = [_FRAME.fullmatch(name) if isinstance(name, str) else None for name in names]
    if any(match is None for match in matches):
        raise _Wrong(f'names frames under "{key}" that are not called like 0155.jpg')
    return tuple(int(match[1]) for match in matches if match is not None)


def _driver(part: object) -> tuple[str, int, int]:
    if not isinstance(part, dict) or not isinstance(part.get("target"), str):
        raise _Wrong("lacks the target of an imitation")
    video = video_id(part["target"])
    if video is None:
        raise _Wrong("is driven by a video that is not called like 001/9/1")
    return (video, *_span(part.get("range"), "range"))


def _span(value: object, key: str) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2 or not all(type(v) is int for v in value):
        raise _Wrong(f'needs two whole frame numbers as "{key}"')
    first, last = value
    if not 0 <= first <= last <= TO_THE_END:
        raise _Wrong(f'has a "{key}" that runs from {str(first)[:9]} to {str(last)[:9]}')
    return first, last
