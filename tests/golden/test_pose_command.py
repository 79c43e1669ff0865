"""`pose` from end to end: every kind of target, every kind of output, and targets that can't work."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from golden_material import SIZE_PX, psnr_db
from PIL import Image

SMALL = ("--size", SIZE_PX, "-q")


@pytest.fixture(scope="module")
def person(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`me.avatar` of the sample photo."""
    from motionimit_cli.main import main

    path = tmp_path_factory.mktemp("pose") / "me.avatar"
    assert main([str(a) for a in ("avatar", material / "photo.jpg", "-o", path, *SMALL)]) == 0
    return path


def picture(path: Path, mode: str = "RGB") -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert(mode))


def test_a_photo_in_its_own_pose_is_the_photo(command, person: Path, material: Path) -> None:
    assert command("pose", person, material / "photo.jpg", "-o", "own.jpg", "--side-by-side", *SMALL) == 0
    row = picture(Path("own.jpg"))
    width = row.shape[1] // 3
    level = psnr_db(row[:, :width], row[:, -width:])
    assert level > 22, f"{level:.1f} dB from the photo"


def test_a_frame_and_its_landmarks_give_the_same_pose(command, person: Path, material: Path) -> None:
    from motionimit.media.image import read_photo
    from motionimit.pose.keypoints import keypoints_of
    from motionimit.pose.photo import track_photo

    track = track_photo(read_photo(material / "first.png"))
    points = keypoints_of(track.joints_px[0], track.confidence[0]).flatten().tolist()
    size = {"canvas_width": track.size_px[0], "canvas_height": track.size_px[1]}
    Path("pose.json").write_text(json.dumps({"people": [{"pose_keypoints_2d": points}]} | size))
    shapes = []
    for target in (material / "first.png", f"{material / 'dance.mp4'}:0", "pose.json"):
        assert command("pose", person, target, "--camera", "copy", "--alpha", "-o", "cut.webp", *SMALL) == 0
        shapes.append(picture(Path("cut.webp"), "RGBA")[..., 3] > 127)
    for shape, name in zip(shapes[1:], ("clip", "landmarks"), strict=True):
        iou = (shape & shapes[0]).sum() / (shape | shapes[0]).sum()
        assert iou > 0.7, f"{name}: IoU {iou:.2f} with the result of the photo"


def test_a_motion_file_gives_the_frame_of_a_transfer(command, person: Path, material: Path) -> None:
    assert command("fit", material / "dance.mp4", "-o", "dance.npz", "-q") == 0
    assert command("transfer", person, "dance.npz", "--camera", "source", "-o", "film/", *SMALL) == 0
    assert command("pose", person, "dance.npz:4", "-o", "still.png", *SMALL) == 0
    level = psnr_db(picture(Path("still.png")), picture(sorted(Path("film").glob("*.png"))[4]))
    assert level > 40, f"{level:.1f} dB from frame 4 of the transfer"
    with Image.open("still.png") as image:
        assert "Synthetic" in image.text["Comment"]


BAD = {
    "wall.png": "No person was found in",
    "empty.json": "'people' is empty",
    "letter.jpg": "is not an image",
    "dance.mp4:999": "has frames 0 to 8 only",
}


@pytest.mark.parametrize(("name", "said"), BAD.items(), ids=BAD.keys())
def test_targets_that_cannot_work(fails, person: Path, material: Path, tmp_path_factory, name, said) -> None:
    folder = tmp_path_factory.mktemp("targets")
    Image.new("RGB", (160, 240), "beige").save(folder / "wall.png")
    (folder / "empty.json").write_text('{"people": []}')
    (folder / "letter.jpg").write_text("Dear Sir or Madam,\n" * 50)
    (folder / "dance.mp4").write_bytes((material / "dance.mp4").read_bytes())
    assert said in fails("pose", person, f"{folder}/{name}", "--size", SIZE_PX)


@pytest.mark.parametrize("name", ["pg2-small", "rsa"])
def test_networks_for_stills_get_what_they_need(command, person: Path, material: Path, name: str) -> None:
    from motionimit.generator.pg2 import PG2
    from motionimit.generator.rsa import RSAGAN
    from motionimit.weights import save_still

    save_still("net.safetensors", RSAGAN() if name == "rsa" else PG2(), {})  # untrained
    options = ("--generator", name, "--weights", "net.safetensors", "--report", "report.json")
    assert command("pose", person, material / "first.png", "-o", "still.png", *options, *SMALL) == 0
    assert max(picture(Path("still.png")).shape[:2]) == SIZE_PX
    report = json.loads(Path("report.json").read_text())
    assert (report["generator"]["name"], report["generator"]["weights"]) == (name, "net.safetensors")
    assert command("pose", person, material / "first.png", "-o", "still.png", "--generator", name, "--weights", "a.txt") == 4
