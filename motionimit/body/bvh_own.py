"""How `bvh_write` names joints, and how its files are known again.

A .bvh knows neither camera nor body shape. The camera's numbers are therefore the name of a joint at the top of the head, which
every program carries along, and the shape follows from the offsets. So such a file gives back what was fitted, in its place,
also after it was edited elsewhere (Blender turns it to z up).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..geometry.camera import Camera
from ..types import JOINTS
from .bvh_file import BvhFile
from .bvh_names import JointMap
from .parts import SMPL_PARENTS

if TYPE_CHECKING:
    from .model import BodyModel

OWN_NAMES = (  # of SMPL's joints, as Mixamo and MotionBuilder call them
    *("Hips", "LeftUpLeg", "RightUpLeg", "Spine", "LeftLeg", "RightLeg", "Spine1", "LeftFoot", "RightFoot", "Spine2"),
    *("LeftToeBase", "RightToeBase", "Neck", "LeftShoulder", "RightShoulder", "Head", "LeftArm", "RightArm"),
    *("LeftForeArm", "RightForeArm", "LeftHand", "RightHand", "LeftHandMiddle1", "RightHandMiddle1"),
)
UNIT_M = 0.01
_CAMERA = "HeadTop_camera_"
_NUMBER = re.compile(r"n?\d+(p\d+)?(en?\d+)?")
_UNITS_M = (UNIT_M, 1.0, 0.001)  # that a program may have changed ours to
_LEG_RANGE_M = (0.3, 1.5)
_STRAIGHT = 0.85  # cosine
_SHAPE_M = (1e-6, 1e-2)  # by how much offsets may miss the shape per unit of a beta: of this body, of another one


def camera_name(camera: Camera) -> str:
    """Focal, centre x, centre y, width, height in px, exactly, in letters, digits and underscores."""
    numbers = (camera.focal_px, *camera.center_px, *camera.size_px)
    return _CAMERA + "_".join(_word(float(number)) for number in numbers)


def _word(number: float) -> str:
    text = repr(int(number) if number == int(number) and abs(number) < 1e15 else number)
    return text.replace(".", "p").replace("-", "n").replace("+", "")


def named_camera(name: str) -> Camera | None:
    """The camera of a joint's name; None where it is no such name."""
    words = name.removeprefix(_CAMERA).split("_") if name.startswith(_CAMERA) else []
    if len(words) != 5 or not all(_NUMBER.fullmatch(word) for word in words):
        return None
    focal, x, y, width, height = (float(word.replace("p", ".").replace("n", "-")) for word in words)
    usable = all(map(math.isfinite, (focal, x, y))) and focal > 0 and 1 <= width < 1e6 and 1 <= height < 1e6
    return Camera(focal, (x, y), (int(width), int(height))) if usable else None


@dataclass(frozen=True, slots=True)
class OwnSkeleton:
    """What is known of a file that `bvh_write` made, also after another program has turned its axes or changed its unit."""

    found: JointMap
    camera: Camera
    turn: np.ndarray  # [3, 3] from our axes to the file's
    unit_m: float
    offsets_m: np.ndarray  # [24, 3] from the parent joint, in our axes


def own_skeleton(file: BvhFile) -> OwnSkeleton | None:
    """None of files that `bvh_write` did not make, or whose joints were renamed, added, left out or turned at rest."""
    index = {joint.name: k for k, joint in enumerate(file.joints)}
    camera = next((camera for name in index if (camera := named_camera(name)) is not None), None)
    if camera is None or len(index) != JOINTS + 1 or len(file.joints) != JOINTS + 1 or not set(OWN_NAMES) <= set(index):
        return None
    place = {smpl: index[name] for smpl, name in enumerate(OWN_NAMES)}
    if any(file.joints[place[smpl]].parent != place.get(parent, -1) for smpl, parent in enumerate(SMPL_PARENTS)):
        return None
    offsets = np.array([file.joints[place[smpl]].offset for smpl in range(JOINTS)], float)
    left, up = nearest_axis(offsets[1] - offsets[2]), nearest_axis(offsets[3] - offsets[4] - offsets[5])
    turn = np.stack([left, up, np.cross(left, up)], 1)
    leg = float(np.linalg.norm(offsets[[4, 5, 7, 8]], axis=1).sum() / 2)
    unit_m = next((unit for unit in _UNITS_M if _LEG_RANGE_M[0] < leg * unit < _LEG_RANGE_M[1]), None)
    if unit_m is None or not _is_t_pose(offsets @ turn):
        return None
    found = JointMap(place, (place[3], place[6], place[9]), {}, (), ())
    return OwnSkeleton(found, camera, turn, unit_m, offsets @ turn * unit_m)


def _is_t_pose(offsets: np.ndarray) -> bool:
    """Whether bones [24, 3] in our axes lie along them as ours do at rest: arms to the sides, legs down."""
    along = np.zeros((JOINTS, 3))
    along[[4, 5, 7, 8]], along[[18, 20]], along[[19, 21]] = (0, -1, 0), (1, 0, 0), (-1, 0, 0)
    limbs = np.flatnonzero(along.any(1))
    return bool(((offsets * along).sum(1)[limbs] > _STRAIGHT * np.linalg.norm(offsets[limbs], axis=1)).all())


def nearest_axis(direction: np.ndarray) -> np.ndarray:
    """The signed axis nearest to a direction [3]."""
    k = int(np.argmax(np.abs(direction)))
    return np.sign(direction[k]) * np.eye(3)[k]


def shape_from_offsets(offsets_m: np.ndarray, model: BodyModel) -> np.ndarray:
    """Betas [10] (float64) of the body whose joints have these offsets [24, 3] from their parents; the root's is left out.

    Least squares with a small pull to the mean shape; a stronger one where `model` can't have such offsets, because the file was
    written with another body.
    """
    parents = list(SMPL_PARENTS[1:])
    mean, basis = (t.detach().cpu().double().numpy() for t in (model.joint_mean, model.joint_basis))
    goal = (offsets_m[1:] - (mean[1:] - mean[parents])).ravel()
    change = (basis[1:] - basis[parents]).reshape(len(goal), -1)
    for slack_m in _SHAPE_M:
        betas = np.linalg.solve(change.T @ change + slack_m**2 * np.eye(change.shape[1]), change.T @ goal)
        if np.abs(change @ betas - goal).max() < 10 * slack_m:
            break
    return betas
