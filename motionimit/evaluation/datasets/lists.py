"""The csv files of pose transfer: lists of pairs and keypoints, as the projects PATN and GFLA and those after them share them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ...config.evaluate import Missing
from ...errors import BadInput
from ...media.paths import shown
from ...pose.keypoints import KEYPOINTS
from .files import read_text, result_names, settle_missing, some
from .pairs import StillPair

_COLUMNS = ("from", "to")
_KEYPOINT_HEADER = ["name", "keypoints_y", "keypoints_x"]
_ABSENT = -1
_LARGEST_PX = 1e5


def read_pair_list(path: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """The (from, to) names of a csv with these two columns in its order, and warnings.

    A pair that stands there again, or that leads from a picture to itself, is left out with one warning. Names may hold ``/`` but
    must stay inside the data set's folder. Raises `BadInput` with the line's number.
    """
    rows = csv.reader(io.StringIO(read_text(path, "pair list"), newline=""), strict=True)
    pairs: dict[tuple[str, str], None] = {}
    double: list[str] = []
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        if any(header.count(column) != 1 for column in _COLUMNS):
            raise BadInput(f"The pair list {shown(path)} must begin with the line 'from,to', got '{_short(','.join(header))}'.")
        first, second = (header.index(column) for column in _COLUMNS)
        for row in rows:
            if not any(field.strip() for field in row):
                continue
            if len(row) != len(header):
                raise _bad_line(path, rows.line_num, f"has {len(row)} fields instead of {len(header)}")
            pair = _inside(row[first], path, rows.line_num), _inside(row[second], path, rows.line_num)
            if pair in pairs or pair[0] == pair[1]:
                double.append(f"line {rows.line_num}")
            else:
                pairs[pair] = None
    except csv.Error as error:
        raise _bad_line(path, rows.line_num, f"is not csv ({_short(str(error))})") from None
    if not pairs:
        raise BadInput(f"The pair list {shown(path)} names no pairs; download it again.")
    again = (
        f"{len(double)} lines of {shown(path)} repeat a pair or lead from a picture to itself and were left out: {some(double)}"
    )
    return list(pairs), [again] if double else []


def listed_pairs(
    listed: list[tuple[str, str]],
    pictures: Mapping[str, Path],
    key: Callable[[str], str],
    *,
    where: str,
    missing: Missing,
) -> tuple[list[StillPair], list[str]]:
    """Pairs of names → pairs of files, and warnings.

    `pictures` are the files that there are, under the names that `key` makes of the listed ones; `where` is for
    `settle_missing`. Results are called ``FROM_2_TO``. Raises `BadInput`.
    """
    keys = {name: key(name) for pair in listed for name in pair}
    gone = [name for name, found in keys.items() if found not in pictures]
    lost = set(gone)
    whole = [pair for pair in listed if lost.isdisjoint(pair)] if lost else listed
    warnings = settle_missing(gone, missing, where=where, left_out=len(listed) - len(whole), kept=len(whole))
    names = result_names(f"{keys[a]}_2_{keys[b]}" for a, b in whole)
    return [StillPair(n, pictures[keys[a]], pictures[keys[b]]) for n, (a, b) in zip(names, whole, strict=True)], warnings


def read_keypoints(path: Path) -> dict[str, np.ndarray]:
    """Keypoints of an annotation csv (``name:keypoints_y:keypoints_x``, two JSON lists of 18) → float32 [18, 3] by name.

    Each row is x, y in px of the annotated picture with our pixel centres (the files count whole pixels, so 0.5 is added) and
    confidence 1, or three zeros where the file says -1. The order is `KEYPOINTS`': the estimator that made the files is
    OpenPose's COCO model, whose own limbs tie point 16 to the right shoulder. (PATN's and GFLA's sources list the names of points
    14 to 17 the other way round, left before right; they draw and train by number.) Raises `BadInput` with the line.
    """
    out: dict[str, np.ndarray] = {}
    lines = read_text(path, "keypoint list").splitlines()
    if not lines or [part.strip() for part in lines[0].split(":")] != _KEYPOINT_HEADER:
        raise BadInput(
            f"The keypoint list {shown(path)} must begin with the line '{':'.join(_KEYPOINT_HEADER)}'; check the file."
        )
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        parts = line.split(":")
        if len(parts) != len(_KEYPOINT_HEADER):
            raise _bad_line(path, number, f"has {len(parts)} fields instead of {len(_KEYPOINT_HEADER)}")
        name = _inside(parts[0], path, number)
        if name in out:
            raise _bad_line(path, number, f"gives keypoints of '{_short(name)}' a second time")
        y, x = (_coordinates(part, path, number) for part in parts[1:])
        seen = (x != _ABSENT) & (y != _ABSENT)
        out[name] = np.stack([x + 0.5, y + 0.5, np.ones_like(x)], -1) * seen[:, None]
    return out


def _coordinates(text: str, path: Path, line: int) -> np.ndarray:
    """A JSON list of 18 numbers → float32 [18]."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise _bad_line(path, line, f"holds '{_short(text)}' where a list of numbers belongs") from None
    if not isinstance(values, list) or len(values) != len(KEYPOINTS):
        raise _bad_line(path, line, f"must give {len(KEYPOINTS)} keypoints")
    if not all(type(v) in (int, float) and _ABSENT <= v < _LARGEST_PX for v in values):
        raise _bad_line(path, line, f"holds keypoints that are no pixels of a picture ('{_short(text)}')")
    return np.array(values, np.float32)


def _inside(text: str, path: Path, line: int) -> str:
    """A name in a list, if it stays inside the data set's folder."""
    name = text.strip()
    parts = name.replace("\\", "/").split("/")
    if not name or not name.isprintable():
        raise _bad_line(path, line, "lacks a file name" if not name else "holds a file name with control characters")
    if ".." in parts or not parts[0] or parts[0].endswith(":"):
        raise _bad_line(path, line, f"names '{_short(name)}', which lies outside the data set's folder")
    return name


def _bad_line(path: Path, line: int, what: str) -> BadInput:
    return BadInput(f"Line {line} of {shown(path)} {what}; mend or remove it, or download the file again.")


def _short(text: str) -> str:
    text = text if len(text) <= 60 else f"{text[:57]}..."
    return text if text.isprintable() else ascii(text)[1:-1]
