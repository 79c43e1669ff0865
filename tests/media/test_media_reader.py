"""Video in: rate, timing, turning, colour, ranges, and what broken files do."""

from __future__ import annotations

import gc
import sys
import weakref
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from media_samples import SIZE, as_nobody, make_sound, make_video, number_of, open_files, stamp, turn_in_place

from motionimit.errors import BadInput
from motionimit.media.reader import VideoReader, probe, read_frames
from motionimit.media.timing import stated_rate

CLIPS = Path(__file__).parents[3] / "shared" / "data" / "clips"
RED, GREEN, BLUE, GREY = (200, 60, 40), (40, 170, 70), (50, 60, 190), (128, 128, 128)


def quadrants(size_px: tuple[int, int] = SIZE) -> np.ndarray:
    """Red, green / blue, grey: tells every turn and mirror apart."""
    width, height = size_px
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2], picture[: height // 2, width // 2 :] = RED, GREEN
    picture[height // 2 :, : width // 2], picture[height // 2 :, width // 2 :] = BLUE, GREY
    return picture


def corners(rgb: np.ndarray) -> np.ndarray:
    """[2, 2, 3]: the colour in the middle of each quadrant."""
    height, width = rgb.shape[:2]
    return rgb[[height // 4, -height // 4]][:, [width // 4, -width // 4]].astype(int)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm", "avi"])
@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25), Fraction(60)])
def test_constant_rate_comes_out_exactly_frame_by_frame(tmp_path: Path, fps: Fraction, suffix: str) -> None:
    codec = "libvpx-vp9" if suffix == "webm" else "libx264"
    path = make_video(
        tmp_path / f"v.{suffix}",
        [stamp(i) for i in range(37)],
        fps,
        codec,
        options={"cpu-used": "8"} if suffix == "webm" else None,
    )
    info = probe(path)
    assert info.fps == fps, f"stated {info.fps}, made with {fps}"
    assert info.frames == 37
    frames = list(read_frames(path))
    assert [number_of(f.rgb) for f in frames] == list(range(37))
    assert [f.index for f in frames] == list(range(37))
    assert frames[-1].time_s == pytest.approx(36 / fps, abs=1e-9)


def test_variable_rate_is_put_on_a_grid_without_drift(tmp_path: Path) -> None:
    steps_ms = ([33, 34, 50, 20, 100, 10, 40, 25] * 12)[:90]
    times_ms = np.concatenate([[0], np.cumsum(steps_ms)])
    path = make_video(tmp_path / "vfr.mkv", [stamp(i) for i in range(91)], 25, stamps=(times_ms.tolist(), Fraction(1, 1000)))
    with VideoReader(path) as reader:
        frames = list(reader)
    half_ms = 500 / reader.info.fps
    for frame in frames:
        due = np.flatnonzero(times_ms <= frame.time_s * 1000 + half_ms + 1)  # Matroska rounds to 1 ms
        late_ms = frame.time_s * 1000 + half_ms - 1 - times_ms[min(number_of(frame.rgb) + 1, 90)]
        assert number_of(frame.rgb) <= due[-1], f"picture {number_of(frame.rgb)} comes early at {frame.time_s:.3f} s"
        assert late_ms < 0 or number_of(frame.rgb) == 90, f"picture {number_of(frame.rgb)} stays {float(late_ms):.1f} ms too long"
    length_s, true_s = len(frames) / reader.info.fps, times_ms[-1] / 1000
    assert abs(length_s - true_s) <= 1.5 / reader.info.fps, f"{float(length_s):.3f} s for {true_s:.3f} s"


@pytest.mark.parametrize(
    ("average", "base", "expected"),
    [
        (Fraction(30000, 1001), Fraction(30000, 1001), Fraction(30000, 1001)),
        (Fraction(7710000, 321571), Fraction(24000, 1001), Fraction(24000, 1001)),  # rounded time stamps
        (Fraction(2997, 100), Fraction(2997, 100), Fraction(2997, 100)),
        (Fraction(2983, 100), Fraction(60), Fraction(30000, 1001)),  # a phone's varying rate
        (Fraction(27), Fraction(30), Fraction(30)),  # held frames
        (Fraction(1337, 100), Fraction(90000), Fraction(1337, 100)),
        (None, Fraction(90000), Fraction(25)),
        (Fraction(0), None, Fraction(25)),
        (Fraction(1, 2000), None, Fraction(1)),  # a slide show
    ],
)
def test_stated_rate(average: Fraction | None, base: Fraction | None, expected: Fraction) -> None:
    assert stated_rate(average, base) == expected


@pytest.mark.parametrize(
    ("matrix", "turned"),
    [
        ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),  # 90° clockwise, as a phone held upright writes it
        ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
        ((0, -1, 1, 0), lambda p: np.rot90(p, 1)),
        ((-1, 0, 0, 1), lambda p: p[:, ::-1]),
        ((1, 0, 0, -1), lambda p: p[::-1]),
        ((0, 1, 1, 0), lambda p: p.swapaxes(0, 1)),
    ],
)
def test_rotation_metadata_is_applied(tmp_path: Path, matrix: tuple[int, int, int, int], turned: object) -> None:
    path = make_video(tmp_path / "r.mp4", [quadrants()] * 3, options={"crf": "1"})
    turn_in_place(path, matrix)
    expected = turned(quadrants())  # type: ignore[operator]
    (frame, *_) = read_frames(path)
    assert probe(path).size_px == (expected.shape[1], expected.shape[0])
    assert frame.rgb.shape == expected.shape
    worst = np.abs(corners(frame.rgb) - corners(expected)).max()
    assert worst <= 4, f"colours off by up to {worst} of 255: {corners(frame.rgb).tolist()}"
    small = next(iter(read_frames(path, max_side_px=40)))
    assert max(small.rgb.shape) == 40
    assert np.abs(corners(small.rgb) - corners(expected)).max() <= 6


