"""Stills on a tiny folder of pairs, with the detector and the drawing replaced: what is scored, counted, kept and resumed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from evaluate_material import METHODS, SIZE_PX, bright_finder, picture, save_pair, settings_for, shifting
from PIL import Image

from motionimit.config.evaluate import MethodSpec, StillsEvaluation
from motionimit.errors import BadInput
from motionimit.evaluation import stills
from motionimit.evaluation.datasets.pairs import StillPair
from motionimit.evaluation.runs import RunData, read_journal
from motionimit.evaluation.still_pairs import SMALLEST_PX, fingerprint, prepared
from motionimit.evaluation.stills import evaluate_stills

__all__ = ["bright_finder"]

SHIFTS = {"warp": 6, "near": 1}


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Three pairs: a figure that moves from left to right."""
    for k, (before, after) in enumerate(((40, 150), (60, 120), (30, 180))):
        save_pair(tmp_path / "pairs", f"p{k}", picture(before), picture(after))
    return tmp_path / "pairs"


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch, bright_finder: None) -> list[str]:
    """Replaces preparation and drawing; returns the names of the pairs' targets that were prepared, as they are."""
    done: list[str] = []

    def scene(ready: Any, settings: Any, job: Any) -> Any:
        done.append(ready.target.name)
        return SimpleNamespace(truth=ready.truth, parsing=None)

    monkeypatch.setattr(stills, "_scene", scene)
    monkeypatch.setattr(stills, "drawn", shifting(SHIFTS.__getitem__))
    monkeypatch.setattr(stills, "load_methods", lambda specs, device, stills: [_method(s) for s in specs])
    return done


def _method(spec: MethodSpec) -> Any:
    kind = spec.name if spec.name in ("copy", "warp") else "network"
    return SimpleNamespace(name=spec.name, kind=kind, facts=lambda: {"name": spec.name, "kind": kind})


def evaluated(pairs: Path, out: Path, **changes: Any) -> RunData:
    methods = tuple(MethodSpec(m) for m in ("copy", "warp", "near"))
    return evaluate_stills(settings_for(out, **({"data": pairs, "methods": methods} | changes)))


def test_nearer_is_better_and_every_pair_is_prepared_once(pairs: Path, tmp_path: Path, drawing: list[str]) -> None:
    run = evaluated(pairs, tmp_path / "run")
    assert drawing == ["p0_1.png", "p1_1.png", "p2_1.png"]
    means = {m: run.head["means"][m] for m in run.methods}
    ssim = [means[m]["ssim"]["value"] for m in ("copy", "warp", "near")]
    assert ssim[0] < ssim[1] < ssim[2], f"SSIM of copy, 6 px off and 1 px off: {ssim}"
    assert means["near"]["akd"]["value"] == pytest.approx(100 / (192 * 6 / 8), rel=0.05), "1 px of a figure of 144 px"
    assert means["near"]["psnr"]["count"] == 3
    assert all("generate" in i.outcomes["warp"].seconds and not i.outcomes["copy"].seconds for i in run.items)
    for item in run.items:
        for path in (*item.shown.values(), *(o.picture for o in item.outcomes.values())):
            assert path is not None
            assert (tmp_path / "run" / path).is_file(), path
    assert any("lpips" in line for line in run.head["unavailable"]) or "lpips" in means["copy"]


