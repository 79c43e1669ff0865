"""Motion files: `motion.npz` with SMPL/AMASS keys, written whole or not at all, read without pickle; and the animated .glb."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import BadInput
from ..geometry.camera import Camera
from ..geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from ..media.paths import check_input, shown, whole_file
from ..media.timing import frame_number
from ..types import BETAS, JOINTS, BodyParams
from . import so3
from .glb import write_glb
from .loading import read_npz

__all__ = ["Motion", "in_front_of_camera", "read_motion", "write_glb", "write_motion"]

OWN_KEYS = ("poses", "trans", "betas", "mocap_framerate", "gender", "fps", "camera", "rotations", "cuts", "thumbs")
FOREIGN_DISTANCE_M = 5.0  # a foreign motion file has no camera: its person is put this far in front of ours
MAX_FRAMES = 200_000
LARGEST = 1e6  # of any number: radians, metres, betas, pixels
LARGEST_ARRAY = 200 * MAX_FRAMES
UPRIGHT = 0.8  # cosine of the pelvis' mean tilt, up to which a foreign motion with y up is known as such
CHUNK = 4096  # frames converted together: bounds memory
_RATE = re.compile(r"\d{1,9}(\.\d{1,9})?|\d{1,12}/0*[1-9]\d{0,11}", re.ASCII)
EDITED = 1e-4  # entries of `rotations` that differ from `poses` by more: somebody changed the poses


@dataclass(frozen=True, slots=True)
class Motion:
    """What a motion file holds."""

    params: BodyParams
    fps: Fraction
    gender: str = "neutral"
    extra: dict[str, np.ndarray] = field(default_factory=dict)
    cuts: tuple[int, ...] = ()  # frames that begin a new shot, as `PersonTrack.cuts`
    warnings: tuple[str, ...] = ()  # what of the file can't be used
    thumbs: np.ndarray | None = None  # [T, h, w] uint8: the frames it was fitted to, see `pose.same_frame`

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
        end = min([first + n for n in limits if n is not None] + [self.frames])
        p = self.params
        params = BodyParams(p.rotations[first:end], p.betas, p.translation_m[first:end], p.camera)
        cuts = tuple(cut - first for cut in self.cuts if first < cut < end)
        return replace(self, params=params, cuts=cuts, thumbs=None if self.thumbs is None else self.thumbs[first:end])


def write_motion(
    path: Path,
    params: BodyParams,
    fps: Fraction,
    extra: Mapping[str, Any] | None = None,
    gender: str = "neutral",
    cuts: tuple[int, ...] = (),
    thumbs: np.ndarray | None = None,
) -> None:
    """Write poses [T, 72] (axis-angle), trans [T, 3], betas [10], mocap_framerate, gender as SMPL and AMASS name them.

    Ours besides: fps as an exact string ("30000/1001"), camera [5] = focal, centre x, centre y, width, height in px (world:
    y up, camera at the origin looking along -z), rotations [T, 24, 3, 3] (the poses to the last bit), cuts (frames that begin a
    new shot), thumbs [T, h, w] uint8 (see `pose.same_frame`), and `extra` (arrays, numbers, strings). Raises `BadInput` where it
    can't be written.
    """
    clash = set(extra or {}) & set(OWN_KEYS)
    if clash:
        raise ValueError(f"extra must not use the names {sorted(clash)}")
    camera, rotations = params.camera, params.rotations.detach().cpu()
    arrays = {
        "poses": matrix_to_axis_angle(rotations.double()).reshape(-1, 3 * JOINTS).float().numpy(),
        "trans": params.translation_m.detach().cpu().float().numpy(),
        "betas": params.betas.detach().cpu().float().numpy(),
        "mocap_framerate": np.array(float(fps)),
        "gender": np.array(gender),
        "fps": np.array(f"{fps.numerator}/{fps.denominator}"),
        "camera": np.array([camera.focal_px, *camera.center_px, *camera.size_px], np.float64),
        "rotations": rotations.float().numpy(),
        "cuts": np.array(cuts, np.int64),
        **({} if thumbs is None else {"thumbs": thumbs}),
        **{name: np.asarray(value) for name, value in (extra or {}).items()},
    }
    if any(array.dtype.hasobject for array in arrays.values()):
        raise ValueError("extra may hold arrays, numbers and strings only")
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # its stub takes **kwds for allow_pickle


def read_motion(path: Path) -> Motion:
    """Read a motion file of ours, to the last bit, or an AMASS one (SMPL, SMPL-H or SMPL-X poses: body joints, without fingers).

    AMASS worlds are z up and have no camera: such a motion is turned to y up (unless its person stands along y already), put 5 m
    in front of a default camera, and turned to face it as `in_front_of_camera` does.
    Raises `BadInput` for damage, missing keys, wrong shapes, NaN and more frames than 200 000.
    """
    content = read_npz(check_input(path, "motion file"), "motion file")
    try:
        poses, translation = _numbers(path, content, "poses"), _numbers(path, content, "trans")
        betas, fps = _numbers(path, content, "betas").reshape(-1)[:BETAS], _frame_rate(path, content)
    except KeyError as error:
        raise BadInput(f"The motion file {shown(path)} lacks {error.args[0]!r}; SMPL and AMASS files have it.") from None
    count = len(poses) if poses.ndim else 0
    if poses.ndim != 2 or poses.shape[1] < 66 or translation.shape != (count, 3) or not 0 < count <= MAX_FRAMES:
        raise BadInput(
            f"The motion file {shown(path)} has poses {list(poses.shape)} and trans {list(translation.shape)}; "
            f"[frames, 72] and [frames, 3] with 1 to {MAX_FRAMES} frames are needed."
        )
    rotations, camera, cuts = _rotations(poses), _camera(path, content), _cuts(path, content, count)
    if camera is None:
        rotations[:, 0], translation = _foreign_root(rotations[:, 0], translation)
        camera = Camera.for_image(1080, 1080)
    else:
        rotations = _exact(content, rotations)
    shape = torch.zeros(BETAS)
    shape[: len(betas)] = torch.from_numpy(betas).float()
    params = BodyParams(rotations, shape, torch.from_numpy(translation).float(), camera)
    extra = {name: np.asarray(value) for name, value in content.items() if name not in OWN_KEYS}
    gender = str(np.asarray(content.get("gender", "neutral")))
    return Motion(params, fps, gender, extra, cuts, thumbs=_thumbs(content, count))


def in_front_of_camera(pelvis: np.ndarray, root_m: np.ndarray, turned: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Put a person from a world without a camera (y up) before the default one: orientations [T, 3, 3], root positions [T, 3].

    Where `turned`, the world is turned about the vertical, so that the person faces the camera on average, or at the start, if it
    turns all round. Its median place is `FOREIGN_DISTANCE_M` ahead.
    """
    if turned:
        front = pelvis[:, [0, 2], 2].astype(float)
        mean = front.mean(0)
        if np.linalg.norm(mean) < 0.4:
            mean = front[0]
        turn = so3.exp(np.array([0, -np.arctan2(mean[0], mean[1]), 0]))
        pelvis, root_m = turn @ pelvis, root_m @ turn.T
    return pelvis, root_m - np.median(root_m, 0) - (0, 0, FOREIGN_DISTANCE_M)


