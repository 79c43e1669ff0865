"""Photos out of a short video: frames that show the person sharp, whole, and from sides as different as the video has them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..body.initialise import STATURE_M
from ..body.quality import Skin
from ..body.residuals import image_normals
from ..body.rig import Rig
from ..body.silhouette import coverage, iou
from ..media.paths import check_whole, shown
from ..media.reader import VideoReader
from ..types import BodyParams, Frame, PersonTrack, Photo, Progress
from ..values import LARGEST_PERSON, PersonChoice
from .tracking import track_person

if TYPE_CHECKING:
    from ..body.model import BodyModel

ENOUGH_FRAMES, MAX_FRAMES = 200, 600  # every n-th frame is looked at, so that about so many are, and never more than ..
SLOWEST_FPS = 12.0  # fewer a second would be no motion to follow
TRACKED_SIDE_PX = 1280
APART_DEG = 25.0  # a frame that shows the person from nearer than this to another one shows hardly anything new
SLACK_DEG = 25.0  # how much of the angle that could be added may be given up for a better frame
ALIKE_DEG = 20.0  # sharpness and visibility depend on the side that is seen: they are compared with frames this near
FRONTAL_DEG = 15.0
WHOLE = 0.9  # share of the landmarks in the picture, of the most that any frame has
ERROR_PCT = 1.5  # reprojection error of a frame, of the person's height, that halves its quality; good ones have 0.3 to 0.8
AGREE_DEG = 25.0  # the same for detector and fit that see another side
GRID = 32  # cells in which sharpness is kept until it is known where the person was
BODY = (*range(11, 17), *range(23, 33))  # landmarks of trunk and limbs
ARMS = ((13, 11, 23), (15, 11, 23), (14, 12, 24), (16, 12, 24))  # elbow or wrist; shoulder and hip of its side
CLEAR = 0.12  # distance of an arm from the trunk's side, of the person's height, that is clear of it


def pick_frames(
    track: PersonTrack, params: BodyParams, sharpness: np.ndarray, count: int = 4, trust: np.ndarray | None = None
) -> tuple[int, ...]:
    """Up to `count` frames of a clip [T], the most frontal first, then always the one that adds the most of a new side.

    `sharpness` [T] is any measure that grows with it (`person_sharpness`), `trust` [T] 0..1 how well the fitted body
    explains a frame (`fit_trust`). Fewer are given where no other is `APART_DEG` away from those taken. Well-seen, whole, sharp
    frames with arms off the trunk are preferred, and those in which detector and fit agree; one without the person is never
    taken. Raises ValueError where no frame shows the person.
    """
    valid = np.flatnonzero(track.valid.numpy())
    if not len(valid) or count < 1:
        raise ValueError(f"no frame to pick from: {len(valid)} show the person, {count} are wanted")
    inside = _inside(track)[valid]
    usable = valid[inside >= WHOLE * inside.max()]
    yaw = yaw_deg(params)[usable]
    quality = _quality(track, yaw, sharpness, usable) * _agreement(track, yaw, usable)
    if trust is not None:
        quality = quality * trust[usable]
    frontal = np.abs(yaw)
    first = int(np.argmax(np.where(frontal <= frontal.min() + FRONTAL_DEG, quality, -1)))
    taken = [first]
    while len(taken) < count:
        apart = np.abs(_wrapped(yaw[:, None] - yaw[taken])).min(1)
        if apart.max() < APART_DEG:
            break
        near_best = apart >= max(apart.max() - SLACK_DEG, APART_DEG)
        taken.append(int(np.argmax(np.where(near_best, apart**2 * quality, -1))))
    return tuple(int(usable[i]) for i in taken)


def yaw_deg(params: BodyParams) -> np.ndarray:
    """[T] the side that the camera sees of the body, in (-180, 180]: 0 the front, 90 its right side, 180 the back."""
    facing, place = params.rotations[:, 0, :, 2].double().numpy(), params.translation_m.double().numpy()
    towards_camera = np.arctan2(-place[:, 0], -place[:, 2])
    return _wrapped(np.degrees(np.arctan2(facing[:, 0], facing[:, 2]) - towards_camera))


def fit_trust(track: PersonTrack, params: BodyParams, model: BodyModel) -> np.ndarray:
    """[T] 0..1: how well the fitted body explains each frame's landmarks and, as far as masks were kept, its silhouette."""
    return _falling(_error_pct(track, params, model) / ERROR_PCT) * _overlap(track, params, model)


