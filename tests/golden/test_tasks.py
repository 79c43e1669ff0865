"""The other tasks from end to end: several photos, avatar and motion files, views, other clothes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from golden_material import FPS, SIZE_PX, heard, pictures, psnr_db, video_rate
from PIL import Image

FRAMES = 9
SAME_DB = 40.0
SPIN_S = 0.2


@pytest.fixture(scope="module")
def prepared(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`me.avatar`, `me.glb` and `dance.npz` of the golden run's inputs."""
    from motionimit_cli.main import main

    folder = tmp_path_factory.mktemp("prepared")
    options = ["-o", folder / "me.avatar", "--glb", folder / "me.glb", "--size", SIZE_PX, "-q"]
    assert main([str(a) for a in ("avatar", material / "photo.jpg", *options)]) == 0
    assert main([str(a) for a in ("fit", material / "dance.mp4", "-o", folder / "dance.npz", "-q")]) == 0
    return folder


def test_avatar_and_motion_file_give_what_photo_and_clip_gave(golden: Path, command, prepared: Path, material: Path) -> None:
    inputs = (prepared / "me.avatar", prepared / "dance.npz", "--sound", material / "dance.mp4")
    assert command("transfer", *inputs, "-o", "again.mp4", "--size", SIZE_PX, "-q") == 0
    again = pictures(Path("again.mp4"))
    level = psnr_db(again, pictures(golden / "out.mp4"))
    assert level > SAME_DB, f"only {level:.1f} dB from the run with photo and clip"
    assert video_rate(Path("again.mp4")) == FPS
    assert heard(Path("again.mp4"))[0] == heard(golden / "out.mp4")[0]


def test_a_second_photo_of_the_front_changes_little(golden: Path, command, material: Path) -> None:
    other = Path("smaller.jpg")
    Image.open(material / "photo.jpg").resize((300, 400)).save(other, quality=95)
    inputs = (material / "photo.jpg", other, material / "dance.mp4")
    assert command("transfer", *inputs, "-o", "two.mp4", "--size", SIZE_PX, "-q") == 0
    level = psnr_db(pictures(Path("two.mp4")), pictures(golden / "out.mp4"))
    assert level > 25, f"{level:.1f} dB from the result with one photo"


def test_a_turn_begins_at_the_photo_and_goes_round(command, prepared: Path, material: Path) -> None:
    assert command("view", prepared / "me.avatar", "--frames", 4, "--size", SIZE_PX, "-o", "turn.mp4", "-q") == 0
    turn = pictures(Path("turn.mp4")).astype(float)
    photo = np.asarray(Image.open(material / "photo.jpg").resize(turn.shape[2:0:-1], Image.Resampling.BOX), float)
    assert len(turn) == 4
    off = np.abs(turn - photo).mean((1, 2, 3))
    assert off[0] < 6, f"the first frame, from a step farther back, is {off[0]:.1f} grey levels from the photo"
    assert off[1:].min() > 1.3 * off[0], f"nobody turned: {off}"


def test_views_stand_beside_each_other_and_a_bullet_freezes(command, prepared: Path, material: Path) -> None:
    inputs = (prepared / "me.avatar", material / "dance.mp4", "--size", SIZE_PX, "-q")
    assert command("transfer", *inputs, "--views", "0,90", "--bullet", f"4:{SPIN_S}", "-o", "views.mp4") == 0
    frames = pictures(Path("views.mp4")).astype(float)
    spin = round(SPIN_S * FPS)
    assert len(frames) == FRAMES + spin
    height, width = frames.shape[1:3]
    assert height == SIZE_PX and width % 2 == 0
    left, right = frames[..., : width // 2, :], frames[..., width // 2 :, :]
    assert np.abs(left - right).mean() > 3, "both views are the same"
    samples, _ = heard(Path("views.mp4"))
    expected = heard(material / "dance.mp4")[0] + round(spin / FPS * 48_000)
    assert abs(samples - expected) <= 1024, f"{samples} samples of sound, {expected} are right"


def test_other_clothes_leave_the_face_alone(command, prepared: Path, material: Path) -> None:
    person = prepared / "me.avatar"
    assert command("view", person, "--turn", 0, "--size", SIZE_PX, "-o", "own.png", "-q") == 0
    assert command("swap", person, material / "first.png", "--parts", "upper", "--size", SIZE_PX, "-o", "new.png", "-q") == 0
    own, new = (np.asarray(Image.open(p).convert("RGB"), float) for p in ("own.png", "new.png"))
    rows = np.flatnonzero((np.abs(own - new).max(-1) > 30).any(1))
    assert len(rows), "nothing was put on"
    head = slice(0, int(0.17 * SIZE_PX))
    off_pct = 100 * np.abs(own - new)[head].mean() / 255
    assert off_pct < 2, f"the head changed by {off_pct:.2f} %"
