"""Market-1501 under the pose-transfer split of PATN and GFLA: 263,632 / 12,000 pairs of 64 x 128 px.

Read from the public sources of PATN (Pose-Transfer) and GFLA: the lists' names and columns, the folders, and that the test list
was drawn from all ordered pairs of one identity whose shoulders and hips were found, without junk (-1) and distractors (0000).
The numbers of pairs are those that papers state; the lists themselves are not part of those sources and were not compared.
Folders and names of pictures are the data set's. It is for research only.

PG² used another split (its paper: 439,420 pairs for training, 12,800 drawn at random for the test), so its published figures
don't compare with this one's; later papers measured PG² again on this split.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Collection
from itertools import permutations
from pathlib import Path, PurePosixPath

from ...config.evaluate import Missing
from ...errors import BadInput
from ...media.paths import shown
from ...pose.keypoints import KEYPOINTS
from ...values import check_choice
from .deepfashion import SPLITS, not_official
from .files import check_folder, files_in
from .lists import listed_pairs, read_keypoints, read_pair_list
from .pairs import StillPair

OFFICIAL_PAIRS = {"train": 263_632, "test": 12_000}

_WHAT = "Market-1501"
_FOLDERS = ("{}", "bounding_box_{}", "img")
_PICTURE = re.compile(r"(?P<person>-1|\d{4})_c(?P<camera>\d)s(?P<sequence>\d)_(?P<frame>\d{6})_(?P<box>\d{2})")
_NOBODY = ("-1", "0000")  # junk detections, distractors
_NEEDED = tuple(KEYPOINTS.index(f"{side}_{part}") for side in ("right", "left") for part in ("shoulder", "hip"))


def read_market(
    folder: Path | str, *, split: str = "test", missing: Missing = "stop", seed: int = 0
) -> tuple[list[StillPair], list[str]]:
    """The pairs of a split in its list's order, and warnings.

    The list is ``market-pairs-SPLIT.csv``; pictures lie in ``bounding_box_SPLIT`` or, renamed, in ``SPLIT``. Without the list all
    ordered pairs of one identity are taken, of which as many as the official list has are drawn with `seed`: the same every time,
    but not the official ones, which a warning says. ``market-annotation-SPLIT.csv``, where it is there, then leaves out pictures
    without shoulders and hips as the official making does. Raises `BadInput`, `BadUsage`.
    """
    check_choice("--split", split, SPLITS)
    folder = check_folder(folder, _WHAT, missing)
    pictures, place = _pictures(folder, split)
    listing = folder / f"market-pairs-{split}.csv"
    if not listing.is_file():
        listed = _drawn(folder, pictures, split, seed)
        pairs, _ = listed_pairs(listed, pictures, _stem, where=shown(place), missing=missing)
        return pairs, [
            f"{shown(listing)} is not there, so {len(pairs)} pairs of one identity were drawn with seed {seed}; figures on them"
            " don't compare with papers'"
        ]
    listed, warnings = read_pair_list(listing)
    where = f"{shown(place)} that {shown(listing)} names"
    pairs, more = listed_pairs(listed, pictures, _stem, where=where, missing=missing)
    if len(listed) != OFFICIAL_PAIRS[split]:
        warnings.append(not_official(listing, len(listed), OFFICIAL_PAIRS[split]))
    return pairs, warnings + more


def person_of(name: str) -> str | None:
    """``0001_c1s1_000151_01.jpg`` → '0001'; None for junk, distractors and names that are not Market-1501's."""
    match = _PICTURE.fullmatch(_stem(name))
    return None if match is None or match["person"] in _NOBODY else match["person"]


def pairs_of_identities(names: Collection[str], most: int, seed: int) -> list[tuple[str, str]]:
    """All ordered pairs of two pictures of one person, or `most` of them drawn with `seed`, sorted either way.

    The same names give the same pairs in any order and on any machine.
    """
    people: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        person = person_of(name)
        if person is not None:
            people[person].append(name)
    pairs = [pair for person in sorted(people) for pair in permutations(people[person], 2)]
    return pairs if len(pairs) <= most else sorted(random.Random(seed).sample(pairs, most))


def _drawn(folder: Path, pictures: dict[str, Path], split: str, seed: int) -> list[tuple[str, str]]:
    annotation = folder / f"market-annotation-{split}.csv"
    names = set(pictures)
    if annotation.is_file():
        known = read_keypoints(annotation)
        names &= {_stem(name) for name, points in known.items() if points[_NEEDED, 2].all()}
    pairs = pairs_of_identities(names, OFFICIAL_PAIRS[split], seed)
    if not pairs:
        raise BadInput(
            f"The {_WHAT} folder {shown(folder)} has neither market-pairs-{split}.csv nor two pictures of one person called like"
            " 0001_c1s1_000151_01.jpg; unpack the data set there."
        )
    return pairs


def _pictures(folder: Path, split: str) -> tuple[dict[str, Path], Path]:
    """Pictures by name without suffix, and the place they were found in. Raises `BadInput`."""
    places = [folder / name.format(split) for name in _FOLDERS]
    for place in places:
        found = {_stem(name): path for name, path in files_in(place).items()}
        if found:
            return found, place
    names = " or ".join(f"'{place.name}'" for place in places)
    raise BadInput(f"The {_WHAT} folder {shown(folder)} has no pictures in {names}; unpack the data set there.")


def _stem(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).stem
