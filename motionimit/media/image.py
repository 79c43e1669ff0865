"""Photos in, stills out."""

from __future__ import annotations

import io
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from ..errors import BadInput
from ..types import Photo
from .paths import check_folder_writable, check_input, file_sha256, reason, shown, whole_file

STILL_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")  # of stills that can be written
MAX_SIDE_PX = 4096  # larger photos are reduced: no stage gains from more, and memory would
MAX_PIXELS = 300_000_000  # beyond this a photo is refused before it is decoded
MAX_FRAME_PIXELS = 70_000_000  # the same for a picture of a video: 8K has 33 million

_ALPHA_MODES = ("RGBA", "LA", "PA")
_bomb_lock = threading.Lock()


def read_photo(path: Path | str) -> Photo:
    """Read a still upright, as sRGB of at most 4096 px on the long side.

    Any format of Pillow; 16-bit, CMYK, palette and greyscale become 8-bit RGB; embedded colour profiles are honoured. The file's
    alpha becomes the matte if it cuts something out: at least 1 % transparent, and what is opaque isn't just a rectangle (a
    screenshot with rounded corners). `rgb` is left as stored under the transparent part. Raises `BadInput`.
    """
    path = check_input(path, "photo")
    rgb, alpha = read_pixels(path, "photo")
    matte = alpha.astype(np.float32) / 255.0 if alpha is not None and _cuts_out(alpha) else None
    return Photo(path=path, rgb=rgb, matte=matte, sha256=file_sha256(path))


def read_pixels(path: Path, kind: str, max_side_px: int = MAX_SIDE_PX) -> tuple[np.ndarray, np.ndarray | None]:
    """Decode a still to rgb [H, W, 3] uint8 and its alpha [H, W] uint8 or None. `kind` is for messages. Raises `BadInput`."""
    try:
        with quiet_pillow(), open_image(path) as image:
            check_pixels(image.size, path, kind, MAX_PIXELS)
            image.draft(None, (max_side_px, max_side_px))  # JPEG decodes straight to 1/2, 1/4 or 1/8
            image.load()
            return upright_rgb(image, max_side_px)
    except BadInput:
        raise
    except Image.UnidentifiedImageError:
        raise BadInput(_not_an_image(path, kind)) from None
    except MemoryError:
        raise BadInput(f"The {kind} {shown(path)} does not fit into memory; make it smaller.") from None
    except Exception as error:  # Pillow's decoders raise whatever they meet in broken data
        raise BadInput(f"The {kind} {shown(path)} is damaged or incomplete ({reason(error)}); save or copy it again.") from None


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Pillow's lazy open without its own size limit (178 Mpx), which is lower than ours and can only be set globally."""
    with _bomb_lock:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(path)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    with image:
        yield image


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keep what Pillow thinks of a file's metadata from the user. Global, so hold it for one call only."""
    logger = logging.getLogger("PIL")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)


def upright_rgb(image: Image.Image, max_side_px: int) -> tuple[np.ndarray, np.ndarray | None]:
    """A loaded image as rgb [H, W, 3] uint8 and alpha [H, W] uint8 or None: area-reduced, EXIF-turned, in sRGB."""
    exif = _exif_orientation(image)
    profile = image.info.get("icc_profile")
    image = _eight_bit(image)
    has_alpha = image.mode in _ALPHA_MODES or "transparency" in image.info
    if has_alpha:
        image = image.convert("RGBA")
    elif image.mode not in ("L", "CMYK"):
        image = image.convert("RGB")
    scale = max_side_px / max(image.size)
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BOX)
    if exif is not None:
        image = image.transpose(exif)
    alpha = np.asarray(image.getchannel("A")).copy() if has_alpha else None
    return np.asarray(_to_srgb(image, profile)).copy(), alpha


def write_png(path: Path | str, pixels: np.ndarray, text: dict[str, str] | None = None) -> None:
    """Write rgb [H, W, 3] or rgba [H, W, 4] uint8, whole or not at all; `text` goes into text chunks. Raises `BadInput`."""
    path = Path(path)
    check_folder_writable(path.parent, path)
    with whole_file(path) as temporary:
        temporary.write_bytes(png_bytes(pixels, text or {}))


