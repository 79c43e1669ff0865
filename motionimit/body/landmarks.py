"""MediaPipe's 33 BlazePose landmarks on a SMPL mesh that does not bring its own (the open body does)."""

from __future__ import annotations

import numpy as np

from .loading import BodyData

# Landmark (person's left; the right is one further) → SMPL joint whose centre it is.
JOINT_LANDMARKS = {11: 16, 13: 18, 15: 20, 23: 1, 25: 4, 27: 7}


def find_landmarks(body: BodyData) -> tuple[np.ndarray, np.ndarray]:
    """Regressor [33, V] on the rest mesh and the joint [33] that each landmark follows rigidly (-1: follows the skin).

    On SMPL's own mesh (6,890 vertices) the skin points are smplx's named vertices. On any other mesh in that layout they are
    looked for by shape: foremost point of the head, outermost points beside it, rearmost and foremost points of the feet.
    """
    points, follows = np.zeros((33, len(body.v_template)), np.float32), np.full(33, -1, np.int64)
    for k, joint in JOINT_LANDMARKS.items():
        points[k : k + 2] = body.joint_regressor[joint : joint + 2]
        follows[k : k + 2] = joint, joint + 1
    named = _smpl_vertices() if len(body.v_template) == 6890 else _extreme_vertices(body)
    for k, vertex in named.items():
        points[k, vertex] = 1
    eyes = points[[2, 5]].copy()
    points[1], points[3] = 0.8 * eyes[0] + 0.2 * eyes[1], 1.2 * eyes[0] - 0.2 * eyes[1]
    points[4], points[6] = 0.8 * eyes[1] + 0.2 * eyes[0], 1.2 * eyes[1] - 0.2 * eyes[0]
    for k, vertex in _mouth(body, points).items():
        points[k, vertex] = 1
    for tip in (17, 18, 19, 20, 21, 22):  # knuckles lie about half way from the wrist to the fingertips
        wrist = body.joint_regressor[21 if tip % 2 == 0 else 20]
        points[tip] = 0.5 * points[tip] + 0.5 * wrist
    return points, follows


def _smpl_vertices() -> dict[int, int]:
    from smplx.vertex_ids import vertex_ids

    names = {0: "nose", 29: "LHeel", 30: "RHeel", 31: "LBigToe", 32: "RBigToe"}
    pairs = {2: "leye", 5: "reye", 7: "lear", 8: "rear"}
    pairs |= {17: "lpinky", 18: "rpinky", 19: "lindex", 20: "rindex", 21: "lthumb", 22: "rthumb"}
    return {k: int(vertex_ids["smplh"][name]) for k, name in (names | pairs).items()}


def _extreme_vertices(body: BodyData) -> dict[int, int]:
    v, joints = body.v_template, body.joint_regressor @ body.v_template
    part = body.weights.argmax(1)

    def pick(pool: np.ndarray, *direction: float) -> int:
        return int(pool[(v[pool] @ np.array(direction, np.float32)).argmax()])

    def nearest(pool: np.ndarray, point: np.ndarray) -> int:
        return int(pool[np.linalg.norm(v[pool] - point, axis=1).argmin()])

    head = np.flatnonzero(part == 15)
    above = head[v[head, 1] > joints[15, 1]]
    nose = pick(above[np.abs(v[above, 0]) < 0.015], 0, -0.3, 1)
    front = head[v[head, 2] > v[nose, 2] - 0.07]
    out = {0: nose}
    for k, sign in ((0, 1.0), (1, -1.0)):
        out[2 + 3 * k] = nearest(front, v[nose] + (sign * 0.032, 0.035, -0.03))
        beside = head[np.abs(v[head, 1] - v[nose, 1]) < 0.04]
        out[7 + k] = pick(beside, sign, 0, 0)
        foot = np.flatnonzero((part == 7 + k) | (part == 10 + k))
        out[29 + k], out[31 + k] = pick(foot, 0, -0.2, -1), pick(foot, -0.2 * sign, 0, 1)
        hand = np.flatnonzero((part == 20 + k) | (part == 22 + k))
        out[17 + k], out[19 + k] = pick(hand, 0.9 * sign, 0, -0.4), pick(hand, 0.9 * sign, 0, 0.3)
        out[21 + k] = pick(hand, 0.3 * sign, 0, 1)
    return out


def _mouth(body: BodyData, points: np.ndarray) -> dict[int, int]:
    """Mouth corners: below the nose by as much as the eyes are above it, 0.37 eye distances to each side, on the front."""
    v = body.v_template
    nose, eyes = points[0] @ v, points[[2, 5]] @ v
    unit = float(np.linalg.norm(eyes[0] - eyes[1]))
    centre = np.array([nose[0], 2 * nose[1] - eyes[:, 1].mean()])
    front = np.flatnonzero((body.weights[:, 15] > 0.3) & (v[:, 2] > nose[2] - 0.9 * unit))
    out = {}
    for k, sign in ((9, 1.0), (10, -1.0)):
        corner = centre + np.array([sign * 0.37 * unit, 0])
        out[k] = int(front[np.linalg.norm(v[front, :2] - corner, axis=1).argmin()])
    return out
