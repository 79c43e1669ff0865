"""Pairs of pictures of one person in two poses: a folder of one's own, the simplest data set of pose-guided stills."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ...config.evaluate import Missing
from ...errors import BadInput
from ...media.paths import shown
from .files import check_folder, files_in, result_names, settle_missing, some

_PICTURE = re.compile(r"(?P<name>.+)_(?P<number>\d+)", re.DOTALL)
_MASK = ".mask"


@dataclass(frozen=True, slots=True)
class StillPair:
    """What one picture is made from, and what it should have become."""

    name: str  # unique in its list, safe as a file name
    source: Path
    target: Path
    mask: Path | None = None  # of the target: 8-bit grey picture of its size, 255 = person; None: the detector's
    source_mask: Path | None = None


def read_pairs(folder: Path | str, *, both_ways: bool = False, missing: Missing = "stop") -> tuple[list[StillPair], list[str]]:
    """The pairs of a flat folder, sorted by name, and one-line warnings.

    ``NAME_0.EXT`` and ``NAME_1.EXT`` (jpg, jpeg, png, webp; the two may differ) are the pair NAME, of which 0 is the source; with
    `both_ways` 1 → 0 follows as ``NAME-back``. ``NAME_0.mask.png`` and ``NAME_1.mask.png`` are optional masks. A picture without
    its partner is a missing file: `missing` says whether to stop or to leave the pair out. Raises `BadInput`.
    """
    folder = check_folder(folder, "pairs", missing)
    pictures, masks, unused = _sorted_out(folder)
    names = sorted({name for name, _ in pictures})
    whole = [name for name in names if {(name, 0), (name, 1)} <= pictures.keys()]
    gone = [f"{name}_{k}.jpg" for name in names for k in (0, 1) if (name, k) not in pictures]
    if not names:
        raise BadInput(
            f"The folder {shown(folder)} holds no pairs; two pictures of one person must be called NAME_0.jpg and NAME_1.jpg"
            " (also png, webp)."
        )
    warnings = settle_missing(
        gone, missing, where=f"the pairs in {shown(folder)} (jpg, png or webp)", left_out=len(names) - len(whole), kept=len(whole)
    )
    if unused:
        warnings.append(f"{len(unused)} files in {shown(folder)} belong to no pair and were not used: {some(sorted(unused))}")
    ways = ((0, 1), (1, 0)) if both_ways else ((0, 1),)
    wanted = [(name, a, b) for name in whole for a, b in ways]
    titles = result_names(name if b else f"{name}-back" for name, _, b in wanted)
    pairs = [
        StillPair(title, pictures[name, a], pictures[name, b], masks.get((name, b)), masks.get((name, a)))
        for title, (name, a, b) in zip(titles, wanted, strict=True)
    ]
    return pairs, warnings


def _sorted_out(folder: Path) -> tuple[dict[tuple[str, int], Path], dict[tuple[str, int], Path], list[str]]:
    """Pictures and masks by (name, 0 or 1), and the names of picture files that are neither. Raises `BadInput`."""
    pictures: dict[tuple[str, int], Path] = {}
    masks: dict[tuple[str, int], Path] = {}
    unused: list[str] = []
    for file, path in sorted(files_in(folder).items()):
        is_mask = path.stem.lower().endswith(_MASK) and path.suffix.lower() == ".png"
        match = _PICTURE.fullmatch(path.stem[: -len(_MASK)] if is_mask else path.stem)
        if match is None or match["number"] not in ("0", "1"):
            unused.append(file)
            continue
        key, into = (match["name"], int(match["number"])), masks if is_mask else pictures
        if key in into:
            raise BadInput(f"{shown(into[key])} and '{file}' are the same picture of a pair; remove one of them.")
        into[key] = path
    unused += [masks.pop(key).name for key in sorted(masks) if key not in pictures]
    return pictures, masks, unused
