"""Pair lists and keypoint lists: what is read, what is refused and where, and that no bytes bring anything but `BadInput`."""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from dataset_samples import annotation, write_pairs

from motionimit.errors import BadInput
from motionimit.evaluation.datasets.lists import listed_pairs, read_keypoints, read_pair_list
from motionimit.pose.keypoints import KEYPOINTS

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
POSE = [(3 * i, 5 * i) for i in range(18)]


def test_a_list_keeps_its_order_and_ignores_what_excel_adds(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes('\ufefffrom,to\r\nb.jpg,a.jpg\r\n\r\n"c d.jpg", é.jpg\r\n'.encode())
    assert read_pair_list(path) == ([("b.jpg", "a.jpg"), ("c d.jpg", "é.jpg")], [])


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    path = write_pairs(tmp_path / "list.csv", [("0", "x.jpg", "y.jpg")], header=",to,From")  # type: ignore[list-item]
    assert read_pair_list(path)[0] == [("y.jpg", "x.jpg")]


def test_repeated_and_identical_pairs_are_left_out_with_one_warning(tmp_path: Path) -> None:
    path = write_pairs(tmp_path / "list.csv", [("a.jpg", "b.jpg"), ("b.jpg", "a.jpg"), ("a.jpg", "b.jpg"), ("a.jpg", "a.jpg")])
    pairs, warnings = read_pair_list(path)
    assert pairs == [("a.jpg", "b.jpg"), ("b.jpg", "a.jpg")]
    assert len(warnings) == 1 and "2 lines" in warnings[0] and "line 4, line 5" in warnings[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with the line 'from,to', got ''"),
        ("a.jpg,b.jpg\n", "must begin with the line 'from,to', got 'a.jpg,b.jpg'"),
        ("from,to,from\na,b,c\n", "must begin with"),
        ("from,to\n", "names no pairs"),
        ("from,to\na.jpg,b.jpg\na.jpg\n", "Line 3 of .* has 1 fields instead of 2"),
        ("from,to\na.jpg,b.jpg,c.jpg\n", "Line 2 of .* has 3 fields instead of 2"),
        ("from,to\na.jpg,\n", "Line 2 of .* lacks a file name"),
        ('from,to\na.jpg,b.jpg\na.jpg,"b.jpg\n', "Line 3 of .* is not csv"),
        ("from,to\na.jpg,b\x07.jpg\n", "Line 2 of .* control characters"),
        ("from,to\na.jpg,../../secret.jpg\n", "Line 2 of .* names '../../secret.jpg', which lies outside"),
        ("from,to\na.jpg,b.jpg\n..\\x.jpg,b.jpg\n", "Line 3 of .* lies outside"),
        ("from,to\n/etc/passwd,b.jpg\n", "Line 2 of .* lies outside"),
        ("from,to\nC:\\x.jpg,b.jpg\n", "Line 2 of .* lies outside"),
        ("from,to\n\\\\host\\x.jpg,b.jpg\n", "Line 2 of .* lies outside"),
        ("from,to\nWOMEN/../../x.jpg,b.jpg\n", "Line 2 of .* lies outside"),
    ],
)
def test_bad_lists_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text, newline="")
    if not text:
        message = "is empty"
    with pytest.raises(BadInput, match=message) as caught:
        read_pair_list(path)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400


def test_lists_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"from,to\na\xff.jpg,b.jpg\n")
    for read in (read_pair_list, read_keypoints):
        with pytest.raises(BadInput, match="is not text in UTF-8"):
            read(path)
        with pytest.raises(BadInput, match="does not exist"):
            read(tmp_path / "nowhere.csv")
        with pytest.raises(BadInput, match="is a folder"):
            read(tmp_path)


