"""Poses of 18 keypoints as maps: discs, limbs, where each region of the parsing should be, and places along the limbs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..pose.keypoints import KEYPOINTS, LEAST_CONFIDENCE, LIMBS
from .still_inputs import PARSING

DISC_SHARE = 4 / 256  # radius of PG²'s discs, of the picture's height
_REACH = 0.045  # of the person's extent: how far a limb's flesh lies from its bone, roughly
_LEAST_EXTENT_PX = 16.0
_ANKLES = ((10, 10), (13, 13))  # points are limbs without length
_BONES = (*LIMBS, *_ANKLES)
_REGION_BONES: dict[str, tuple[tuple[int, ...], float]] = {  # bones of each region and its width in reaches
    "hair": ((13, 14, 15, 16), 2.0),
    "face": ((12, 13, 15), 1.2),
    "upper": ((0, 1, 3, 4, 6, 9, 17), 1.6),
    "lower": ((7, 8, 10, 11, 17), 1.4),
    "arms": ((1, 2, 4, 5), 0.9),
    "legs": ((7, 8, 10, 11), 0.9),
    "shoes": ((18, 19), 1.5),
}
FEATURES = 4 * len(LIMBS) + 4  # of `limb_features`


def discs(keypoints: Tensor, size_px: tuple[int, int], stride: int = 1) -> Tensor:
    """Keypoints [B, 18, 3] → [B, 18, H/s, W/s]: 1 in discs round the keypoints, -1 elsewhere (PG², section 3.1; 4 px of 256 or
    a cell, if that is more). `size_px` is (width, height); a keypoint that isn't there has an empty map."""
    x, y = _centres(size_px, stride, keypoints.device)
    dx, dy = x - keypoints[..., 0, None, None], y - keypoints[..., 1, None, None]
    inside = (dx**2 + dy**2 <= max(DISC_SHARE * size_px[1], stride) ** 2) & (keypoints[..., 2, None, None] >= LEAST_CONFIDENCE)
    return inside.float() * 2 - 1


def pose_mask(keypoints: Tensor, size_px: tuple[int, int], share: float = _REACH, stride: int = 1) -> Tensor:
    """[B, 1, H/s, W/s]: 1 within `share` of the extent of the limbs, gaps closed by a dilation and an erosion of 5 cells;
    roughly the whole body (PG²'s pose mask)."""
    distance, _, _, there = _limbs(keypoints, size_px, stride, LIMBS)
    drawn = ((distance <= share * extent_px(keypoints)[:, None, None, None]) & there).any(1, keepdim=True).float()
    grown = F.max_pool2d(F.pad(drawn, (2, 2, 2, 2)), 5, 1)
    return -F.max_pool2d(F.pad(-grown, (2, 2, 2, 2), value=-1.0), 5, 1)


def region_prior(keypoints: Tensor, size_px: tuple[int, int], stride: int) -> Tensor:
    """[B, 8, H/s, W/s] shares in the order of `PARSING`: where the pose alone lets expect each region."""
    distance, _, _, there = _limbs(keypoints, size_px, stride, _BONES)
    reach = _REACH * extent_px(keypoints)[:, None, None, None]
    regions = []
    for bones, width in _REGION_BONES.values():
        near = torch.exp(-0.5 * (distance[:, bones] / (width * reach)) ** 2) * there[:, bones]
        regions.append(near.amax(1))
    shares = torch.stack(regions, 1)
    shares = shares / shares.sum(1, keepdim=True).clamp_min(1.0)
    return torch.cat([(1 - shares.sum(1, keepdim=True)).clamp_min(0), shares], 1)


