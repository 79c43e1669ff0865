"""Output files: refused before any work, whole or not there, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from media_samples import SIZE, as_nobody, make_video, numbers, open_files, stamp
from written_media import rgba, write

from motionimit.errors import BadInput, ShapeError
from motionimit.media import writer as writer_module
from motionimit.media.reader import VideoReader, probe
from motionimit.media.writer import VideoWriter, check_output


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("o.avi", {}, r"unknown format '.avi'; supported are .mp4"),
        ("no/such/o.mp4", {}, "does not exist; create it"),
        ("file.txt/o.mp4", {}, "not a folder"),
        ("o.mp4", {"alpha": True}, "can't hold transparency; choose .mov"),
        ("o.mkv", {"alpha": True}, "can't hold transparency"),
        ("folder.mp4", {}, "not a file"),
        ("o.png", {"frames": 5}, "one frame only"),
        ("x%s.png", {}, "numbered frames"),
        ("in.mp4", {"inputs": ["in.mp4"]}, "is an input"),
        ("link.mp4", {"inputs": ["in.mp4"]}, "is an input"),
        ("a\0b.mp4", {}, "usable file name"),
        ("a" * 300 + ".mp4", {}, "can't|failed|usable"),
    ],
)
def test_outputs_that_can_not_be_written_are_refused_first(
    tmp_path: Path, name: str, options: dict[str, object], says: str
) -> None:
    (tmp_path / "file.txt").touch()
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "in.mp4").write_bytes(b"video")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "in.mp4")
    if "inputs" in options:
        options = {"inputs": [tmp_path / "in.mp4"]}
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(BadInput, match=says) as caught:
        check_output(f"{tmp_path}/{name}", **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == before


def test_a_folder_without_rights_and_a_device_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a file, not a folder"):
        check_output("/dev/null")
    tmp_path.chmod(0o755)
    shared = Path("/tmp") / f"motionimit-test-{os.getpid()}"
    shared.mkdir(mode=0o755)
    try:
        with as_nobody(), pytest.raises(BadInput, match="can't be written"):
            check_output(shared / "o.mp4")
    finally:
        shutil.rmtree(shared)


@pytest.mark.parametrize("name", ["with space.mp4", "quo'te\".mov", "tänzer 舞.webm", "%.mp4", "a:b.mkv", "-o.mp4"])
def test_file_names(tmp_path: Path, name: str) -> None:
    source = make_video(tmp_path / f"source {name}", [stamp(0)] * 3, container="matroska", sound=("aac", 48000))
    write(tmp_path / name, 3, audio_from=source)
    assert numbers(tmp_path / name) == [0, 1, 2]
    assert probe(tmp_path / name).has_audio


@pytest.mark.parametrize("name", ["o.mp4", "o.webm", "o.gif", "frames", "o.png"])
@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_nothing_and_keeps_the_old_file(tmp_path: Path, name: str, stop: type[BaseException]) -> None:
    write(tmp_path / name, 1)
    old = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    before, threads = open_files(), threading.active_count()
    with pytest.raises(stop), VideoWriter(tmp_path / name, Fraction(25), SIZE) as output:
        output.write(stamp(7))
        time.sleep(0.02)
        raise stop
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == old
    assert open_files() == before
    assert threading.active_count() == threads
    with pytest.raises(ValueError, match="after the writer"):
        output.write(stamp(0))


def test_no_frame_means_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no frame"), VideoWriter(tmp_path / "o.mp4", Fraction(25), SIZE):
        pass
    assert os.listdir(tmp_path) == []


def test_a_second_frame_into_one_png_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="one frame only"):
        write(tmp_path / "o.png", 2)
    assert os.listdir(tmp_path) == []


def test_wrong_shapes_are_refused_at_once(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "o.mp4", Fraction(25), SIZE) as output:
        for wrong in (stamp(0)[:-1], rgba(0), stamp(0).astype(np.float32)):
            with pytest.raises(ShapeError, match="pixels"):
                output.write(wrong)
        output.write(stamp(0))


class SlowSink:
    """Counts what waits; optionally fails."""

    waiting = 0
    most = 0

    def __init__(self, fails_with: Exception | None = None) -> None:
        self.fails_with = fails_with

    def write(self, pixels: np.ndarray) -> None:
        time.sleep(0.002)
        SlowSink.waiting -= 1
        if self.fails_with:
            raise self.fails_with

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_slow_encoder_holds_the_writer_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SlowSink.waiting = SlowSink.most = 0
    monkeypatch.setattr(writer_module, "open_sink", lambda path, job, warnings: path.touch() or SlowSink())
    with VideoWriter(tmp_path / "o.mp4", Fraction(25), SIZE) as output:
        for i in range(100):
            SlowSink.waiting += 1
            SlowSink.most = max(SlowSink.most, SlowSink.waiting)
            output.write(stamp(i))
    assert SlowSink.most <= 8, f"{SlowSink.most} frames were held at once"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk is full"),
        (OSError(errno.EIO, "Input/output error"), "failed"),
        (RuntimeError("a bug"), "a bug"),
    ],
)
def test_errors_of_the_thread_surface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str) -> None:
    monkeypatch.setattr(writer_module, "open_sink", lambda path, job, warnings: path.touch() or SlowSink(error))
    kind = BadInput if isinstance(error, OSError) else RuntimeError
    for count in (1, 1000):  # seen by finish, seen by write
        with pytest.raises(kind, match=says):
            write(tmp_path / "o.mp4", count)
        assert os.listdir(tmp_path) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 KB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder], capture_output=True).returncode
    ):
        pytest.skip("a small file system can't be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def write_noise(path: Path, count: int) -> None:
    """About 60 KB per frame."""
    noise = np.random.default_rng(0)
    with VideoWriter(path, Fraction(25), (256, 256)) as output:
        for _ in range(count):
            output.write(noise.integers(0, 255, (256, 256, 3), dtype=np.uint8))


@pytest.mark.parametrize("name", ["o.mp4", "o.webm", "o.gif", "frames"])
def test_a_full_disk_leaves_nothing(tiny_disk: Path, name: str) -> None:
    with pytest.raises(BadInput, match="disk is full") as caught:
        write_noise(tiny_disk / name, 20)
    assert "\n" not in str(caught.value)
    assert os.listdir(tiny_disk) == []


def test_a_disk_that_fills_in_the_last_moment_leaves_nothing_or_a_whole_file(tiny_disk: Path) -> None:
    outcomes = set()
    for filled_kb in range(130, 290, 8):
        (tiny_disk / "other").write_bytes(bytes(filled_kb * 1024))
        try:
            write_noise(tiny_disk / "o.mp4", 2)
            with VideoReader(tiny_disk / "o.mp4") as reader:
                assert len(list(reader)) == 2
            (tiny_disk / "o.mp4").unlink()
            outcomes.add("whole")
        except BadInput as error:
            outcomes.add("nothing" if "disk is full" in str(error) else str(error))
        assert os.listdir(tiny_disk) == ["other"]
    assert outcomes == {"whole", "nothing"}
