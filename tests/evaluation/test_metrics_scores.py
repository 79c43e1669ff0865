"""Rows of scores: of a picture, of a film, of a film without a truth; and the table that explains them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from metrics_material import ListedFinder, lpips_file, noisy, person, picture

from motionimit.errors import BadInput, ShapeError
from motionimit.evaluation.availability import Distances
from motionimit.evaluation.crops import head_box
from motionimit.evaluation.cross import score_cross
from motionimit.evaluation.measures import MEASURES
from motionimit.evaluation.metrics import score_film, score_picture
from motionimit.evaluation.people import Seen


class FirstPixelFace:
    """Stands in for face descriptors: the picture's own brightness, or no face in a black picture."""

    def __call__(self, rgb: np.ndarray, seen: Seen | None) -> np.ndarray | None:
        return None if seen is None or not rgb.any() else np.array([1.0, rgb.mean() / 255])


@pytest.fixture(scope="module")
def distances(tmp_path_factory: pytest.TempPathFactory) -> Distances:
    """LPIPS with random weights: laws hold for any."""
    out = Distances(lpips_file(tmp_path_factory.mktemp("lpips")))
    out.faces = FirstPixelFace()  # type: ignore[assignment]
    return out


def score(made: np.ndarray, distances: Distances, found: Seen | None = None, seen: Seen | None = None) -> dict[str, float]:
    seen = seen or person()
    return score_picture(picture(), made, seen, None, ListedFinder(found or person()), distances)


def test_the_same_picture_is_perfect(distances: Distances) -> None:
    row = score(picture(), distances)
    for name, value in row.items():
        perfect = {"psnr": np.inf, "ssim": 1.0, "lpips": 0.0}.get(name.split("_")[-1] if "_" in name else name)
        perfect = {"psnr_frame": np.inf, "ssim_frame": 1.0, "lpips_frame": 0.0, "l1_mask": 0.0}.get(name, perfect)
        perfect = {"akd": 0.0, "mkr": 0.0, "pck5": 100.0, "detected": 100.0, "iou": 1.0}.get(name, perfect)
        perfect = {"identity": 1.0, "face_rate": 100.0}.get(name, perfect)
        assert value == pytest.approx(perfect, abs=1e-9), name
    assert len(row) == 22


def test_every_score_worsens_with_noise(distances: Distances) -> None:
    rows = [score(noisy(picture(), sigma), distances) for sigma in (3, 15, 60)]
    for name in (n for n in rows[0] if n not in ("akd", "mkr", "pck5", "detected", "iou", "identity", "face_rate")):
        values = [row[name] * (1 if MEASURES[name].better == "higher" else -1) for row in rows]
        assert values[0] > values[1] > values[2], f"{name}: {values}"


def test_pose_scores_worsen_with_distance(distances: Distances) -> None:
    rows = [score(picture(), distances, person((shift, 0))) for shift in (2, 10, 40)]
    assert rows[0]["akd"] < rows[1]["akd"] < rows[2]["akd"]
    assert rows[0]["iou"] > rows[1]["iou"] > rows[2]["iou"]
    assert rows[0]["pck5"] == 100 > rows[2]["pck5"] == 0


def test_every_name_is_explained(distances: Distances) -> None:
    frames = [picture(k) for k in range(4)]
    film = score_film(frames, frames, ListedFinder(person()), distances)
    rows, whole = score_cross(frames, frames, ListedFinder(person()), distances, frames[0])
    names = set(score(picture(), distances)) | set(film[0]) | set(rows[0]) | set(whole)
    assert names - {"index"} <= set(MEASURES), names - set(MEASURES)
    assert set(MEASURES) - names == {"fid"}
    for name, measure in MEASURES.items():
        assert measure.better in ("higher", "lower", "neither"), name
        assert measure.meaning and not measure.meaning.endswith(".") and measure.title, name


def test_a_ruined_head_is_seen(distances: Distances) -> None:
    made, box = picture(), head_box(person())
    assert box is not None
    y0, y1, x0, x1 = box
    made[y0:y1, x0:x1] = made[y0:y1, x0:x1][:, ::-1]
    row = score(made, distances)
    assert row["ssim"] > 0.85 and row["head_ssim"] < 0.5, row
    assert row["hands_ssim"] == pytest.approx(1)
    assert row["head_lpips"] > 3 * row["lpips"], row