def _error_pct(track: PersonTrack, params: BodyParams, model: BodyModel) -> np.ndarray:
    """[T] distance of the body's landmarks from the detected ones, % of the person's height, weighted by confidence."""
    shaped = Rig.landmarks(model).shaped(params.betas.double().numpy())
    posed = shaped.pose(params.rotations.double().numpy(), params.translation_m.double().numpy())
    xy, _ = image_normals(posed.points_m, params.camera)
    off = np.linalg.norm(xy - track.joints_px.numpy(), axis=-1)
    weight = track.confidence.numpy() + 1e-6
    tall_px = params.camera.focal_px * STATURE_M / np.maximum(-posed.positions_m[:, 0, 2], 0.1)
    return (off * weight).sum(1) / weight.sum(1) / tall_px * 100


def _overlap(track: PersonTrack, params: BodyParams, model: BodyModel) -> np.ndarray:
    """[T] IoU of the bare body with the kept masks, interpolated between them; 1 where there are none."""
    if not track.mask_frames:
        return np.ones(len(track.valid))
    skin = Skin(model, params.betas.double().numpy())
    values = []
    for t, mask in zip(track.mask_frames, track.masks[:, 0].numpy(), strict=True):
        vertices = skin(params.rotations[t].double().numpy(), params.translation_m[t].double().numpy())
        size = (mask.shape[1], mask.shape[0])
        xy, _ = image_normals(vertices, params.camera)
        values.append(iou(coverage(xy * (np.array(size) / params.camera.size_px), skin.faces, size), mask > 0.5))
    return np.interp(np.arange(len(track.valid)), track.mask_frames, values)


def frame_sharpness(rgb: np.ndarray) -> np.ndarray:
    """[GRID, GRID] float32 for a frame [H, W, 3] uint8: mean squared Laplacian of its grey levels in cells over the picture."""
    grey = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)  # noise and blocks of codecs are not sharpness
    return cv2.resize(cv2.Laplacian(grey, cv2.CV_32F) ** 2, (GRID, GRID), interpolation=cv2.INTER_AREA)


def person_sharpness(grids: np.ndarray, track: PersonTrack) -> np.ndarray:
    """[T] mean of `frame_sharpness` [T, GRID, GRID] in the person's boxes, times their height² (so that size doesn't count)."""
    cells = track.box_xyxy_px.numpy() / np.tile(track.size_px, 2) * GRID
    low, high = np.floor(cells[:, :2]).astype(int), np.ceil(cells[:, 2:]).astype(int)
    low, high = np.clip(low, 0, GRID - 1), np.clip(high, 1, GRID)
    return np.array(
        [g[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)].mean() for g, (x0, y0), (x1, y1) in zip(grids, low, high, strict=True)]
    )


def picked_photos(
    path: Path,
    model: BodyModel,
    count: int = 4,
    person: PersonChoice = LARGEST_PERSON,
    tell: Progress | None = None,
    warnings: list[str] | None = None,
) -> tuple[list[Photo], list[BodyParams]]:
    """The best frames of a video of one person, at full size, and the body in each (one shape, one fit to the whole video).

    `person` is the one to follow. At most 600 frames are looked at, and only every n-th of many; `warnings` receives
    what was left out and what the reader met. A `Photo`'s hash is that of its pixels. Raises `BadInput` as reading, tracking and
    fitting do.
    """
    from ..body.fit import fit_body

    check_whole(path)
    with VideoReader(path, max_side_px=TRACKED_SIDE_PX) as reader:
        stride = _stride(reader.frames, reader.info.fps)
        grids: list[np.ndarray] = []
        where = shown(path)
        counted = None if tell is None else _counted(tell, reader.frames, stride)
        with closing(_strided(reader, stride, grids)) as frames:  # type: ignore[type-var]
            track = track_person(frames, reader.info.fps / stride, person=person, progress=counted, where=where)
        params, _ = fit_body(track, model, progress=tell)
        trust = fit_trust(track, params, model)
        notes = [*reader.warnings, *_left_out(reader.frames, stride, len(grids), where)]
    picks = pick_frames(track, params, person_sharpness(np.stack(grids), track), count, trust)
    if warnings is not None:
        warnings.extend(notes)
    photos = [_photo(path, index * stride, reader.info.fps) for index in picks]
    sizes = [(p.rgb.shape[1], p.rgb.shape[0]) for p in photos]
    return photos, [params.at(i, *size) for i, size in zip(picks, sizes, strict=True)]


