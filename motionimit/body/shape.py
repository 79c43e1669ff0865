"""The person's shape: from landmarks of well-seen frames, then from silhouettes; and the close fit of a photo."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..geometry.camera import Camera
from ..types import BETAS, PersonTrack
from .initialise import STATURE_M
from .quality import Skin
from .residuals import Observations
from .rig import Rig
from .silhouette import ContourTerm, Outline
from .solver import Problem, State, minimise

if TYPE_CHECKING:
    from .fit import FitSettings
    from .model import BodyModel

SIGMA_BETA = 1.0
STATURE_SIGMA_M = 0.05  # of nose above heels: one camera can't tell a small person from a far one
CLIP_MASK_PX, PHOTO_MASK_PX = 256, 512
CLIP_STRIDE, PHOTO_STRIDE = 9, 3  # every n-th vertex may become a contour point
NOSE_HEIGHT = 0.92  # above the heels, of stature
PHOTO_STIFFNESS = 1.3  # one view says little of depth: lean on the priors more
HANDS = (20, 21, 22, 23)  # their fingers aren't posed, so their outline says nothing


def fit_shape(
    track: PersonTrack, model: BodyModel, rig: Rig, seen: Observations, camera: Camera, state: State, settings: FitSettings
) -> State:
    """The state with betas (and a translation to match) from up to `shape_frames` well-seen frames and a few masks."""
    index = well_seen(seen, settings.shape_frames)
    problem = Problem(rig, seen.take(index), camera, shape_prior=shape_prior(rig), solve_shape=True)
    sample = State(state.rotations[index], state.translation_m[index], state.betas)
    sample, _ = minimise(problem, sample, 12, 1e-3)
    betas = sample.betas
    masked = [i for i, t in enumerate(track.mask_frames) if seen.seen[t] and seen.weight[t].sum() > 6]
    if settings.contour_frames and masked:
        masked = masked[:: max(1, -(-len(masked) // settings.contour_frames))]
        frames = np.array([track.mask_frames[i] for i in masked])
        outlines = [outline(track.masks[i, 0].numpy(), CLIP_MASK_PX) for i in masked]
        part = State(state.rotations[frames], state.translation_m[frames], betas)
        inner = replace(problem, seen=seen.take(frames))
        part, _ = minimise(replace(inner, solve_shape=False), part, 8, 1e-3)
        part = pull_to_outline(model, inner, part, outlines, CLIP_STRIDE, rounds=3)
        betas = part.betas
    return State(state.rotations, state.translation_m, betas)


def settle_photo(
    track: PersonTrack, model: BodyModel, rig: Rig, seen: Observations, camera: Camera, state: State, solve_shape: bool
) -> State:
    """One frame: landmarks first, then pose and shape together against the matte's outline."""
    problem = Problem(rig, seen, camera, stiffness=PHOTO_STIFFNESS, shape_prior=shape_prior(rig))
    state, _ = minimise(problem, state, 30, 1e-5)
    problem = replace(problem, solve_shape=solve_shape)
    state, _ = minimise(problem, state, 30, 1e-5)
    if not len(track.masks):
        return state
    return pull_to_outline(model, problem, state, [outline(track.masks[0, 0].numpy(), PHOTO_MASK_PX)], PHOTO_STRIDE, rounds=5)


def shape_prior(rig: Rig) -> tuple[np.ndarray, np.ndarray]:
    """Betas are unit normal, and the nose is about as high above the heels as in a person of average stature."""
    rise = rig.rest_by_beta[0, :, 1] - rig.rest_by_beta[[29, 30], :, 1].mean(0)
    mean = rig.table[0, :, 1].sum() - rig.table[[29, 30], :, 1].sum(1).mean()
    target = NOSE_HEIGHT * STATURE_M - mean
    rows = np.concatenate([np.eye(BETAS) / SIGMA_BETA, rise[None] / STATURE_SIGMA_M])
    return rows, np.r_[np.zeros(BETAS), target / STATURE_SIGMA_M]


def well_seen(seen: Observations, count: int) -> np.ndarray:
    """Indices of up to `count` frames: the best-seen frame of each of `count` equal stretches of the clip."""
    known = np.flatnonzero(seen.seen)
    score = seen.weight.sum(1)
    stretches = np.array_split(known, min(count, len(known)))
    return np.array([s[np.argmax(score[s])] for s in stretches])


def outline(mask: np.ndarray, long_side_px: int) -> Outline:
    """The outline of a mask [h, w], reduced to at most `long_side_px`."""
    scale = min(1.0, long_side_px / max(mask.shape))
    if scale < 1:
        mask = cv2.resize(mask, (round(mask.shape[1] * scale), round(mask.shape[0] * scale)), interpolation=cv2.INTER_AREA)
    return Outline.of(mask)


def pull_to_outline(model: BodyModel, problem: Problem, state: State, outlines: list[Outline], stride: int, rounds: int) -> State:
    """Alternate between choosing contour vertices and solving pose (and shape, if the problem does) against them."""
    height, width = outlines[0].mask.shape
    sx, sy = width / problem.camera.size_px[0], height / problem.camera.size_px[1]
    camera = Camera(
        problem.camera.focal_px * sy, (problem.camera.center_px[0] * sx, problem.camera.center_px[1] * sy), (width, height)
    )
    weights = model.weights.numpy()
    candidates = np.flatnonzero(weights[:, HANDS].sum(1) < 0.5)[::stride]
    term = ContourTerm(Rig.vertices(model, candidates), model.faces.numpy(), candidates, outlines, camera)
    for _ in range(rounds):
        skin = Skin(model, state.betas)
        vertices = np.stack([skin(r, t) for r, t in zip(state.rotations, state.translation_m, strict=True)])
        term.update(vertices, problem.seen.height_px * sy)
        state, _ = minimise(replace(problem, extra=term), state, 4, 1e-4)
    return state
