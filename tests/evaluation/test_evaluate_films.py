"""Films and views with the pipeline replaced: pairing of frames, protocols, baselines, and what is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluate_material import bright_finder, bright_person, picture

from motionimit.config.evaluate import FilmsEvaluation, MethodSpec, ViewsEvaluation
from motionimit.errors import BadInput, BadUsage
from motionimit.evaluation import videos
from motionimit.evaluation.datasets.iper import SourceFrame
from motionimit.evaluation.film_jobs import FilmJob, clips_of, film_jobs, frame_of, source_files
from motionimit.evaluation.instruments import Remembering
from motionimit.evaluation.runs import RunData
from motionimit.evaluation.videos import evaluate_films, evenly
from motionimit.evaluation.views import box, moved_onto, over_grey, view_names
from motionimit.media.image import read_pixels, write_png
from motionimit.media.writer import VideoWriter
from motionimit.types import RunReport

__all__ = ["bright_finder"]

FRAMES, STEP_PX = 9, 12


def positions() -> list[int]:
    return [40 + STEP_PX * t for t in range(FRAMES)]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A figure that walks to the right, 9 frames of 256 x 192."""
    path = tmp_path / "clips" / "walk.mp4"
    path.parent.mkdir()
    with VideoWriter(path, Fraction(25), (256, 192)) as writer:
        for x in positions():
            writer.write(picture(x))
    return path


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch, bright_finder: None) -> Iterator[list[Any]]:
    """Replaces `transfer` by one that writes the driver, two pixels to the right; gives the settings that it got."""
    seen: list[Any] = []

    def transfer(settings: Any, progress: Any = None) -> RunReport:
        seen.append(settings)
        first = round(settings.start_s * 25)
        with VideoWriter(settings.output, Fraction(25), (256, 192)) as writer:
            for x in positions()[first : first + settings.max_frames]:
                writer.write(picture(x + 2))
        count = len(positions()[first : first + settings.max_frames])
        return RunReport(frames=count, wall_s=1.0, seconds={"render": 0.5, "fit": 0.1}, warnings=["the feet are outside"])

    monkeypatch.setattr("motionimit.pipeline.transfer", transfer)
    yield seen


def run_films(mode: Any, out: Path, *data: Path, **changes: Any) -> RunData:
    given = {"methods": (MethodSpec("copy"), MethodSpec("warp")), "size_px": 256, "frames": 4} | changes
    return evaluate_films(FilmsEvaluation(mode=mode, output=out, data=data, **given))


def test_self_imitation_compares_frame_by_frame(clip: Path, tmp_path: Path, jobs: list[Any]) -> None:
    run = run_films("self", tmp_path / "run", clip)
    means = run.head["means"]
    assert means["warp"]["akd"]["value"] < 3 < means["copy"]["akd"]["value"], "2 px off against up to 96 px off"
    assert means["warp"]["ssim"]["value"] > means["copy"]["ssim"]["value"]
    (item,) = run.items
    rows = item.outcomes["warp"].frames
    assert [r["index"] for r in rows] == [1, 4, 5, 8] or len(rows) == 4
    assert 0 not in [r["index"] for r in rows], "frame 0 is the source"
    assert item.notes == ["the feet are outside"]
    assert item.outcomes["warp"].film == "films/walk.warp.mp4"
    assert (tmp_path / "run" / "films" / "walk.warp.mp4").is_file()
    assert item.outcomes["warp"].seconds["generate"] == pytest.approx(0.5 / FRAMES)
    (given,) = jobs
    assert (given.camera, given.max_frames) == ("copy", FRAMES)
    assert given.sources[0].name == "walk.png"
    assert not (tmp_path / "run" / "work").exists()


def test_cross_imitation_needs_no_truth(clip: Path, tmp_path: Path, jobs: list[Any]) -> None:
    photo = tmp_path / "photo.png"
    write_png(photo, picture(60))
    run = run_films("cross", tmp_path / "run", photo, clip)
    (item,) = run.items
    assert item.name == "photo_walk"
    scores = item.outcomes["warp"].scores
    assert {"akd_torso", "mkr", "jitter", "jitter_driver", "background_std"} <= scores.keys()
    assert "ssim" not in scores, "there is no truth to be like"
    assert item.outcomes["copy"].scores["jitter"] == 0
    assert jobs[0].camera == "smooth"