def _rotations(poses: np.ndarray) -> Tensor:
    """Axis-angle poses [T, 66 or more] → rotations [T, 24, 3, 3]; beyond the wrists, SMPL-H and SMPL-X have fingers and jaw."""
    width = 72 if poses.shape[1] == 72 else 66
    out = torch.eye(3).repeat(len(poses), JOINTS, 1, 1)
    for start in range(0, len(poses), CHUNK):
        piece = torch.from_numpy(poses[start : start + CHUNK, :width]).unflatten(1, (-1, 3))
        out[start : start + CHUNK, : width // 3] = axis_angle_to_matrix(piece).float()
    return out


def _exact(content: Mapping[str, Any], rotations: Tensor) -> Tensor:
    """The file's own rotations, where they still say what its poses say; the poses count where somebody changed them."""
    stored = np.asarray(content.get("rotations", 0.0))
    if stored.shape != tuple(rotations.shape) or stored.dtype != np.float32:
        return rotations
    same = torch.from_numpy(np.array(stored))
    return same if bool(((same - rotations).abs() < EDITED).all()) else rotations


def _foreign_root(pelvis: Tensor, translation: np.ndarray) -> tuple[Tensor, np.ndarray]:
    """Orientations [T, 3, 3] and translations [T, 3] of a world without a camera, in ours."""
    turns = pelvis.double().numpy()
    if turns[:, 1, 1].mean() < UPRIGHT:
        upright = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
        turns, translation = upright @ turns, translation @ upright.T
    turns, translation = in_front_of_camera(turns, translation)
    return torch.from_numpy(turns).float(), translation


def _numbers(path: Path, content: Mapping[str, Any], name: str) -> np.ndarray:
    """[..] float64."""
    value = np.asarray(content[name])
    if value.size > LARGEST_ARRAY:
        raise BadInput(
            f"In the motion file {shown(path)}, {name} has {value.size} numbers, too many for a motion; cut it shorter."
        )
    numbers = value.astype(np.float64) if value.dtype.kind in "fiu" else np.array(np.nan)
    if not (np.abs(numbers) <= LARGEST).all():
        raise BadInput(
            f"In the motion file {shown(path)}, {name} holds something other than usable finite numbers; export it again."
        )
    return numbers


def _frame_rate(path: Path, content: Mapping[str, Any]) -> Fraction:
    """The exact rate of our files; AMASS spells it mocap_framerate or mocap_frame_rate."""
    name = next((n for n in ("fps", "mocap_framerate", "mocap_frame_rate") if n in content), "mocap_framerate")
    value = np.asarray(content[name]).reshape(-1)
    rate = Fraction(0)
    if value.size == 1 and value.dtype.kind in "fiu" and np.isfinite(value[0]):
        rate = Fraction(float(value[0])).limit_denominator(1001)
    elif value.size == 1 and _RATE.fullmatch(str(value[0])):
        rate = Fraction(str(value[0]))
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


def _cuts(path: Path, content: Mapping[str, Any], count: int) -> tuple[int, ...]:
    if "cuts" not in content:
        return ()
    cuts = np.asarray(content["cuts"]).reshape(-1)
    edges = np.concatenate(([0], cuts, [count])) if cuts.dtype.kind in "iu" else np.zeros(2)
    if cuts.size and not (np.diff(edges) > 0).all():
        raise BadInput(f"In the motion file {shown(path)}, cuts must be rising numbers of its {count} frames; leave cuts out.")
    return tuple(int(cut) for cut in cuts)


def _thumbs(content: Mapping[str, Any], count: int) -> np.ndarray | None:
    """Small pictures of the frames; anything else under that name says nothing to us."""
    thumbs = np.asarray(content.get("thumbs", 0))
    usable = thumbs.dtype == np.uint8 and thumbs.ndim == 3 and len(thumbs) == count and thumbs.size > 0
    return thumbs if usable else None
