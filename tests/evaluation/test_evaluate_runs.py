"""A run on disk: nothing finished is lost, nothing is mixed up, and damage is named."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from evaluate_material import METHODS, item, started
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motionimit.config.evaluate import MethodSpec
from motionimit.errors import BadInput, BadUsage
from motionimit.evaluation.report import write_reports
from motionimit.evaluation.runs import FORMAT, JOURNAL, RUN, RunFolder, read_journal, read_run

KEYS = {
    "format", "task", "settings", "methods", "dataset", "sessions", "unavailable", "notes", "measures", "items", "compared",
    "interval", "means", "differences", "wins_pct", "failures", "rows",
}  # fmt: skip
SESSION = {"command", "version", "commit", "date", "device", "cpu", "cores", "threads", "torch", "python", "system"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished run of two items, one of them with a failure."""
    with started(tmp_path / "run") as run:
        run.add(item("a", copy=0.5, warp=0.6, mine=0.7))
        run.add(item("b", copy=0.4, warp="Nobody was found in 'b_1.png'; take another.", mine=0.9))
    return tmp_path / "run"


def test_the_json_says_all_that_is_needed_to_repeat_the_run(folder: Path) -> None:
    data = json.loads((folder / RUN).read_text())
    assert set(data) == KEYS
    assert data["format"] == FORMAT
    assert set(data["sessions"][0]) == SESSION
    assert data["settings"]["seed"] == 0
    assert data["settings"]["size_px"] == 256
    assert (data["items"], data["compared"]) == (2, 1)
    assert data["failures"] == [{"item": "b", "method": "warp", "sentence": "Nobody was found in 'b_1.png'; take another."}]
    assert [m["name"] for m in data["measures"]] == ["ssim", "lpips"]
    assert {"better", "unit", "title", "digits", "meaning"} <= set(data["measures"][0])
    assert data["means"]["mine"]["ssim"] == {"value": 0.7, "low": None, "high": None, "count": 1}
    assert sorted(p.name for p in folder.iterdir()) == [JOURNAL, "pictures", "report.html", "report.md", RUN], "a part was left"


def test_reading_gives_back_what_was_written(folder: Path) -> None:
    run = read_run(folder)
    assert [i.name for i in run.items] == ["a", "b"]
    assert run.methods == list(METHODS)
    assert run.items == read_journal(folder / JOURNAL)


def test_an_interrupted_run_keeps_its_items_and_goes_on(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), started(tmp_path / "run") as run:
        run.add(item("a", copy=0.5, warp=0.6, mine=0.7))
        raise KeyboardInterrupt
    assert [i.name for i in read_run(tmp_path / "run").items] == ["a"]
    assert "a</h3>" in (tmp_path / "run" / "report.html").read_text()
    with started(tmp_path / "run", resume=True) as again:
        assert again.done("a")
        assert not again.done("b")
        again.add(item("b", copy=0.5, warp=0.6, mine=0.7))
    whole = read_run(tmp_path / "run")
    assert [i.name for i in whole.items] == ["a", "b"]
    assert len(whole.head["sessions"]) == 2


def test_a_killed_run_goes_on_behind_its_last_whole_line(folder: Path) -> None:
    journal = folder / JOURNAL
    journal.write_text(journal.read_text() + '{"name": "c", "outco')
    with started(folder, resume=True) as run:
        assert [i.name for i in run.items] == ["a", "b"]
        run.add(item("c", copy=0.5, warp=0.6, mine=0.7))
    assert [i.name for i in read_journal(journal)] == ["a", "b", "c"], "the torn line must not stand before the new one"


def test_damage_inside_the_journal_is_named_and_nothing_is_overwritten(folder: Path) -> None:
    journal = folder / JOURNAL
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([lines[0][:20], lines[1]]) + "\n")
    before = journal.read_bytes()
    with pytest.raises(BadInput, match=r"Line 1 of .*items\.jsonl"):
        started(folder, resume=True)
    assert journal.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"size_px": 512}, "size_px: 256 before, 512 now"),
        ({"seed": 3}, "seed: 0 before, 3 now"),
        ({"methods": (MethodSpec("copy"),)}, "settings"),
    ],
)
def test_other_settings_are_no_continuation(folder: Path, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(BadUsage, match="--resume") as caught:
        started(folder, resume=True, **changes)
    assert named in str(caught.value)


def test_other_weights_or_data_are_no_continuation(folder: Path) -> None:
    from evaluate_material import settings_for

    again = settings_for(folder, resume=True)
    facts = [{"name": str(m), "kind": str(m)} for m in METHODS]
    with pytest.raises(BadUsage, match="methods or weights"):
        RunFolder(again, "stills", [{**facts[0], "sha256": "f" * 64}, *facts[1:]], {"kind": "pairs", "items": 3})
    with pytest.raises(BadUsage, match="other data"):
        RunFolder(again, "stills", facts, {"kind": "pairs", "items": 4})
    with pytest.raises(BadUsage, match="other task"):
        RunFolder(again, "views", facts, {"kind": "pairs", "items": 3})


def test_a_run_or_a_folder_in_use_is_never_overwritten(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match="--resume"):
        started(folder)
    letters = tmp_path / "letters"
    letters.mkdir()
    (letters / "dear.txt").write_text("x")
    with pytest.raises(BadUsage, match="other files"):
        started(letters)
    assert [p.name for p in letters.iterdir()] == ["dear.txt"]
    (tmp_path / "empty").mkdir()
    with started(tmp_path / "empty"):
        pass
    assert (tmp_path / "empty" / RUN).is_file(), "an empty folder is as good as none"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": "other"}', "[" * 100_000, json.dumps({"format": FORMAT})])
def test_a_broken_run_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / RUN).write_text(text)
    with pytest.raises(BadInput, match=r"run\.json") as caught:
        read_run(tmp_path)
    assert str(caught.value).endswith(".")


def test_no_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        read_run(tmp_path)


JUNK = st.sampled_from([None, [], {}, "text", 7, -1.5, True, [{}], {"a": {}}])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_run_with_anything_in_it_is_read_and_shown_or_refused(folder: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Whatever stands in one place of the file: a report comes out, or one sentence."""
    whole = json.loads((folder / RUN).read_text())
    broken = copy.deepcopy(whole)
    place: Any = broken
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        deeper = isinstance(place[key], dict | list) and len(place[key]) > 0 and data.draw(st.booleans())
        if not deeper:
            if data.draw(st.booleans()):
                del place[key]
            else:
                place[key] = data.draw(JUNK)
            break
        place = place[key]
    copied = tmp_path / "copied"
    copied.mkdir(exist_ok=True)
    (copied / RUN).write_text(json.dumps(broken))
    try:
        page, _ = write_reports(copied)
    except BadInput as refused:
        assert str(refused).endswith(".")
    else:
        assert "</html>" in page.read_text()
