"""Photos in every shape they come in, and stills out."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

sys.path.insert(0, str(Path(__file__).parent))
from media_samples import as_nobody

from motionimit.errors import BadInput
from motionimit.media.image import MAX_SIDE_PX, read_photo, write_png

WIDTH, HEIGHT = 60, 40


def scene() -> np.ndarray:
    """[40, 60, 3] uint8: smooth, no two corners alike."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([40 + 3 * x, 60 + 4 * y, 200 - 2 * x - y], -1).astype(np.uint8)


def disc() -> np.ndarray:
    """[40, 60] uint8: alpha of something cut out."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.where((x - 30) ** 2 + (y - 20) ** 2 < 15**2, 255, 0).astype(np.uint8)


def saved(tmp_path: Path, image: Image.Image, name: str = "photo.png", **options: object) -> Path:
    path = tmp_path / name
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def assert_close(actual: np.ndarray, expected: np.ndarray, levels: float) -> None:
    assert actual.shape == expected.shape
    worst = np.abs(actual.astype(int) - expected.astype(int)).max()
    assert worst <= levels, f"off by up to {worst} of 255"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transposes that lay an upright picture down
    stored = Image.fromarray(scene())
    if orientation > 1:
        stored = stored.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = read_photo(saved(tmp_path, stored, exif=exif))
    assert_close(photo.rgb, scene(), 0)
    assert photo.matte is None


def test_unreadable_exif_is_no_obstacle(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(scene()), "p.jpg", quality=95, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
    assert_close(read_photo(path).rgb, scene(), 12)


def test_alpha_becomes_the_matte_only_where_it_cuts_out(tmp_path: Path) -> None:
    cut = read_photo(saved(tmp_path, Image.fromarray(np.dstack([scene(), disc()]))))
    assert cut.matte is not None
    assert cut.matte.dtype == np.float32
    np.testing.assert_array_equal(cut.matte, disc() / np.float32(255))
    np.testing.assert_array_equal(cut.rgb, scene())
    webp = read_photo(saved(tmp_path, Image.fromarray(np.dstack([scene(), disc()])), "p.webp", lossless=True))
    assert webp.matte is not None
    np.testing.assert_array_equal(webp.matte, cut.matte)
    for level in (0, 128, 255):
        alpha = np.full((HEIGHT, WIDTH), level, np.uint8)
        assert read_photo(saved(tmp_path, Image.fromarray(np.dstack([scene(), alpha])))).matte is None, f"constant alpha {level}"
    rounded = np.full((HEIGHT, WIDTH), 255, np.uint8)
    rounded[:4, :4] = rounded[-4:, :4] = 0
    assert read_photo(saved(tmp_path, Image.fromarray(np.dstack([scene(), rounded])))).matte is None, "rounded corners"


def test_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(np.where(disc() > 0, 1, 0).astype(np.uint8), "L").convert("P")
    image.putpalette([0, 0, 0, 200, 60, 40] + [0] * 750)
    photo = read_photo(saved(tmp_path, image, transparency=0))
    assert photo.matte is not None
    np.testing.assert_array_equal(photo.matte > 0.5, disc() > 0)
    assert photo.rgb[20, 30].tolist() == [200, 60, 40]


def test_sixteen_bit_grey_keeps_its_range(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
    for name in ("g.png", "g.tif"):
        photo = read_photo(saved(tmp_path, Image.fromarray(ramp), name))
        assert_close(photo.rgb, np.repeat((ramp / 257.0)[..., None], 3, 2).round().astype(np.uint8), 1)


def test_sixteen_bit_colour(tmp_path: Path) -> None:
    rows = b"".join(b"\0" + (scene()[y].astype(">u2") * 257).tobytes() for y in range(HEIGHT))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0))
    path = tmp_path / "deep.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    assert_close(read_photo(path).rgb, scene(), 1)


@pytest.mark.parametrize("mode", ["CMYK", "L", "1", "YCbCr", "LA"])
def test_other_colour_models(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(scene()).convert(mode)
    name = {"CMYK": "p.jpg", "YCbCr": "p.jpg"}.get(mode, "p.png")
    photo = read_photo(saved(tmp_path, image, name, **({"quality": 98} if name == "p.jpg" else {})))
    assert_close(photo.rgb, np.asarray(image.convert("RGB")), 12)
    assert photo.matte is None


def swapped_profile() -> bytes:
    """A minimal RGB profile, gamma 2.2, whose red and green primaries are sRGB's green and red."""
    primaries = {b"rXYZ": (0.3851, 0.7169, 0.0971), b"gXYZ": (0.4360, 0.2225, 0.0139), b"bXYZ": (0.1431, 0.0606, 0.7141)}
    tags = {name: b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in xyz)) for name, xyz in primaries.items()}
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    tags |= {name: b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(2.2 * 256), 0) for name in (b"rTRC", b"gTRC", b"bTRC")}
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", 8) + b"swapped\0" + bytes(79)
    at, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(
        ">I4sI4s4s4s12s4s", 128 + len(table) + len(body), b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ", bytes(12), b"acsp"
    )
    return head + bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48) + table + body


