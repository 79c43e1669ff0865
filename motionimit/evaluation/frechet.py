"""Fréchet Inception distance: how far the pictures of one set are, as a whole, from those of another."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..checks import check_shape
from ..errors import BadInput
from ..media.paths import check_input, reason, shown

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
RELIABLE = 2048  # pictures per set: below it the covariance of 2048 features is singular and the distance biased upwards


@dataclass(frozen=True, slots=True)
class Fid:
    value: float
    pictures: int  # of the smaller set
    note: str  # empty where the figure can be relied on


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """[N, D] and [M, D] features → Fréchet distance of the normal distributions fitted to them, at least 0:
    ``|mean_a - mean_b|² + tr(S_a + S_b - 2 (S_a S_b)^½)`` with unbiased covariances S (Heusel et al. 2017).

    With S = XᵀX of centred, scaled rows X, the last trace is the sum of the singular values of ``X_a X_bᵀ``: no square root of a
    matrix, exact where there are fewer pictures than features. Raises `ShapeError`, and `BadInput` for fewer than two rows.
    """
    axes = check_shape("a", a, ("N", "D"))
    check_shape("b", b, ("M", "D"), axes)
    if min(axes["N"], axes["M"]) < 2:
        raise BadInput("A Fréchet distance needs at least two pictures on each side; give more.")
    a, b = a.astype(np.float64), b.astype(np.float64)
    shift = a.mean(0) - b.mean(0)
    spread_a, spread_b = _spread(a), _spread(b)
    shared = float(np.linalg.svd(spread_a @ spread_b.T, compute_uv=False).sum())
    value = float(shift @ shift) + float((spread_a**2).sum() + (spread_b**2).sum()) - 2 * shared
    return max(value, 0.0)


def fid(features_truth: np.ndarray, features_made: np.ndarray) -> Fid:
    """`frechet` of Inception features, with a note where there are too few pictures to rely on it."""
    count = min(len(features_truth), len(features_made))
    note = f"unreliable: {count} pictures, fewer than {RELIABLE}" if count < RELIABLE else ""
    return Fid(frechet(features_truth, features_made), count, note)


class Inception:
    """The 2048 features of the Inception network that FID is defined on, by torch-fidelity's architecture and `path`, its weights
    (`INCEPTION_FILE`), which are read as tensors alone. Raises `BadInput`; `ImportError` where
    torch-fidelity or the torchvision under it can't be loaded."""

    def __init__(self, path: Path, device: str = "cpu") -> None:
        path = check_input(path, "file of Inception weights")
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except Exception as error:  # torchvision raises RuntimeError where it was built for another torch
            raise ImportError(f"torch-fidelity can't be loaded: {reason(error)}") from error
        checked = io.BytesIO()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch muses about foreign pickles before it refuses them
                torch.save(torch.load(path, map_location="cpu", weights_only=True), checked)
            checked.seek(0)  # torch-fidelity unpickles what it is given: only what has passed the check above
            net = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=checked)
        except Exception as error:  # torch raises whatever it meets in broken or foreign files
            raise BadInput(f"{shown(path)} holds no Inception weights for FID ({reason(error)}); name another file.") from None
        self._net: Any = net.to(device)
        self._device = device

    @torch.inference_mode()
    def features(self, pictures: Iterable[np.ndarray]) -> np.ndarray:
        """N pictures uint8 [H, W, 3] of any sizes → [N, 2048] float32."""
        rows = []
        for rgb in pictures:
            check_shape("picture", rgb, ("H", "W", 3))
            batch = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].to(self._device)
            rows.append(self._net(batch)[0].cpu().numpy())
        return np.concatenate(rows) if rows else np.zeros((0, 2048), np.float32)


def _spread(features: np.ndarray) -> np.ndarray:
    """Rows X with XᵀX = the unbiased covariance, at most as many as there are features."""
    rows = (features - features.mean(0)) / np.sqrt(len(features) - 1)
    return rows if len(rows) <= rows.shape[1] else np.asarray(np.linalg.qr(rows, mode="r"))