@QUICK
@given(st.binary(max_size=200) | st.text(alphabet='from,t\n\r"\\/.:é \0', max_size=80).map(lambda t: f"from,to\n{t}".encode()))
def test_any_bytes_as_a_pair_list(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(data)
    try:
        pairs, _ = read_pair_list(path)
    except BadInput as error:
        assert str(error).isprintable() and str(error).endswith(".")
    else:
        assert pairs and len(set(pairs)) == len(pairs)
        assert all(name and ".." not in name.replace("\\", "/").split("/") and name[0] != "/" for pair in pairs for name in pair)


def test_keypoints_are_ours_with_pixel_centres(tmp_path: Path) -> None:
    points = [*POSE[:4], (-1, -1), *POSE[5:]]
    found = read_keypoints(annotation(tmp_path / "k.csv", {"a.jpg": points}))
    array = found["a.jpg"]
    assert array.shape == (18, 3) and array.dtype == np.float32
    np.testing.assert_array_equal(array[3], [9.5, 15.5, 1])
    np.testing.assert_array_equal(array[4], 0)
    assert array[:, 2].sum() == 17
    # the estimator's limbs tie 16 to the right shoulder (2) and 17 to the left (5): the sides of our own names
    assert [KEYPOINTS[i] for i in (2, 16, 5, 17)] == ["right_shoulder", "right_ear", "left_shoulder", "left_ear"]


def test_half_a_point_is_missing_and_fractions_stay(tmp_path: Path) -> None:
    path = tmp_path / "k.csv"
    path.write_text(f"name:keypoints_y:keypoints_x\na.jpg:[2.25, -1{', 0' * 16}]:[1.5, 4{', 0' * 16}]\n\n")
    array = read_keypoints(path)["a.jpg"]
    np.testing.assert_array_equal(array[:3], [[2.0, 2.75, 1], [0, 0, 0], [0.5, 0.5, 1]])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.jpg", "has 1 fields instead of 3"),
        ("a.jpg:[1]:[2]", "must give 18 keypoints"),
        (f"a.jpg:{[1] * 18}:{[1] * 17}", "must give 18 keypoints"),
        (f"a.jpg:{[1] * 18}:{{}}", "must give 18 keypoints"),
        (f"a.jpg:{[1] * 18}:1, 2", "holds '1, 2' where a list of numbers belongs"),
        (f"a.jpg:{[1] * 18}:{'[' * 100_000}", "where a list of numbers belongs"),
        (f"a.jpg:{[1] * 18}:[NaN{', 1' * 17}]", "no pixels"),
        (f"a.jpg:{[1] * 18}:[-2{', 1' * 17}]", "no pixels"),
        (f"a.jpg:{[1] * 18}:[1e400{', 1' * 17}]", "no pixels"),
        (f"a.jpg:{[1] * 18}:[1{'0' * 400}{', 1' * 17}]", "no pixels"),
        (f"a.jpg:{[1] * 18}:[true{', 1' * 17}]", "no pixels"),
        (f'a.jpg:{[1] * 18}:["1"{", 1" * 17}]', "no pixels"),
        (f"../a.jpg:{[1] * 18}:{[1] * 18}", "lies outside"),
        (f"a.jpg:{[1] * 18}:{[1] * 18}\na.jpg:{[1] * 18}:{[1] * 18}", "a second time"),
    ],
)
def test_bad_keypoints_name_the_line(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "k.csv"
    path.write_text(f"name:keypoints_y:keypoints_x\nok.jpg:{[1] * 18}:{[1] * 18}\n{row}\n")
    number = 3 + row.count("\n")
    with pytest.raises(BadInput, match=f"Line {number} of .*{message}") as caught:
        read_keypoints(path)
    assert len(str(caught.value)) < 400


def test_a_keypoint_list_without_its_header(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="must begin with the line 'name:keypoints_y:keypoints_x'"):
        read_keypoints(write_pairs(tmp_path / "k.csv", [("a.jpg", "b.jpg")]))


@QUICK
@given(
    st.binary(max_size=200)
    | st.text(alphabet='a:[]0,-1.eN{}"\n ', max_size=120).map(lambda t: f"name:keypoints_y:keypoints_x\n{t}".encode())
)
def test_any_bytes_as_a_keypoint_list(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz-keypoints.csv"
    path.write_bytes(data)
    try:
        found = read_keypoints(path)
    except BadInput as error:
        assert str(error).isprintable()
    else:
        assert all(array.shape == (18, 3) and np.isfinite(array).all() for array in found.values())


def test_a_list_as_long_as_the_official_one_takes_no_time(tmp_path: Path) -> None:
    names = [f"fashionWOMENDressesid{i:08}02_1front" for i in range(9_000)]
    listed = [(f"{a}.jpg", f"{b}.jpg") for a, b in pairwise(names)][:8_570]
    path = write_pairs(tmp_path / "list.csv", listed)
    pictures = {name: Path(f"{name}.png") for name in names}
    began = time.process_time()
    pairs, warnings = listed_pairs(read_pair_list(path)[0], pictures, lambda n: n[:-4], where="here", missing="stop")
    taken_s = time.process_time() - began
    assert (len(pairs), warnings) == (8_570, [])
    assert taken_s < 1, f"{taken_s:.2f} s"