def png_bytes(pixels: np.ndarray, text: dict[str, str]) -> bytes:
    """Encode rgb [H, W, 3] or rgba [H, W, 4] uint8; fast compression, since frames are many."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise ValueError(f"pixels must be uint8 [H, W, 3 or 4], got {pixels.dtype} {list(pixels.shape)}")
    chunks = PngImagePlugin.PngInfo()
    for key, value in text.items():
        chunks.add_itxt(key, value) if not value.isascii() else chunks.add_text(key, value)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=3, pnginfo=chunks)
    return buffer.getvalue()


def still_bytes(pixels: np.ndarray, suffix: str, text: dict[str, str]) -> bytes:
    """Encode rgb [H, W, 3] or rgba [H, W, 4] uint8 as the suffix says: .png, .jpg, .jpeg (without alpha) or .webp; `text` goes
    into text chunks or EXIF. Raises ValueError for other suffixes."""
    if suffix == ".png":
        return png_bytes(pixels, text)
    if suffix not in STILL_SUFFIXES:
        raise ValueError(f"suffix must be one of {', '.join(STILL_SUFFIXES)}, got {suffix!r}")
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "\n".join(value for key, value in text.items() if key != "Software")
    exif[ExifTags.Base.Software] = text.get("Software", "")
    how: dict[str, Any] = {"quality": 95, "exif": exif}
    kind, how = ("WEBP", how | {"exact": True}) if suffix == ".webp" else ("JPEG", how | {"subsampling": 0})
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, kind, **how)
    return buffer.getvalue()


def check_pixels(size_px: tuple[int, int], path: Path, kind: str, limit: int) -> None:
    """Refuse pictures of more than `limit` pixels before they are decoded. Raises `BadInput`."""
    width, height = size_px
    if width * height > limit:
        raise BadInput(
            f"The {kind} {shown(path)} has {width * height / 1e6:.0f} megapixels ({width}x{height}), more than the"
            f" {limit // 1_000_000} that are read; make it smaller."
        )


def _not_an_image(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        head = file.read(16)
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return f"The {kind} {shown(path)} is a HEIC picture, which can't be read here; save it as JPEG or PNG."
    if head[4:8] == b"ftyp" or head[:4] == b"\x1aE\xdf\xa3" or head[8:12] == b"AVI ":
        return f"The {kind} {shown(path)} is a video; give a picture such as JPEG or PNG."
    return f"The {kind} {shown(path)} is not an image that can be read; give a JPEG, PNG, WebP, TIFF or BMP."


def _exif_orientation(image: Image.Image) -> Image.Transpose | None:
    """The transpose that makes the image upright; unreadable EXIF counts as none, since the pixels are fine."""
    try:
        value = image.getexif().get(0x0112)
    except Exception:
        return None
    flip = Image.Transpose
    turns = {
        2: flip.FLIP_LEFT_RIGHT,
        3: flip.ROTATE_180,
        4: flip.FLIP_TOP_BOTTOM,
        5: flip.TRANSPOSE,
        6: flip.ROTATE_270,
        7: flip.TRANSVERSE,
        8: flip.ROTATE_90,
    }
    return turns.get(value) if isinstance(value, int) else None


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float greyscale to "L" by scaling the full range; Pillow itself would clip at 255."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.nan_to_num(np.asarray(image).astype(np.float32))
    top = float(values.max(initial=0.0))
    if image.mode.startswith("I;16"):
        scale = 255.0 / 65535.0
    elif image.mode == "I":
        scale = 1.0 if top <= 255 else 255.0 / max(65535.0, top)
    else:
        scale = 255.0 if top <= 1 else 255.0 / max(255.0, top)
    return Image.fromarray(np.clip(values * scale + 0.5, 0, 255).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Colour as sRGB by the embedded profile (Display P3, Adobe RGB, CMYK); without a usable one, Pillow's plain conversion."""
    if image.mode == "RGBA":
        image = image.convert("RGB")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if image.mode != "RGB" or "srgb" not in ImageCms.getProfileDescription(source).lower():
                converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
                return converted if converted is not None else image.convert("RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a profile for another colour model, or a broken one
    return image.convert("RGB")


def _cuts_out(alpha: np.ndarray) -> bool:
    opaque = alpha >= 128
    share = float(opaque.mean())
    if not 0.001 <= share <= 0.99:
        return False
    rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
    box = opaque[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return float(box.mean()) < 0.95