def test_a_film_that_fails_is_counted_and_the_others_go_on(
    clip: Path, tmp_path: Path, jobs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from motionimit import pipeline

    works = pipeline.transfer
    broken = clip.with_name("broken.mp4")
    broken.write_bytes(clip.read_bytes()[:300])

    def sometimes(settings: Any, progress: Any = None) -> RunReport:
        if settings.output.name.startswith("empty"):
            raise BadInput("No person was found in 'empty.mp4'; use another clip.")
        return works(settings, progress)

    monkeypatch.setattr("motionimit.pipeline.transfer", sometimes)
    clip.with_name("empty.mp4").write_bytes(clip.read_bytes())
    run = run_films("self", tmp_path / "run", clip.parent)
    assert [i.name for i in run.items] == ["broken", "empty", "walk"]
    assert {i.name: sorted(i.failures) for i in run.items} == {"broken": ["copy", "warp"], "empty": ["warp"], "walk": []}
    assert (run.head["items"], run.head["compared"]) == (3, 1)


def test_a_part_of_a_driver_is_paired_with_the_same_part(clip: Path, tmp_path: Path, jobs: list[Any], monkeypatch: Any) -> None:
    """iPER's spans: the source is another frame, the driver begins later."""
    job = FilmJob("part", (SourceFrame(clip, 2, None),), clip, 3, 5)
    monkeypatch.setattr(videos, "film_jobs", lambda settings: ([job], []))
    run = run_films("self", tmp_path / "run", clip)
    (given,) = jobs
    assert (given.start_s, given.max_frames) == (pytest.approx(3 / 25), 5)
    assert run.head["means"]["warp"]["akd"]["value"] < 3, "frames must be compared with frames 3 to 7 of the driver"


def test_frames_of_films_become_photos(clip: Path, tmp_path: Path) -> None:
    (path,) = source_files(FilmJob("x", (SourceFrame(clip, 4, None),), clip), tmp_path)
    there = bright_person(read_pixels(path, "photo")[0])
    assert there is not None
    assert there.landmarks_px[0, 0] == pytest.approx(positions()[4] + 21, abs=2)
    (given,) = source_files(FilmJob("x", (SourceFrame(clip, 4, tmp_path / "own.png"),), clip), tmp_path)
    assert given == tmp_path / "own.png", "a frame that is a file of its own is used as it is"
    with pytest.raises(BadInput, match="no frame 99"):
        frame_of(clip, 99)


def test_folders_hold_clips(clip: Path, tmp_path: Path) -> None:
    (clip.parent / "notes.txt").write_text("x")
    (clip.parent / ".hidden.mp4").write_text("x")
    assert clips_of([clip.parent]) == [clip]
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInput, match="no clips"):
        clips_of([tmp_path / "none"])


def test_names_of_films_are_unique_and_safe(tmp_path: Path) -> None:
    paths = tuple(tmp_path / part / "a walk.mp4" for part in ("one", "two"))
    settings = FilmsEvaluation(
        mode="self", output=tmp_path / "o", data=paths, methods=(MethodSpec("warp"),), max_frames=7, limit=9
    )
    found, _ = film_jobs(settings)
    assert len({j.name.casefold() for j in found}) == 2
    assert all("/" not in j.name and " " not in j.name for j in found)
    assert {j.count for j in found} == {7}


@pytest.mark.parametrize(("first", "last", "most"), [(1, 100, 40), (1, 3, 40), (0, 0, 6), (1, 0, 4), (5, 9, 2)])
def test_frames_are_spread_evenly_from_end_to_end(first: int, last: int, most: int) -> None:
    found = evenly(first, last, most)
    assert len(found) == max(0, min(most, last - first + 1))
    assert found == sorted(set(found))
    if len(found) > 1:
        assert (found[0], found[-1]) == (first, last)
        gaps = np.diff(found)
        assert gaps.max() - gaps.min() <= 1


def test_a_truth_is_looked_at_once(clip: Path) -> None:
    asked: list[int] = []

    def finder(rgb: np.ndarray) -> Any:
        asked.append(1)
        return bright_person(rgb)

    remembering = Remembering(finder)
    first, again, other = (remembering(picture(x)) for x in (40, 40, 80))
    assert first is again
    assert other is not first
    assert len(asked) == 2


def test_contradictions_are_refused(tmp_path: Path) -> None:
    given: dict[str, Any] = {"output": tmp_path / "o", "methods": (MethodSpec("warp"),)}
    for changes in (
        {"mode": "cross", "data": (Path("a.mp4"),)},
        {"mode": "self", "data": (Path("a.npz"),)},
        {"mode": "self", "data": (Path("a"), Path("b")), "dataset": "iper"},
        {"mode": "self", "data": (Path("a.mp4"),), "frames": 0},
    ):
        with pytest.raises(BadUsage):
            FilmsEvaluation(**given, **changes)
    with pytest.raises(BadUsage):
        ViewsEvaluation(**given, sources=(), truth=Path("t.mp4"))
    with pytest.raises(BadUsage):
        ViewsEvaluation(**given, sources=(Path("film.mp4"),), truth=Path("t.mp4"))


def figure(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    out = np.zeros((120, 160, 4), np.float32)
    out[top:bottom, left:right] = (0.9, 0.5, 0.2, 1)
    return out


def test_the_baseline_of_views_stands_where_the_truth_stands() -> None:
    truth = figure(90, 20, 130, 100)
    moved = moved_onto(figure(10, 60, 25, 100), truth)
    left, top, right, bottom = box(moved)
    assert (top, bottom) == (pytest.approx(20, abs=1), pytest.approx(100, abs=1))
    assert (left + right) / 2 == pytest.approx(110, abs=1)
    assert right - left == pytest.approx(30, abs=2), "scaled by 2, not stretched to the truth's width"
    assert over_grey(truth)[0, 0].tolist() == [128, 128, 128]
    assert box(np.zeros((5, 7, 4), np.float32)) == (0, 0, 7, 5)


def test_views_are_pictures_of_a_folder_or_frames_of_a_clip(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cameras"
    folder.mkdir()
    base: dict[str, Any] = {"output": tmp_path / "o", "methods": (MethodSpec("warp"),), "sources": (Path("p.png"),)}
    with pytest.raises(BadInput, match="no pictures"):
        view_names(ViewsEvaluation(**base, truth=folder))
    for name in ("back", "left"):
        write_png(folder / f"{name}.png", picture(40))
    assert view_names(ViewsEvaluation(**base, truth=folder)) == {"back": folder / "back.png", "left": folder / "left.png"}
    assert list(view_names(ViewsEvaluation(**base, truth=folder, limit=1))) == ["back"]
    assert view_names(ViewsEvaluation(**base, truth=clip, frames=3)) == {"walk-00000": 0, "walk-00004": 4, "walk-00008": 8}
