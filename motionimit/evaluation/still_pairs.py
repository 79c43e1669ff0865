"""Pairs of pictures as an evaluation of stills uses them: read from a data set, of one aspect, at the size of results."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..avatar.portrait import output_size
from ..config.evaluate import StillsEvaluation
from ..errors import BadInput
from ..media.image import read_pixels, write_png
from ..media.paths import shown
from .datasets.pairs import StillPair
from .runs import cleared

SMALLEST_PX = 256  # long side below which pictures are enlarged first: the detector needs as much
SAME_ASPECT = 0.01  # relative


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pair as both pictures are used: of one aspect, and large enough to find a person in."""

    source: Path
    target: Path
    truth: np.ndarray  # [H, W, 3] uint8, at the size of results
    copy: np.ndarray  # the source at that size
    mask: np.ndarray | None  # [H, W] bool of the truth; None: not known
    notes: list[str]


def read_stills(settings: StillsEvaluation) -> tuple[list[StillPair], list[str]]:
    """The pairs that the settings name, at most `limit`, and one-line warnings. Raises `BadInput`."""
    if settings.dataset == "pairs":
        from .datasets.pairs import read_pairs

        pairs, warnings = read_pairs(settings.data, both_ways=settings.both_ways, missing=settings.missing)
    elif settings.dataset == "deepfashion":
        from .datasets.deepfashion import read_deepfashion

        pairs, warnings = read_deepfashion(settings.data, split=settings.split, missing=settings.missing)
    elif settings.dataset == "market":
        from .datasets.market import read_market

        pairs, warnings = read_market(settings.data, split=settings.split, missing=settings.missing)
    else:
        from .iper_stills import read_iper_stills

        pairs, warnings = read_iper_stills(settings.data, missing=settings.missing)
    return pairs[: settings.limit], warnings


def fingerprint(pairs: Sequence[StillPair]) -> str:
    """Tells lists of pairs apart by their names and their files' sizes."""
    digest = hashlib.sha256()
    for pair in pairs:
        sizes = [p.stat().st_size for p in (pair.source, pair.target, pair.mask) if p is not None]
        digest.update(f"{pair.name}\0{pair.source.name}\0{pair.target.name}\0{sizes}\n".encode())
    return digest.hexdigest()[:16]


def prepared(pair: StillPair, size_px: int, work: Path) -> Prepared:
    """Read a pair; small pictures are enlarged, a target of another aspect is widened by repeating its edges.

    Raises `BadInput`.
    """
    notes: list[str] = []
    (source, _), (target, _) = (read_pixels(path, "picture") for path in (pair.source, pair.target))
    mask = None if pair.mask is None else _mask(pair.mask, target.shape[:2])
    target, mask = _same_aspect(source, target, mask, notes)
    paths = [pair.source, pair.target]
    enlarged = [_enlarged(picture) for picture in (source, target)]
    if enlarged[0] is not source:
        notes.append(f"pictures of {source.shape[1]}x{source.shape[0]} px were enlarged to {SMALLEST_PX} px")
    if notes:
        cleared(work)
        paths = [work / "source.png", work / "target.png"]
        for path, picture in zip(paths, enlarged, strict=True):
            write_png(path, picture)
    width, height = output_size((source.shape[1], source.shape[0]), size_px)
    truth, copy = (fitted(picture, width, height) for picture in (target, source))
    if mask is not None:
        mask = cv2.resize(mask.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_AREA) > 127
    return Prepared(paths[0], paths[1], truth, copy, mask, notes)


def fitted(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """[H, W, 3] → [height, width, 3] by area where it shrinks, else cubic."""
    shrinks = width <= picture.shape[1] and height <= picture.shape[0]
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC))


def _same_aspect(
    source: np.ndarray, target: np.ndarray, mask: np.ndarray | None, notes: list[str]
) -> tuple[np.ndarray, np.ndarray | None]:
    """The target with the source's aspect: results have the source's frame."""
    (height, width), aspect = target.shape[:2], source.shape[1] / source.shape[0]
    if abs(width / height / aspect - 1) <= SAME_ASPECT:
        return target, mask
    extra = (max(0, round(height * aspect) - width), max(0, round(width / aspect) - height))
    left, top = extra[0] // 2, extra[1] // 2
    notes.append(f"the target of {width}x{height} px was widened to the source's aspect")
    edges = ((top, extra[1] - top), (left, extra[0] - left))
    return np.pad(target, (*edges, (0, 0)), mode="edge"), None if mask is None else np.pad(mask, edges)


def _enlarged(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    scale = SMALLEST_PX / max(height, width)
    return picture if scale <= 1 else fitted(picture, round(width * scale), round(height * scale))


def _mask(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """[H, W] bool. Raises `BadInput`."""
    rgb, _ = read_pixels(path, "mask")
    if rgb.shape[:2] != shape:
        size = f"{rgb.shape[1]}x{rgb.shape[0]}"
        raise BadInput(f"The mask {shown(path)} has {size} px, its picture {shape[1]}x{shape[0]}; make it again.")
    return np.asarray(rgb[..., 0] > 127)
