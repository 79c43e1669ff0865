"""Names of the SMPL joints, the body's six parts and its regions (parsing map), and which joint belongs to which part."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

JOINT_NAMES = (
    *("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle", "spine3"),
    *("left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand"),
)
SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
MIRROR_JOINT = (0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22)
"""`MIRROR_JOINT[j]` is the joint on the other side of the body (itself on the midline)."""
MIRROR_LANDMARK = (0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(k + 1 if k % 2 else k - 1 for k in range(11, 33)))
"""The same for MediaPipe's 33 BlazePose landmarks."""


class Part(IntEnum):
    """What moves together: parts occlude each other, and no surface is projected from one onto another."""

    TRUNK = 0
    HEAD = 1
    LEFT_ARM = 2
    RIGHT_ARM = 3
    LEFT_LEG = 4
    RIGHT_LEG = 5


MIRROR_PART = (Part.TRUNK, Part.HEAD, Part.RIGHT_ARM, Part.LEFT_ARM, Part.RIGHT_LEG, Part.LEFT_LEG)


class Region(IntEnum):
    """Surface regions of the parsing map."""

    SCALP = 0  # where hair grows
    FACE = 1  # with the ears and the eyes
    NECK = 2
    CHEST = 3  # above the waist, back and shoulders included
    PELVIS = 4  # below the waist
    LEFT_UPPER_ARM = 5
    RIGHT_UPPER_ARM = 6
    LEFT_FOREARM = 7
    RIGHT_FOREARM = 8
    LEFT_HAND = 9
    RIGHT_HAND = 10
    LEFT_THIGH = 11
    RIGHT_THIGH = 12
    LEFT_SHIN = 13
    RIGHT_SHIN = 14
    LEFT_FOOT = 15
    RIGHT_FOOT = 16


def _part_of(name: str) -> Part:
    if name in ("neck", "head"):
        return Part.HEAD
    side, _, limb = name.partition("_")
    if limb in ("shoulder", "elbow", "wrist", "hand"):
        return Part.LEFT_ARM if side == "left" else Part.RIGHT_ARM
    if limb in ("hip", "knee", "ankle", "foot"):
        return Part.LEFT_LEG if side == "left" else Part.RIGHT_LEG
    return Part.TRUNK


def _region_of(name: str) -> Region:
    if name in ("neck", "head", "pelvis"):
        return {"neck": Region.NECK, "head": Region.FACE, "pelvis": Region.PELVIS}[name]
    side, _, limb = name.partition("_")
    segment = {"shoulder": "UPPER_ARM", "elbow": "FOREARM", "wrist": "HAND", "hand": "HAND"} | {
        "hip": "THIGH",
        "knee": "SHIN",
        "ankle": "FOOT",
        "foot": "FOOT",
    }
    return Region[f"{side}_{segment[limb]}".upper()] if limb in segment else Region.CHEST


PART_OF_JOINT = tuple(_part_of(name) for name in JOINT_NAMES)
REGION_OF_JOINT = tuple(_region_of(name) for name in JOINT_NAMES)
"""The region of the surface that follows a joint; the head's is split into FACE and SCALP by `scalp_mask`."""


def dominant(weights: np.ndarray, label_of_joint: tuple[int, ...]) -> np.ndarray:
    """Skinning weights [V, 24] → the label [V] (int64) that holds the most weight, summed over the joints that share it."""
    sums = np.zeros((len(weights), max(label_of_joint) + 1), weights.dtype)
    for joint, label in enumerate(label_of_joint):
        sums[:, label] += weights[:, joint]
    return sums.argmax(1)


def scalp_mask(vertices_m: np.ndarray, eyes_m: np.ndarray, ears_m: np.ndarray) -> np.ndarray:
    """Which vertices of a head [V, 3] (upright, facing +z) lie behind the hairline: bool [V].

    The hairline is the plane through the forehead, one interocular distance above the eyes, and a line just before the ears;
    `eyes_m` and `ears_m` are [2, 3], left first. Ears themselves and what lies below them are not scalp.
    """
    eye, ear = eyes_m.mean(0), ears_m.mean(0)
    unit = np.linalg.norm(eyes_m[0] - eyes_m[1])
    front, side = eye + unit * np.array([0, 1.05, 0]), ear + unit * np.array([0, 0.1, 0.25])
    normal = np.array([0, front[2] - side[2], side[1] - front[1]])  # up and back
    behind = (vertices_m - side) @ normal > 0
    from_ear = (vertices_m - np.where(vertices_m[:, :1] > 0, ears_m[:1], ears_m[1:])) / unit
    outside = np.abs(vertices_m[:, 0]) > 0.95 * np.abs(ears_m[:, 0]).mean()
    pinna = outside & (from_ear[:, 1] > -0.6) & (from_ear[:, 1] < 0.5) & (from_ear[:, 2] > -0.45)
    return behind & ~pinna & (vertices_m[:, 1] > ear[1] - 1.0 * unit)
