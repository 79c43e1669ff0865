"""From a whole photo to a network's window round both poses, and back into the photo."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ..errors import BadInput
from ..pose.keypoints import LEAST_CONFIDENCE
from .inputs import moved
from .pg2 import PG2
from .rsa import RSAGAN
from .still_inputs import StillInput

_MARGIN = 0.18  # of the poses' extent: head and feet reach beyond the keypoints
_SEAM_PX = 8  # of the network's picture: over which the window fades into the photo
_LEAST_POINTS = 3


@dataclass(frozen=True, slots=True)
class StillPicture:
    """A photo with the person in another pose."""

    rgb: np.ndarray  # [H, W, 3] uint8
    coarse: np.ndarray | None  # the same after PG²'s first stage


def window_of(points: Tensor, aspect: float) -> tuple[float, float, float, float]:
    """The window (left, top, width, height), `aspect` times as wide as high, round all keypoints [N, 3] that are there.

    Raises `BadInput` where fewer than three are.
    """
    there = points[points[:, 2] >= LEAST_CONFIDENCE, :2]
    if len(there) < _LEAST_POINTS:
        raise BadInput(
            "Too little of a pose is known to draw it (fewer than 3 keypoints); use a target that shows more of a person."
        )
    low, high = there.amin(0), there.amax(0)
    middle, extent = (low + high) / 2, (high - low).amax() * _MARGIN
    width, height = ((high - low) + 2 * extent).clamp_min(16).tolist()
    width, height = max(width, aspect * height), max(height, width / aspect)
    return float(middle[0]) - width / 2, float(middle[1]) - height / 2, width, height


def still_input(
    photo: np.ndarray,
    keypoints: Tensor,
    wanted: Tensor,
    parsing: np.ndarray,
    window: tuple[float, float, float, float],
    size_px: tuple[int, int],
) -> StillInput:
    """The window of a photo [H, W, 3] uint8 (held beyond its borders) and of its parsing map [H, W], scaled to `size_px`, with
    the keypoints [18, 3] in its px. B = 1."""
    left, top, width, height = window
    across, down = size_px[0] / width, size_px[1] / height
    to_net = np.array([[across, 0, -left * across], [0, down, -top * down]])
    shrunk, from_shrunk = _shrunk(photo, to_net)
    rgb = cv2.warpAffine(shrunk, _centred(from_shrunk), size_px, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    labels = cv2.warpAffine(parsing.astype(np.uint8), _centred(to_net), size_px, flags=cv2.INTER_NEAREST, borderValue=0)
    factor = torch.tensor([across, down])
    poses = [
        torch.cat([(p[:, :2].float() - torch.tensor([left, top])) * factor, p[:, 2:].float()], 1) for p in (keypoints, wanted)
    ]
    picture = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].float() / 255
    return StillInput(picture, poses[0][None], poses[1][None], torch.from_numpy(labels).long()[None])


@torch.inference_mode()
def render_still(model: PG2 | RSAGAN, photo: np.ndarray, keypoints: Tensor, wanted: Tensor, parsing: np.ndarray) -> StillPicture:
    """The person of a photo [H, W, 3] uint8 in the pose `wanted`.

    keypoints, wanted [18, 3] in px of the photo, parsing [H, W] indices into `PARSING`. The network sees one window round both
    poses; outside it the photo stays as it is. Raises `BadInput` where too few keypoints are there.
    """
    device = next(model.parameters()).device
    width, height = model.size_px
    window = window_of(torch.cat([keypoints, wanted]), width / height)
    given = still_input(photo, keypoints, wanted, parsing, window, (width, height))
    out = model(moved(given, device))
    coarse = None if out.coarse is None else _pasted(photo, _picture(out.coarse), window)
    return StillPicture(_pasted(photo, _picture(out.rgb), window), coarse)


def _shrunk(photo: np.ndarray, to_net: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A photo much larger than the network's picture, brought near its size without aliasing; and the map from there."""
    share = min(1.0, to_net[0, 0])
    if share > 0.75:
        return photo, to_net
    height, width = (max(1, round(n * share)) for n in photo.shape[:2])
    small = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    return small, to_net @ np.diag([photo.shape[1] / width, photo.shape[0] / height, 1.0])


def _pasted(photo: np.ndarray, made: np.ndarray, window: tuple[float, float, float, float]) -> np.ndarray:
    """The made picture laid over its window; its border fades into the photo."""
    left, top, width, height = window
    back = _centred(np.array([[width / made.shape[1], 0, left], [0, height / made.shape[0], top]]))
    size = (photo.shape[1], photo.shape[0])
    laid = cv2.warpAffine(made, back, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    ramps = [np.clip((np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5) / _SEAM_PX, 0, 1) for n in made.shape[:2]]
    share = cv2.warpAffine(np.minimum(*np.meshgrid(ramps[1], ramps[0])).astype(np.float32), back, size)[..., None]
    return (photo + share * (laid.astype(np.float32) - photo) + 0.5).astype(np.uint8)


def _centred(affine: np.ndarray) -> np.ndarray:
    """A map of pixel coordinates (centres at +0.5) as OpenCV wants it (centres on whole numbers)."""
    return np.column_stack([affine[:, :2], affine[:, 2] + 0.5 * (affine[:, :2].sum(1) - 1)])


def _picture(rgb: Tensor) -> np.ndarray:
    return np.ascontiguousarray((rgb[0].float().clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).cpu().numpy())