def test_an_embedded_profile_is_honoured(tmp_path: Path) -> None:
    photo = read_photo(saved(tmp_path, Image.fromarray(scene()), icc_profile=swapped_profile()))
    assert_close(photo.rgb, scene()[..., [1, 0, 2]], 8)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert_close(read_photo(saved(tmp_path, Image.fromarray(scene()), icc_profile=srgb)).rgb, scene(), 0)
    assert_close(read_photo(saved(tmp_path, Image.fromarray(scene()), icc_profile=b"no profile")).rgb, scene(), 0)


def test_huge_photos_are_reduced_by_area(tmp_path: Path) -> None:
    stripes = np.zeros((64, 2 * MAX_SIDE_PX, 3), np.uint8)
    stripes[:, ::2] = 200
    photo = read_photo(saved(tmp_path, Image.fromarray(stripes)))
    assert photo.rgb.shape == (32, MAX_SIDE_PX, 3)
    assert_close(photo.rgb, np.full_like(photo.rgb, 100), 1)
    assert max(read_photo(saved(tmp_path, Image.fromarray(stripes), "p.jpg")).rgb.shape) == MAX_SIDE_PX


def test_absurd_sizes_are_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(BadInput, match="3600 megapixels"):
        read_photo(path)
    assert limit == Image.MAX_IMAGE_PIXELS, "Pillow's own limit must be as before"


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(scene()))
    assert read_photo(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def _bad(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / f"{kind}.png"
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)).save(buffer, "PNG")
    contents = {
        "zero": b"",
        "text": b"this is no picture",
        "truncated": buffer.getvalue()[:5000],
        "video": b"\0\0\0\x20ftypisom" + bytes(200),
        "heic": b"\0\0\0\x20ftypheic" + bytes(200),
    }
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind in contents:
        path.write_bytes(contents[kind])
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "does not exist"),
        ("folder", "is a folder"),
        ("zero", "empty"),
        ("text", "not an image"),
        ("truncated", "damaged or incomplete"),
        ("video", "is a video"),
        ("heic", "HEIC"),
        ("pipe", "not a regular file"),
    ],
)
def test_what_is_no_photo_is_refused_in_one_sentence(tmp_path: Path, kind: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        read_photo(_bad(tmp_path, kind))
    message = str(caught.value)
    assert f"{kind}.png" in message
    assert "\n" not in message
    assert message.endswith(".")


def test_no_permission(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(scene()))
    path.chmod(0)
    with as_nobody(), pytest.raises(BadInput, match="permission denied"):
        read_photo(path)


@pytest.mark.parametrize("name", ["\0", "a" * 300 + ".png", "line\nbreak.png"])
def test_impossible_names_get_a_clear_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_photo(str(tmp_path / name) if name != "\0" else name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("channels", [3, 4])
def test_png_round_trip(tmp_path: Path, channels: int) -> None:
    pixels = np.dstack([scene(), disc()])[..., :channels]
    path = tmp_path / "naïve name.png"
    write_png(path, pixels, {"Comment": "synthetic: made with motionimit", "Title": "Tänzer"})
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
        assert image.info["Comment"] == "synthetic: made with motionimit"
        assert image.info["Title"] == "Tänzer"
    assert os.listdir(tmp_path) == ["naïve name.png"]


def test_png_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        write_png(tmp_path / "no such folder" / "a.png", scene())
    with pytest.raises(ValueError, match="uint8"):
        write_png(tmp_path / "a.png", scene().astype(np.float32))
    assert os.listdir(tmp_path) == []
