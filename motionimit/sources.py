"""What a user gives of the person → `Avatar`: photos, a short film of them, or an avatar that was made before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .avatar.avatar import Avatar
from .avatar.portrait import Portrait, build_portrait, output_size
from .body.fit_many import fit_closer, fit_photos
from .config import AVATAR_SUFFIX, is_film
from .errors import BadInput
from .media.image import read_photo
from .media.paths import shown
from .pose.matting import refine_matte
from .pose.photo import track_photo
from .run import Run
from .types import BodyParams, PersonTrack, Photo

STEPS = 3  # of a photo, for the progress bar: found, cut out and fitted, built


@dataclass(frozen=True, slots=True)
class Sources:
    """Photos of one person, and where the person is in each."""

    photos: tuple[Photo, ...]
    people: tuple[PersonTrack, ...]  # tracks of one frame
    bodies: tuple[BodyParams | None, ...]  # what is known of the body, e.g. from the film that the photo is a frame of

    def sharing(self, driver: BodyParams, frames: Sequence[int | None]) -> Sources:
        """The same where photo k is frame `frames[k]` of the driver, if any, and so has the driver's body."""
        bodies = list(self.bodies)
        for k, (frame, photo) in enumerate(zip(frames, self.photos, strict=True)):
            if frame is not None:
                bodies[k] = driver.at(frame, photo.rgb.shape[1], photo.rgb.shape[0])
        return Sources(self.photos, self.people, tuple(bodies))

    def size_px(self, long_side_px: int) -> tuple[int, int]:
        """(width, height) of the output: the first photo's aspect."""
        return _size(self.photos[0], long_side_px)


def read_sources(paths: Sequence[Path], run: Run) -> tuple[list[Photo], list[BodyParams | None]]:
    """Photos, or frames picked from one film with the bodies fitted to them. Raises `BadInput`."""
    if is_film(paths[0]):
        from .pose.picking import picked_photos

        with run.clock.stage("source film"):
            photos, bodies = picked_photos(paths[0], run.model, tell=run.tell, warnings=run.report.warnings)
        return photos, list(bodies)
    return [read_photo(path) for path in paths], [None] * len(paths)


def find_sources(photos: Sequence[Photo], bodies: Sequence[BodyParams | None], run: Run) -> Sources:
    """Find the person in every photo. Raises `BadInput` where there is none to work with."""
    begin, people = time.perf_counter(), []
    total = STEPS * len(photos)
    run.tell("source", 0, total)
    for number, photo in enumerate(photos, 1):
        with run.clock.stage("source landmarks"):
            track = track_photo(photo)
        if not (track.masks[0] > 0.5).any():
            where = shown(photo.path)
            raise BadInput(f"The person in {where} could not be cut out; use a photo that shows them larger and clearer.")
        people.append(track)
        run.tell("source", number, total)
    with run.clock.stage("source fit"):
        closer = [b if b is None else fit_closer(t, run.model, b) for t, b in zip(people, bodies, strict=True)]
    run.report.source_s += time.perf_counter() - begin
    return Sources(tuple(photos), tuple(people), tuple(closer))


def build_avatar(sources: Sources, long_side_px: int, run: Run) -> Avatar:
    """Cut the person out, fit one body shape, build a portrait of every photo. Warnings go into the report."""
    begin = time.perf_counter()
    photos, many = sources.photos, len(sources.photos) > 1
    names = [f"photo {k} ({p.path.name})" if many else "photo" for k, p in enumerate(photos, 1)]
    for name, person in zip(names, sources.people, strict=True):
        run.report.warnings.extend(f"{name}: {w}" for w in person.warnings)
    with ThreadPoolExecutor(1) as beside:  # matte and fit need nothing of each other
        cut_out = beside.submit(lambda: [_matte(*one, run) for one in zip(photos, sources.people, strict=True)])
        with run.clock.stage("source fit"):
            bodies, qualities = fit_photos(sources.people, run.model, sources.bodies)
        mattes = cut_out.result()
    for name, quality, known in zip(names, qualities, sources.bodies, strict=True):
        if known is None:
            run.report.warnings.extend(f"{name}: {w}" for w in quality.warnings)
    portraits = []
    with run.clock.stage("source avatar"):
        for photo, matte, params in zip(photos, mattes, bodies, strict=True):
            portraits.append(build_portrait(photo.rgb, matte, params, run.model, _size(photo, long_side_px)))
            run.tell("source", len(photos) + (STEPS - 1) * len(portraits), STEPS * len(photos))
        if len({photo.path for photo in photos}) > 1:  # frames of one film share its exposure, and its person
            portraits = _matched(portraits, names, run)
    picture = cv2.resize(photos[0].rgb, sources.size_px(long_side_px), interpolation=cv2.INTER_AREA)
    run.report.source_s += time.perf_counter() - begin
    return Avatar(tuple(portraits), picture, tuple(p.sha256 for p in photos))


def avatar_of(paths: Sequence[Path], long_side_px: int, run: Run) -> Avatar:
    """From files to the avatar in one call, for whoever needs nothing in between."""
    if paths[0].suffix.lower() == AVATAR_SUFFIX:
        return opened(paths[0], long_side_px)
    photos, bodies = read_sources(paths, run)
    return build_avatar(find_sources(photos, bodies, run), long_side_px, run)


def opened(path: Path, long_side_px: int) -> Avatar:
    """An avatar that was made before, for another output size if need be. Raises `BadInput`."""
    from .avatar.storage import read_avatar, resized

    return resized(read_avatar(path), long_side_px)


def _matched(portraits: list[Portrait], names: list[str], run: Run) -> list[Portrait]:
    """The portraits as if all photos had the first one's exposure; a warning where they may show different people."""
    from .avatar.exposure import exposure_gains, with_gain
    from .avatar.likeness import doubts

    run.report.warnings.extend(doubts(portraits, names))
    return [with_gain(p, gain) for p, gain in zip(portraits, exposure_gains(portraits), strict=True)]


def _size(photo: Photo, long_side_px: int) -> tuple[int, int]:
    return output_size((photo.rgb.shape[1], photo.rgb.shape[0]), long_side_px)


def _matte(photo: Photo, track: PersonTrack, run: Run) -> np.ndarray:
    """[H, W] float32: the photo's own alpha, or the refined mask (the mask itself where refinement leaves nothing)."""
    if photo.matte is not None:
        return photo.matte
    mask = track.masks[0, 0].numpy()
    with run.clock.stage("source matte"):
        matte = refine_matte(photo.rgb, mask, track.box_xyxy_px[0].numpy())
    return matte if (matte > 0.5).any() else mask
