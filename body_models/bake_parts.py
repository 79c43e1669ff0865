"""Which of anny's 104 bones make which SMPL joint, where the 33 landmarks sit, and the region of every face."""

from __future__ import annotations

import numpy as np
import torch

from motionimit.body.parts import REGION_OF_JOINT, SMPL_PARENTS, Region, dominant, scalp_mask

PARENTS = SMPL_PARENTS
_FINGERS = [f"finger{f}-{i}" for f in range(2, 6) for i in range(1, 4)]
_HAND = ["wrist", *(f"finger1-{i}" for i in range(1, 4)), *(f"metacarpal{i}" for i in range(1, 5))]
_TOES = ["toe1-1", "toe1-2", *(f"toe{t}-{i}" for t in range(2, 6) for i in range(1, 4))]
_SIDED = {
    1: (["upperleg01", "upperleg02"], ["upperleg01"]),
    4: (["lowerleg01", "lowerleg02"], ["lowerleg01"]),
    7: (["foot"], ["foot"]),
    10: (_TOES, [f"toe{t}-1" for t in range(1, 6)]),
    13: (["clavicle", "shoulder01"], ["clavicle"]),
    16: (["upperarm01", "upperarm02"], ["upperarm01"]),
    18: (["lowerarm01", "lowerarm02"], ["lowerarm01"]),
    20: (_HAND, ["wrist"]),
    22: (_FINGERS, [f"finger{f}-1" for f in range(2, 6)]),
}
_MIDDLE = {
    0: (["root", "pelvis.L", "pelvis.R", "spine05", "spine04"], ["root", "spine04"]),
    3: (["spine03"], ["spine03"]),
    6: (["spine02"], ["spine02"]),
    9: (["spine01"], ["spine01"]),
    12: (["neck01", "neck02"], ["neck01"]),
    15: (["neck03", "head", "eye.L", "eye.R"], ["neck03"]),
}
_TABLE = dict(_MIDDLE)
for _joint, (_bones, _heads) in _SIDED.items():
    for _shift, _side in enumerate("LR"):
        _TABLE[_joint + _shift] = ([f"{b}.{_side}" for b in _bones], [f"{h}.{_side}" for h in _heads])
BONES_OF_JOINT = {joint: bones for joint, (bones, _) in _TABLE.items()}
JOINT_BONE = {joint: heads for joint, (_, heads) in _TABLE.items()}
# BlazePose landmark (person's left; the right is one further) → joint whose centre it is.
JOINT_LANDMARKS = {11: 16, 13: 18, 15: 20, 23: 1, 25: 4, 27: 7}
KNUCKLES = {17: "finger5-1", 19: "finger2-1", 21: "finger1-2"}  # little, index, thumb


def landmark_vertices(model: torch.nn.Module, mean: np.ndarray, weights: np.ndarray) -> dict[int, np.ndarray]:
    """Landmark → vertices of the full mesh whose mean it is, for those that lie on the skin. `mean` is the T-pose [V, 3]."""
    from anny.face_segmentation import get_face_segmentation_mask

    faces = model.faces.numpy()

    def rim(label: str) -> np.ndarray:
        inside = get_face_segmentation_mask(model, [label]).numpy()
        return np.intersect1d(faces[inside], faces[~inside])

    def nearest(point: np.ndarray, pool: np.ndarray, count: int) -> np.ndarray:
        return pool[np.linalg.norm(mean[pool] - point, axis=1).argsort()[:count]]

    mouth, head = rim("mouth_cavity"), np.flatnonzero(weights[:, 15] > 0.9)
    eyes = {side: rim(f"eye_cavity.{side}") for side in "LR"}
    between = (mean[head, 1] > mean[mouth, 1].max()) & (mean[head, 1] < mean[eyes["L"], 1].min()) & (abs(mean[head, 0]) < 0.012)
    nose = head[between][mean[head[between], 2].argmax()]
    out = {0: nearest(mean[nose], head, 5)}
    for side, sign, k in (("L", 1, 0), ("R", -1, 1)):
        across = sign * mean[eyes[side], 0]
        out[1 + 3 * k] = eyes[side][[across.argmin()]]
        out[3 + 3 * k] = eyes[side][[across.argmax()]]
        out[2 + 3 * k] = np.unique(faces[get_face_segmentation_mask(model, [f"eye_front.{side}"]).numpy()])
        out[9 + k] = mouth[[(sign * mean[mouth, 0]).argmax()]]
        pinna = head[(sign * mean[head, 0]) > 0.92 * np.abs(mean[head, 0]).max()]
        tragus = mean[pinna].mean(0) + np.array([-sign * 0.008, -0.005, 0.012])
        out[7 + k] = nearest(tragus, head, 8)
        foot = np.flatnonzero(weights[:, 7 + k] + weights[:, 10 + k] > 0.8)
        sole = foot[mean[foot, 1] < mean[foot, 1].min() + 0.045]
        out[29 + k] = nearest(mean[sole[mean[sole, 2].argmin()]], foot, 12)
        bones = [i for i, name in enumerate(model.bone_labels) if name in (f"toe1-2.{side}", f"toe2-3.{side}")]
        dense = sum((model.vertex_bone_indices.numpy() == b) * model.vertex_bone_weights.numpy() for b in bones).sum(1)
        toes = np.flatnonzero(dense > 0.5)
        out[31 + k] = toes[mean[toes, 2] > mean[toes, 2].max() - 0.012]
    return out


def face_regions(vertices: np.ndarray, faces: np.ndarray, weights: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Region of every face [F]: by the weights of its corners; the head is split at the hairline. `landmarks` [33, 3]."""
    corner = dominant(weights[faces].mean(1), REGION_OF_JOINT)
    scalp = scalp_mask(vertices[faces].mean(1), landmarks[[2, 5]], landmarks[[7, 8]])
    corner[(corner == Region.FACE) & scalp] = Region.SCALP
    return corner
