"""Tiny look-alikes of the data sets, in their own layouts. Pictures are names with one byte: readers only list."""

from __future__ import annotations

import json
from pathlib import Path

FASHION = {
    "fashionWOMENDressesid0000262902_1front": "WOMEN/Dresses/id_00002629/02_1_front",
    "fashionWOMENDressesid0000262902_3back": "WOMEN/Dresses/id_00002629/02_3_back",
    "fashionWOMENBlouses_Shirtsid0000666802_4full": "WOMEN/Blouses_Shirts/id_00006668/02_4_full",
    "fashionMENTees_Tanksid0000177428_7additional": "MEN/Tees_Tanks/id_00001774/28_7_additional",
}
"""Flat names of PATN's lists (all four are of the forms in its test.lst) and the paths of the original data set."""

SPAN = {"self": [0, 4], "cross": [1, 3], "flag": [2, 4]}


def touch(folder: Path, *names: str) -> None:
    """Files of one byte."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def write_pairs(path: Path, pairs: list[tuple[str, str]], header: str = "from,to") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *(",".join(pair) for pair in pairs)]) + "\n", encoding="utf-8")
    return path


def fashion_list(folder: Path, split: str = "test") -> list[tuple[str, str]]:
    """PATN's list over `FASHION`, in an order of its own."""
    names = [f"{name}.jpg" for name in FASHION]
    pairs = [(names[1], names[0]), (names[0], names[1]), (names[3], names[2])]
    write_pairs(folder / f"fasion-resize-pairs-{split}.csv", pairs)
    return pairs


def annotation(path: Path, points: dict[str, list[tuple[int, int]]]) -> Path:
    """PATN's keypoint list; points are (x, y), (-1, -1) where missing."""
    rows = [f"{name}: {[y for _, y in xy]}: {[x for x, _ in xy]}" for name, xy in points.items()]
    path.write_text("name:keypoints_y:keypoints_x\n" + "\n".join(rows) + "\n")
    return path


def protocol_entry(video: str, driver: str, sources: tuple[str, ...] = ("000.jpg", "0002.jpg")) -> dict[str, object]:
    """One video as the official file writes it: digits of several widths, spans with their last frame."""
    eight = [*sources, *(f"{i:04}.jpg" for i in range(8 - len(sources)))]
    return {
        "source": eight,
        "view angle": [0, 45, 90, 135, 180, 225, 270, 315],
        "s_n": {"1": eight[:1], "2": eight[:2], "3": eight[:3], "4": eight[:4], "8": eight},
        "mask": [],
        "novel view": False,
        "self_imitation": {"target": video, "range": SPAN["self"]},
        "cross_imitation": {"target": driver, "range": SPAN["cross"]},
        "flag": SPAN["flag"],
    }


def iper_folder(folder: Path, frames: int = 6, pattern: str = "images_HD/{}/{:04}.jpg") -> dict[str, dict[str, object]]:
    """Two test videos of two people as frame folders, with the protocol and both splits."""
    videos = {"001/9/1": protocol_entry("001/9/1", "007/1/2"), "007/1/2": protocol_entry("007/1/2", "001/9/1", ("0001.jpg",))}
    for video in videos:
        touch(folder, *(pattern.format(video, i) for i in range(frames)))
    (folder / "iPER_protocol.json").write_text(json.dumps({"val": videos}))
    (folder / "val.txt").write_text("001/9/1\n007/1/2\n")
    (folder / "train.txt").write_text("002/1/1\n")
    return videos