def limb_features(keypoints: Tensor, size_px: tuple[int, int], stride: int) -> Tensor:
    """[B, FEATURES, H/s, W/s]: per limb how near it is (a Gaussian), and, as far as it is near, the place along it (-1..1), the
    signed distance from it, and that distance as seen from the body's front; then, as far as none is near, x and y (-1..1);
    then everywhere how frontal the shoulders stand and 1.

    A surface of the body has about the same features in every pose, so cosines of embeddings find it again; what is off the body
    finds its own place.
    """
    distance, along, side, there = _limbs(keypoints, size_px, stride, LIMBS)
    extent = extent_px(keypoints)[:, None, None, None]
    reach = 1.5 * _REACH * extent
    near = torch.exp(-0.5 * (distance / reach) ** 2) * there
    frontal = frontality(keypoints)[:, None, None, None]
    lateral = near * (side / (2 * reach)).clamp(-1.5, 1.5)
    off = 1 - near.amax(1, keepdim=True)
    x, y = _centres(size_px, stride, keypoints.device)
    where = torch.stack(torch.broadcast_tensors(2 * x / size_px[0] - 1, 2 * y / size_px[1] - 1))[None]
    ones = torch.ones_like(off)
    return torch.cat([near, near * (2 * along - 1), lateral, lateral * frontal, off * where, frontal * ones, ones], 1)


def extent_px(keypoints: Tensor) -> Tensor:
    """[B] the longer side of the box round the keypoints that are there."""
    there = keypoints[..., 2:] >= LEAST_CONFIDENCE
    low = torch.where(there, keypoints[..., :2], torch.inf).amin(1)
    high = torch.where(there, keypoints[..., :2], -torch.inf).amax(1)
    return (high - low).amax(1).clamp_min(_LEAST_EXTENT_PX).nan_to_num(posinf=_LEAST_EXTENT_PX)


def frontality(keypoints: Tensor) -> Tensor:
    """[B] -1..1: 1 where the left shoulder is far to the right of the right one in the picture (seen from the front)."""
    left, right = KEYPOINTS.index("left_shoulder"), KEYPOINTS.index("right_shoulder")
    both = (keypoints[:, [left, right], 2] >= LEAST_CONFIDENCE).all(1)
    wide = (keypoints[:, left, 0] - keypoints[:, right, 0]) / (0.2 * extent_px(keypoints))
    return torch.where(both, wide, 0).clamp(-1, 1)


def parsing_shares(parsing: Tensor, stride: int) -> Tensor:
    """Labels [B, H, W] (-1 = unknown: no share) → [B, 8, H/s, W/s]."""
    labels = torch.arange(len(PARSING), device=parsing.device).view(1, -1, 1, 1)
    return F.avg_pool2d((parsing[:, None] == labels).float(), stride)


def _centres(size_px: tuple[int, int], stride: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """x [1, W/s] and y [H/s, 1] of the cells' centres in px."""
    x, y = ((torch.arange(n // stride, device=device) + 0.5) * stride for n in size_px)
    return x[None], y[:, None]


def _limbs(
    keypoints: Tensor, size_px: tuple[int, int], stride: int, bones: tuple[tuple[int, int], ...]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Per bone and cell [B, L, h, w]: distance in px, place along it 0..1, signed distance from its line in px; and [B, L, 1, 1]
    whether both its ends are there."""
    a, b = (keypoints[:, [bone[k] for bone in bones]] for k in (0, 1))
    there = ((a[..., 2] >= LEAST_CONFIDENCE) & (b[..., 2] >= LEAST_CONFIDENCE))[..., None, None]
    x, y = _centres(size_px, stride, keypoints.device)
    dx, dy = x - a[..., 0, None, None], y - a[..., 1, None, None]
    vx, vy = ((b - a)[..., k, None, None] for k in (0, 1))
    square = vx**2 + vy**2
    along = ((dx * vx + dy * vy) / square.clamp_min(1e-6)).clamp(0, 1)
    distance = torch.sqrt((dx - along * vx) ** 2 + (dy - along * vy) ** 2)
    side = (vx * dy - vy * dx) / square.clamp_min(1e-6).sqrt()
    return distance, along, side, there
