"""Is it still the same face: dlib's descriptors, where dlib and its models are installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import BadInput
from ..media.paths import check_input, reason, shown
from .people import Seen

_SHAPE, _NET = "shape_predictor_5_face_landmarks.dat", "dlib_face_recognition_resnet_model_v1.dat"
_FACE = 11  # the first landmarks: nose, eyes, ears, mouth
_HEAD_PX = 320  # height at which a head is looked at
_MIN_HEAD_PX = 8


class Faces:
    """dlib's face detector and its 128 numbers per face (He-style ResNet, metric learning).

    `folder` holds the two .dat files that the package face-recognition-models carries. Raises `BadInput`; `ImportError` where
    dlib can't be loaded.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import dlib
        except Exception as error:  # a broken build raises more than ImportError
            raise ImportError(reason(error)) from error
        paths = [check_input(folder / name, "face model") for name in (_SHAPE, _NET)]
        try:
            self._detect: Any = dlib.get_frontal_face_detector()
            self._shape: Any = dlib.shape_predictor(str(paths[0]))
            self._net: Any = dlib.face_recognition_model_v1(str(paths[1]))
        except RuntimeError as error:
            raise BadInput(f"The face models in {shown(folder)} can't be read ({reason(error)}); install them again.") from None

    def __call__(self, rgb: np.ndarray, seen: Seen | None) -> np.ndarray | None:
        """[H, W, 3] uint8 and who was seen in it → [128], of the largest face near their face landmarks, or None."""
        if seen is None:
            return None
        marks = seen.landmarks_px[:_FACE].astype(np.float64)
        reach, centre = 2 * float(np.ptp(marks, axis=0).max()), marks.mean(0)
        low = np.maximum(centre - reach, 0).astype(int)
        high = np.minimum(centre + reach, (rgb.shape[1], rgb.shape[0])).astype(int)
        if (high - low).min() < _MIN_HEAD_PX:
            return None
        part = np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]])
        size = (round(_HEAD_PX * (high[0] - low[0]) / (high[1] - low[1])), _HEAD_PX)
        head = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC)
        found = self._detect(head, 0)
        if not found:
            return None
        return np.array(self._net.compute_face_descriptor(head, self._shape(head, max(found, key=lambda f: f.area()))))


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of two descriptors, -1..1. dlib's lie close together: strangers reach about 0.8 to 0.9."""
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def installed_face_models() -> Path | None:
    """The folder of the package face-recognition-models, which is never imported: it needs a setuptools of old."""
    spec = find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations if spec is not None else None) or ():
        models = Path(folder) / "models"
        if all((models / name).is_file() for name in (_SHAPE, _NET)):
            return models
    return None
