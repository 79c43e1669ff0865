"""`motionimit doctor --people`: what it lists is what tracking then takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from motionimit_cli.main import main
from scripted import BLUE, GREEN, HEIGHT, RED, WIDTH, ScriptedDetector, centre_x, frame

from motionimit.compositing.people_sheet import THUMB_PX, options_text, people_sheet
from motionimit.errors import BadInput
from motionimit.media.image import read_photo, write_png
from motionimit.media.reader import VideoReader
from motionimit.pose import listing
from motionimit.pose.detector import MediaPipeDetector
from motionimit.pose.listing import MOMENTS, Listed, Listing, list_people
from motionimit.pose.people import DRIVER_SIDE_PX
from motionimit.pose.tracking import track_person
from motionimit.values import parse_person

Placed = tuple[tuple[int, int, int], float, float]
TRIO: list[Placed] = [(GREEN, 260, 40), (RED, 60, 40), (BLUE, 160, 40)]


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MediaPipeDetector", ScriptedDetector)


def pictures(folder: Path, people: list[list[Placed]], tall: int = 160) -> Path:
    """A folder of stills as a clip of 25 frames per second."""
    folder.mkdir()
    for t, placed in enumerate(people):
        write_png(folder / f"{t:03d}.png", frame(placed, tall=tall, noise=t))
    return folder


def followed_x(path: Path, person: Listed, words: str | int) -> float:
    """Where a run with the listed --start and `--person WORDS` begins to follow somebody, px."""
    with VideoReader(path, person.start_s, max_frames=12, max_side_px=DRIVER_SIDE_PX) as reader:
        track = track_person(iter(reader), reader.info.fps, ScriptedDetector(), parse_person(words))
    return float(centre_x(track)[track.valid.nonzero()[0, 0]])


def test_listed_numbers_points_and_words_are_what_tracking_takes(tmp_path: Path) -> None:
    clip = pictures(tmp_path / "clip", [TRIO] * 12)
    people = list_people(clip).people
    assert [options_text(p) for p in people] == ["--person 1", "--person 2", "--person 3"]
    assert [p.center_px[0] for p in people] == pytest.approx([60, 160, 260], abs=2)
    assert [p.places[0] for p in people] == ["left", "middle", "right"]
    for person in people:
        x, y = person.position
        for words in (person.number, f"{x},{y}", *person.places):
            at = followed_x(clip, person, words)
            assert abs(at - person.center_px[0]) < 2, f"--person {words} follows x = {at:.0f} px, not {person}"


def test_who_comes_later_is_listed_with_the_start_that_finds_them(tmp_path: Path) -> None:
    clip = pictures(tmp_path / "clip", [TRIO[1:2]] * 40 + [TRIO[:2]] * 60)
    alone, later = list_people(clip).people
    assert options_text(alone) == "--person 1" and alone.seen == MOMENTS
    assert later.number == 2 and 40 / 25 <= later.start_s <= 40 / 25 + 100 / 25 / MOMENTS, later.start_s
    assert later.seen == 4, f"in 60 of 100 frames, seen in {later.seen} of {MOMENTS}"
    assert abs(followed_x(clip, later, later.number) - 260) < 2


def test_the_first_who_walks_in_is_found_between_thorough_looks(tmp_path: Path) -> None:
    clip = pictures(tmp_path / "clip", [[]] * 7 + [TRIO] * 9)
    people = list_people(clip).people
    assert [p.start_s for p in people] == [0, 0, 0] and [p.number for p in people] == [1, 2, 3]
    assert abs(followed_x(clip, people[2], 3) - 260) < 2


def test_a_start_moves_the_listing(tmp_path: Path) -> None:
    clip = pictures(tmp_path / "clip", [TRIO[1:2]] * 10 + [TRIO[:2]] * 10)
    people = list_people(clip, start_s=0.4).people
    assert [options_text(p) for p in people] == ["--start 0.4 --person 1", "--start 0.4 --person 2"]
    assert abs(followed_x(clip, people[1], 2) - 260) < 2


def test_somebody_seen_once_in_passing_is_not_listed(tmp_path: Path) -> None:
    moments = {round(i * 40 / MOMENTS) for i in range(1, MOMENTS)}
    glimpse = sorted(moments)[2]
    clip = pictures(tmp_path / "clip", [TRIO[:2] if t == glimpse else TRIO[1:2] for t in range(40)])
    (person,) = list_people(clip).people
    assert person.seen == MOMENTS


def test_a_person_who_leaves_is_not_seen_in_the_rest(tmp_path: Path) -> None:
    clip = pictures(tmp_path / "clip", [TRIO[:2]] * 20 + [TRIO[:1]] * 20)
    leaving, staying = list_people(clip).people
    assert (leaving.seen, staying.seen) == (MOMENTS // 2, MOMENTS)


def test_a_picture_is_one_moment(tmp_path: Path) -> None:
    write_png(tmp_path / "two.png", frame(TRIO[:2]))
    found = list_people(tmp_path / "two.png")
    assert found.looked == 1 and [p.seen for p in found.people] == [1, 1] and found.size_px == (WIDTH, HEIGHT)


def test_the_height_is_that_in_the_file(tmp_path: Path) -> None:
    big = np.kron(frame(TRIO[:1], tall=200), np.ones((4, 4, 1), np.uint8))
    write_png(tmp_path / "big.png", big)
    found = list_people(tmp_path / "big.png")
    assert found.people[0].frame.shape[1] == DRIVER_SIDE_PX
    assert found.height_px(found.people[0]) == pytest.approx(800, rel=0.15)


def test_nobody_and_a_start_behind_the_end_are_refused(tmp_path: Path) -> None:
    clip = pictures(tmp_path / "clip", [[]] * 4)
    with pytest.raises(BadInput, match="^No person was found in '.*clip'; "):
        list_people(clip)
    with pytest.raises(BadInput, match="lies behind the end"):
        list_people(clip, start_s=9)


@pytest.mark.parametrize("turned", [False, True])
def test_the_sheet_has_a_box_and_a_thumbnail_for_everybody(tmp_path: Path, turned: bool) -> None:
    rgb = frame(TRIO)
    write_png(tmp_path / "trio.png", np.concatenate([np.full_like(rgb, 90), rgb]) if turned else rgb)
    people = list_people(tmp_path / "trio.png").people
    sheet = people_sheet(people)
    for person, color in zip(people, (RED, BLUE, GREEN), strict=True):
        whole = int((np.abs(sheet.astype(int) - color).max(-1) < 8).sum())
        near = int((np.abs(person.frame.astype(int) - color).max(-1) < 8).sum())
        assert whole > near + 0.15 * np.prod(THUMB_PX), f"{whole} px of {color} in the sheet, {near} px of them in the frame"
        x0, y0, x1, y1 = (round(float(v)) for v in person.box_px)
        drawn = sheet[4 : 4 + person.frame.shape[0], 4 : 4 + person.frame.shape[1]]
        edge = drawn[(y0 + y1) // 2, [x0, x1 - 1]].astype(int)
        assert (np.abs(edge[0] - edge[1]) == 0).all() and np.abs(edge[0] - 90).max() > 20, f"no box at {person.box_px}: {edge}"
    tall = sheet.shape[0] > sheet.shape[1]
    assert tall is not turned, f"{sheet.shape}: thumbnails stand under a wide frame and beside a tall one"


def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "dance", [TRIO[1:2]] * 8 + [TRIO[:2]] * 16)


def test_the_command_prints_a_table_and_writes_a_picture(tmp_path: Path, monkeypatch, capsys) -> None:
    in_folder(tmp_path, monkeypatch)
    assert main(["doctor", "--people", "dance"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"2 people in dance ({MOMENTS} frames looked at)"
    assert lines[2].split() == ["--person", "1", "19%,41%", "167", "px", "95", "%", "8", "of", "8"], lines[2]
    assert lines[3].startswith("--start 0.36 --person 2  81%,41%"), lines[3]
    assert lines[-1] == "dance_people.png" and read_photo(tmp_path / "dance_people.png").rgb.shape[1] > WIDTH


def test_the_command_as_json(tmp_path: Path, monkeypatch, capsys) -> None:
    in_folder(tmp_path, monkeypatch)
    assert main(["doctor", "--people", "dance", "--json", "-o", "who.png", "--start", "0.5"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["picture"] == "who.png" and (tmp_path / "who.png").is_file()
    assert [p["options"] for p in told["people"]] == ["--start 0.5 --person 1", "--start 0.5 --person 2"]
    assert all(parse_person("{},{}".format(*p["position"])).point for p in told["people"])


def test_nothing_is_written_where_nobody_is_found(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    write_png(tmp_path / "empty.png", frame([]))
    assert main(["doctor", "--people", "empty.png"]) == 3
    assert capsys.readouterr().err.startswith("motionimit: No person was found in 'empty.png'")
    assert [p.name for p in tmp_path.iterdir()] == ["empty.png"]


@pytest.fixture(scope="module")
def bystander(real_material: Path, mediapipe_detector: MediaPipeDetector) -> Iterator[Listing]:
    clip = real_material / "clips" / "pose2sim_balance_cam02.mp4"
    if not clip.is_file():
        pytest.skip("that clip is not here")
    yield list_people(clip, detector=mediapipe_detector)


def test_a_real_clip_with_a_bystander(bystander: Listing) -> None:
    man, onlooker = bystander.people
    assert man.places == ("left", "middle", "largest") and onlooker.places == ("right",)
    heights = [bystander.height_px(p) for p in (man, onlooker)]
    assert heights == [pytest.approx(730, abs=60), pytest.approx(400, abs=60)], heights
    assert min(man.seen, onlooker.seen) >= MOMENTS - 2, (man.seen, onlooker.seen)
