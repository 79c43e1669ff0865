"""The parsing map of a whole photo, as the networks for stills take it, from what a portrait's person wears."""

from __future__ import annotations

import cv2
import numpy as np

from ..body.model import BodyModel
from ..body.parts import Region
from ..generator.still_inputs import PARSING
from .fill import nearest_index
from .garments import Garment
from .layers import SKIRT
from .outfit import Outfit, parse_garments
from .portrait import Portrait

_CLOTH = {Garment.HAIR: "hair", Garment.UPPER: "upper", Garment.LOWER: "lower", Garment.SHOES: "shoes"}
_BARE = {  # region → what its bare skin is called; that of the trunk takes the nearest name
    **dict.fromkeys((Region.SCALP, Region.FACE, Region.NECK), PARSING.index("face")),
    **{r: PARSING.index("arms") for r in Region if r.name.endswith(("ARM", "HAND"))},
    **{r: PARSING.index("legs") for r in Region if r.name.endswith(("THIGH", "SHIN", "FOOT"))},
}


def still_parsing(portrait: Portrait, model: BodyModel, size_px: tuple[int, int]) -> np.ndarray:
    """[H, W] int64, index into `PARSING`, of the portrait's whole photo at (width, height)."""
    labels = _labels(parse_garments(portrait, model), portrait.regions.numpy())
    camera, window = portrait.params.camera.resized(*size_px), portrait.window
    scale = window.focal_px / camera.focal_px  # both cameras look along the same rays
    index = [(np.arange(n) + 0.5 - c) * scale + w for n, c, w in zip(size_px, camera.center_px, window.center_px, strict=True)]
    x, y = np.meshgrid(*(np.float32(i - 0.5) for i in index))
    whole = cv2.remap(labels.astype(np.uint8), x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return whole.astype(np.int64)


def _labels(outfit: Outfit, regions: np.ndarray) -> np.ndarray:
    """[h, w] int64, index into `PARSING`, of the portrait's window; regions [h, w] as `Portrait.regions`."""
    out = np.zeros(regions.shape, np.int64)
    for garment, name in _CLOTH.items():
        out[outfit.labels == garment] = PARSING.index(name)
    if outfit.one_piece and (outfit.layers[SKIRT] >= 0).any():  # a dress
        out[outfit.labels == Garment.LOWER] = PARSING.index("upper")
    bare = np.array([_BARE.get(region, 0) for region in Region] + [0])[regions]  # -1, off the person, takes the last
    skin = outfit.labels == Garment.SKIN
    if skin.any() and bare.any():
        nearest, _ = nearest_index(bare > 0)
        out[skin] = bare.reshape(-1)[nearest][skin]
    return out
