"""Inputs that are unusual but must work, and runs that are broken off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from golden_material import (
    FPS,
    dance_frames,
    folder_pictures,
    heard,
    listing,
    pictures,
    psnr_db,
    sample_photo,
    save_photo,
    save_video,
)
from golden_material import video_rate as rate
from PIL import Image

from motionimit.body.export import read_motion, write_motion
from motionimit.errors import BadInput
from motionimit.geometry.camera import Camera
from motionimit.geometry.rotation import axis_angle_to_matrix
from motionimit.media.reader import VideoReader
from motionimit.types import BodyParams

SMALL = ("--size", "256", "--quiet")


def test_one_frame_without_sound_under_difficult_names(command, tmp_path: Path) -> None:
    folder = tmp_path / 'Zoë\'s "best" clips · 踊り'
    folder.mkdir()
    photo = save_photo(folder / "-it's me, 100 % ☺.jpg", sample_photo())
    clip = save_video(folder / "one 'frame' #1 %05d é.mp4", dance_frames(1), sound=False)
    result = folder / 'result "1" ñ.mp4'
    assert command("transfer", photo, clip, "-o", result, "--report", folder / "r é.json", *SMALL) == 0
    assert len(pictures(result)) == 1
    report = json.loads((folder / "r é.json").read_text(encoding="utf-8"))
    assert (report["frames"], report["fps"], report["warnings"]) == (1, "30000/1001", [])
    assert report["output"] == str(result)
    with av.open(f"file:{result}") as container:
        assert not container.streams.audio, "sound was made up"


def test_a_person_who_leaves_for_a_second_is_bridged_and_reported(
    command, material: Path, empty_scene: np.ndarray, tmp_path: Path
) -> None:
    fps = Fraction(10)
    frames = dance_frames(10, every=3)
    clip = save_video(tmp_path / "leaves.mp4", [*frames[:5], *[empty_scene] * 10, *frames[5:]], fps)
    assert command("transfer", material / "photo.jpg", clip, "-o", "out", "--alpha", "--report", "r.json", *SMALL) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["frames"], report["fps"]) == (20, "10/1")
    said = " ".join(report["warnings"])
    assert "10" in said, f"nothing is said of ten frames without a person: {said}"
    share = (folder_pictures(tmp_path / "out")[..., 3] / 255).mean((1, 2))
    assert len(share) == 20
    assert share.min() > 0.6 * np.median(share), (
        f"the person shrinks from {np.median(share):.3f} to {share.min():.3f} of the frame"
    )


def test_everything_shown_beside_a_part_of_a_driver_without_sound(command, material: Path, tmp_path: Path) -> None:
    clip = save_video(tmp_path / "quiet.mp4", dance_frames(6, every=3), FPS, sound=False)
    options = ("--start", "0.066", "--max-frames", "2", "--background", "driving", "--side-by-side", "--report", "r.json")
    assert command("transfer", material / "photo.jpg", clip, "-o", "out.mp4", *options, *SMALL) == 0
    frames, report = pictures(tmp_path / "out.mp4"), json.loads((tmp_path / "r.json").read_text())
    assert (len(frames), rate(tmp_path / "out.mp4"), report["warnings"]) == (2, FPS, [])
    assert tuple(report["size"]) == frames.shape[2:0:-1]
    sizes = [Image.open(material / name).size for name in ("photo.jpg", "first.png")]
    widths = [256 * w / h for w, h in (sizes[0], sizes[1], sizes[0])]
    assert abs(frames.shape[2] - sum(widths)) <= 4, f"{frames.shape[2]} px wide, panels of {widths}"
    driver = pictures(clip)[2]
    panel = frames[0][:, round(widths[0]) : round(widths[0] + widths[1])]
    expected = np.asarray(Image.fromarray(driver).resize(panel.shape[1::-1]))
    error = np.abs(panel.astype(float) - expected).mean()
    assert error < 6, f"the driver's panel is off by {error:.1f} of 255: not its third frame"


def test_fit_of_a_picture(command, material: Path, tmp_path: Path) -> None:
    assert command("fit", material / "first.png", "-o", "m.npz", "--overlay", "o.png", "--quiet") == 0
    assert np.load(tmp_path / "m.npz", allow_pickle=False)["poses"].shape == (1, 72)
    drawn, picture = (np.asarray(Image.open(p)).astype(int) for p in (tmp_path / "o.png", material / "first.png"))
    changed = (np.abs(drawn - picture).max(-1) > 30).mean()
    assert 0.02 < changed < 0.35, f"the mesh covers {changed:.2f} of the picture"


def test_fit_and_its_motion_file_as_the_driver(command, golden: Path, material: Path, tmp_path: Path) -> None:
    (tmp_path / "m.npz").write_bytes(b"earlier")
    outputs = ("-o", "m.npz", "--overlay", "o.mp4", "--mesh", "b.glb", "--report", "r.json")
    assert command("fit", material / "dance.mp4", *outputs, "--quiet") == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.glb", "m.npz", "o.mp4", "r.json"]
    motion = np.load(tmp_path / "m.npz", allow_pickle=False)
    assert motion["poses"].shape == (9, 72)
    assert (motion["trans"].shape, motion["betas"].shape) == ((9, 3), (10,))
    assert str(motion["fps"]) == "30000/1001"
    assert np.isfinite(motion["poses"]).all()
    assert (tmp_path / "b.glb").read_bytes()[:4] == b"glTF"
    drawn, clip = pictures(tmp_path / "o.mp4").astype(float), pictures(material / "dance.mp4")
    assert drawn.shape == clip.shape
    assert rate(tmp_path / "o.mp4") == FPS
    assert heard(tmp_path / "o.mp4")[0] == heard(material / "dance.mp4")[0]
    changed = (np.abs(drawn - clip).max(-1) > 30).mean((1, 2))
    assert 0.02 < changed.min() <= changed.max() < 0.35, f"the mesh covers {changed.min():.2f} to {changed.max():.2f} of a frame"
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["frames"] == 9
    assert report["fit"]["mask_iou"] > 0.8
    assert command("transfer", material / "photo.jpg", "m.npz", "-o", "out.mp4", "--report", "r2.json", *SMALL) == 0
    report = json.loads((tmp_path / "r2.json").read_text())
    assert (report["frames"], report["fps"], report["fit"], report["warnings"]) == (9, "30000/1001", None, [])
    alike = min(psnr_db(a, b) for a, b in zip(pictures(tmp_path / "out.mp4"), pictures(golden / "out.mp4"), strict=True))
    assert alike > 35, f"{alike:.1f} dB between a frame driven by the file and by its video"


def test_a_part_of_a_motion_file_is_the_part_of_its_video(tmp_path: Path) -> None:
    rotations = axis_angle_to_matrix(torch.randn(9, 24, 3, generator=torch.manual_seed(0)))
    params = BodyParams(rotations, torch.zeros(10), torch.randn(9, 3), Camera.for_image(320, 240))
    write_motion(tmp_path / "m.npz", params, FPS)
    motion = read_motion(tmp_path / "m.npz")
    clip = save_video(tmp_path / "v.mp4", [np.full((48, 64, 3), 20 * i, np.uint8) for i in range(9)], FPS, sound=False)
    for span in ((0.0, None, None), (0.1, None, 4), (0.12, 0.1, None), (0.2, 9.0, 9), (0.0, 0.001, None)):
        with VideoReader(clip, *span) as reader:
            numbers = [round(float(frame.rgb.mean()) / 20) for frame in reader]
        part = motion.part(*span)
        assert torch.equal(part.params.rotations, motion.params.rotations[numbers]), f"{span}: frames {numbers} of the video"
        assert part.frames == len(numbers)
    with pytest.raises(BadInput, match="behind the end"):
        motion.part(9.0)


def test_ctrl_c_while_frames_are_written_leaves_the_earlier_result(
    command, material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from motionimit.media.writer import VideoWriter

    write, seen = VideoWriter.write, []

    def interrupted(self: VideoWriter, pixels: np.ndarray) -> None:
        write(self, pixels)
        if self.frames == 3:
            end = time.monotonic() + 20
            while not seen and time.monotonic() < end:  # encoding runs beside this
                seen.extend(tmp_path.glob(".*.part"))
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(VideoWriter, "write", interrupted)
    (tmp_path / "out.mov").write_bytes(b"earlier")
    before = listing(tmp_path)
    jobs = {
        "transfer": (material / "photo.jpg", material / "dance.mp4", "-o", "out.mov", "--alpha", "--size", "256"),
        "fit": (material / "dance.mp4", "-o", "new.npz", "--mesh", "new.glb", "--overlay", "frames"),
    }
    for job, arguments in jobs.items():
        seen.clear()
        assert command(job, *arguments, "-q") == 130
        assert seen, "nothing was being written yet"
        assert listing(tmp_path) == before
        assert capsys.readouterr().err.strip() == "motionimit: interrupted; nothing was left half-written."


def test_ctrl_c_for_the_process_during_recognition(material: Path, tmp_path: Path) -> None:
    arguments = [material / "photo.jpg", material / "dance.mp4", "-o", "out.mp4", "--size", "256"]
    command = [sys.executable, "-m", "motionimit_cli.main", "transfer", *map(str, arguments)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        os.kill(process.pid, signal.SIGINT)
        rest = process.stderr.read()
        process.wait(60)
    assert "landmarks: 9 of 9" in first, first + rest
    assert process.returncode == 130, rest
    assert rest.strip().startswith("motionimit: ")
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []
