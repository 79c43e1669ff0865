"""Pose-guided stills: a pair of person and pose, prepared once, to be drawn by any generator."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from .avatar.avatar import Avatar
from .avatar.background import clean_background
from .avatar.still_parsing import still_parsing
from .body.model import BodyModel
from .body.orbit import Pivot, outline, room, shifted
from .body.projected import found_keypoints, projected_keypoints
from .body.retarget import retarget
from .cast import Cast
from .compositing.place import cover
from .compositing.stream import draw
from .config import CameraMode, PoseSettings
from .pose.matting import refine_matte
from .run import Run
from .runtime import warming_up
from .sources import Sources
from .targets import Target, find_target, open_target
from .types import BodyParams

if TYPE_CHECKING:
    from .generator.pg2 import PG2
    from .generator.rsa import RSAGAN
    from .generator.still_frame import StillPicture

SAME_ASPECT = 0.01  # relative: pictures of one aspect show the same place at the same share of their sides


@dataclass(frozen=True)
class StillScene:
    """A person and the pose they are to take."""

    cast: Cast
    avatar: Avatar
    target: Target
    motion: BodyParams  # T = 1: the wanted body, in the avatar's camera
    keypoints: Tensor  # [18, 3] of the first photo: x, y in px of `photo`, confidence
    wanted: Tensor  # [18, 3] of the wanted pose, in the same px
    model: BodyModel
    network: PG2 | RSAGAN | None  # that of the settings, where one for stills is to paint

    @property
    def photo(self) -> np.ndarray:
        """[H, W, 3] uint8: the first photo at the output's size."""
        return self.avatar.picture

    @cached_property
    def parsing(self) -> np.ndarray:
        """[H, W] int64 of `photo`, index into `generator.still_inputs.PARSING`."""
        return still_parsing(self.avatar.portraits[0], self.model, self.avatar.size_px)

    @cached_property
    def target_scene(self) -> Tensor:
        """[H, W, 3] float32, 0..1: the target's picture without its person, cropped to fill the output."""
        photo, track = self.target.photo, self.target.track
        assert photo is not None and track is not None  # the settings ask for it only where there is one
        mask = track.masks[0, 0].numpy()
        matte = refine_matte(photo.rgb, mask, track.box_xyxy_px[0].numpy()) if photo.matte is None else photo.matte
        rgba = np.dstack([photo.rgb, (np.maximum(matte, mask) * 255 + 0.5).astype(np.uint8)])
        placed = cover(rgba, self.avatar.size_px).astype(np.float32) / 255
        return torch.from_numpy(clean_background(placed[..., :3], placed[..., 3]))


def still_scene(settings: PoseSettings, run: Run) -> StillScene:
    """Find the person of the photos and the pose of the target, and put the one into the other. Raises `BadInput`, `BadUsage`
    or `MissingModel`."""
    cast = Cast.of(settings, run)
    given = open_target(settings, run.model)
    network = None
    if settings.by_network:
        from .weights import load_still

        network = load_still(settings.generator, settings.weights, run.device)
    with warming_up(run.device, cast.chosen is not None):
        people = cast.found(run)
        target = find_target(given, settings, run)
        avatar = cast.avatar(people, run)
    _warn(cast, target, run)
    with run.clock.stage("retarget"):
        motion = posed_as(target, avatar.params, run.model, settings.camera)
    keypoints = _keypoints_of_photo(people, avatar, run.model)
    wanted = _wanted_keypoints(target, motion, run.model, settings.camera)
    return StillScene(cast, avatar, target, motion, keypoints, wanted, run.model, network)


def still_picture(scene: StillScene, settings: PoseSettings, run: Run) -> np.ndarray:
    """The scene's person in the wanted pose [H, W, 3 or, with `settings.alpha`, 4] uint8, by the generator of the settings.

    Those of `STILL_GENERATORS` paint from the first photo alone and keep its background. Raises `BadInput`.
    """
    if scene.network is not None:
        run.report.generator = {"name": settings.generator, "weights": str(settings.weights or settings.generator)}
        with run.clock.stage("generator"):
            return painted(scene, scene.network).rgb
    cast = scene.cast
    if settings.background_kind == "driving":
        cast.backdrop = scene.target_scene
    return rendered(scene, cast, run)


def rendered(scene: StillScene, cast: Cast, run: Run) -> np.ndarray:
    """The scene's person [H, W, 3 or 4] uint8 by the product's own line, with the generator and the background of `cast`."""
    stage = cast.stage(scene.avatar, scene.motion.camera, run)
    with closing(draw(stage, scene.model.transforms(scene.motion), iter([None]), run.clock)) as drawn:
        return next(drawn)


def painted(scene: StillScene, network: PG2 | RSAGAN) -> StillPicture:
    """The scene's photo with its person as a network for stills paints them."""
    from .generator.still_frame import render_still

    return render_still(network, scene.photo, scene.keypoints, scene.wanted, scene.parsing)


def posed_as(target: Target, source: BodyParams, model: BodyModel, camera: str) -> BodyParams:
    """The target's pose on the body `source` (T = 1) and in its camera; T = 1.

    `camera`: 'source' keeps the source's place and size, 'smooth' steps back where the pose would reach out of the picture,
    'copy' takes the target's place and size.
    """
    mode: CameraMode = "copy" if camera == "copy" else "source"
    moved = retarget(source, target.limbs_of(source), model, mode=mode, fps=float(target.fps), cuts=target.cuts)
    posed = moved.at(target.frame, *source.camera.size_px)
    if camera != "smooth":
        return posed
    shift_m = room(outline(posed, model), outline(source, model), source.camera, Pivot.of(source, model))
    return shifted(posed, shift_m)


def _keypoints_of_photo(people: Sources, avatar: Avatar, model: BodyModel) -> Tensor:
    """[18, 3] as they were found in the first photo; an avatar file has the fitted body only."""
    if not people.people:
        return projected_keypoints(avatar.params, model)
    track = people.people[0]
    scale = torch.tensor(avatar.size_px) / torch.tensor(track.size_px)
    return found_keypoints(track.joints_px[0] * scale, track.confidence[0], avatar.params, model)


def _wanted_keypoints(target: Target, motion: BodyParams, model: BodyModel, camera: str) -> Tensor:
    """[18, 3] in px of the output: where the wanted body has them, or as they were found in a target that is to be copied."""
    size, track = motion.camera.size_px, target.track
    if camera == "copy" and track is not None:
        (width, height), aspect = track.size_px, size[0] / size[1]
        if abs(width / height / aspect - 1) < SAME_ASPECT:
            scale = torch.tensor(size) / torch.tensor(track.size_px)
            return found_keypoints(track.joints_px[0] * scale, track.confidence[0], motion, model)
    return projected_keypoints(motion, model)


def _warn(cast: Cast, target: Target, run: Run) -> None:
    if target.photo is not None and target.photo.sha256 in cast.whose:
        run.report.warnings.append("target: it is a photo of the source, whose own pose is shown")