def test_what_is_not_there_is_absent(distances: Distances) -> None:
    row = score(picture(), distances, seen=person(hidden=range(23)))
    assert not {"head_ssim", "head_psnr", "head_lpips", "hands_ssim", "hands_psnr"} & set(row)
    assert {"ssim", "akd"} <= set(row)
    lost = score_picture(picture(), picture(), person(), None, ListedFinder(None), distances)
    assert lost["detected"] == lost["iou"] == lost["pck5"] == 0
    assert lost["mkr"] == 100
    assert lost["face_rate"] == 0
    assert not {"akd", "identity"} & set(lost)
    empty = np.zeros(picture().shape[:2], bool)
    row = score_picture(picture(), picture(), person(), empty, ListedFinder(person()), distances)
    assert not {"mask_psnr", "mask_ssim", "body_ssim", "l1_mask"} & set(row)
    assert row["ssim"] == pytest.approx(1)


def test_without_weights_the_rest_is_measured() -> None:
    bare = Distances.__new__(Distances)
    row = score_picture(picture(), noisy(picture(), 9), person(), None, ListedFinder(person()), bare)
    assert not [name for name in row if "lpips" in name or name in ("identity", "face_rate")]
    assert {"ssim", "head_ssim", "hands_ssim", "akd"} <= set(row)


def test_a_mask_of_ones_own_is_used(distances: Distances) -> None:
    made, own = picture(), np.zeros(picture().shape[:2], bool)
    own[:40, :40] = True
    made[:40, :40] = 255 - made[:40, :40]
    rows = [score_picture(picture(), made, person(), m, ListedFinder(person()), distances) for m in (None, own)]
    assert rows[0]["l1_mask"] == 0
    assert rows[1]["l1_mask"] > 20
    assert rows[0]["iou"] == rows[1]["iou"] == 1


def test_sizes_must_agree(distances: Distances) -> None:
    finder = ListedFinder(person())
    with pytest.raises(ShapeError, match="made"):
        score_picture(picture(), picture()[1:], person(), None, finder, distances)
    with pytest.raises(ShapeError, match=r"seen.mask"):
        score_picture(picture()[1:], picture()[1:], person(), None, finder, distances)
    with pytest.raises(ShapeError, match="mask"):
        score_picture(picture(), picture(), person(), np.ones((4, 4), bool), finder, distances)
    with pytest.raises(ShapeError, match="made"):
        score_film([picture()] * 2, [picture()[1:]] * 2, finder, distances)
    with pytest.raises(BadInput, match="too small"):
        score_picture(picture()[:5], picture()[:5], person(), None, finder, distances)


@pytest.mark.parametrize("size", [(7, 7), (9, 64), (64, 9)])
def test_tiny_pictures_are_measured(size: tuple[int, int], distances: Distances) -> None:
    tiny = picture()[: size[0], : size[1]]
    mask = np.zeros(size, bool)
    mask[:4, :3] = True
    seen = Seen(np.full((33, 2), 3, np.float32), np.full(33, 0.9, np.float32), mask)
    row = score_picture(tiny, tiny, seen, None, ListedFinder(seen), distances)
    assert row["psnr_frame"] == np.inf
    assert "ssim" not in row, "a box under 7 px has no windows"


# --- films ----------------------------------------------------------------------------------------------------------------------


def test_a_film_is_paired_by_order_and_never_scores_its_first_frame(distances: Distances) -> None:
    frames = [picture(k) for k in range(5)]
    rows = score_film(iter(frames), iter(frames), ListedFinder(person()), distances)
    assert [row["index"] for row in rows] == [1, 2, 3, 4]
    assert all(row["flicker"] == 0 and row["ssim"] == pytest.approx(1) for row in rows)
    some = score_film(frames, frames[:4], ListedFinder(person()), distances, wanted={0, 2, 3, 4})
    assert [row["index"] for row in some] == [2, 3], "as far as the shorter film reaches"
    assert score_film(frames, [], ListedFinder(person()), distances) == []
    assert score_film(frames[:1], frames[:1], ListedFinder(person()), distances) == []


def test_a_frozen_film_flickers_as_much_as_the_truth_moves(distances: Distances) -> None:
    frames = [np.roll(picture(), 2 * k, 1) for k in range(3)]
    rows = score_film(frames, [frames[0]] * 3, ListedFinder(person()), distances)
    for row in rows:
        assert row["motion_pred"] == 0
        assert row["flicker"] == row["motion_truth"] > 1


