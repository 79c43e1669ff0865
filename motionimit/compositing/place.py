"""Putting the person before a background."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ..config import TransferSettings, parse_color
from ..media.image import read_photo


def cover(rgb: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """Scale and crop [H, W, 3] uint8 about its middle so that it fills (width, height) without distortion."""
    height, width = rgb.shape[:2]
    scale = max(size_px[0] / width, size_px[1] / height)
    window = size_px[0] / scale, size_px[1] / scale
    left, top = (width - window[0]) / 2, (height - window[1]) / 2
    crop = rgb[int(top) : max(int(top) + 1, round(top + window[1])), int(left) : max(int(left) + 1, round(left + window[0]))]
    return cv2.resize(crop, size_px, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def still_backdrop(settings: TransferSettings, cleaned: Tensor) -> Tensor:
    """[H, W, 3] float32 backdrop that stays the same for all frames. `cleaned`: the photo without its person.

    Raises `BadInput` where a background picture can't be read.
    """
    kind = settings.background_kind
    if kind == "color":
        color = parse_color(settings.background)
        assert color is not None, "background_kind says that this is a colour"
        return (torch.tensor(color) / 255).expand_as(cleaned).contiguous()
    if kind == "file":
        picture = read_photo(Path(settings.background)).rgb
        return torch.from_numpy(cover(picture, (cleaned.shape[1], cleaned.shape[0]))).float() / 255
    return cleaned


def over(rgba: Tensor, backdrop: Tensor) -> np.ndarray:
    """[H, W, 4] straight alpha over [H, W, 3], both 0..1 → [H, W, 3] uint8."""
    out = torch.lerp(backdrop, rgba[..., :3], rgba[..., 3:])
    return to_uint8(out)


def to_uint8(image: Tensor) -> np.ndarray:
    """0..1 float → uint8 with rounding; always a fresh array."""
    return (image * 255 + 0.5).clamp(0, 255).to("cpu", torch.uint8).numpy()
