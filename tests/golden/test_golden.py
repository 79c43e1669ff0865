"""The main job once from end to end: everything that a result must be, whatever its pixels are."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from golden_material import FPS, SIZE_PX, folder_pictures, heard, pictures, psnr_db, video_rate
from PIL import Image

FRAMES = 9
REPORT_KEYS = {"frames", "fps", "size", "wall_s", "source_s", "driver_s", "seconds", "peak_rss_mb", "fit", "warnings"}
REPORT_KEYS |= {"version", "settings", "output", "generator"}
PEAK_RSS_MB = 2000
FEET = 0.95  # where the sample photo has them, as a share of its height
REPROJECTION_PCT, MASK_IOU = 0.8, 0.8
SELF_PSNR_DB, SELF_PERSON_PSNR_DB, GAIN_DB = 36.0, 30.0, 6.0  # measured 40.7, 34.7, 9.5


def test_nothing_but_the_results_is_left(golden: Path) -> None:
    assert sorted(p.name for p in golden.iterdir()) == ["out.mp4", "report.json"]


def test_frames_rate_size_and_note(golden: Path, material: Path) -> None:
    frames = pictures(golden / "out.mp4")
    photo = Image.open(material / "photo.jpg").size
    assert len(frames) == FRAMES
    assert max(frames.shape[1:3]) == SIZE_PX
    assert abs(frames.shape[2] / frames.shape[1] - photo[0] / photo[1]) < 2 / SIZE_PX, "the aspect is not the photo's"
    assert video_rate(golden / "out.mp4") == FPS
    with av.open(str(golden / "out.mp4")) as container:
        assert "synthetic" in container.metadata["comment"].lower()
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
        assert container.streams.video[0].codec_context.name == "h264"


def test_sound_is_the_drivers(golden: Path, material: Path) -> None:
    samples, clicks = heard(golden / "out.mp4")
    expected, expected_clicks = heard(material / "dance.mp4")
    assert samples == expected
    assert len(clicks) == len(expected_clicks) >= 2
    assert np.abs(clicks - expected_clicks).max() < 1e-3, f"clicks at {clicks}, driver's at {expected_clicks}"


def test_report(golden: Path) -> None:
    report = json.loads((golden / "report.json").read_text())
    assert set(report) == REPORT_KEYS
    assert (report["frames"], report["fps"], report["warnings"]) == (FRAMES, "30000/1001", [])
    assert tuple(report["size"]) == pictures(golden / "out.mp4").shape[2:0:-1]
    assert report["source_s"] > 0
    assert report["driver_s"] > 0
    assert report["source_s"] + report["driver_s"] <= report["wall_s"]
    assert all(seconds >= 0 for seconds in report["seconds"].values())
    assert {"decode", "landmarks", "fit", "render"} <= set(report["seconds"])
    assert 100 < report["peak_rss_mb"] < PEAK_RSS_MB
    fit = report["fit"]
    assert set(fit) == {"reprojection_pct", "mask_iou", "jitter_mm"}
    assert 0 < fit["reprojection_pct"]["mean"] < REPROJECTION_PCT, fit
    assert fit["reprojection_pct"]["mean"] < fit["reprojection_pct"]["p95"]
    assert fit["mask_iou"] > MASK_IOU, fit


def test_the_person_is_in_every_frame_and_the_background_stands_still(
    golden: Path, command, material: Path, tmp_path: Path
) -> None:
    inputs = (material / "photo.jpg", material / "dance.mp4")
    assert command("transfer", *inputs, "-o", "person", "--alpha", "--size", SIZE_PX, "-q") == 0
    alpha = folder_pictures(tmp_path / "person")[..., 3] / 255
    frames = pictures(golden / "out.mp4").astype(float)
    share = alpha.mean((1, 2))
    assert len(alpha) == len(frames)
    assert share.min() > 0.08, f"the person covers {share.min():.3f} of a frame"
    assert share.max() < 1.3 * share.min(), f"the person's area jumps between {share.min():.3f} and {share.max():.3f}"
    feet = np.array([np.flatnonzero((a > 0.5).any(1))[-1] for a in alpha]) / alpha.shape[1]
    assert np.abs(feet - FEET).max() < 0.03, f"feet at {feet} of the height, the photo's stand at {FEET}"
    rows = np.argwhere(alpha.max((0, 2)) > 0.5).ravel()
    assert rows[-1] - rows[0] > 0.5 * alpha.shape[1], "the person fills less than half of the height"
    away = np.stack([np.asarray(Image.fromarray(a > 0.01).convert("L").reduce(8)) for a in alpha]).max(0) == 0
    away = np.kron(away, np.ones((8, 8), bool))[: frames.shape[1], : frames.shape[2]]  # whole coding blocks
    unrest = (frames.max(0) - frames.min(0))[: away.shape[0], : away.shape[1]][away]
    assert away.mean() > 0.3
    assert np.percentile(unrest, 99) <= 8, f"background pixels move by {np.percentile(unrest, 99):.0f} of 255"
    moved = np.abs(np.diff(frames, axis=0)).max((1, 2, 3))
    assert moved.min() > 20, f"the person stands still: a frame differs by at most {moved.min():.0f} of 255 from the one before"


def test_the_same_command_gives_the_same_pixels_and_says_what_it_did(
    golden: Path, command, material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = (material / "photo.jpg", material / "dance.mp4")
    assert command("transfer", *inputs, "-o", "again.mp4", "--size", SIZE_PX) == 0
    assert np.array_equal(pictures(golden / "out.mp4"), pictures(tmp_path / "again.mp4"))
    out, err = capsys.readouterr()
    assert out == "again.mp4\n"
    for wanted in ("landmarks: 9 of 9", "render: 9 of 9", "9 at 29.97 frames/s", "whole run"):
        assert wanted in err, f"'{wanted}' is missing in: {err}"


def test_a_frame_of_the_driver_as_the_photo_gives_the_driver_again(command, material: Path, tmp_path: Path) -> None:
    driver = pictures(material / "dance.mp4")
    photo = np.asarray(Image.open(material / "first.png"))
    inputs = (material / "first.png", material / "dance.mp4")
    assert command("transfer", *inputs, "-o", "self", "--size", max(photo.shape), "--camera", "copy", "-q") == 0
    drawn = folder_pictures(tmp_path / "self")
    moving = np.argwhere(np.ptp(driver.astype(int), axis=0).max(-1) > 60)
    (top, left), (bottom, right) = moving.min(0), moving.max(0) + 1
    box = (slice(top, bottom), slice(left, right))
    whole, person = psnr_db(drawn[0], photo), psnr_db(drawn[0][box], photo[box])
    assert whole > SELF_PSNR_DB, f"{whole:.2f} dB over the photo's own frame"
    assert person > SELF_PERSON_PSNR_DB, f"{person:.2f} dB in the person's box"
    ours = np.mean([psnr_db(drawn[k][box], driver[k][box]) for k in range(4, len(driver))])
    frozen = np.mean([psnr_db(photo[box], driver[k][box]) for k in range(4, len(driver))])
    assert ours > frozen + GAIN_DB, f"{ours:.2f} dB in later frames, a frozen photo has {frozen:.2f}"
