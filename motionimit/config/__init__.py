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
    STILL_GENERATORS,
    GeneratorName,
    Rendering,
    StillGeneratorName,
    is_film,
)
from .fit import FitRequest
from .personalize import PERSONAL_STEPS, WEIGHTS_SUFFIX, PersonalizeRequest
from .pose import POSE_GENERATORS, PoseSettings
from .swap import SwapSettings
from .transfer import CAMERA_MODES, CameraMode, TransferSettings
from .view import ViewSettings

Job = TransferSettings | SwapSettings | ViewSettings | PoseSettings | FitRequest | AvatarRequest | PersonalizeRequest

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
    "POSE_GENERATORS",
    "STILL_GENERATORS",
    "WEIGHTS_SUFFIX",
    "AvatarRequest",
    "CameraMode",
    "FitRequest",
    "GeneratorName",
    "Job",
    "PersonalizeRequest",
    "PoseSettings",
    "Rendering",
    "StillGeneratorName",
    "SwapSettings",
    "TransferSettings",
    "ViewSettings",
    "is_film",
    "parse_color",
]
