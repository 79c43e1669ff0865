"""The shipped samples are what assets/README.md says, and the README's pictures can be made from such files."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from motionimit.media.reader import VideoReader, probe

ASSETS = Path(__file__).parents[2] / "assets"
sys.path.insert(0, str(ASSETS))

import make_pictures  # noqa: E402
import make_samples  # noqa: E402


def test_shipped_samples_are_as_described() -> None:
    info = probe(ASSETS / "dance.mp4")
    assert (info.size_px, info.fps, info.frames) == (make_samples.CLIP_PX, Fraction(30000, 1001), make_samples.FRAMES)
    assert sum(1 for _ in VideoReader(info.path, max_side_px=64)) == make_samples.FRAMES
    with Image.open(ASSETS / "photo.jpg") as photo:
        assert photo.size == make_samples.PHOTO_PX
    text = (ASSETS / "README.md").read_text(encoding="utf-8")
    for number in (*make_samples.PHOTO_PX, *make_samples.CLIP_PX, make_samples.SEED, make_samples.FRAMES):
        assert str(number) in text, f"assets/README.md does not state {number}"


def test_sound_is_as_long_as_the_picture_and_neither_silent_nor_clipped() -> None:
    with av.open(str(ASSETS / "dance.mp4")) as file:
        assert file.streams.audio[0].codec_context.name == "aac"
        rate = file.streams.audio[0].rate
        sound = np.concatenate([f.to_ndarray() for f in file.decode(audio=0)], 1)
    seconds = make_samples.FRAMES / float(make_samples.FPS)
    assert abs(sound.shape[1] / rate - seconds) < 0.05, f"{sound.shape[1] / rate:.3f} s of sound for {seconds:.3f} s of picture"
    level, peak = float(np.sqrt((sound**2).mean())), float(np.abs(sound).max())
    assert level > 0.05 and peak < 1.0, f"level {level:.3f}, peak {peak:.3f}"


def test_shipped_files_stay_small() -> None:
    total = sum(p.stat().st_size for p in ASSETS.glob("*.*"))
    assert total < 4_000_000, f"assets/ holds {total} bytes"


def test_every_asset_is_credited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table in assets/README.md names all that the two people wear."""

    class Names:
        def image(self, name: str) -> Path:
            return tmp_path / name

    for painter in ("printed_shirt", "chinos"):
        monkeypatch.setattr(make_samples, painter, lambda path: np.zeros((1, 1, 4), np.float32))
    text = (ASSETS / "README.md").read_text(encoding="utf-8")
    for cast in (make_samples.woman, make_samples.man):
        spec = cast(Names())
        missing = [name for name in (spec.skin, spec.eyes, *spec.garments, *spec.tints, *spec.textures) if name not in text]
        assert not missing, f"assets/README.md does not credit {missing}"


def test_pictures_from_a_short_result(tmp_path: Path) -> None:
    """A red 1 s result: the sheet is 1200 px wide, the preview has 15 frames per second, both show the red where it belongs."""
    result = tmp_path / "result.mp4"
    with av.open(str(result), "w") as file:
        stream = file.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 96, 128, "yuv420p"
        red = np.zeros((128, 96, 3), np.uint8)
        red[..., 0] = 220
        for _ in range(30):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(red, format="rgb24")))
        file.mux(stream.encode(None))
    photo, driver = ASSETS / "photo.jpg", ASSETS / "dance.mp4"
    with Image.open(make_pictures.write_transfer(photo, driver, result, tmp_path / "sheet.jpg")) as sheet:
        assert sheet.width == make_pictures.SHEET_WIDTH_PX
        pixel = sheet.getpixel((sheet.width - 30, sheet.height - 30))
        assert pixel[0] > 180 and pixel[1] < 60, f"lower right of the sheet is {pixel}"
    with Image.open(make_pictures.write_preview(photo, driver, result, tmp_path / "preview.webp")) as preview:
        assert preview.n_frames == 15 and preview.height == make_pictures.PREVIEW_HEIGHT_PX, (preview.n_frames, preview.size)
        pixel = preview.convert("RGB").getpixel((preview.width - 30, preview.height - 30))
        assert pixel[0] > 180 and pixel[1] < 60, f"lower right of the preview is {pixel}"
