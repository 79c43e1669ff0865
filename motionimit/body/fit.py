"""Fit the body to a followed person: one shape, one pose per frame. Formulation in `residuals`, `priors` and `solver`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..errors import BadInput
from ..geometry.camera import Camera
from ..types import BETAS, BodyParams, FitQuality, PersonTrack, Progress
from .initialise import initial_state, observe
from .priors import smoothness
from .quality import measure_fit
from .residuals import Observations
from .rig import Rig
from .shape import fit_shape, settle_photo
from .solver import Problem, State, minimise

if TYPE_CHECKING:
    from .model import BodyModel

SEAM = 2  # frames held from the window before: all that a second difference reaches


@dataclass(frozen=True)
class FitSettings:
    """Knobs of the fit; the defaults are for real clips."""

    iterations: int = 20  # per window
    smoothing: float = 1.0  # 0.5 follows fast motion more closely, 2 is calmer
    window: int = 240  # frames solved together
    lookahead: int = 25  # frames solved but not kept, so that a window's end knows its future
    shape_frames: int = 60
    contour_frames: int = 10  # masks used for the shape; 0 = landmarks alone
    tolerance: float = 1e-4


def fit_body(
    track: PersonTrack,
    model: BodyModel,
    camera: Camera | None = None,
    betas: Tensor | None = None,
    settings: FitSettings | None = None,
    progress: Progress | None = None,
) -> tuple[BodyParams, FitQuality]:
    """Fit shape and motion to a track (T = 1 is a photo, whose mask then pulls pose and shape as well).

    `camera` is assumed from the image size when None; `betas` [10] holds the shape instead of solving it. Nothing is smoothed
    across `track.cuts`; frames without the person follow the priors alone. Memory doesn't grow with T beyond the result.
    Raises `BadInput` when no frame shows a usable person, ValueError when the camera is of another image size.
    """
    settings = settings or FitSettings()
    camera = camera or Camera.for_image(*track.size_px)
    if camera.size_px != tuple(track.size_px):
        raise ValueError(f"camera is of a {camera.size_px} image, the track of {tuple(track.size_px)}")
    seen = observe(track, camera)
    if not seen.seen.any():
        raise BadInput("No frame shows a person well enough to fit a body; use material with a whole, larger person.")
    rig = Rig.landmarks(model)
    start = np.zeros(BETAS) if betas is None else betas.double().numpy()
    state = initial_state(track, seen, rig.shaped(start), camera, start)
    if len(seen.seen) == 1:
        state = settle_photo(track, model, rig, seen, camera, state, betas is None)
    else:
        if betas is None:
            state = fit_shape(track, model, rig, seen, camera, state, settings)
        state = fit_windows(rig, seen, camera, state, float(track.fps), track.cuts, settings, progress)
    params = BodyParams(
        torch.from_numpy(state.rotations).float(),
        torch.from_numpy(state.betas).float(),
        torch.from_numpy(state.translation_m).float(),
        camera,
    )
    return params, measure_fit(track, params, model, tuple(notes(track, seen)))


def fit_windows(
    rig: Rig,
    seen: Observations,
    camera: Camera,
    state: State,
    fps: float,
    cuts: tuple[int, ...],
    settings: FitSettings,
    progress: Progress | None = None,
) -> State:
    """Solve the poses of all frames with shape held, window by window. Each window holds the two frames before it and looks ahead
    beyond what it keeps, so that seams are as smooth as the inside."""
    frames = len(seen.seen)
    rotations, translation = state.rotations.copy(), state.translation_m.copy()
    done = 0
    while done < frames:
        held = min(SEAM, done)
        part = slice(done - held, min(done - held + settings.window, frames))
        keep = part.stop if part.stop == frames else part.stop - settings.lookahead
        inner_cuts = tuple(c - part.start for c in cuts if part.start < c < part.stop)
        smooth = smoothness(fps, inner_cuts, seen.seen[part], settings.smoothing)
        problem = Problem(rig, seen.take(part), camera, smooth, fixed_frames=held)
        guess = State(rotations[part], translation[part], state.betas)
        solved, _ = minimise(problem, guess, settings.iterations, settings.tolerance)
        new = slice(done, keep)
        rotations[new] = solved.rotations[held : held + keep - done]
        translation[new] = solved.translation_m[held : held + keep - done]
        done = keep
        if progress:
            progress("fit", done, frames)
    return State(rotations, translation, state.betas)


def notes(track: PersonTrack, seen: Observations) -> list[str]:
    """What a user should know of the material, in sentences."""
    out = []
    confident = (seen.weight > 0.1).astype(float)[seen.seen].mean(0)
    if confident[[25, 26, 27, 28]].max() < 0.3:
        out.append("The legs are outside the picture or hidden; their pose is a guess.")
    if confident[[13, 14, 15, 16]].max() < 0.3:
        out.append("The arms are hidden; their pose is a guess.")
    missing = int((~track.valid).sum())
    if missing:
        out.append(f"The person was not seen in {missing} of {len(track.valid)} frames; their motion there is bridged.")
    return out
