"""One shape for a person of several photos: one Levenberg-Marquardt over all of them, poses free, betas common.

Every photo is seen by the assumed camera of a square round it. Reduced to the same side these cameras are one, so that photos of
any size stand in one system, and each says of the shape exactly what its landmarks and its outline determine: a cropped, badly
seen or badly explained photo has few, light or robustly discounted rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor

from ..errors import BadInput
from ..geometry.camera import Camera
from ..types import BETAS, BodyParams, FitQuality, PersonTrack
from . import so3
from .fit import fit_body, notes
from .initialise import initial_state, observe
from .quality import mask_agreement, measure_fit
from .residuals import Observations
from .rig import Rig
from .shape import PHOTO_MASK_PX, PHOTO_STIFFNESS, PHOTO_STRIDE, pull_to_outline, settle_photo, shape_prior
from .silhouette import Outline
from .solver import Problem, State, minimise

if TYPE_CHECKING:
    from .model import BodyModel

TURN_DEG = 25.0
CANVAS = Camera.for_image(PHOTO_MASK_PX, PHOTO_MASK_PX)


def fit_photos(
    tracks: Sequence[PersonTrack], model: BodyModel, known: Sequence[BodyParams | None] | None = None
) -> tuple[list[BodyParams], list[FitQuality]]:
    """Fit one person to several photos (tracks of T = 1, any sizes): betas in common, a pose and a camera for each.

    `known[i]` is a body that is known from elsewhere, in the size of photo i: it is kept as it is, and its betas hold for all
    photos. Where several are known with other betas than the first, they take its betas and are fitted anew from where they
    are. A single photo gives exactly `fit_body`'s result. Raises `BadInput` when a photo shows no usable person, ValueError for
    tracks that are no photos or a list of another length.
    """
    known = [None] * len(tracks) if known is None else list(known)
    if len(known) != len(tracks) or any(len(t.valid) != 1 for t in tracks):
        raise ValueError(f"{len(tracks)} tracks of one frame each and as many known bodies are needed, got {len(known)}")
    betas = next((k.betas for k in known if k is not None), None)
    if betas is None and len(tracks) > 1:
        bodies = _fit_jointly(tracks, model)
    else:
        bodies = [_of_shape(t, model, k, betas) for t, k in zip(tracks, known, strict=True)]
    return bodies, [_quality(t, b, model) for t, b in zip(tracks, bodies, strict=True)]


def fit_closer(track: PersonTrack, model: BodyModel, body: BodyParams) -> BodyParams:
    """A body that is known roughly, as from a fit to a whole clip, pulled onto the landmarks and the outline of its photo.

    Betas and camera stay. The body is returned as it was where the photo alone would turn it by more than `TURN_DEG`, which a
    clip knows better, or where the silhouettes would agree less.
    """
    rig, seen = Rig.landmarks(model), observe(track, body.camera)
    if not seen.seen.all():
        return body
    start = State(*(v.double().numpy() for v in (body.rotations, body.translation_m, body.betas)))
    state = settle_photo(track, model, rig, seen, body.camera, start, False)
    rotations, translation = (torch.from_numpy(v).float() for v in (state.rotations, state.translation_m))
    found = BodyParams(rotations, body.betas, translation, body.camera)
    turn = np.linalg.norm(so3.log(state.rotations[0, 0] @ start.rotations[0, 0].T))
    before, after = (mask_agreement(track, b, model) or 0.0 for b in (body, found))
    return found if turn < np.radians(TURN_DEG) and after >= before else body


def _of_shape(track: PersonTrack, model: BodyModel, known: BodyParams | None, betas: Tensor | None) -> BodyParams:
    """The body of one photo, with the given betas if there are any."""
    if known is None:
        return fit_body(track, model, betas=betas)[0]
    if betas is None or torch.equal(known.betas, betas):
        return known
    return fit_closer(track, model, replace(known, betas=betas))


def _quality(track: PersonTrack, params: BodyParams, model: BodyModel) -> FitQuality:
    return measure_fit(track, params, model, tuple(notes(track, observe(track, params.camera))))


def _fit_jointly(tracks: Sequence[PersonTrack], model: BodyModel) -> list[BodyParams]:
    rig = Rig.landmarks(model)
    cameras = [Camera.for_image(*t.size_px) for t in tracks]
    seen, state = _start(tracks, cameras, rig)
    problem = Problem(rig, seen, CANVAS, stiffness=PHOTO_STIFFNESS, shape_prior=shape_prior(rig))
    state, _ = minimise(problem, state, 30, 1e-5)
    problem = replace(problem, solve_shape=True)
    state, _ = minimise(problem, state, 30, 1e-5)
    outlines = [_outline(t) for t in tracks]
    if any(o.mask.any() for o in outlines):
        state = pull_to_outline(model, problem, state, outlines, PHOTO_STRIDE, rounds=5)
    betas = torch.from_numpy(state.betas).float()
    return [
        BodyParams(torch.from_numpy(r[None]).float(), betas, torch.from_numpy(m[None]).float(), camera)
        for r, m, camera in zip(state.rotations, state.translation_m, cameras, strict=True)
    ]


def _start(tracks: Sequence[PersonTrack], cameras: Sequence[Camera], rig: Rig) -> tuple[Observations, State]:
    """Observations on the canvas, and the first guess, of all photos."""
    mean = rig.shaped(np.zeros(BETAS))
    seen, states = [], []
    for number, (track, camera) in enumerate(zip(tracks, cameras, strict=True), 1):
        one = observe(track, camera)
        if not one.seen.all():
            raise BadInput(f"Photo {number} shows no person well enough to fit a body; use one with a whole, larger person.")
        states.append(initial_state(track, one, mean, camera, np.zeros(BETAS)))
        scale = CANVAS.focal_px / camera.focal_px
        xy = (one.xy_px - camera.center_px) * scale + CANVAS.center_px
        seen.append(replace(one, xy_px=xy, height_px=one.height_px * scale))
    joined = Observations(*(np.concatenate([getattr(s, f) for s in seen]) for f in Observations.__dataclass_fields__))
    rotations, translation = (np.concatenate([getattr(s, f) for s in states]) for f in ("rotations", "translation_m"))
    return joined, State(rotations, translation, np.zeros(BETAS))


def _outline(track: PersonTrack) -> Outline:
    """The photo's mask on the canvas; empty, so that it pulls at nothing, where the track has none.

    What the picture cuts off is taken to go on straight beyond its border, which then is no outline of the person.
    """
    if not len(track.masks):
        return Outline.of(np.zeros(CANVAS.size_px[::-1], np.float32))
    mask = track.masks[0, 0].numpy()
    height, width = mask.shape
    side = max(height, width)
    (top, left), (spare_y, spare_x) = ((side - height) // 2, (side - width) // 2), (side - height, side - width)
    square = np.pad(mask, ((top, spare_y - top), (left, spare_x - left)), mode="edge")
    how = cv2.INTER_AREA if side > PHOTO_MASK_PX else cv2.INTER_LINEAR
    return Outline.of(cv2.resize(square, CANVAS.size_px, interpolation=how))
