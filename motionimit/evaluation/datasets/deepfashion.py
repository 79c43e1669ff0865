"""DeepFashion's In-shop Clothes Retrieval pictures under the pose-transfer split of PATN and GFLA: 101,966 / 8,570 pairs.

Read from the public sources of PATN (Pose-Transfer) and GFLA (Global-Flow-Local-Attention): the lists' names and columns, the
flat folders ``train`` and ``test``, and how a path of the original data set becomes a flat name (``train.lst`` and ``test.lst``
hold such names). The numbers of pairs are those that papers state. The lists themselves are not part of those sources, so they
were not compared with this reader. The pictures are for research only.

PG² used another split of the same pictures (its paper: 146,680 pairs for training, 12,800 drawn at random for the test, at
256 x 256; its code holds them as TFRecords and pickles, which are not read here). Its published figures don't compare with this
one's; later papers measured PG² again on this split.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from ...config.evaluate import Missing
from ...errors import BadInput
from ...media.paths import shown
from ...values import check_choice
from .files import PICTURES, check_folder, files_in, folders_in
from .lists import listed_pairs, read_pair_list
from .pairs import StillPair

SPLITS = ("train", "test")
OFFICIAL_PAIRS = {"train": 101_966, "test": 8_570}

_WHAT = "DeepFashion"
_LISTS = ("fasion-resize-pairs", "fashion-resize-pairs", "fasion-pairs", "fashion-pairs")  # the projects' own spelling first
_KEYPOINTS = ("fasion-resize-annotation", "fashion-resize-annotation", "fasion-annotation", "fashion-annotation")
_LIST_FOLDERS = ("", "annotations", "tools")
_FLAT = ("{}", "{}_highres", "{}_256", "{}_resize", "fashion_resize/{}")
_TREES = ("img_highres", "img", "Img/img_highres", "Img/img", "")
_PARSING = ("{}M_lip", "{}SPL8", "semantic_merge3")
_SEXES = ("MEN", "WOMEN")


def read_deepfashion(folder: Path | str, *, split: str = "test", missing: Missing = "stop") -> tuple[list[StillPair], list[str]]:
    """The pairs of a split in its list's order, and warnings.

    The list is ``fasion-resize-pairs-SPLIT.csv`` (spelled so; ``fashion`` and no ``-resize`` are found too) in the folder,
    ``annotations`` or ``tools``. Pictures lie flat in ``SPLIT`` (``fashionWOMENDressesid0000262902_3back.jpg``, any suffix) or
    in the original tree (``img/WOMEN/Dresses/id_00002629/02_3_back.jpg``, also ``img_highres``). PATN cuts the middle 176 px out
    of 256 x 256, GFLA scales the high resolution: how large they are is up to what lies there. Raises `BadInput`, `BadUsage`.
    """
    check_choice("--split", split, SPLITS)
    folder = check_folder(folder, _WHAT, missing)
    listing = find_list(folder, [f"{name}-{split}.csv" for name in _LISTS], _LIST_FOLDERS, _WHAT)
    listed, warnings = read_pair_list(listing)
    pictures, place = _pictures(folder, split)
    where = f"{shown(place)} that {shown(listing)} names"
    pairs, more = listed_pairs(listed, pictures, flat_name, where=where, missing=missing)
    if len(listed) != OFFICIAL_PAIRS[split]:
        warnings.append(not_official(listing, len(listed), OFFICIAL_PAIRS[split]))
    return pairs, warnings + more


def keypoint_list(folder: Path | str, split: str = "test") -> Path:
    """The split's keypoints, ``fasion-resize-annotation-SPLIT.csv``, for `read_keypoints`: px of pictures of 176 x 256. Raises
    `BadInput`."""
    return find_list(Path(folder), [f"{name}-{split}.csv" for name in _KEYPOINTS], _LIST_FOLDERS, _WHAT)


def semantic_maps(folder: Path | str, split: str = "test") -> dict[str, Path]:
    """Parsing maps by flat name, where there are any: ``SPLITM_lip`` (20 labels of Look into Person), ``SPLITSPL8`` or
    ``semantic_merge3`` (``.npy``), the folders of later projects. Their labels are theirs; 0 is background in all."""
    for place in (Path(folder, name.format(split)) for name in _PARSING):
        found = _flat(place, (".png", ".npy")) or _tree(place, (".png", ".npy"))
        if found:
            return found
    return {}


def flat_name(text: str) -> str:
    """The name, without suffix, that PATN's preparation gives a picture; flat names keep theirs.

    ``WOMEN/Dresses/id_00002629/02_3_back.jpg``, whatever stands before it, becomes ``fashionWOMENDressesid0000262902_3back``.
    """
    path = PurePosixPath(text.replace("\\", "/"))
    if len(path.parts) < 4:
        return path.stem if path.suffix.lower() in (*PICTURES, ".npy") else path.name
    sex, kind, identity, _ = path.parts[-4:]
    number, _, view = path.stem.partition("_")
    return f"fashion{sex}{kind}{identity.replace('_', '')}{number}_{view.replace('_', '')}"


def find_list(folder: Path, names: list[str], places: tuple[str, ...], what: str) -> Path:
    """The first of `names` in the first of the folder's `places`. Raises `BadInput` with what was looked for."""
    for place in places:
        for name in names:
            if (folder / place / name).is_file():
                return folder / place / name
    where = " or ".join(place or "the folder itself" for place in places)
    raise BadInput(
        f"The {what} folder {shown(folder)} lacks {' or '.join(names)} (looked for in {where}); get the list from the"
        " project that published it."
    )


def not_official(listing: Path, count: int, official: int) -> str:
    """The warning that figures on this list are not those of papers."""
    return f"{shown(listing)} gives {count} pairs instead of the official {official}; figures on it don't compare with papers'"


def _pictures(folder: Path, split: str) -> tuple[dict[str, Path], Path]:
    """Pictures by flat name, and the place they were found in. Raises `BadInput`."""
    for place in (folder / name.format(split) for name in _FLAT):
        found = _flat(place, PICTURES)
        if found:
            return found, place
    for place in (folder / name for name in _TREES):
        found = _tree(place, PICTURES)
        if found:
            return found, place
    raise BadInput(
        f"The {_WHAT} folder {shown(folder)} has pictures neither in '{split}' (flat names) nor in 'img' or 'img_highres' (as"
        " WOMEN/Dresses/...); unpack the data set there."
    )


def _flat(place: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    return {flat_name(name): path for name, path in files_in(place, suffixes).items()}


def _tree(place: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """The files of ``WOMEN/Dresses/id_00000002/`` by flat name."""
    found: dict[str, Path] = {}
    for kind in (kind for sex in _SEXES for kind in folders_in(place / sex)):
        for identity in folders_in(kind):
            start = f"{kind.parent.name}/{kind.name}/{identity.name}"
            found |= {flat_name(f"{start}/{name}"): path for name, path in files_in(identity, suffixes).items()}
    return found
