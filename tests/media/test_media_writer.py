"""Video out: sound in step, the promised formats, whole files or none."""

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

import av
import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from media_samples import (
    CLICK_EVERY_S,
    SIZE,
    as_nobody,
    heard,
    make_sound,
    make_video,
    number_of,
    numbers,
    open_files,
    stamp,
)

from motionimit.errors import BadInput, ShapeError
from motionimit.media import writer as writer_module
from motionimit.media.reader import VideoReader, probe, read_frames, read_metadata
from motionimit.media.writer import VideoWriter, check_output

COMMENT = "synthetic: made with motionimit"
CODEC_FRAME = {"aac": 1024, "opus": 960, "mp3float": 1152, "mp3": 1152}


def write(
    path: Path, count: int = 20, fps: Fraction = Fraction(25), size_px: tuple[int, int] = SIZE, **options: object
) -> list[str]:
    """Write numbered pictures; returns the warnings."""
    with VideoWriter(path, fps, size_px, metadata={"comment": COMMENT}, **options) as output:  # type: ignore[arg-type]
        for i in range(count):
            output.write(stamp(i, size_px))
    return output.warnings


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """4 s of numbered pictures with clicks, in several containers and sound codecs."""
    folder = tmp_path_factory.mktemp("sources")
    frames = [stamp(i) for i in range(100)]
    return {
        "aac": make_video(folder / "aac.mp4", frames, sound=("aac", 44100)),
        "opus": make_video(folder / "opus.webm", frames, codec="libvpx-vp9", sound=("libopus", 48000), options={"cpu-used": "8"}),
        "mp3": make_video(folder / "mp3.mkv", frames, sound=("libmp3lame", 44100)),
        "ts": make_video(folder / "aac.ts", frames, sound=("aac", 48000)),
        "silent": make_video(folder / "silent.mp4", frames[:30]),
    }


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25), Fraction(60)])
def test_rate_frames_and_comment_survive(tmp_path: Path, fps: Fraction, suffix: str) -> None:
    path = tmp_path / f"o.{suffix}"
    write(path, 31, fps)
    assert probe(path).fps == fps
    assert probe(path).frames == 31
    assert numbers(path) == list(range(31))
    assert read_metadata(path)["comment"] == COMMENT
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert frame.pts == 0, "the first picture must stand at time 0"
        assert (int(frame.colorspace), int(frame.color_range), frame.format.name) == (1, 1, "yuv420p")


@pytest.mark.parametrize("start_s", [0.0, 1.3])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
@pytest.mark.parametrize("source", ["aac", "opus", "mp3", "ts"])
def test_sound_is_in_step_and_as_long_as_the_picture(
    tmp_path: Path, sources: dict[str, Path], source: str, suffix: str, start_s: float
) -> None:
    path, fps, count = tmp_path / f"o.{suffix}", Fraction(25), 50
    assert write(path, count, fps, audio_from=sources[source], start_s=start_s) == []
    codec, samples, first_s, clicks_s = heard(path)
    zero_s = round(Fraction(start_s) * fps) / fps
    expected = np.arange(0, 4, CLICK_EVERY_S) - float(zero_s)
    expected = expected[(expected > -0.001) & (expected < count / fps - 0.001)]
    # Matroska sources have time stamps in whole milliseconds
    worst_ms = np.abs(clicks_s[: len(expected)] - expected).max() * 1000
    assert len(clicks_s) >= len(expected)
    assert worst_ms <= (1.5 if source in ("opus", "mp3") else 1.0), f"clicks are up to {worst_ms:.2f} ms off in {codec}"
    assert first_s <= 0.001, f"sound begins at {first_s * 1000:.1f} ms"
    rate = 48000 if source in ("opus", "ts") or suffix == "webm" else 44100
    end_off = samples + round(first_s * rate) - round(count / fps * rate)
    assert abs(end_off) <= CODEC_FRAME[codec], f"{end_off} samples too many in {codec}"


