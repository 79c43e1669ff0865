"""A real clip with its track and fit, and the choice of frames: photos from the front and from other sides, targets all over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import numpy as np

from ..body.fit import fit_body
from ..body.model import BodyModel
from ..errors import BadInput
from ..media.paths import shown
from ..media.reader import VideoReader
from ..pose.detector import PoseDetector
from ..pose.people import DRIVER_SIDE_PX
from ..pose.tracking import track_person

Span = tuple[float, float | None, int | None]  # start in s, duration in s, most frames
SIDE_PX = 1920  # photos and true frames are read at most this large: textures hold no more
_SHOULDERS, _HIPS, _HANDS = [11, 12], [23, 24], [15, 16, 19, 20]
_LIMBS = [11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
_CANDIDATES = 6  # frames of nearly the same score, of which the sharpest is taken
_TIE = 0.06  # difference of scores (0..1) that sharpness may outweigh
_APART_S = 0.12  # between candidates, which would look alike otherwise
_AWAY_S = 0.25  # between a photo and a target, where the clip is long enough
_SHARPNESS_PX = 256  # height at which persons are compared


class Footage:
    """One person in one clip, tracked and fitted once."""

    def __init__(self, path: Path, span: Span, model: BodyModel, detector: PoseDetector) -> None:
        """Raises `BadInput` where nobody can be followed."""
        self.path, self.detector, self._span = path, detector, span
        with VideoReader(path, *span, DRIVER_SIDE_PX) as reader:
            self.size_px = reader.info.size_px
            self.track = track_person(iter(reader), reader.info.fps, detector, where=shown(path))
        self.params, _ = fit_body(self.track, model)
        self._pelvis_m = (model.rest_joints(self.params.betas)[..., 0, :].reshape(1, 3) + self.params.translation_m).numpy()

    def output_size(self, height_px: int) -> tuple[int, int]:
        """(width, height) of target frames, even, never larger than the clip."""
        width, height = self.size_px
        tall = 2 * (min(height_px, height) // 2)
        return max(2, 2 * round(width * tall / height / 2)), tall

    def frames(self, wanted: Collection[int]) -> dict[int, np.ndarray]:
        """Frames of the span, [H, W, 3] uint8, at most `SIDE_PX` on the long side."""
        found: dict[int, np.ndarray] = {}
        last = max(wanted, default=-1)
        with VideoReader(self.path, *self._span, SIDE_PX) as reader:
            for frame in reader if last >= 0 else ():
                if frame.index in wanted:
                    found[frame.index] = frame.rgb
                if frame.index >= last:
                    break
        return found

    def box_px(self, frame: int, width: int, height: int) -> np.ndarray:
        """[4] the followed person's box in a frame of this size."""
        return self.track.box_xyxy_px[frame].numpy() * np.tile(np.array([width, height]) / self.track.size_px, 2)

    def yaw_rad(self) -> np.ndarray:
        """[T] how far the pelvis is turned from the line of sight: 0 faces the camera, ±π shows the back."""
        facing = self.params.rotations[:, 0, :, 2].numpy()
        turned = np.arctan2(facing[:, 0], facing[:, 2]) - np.arctan2(-self._pelvis_m[:, 0], -self._pelvis_m[:, 2])
        return np.arctan2(np.sin(turned), np.cos(turned))

    def source_frames(self, count: int) -> list[int]:
        """The frontal, then the frames that add most of the other sides; of those nearly as good always the sharpest.

        Frontality is the cosine of the yaw, another side's worth the least angle to a photo already chosen over π; both are
        times the landmarks' mean confidence and how clear of the head the hands are, so that a person half outside the frame or
        behind their hands is passed over.
        """
        yaw = self.yaw_rad()
        sure = self.track.confidence[:, _LIMBS].mean(1).numpy() * self._clear_of_head()
        chosen = [self._sharpest((np.cos(yaw) + 1) / 2 * sure)]
        while len(chosen) < count:
            apart = np.abs(np.angle(np.exp(1j * (yaw[:, None] - yaw[chosen])))).min(1)
            chosen.append(self._sharpest(apart / np.pi * sure, chosen))
        return chosen

    def stretches(self, rng: np.random.Generator, count: int, sources: Sequence[int]) -> list[list[int]]:
        """First frames of pairs in random order, for each of `count` equal parts of the clip (fewer where it is too short).

        Both frames of a pair show the person in one shot, and keep away from the photos as far as the clip allows.
        """
        valid, cuts = self.track.valid.numpy(), set(self.track.cuts)
        pairs = np.array([t for t in range(len(valid) - 1) if valid[t : t + 2].all() and t + 1 not in cuts], int)
        nearest = np.abs(pairs[:, None, None] + np.array([0, 1]) - np.array(sources)[:, None]).min((1, 2))
        away = pairs[nearest > _AWAY_S * float(self.track.fps)]
        pairs = away if len(away) >= count else pairs[nearest > 0]
        return [[int(t) for t in rng.permutation(part)] for part in np.array_split(pairs, count) if len(part)]

    def sharpness(self, frame: int, rgb: np.ndarray) -> float:
        """Variance of the Laplacian of grey levels in the person's box, brought to one height."""
        x0, y0, x1, y1 = self.box_px(frame, rgb.shape[1], rgb.shape[0]).astype(int)
        part = cv2.cvtColor(rgb[y0 : max(y1, y0 + 2), x0 : max(x1, x0 + 2)], cv2.COLOR_RGB2GRAY)
        scale = _SHARPNESS_PX / part.shape[0]
        size = (max(round(part.shape[1] * scale), 2), _SHARPNESS_PX)
        small = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        return float(cv2.Laplacian(small, cv2.CV_32F).var())

    def _clear_of_head(self) -> np.ndarray:
        """[T] 0..1: distance of the nearer hand from the nose, in torso lengths, 1 from one on."""
        joints = self.track.joints_px.numpy()
        torso = np.linalg.norm(joints[:, _SHOULDERS].mean(1) - joints[:, _HIPS].mean(1), axis=1)
        nearest = np.linalg.norm(joints[:, _HANDS] - joints[:, :1], axis=2).min(1)
        return np.clip(nearest / np.maximum(torso, 1.0), 0, 1)

    def _sharpest(self, score: np.ndarray, taken: Sequence[int] = ()) -> int:
        """The sharpest of a few frames whose score [T] is nearly the best; `taken` ones are out."""
        score = np.where(self.track.valid.numpy(), score, -np.inf)
        score[list(taken)] = -np.inf
        if not np.isfinite(score).any():
            raise BadInput(f"{shown(self.path)} shows the person in too few frames for so many photos; use a smaller --photos.")
        gap, least = max(1, round(_APART_S * float(self.track.fps))), score.max() - _TIE
        found: list[int] = []
        while len(found) < _CANDIDATES and score.max() >= least:
            best = int(score.argmax())
            found.append(best)
            score[max(best - gap + 1, 0) : best + gap] = -np.inf
        frames = self.frames(found)
        return max(found, key=lambda t: self.sharpness(t, frames[t]))
