"""Whatever bytes a file holds, only `BadInput` may come out."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from media_samples import make_video, stamp

from motionimit.errors import BadInput
from motionimit.media.image import read_photo
from motionimit.media.reader import probe, read_frames

EDITS = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=12)
QUICK = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Small files of each kind."""
    folder = tmp_path_factory.mktemp("whole")
    pixels = np.random.default_rng(0).integers(0, 255, (24, 32, 4), dtype=np.uint8)
    for name in ("p.png", "p.webp", "p.tif", "p.bmp", "p.avif"):
        with contextlib.suppress(KeyError, OSError):  # a Pillow without the codec
            Image.fromarray(pixels).save(folder / name)
    Image.fromarray(pixels[..., :3]).save(
        folder / "p.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    )
    stills = [Image.fromarray(stamp(i)) for i in range(4)]
    for name in ("a.gif", "a.webp", "a.png"):
        stills[0].save(folder / name, save_all=True, append_images=stills[1:], duration=100)
    frames = [stamp(i) for i in range(6)]
    for name, codec in (
        ("v.mp4", "libx264"),
        ("v.mkv", "libx264"),
        ("v.avi", "mpeg4"),
        ("v.webm", "libvpx-vp9"),
        ("v.ts", "mpeg2video"),
    ):
        make_video(folder / name, frames, codec=codec, sound=("libopus" if name == "v.webm" else "aac", 48000))
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def mangled(data: bytes, edits: list[tuple[float, bytes]], keep: float) -> bytes:
    """`data` with bytes replaced at relative places, cut to the share `keep`."""
    result = bytearray(data)
    for place, patch in edits:
        at = int(place * place * (len(result) - 1))  # mostly headers
        result[at : at + len(patch)] = patch
    return bytes(result[: max(1, int(keep * len(result)))])


@QUICK
@given(data=st.data(), edits=EDITS, keep=st.sampled_from([1.0, 1.0, 0.9, 0.5, 0.1]))
def test_mangled_photos(
    whole: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, edits: list, keep: float
) -> None:
    name = data.draw(st.sampled_from([n for n in sorted(whole) if n[0] in "pa"]))
    path = tmp_path_factory.getbasetemp() / f"mangled-{name}"
    path.write_bytes(mangled(whole[name], edits, keep))
    with contextlib.suppress(BadInput):
        photo = read_photo(path)
        assert photo.rgb.dtype == np.uint8
        assert photo.rgb.ndim == 3
        assert photo.matte is None or photo.matte.shape == photo.rgb.shape[:2]


@QUICK
@given(data=st.data(), edits=EDITS, keep=st.sampled_from([1.0, 1.0, 0.9, 0.5, 0.1]))
def test_mangled_videos(
    whole: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, edits: list, keep: float
) -> None:
    name = data.draw(st.sampled_from([n for n in sorted(whole) if n[0] in "va"]))
    path = tmp_path_factory.getbasetemp() / f"mangled-{name}"
    path.write_bytes(mangled(whole[name], edits, keep))
    with contextlib.suppress(BadInput):
        info = probe(path)
        assert info.fps > 0
        for frame in read_frames(path, max_frames=8, max_side_px=64):
            assert frame.rgb.shape[2] == 3


@settings(QUICK, max_examples=40)
@given(
    data=st.binary(min_size=1, max_size=300),
    prefix=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP"]),
)
def test_random_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes, prefix: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random.bin"
    path.write_bytes(prefix + data)
    for reading in (read_photo, probe):
        with contextlib.suppress(BadInput):
            reading(path)