def test_packets_are_copied_where_the_container_takes_them(tmp_path: Path, sources: dict[str, Path]) -> None:
    def payloads(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    for source, suffix in (("aac", "mp4"), ("aac", "mov"), ("opus", "webm"), ("mp3", "mp4"), ("opus", "mkv")):
        if source != "aac" and int(av.__version__.split(".")[0]) < 15:
            continue  # re-encoded there, see audio.py
        write(tmp_path / f"o.{suffix}", 50, audio_from=sources[source])
        original, copied = payloads(sources[source]), payloads(tmp_path / f"o.{suffix}")
        assert len(copied) >= 50
        assert original[: len(copied)] == copied, f"{source} into {suffix} was not a copy"
    write(tmp_path / "o.mp4", 50, audio_from=sources["opus"])
    assert heard(tmp_path / "o.mp4")[0] == "aac"


def test_sound_that_begins_late_stays_late(tmp_path: Path) -> None:
    late = make_video(tmp_path / "late.mp4", [stamp(i) for i in range(50)], sound=("aac", 48000), sound_late_s=Fraction(3, 10))
    for suffix in ("mp4", "mkv", "webm"):
        write(tmp_path / f"o.{suffix}", 50, audio_from=late)
        _, _, _, clicks_s = heard(tmp_path / f"o.{suffix}")
        assert np.abs(clicks_s[:3] - [0.3, 0.8, 1.3]).max() <= 0.002, f"{suffix}: clicks at {clicks_s}"


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
@pytest.mark.parametrize("source", ["aac", "opus"])
def test_sound_waits_in_a_pause_and_goes_on(tmp_path: Path, sources: dict[str, Path], source: str, suffix: str) -> None:
    path, pause_s = tmp_path / f"o.{suffix}", (Fraction(3, 5), Fraction(4, 5))
    assert write(path, 80, audio_from=sources[source], start_s=1.0, pause_s=pause_s) == []
    codec, _, first_s, clicks_s = heard(path)
    expected = np.array([0, 0.5, 1.8, 2.3, 2.8])
    assert len(clicks_s) == len(expected), f"clicks at {clicks_s}"
    worst_ms = np.abs(clicks_s - expected).max() * 1000
    assert worst_ms <= 1.5 and first_s <= 0.001, f"clicks are up to {worst_ms:.2f} ms off in {codec}"


def test_a_pause_after_the_end_of_the_sound_changes_nothing(tmp_path: Path, sources: dict[str, Path]) -> None:
    write(tmp_path / "o.mp4", 25, audio_from=sources["aac"], pause_s=(Fraction(30), Fraction(1)))
    assert np.abs(heard(tmp_path / "o.mp4")[3] - [0, 0.5]).max() <= 0.001


def test_sound_ends_with_duration_or_is_absent(tmp_path: Path, sources: dict[str, Path]) -> None:
    write(tmp_path / "o.webm", 50, audio_from=sources["aac"], duration_s=1.0)
    assert abs(heard(tmp_path / "o.webm")[1] - 48000) <= 960
    for kind, start_s in (("silent", 0.0), ("aac", 30.0)):
        assert write(tmp_path / "o.mp4", 5, audio_from=sources[kind], start_s=start_s) == []
        assert not probe(tmp_path / "o.mp4").has_audio


def test_sound_from_a_sound_file_and_from_a_broken_one(tmp_path: Path) -> None:
    sound = make_sound(tmp_path / "s.m4a", seconds=3.0)
    assert write(tmp_path / "o.mp4", 50, audio_from=sound, start_s=1.0) == []
    assert np.abs(heard(tmp_path / "o.mp4")[3] - np.arange(len(heard(tmp_path / "o.mp4")[3])) / 2).max() <= 0.001
    (tmp_path / "bad.mp3").write_bytes(b"ID3" + bytes(3000))
    notes = write(tmp_path / "o.mp4", 5, audio_from=tmp_path / "bad.mp3")
    assert len(notes) == 1, "a broken sound file must not stop the video, only be reported"
    assert "silent" in notes[0]
    assert numbers(tmp_path / "o.mp4") == list(range(5))


def test_sound_and_picture_are_interleaved_and_the_index_stands_first(tmp_path: Path) -> None:
    source = make_video(tmp_path / "s.mp4", [stamp(i) for i in range(250)], sound=("aac", 44100), options={"preset": "ultrafast"})
    path = tmp_path / "o.mp4"
    write(path, 250, audio_from=source)
    with av.open(str(path)) as container:
        packets = sorted((p.pos, p.stream.type, float(p.pts * p.time_base)) for p in container.demux() if p.size)
    latest = {"video": 0.0, "audio": 0.0}
    worst_s = 0.0
    for _, kind, time_s in packets:
        latest[kind] = max(latest[kind], time_s)
        worst_s = max(worst_s, abs(latest["video"] - latest["audio"]))
    assert worst_s < 1.5, f"sound and picture lie {worst_s:.1f} s apart in the file"
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("size", [(81, 49), (64, 49), (33, 64)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    write(tmp_path / "o.mp4", 3, size_px=size)
    assert probe(tmp_path / "o.mp4").size_px == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    assert numbers(tmp_path / "o.mp4") == [0, 1, 2]
    for suffix in ("webm", "gif"):
        write(tmp_path / f"o.{suffix}", 3, size_px=size)
        assert probe(tmp_path / f"o.{suffix}").size_px == size


def test_colours_survive(tmp_path: Path) -> None:
    colours = [(200, 60, 40), (40, 170, 70), (50, 60, 190), (250, 250, 250), (5, 5, 5)]
    for suffix, levels in (("mp4", 3), ("mkv", 3), ("webm", 4), ("gif", 2)):
        with VideoWriter(tmp_path / f"o.{suffix}", Fraction(5), (64, 64)) as output:
            for colour in colours:
                output.write(np.full((64, 64, 3), colour, np.uint8))
        seen = [f.rgb[16:48, 16:48].reshape(-1, 3).mean(0) for f in read_frames(tmp_path / f"o.{suffix}")]
        worst = np.abs(np.array(seen) - colours).max()
        assert worst <= levels, f"{suffix}: off by {worst:.1f} of 255"


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    for name in ("o.mp4", "o.webm", "o.gif", "o.png", "folder"):
        write(tmp_path / name, 1)
        assert len(list(read_frames(tmp_path / name))) == 1


def rgba(number: int) -> np.ndarray:
    """A picture that is opaque in its left half."""
    alpha = np.zeros((SIZE[1], SIZE[0], 1), np.uint8)
    alpha[:, : SIZE[0] // 2] = 255
    return np.concatenate([stamp(number), alpha], 2)


@pytest.mark.parametrize("name", ["o.webm", "o.mov", "o.gif", "frames", "o.png"])
def test_alpha_survives(tmp_path: Path, name: str) -> None:
    count = 1 if name == "o.png" else 6
    with VideoWriter(tmp_path / name, Fraction(25), SIZE, alpha=True) as output:
        for i in range(count):
            output.write(rgba(i))
    alphas = list(_alphas(tmp_path / name))
    assert len(alphas) == count
    for alpha in alphas:
        assert alpha[:, : SIZE[0] // 2 - 8].min() >= 250, f"opaque half at {alpha[:, : SIZE[0] // 2 - 8].min()}"
        assert alpha[:, SIZE[0] // 2 + 8 :].max() <= 5, f"clear half at {alpha[:, SIZE[0] // 2 + 8 :].max()}"


def _alphas(path: Path) -> Iterator[np.ndarray]:
    if path.is_dir() or path.suffix in (".png", ".gif"):
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            with Image.open(file) as image:
                for k in range(getattr(image, "n_frames", 1)):
                    image.seek(k)
                    yield np.asarray(image.convert("RGBA"))[..., 3]
        return
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = av.CodecContext.create("libvpx-vp9", "r") if path.suffix == ".webm" else None
        for packet in container.demux(stream):
            for frame in decoder.decode(packet) if decoder else packet.decode():
                yield frame.to_ndarray(format="rgba")[..., 3]


@pytest.mark.parametrize(("fps", "length_s"), [(Fraction(30000, 1001), 1.5), (Fraction(12), 1.5), (Fraction(120), 0.5)])
def test_gif_plays_at_the_right_speed(tmp_path: Path, fps: Fraction, length_s: float) -> None:
    count = round(length_s * fps)
    write(tmp_path / "o.gif", count, fps)
    delays_ms = []
    with Image.open(tmp_path / "o.gif") as image:
        assert image.info["loop"] == 0, "must repeat for ever"
        for k in range(image.n_frames):
            image.seek(k)
            delays_ms.append(image.info["duration"])
            if k == 1:
                assert number_of(np.asarray(image.convert("RGB"))) == max(1, round(fps / 50))
    assert min(delays_ms) >= 20, "players slow shorter delays down"
    assert sum(delays_ms) == pytest.approx(1000 * count / fps, abs=25), f"{sum(delays_ms)} ms"
    assert COMMENT.encode() in (tmp_path / "o.gif").read_bytes()


def test_png_frames_go_into_a_folder_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    write(folder, 12)
    assert sorted(os.listdir(folder)) == [f"{i:06d}.png" for i in range(12)]
    with Image.open(folder / "000003.png") as image:
        assert number_of(np.asarray(image)) == 3
        assert image.info["Comment"] == COMMENT
    write(folder, 3)  # a shorter second run leaves no frame of the first
    assert sorted(os.listdir(folder)) == [f"{i:06d}.png" for i in range(3)]
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match=r"not frames made by motionimit.*'notes\.txt'"):
        check_output(folder)
    assert (folder / "notes.txt").exists()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    Image.fromarray(stamp(0)).save(foreign / "000000.png")
    with pytest.raises(BadInput, match="not frames made by motionimit"):
        check_output(foreign)
    (tmp_path / "pattern").mkdir()
    write(tmp_path / "pattern" / "f_%03d.png", 2)
    assert sorted(os.listdir(tmp_path / "pattern")) == ["f_000.png", "f_001.png"]
    assert sorted(os.listdir(tmp_path)) == ["foreign", "frames", "pattern"]


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


def test_the_caller_may_reuse_its_buffer(tmp_path: Path) -> None:
    buffer = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    with VideoWriter(tmp_path / "o.mp4", Fraction(25), SIZE) as output:
        for i in range(30):
            buffer[:] = stamp(i)
            output.write(buffer)
    assert numbers(tmp_path / "o.mp4") == list(range(30))


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
