"""iPER's protocol on two look-alike videos: sources, spans, the two imitations, layouts, and what is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from dataset_samples import iper_folder, protocol_entry, touch

from motionimit.errors import BadInput, BadUsage
from motionimit.evaluation.datasets.iper import PROTOCOL, FilmTask, SourceFrame, read_iper
from motionimit.evaluation.datasets.iper_protocol import read_protocol, read_split, video_id
from motionimit.media.reader import VideoReader


def _write(folder: Path, **videos: object) -> None:
    entries = {name[1:].replace("_", "/"): entry for name, entry in videos.items()}
    (folder / PROTOCOL).write_text(json.dumps({"val": entries}))


def test_self_imitation_drives_with_its_own_video(tmp_path: Path) -> None:
    iper_folder(tmp_path)
    tasks, warnings = read_iper(tmp_path, mode="self", sources=2)
    clip = tmp_path / "images_HD" / "001/9/1"
    frames = tuple(SourceFrame(clip, i, clip / f"{i:04}.jpg") for i in (0, 2))
    assert warnings == [] and [task.name for task in tasks] == ["001_9_1", "007_1_2"]
    assert tasks[0] == FilmTask("001_9_1", frames, clip, (0, 4), "self")


def test_cross_imitation_drives_with_the_others_frames(tmp_path: Path) -> None:
    iper_folder(tmp_path)
    tasks, _ = read_iper(tmp_path, mode="cross")
    one, other = (tmp_path / "images_HD" / name for name in ("001/9/1", "007/1/2"))
    assert tasks[0].driver == other and tasks[0].span == (1, 3) and tasks[0].real == (one, (2, 4))
    assert [(s.film, s.index) for s in tasks[0].sources] == [(one, 0)] and tasks[1].driver == one
    first, last = tasks[0].real[1]
    assert last - first == tasks[0].span[1] - tasks[0].span[0], "as many real frames as driven ones"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8])
def test_every_count_of_sources(tmp_path: Path, count: int) -> None:
    iper_folder(tmp_path, frames=8)
    tasks, _ = read_iper(tmp_path, sources=count)
    assert [len(task.sources) for task in tasks] == [count, count]


def test_the_iccv_variant_takes_each_of_three_alone(tmp_path: Path) -> None:
    iper_folder(tmp_path)
    three, _ = read_iper(tmp_path, sources=3)
    alone, _ = read_iper(tmp_path, iccv=True)
    assert [task.sources for task in alone] == [(source,) for task in three for source in task.sources]
    assert len({task.name for task in alone}) == 6


LAYOUTS = ("images_HD/{}/{:04}.jpg", "images/{}/frame{:08}.png", "primitives/{}/processed/images/frame_{:08}.png", "{}/{:03}.png")


@pytest.mark.parametrize("pattern", LAYOUTS)
def test_frame_layouts(tmp_path: Path, pattern: str) -> None:
    iper_folder(tmp_path, pattern=pattern)
    tasks, _ = read_iper(tmp_path, sources=2)
    assert [s.picture for s in tasks[0].sources] == [tmp_path / pattern.format("001/9/1", i) for i in (0, 2)]


@pytest.mark.parametrize("folder", ["iPER_1024_video_release", "iPER_256_video_release", "videos", "."])
def test_videos_in_files_keep_the_protocols_numbers(tmp_path: Path, folder: str) -> None:
    _write(tmp_path, v001_9_1=protocol_entry("001/9/1", "007/1/2"))
    touch(tmp_path / folder, "001_9_1.mp4", "007_1_2.mp4")
    (task,), _ = read_iper(tmp_path, mode="cross", sources=2)
    film = tmp_path / folder / "001_9_1.mp4"
    assert task.sources == (SourceFrame(film, 0, None), SourceFrame(film, 2, None))
    assert task.driver == tmp_path / folder / "007_1_2.mp4" and task.span == (1, 3) and task.real == (film, (2, 4))


def test_numbers_count_and_not_digits(tmp_path: Path) -> None:
    """The official file writes 000.jpg beside 0000.jpg and even 00505.jpg; its evaluator reads the number."""
    _write(tmp_path, v024_8_2=protocol_entry("024/8/2", "029/1/2", ("000.jpg", "00505.jpg")))
    (entry,) = read_protocol(tmp_path / PROTOCOL)
    assert entry.video == "024/8/2" and entry.sources[2] == (0, 505) and entry.yaw_deg[1] == (505, 45)


def test_a_span_behind_the_end_is_cut(tmp_path: Path) -> None:
    iper_folder(tmp_path, frames=4)
    tasks, warnings = read_iper(tmp_path)
    assert [task.span for task in tasks] == [(0, 3), (0, 3)] and warnings == []


@pytest.mark.parametrize("first", [0, 1])
def test_spans_are_places_in_what_the_reader_delivers(tmp_path: Path, first: int) -> None:
    """Frames counted from 1 too, and one missing outside the span: the reader still delivers the protocol's frames."""
    _write(tmp_path, v001_9_1=protocol_entry("001/9/1", "007/1/2"))
    for video in ("001/9/1", "007/1/2"):
        folder = tmp_path / "images_HD" / video
        folder.mkdir(parents=True)
        for number in (0, 1, 2, 3, 4, 6, 7):
            Image.new("RGB", (16, 16), (30 * number, 0, 0)).save(folder / f"{number + first:04}.png")
    (task,), warnings = read_iper(tmp_path, mode="cross", sources=2)
    reds = [int(frame.rgb[8, 8, 0]) // 30 for frame in VideoReader(task.driver)]
    assert task.span is not None and reds[task.span[0] : task.span[1] + 1] == [1, 2, 3]
    assert [("counted from 1" in text, "001/9/1" in text) for text in warnings] == [(True, True)] * first
    for source, number in zip(task.sources, (0, 2), strict=True):
        assert source.picture is not None and np.asarray(Image.open(source.picture))[0, 0, 0] == 30 * number
        assert reds[source.index] == number


def test_missing_frames_and_videos(tmp_path: Path) -> None:
    iper_folder(tmp_path)
    for number in (1, 3):
        (tmp_path / f"images_HD/001/9/1/{number:04}.jpg").unlink()
    with pytest.raises(BadInput, match=r"2 files are missing .*: 001/9/1/0001, 001/9/1/0003; .* their tests \(1 of 2\)"):
        read_iper(tmp_path)
    tasks, warnings = read_iper(tmp_path, missing="skip")
    assert [task.name for task in tasks] == ["007_1_2"] and len(warnings) == 1 and "001/9/1/0003" in warnings[0]
    with pytest.raises(BadInput, match="none of the 2 tests is whole"):
        read_iper(tmp_path, mode="cross", missing="skip")
    for path in (tmp_path / "images_HD/001/9/1").iterdir():
        path.unlink()
    with pytest.raises(BadInput, match="1 file is missing .*: 001/9/1; "):
        read_iper(tmp_path)


def test_without_the_protocol_only_whole_videos_drive_themselves(tmp_path: Path) -> None:
    iper_folder(tmp_path)
    (tmp_path / PROTOCOL).unlink()
    tasks, warnings = read_iper(tmp_path)
    assert [(task.name, task.span, task.sources[0].index) for task in tasks] == [("001_9_1", (0, 5), 0), ("007_1_2", (0, 5), 0)]
    assert len(warnings) == 1 and "not iPER's protocol" in warnings[0]
    for arguments in ({"mode": "cross"}, {"sources": 2}):
        with pytest.raises(BadInput, match=f"has no {PROTOCOL}, which says who drives whom"):
            read_iper(tmp_path, **arguments)  # type: ignore[arg-type]


def test_a_file_without_the_protocol_drives_whole(tmp_path: Path) -> None:
    touch(tmp_path, "001_9_1.mp4")
    (tmp_path / "val.txt").write_text("001_9_1\n")
    assert read_iper(tmp_path)[0][0].span is None


def test_wrong_folders_and_options(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    with pytest.raises(BadInput, match=f"has neither {PROTOCOL} nor val.txt; put the evaluator's"):
        read_iper(tmp_path)
    with pytest.raises(BadUsage, match="1, 2, 3, 4 or 8 source frames, got 5"):
        read_iper(tmp_path, sources=5)
    with pytest.raises(BadUsage, match="one source at a time"):
        read_iper(tmp_path, sources=2, iccv=True)
    with pytest.raises(BadUsage, match="--mode"):
        read_iper(tmp_path, mode="both")  # type: ignore[arg-type]


def test_pictures_that_are_no_frames_are_named(tmp_path: Path) -> None:
    iper_folder(tmp_path)
    touch(tmp_path, "images_HD/001/9/1/cover.jpg")
    with pytest.raises(BadInput, match=r"cover.jpg' is not a frame"):
        read_iper(tmp_path)


def test_splits(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text("002/1/1\n\n003_1_2\n002/1/1\n")
    assert read_split(path) == ["002/1/1", "003/1/2"]
    path.write_text("002/1/1\n../../etc\n")
    with pytest.raises(BadInput, match="Line 2 of .* is no video like 001/9/1"):
        read_split(path)
    path.write_text("\n\n")
    with pytest.raises(BadInput, match="names no videos"):
        read_split(path)


def test_video_names_stay_inside() -> None:
    assert video_id("001_9_1") == video_id(" 001/9/1\n") == "001/9/1"
    assert [video_id(text) for text in ("../9/1", "001/9", "/001/9/1", "001/9/1/..", "٣/٣/x", "")] == [None] * 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"s_n": None}, 'has no sources under "s_n"'),
        ({"s_n": {"2": ["000.jpg"]}}, 'no list of 2 frames under "s_n"'),
        ({"s_n": {"1": [3]}}, 'under "s_n" that are not called like'),
        ({"s_n": {"1": ["../1.jpg"]}}, "that are not called like"),
        ({"view angle": [0, 45]}, "view angle"),
        ({"view angle": [0.5] * 8}, "view angle"),
        ({"self_imitation": []}, "lacks the target"),
        ({"cross_imitation": {"target": "../../x", "range": [0, 1]}}, "driven by a video that is not called"),
        ({"cross_imitation": {"target": "007/1/2"}}, 'needs two whole frame numbers as "range"'),
        ({"self_imitation": {"target": "001/9/1", "range": [5, 2]}}, 'a "range" that runs from 5 to 2'),
        ({"flag": [0, 10**9]}, 'a "flag" that runs from 0 to'),
        ({"flag": [True, 3]}, 'needs two whole frame numbers as "flag"'),
    ],
)
def test_bad_entries_name_the_video(tmp_path: Path, change: dict[str, object], message: str) -> None:
    _write(tmp_path, v001_9_1=protocol_entry("001/9/1", "007/1/2") | change)
    with pytest.raises(BadInput, match=f"The video '001/9/1' in .*{message}"):
        read_protocol(tmp_path / PROTOCOL)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON at line 1"),
        ("[" * 100_000, "is not JSON"),
        ("[]", 'no test videos under "val"'),
        ('{"val": {}}', 'no test videos under "val"'),
        ('{"val": {"../x": {}}}', "The video '../x' in .* is not called like 001/9/1"),
        ('{"val": {"001/9/1": 3}}', "is not an object"),
    ],
)
def test_files_that_are_no_protocol(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / PROTOCOL).write_text(text)
    with pytest.raises(BadInput, match=message):
        read_protocol(tmp_path / PROTOCOL)


KEYS = ["s_n", "source", "view angle", "self_imitation", "cross_imitation", "flag"]
WORDS = st.text(max_size=6) | st.sampled_from(["000.jpg", "001/9/1"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**7) | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, "1", "2", "target", "range"]), inner),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(entry=JSON, key=st.sampled_from(KEYS), whole=st.booleans())
def test_any_json_as_a_protocol(tmp_path_factory: pytest.TempPathFactory, entry: object, key: str, whole: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.json"
    good = protocol_entry("001/9/1", "007/1/2")
    path.write_text(json.dumps({"val": {"001/9/1": entry if whole else good | {key: entry}}}))
    try:
        (video,) = read_protocol(path)
    except BadInput as error:
        assert str(error).isprintable()
    else:
        assert all(len(frames) == count for count, frames in video.sources.items())
        assert all(0 <= first <= last for _, first, last in video.driver.values())
