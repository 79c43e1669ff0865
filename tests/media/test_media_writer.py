"""Video out: the promised formats, rates, colours and transparency."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from media_samples import SIZE, number_of, numbers, stamp
from written_media import COMMENT, rgba, write

from motionimit.errors import BadInput
from motionimit.media.reader import probe, read_frames, read_metadata
from motionimit.media.writer import VideoWriter, check_output


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


def test_the_caller_may_reuse_its_buffer(tmp_path: Path) -> None:
    buffer = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    with VideoWriter(tmp_path / "o.mp4", Fraction(25), SIZE) as output:
        for i in range(30):
            buffer[:] = stamp(i)
            output.write(buffer)
    assert numbers(tmp_path / "o.mp4") == list(range(30))
