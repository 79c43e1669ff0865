"""Pictures that stand in for a video: one still, a folder of stills, an animated GIF, WebP or PNG."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from math import gcd
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from ..errors import BadInput
from ..types import VideoInfo
from .image import MAX_FRAME_PIXELS, MAX_SIDE_PX, check_pixels, open_image, quiet_pillow, read_pixels, upright_rgb
from .paths import check_input, reason, shown
from .timing import DEFAULT_FPS, Picture, stated_rate

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".jp2")
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ")
_SHORTEST_DELAY_S = Fraction(1, 50)  # players show anything shorter for a tenth of a second
_SLOW_DELAY_S = Fraction(1, 10)


def is_picture(path: Path) -> bool:
    """Whether the file begins like an image (animated or not). Motion JPEG streams do too; their suffix tells them apart."""
    with path.open("rb") as file:
        head = file.read(16)
    if head[:4] == b"RIFF":
        return head[8:12] == b"WEBP"
    if head[4:8] == b"ftyp":
        return head[8:12] == b"avif"
    return head.startswith(_SIGNATURES) and path.suffix.lower() not in (".mjpeg", ".mjpg")


class StillSource:
    """One still or a sorted folder of stills, at a rate the caller states. Raises `BadInput`."""

    def __init__(self, path: Path, fps: Fraction = DEFAULT_FPS) -> None:
        self.warnings: list[str] = []
        self._files = _images_in(path) if path.is_dir() else [path]
        first, _ = read_pixels(self._files[0], "picture", MAX_SIDE_PX)
        size = (first.shape[1], first.shape[0])
        count = len(self._files)
        self.info = VideoInfo(path, size, fps, count, float(count / fps), has_audio=False)

    def pictures(self, first: int, size_px: tuple[int, int]) -> Iterator[Picture]:
        """The stills from number `first` on; one that can't be read leaves its predecessor standing."""
        length_s = 1 / self.info.fps
        last: np.ndarray | None = None
        for number, file in enumerate(self._files[first:], first):
            try:
                rgb = self._load(file, size_px)
            except BadInput as error:
                self.warnings.append(str(error))
                if last is None:
                    continue
                rgb = last
            last = rgb
            yield Picture(number * length_s, length_s, rgb.copy)

    def _load(self, file: Path, size_px: tuple[int, int]) -> np.ndarray:
        rgb, alpha = read_pixels(file, "picture", MAX_SIDE_PX)
        if (rgb.shape[1], rgb.shape[0]) != self.info.size_px:
            self.warnings.append(f"{shown(file)} has another size than the first picture and was stretched to it")
        return fitted(rgb, alpha, size_px)


class AnimationSource:
    """An animated picture with its own delays. Raises `BadInput`."""

    def __init__(self, path: Path) -> None:
        self.warnings: list[str] = []
        self._path = path
        try:
            with quiet_pillow(), open_image(path) as image:
                check_pixels(image.size, path, "video", MAX_FRAME_PIXELS)
                delays = [_delay_s(frame) for frame in ImageSequence.Iterator(image)]
                size = image.size
            if not delays:
                raise BadInput(f"The video {shown(path)} has no readable picture; save it again.")
        except BadInput:
            raise
        except Exception as error:
            raise BadInput(f"The video {shown(path)} is damaged or incomplete ({reason(error)}); save it again.") from None
        total = sum(delays, Fraction(0))
        milliseconds = gcd(*(int(delay * 1000) for delay in delays))
        fps = stated_rate(len(delays) / total, Fraction(1000, milliseconds))
        scale = min(1.0, MAX_SIDE_PX / max(size))
        shown_size = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        self.info = VideoInfo(path, shown_size, fps, max(1, round(total * fps)), float(total), has_audio=False)

    def pictures(self, first: int, size_px: tuple[int, int]) -> Iterator[Picture]:
        """All pictures from the start: each builds on the one before, so there is nothing to skip to."""
        time_s = Fraction(0)
        try:
            with open_image(self._path) as image:
                for frame in ImageSequence.Iterator(image):
                    delay_s = _delay_s(frame)
                    rgb, alpha = upright_rgb(frame.copy(), MAX_SIDE_PX)
                    yield Picture(time_s, delay_s, fitted(rgb, alpha, size_px).copy)
                    time_s += delay_s
        except Exception as error:
            self.warnings.append(f"the animation breaks off ({reason(error)}); what came before is used")


def open_pictures(path: Path, fps: Fraction) -> StillSource | AnimationSource:
    """The source for an image file or a folder of images. Raises `BadInput`."""
    check_input(path, "video", folder_ok=True)
    if path.is_dir():
        return StillSource(path, fps)
    try:
        with quiet_pillow(), open_image(path) as image:
            animated = getattr(image, "n_frames", 1) > 1 and image.format in ("GIF", "WEBP", "PNG", "AVIF")
    except Exception:
        animated = False  # read as a still, which words the error
    return AnimationSource(path) if animated else StillSource(path, fps)


def fitted(rgb: np.ndarray, alpha: np.ndarray | None, size_px: tuple[int, int]) -> np.ndarray:
    """rgb [H, W, 3] over white where it is transparent, resized to (width, height)."""
    if alpha is not None:
        opacity = alpha[..., None].astype(np.uint16)
        rgb = ((rgb * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
    if (rgb.shape[1], rgb.shape[0]) == size_px:
        return rgb
    return np.asarray(
        Image.fromarray(rgb).resize(size_px, Image.Resampling.BOX if rgb.shape[1] > size_px[0] else Image.Resampling.BICUBIC)
    )


def _images_in(folder: Path) -> list[Path]:
    files = [f for f in folder.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES and f.is_file() and not f.name.startswith(".")]
    if not files:
        raise BadInput(f"The folder {shown(folder)} holds no pictures; give a video, or a folder of PNG or JPEG files.")
    return sorted(files, key=_natural)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """frame_2 before frame_10."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _delay_s(frame: Image.Image) -> Fraction:
    frame.load()  # WebP and AVIF know the delay only then
    delay = Fraction(int(frame.info.get("duration") or 0), 1000)
    return delay if delay >= _SHORTEST_DELAY_S else _SLOW_DELAY_S
