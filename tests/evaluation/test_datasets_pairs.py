"""The flat folder of pairs, and what all readers share: names, missing files, wrong folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from dataset_samples import touch

from motionimit.errors import BadInput, BadUsage
from motionimit.evaluation.datasets.files import files_in, result_names, settle_missing
from motionimit.evaluation.datasets.pairs import read_pairs

REAL = Path(__file__).parents[3] / "shared" / "data" / "pairs"


def test_pairs_come_sorted_with_their_masks(tmp_path: Path) -> None:
    touch(tmp_path, "b_0.png", "b_1.JPG", "b_1.mask.png", "a_x_0.webp", "a_x_1.jpeg", "a_x_0.mask.png")
    pairs, warnings = read_pairs(tmp_path)
    assert warnings == []
    assert [(p.name, p.source.name, p.target.name) for p in pairs] == [
        ("a_x", "a_x_0.webp", "a_x_1.jpeg"),
        ("b", "b_0.png", "b_1.JPG"),
    ]
    assert [(p.mask and p.mask.name, p.source_mask and p.source_mask.name) for p in pairs] == [
        (None, "a_x_0.mask.png"),
        ("b_1.mask.png", None),
    ]


def test_both_ways_swaps_pictures_and_masks(tmp_path: Path) -> None:
    touch(tmp_path, "a_0.jpg", "a_1.jpg", "a_1.mask.png")
    (there, back), _ = read_pairs(tmp_path, both_ways=True)
    assert (there.source, there.target, there.mask, there.source_mask) == (back.target, back.source, back.source_mask, back.mask)
    assert there.mask is not None and there.name != back.name


def test_names_of_other_scripts_and_hidden_files(tmp_path: Path) -> None:
    touch(tmp_path, "танец 1_0.jpg", "танец 1_1.jpg", "跳舞_0.jpg", "跳舞_1.jpg", "._跳舞_0.jpg", "Thumbs.db")
    pairs, warnings = read_pairs(tmp_path)
    assert [p.name for p in pairs] == ["танец_1", "跳舞"] and warnings == []


def test_missing_partners_stop_or_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "whole_0.jpg", "whole_1.jpg", *(f"half{i:02}_{i % 2}.jpg" for i in range(13)))
    with pytest.raises(BadInput) as caught:
        read_pairs(tmp_path)
    text = str(caught.value)
    assert text.startswith("13 files are missing") and "--missing skip" in text
    assert "half00_1.jpg, half01_0.jpg" in text and "half09_0.jpg and 3 more" in text and "half10" not in text, text
    pairs, warnings = read_pairs(tmp_path, missing="skip")
    assert [p.name for p in pairs] == ["whole"]
    assert len(warnings) == 1 and "half09_0.jpg and 3 more" in warnings[0] and "13 of 14 pairs" in warnings[0]


def test_nothing_whole_stops_even_where_missing_files_are_skipped(tmp_path: Path) -> None:
    touch(tmp_path, "a_0.jpg", "b_1.jpg")
    with pytest.raises(BadInput, match=r"2 files are missing .* none of the 2 pairs is whole: a_1.jpg, b_0.jpg"):
        read_pairs(tmp_path, missing="skip")


def test_files_of_no_pair_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "a_0.jpg", "a_1.jpg", "a_2.jpg", "photo.png", "b_0.mask.png")
    pairs, warnings = read_pairs(tmp_path)
    assert len(pairs) == 1 and len(warnings) == 1
    assert "3 files" in warnings[0] and all(name in warnings[0] for name in ("a_2.jpg", "photo.png", "b_0.mask.png"))


def test_one_picture_under_two_suffixes_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a_0.jpg", "a_0.png", "a_1.jpg")
    with pytest.raises(BadInput, match="a_0.jpg' and 'a_0.png' are the same picture"):
        read_pairs(tmp_path, missing="skip")


def test_wrong_folders(tmp_path: Path) -> None:
    touch(tmp_path / "photos", "anna.jpg", "ben.jpg")
    (tmp_path / "empty").mkdir()
    for name in ("photos", "empty"):
        with pytest.raises(BadInput, match=f"{name}' holds no pairs; .*NAME_0.jpg and NAME_1.jpg"):
            read_pairs(tmp_path / name)
    with pytest.raises(BadInput, match="anna.jpg' is a file, not a pairs folder"):
        read_pairs(tmp_path / "photos" / "anna.jpg")
    with pytest.raises(BadInput, match="does not exist"):
        read_pairs(tmp_path / "nowhere")
    with pytest.raises(BadUsage, match="--missing must be one of stop, skip"):
        read_pairs(tmp_path, missing="ignore")  # type: ignore[arg-type]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    try:
        with pytest.raises(BadInput, match="permission denied"):
            read_pairs(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_folders_called_like_pictures_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "a_0.jpg").mkdir()
    touch(tmp_path, "a_1.jpg")
    assert list(files_in(tmp_path)) == ["a_1.jpg"]


@given(st.lists(st.text(max_size=300), max_size=12))
@settings(deadline=None, max_examples=200)
def test_result_names_are_unique_files(wanted: list[str]) -> None:
    names = result_names(wanted)
    assert len({name.casefold() for name in names}) == len(wanted)
    for name in names:
        assert 1 <= len(name.encode()) <= 170, f"{len(name.encode())} bytes"
        assert "/" not in name and "\\" not in name and "\0" not in name and name[0] not in ".-" and name.isprintable(), name


def test_plain_result_names_stay() -> None:
    assert result_names(["a_1-b.c", "A_1-B.C", "a_1-b.c"]) == ["a_1-b.c", "A_1-B.C-2", "a_1-b.c-3"]


def test_one_missing_file_reads_as_one() -> None:
    with pytest.raises(BadInput, match=r"^1 file is missing from here: a.jpg; .* \(2 of 5\)"):
        settle_missing(["a.jpg"], "stop", where="here", left_out=2, kept=3)
    assert settle_missing([], "stop", where="here", left_out=0, kept=0) == []


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the shared pairs of pictures")
def test_real_pairs() -> None:
    pairs, warnings = read_pairs(REAL)
    assert (len(pairs), warnings) == (60, [])
