"""Sightings, landmark errors and crops; and agreement with the project's reference instrument on real pictures."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from metrics_material import SIZE, noisy, person, picture

from motionimit.errors import ShapeError
from motionimit.evaluation.availability import Distances
from motionimit.evaluation.crops import HEAD_PX, cut, hand_boxes, head_box
from motionimit.evaluation.metrics import score_film, score_picture
from motionimit.evaluation.people import PersonFinder, Seen, landmark_errors, mask_iou
from motionimit.evaluation.pictures import resized, ssim
from motionimit.media.image import read_photo

SHARED = Path(__file__).parents[3] / "shared"
REFERENCE = SHARED / "tools" / "score.py"
LPIPS_FILE = SHARED / "data" / "weights" / "lpips_alex_full.npz"
PAIR = [SHARED / "data" / "pairs" / f"fedb_Deadlift_with_Chains_{k}.jpg" for k in (0, 1)]


def test_box_is_the_mask_and_eight_percent_of_its_height() -> None:
    mask = np.zeros((200, 100), bool)
    mask[50:150, 40:60] = True
    seen = Seen(np.zeros((33, 2), np.float32), np.zeros(33, np.float32), mask)
    assert seen.height_px == 100
    assert seen.box == (42, 158, 32, 68)
    mask[0, 0] = mask[199, 99] = True
    assert seen.box == (0, 200, 0, 100)
    with pytest.raises(ValueError, match="empty"):
        Seen(seen.landmarks_px, seen.confidence, np.zeros((5, 5), bool))
    with pytest.raises(ShapeError, match="landmarks_px"):
        Seen(np.zeros((18, 2), np.float32), seen.confidence, mask)


def test_landmark_errors_of_a_shifted_person() -> None:
    truth = person()
    assert landmark_errors(truth, truth).scores(truth.height_px) == {"mkr": 0, "pck5": 100, "akd": 0}
    for share in (1, 4.9, 5.1, 20):
        moved = person((0.6 * share / 100 * truth.height_px, 0.8 * share / 100 * truth.height_px))
        scores = landmark_errors(truth, moved).scores(truth.height_px)
        assert scores["akd"] == pytest.approx(share, abs=1e-3)
        assert scores["pck5"] == (100 if share < 5 else 0)
        assert scores["mkr"] == 0


def test_missing_landmarks_count_against_mkr_and_pck_alone() -> None:
    truth = person(hidden=(31, 32))
    scores = landmark_errors(truth, person(hidden=(15, 16, 31))).scores(truth.height_px)
    assert scores == {"mkr": pytest.approx(100 * 2 / 31), "pck5": pytest.approx(100 * 29 / 31), "akd": 0}
    nobody = landmark_errors(truth, None).scores(truth.height_px)
    assert nobody == {"mkr": 100, "pck5": 0}
    assert landmark_errors(person(hidden=range(33)), truth).scores(100) == {}
    assert landmark_errors(truth, person(hidden=range(33))).scores(100) == {"mkr": 100, "pck5": 0}


def test_mask_iou() -> None:
    truth = person()
    assert mask_iou(truth, truth) == 1
    assert mask_iou(truth, None) == 0
    overlap = [mask_iou(truth, person((shift, 0))) for shift in (2, 8, 30)]
    assert 1 > overlap[0] > overlap[1] > overlap[2] > 0
    other = Seen(truth.landmarks_px, truth.confidence, truth.mask[:-1])
    with pytest.raises(ShapeError, match="mask"):
        mask_iou(truth, other)


def test_head_box_holds_the_head_and_little_else() -> None:
    box = head_box(person())
    assert box is not None
    y0, y1, x0, x1 = box
    assert y1 - y0 == x1 - x0
    assert y0 <= 28 and y1 >= 66 and x0 <= 80 and x1 >= 120, f"the drawn head is 28..68, 80..120 px, the box {box}"
    assert (y1 - y0) < 0.35 * person().height_px


def test_head_box_follows_the_person_not_the_picture() -> None:
    a, b = head_box(person()), head_box(person((7, 11)))
    assert a is not None and b is not None
    assert np.array(b) - np.array(a) == pytest.approx(np.array([11, 11, 7, 7]), abs=1)


def test_crops_of_what_is_not_seen() -> None:
    assert head_box(person(hidden=range(11))) is None
    assert hand_boxes(person(hidden=(15, 20))) == []
    assert len(hand_boxes(person(hidden=(15,)))) == 1
    assert len(hand_boxes(person())) == 2
    away = Seen(person().landmarks_px + 1000, person().confidence, person().mask)
    assert head_box(away) is None
    assert hand_boxes(away) == []


def test_hand_boxes_hold_their_landmarks() -> None:
    seen = person()
    for (y0, y1, x0, x1), marks in zip(hand_boxes(seen), ((15, 17, 19, 21), (16, 18, 20, 22)), strict=True):
        points = seen.landmarks_px[list(marks)]
        assert (points > (x0, y0)).all() and (points < (x1, y1)).all()


@pytest.mark.parametrize("shift", [(-70, -25), (80, 0), (0, 28), (-95, -40)])
def test_crops_stay_in_the_picture(shift: tuple[float, float]) -> None:
    seen = person(shift)
    found = [box for box in (head_box(seen), *hand_boxes(seen)) if box is not None]
    for y0, y1, x0, x1 in found:
        assert 0 <= y0 < y1 <= SIZE[0] and 0 <= x0 < x1 <= SIZE[1]
        assert cut(picture(), (y0, y1, x0, x1), HEAD_PX).shape == (HEAD_PX, HEAD_PX, 3)


def test_a_ruined_head_shows_in_its_crop_and_hardly_in_the_box() -> None:
    truth, seen = picture(), person()
    made, head = truth.copy(), head_box(seen)
    assert head is not None
    y0, y1, x0, x1 = head
    made[y0:y1, x0:x1] = truth[y0:y1, x0:x1][::-1]
    whole = ssim(cut(truth, seen.box), cut(made, seen.box))
    part = ssim(cut(truth, head, HEAD_PX), cut(made, head, HEAD_PX))
    assert whole > 0.85 and part < 0.3, f"box {whole:.3f}, head {part:.3f}"


def test_the_finder_finds_nobody_on_a_wall_and_can_be_used_again() -> None:
    finder = PersonFinder()
    wall = np.full((120, 90, 3), 127, np.uint8)
    assert finder(wall) is None
    with pytest.raises(ShapeError, match="rgb"):
        finder(wall[..., 0])
    finder.close()
    assert finder(noisy(wall, 3)) is None
    finder.close()


# --- the reference instrument ---------------------------------------------------------------------------------------------------


def _reference() -> Any:
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    spec = importlib.util.spec_from_file_location("reference_score", REFERENCE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["reference_score"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not (REFERENCE.exists() and PAIR[0].exists()), reason="the reference instrument or its pictures aren't here")
def test_agrees_with_the_reference_instrument_on_a_real_pair() -> None:
    score = _reference()
    made, truth = (read_photo(path).rgb for path in PAIR)
    made = resized(made, truth.shape[1], truth.shape[0])
    theirs, lpips = score.PoseFinder(), score.Lpips(str(LPIPS_FILE))
    wanted, _ = score.measure_self([(made, truth)], [(truth, made)], [theirs(truth)], lpips, theirs)
    finder, distances = PersonFinder(), Distances(LPIPS_FILE)
    seen = finder(truth)
    assert seen is not None
    row = score_picture(truth, made, seen, None, finder, distances)
    film = score_film([made, truth], [truth, made], finder, distances)[0]
    assert {"psnr", "ssim", "lpips", "psnr_frame", "ssim_frame", "lpips_frame", "l1_mask", "akd", "mkr", "pck5", "iou"} <= set(
        row
    )
    assert {"flicker", "motion_truth", "motion_pred"} <= set(film)
    for name in set(wanted) & set(film):
        assert film[name] == pytest.approx(wanted[name], rel=2e-5, abs=1e-6), name
    for name in set(wanted) & set(row):
        assert row[name] == pytest.approx(wanted[name], rel=2e-5, abs=1e-6), name
    assert seen.height_px == wanted["person_height_px"]