def test_a_failing_method_is_counted_and_not_dropped(
    pairs: Path, tmp_path: Path, drawing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = shifting(SHIFTS.__getitem__)

    def sometimes(method: Any, scene: Any, run: Any) -> np.ndarray:
        if method.name == "near" and drawing[-1] == "p1_1.png":
            raise BadInput("Too little of a pose is known; use another target.")
        if method.name == "warp" and drawing[-1] == "p2_1.png":
            raise ZeroDivisionError("division by zero")
        return good(method, scene, run)

    monkeypatch.setattr(stills, "drawn", sometimes)
    run = evaluated(pairs, tmp_path / "run")
    assert (run.head["items"], run.head["compared"]) == (3, 1)
    told = {(f["item"], f["method"]): f["sentence"] for f in run.head["failures"]}
    assert told[("p1", "near")] == "Too little of a pose is known; use another target."
    assert told[("p2", "warp")] == "unexpected ZeroDivisionError: division by zero"
    assert run.head["means"]["copy"]["ssim"]["count"] == 1, "copy worked on all, but is compared on what all could do"
    assert "Too little of a pose" in (tmp_path / "run" / "report.html").read_text()


def test_a_scene_without_a_person_fails_for_all_that_need_it(
    pairs: Path, tmp_path: Path, drawing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: Any) -> Any:
        drawing.append("asked")
        raise BadInput("No person was found in 'p_0.png'; use another photo.")

    monkeypatch.setattr(stills, "_scene", nobody)
    run = evaluated(pairs, tmp_path / "run", limit=1)
    (item,) = run.items
    assert set(item.failures) == {"warp", "near"}
    assert item.outcomes["copy"].failure is None
    assert drawing == ["asked"], "a scene that failed must not be tried again for every method"


def test_a_truth_without_a_person_is_a_failure_of_the_pair(pairs: Path, tmp_path: Path, drawing: list[str]) -> None:
    Image.fromarray(picture(0, person=False)).save(pairs / "p1_1.png")
    run = evaluated(pairs, tmp_path / "run")
    assert (run.head["items"], run.head["compared"]) == (3, 2)
    assert {i.name: len(i.failures) for i in run.items} == {"p0": 0, "p1": 3, "p2": 0}


def test_a_damaged_picture_is_a_failure_of_its_pair_only(pairs: Path, tmp_path: Path, drawing: list[str]) -> None:
    (pairs / "p0_0.png").write_bytes((pairs / "p0_0.png").read_bytes()[:400])
    run = evaluated(pairs, tmp_path / "run")
    assert run.head["compared"] == 2
    assert "p0_0.png" in run.head["failures"][0]["sentence"]


def test_ctrl_c_keeps_what_is_finished_and_resume_does_the_rest(
    pairs: Path, tmp_path: Path, drawing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = shifting(SHIFTS.__getitem__)

    def interrupted(method: Any, scene: Any, run: Any) -> np.ndarray:
        if drawing[-1] == "p1_1.png":
            raise KeyboardInterrupt
        return good(method, scene, run)

    monkeypatch.setattr(stills, "drawn", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluated(pairs, tmp_path / "run")
    assert [i.name for i in read_journal(tmp_path / "run" / "items.jsonl")] == ["p0"]
    monkeypatch.setattr(stills, "drawn", good)
    drawing.clear()
    run = evaluated(pairs, tmp_path / "run", resume=True)
    assert drawing == ["p1_1.png", "p2_1.png"], "p0 was finished"
    assert [i.name for i in run.items] == ["p0", "p1", "p2"]
    whole = evaluated(pairs, tmp_path / "whole")
    same = [run.head["means"][m]["ssim"] == whole.head["means"][m]["ssim"] for m in run.methods]
    assert all(same), "an interrupted run must give the same figures"
    assert not (tmp_path / "run" / "work").exists()


def test_changed_data_is_no_continuation(pairs: Path, tmp_path: Path, drawing: list[str]) -> None:
    evaluated(pairs, tmp_path / "run")
    save_pair(pairs, "p3", picture(40), picture(90))
    with pytest.raises(Exception, match="other data"):
        evaluated(pairs, tmp_path / "run", resume=True)


def test_missing_files_stop_or_are_left_out(pairs: Path, tmp_path: Path, drawing: list[str]) -> None:
    (pairs / "p2_1.png").unlink()
    with pytest.raises(BadInput, match="p2_1"):
        evaluated(pairs, tmp_path / "run")
    assert not (tmp_path / "run").exists(), "nothing was done, so nothing may be left"
    run = evaluated(pairs, tmp_path / "run", missing="skip")
    assert [i.name for i in run.items] == ["p0", "p1"]
    assert any("p2_1" in note for note in run.head["notes"])


def test_both_ways_and_limit(pairs: Path, tmp_path: Path, drawing: list[str]) -> None:
    run = evaluated(pairs, tmp_path / "run", both_ways=True, limit=4)
    assert len(run.items) == 4
    assert run.head["dataset"]["items"] == 4


def test_a_mask_of_another_size_is_named(pairs: Path, tmp_path: Path, drawing: list[str]) -> None:
    Image.fromarray(np.zeros((10, 10), np.uint8)).save(pairs / "p0_1.mask.png")
    run = evaluated(pairs, tmp_path / "run", limit=1)
    assert "p0_1.mask.png" in run.items[0].failures["copy"]


def pair_of(folder: Path, first: np.ndarray, second: np.ndarray) -> StillPair:
    save_pair(folder, "x", first, second)
    return StillPair("x", folder / "x_0.png", folder / "x_1.png")


def test_pictures_of_one_size_are_used_as_they_are(tmp_path: Path) -> None:
    first, second = picture(40), picture(150)
    ready = prepared(pair_of(tmp_path / "d", first, second), max(SIZE_PX), tmp_path / "work")
    assert (ready.truth == second).all()
    assert (ready.copy == first).all()
    assert (ready.source, ready.target, ready.notes) == (tmp_path / "d/x_0.png", tmp_path / "d/x_1.png", [])
    assert not (tmp_path / "work").exists()


def test_small_pictures_are_enlarged_first(tmp_path: Path) -> None:
    """Market-1501's pictures are 64 x 128."""
    ready = prepared(pair_of(tmp_path / "d", picture(10, (64, 128)), picture(40, (64, 128))), 256, tmp_path / "work")
    with Image.open(ready.source) as image:
        assert image.size == (SMALLEST_PX // 2, SMALLEST_PX)
    assert ready.truth.shape == ready.copy.shape == (256, 128, 3)
    assert "64x128" in ready.notes[0]


def test_a_target_of_another_aspect_is_widened_not_stretched(tmp_path: Path) -> None:
    first, second = picture(40, (256, 192)), picture(60, (192, 288))
    pair = pair_of(tmp_path / "d", first, second)
    mask = tmp_path / "d" / "mask.png"
    Image.fromarray(((second.mean(-1) > 127) * 255).astype(np.uint8)).save(mask)
    ready = prepared(StillPair("x", pair.source, pair.target, mask), 256, tmp_path / "work")
    assert ready.truth.shape == (192, 256, 3)
    bright = ready.truth.mean(-1) > 127
    width, height = bright.any(0).sum(), bright.any(1).sum()
    assert width / height == pytest.approx(32 / 216, rel=0.1), f"the figure is {width}x{height} px, was 32x216"
    assert ready.mask is not None
    assert (ready.mask != bright).mean() < 0.01, "the mask must move with its picture"


def test_the_fingerprint_knows_names_and_files(pairs: Path) -> None:
    from motionimit.evaluation.datasets.pairs import read_pairs

    listed = read_pairs(pairs)[0]
    assert fingerprint(listed) == fingerprint(read_pairs(pairs)[0])
    assert fingerprint(listed) != fingerprint(listed[:2])
    assert fingerprint(listed) != fingerprint(read_pairs(pairs, both_ways=True)[0])


def test_settings_that_contradict_themselves_are_refused() -> None:
    from motionimit.errors import BadUsage

    for changes in ({"limit": 0}, {"seed": -1}, {"size_px": 100}, {"dataset": "market", "both_ways": True}, {"methods": ()}):
        given = {"output": Path("o"), "data": Path("d"), "methods": tuple(MethodSpec(m) for m in METHODS)} | changes
        with pytest.raises(BadUsage):
            StillsEvaluation(**given)