@pytest.mark.parametrize(
    ("matrix", "pixel_format", "size"),
    [
        (("ITU709", 1, False), "yuv420p", SIZE),
        (("ITU601", 6, False), "yuv420p", SIZE),
        (("ITU709", 1, True), "yuvj420p", SIZE),
        (("ITU709", 1, False), "yuv420p10le", SIZE),
        (("ITU601", 6, False), "yuv444p", (65, 49)),
        (("ITU601", 2, False), "yuv420p", SIZE),  # untagged and small
        (("ITU709", 2, False), "yuv420p", (1280, 720)),  # untagged and large
    ],
)
def test_colour_matrix_range_and_depth(
    tmp_path: Path, matrix: tuple[str, int, bool], pixel_format: str, size: tuple[int, int]
) -> None:
    path = make_video(tmp_path / "c.mp4", [quadrants(size)] * 2, matrix=matrix, pixel_format=pixel_format, options={"crf": "1"})
    frame = next(iter(read_frames(path)))
    assert frame.rgb.shape == (size[1], size[0], 3)
    worst = np.abs(corners(frame.rgb) - corners(quadrants(size))).max()
    assert worst <= 4, f"colours off by up to {worst} of 255"


@pytest.mark.parametrize(("codec", "pixel_format", "suffix"), [("qtrle", "argb", "mov"), ("libvpx-vp9", "yuva420p", "webm")])
def test_alpha_is_shown_over_white(tmp_path: Path, codec: str, pixel_format: str, suffix: str) -> None:
    alpha = np.zeros((SIZE[1], SIZE[0], 1), np.uint8)
    alpha[:, : SIZE[0] // 2] = 255
    pixels = np.concatenate([quadrants(), alpha], 2)
    options = {"crf": "5", "b": "0", "auto-alt-ref": "0"} if suffix == "webm" else None
    path = make_video(tmp_path / f"a.{suffix}", [pixels] * 3, codec=codec, pixel_format=pixel_format, options=options)
    seen = corners(next(iter(read_frames(path))).rgb)
    assert np.abs(seen[:, 0] - corners(quadrants())[:, 0]).max() <= 6, seen.tolist()
    assert seen[:, 1].min() >= 250, seen.tolist()


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    path = make_video(tmp_path / "sar.mp4", [quadrants()] * 2, aspect=Fraction(3, 2))
    assert probe(path).size_px == (120, 48)
    assert next(iter(read_frames(path))).rgb.shape == (48, 120, 3)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts"])
def test_start_duration_and_limits_hit_the_frame(tmp_path: Path, suffix: str) -> None:
    fps = Fraction(30000, 1001)
    path = make_video(tmp_path / f"long.{suffix}", [stamp(i) for i in range(120)], fps, options={"g": "25", "bf": "2"})
    for start_s in (0.0, 0.4, 2.0, 3.5):
        first = round(Fraction(start_s) * fps)
        frames = list(read_frames(path, start_s=start_s, duration_s=0.2))
        assert [number_of(f.rgb) for f in frames] == list(range(first, first + 6)), f"start {start_s} s in {suffix}"
        assert frames[0].time_s == 0.0
    assert len(list(read_frames(path, max_frames=3))) == 3
    with pytest.raises(BadInput, match=r"behind the end.*--start"):
        list(read_frames(path, start_s=60))


def test_each_reading_starts_anew_and_closes_its_file(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", [stamp(i) for i in range(20)])
    before = open_files()
    with VideoReader(path) as reader:
        assert reader.frames == 20
        for frame in reader:
            if frame.index == 5:
                break
        assert [number_of(f.rgb) for f in reader][:3] == [0, 1, 2]
    assert open_files() == before
    frames = read_frames(path)
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    assert open_files() == before


def test_frames_are_not_kept(tmp_path: Path) -> None:
    path = make_video(tmp_path / "long.mp4", [stamp(i % 1000) for i in range(400)], options={"preset": "ultrafast"})
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0
    for frame in read_frames(path):
        alive = [r for r in alive if r() is not None] + [weakref.ref(frame.rgb)]
        most = max(most, len(alive))
    gc.collect()
    assert most <= 3, f"{most} frames alive at once"


def test_stills_folders_and_animations(tmp_path: Path) -> None:
    folder = tmp_path / "frames of mine"
    folder.mkdir()
    for i in range(12):
        Image.fromarray(stamp(i)).save(folder / f"frame_{i}.png")  # frame_10 must not precede frame_2
    assert [number_of(f.rgb) for f in read_frames(folder)] == list(range(12))
    with VideoReader(folder, image_fps=Fraction(10), start_s=0.5, max_frames=2) as reader:
        assert [number_of(f.rgb) for f in reader] == [5, 6]
        assert reader.info.fps == 10
    still = list(read_frames(folder / "frame_3.png"))
    assert [number_of(f.rgb) for f in still] == [3]
    pictures = [Image.fromarray(stamp(i)) for i in range(8)]
    for name in ("a.gif", "a.webp", "a.png"):
        pictures[0].save(
            tmp_path / name, save_all=True, append_images=pictures[1:], duration=[100, 200, 100, 100, 100, 100, 100, 100]
        )
        shown = [number_of(f.rgb) for f in read_frames(tmp_path / name)]
        assert probe(tmp_path / name).duration_s == pytest.approx(0.9)
        assert abs(len(shown) - 0.9 * probe(tmp_path / name).fps) <= 1
        assert sorted(set(shown)) == list(range(8)), (name, shown)
        assert shown.count(1) >= 2, "the picture with the double delay"


def test_a_bad_picture_in_a_folder_is_bridged_and_reported(tmp_path: Path) -> None:
    for i in range(4):
        Image.fromarray(stamp(i)).save(tmp_path / f"{i}.png")
    (tmp_path / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    Image.fromarray(stamp(3, (40, 24))).save(tmp_path / "3.png")
    notes: list[str] = []
    assert [number_of(f.rgb) for f in read_frames(tmp_path, warnings=notes)] == [0, 1, 1, 3]
    assert len(notes) == 2, notes
    assert "2.png" in notes[0]
    assert "another size" in notes[1]


@pytest.mark.parametrize("name", ["with space.mp4", "quo'te\".mp4", "tänzer 舞.mp4", "%05d.mp4", "a:b.mp4", "-o.mp4"])
def test_file_names(tmp_path: Path, name: str) -> None:
    path = make_video(tmp_path / name, [stamp(i) for i in range(4)])
    assert [number_of(f.rgb) for f in read_frames(path)] == [0, 1, 2, 3]


def _broken(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / f"{kind}.mp4"
    if kind == "folder without pictures":
        path.mkdir()
    elif kind == "sound only":
        make_sound(path)
    elif kind == "truncated":
        whole = make_video(tmp_path / "whole.mp4", [stamp(i) for i in range(40)]).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("not a video at all\n" * 50)
    elif kind == "script":
        make_video(tmp_path / "other.mp4", [stamp(0)])
        path.write_text("ffconcat version 1.0\nfile other.mp4\n")
    elif kind == "playlist":
        path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n")
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "does not exist"),
        ("folder without pictures", "no pictures"),
        ("sound only", "sound but no picture"),
        ("truncated", "incomplete or damaged"),
        ("empty", r"empty \(0 bytes\)"),
        ("text", "not a video"),
        ("script", "not a video"),
        ("playlist", "not a video"),
    ],
)
def test_what_is_no_video_is_refused_in_one_sentence(tmp_path: Path, kind: str, says: str) -> None:
    path = _broken(tmp_path, kind)
    for reading in (probe, lambda p: list(read_frames(p))):
        with pytest.raises(BadInput, match=says) as caught:
            reading(path)
        message = str(caught.value)
        assert path.name in message
        assert "\n" not in message
        assert message.endswith(".")


def test_no_permission(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", [stamp(0)])
    path.chmod(0)
    with as_nobody(), pytest.raises(BadInput, match="permission denied"):
        probe(path)


def test_a_stream_that_breaks_off_yields_what_is_there(tmp_path: Path) -> None:
    frames = [np.random.default_rng(i).integers(0, 255, (48, 80, 3), dtype=np.uint8) for i in range(75)]
    data = make_video(tmp_path / "index first.mp4", frames, index_first=True).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 6 // 10])
    notes: list[str] = []
    got = list(read_frames(cut, warnings=notes))
    assert 30 <= len(got) <= 60, f"{len(got)} of 75 frames from 60 % of the file"
    assert any("ends after" in note or "breaks off" in note for note in notes), notes
    holes = bytearray(data)
    middle = len(data) // 2
    holes[middle : middle + 3000] = bytes(3000)
    (tmp_path / "holes.mp4").write_bytes(holes)
    assert len(list(read_frames(tmp_path / "holes.mp4"))) >= 60


@pytest.mark.parametrize("name", ["golfdb_golf_swing.mp4", "ntu_drink_water.avi", "ubc_navy_dress_turn.mp4"])
def test_real_clips_come_out_frame_by_frame(name: str) -> None:
    if not (CLIPS / name).is_file():
        pytest.skip(f"real clip {name} is not on this machine")
    with av.open(str(CLIPS / name)) as container:
        truth = sum(1 for _ in container.decode(video=0))
    with VideoReader(CLIPS / name, max_side_px=64) as reader:
        assert sum(1 for _ in reader) == truth
        assert reader.warnings == []
