"""A clip's portrait drawn in the pose of the clip's own frames, and what those frames truly show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ..avatar.background import clean_background
from ..avatar.portrait import Portrait
from ..body.model import BodyModel
from ..body.retarget import retarget
from ..errors import BadInput
from ..flow.transfer import Warped
from ..generator.inputs import TargetMaps, Truth
from ..generator.maps import Box, box_of, cropped
from ..pose.matting import foreground_colors, refine_matte
from ..pose.photo import track_photo
from ..types import BodyParams, Photo
from .drawing import ASTRAY, MARGIN_PX, Ensemble, overlap, silhouettes
from .footage import Footage

_SAME_BOX = 0.5  # of the person found in the frame alone and the one followed
_UNSEEN = 0.3  # confidence below which no photo saw the surface
_RIM_PX = 5


@dataclass(frozen=True, slots=True)
class RealFrame:
    """A true frame taken apart; `rgb + backdrop * (1 - alpha)` is the frame."""

    rgb: Tensor  # [3, H, W] 0..1, premultiplied by alpha
    alpha: Tensor  # [1, H, W] 0..1
    backdrop: Tensor  # [3, H, W] 0..1


def cut_out(footage: Footage, frame: int, rgb: np.ndarray) -> np.ndarray | None:
    """Matte [H, W] float32 of the followed person in a frame [H, W, 3] uint8; None where only others, or nobody, are found.

    The person is looked for anew: a clip's track keeps only small masks, without the segmenter that knows clothes and hair.
    """
    try:
        alone = track_photo(Photo(footage.path, rgb, None, ""), footage.detector)
    except BadInput:
        return None
    height, width = rgb.shape[:2]
    box = alone.box_xyxy_px[0].numpy()
    if _box_overlap(box, footage.box_px(frame, width, height)) < _SAME_BOX:
        return None
    matte = refine_matte(rgb, alone.masks[0, 0].numpy(), box)
    return matte if (matte > 0.5).any() else None


def taken_apart(rgb: np.ndarray, matte: np.ndarray) -> RealFrame:
    """A frame [H, W, 3] uint8 and its matte [H, W] → person, alpha and backdrop.

    Person colours F come from the matting, the room B behind it from inpainting; neither is exact, so both are moved, in
    proportion to their share of the pixel and as little as possible, until a·F + (1 - a)·B is the frame.
    """
    frame, a = rgb.astype(np.float32) / 255, matte.astype(np.float32)[..., None].clip(0, 1)
    person = foreground_colors(rgb, matte) / 255
    room = clean_background(frame, matte)
    error = (frame - a * person - (1 - a) * room) / (a**2 + (1 - a) ** 2)
    room = np.clip(room + (1 - a) * error, 0, 1)
    person = np.clip(frame - (1 - a) * room, 0, a)  # premultiplied from here on
    rest = frame - person - (1 - a) * room  # where no colour of the person fits the room's
    room = np.clip(room + rest / np.maximum(1 - a, 1 / 255), 0, 1)
    planes = [torch.from_numpy(np.ascontiguousarray(p.transpose(2, 0, 1))) for p in (person, a, room)]
    return RealFrame(*planes)


class RealStage:
    """Draws pairs of consecutive frames of a clip from the portraits of other frames."""

    def __init__(self, footage: Footage, portraits: Sequence[Portrait], model: BodyModel, size_px: tuple[int, int]) -> None:
        self.footage, self.model, self.size_px = footage, model, size_px
        self.ensemble, self.camera = Ensemble(portraits, model, size_px), portraits[0].params.camera

    def sequence(self, first: int, frames: Mapping[int, np.ndarray]) -> tuple[tuple[TargetMaps, ...], tuple[Truth, ...]] | None:
        """The pair of `first` and the next frame, as the product draws it with the camera mode "copy"; None where the person was
        not found again or the drawing and the matte overlap too little."""
        reals = []
        for t in (first, first + 1):
            matte = cut_out(self.footage, t, frames[t])
            if matte is None:
                return None
            small, alpha = (cv2.resize(a, self.size_px, interpolation=cv2.INTER_AREA) for a in (frames[t], matte))
            reals.append(taken_apart(small, alpha))
        bodies = self._bodies(first)
        transforms = self.model.transforms(bodies)
        drawn = [self.ensemble.draw([pose] * len(self.ensemble.portraits), self.camera) for pose in transforms]
        alpha, true_alpha = silhouettes(drawn), torch.stack([r.alpha[0] for r in reals])
        box = box_of(torch.maximum(alpha, true_alpha).amax(0), MARGIN_PX)
        if box is None or min(overlap(*pair) for pair in zip(alpha, true_alpha, strict=True)) < ASTRAY:
            return None
        vertices = self.model.mesh(bodies).vertices_m
        targets = [self.ensemble.mapper.maps(d, pose, self.camera, box) for d, pose in zip(drawn, transforms, strict=True)]
        truths = [self._truth(r, d, v, box) for r, d, v in zip(reals, drawn, vertices, strict=True)]
        return tuple(targets), tuple(truths)

    def _bodies(self, first: int) -> BodyParams:
        """The bodies of two frames in the photos' camera; all photos share the clip's one shape."""
        two, params = slice(first, first + 2), self.footage.params
        driver = BodyParams(params.rotations[two], params.betas, params.translation_m[two], params.camera)
        return retarget(self.ensemble.portraits[0].params, driver, self.model, mode="copy", fps=float(self.footage.track.fps))

    def _truth(self, real: RealFrame, drawn: Sequence[Warped], vertices: Tensor, box: Box) -> Truth:
        """`hidden` is approximate, as the true surface is unknown: where the drawing of the fitted body lies on the person and no
        photo's confidence reaches 0.3, less the thin rims where surface only grazes the line of sight."""
        alpha = cropped(real.alpha, box)
        inside = alpha[0] > 0.5
        body = self.ensemble.mapper.regions_of(vertices, self.camera, box)
        seen = cropped(torch.stack([w.confidence for w in drawn]).amax(0)[None], box)[0]
        covered = cropped(torch.stack([w.rgba[..., 3] for w in drawn]).amax(0)[None], box)[0] > 0.5
        hidden = _opened(inside & covered & (seen < _UNSEEN))
        return Truth(
            rgb=cropped(real.rgb, box)[None],
            alpha=alpha[None],
            body=torch.where(inside, body, -1)[None],
            hidden=hidden[None, None],
            backdrop=cropped(real.backdrop, box, held=True)[None],
        )


def _opened(mask: Tensor) -> Tensor:
    """[H, W] bool → float without what is thinner than `_RIM_PX`."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_RIM_PX, _RIM_PX))
    return torch.from_numpy(cv2.morphologyEx(mask.numpy().astype(np.uint8), cv2.MORPH_OPEN, kernel)).float()


def _box_overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1)."""
    shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    total = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared
    return float(shared / max(total, 1e-6))
