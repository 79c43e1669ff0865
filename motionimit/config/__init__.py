"""What a user asks for: one frozen dataclass per job, checked once, here, in the user's own terms."""

from ..values import parse_color
from .avatar import AvatarRequest
from .common import (
    ALPHA_SUFFIXES,
    AVATAR_SUFFIX,
    DEFAULT_GENERATOR,
    FOLDER_SUFFIX,
    GENERATORS,
    MAX_PHOTOS,
    MOTION_SUFFIXES,
    OPAQUE_SUFFIXES,
    OUTPUT_SUFFIXES,
    GeneratorName,
    Rendering,
    is_film,
)
from .fit import FitRequest
from .personalize import PERSONAL_STEPS, WEIGHTS_SUFFIX, PersonalizeRequest
from .swap import SwapSettings
from .transfer import CAMERA_MODES, CameraMode, TransferSettings
from .view import ViewSettings

Job = TransferSettings | SwapSettings | ViewSettings | FitRequest | AvatarRequest | PersonalizeRequest

__all__ = [
    "ALPHA_SUFFIXES",
    "AVATAR_SUFFIX",
    "CAMERA_MODES",
    "DEFAULT_GENERATOR",
    "FOLDER_SUFFIX",
    "GENERATORS",
    "MAX_PHOTOS",
    "MOTION_SUFFIXES",
    "OPAQUE_SUFFIXES",
    "OUTPUT_SUFFIXES",
    "PERSONAL_STEPS",
    "WEIGHTS_SUFFIX",
    "AvatarRequest",
    "CameraMode",
    "FitRequest",
    "GeneratorName",
    "Job",
    "PersonalizeRequest",
    "Rendering",
    "SwapSettings",
    "TransferSettings",
    "ViewSettings",
    "is_film",
    "parse_color",
]
