"""DeepFashion and Market-1501 from folders laid out as the projects lay them out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from dataset_samples import FASHION, annotation, fashion_list, touch, write_pairs

from motionimit.errors import BadInput, BadUsage
from motionimit.evaluation.datasets.deepfashion import flat_name, keypoint_list, read_deepfashion, semantic_maps
from motionimit.evaluation.datasets.lists import read_keypoints
from motionimit.evaluation.datasets.market import pairs_of_identities, person_of, read_market
from motionimit.evaluation.datasets.pairs import StillPair

MARKET = [f"{person}_c{camera}s1_00015{camera}_01" for person in ("0002", "0007", "1501") for camera in (1, 2, 3)]
NOBODY = ["-1_c1s1_000151_01", "0000_c2s1_000151_01", "0000_c3s1_000151_01"]


def _flat(folder: Path) -> None:
    touch(folder / "test", *(f"{name}.jpg" for name in FASHION))


def _highres(folder: Path) -> None:
    touch(folder / "test_highres", *(f"{name}.png" for name in FASHION))


def _tree(folder: Path) -> None:
    touch(folder / "img", *(f"{path}.jpg" for path in FASHION.values()))


def _nested_tree(folder: Path) -> None:
    touch(folder / "Img" / "img_highres", *(f"{path}.jpg" for path in FASHION.values()))


@pytest.mark.parametrize("layout", [_flat, _highres, _tree, _nested_tree])
def test_every_layout_gives_the_same_pairs(tmp_path: Path, layout: Callable[[Path], None]) -> None:
    layout(tmp_path)
    listed = fashion_list(tmp_path)
    pairs, warnings = read_deepfashion(tmp_path)
    assert [p.name for p in pairs] == [f"{a[:-4]}_2_{b[:-4]}" for a, b in listed]
    assert all(p.source.is_file() and p.target.is_file() and p.source != p.target for p in pairs)
    endings = {flat: {flat, path} for flat, path in FASHION.items()}
    for pair, (a, b) in zip(pairs, listed, strict=True):
        for found, name in ((pair.source, a), (pair.target, b)):
            assert any(found.with_suffix("").as_posix().endswith(f"/{end}") for end in endings[name[:-4]]), (found, name)
    assert len(warnings) == 1 and "3 pairs instead of the official 8570" in warnings[0]


def test_flattening_is_that_of_the_lists() -> None:
    for flat, path in FASHION.items():
        given = (f"{path}.jpg", f"img_highres/{path}.jpg", f"{flat}.jpg", flat)
        assert [flat_name(text) for text in given] == [flat] * 4


def test_lists_may_name_original_paths(tmp_path: Path) -> None:
    _flat(tmp_path)
    paths = [f"img/{path}.jpg" for path in FASHION.values()]
    write_pairs(tmp_path / "fashion-pairs-test.csv", [(paths[0], paths[1])])
    assert [p.source.stem for p in read_deepfashion(tmp_path)[0]] == [next(iter(FASHION))]


def test_splits_are_apart(tmp_path: Path) -> None:
    touch(tmp_path / "train", *(f"{name}.jpg" for name in FASHION))
    fashion_list(tmp_path / "annotations", "train")
    pairs, warnings = read_deepfashion(tmp_path, split="train")
    assert len(pairs) == 3 and "101966" in warnings[0]
    with pytest.raises(BadInput, match=r"lacks fasion-resize-pairs-test.csv or fashion-resize-pairs-test.csv or .*annotations"):
        read_deepfashion(tmp_path)
    with pytest.raises(BadUsage, match="--split must be one of train, test"):
        read_deepfashion(tmp_path, split="val")


def test_fashion_missing_pictures(tmp_path: Path) -> None:
    first, *others = FASHION
    touch(tmp_path / "test", *(f"{name}.jpg" for name in others))
    fashion_list(tmp_path)
    with pytest.raises(
        BadInput, match=rf"1 file is missing from .*test' that .*pairs-test.csv' names: {first}.jpg; .*\(2 of 3\)"
    ):
        read_deepfashion(tmp_path)
    pairs, warnings = read_deepfashion(tmp_path, missing="skip")
    assert len(pairs) == 1 and sum(first in warning for warning in warnings) == 1


def test_fashion_without_pictures(tmp_path: Path) -> None:
    fashion_list(tmp_path)
    (tmp_path / "test").mkdir()
    with pytest.raises(BadInput, match="has pictures neither in 'test' .* nor in 'img' or 'img_highres'"):
        read_deepfashion(tmp_path)


def test_keypoints_and_semantic_maps_are_found(tmp_path: Path) -> None:
    flat, path = next(iter(FASHION.items()))
    annotation(tmp_path / "fasion-annotation-test.csv", {f"{flat}.jpg": [(1, 2)] * 18})
    assert list(read_keypoints(keypoint_list(tmp_path))) == [f"{flat}.jpg"]
    assert semantic_maps(tmp_path) == {}
    touch(tmp_path / "semantic_merge3", f"{path}.npy")
    assert list(semantic_maps(tmp_path)) == [flat]
    touch(tmp_path / "testM_lip", f"{flat}.png")
    assert semantic_maps(tmp_path) == {flat: tmp_path / "testM_lip" / f"{flat}.png"}


def test_as_many_pictures_as_the_official_test_take_no_time(tmp_path: Path) -> None:
    names = [f"fashionWOMENDressesid{i:08}02_1front.jpg" for i in range(3_000)]
    (tmp_path / "test").mkdir()
    for name in names:
        (tmp_path / "test" / name).touch()
    listed = [(a, names[(i + step) % 3_000]) for step in (1, 2, 3) for i, a in enumerate(names)][:8_570]
    write_pairs(tmp_path / "fasion-resize-pairs-test.csv", listed)
    began = time.process_time()
    pairs, warnings = read_deepfashion(tmp_path)
    taken_s = time.process_time() - began
    assert (len(pairs), warnings) == (8_570, [])
    assert taken_s < 1, f"{taken_s:.2f} s"


def _market(folder: Path, place: str = "bounding_box_test") -> None:
    touch(folder / place, *(f"{name}.jpg" for name in (*MARKET, *NOBODY)), "Thumbs.db")


@pytest.mark.parametrize("place", ["bounding_box_test", "test"])
def test_market_reads_its_list(tmp_path: Path, place: str) -> None:
    _market(tmp_path, place)
    write_pairs(tmp_path / "market-pairs-test.csv", [(f"{MARKET[1]}.jpg", f"{MARKET[0]}.jpg"), (f"{MARKET[4]}.jpg", "gone.jpg")])
    with pytest.raises(BadInput, match="1 file is missing .*: gone.jpg; "):
        read_market(tmp_path)
    pairs, warnings = read_market(tmp_path, missing="skip")
    folder = tmp_path / place
    assert pairs == [StillPair(f"{MARKET[1]}_2_{MARKET[0]}", folder / f"{MARKET[1]}.jpg", folder / f"{MARKET[0]}.jpg")]
    assert len(warnings) == 2 and "official 12000" in warnings[0] and "gone.jpg" in warnings[1]


def test_market_without_its_list_pairs_identities(tmp_path: Path) -> None:
    _market(tmp_path)
    pairs, warnings = read_market(tmp_path)
    assert len(pairs) == 3 * 3 * 2
    assert all(person_of(p.source.name) == person_of(p.target.name) is not None and p.source != p.target for p in pairs)
    assert len(warnings) == 1 and "18 pairs of one identity were drawn with seed 0" in warnings[0], warnings
    assert "don't compare" in warnings[0]


def test_market_without_its_list_heeds_keypoints(tmp_path: Path) -> None:
    _market(tmp_path)
    whole, headless = [(5, 5)] * 18, [(-1, -1), *[(5, 5)] * 17]
    no_hip = [*[(5, 5)] * 8, (-1, -1), *[(5, 5)] * 9]
    poses = {MARKET[0]: whole, MARKET[1]: headless, MARKET[2]: no_hip, MARKET[3]: whole, NOBODY[1]: whole, NOBODY[2]: whole}
    annotation(tmp_path / "market-annotation-test.csv", {f"{name}.jpg": xy for name, xy in poses.items()})
    found = {(p.source.stem, p.target.stem) for p in read_market(tmp_path)[0]}
    assert found == {(MARKET[0], MARKET[1]), (MARKET[1], MARKET[0])}


def test_drawing_is_the_same_every_time() -> None:
    some = pairs_of_identities(MARKET, 7, seed=3)
    assert some == pairs_of_identities(list(reversed(MARKET)), 7, seed=3) and len(set(some)) == 7
    assert some != pairs_of_identities(MARKET, 7, seed=4)
    assert set(some) < set(pairs_of_identities(MARKET, 10**6, seed=0))


def test_persons_of_market_names() -> None:
    assert [person_of(name) for name in ("0002_c1s1_000151_01.jpg", *NOBODY, "anna.jpg", "0002_c1.jpg")] == ["0002", *[None] * 5]


def test_market_wrong_folders(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no pictures in 'test' or 'bounding_box_test' or 'img'"):
        read_market(tmp_path)
    touch(tmp_path / "test", "anna.jpg", "ben.jpg")
    with pytest.raises(BadInput, match=r"neither market-pairs-test.csv nor two pictures of one person called like 0001_c1s1"):
        read_market(tmp_path)
