"""Motion files: `motion.npz` with SMPL/AMASS keys, written whole or not at all, read without pickle; and the animated .glb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import BadInput
from ..geometry.camera import Camera
from ..geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from ..media.paths import check_input, shown, whole_file
from ..media.timing import frame_number
from ..types import BETAS, JOINTS, BodyParams
from .glb import write_glb
from .loading import read_npz

__all__ = ["Motion", "read_motion", "write_glb", "write_motion"]

OWN_KEYS = ("poses", "trans", "betas", "mocap_framerate", "gender", "fps", "camera")
FOREIGN_DISTANCE_M = 5.0  # a foreign motion file has no camera: its person is put this far in front of ours


@dataclass(frozen=True, slots=True)
class Motion:
    """What a motion file holds."""

    params: BodyParams
    fps: Fraction
    gender: str = "neutral"
    extra: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        return len(self.params.rotations)

    def part(self, start_s: float = 0.0, duration_s: float | None = None, max_frames: int | None = None) -> Motion:
        """The frames that a `VideoReader` with these limits would give. Raises `BadInput` for a start behind the end."""
        first = frame_number(start_s, self.fps)
        if first >= self.frames:
            length_s = float(self.frames / self.fps)
            raise BadInput(
                f"The start at {start_s:.2f} s lies behind the end of {length_s:.2f} s of the motion; choose an earlier --start."
            )
        limits = [max_frames, None if duration_s is None else max(1, frame_number(duration_s, self.fps))]
        kept = slice(first, min([first + n for n in limits if n is not None], default=None))
        p = self.params
        return replace(self, params=BodyParams(p.rotations[kept], p.betas, p.translation_m[kept], p.camera))


def write_motion(
    path: Path, params: BodyParams, fps: Fraction, extra: Mapping[str, Any] | None = None, gender: str = "neutral"
) -> None:
    """Write poses [T, 72] (axis-angle), trans [T, 3], betas [10], mocap_framerate, gender as SMPL and AMASS name them.

    Ours besides: fps as an exact string ("30000/1001"), camera [5] = focal, centre x, centre y, width, height in px (world:
    y up, camera at the origin looking along -z), and `extra` (arrays, numbers, strings). Raises `BadInput` where it
    can't be written.
    """
    clash = set(extra or {}) & set(OWN_KEYS)
    if clash:
        raise ValueError(f"extra must not use the names {sorted(clash)}")
    camera = params.camera
    arrays = {
        "poses": matrix_to_axis_angle(params.rotations.detach().cpu().double()).reshape(-1, 3 * JOINTS).float().numpy(),
        "trans": params.translation_m.detach().cpu().float().numpy(),
        "betas": params.betas.detach().cpu().float().numpy(),
        "mocap_framerate": np.array(float(fps)),
        "gender": np.array(gender),
        "fps": np.array(f"{fps.numerator}/{fps.denominator}"),
        "camera": np.array([camera.focal_px, *camera.center_px, *camera.size_px], np.float64),
        **{name: np.asarray(value) for name, value in (extra or {}).items()},
    }
    if any(array.dtype.hasobject for array in arrays.values()):
        raise ValueError("extra may hold arrays, numbers and strings only")
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # its stub takes **kwds for allow_pickle


def read_motion(path: Path) -> Motion:
    """Read a motion file of ours, or an AMASS one (SMPL, SMPL-H or SMPL-X poses: body joints kept, fingers dropped).

    AMASS worlds are z up and have no camera: such a motion is turned to y up and put 5 m in front of a default camera.
    Raises `BadInput` for damage, missing keys, wrong shapes or NaN.
    """
    content = read_npz(check_input(path, "motion file"), "motion file")
    try:
        poses, translation = _numbers(path, content, "poses"), _numbers(path, content, "trans")
        betas, fps = _numbers(path, content, "betas").reshape(-1)[:BETAS], _frame_rate(path, content)
    except KeyError as error:
        raise BadInput(f"The motion file {shown(path)} lacks {error.args[0]!r}; SMPL and AMASS files have it.") from None
    count = len(poses)
    if poses.ndim != 2 or poses.shape[1] < 66 or translation.shape != (count, 3) or count == 0:
        raise BadInput(
            f"The motion file {shown(path)} has poses {list(poses.shape)} and trans {list(translation.shape)}; "
            "[frames, 72] and [frames, 3] with at least one frame are needed."
        )
    body = np.zeros((count, 3 * JOINTS))
    width = 72 if poses.shape[1] == 72 else 66  # beyond the wrists, SMPL-H and SMPL-X have fingers and jaw
    body[:, :width] = poses[:, :width]
    rotations = axis_angle_to_matrix(torch.from_numpy(body).reshape(count, JOINTS, 3))
    camera = _camera(path, content)
    if camera is None:
        camera = Camera.for_image(1080, 1080)
        turn = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]], dtype=rotations.dtype)
        rotations[:, 0] = turn @ rotations[:, 0]
        translation = translation @ turn.numpy().T
        translation = translation - np.median(translation, 0) - (0, 0, FOREIGN_DISTANCE_M)
    shape = torch.zeros(BETAS)
    shape[: len(betas)] = torch.from_numpy(betas).float()
    params = BodyParams(rotations.float(), shape, torch.from_numpy(translation).float(), camera)
    extra = {name: np.asarray(value) for name, value in content.items() if name not in OWN_KEYS}
    return Motion(params, fps, str(np.asarray(content.get("gender", "neutral"))), extra)


def _numbers(path: Path, content: Mapping[str, Any], name: str) -> np.ndarray:
    value = np.asarray(content[name])
    if value.dtype.kind not in "fiu" or not np.isfinite(value).all():
        raise BadInput(f"In the motion file {shown(path)}, {name} holds something other than finite numbers.")
    return value.astype(np.float64)


def _frame_rate(path: Path, content: Mapping[str, Any]) -> Fraction:
    """The exact rate of our files; AMASS spells it mocap_framerate or mocap_frame_rate."""
    try:
        if "fps" in content:
            rate = Fraction(str(np.asarray(content["fps"])))
        else:
            name = "mocap_framerate" if "mocap_framerate" in content else "mocap_frame_rate"
            rate = Fraction(float(np.asarray(content[name]))).limit_denominator(1001)
    except (ValueError, TypeError, ZeroDivisionError, OverflowError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise BadInput(f"The motion file {shown(path)} has no usable frame rate; mocap_framerate must be 0 to 1000 per second.")
    return rate


def _camera(path: Path, content: Mapping[str, Any]) -> Camera | None:
    if "camera" not in content:
        return None
    values = _numbers(path, content, "camera").reshape(-1)
    if len(values) != 5 or values[0] <= 0 or (values[3:] < 1).any():
        raise BadInput(f"In the motion file {shown(path)}, camera must be focal, centre x, centre y, width, height in px.")
    focal, x, y, width, height = values.tolist()
    return Camera(focal, (x, y), (int(width), int(height)))
