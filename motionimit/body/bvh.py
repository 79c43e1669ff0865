"""Motions from .bvh files (Mixamo, CMU, Rokoko, Bandai-Namco, MotionBuilder, DAZ, MakeHuman and their like) as SMPL's."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..errors import BadInput
from ..geometry.camera import Camera
from ..media.paths import shown
from ..types import BETAS, BodyParams
from .bvh_align import from_movement, from_rest
from .bvh_file import BvhFile, read_file
from .bvh_names import JointMap, map_joints
from .bvh_own import OwnSkeleton, nearest_axis, own_skeleton, shape_from_offsets
from .bvh_skeleton import ForeignSkeleton, smpl_globals
from .export import Motion, in_front_of_camera
from .parts import SMPL_PARENTS

if TYPE_CHECKING:
    from .model import BodyModel

LEG_M = 0.84  # thigh and shank of an average adult
UNITS_M = (1.0, 0.01, 0.0254, 0.001, 0.3048, 0.1, 0.0564444)  # m, cm, inch, mm, foot, dm, and CMU's own
LEG_RANGE_M = (0.62, 1.08)
SAMPLE = 600  # frames that calibrate a skeleton without a usable rest pose
CHUNK = 4096  # frames converted together: bounds memory
NAMED = 4  # joints that a warning names
T_POSE_DEG = 20.0  # how far arms and thighs of a T-pose may be off
RATES = tuple(Fraction(n) for n in (24, 25, 30, 50, 60, 90, 100, 120, 240)) + tuple(
    Fraction(n * 1000, 1001) for n in (24, 30, 60, 120)
)


def read_bvh(path: Path, face_camera: bool = True, model: BodyModel | None = None) -> Motion:
    """Read a .bvh file as rotations relative to SMPL's T-pose; `extra["unused_joints"]` names what had no counterpart.

    Any channel order, unit and up axis; the rest pose may have its arms anywhere. The person is put 5 m before a default camera
    and, with `face_camera`, turned so that it faces it on average (or at the start, if it turns all round); else the file's
    own +z (or, of z-up files, -y) is the camera's side. Betas are zero.
    A file of `bvh_write` comes back in its own place and camera whatever `face_camera` says; its betas need the body `model`.
    Raises `BadInput` for damage (with its line), a skeleton without arms or legs, and more frames than 200 000.
    """
    file = read_file(Path(path))
    own = own_skeleton(file)
    if own is not None:
        return _own_motion(file, own, model)
    found = map_joints([joint.name for joint in file.joints], [joint.parent for joint in file.joints])
    if found.missing:
        raise BadInput(
            f"The motion file {shown(path)} has no joints that look like {', '.join(found.missing)}; "
            "rename them as Mixamo does (Hips, LeftUpLeg, LeftLeg, LeftArm, LeftForeArm)."
        )
    skeleton = ForeignSkeleton.of(file, found)
    if not skeleton.has_lengths():
        raise BadInput(f"The skeleton of the motion file {shown(path)} has limbs of no length; export it with its bone offsets.")
    aligned, up = _calibrated(skeleton)
    world, root = _converted(skeleton, aligned, _upright(up))
    world[:, 0], root = in_front_of_camera(world[:, 0], root * unit_m(skeleton.leg_units()), face_camera)
    params = BodyParams(
        torch.from_numpy(world.astype(np.float32)),
        torch.zeros(BETAS),
        torch.from_numpy(root.astype(np.float32)),
        Camera.for_image(1080, 1080),
    )
    extra = {"unused_joints": np.array(found.unused, dtype=np.str_)}
    return Motion(params, _rate(file), extra=extra, warnings=_left_out(path, found.unused))


def _own_motion(file: BvhFile, own: OwnSkeleton, model: BodyModel | None) -> Motion:
    """What `bvh_write` wrote. Without a model the betas are zero and the pelvis itself stands where the body's origin should."""
    skeleton = ForeignSkeleton.of(file, own.found)
    same = dict.fromkeys(own.found.joints, own.turn) | {~j: own.turn for j in own.found.spine}
    rotations, root = _converted(skeleton, same, own.turn.T)
    betas, pelvis_m = torch.zeros(BETAS), np.zeros(3)
    if model is not None:
        betas = torch.from_numpy(shape_from_offsets(own.offsets_m, model)).float()
        pelvis_m = model.rest_joints(betas)[0].detach().cpu().double().numpy()
    translation = torch.from_numpy((root * own.unit_m - pelvis_m).astype(np.float32))
    extra = {"unused_joints": np.array([], dtype=np.str_)}
    return Motion(BodyParams(torch.from_numpy(rotations), betas, translation, own.camera), _rate(file), extra=extra)