def _photo(path: Path, frame: int, fps: Fraction) -> Photo:
    with VideoReader(path, start_s=float(frame / fps), max_frames=1) as reader:
        rgb = np.ascontiguousarray(next(iter(reader)).rgb)
    content = f"{rgb.shape}".encode() + rgb.tobytes()
    return Photo(path, rgb, None, hashlib.sha256(content).hexdigest())


def _stride(frames: int | None, fps: Fraction) -> int:
    wanted = 1 if frames is None else -(-frames // ENOUGH_FRAMES)
    return max(1, min(wanted, int(float(fps) / SLOWEST_FPS)))


def _strided(reader: VideoReader, stride: int, grids: list[np.ndarray]) -> Iterator[Frame]:
    """Every `stride`-th frame, at most `MAX_FRAMES`; leaves their sharpness in `grids`."""
    with closing(iter(reader)) as frames:  # type: ignore[type-var]
        for frame in frames:
            if frame.index % stride:
                continue
            grids.append(frame_sharpness(frame.rgb))
            yield frame
            if len(grids) == MAX_FRAMES:
                return


def _counted(tell: Progress, frames: int | None, stride: int) -> Progress:
    total = None if frames is None else min(-(-frames // stride), MAX_FRAMES)
    return lambda stage, done, _: tell("landmarks", done, total)


def _left_out(frames: int | None, stride: int, looked_at: int, where: str) -> list[str]:
    if looked_at < MAX_FRAMES or (frames is not None and frames <= stride * MAX_FRAMES):
        return []
    return [f"only the first {looked_at * stride} frames of {where} were searched for views; cut the video if need be"]


def _quality(track: PersonTrack, yaw: np.ndarray, sharpness: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """[N] 0..1 of the frames [N]: sharp and seen against those from the same side, arms off the trunk."""
    seen = track.confidence.numpy()[frames][:, BODY].mean(1)
    near = np.abs(_wrapped(yaw[:, None] - yaw)) <= ALIKE_DEG
    sharp, clear = (_against(v, near) for v in (np.asarray(sharpness, float)[frames], seen))
    return sharp * clear * (0.7 + 0.3 * _arms_off(track)[frames])


def _agreement(track: PersonTrack, yaw: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """[N] 0..1: whether the detector's shoulders and hips face where the fitted body does; if not, neither is to be believed."""
    joints = track.joints_m.double().numpy()[frames]
    off = np.zeros(len(frames))
    for left, right in ((11, 12), (23, 24)):
        across = joints[:, left] - joints[:, right]
        off = np.maximum(off, np.abs(_wrapped(np.degrees(np.arctan2(-across[:, 2], across[:, 0])) - yaw)))
    return _falling(off / AGREE_DEG)


def _falling(ratio: np.ndarray) -> np.ndarray:
    """1 at 0, a half at 1, towards 0 beyond."""
    return 1 / (1 + ratio**2)


def _against(values: np.ndarray, near: np.ndarray) -> np.ndarray:
    """[N] values as a share, up to 1, of what the best tenth of those near [N, N] reach."""
    top = np.array([np.quantile(values[row], 0.9) for row in near])
    return np.clip(values / np.maximum(top, 1e-9), 0, 1)


def _inside(track: PersonTrack) -> np.ndarray:
    """[T] share of the landmarks that lie in the picture."""
    xy = track.joints_px.numpy()
    return ((xy >= 0) & (xy <= np.array(track.size_px))).all(-1).mean(1)


def _arms_off(track: PersonTrack) -> np.ndarray:
    """[T] 0..1: how clear elbows and wrists are of the line from shoulder to hip."""
    xy = track.joints_px.numpy().astype(float)
    tall = np.maximum(np.ptp(xy[..., 1], axis=1), 1.0)
    gaps = []
    for end, shoulder, hip in ARMS:
        along = xy[:, hip] - xy[:, shoulder]
        share = ((xy[:, end] - xy[:, shoulder]) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-6)
        nearest = xy[:, shoulder] + np.clip(share, 0, 1)[:, None] * along
        gaps.append(np.linalg.norm(xy[:, end] - nearest, axis=-1) / tall)
    return np.clip(np.mean(gaps, 0) / CLEAR, 0, 1)


def _wrapped(degrees: np.ndarray) -> np.ndarray:
    return -((180.0 - degrees) % 360.0 - 180.0)