def test_percentages_are_of_the_median_height(distances: Distances) -> None:
    tall, crouched = person(), _cropped(person(), 100)
    moved = person((6, 0))
    finder = ListedFinder(tall, moved, crouched, moved, tall, moved)
    rows = score_film([picture()] * 4, [picture()] * 4, finder, distances)
    assert [row["akd"] for row in rows] == pytest.approx([600 / tall.height_px] * 3)


def test_frames_without_anybody_have_frame_scores_alone(distances: Distances) -> None:
    rows = score_film([picture()] * 2, [picture()] * 2, ListedFinder(None), distances)
    assert set(rows[0]) == {"index", "psnr_frame", "ssim_frame", "lpips_frame"}


# --- without a truth ------------------------------------------------------------------------------------------------------------


def test_another_body_in_the_same_pose_has_no_pose_error(distances: Distances) -> None:
    """The made film is half as large: landmarks compare from the hips, by torso lengths."""
    frames = [picture(k) for k in range(4)]
    driver, small = person(), person()
    small = Seen(driver.landmarks_px * 0.5 + 20, driver.confidence, driver.mask)
    rows, _ = score_cross(frames, frames, ListedFinder(*[driver, small] * 2), distances)
    assert [row["index"] for row in rows] == [1, 2]
    assert [row["akd_torso"] for row in rows] == pytest.approx([0, 0], abs=1e-4)
    assert rows[0]["mkr"] == 0


def test_pose_error_is_in_percent_of_the_torso(distances: Distances) -> None:
    frames = [picture()] * 3
    driver = person()
    bent = driver.landmarks_px.copy()
    bent[15] += (0.33 * 80, 0)  # the torso is 80 px long, so one landmark of 33 is off by 33 %
    rows, _ = score_cross(frames, frames, ListedFinder(driver, Seen(bent, driver.confidence, driver.mask)), distances)
    assert rows[0]["akd_torso"] == pytest.approx(1, abs=1e-3)


def test_lost_people_count_against_detection_and_mkr(distances: Distances) -> None:
    frames = [picture()] * 4
    rows, whole = score_cross(frames, frames, ListedFinder(person(), None, None, person()), distances)
    assert rows[0]["detected"] == 0 and rows[0]["mkr"] == 100
    assert not {"akd_torso", "jitter"} & set(rows[0])
    assert rows[1]["detected"] == 100
    assert not {"akd_torso", "mkr", "jitter_driver"} & set(rows[1]), "nobody in the driver's frame"
    assert not whole, "one frame has no spread"


def test_background_spread_ignores_the_person_and_sees_the_wall(distances: Distances) -> None:
    still = [np.where(person().mask[..., None], picture(k), picture(0)) for k in range(5)]
    _, whole = score_cross(still, still, ListedFinder(person()), distances)
    assert whole["background_std"] == pytest.approx(0, abs=1e-3)
    moving = [noisy(np.full_like(picture(), 128), 10, seed=k) for k in range(22)]
    _, whole = score_cross(moving, moving, ListedFinder(person()), distances)
    assert whole["background_std"] == pytest.approx(10, rel=0.05)


def test_identity_against_the_photo_where_the_driver_shows_a_face(distances: Distances) -> None:
    frames = [picture()] * 4
    rows, _ = score_cross(frames, frames, ListedFinder(person()), distances, photo=picture())
    assert rows[0]["identity"] == pytest.approx(1)
    hidden = [np.zeros_like(picture())] * 4
    rows, _ = score_cross(hidden, frames, ListedFinder(person()), distances, photo=picture())
    assert "face_rate" not in rows[0] and rows[0]["identity"] == pytest.approx(1), "a face too many is still compared"
    rows, _ = score_cross(frames, hidden, ListedFinder(person()), distances, photo=picture())
    assert rows[0]["face_rate"] == 0 and "identity" not in rows[0]
    rows, _ = score_cross(frames, frames, ListedFinder(person()), distances)
    assert "identity" not in rows[0], "no photo, no reference"


def _cropped(seen: Seen, rows: int) -> Seen:
    mask = seen.mask.copy()
    mask[: mask.shape[0] - rows] = False
    return Seen(seen.landmarks_px, seen.confidence, mask)


def test_distances_survive_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="file of LPIPS weights"):
        Distances(tmp_path / "none.npz")
