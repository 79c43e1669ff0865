"""Inputs that can't work: exit code 3, one sentence that names the file and the remedy, nothing left behind. No mocks."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import pytest
from golden_material import dance_frames, on_canvas, sample_photo, save_photo, save_sound, save_video

SMALL = ("--size", "256")
NOBODY = 65534
TINY_DISK_KB = 32


def wall(height: int = 300, width: int = 240) -> np.ndarray:
    """Bricks [H, W, 3] uint8: texture, but nobody."""
    y, x = np.mgrid[:height, :width]
    mortar = (y % 24 < 3) | ((x + (y // 24 % 2) * 24) % 48 < 3)
    grain = np.random.default_rng(0).normal(0, 6, (height, width))
    tone = np.where(mortar, 190, 120)[..., None] + grain[..., None] + np.array([25, 0, -15])
    return np.clip(tone, 0, 255).astype(np.uint8)


def index_first(clip: Path, folder: Path) -> bytes:
    """The same film, with its index before its pictures, as downloads have it."""
    with av.open(str(clip)) as source, av.open(str(folder / "x.mp4"), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    content = (folder / "x.mp4").read_bytes()
    (folder / "x.mp4").unlink()
    return content


def make(name: str, folder: Path, material: Path, empty_scene: np.ndarray) -> Path:
    """One unusable file."""
    path = folder / name
    whole = (material / "dance.mp4").read_bytes()
    contents: dict[str, Callable[[], object]] = {
        "letter.jpg": lambda: path.write_text("Dear Sir or Madam,\n" * 50),
        "noise.mp4": lambda: path.write_bytes(np.random.default_rng(1).bytes(20_000)),
        "letter.mp4": lambda: path.write_text("Dear Sir or Madam,\n" * 50),
        "letter.npz": lambda: path.write_text("Dear Sir or Madam,\n" * 50),
        "empty.jpg": path.touch,
        "empty.mp4": path.touch,
        "cut.jpg": lambda: path.write_bytes((material / "photo.jpg").read_bytes()[:9000]),
        "cut.mp4": lambda: path.write_bytes(whole[: len(whole) * 2 // 3]),
        "short.mp4": lambda: path.write_bytes(index_first(material / "dance.mp4", folder)[: len(whole) * 2 // 3]),
        "film.jpg": lambda: path.write_bytes(whole),
        "sound.m4a": lambda: save_sound(path),
        "wall.jpg": lambda: save_photo(path, wall()),
        "wall.mp4": lambda: save_video(path, [np.roll(wall(), 4 * i, 1) for i in range(4)], sound=False),
        "far.jpg": lambda: save_photo(path, on_canvas(sample_photo(), 110, wall(420, 420))),
        "far.mp4": lambda: save_video(path, [on_canvas(f, 72, wall(400, 400)) for f in dance_frames(3)], sound=False),
        "fifo.mp4": lambda: os.mkfifo(path),
        "link.mp4": lambda: path.symlink_to("nowhere.mp4"),
        "folder": path.mkdir,
    }
    contents[name]()
    return path


# name → (photo, driver, what the sentence must say)
BAD = {
    "photo is a text": ("letter.jpg", "dance.mp4", "'letter.jpg' is not an image"),
    "photo is a video": ("film.jpg", "dance.mp4", "'film.jpg' is a video; give a picture"),
    "photo is empty": ("empty.jpg", "dance.mp4", "'empty.jpg' is empty (0 bytes)"),
    "photo is cut off": ("cut.jpg", "dance.mp4", "'cut.jpg' is damaged or incomplete"),
    "photo is a folder": ("folder", "dance.mp4", "'folder' is a folder"),
    "photo is missing": ("nowhere.jpg", "dance.mp4", "'nowhere.jpg' does not exist"),
    "photo is sound": ("sound.m4a", "dance.mp4", "'sound.m4a' is"),
    "photo without a person": ("wall.jpg", "dance.mp4", "No person was found in 'wall.jpg'"),
    "photo with a small person": ("far.jpg", "dance.mp4", r"in 'far.jpg' is only (\d+) px tall, at least 128 px are needed"),
    "driver is noise": ("photo.jpg", "noise.mp4", "'noise.mp4' is not a video"),
    "driver is a text": ("photo.jpg", "letter.mp4", "'letter.mp4' is not a video"),
    "driver is empty": ("photo.jpg", "empty.mp4", "'empty.mp4' is empty (0 bytes)"),
    "driver is cut off": ("photo.jpg", "cut.mp4", "'cut.mp4' is cut off (at most "),
    "driver is cut off behind its index": ("photo.jpg", "short.mp4", "'short.mp4' is cut off (at most "),
    "driver is sound": ("photo.jpg", "sound.m4a", "'sound.m4a' has sound but no picture"),
    "driver is an empty folder": ("photo.jpg", "folder", "'folder' holds no pictures"),
    "driver is a pipe": ("photo.jpg", "fifo.mp4", "'fifo.mp4' is not a regular file"),
    "driver is no motion file": ("photo.jpg", "letter.npz", "letter.npz is not a usable .npz file"),
    "driver is a dead link": ("photo.jpg", "link.mp4", "'link.mp4' does not exist"),
    "driver without a person": ("photo.jpg", "wall.mp4", "No person was found in 'wall.mp4'"),
    "driver with a small person": ("photo.jpg", "far.mp4", r"in 'far.mp4' is only (\d+) px tall, at least 64 px are needed"),
}


@pytest.fixture
def material_bytes(material: Path) -> dict[str, bytes]:
    return {name: (material / name).read_bytes() for name in ("photo.jpg", "dance.mp4")}


@pytest.fixture
def inputs(tmp_path: Path, material: Path, empty_scene: np.ndarray) -> Callable[..., None]:
    """Puts inputs into the current folder: links to the good ones, bad ones as named."""

    def put(*names: str) -> None:
        for name in dict.fromkeys(("photo.jpg", "dance.mp4", *names)):
            if (material / name).is_file():
                (tmp_path / name).symlink_to(material / name)
            elif not name.startswith("nowhere"):
                make(name, tmp_path, material, empty_scene)

    return put


@pytest.mark.parametrize(("photo", "driver", "says"), BAD.values(), ids=BAD.keys())
def test_transfer_refuses(photo: str, driver: str, says: str, fails, inputs) -> None:
    inputs(photo, driver)
    sentence = fails("transfer", photo, driver, "-o", "out.mp4", "--report", "r.json", *SMALL)
    found = re.search(says if "\\" in says else re.escape(says), sentence)
    assert found, sentence
    if found.groups():
        needed = 128 if photo == "far.jpg" else 64
        assert 0.3 * needed < int(found[1]) < needed, sentence


FIT_BAD = [name for name in BAD if name.startswith("driver") and "motion" not in name]


@pytest.mark.parametrize("name", FIT_BAD)
def test_fit_refuses(name: str, fails, inputs) -> None:
    _, clip, says = BAD[name]
    inputs(clip)
    sentence = fails("fit", clip, "-o", "m.npz", "--overlay", "o.mp4", "--mesh", "b.glb")
    assert re.search(says if "\\" in says else re.escape(says), sentence), sentence


# name → (further arguments of transfer, what the sentence must say)
BAD_OPTIONS = {
    "folder is missing": (("-o", "nowhere/out.mp4"), "nowhere' for 'nowhere/out.mp4' does not exist; create it first"),
    "folder takes no files": (("-o", "/proc/out.mp4"), "'/proc/out.mp4'"),
    "output is a folder in use": (("-o", "folder"), "holds files that are not frames made by motionimit"),
    "one picture for many frames": (("-o", "out.png"), "'out.png' can hold one frame only"),
    "third person of one": (("-o", "out.mp4", "--person", "3"), "Person 3 was asked for but only 1 person was found"),
    "start behind the end": (("-o", "out.mp4", "--start", "9"), "The start at 9.0"),
    "background is no picture": (("-o", "out.mp4", "--background", "dance.mp4"), "'dance.mp4' is a video; give a picture"),
}


@pytest.mark.parametrize(("options", "says"), BAD_OPTIONS.values(), ids=BAD_OPTIONS.keys())
def test_transfer_refuses_options(options: tuple[str, ...], says: str, fails, inputs, tmp_path: Path) -> None:
    inputs("folder")
    (tmp_path / "folder" / "dear.txt").touch()
    assert says in fails("transfer", "photo.jpg", "dance.mp4", *SMALL, *options)


def test_an_output_that_is_an_input_by_another_name_is_refused(fails, inputs, material: Path, tmp_path: Path) -> None:
    inputs()
    (tmp_path / "copy.mp4").write_bytes((material / "dance.mp4").read_bytes())
    os.link(tmp_path / "copy.mp4", tmp_path / "out.mp4")
    assert "'out.mp4' is an input of this run" in fails("transfer", "photo.jpg", "copy.mp4", "-o", "out.mp4", *SMALL)
    assert "'out.mp4' is an input of this run" in fails("fit", "copy.mp4", "-o", "m.npz", "--overlay", "out.mp4")


@pytest.fixture
def anybody(command, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder, as the current one, of an unprivileged user who this process becomes, since root may do anything."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        monkeypatch.chdir(folder)
        command("transfer", "nowhere.jpg", "nowhere.mp4")  # imports, while the installation can be read
        if os.geteuid() != 0:
            yield folder
            return
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(0)


def test_missing_rights(material_bytes: dict[str, bytes], anybody: Path, command, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in material_bytes.items():
        (anybody / name).write_bytes(content)
    (anybody / "locked.jpg").write_bytes(material_bytes["photo.jpg"])
    (anybody / "locked.jpg").chmod(0)
    (anybody / "closed").mkdir(0o555)
    cases = {
        ("transfer", "locked.jpg", "dance.mp4"): "The photo 'locked.jpg' can't be read: permission denied",
        ("transfer", "photo.jpg", "dance.mp4", "-o", "closed/out.mp4"): "'closed/out.mp4' can't be written (Permission denied)",
        ("transfer", "photo.jpg", "dance.mp4", "-o", "closed/frames"): "'closed/frames' can't be written (Permission denied)",
        ("fit", "dance.mp4", "-o", "closed/m.npz"): "'closed/m.npz' can't be written (Permission denied)",
    }
    before = sorted(anybody.rglob("*"))
    for arguments, says in cases.items():
        capsys.readouterr()
        code, sentence = command(*arguments, "-q"), capsys.readouterr().err
        assert code == 3, sentence
        assert says in sentence
        assert sentence.count("\n") == 1, sentence
    assert sorted(anybody.rglob("*")) == before


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with hardly any room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TINY_DISK_KB}k", "tmpfs", str(folder)]
    try:
        made = subprocess.run(mount, capture_output=True, text=True, timeout=30, check=False)
    except OSError as error:
        pytest.skip(f"no mount command: {error}")
    if made.returncode:
        pytest.skip(f"a small disk can't be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, timeout=30, check=False)


def test_a_full_disk(tiny_disk: Path, fails, inputs) -> None:
    inputs()
    (tiny_disk / "earlier.txt").write_bytes(b"x" * 24_000)
    assert "disk/out.mp4'; free some space" in fails("transfer", "photo.jpg", "dance.mp4", "-o", "disk/out.mp4", *SMALL)
    assert "disk/o.mp4'; free some space" in fails("fit", "dance.mp4", "-o", "m.npz", "--overlay", "disk/o.mp4")
