"""Putting the person before a background."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from ..config import Rendering, parse_color
from ..media.image import read_pixels


def cover(rgb: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """Scale and crop [H, W, 3] uint8 about its middle so that it fills (width, height) without distortion."""
    height, width = rgb.shape[:2]
    scale = max(size_px[0] / width, size_px[1] / height)
    window = size_px[0] / scale, size_px[1] / scale
    left, top = (width - window[0]) / 2, (height - window[1]) / 2
    crop = rgb[int(top) : max(int(top) + 1, round(top + window[1])), int(left) : max(int(left) + 1, round(left + window[0]))]
    return cv2.resize(crop, size_px, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def chosen_backdrop(settings: Rendering, size_px: tuple[int, int]) -> Tensor | None:
    """[H, W, 3] float32, 0..1, of (width, height): a colour or a picture (cropped to fill) that is the same for all frames.

    None where the settings want the photo's or the driver's own. Raises `BadInput` where the picture can't be read.
    """
    color = parse_color(settings.background)
    if color is not None:
        return (torch.tensor(color) / 255).expand(size_px[1], size_px[0], 3).contiguous()
    if settings.background_path is None:
        return None
    picture, _ = read_pixels(settings.background_path, "background picture")
    return torch.from_numpy(cover(picture, size_px)).float() / 255


def over(rgba: Tensor, backdrop: Tensor) -> np.ndarray:
    """[H, W, 4] straight alpha over [H, W, 3], both 0..1 → [H, W, 3] uint8."""
    out = torch.lerp(backdrop, rgba[..., :3], rgba[..., 3:])
    return to_uint8(out)


def to_uint8(image: Tensor) -> np.ndarray:
    """0..1 float → uint8 with rounding; always a fresh array."""
    return (image * 255 + 0.5).clamp(0, 255).to("cpu", torch.uint8).numpy()
