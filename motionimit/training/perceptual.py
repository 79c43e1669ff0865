"""Distances between pictures that see more than pixels: LPIPS where its weights are given, a Laplacian pyramid elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import BadInput
from ..media.paths import check_input, reason, shown

MIN_SIDE_PX = 32
_STAGES = 5
_POOLED = (1, 2)  # stages behind a max-pool
Features = tuple[Tensor, ...]


class Lpips(nn.Module):
    """LPIPS v0.1 with the AlexNet trunk (Zhang et al. 2018): unit-normalised features after each of the five ReLUs, squared
    differences weighted by the linear heads, mean over space, sum over stages. Its weights are frozen.

    `path` is an .npz with `AlexNet_0.Conv_k.kernel` (height, width, in, out), `.bias` and `NetLinLayer_k.Conv_0.kernel`,
    k = 0..4. Raises `BadInput`.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, path: Path) -> None:
        super().__init__()
        arrays = _read(path)
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1), persistent=False)
        for k in range(_STAGES):
            kernel = torch.from_numpy(arrays[f"AlexNet_0.Conv_{k}.kernel"]).float().permute(3, 2, 0, 1).contiguous()
            self.register_buffer(f"kernel{k}", kernel, persistent=False)
            self.register_buffer(f"bias{k}", torch.from_numpy(arrays[f"AlexNet_0.Conv_{k}.bias"]).float(), persistent=False)
            head = torch.from_numpy(arrays[f"NetLinLayer_{k}.Conv_0.kernel"]).float().reshape(1, -1, 1, 1)
            self.register_buffer(f"head{k}", head, persistent=False)

    def features(self, rgb: Tensor) -> Features:
        """[B, 3, H, W] in 0..1, sides of at least 32 px → five normalised feature maps."""
        if min(rgb.shape[-2:]) < MIN_SIDE_PX:
            raise ValueError(f"LPIPS needs sides of at least {MIN_SIDE_PX} px, got {tuple(rgb.shape[-2:])}")
        x, taps = (rgb * 2 - 1 - self.shift) / self.scale, []
        for k in range(_STAGES):
            x = F.max_pool2d(x, 3, 2) if k in _POOLED else x
            kernel, bias = getattr(self, f"kernel{k}"), getattr(self, f"bias{k}")
            x = F.relu(F.conv2d(x, kernel, bias, stride=4 if k == 0 else 1, padding=2 if k < 2 else 1))
            wide = x.float()
            taps.append(wide / (wide.norm(dim=1, keepdim=True) + 1e-10))
        return tuple(taps)

    def distance(self, a: Features, b: Features) -> Tensor:
        """Features of B pairs → [B] LPIPS."""
        pairs = enumerate(zip(a, b, strict=True))
        terms = [((x - y) ** 2 * getattr(self, f"head{k}")).sum(1).mean((1, 2)) for k, (x, y) in pairs]
        return torch.stack(terms).sum(0)

    def forward(self, result: Tensor, truth: Tensor) -> Tensor:
        """[B, 3, H, W] twice → [B]; nothing is kept for gradients of `truth`."""
        with torch.no_grad():
            wanted = self.features(truth)
        return self.distance(self.features(result), wanted)


class LaplacianDistance(nn.Module):
    """Stands in for LPIPS: mean L1 between the bands of Laplacian pyramids, so that edges count at every scale."""

    levels = 4

    def forward(self, result: Tensor, truth: Tensor) -> Tensor:
        """[B, 3, H, W] in 0..1 twice → [B]."""
        rest, total = result - truth.detach(), result.new_zeros(result.shape[0])  # the pyramid is linear
        for _ in range(self.levels):
            if min(rest.shape[-2:]) < 2:
                break
            small = F.avg_pool2d(rest, 2, ceil_mode=True, count_include_pad=False)
            band = rest - F.interpolate(small, rest.shape[-2:], mode="bilinear", align_corners=False)
            total, rest = total + band.abs().mean((1, 2, 3)), small
        return total


def perceptual_distance(path: Path | None) -> Lpips | LaplacianDistance:
    """LPIPS from the file `path`, else the stand-in. Raises `BadInput`."""
    return Lpips(path) if path is not None else LaplacianDistance()


def _read(path: Path) -> dict[str, np.ndarray]:
    path = check_input(path, "file of LPIPS weights")
    wanted = [f"AlexNet_0.Conv_{k}.{part}" for k in range(_STAGES) for part in ("kernel", "bias")]
    wanted += [f"NetLinLayer_{k}.Conv_0.kernel" for k in range(_STAGES)]
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in wanted if name not in file]
            if missing:
                raise BadInput(f"{shown(path)} holds no LPIPS weights of AlexNet ('{missing[0]}' is missing); name another file.")
            return {name: file[name] for name in wanted}
    except BadInput:
        raise
    except Exception as error:  # zipfile and NumPy raise whatever they meet in broken data
        raise BadInput(f"The file of LPIPS weights {shown(path)} can't be read ({reason(error)}); copy it again.") from None