def _left_out(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """The warning about joints without a counterpart, naming the first few; none where there are none."""
    if not names:
        return ()
    few = ", ".join(name[:40] for name in names[:NAMED]) + (", ..." if len(names) > NAMED else "")
    count, verb = ("1 joint", "has") if len(names) == 1 else (f"{len(names)} joints", "have")
    return (f"{count} of {Path(path).name} {verb} no counterpart here, so nothing follows: {few}",)


def _calibrated(skeleton: ForeignSkeleton) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """A_j of all joints, and the world's up axis [3]."""
    file, found = skeleton.file, skeleton.found
    picked = np.unique(np.linspace(0, len(file.values) - 1, SAMPLE).astype(int))
    sample = skeleton.pose(file.values[picked])
    moving = _torso(found, sample.positions)
    zero = {j: np.eye(3) for j in sample.rotations}
    first = {j: turn[0] for j, turn in sample.rotations.items()}
    for turned, strict in ((zero, False), (first, True)):
        places = skeleton.places(turned)
        if looks_human(found, places, strict):
            torso = _torso(found, {j: p[None] for j, p in places.items()})
            aligned = from_rest(skeleton, turned, nearest_axis(torso))
            return aligned, nearest_axis(torso if not moving @ nearest_axis(torso) < 0.3 else moving)
    return from_movement(skeleton, sample, nearest_axis(moving)), nearest_axis(moving)


def _torso(found: JointMap, places: dict[int, np.ndarray]) -> np.ndarray:
    """Mean direction [3] from the hips to the shoulders; places [n, 3] per foreign joint."""
    shoulders, hips = (np.mean([places[found.joints[j]] for j in pair], 0) for pair in ((16, 17), (1, 2)))
    spine = shoulders - hips
    mean = (spine / np.maximum(np.linalg.norm(spine, axis=-1, keepdims=True), 1e-9)).mean(0)
    return mean


def looks_human(found: JointMap, places: dict[int, np.ndarray], strict: bool = False) -> bool:
    """Whether joints at `places` stand like a person: legs down, arms on their sides; `strict`: a T-pose."""

    def along(a: int, b: int) -> np.ndarray:
        step = places[found.joints[b]] - places[found.joints[a]]
        return step / max(float(np.linalg.norm(step)), 1e-12)

    up, left = _torso(found, {j: p[None] for j, p in places.items()}), along(2, 1)
    ends = {4: 7 if 7 in found.joints else 4, 5: 8 if 8 in found.joints else 5}
    legs = [along(hip, ends[knee]) for hip, knee in ((1, 4), (2, 5))]
    arms = [along(16, 20 if 20 in found.joints else 18), -along(17, 21 if 21 in found.joints else 19)]
    upright = abs(up @ left) < 0.3 and all(-(leg @ up) > 0.8 for leg in legs) and along(17, 16) @ left > 0.7
    if not (upright and all(arm @ left > -0.25 for arm in arms)):
        return False
    straight = np.cos(np.deg2rad(T_POSE_DEG))
    thighs = [along(hip, knee) for hip, knee in ((1, 4), (2, 5))]
    return not strict or (all(arm @ left > straight for arm in arms) and all(-(thigh @ up) > straight for thigh in thighs))


def _upright(up: np.ndarray) -> np.ndarray:
    """The rotation [3, 3] from the file's world to one with y up; x stays where it can."""
    side = np.eye(3)[0] if abs(up[0]) < 0.5 else np.eye(3)[1]
    return np.stack([side, up, np.cross(side, up)])


def _converted(skeleton: ForeignSkeleton, aligned: dict[int, np.ndarray], upright: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local rotations [T, 24, 3, 3] and root positions [T, 3] in the file's unit, y up."""
    file, found = skeleton.file, skeleton.found
    rotations, root = np.empty((len(file.values), 24, 3, 3), np.float32), np.empty((len(file.values), 3))
    parents = [max(parent, 0) for parent in SMPL_PARENTS]
    for start in range(0, len(file.values), CHUNK):
        piece = slice(start, start + CHUNK)
        seen = skeleton.pose(file.values[piece])
        whole = upright @ smpl_globals(found, aligned, seen)
        rotations[piece] = whole[:, parents].swapaxes(-1, -2) @ whole
        rotations[piece, 0] = whole[:, 0]
        root[piece] = seen.positions[found.joints[0]] @ upright.T
    return rotations, root


def unit_m(leg: float) -> float:
    """Metres per unit of length, from the legs' length in the file's unit."""
    fitting = [unit for unit in UNITS_M if LEG_RANGE_M[0] < leg * unit < LEG_RANGE_M[1]]
    return min(fitting, key=lambda unit: abs(np.log(leg * unit / LEG_M)), default=LEG_M / leg)


def _rate(file: BvhFile) -> Fraction:
    """The common rate that the frame time was rounded from, else a near fraction."""
    digits = len(file.step_text.partition(".")[2]) if "e" not in file.step_text.lower() else 9
    error, rate = min((abs(float(1 / rate) - file.step_s), rate) for rate in RATES)
    return rate if error <= 1.01 * 10.0**-digits + 1e-9 else Fraction(1 / file.step_s).limit_denominator(1001)
