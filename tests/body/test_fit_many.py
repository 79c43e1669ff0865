"""One shape for several photos: found better than from one, whatever the photos' sizes; what is known is kept."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from fit_samples import SIZE_PX, dance, detect

from motionimit.body import so3
from motionimit.body.fit import fit_body
from motionimit.body.fit_many import fit_closer, fit_photos
from motionimit.body.model import BodyModel, load_body
from motionimit.body.quality import Skin, mask_agreement
from motionimit.body.silhouette import coverage
from motionimit.errors import BadInput
from motionimit.geometry.camera import Camera
from motionimit.types import BodyParams, PersonTrack

BETAS = np.array([0.5, -0.9, 0.8, 0.6, -0.8, 0.3, 0.5, 0.0, 0.3, 0.0])


@lru_cache
def body() -> BodyModel:
    return load_body()


@lru_cache
def material(masked: bool = True) -> tuple[BodyParams, tuple[PersonTrack, ...]]:
    """The truth and five photos from five sides, with noisy landmarks and, if `masked`, the bare body as mask."""
    truth = dance(41, turn_deg=250.0, betas=BETAS)
    clip = detect(truth, body(), noise=0.004)
    return truth, tuple(photo_of(truth, clip, frame, masked) for frame in (0, 10, 20, 30, 40))


def photo_of(truth: BodyParams, clip: PersonTrack, frame: int, masked: bool) -> PersonTrack:
    one = slice(frame, frame + 1)
    mask = silhouette(truth, frame) if masked else np.zeros((0, *SIZE_PX[::-1]), np.float32)
    return PersonTrack(
        SIZE_PX, clip.fps, clip.box_xyxy_px[one], clip.joints_px[one], clip.joints_m[one], clip.confidence[one], clip.valid[one],
        (), (0,) if masked else (), torch.from_numpy(mask)[:, None],
    )  # fmt: skip


def silhouette(params: BodyParams, frame: int) -> np.ndarray:
    """[1, H, W] float32"""
    skin = Skin(body(), params.betas.double().numpy())
    vertices = skin(params.rotations[frame].double().numpy(), params.translation_m[frame].double().numpy())
    xy = params.camera.project(torch.from_numpy(vertices)).numpy()
    return coverage(xy, skin.faces, params.camera.size_px).astype(np.float32)[None]


def padded(track: PersonTrack, left: int, right: int, scale: float = 1.0) -> PersonTrack:
    """The photo scaled, then with empty room at the sides (the long side must stay the same, and the middle in the middle)."""
    size = tuple(round(v * scale) for v in track.size_px)
    small = torch.nn.functional.interpolate(track.masks, size=size[::-1], mode="area")
    shift = torch.tensor([float(left), 0.0])
    return replace(
        track,
        size_px=(size[0] + left + right, size[1]),
        joints_px=track.joints_px * scale + shift,
        box_xyxy_px=track.box_xyxy_px * scale + shift.repeat(2),
        masks=torch.nn.functional.pad(small, (left, right)),
    )


def rest_error_mm(params: BodyParams) -> float:
    """Mean distance of the rest joints from the truth's after scaling: one camera can't tell size from distance."""
    ours, theirs = (
        body().rest_joints(b).double().numpy()
        for b in (
            params.betas,
            torch.from_numpy(BETAS).float(),
        )
    )
    ours, theirs = ours - ours.mean(0), theirs - theirs.mean(0)
    scale = (ours * theirs).sum() / (ours * ours).sum()
    return float(1000 * np.linalg.norm(scale * ours - theirs, axis=-1).mean())


def test_one_photo_gives_exactly_the_fit_of_one_photo() -> None:
    track = material()[1][0]
    (found,), (quality,) = fit_photos([track], body())
    params, expected = fit_body(track, body())
    assert all(torch.equal(getattr(found, f), getattr(params, f)) for f in ("rotations", "betas", "translation_m"))
    assert quality == expected and found.camera == params.camera


def test_many_photos_say_more_of_the_shape_than_one() -> None:
    tracks = material()[1]
    together, qualities = fit_photos(tracks, body())
    assert all(torch.equal(p.betas, together[0].betas) for p in together), "one person has one shape"
    alone = [rest_error_mm(fit_body(t, body())[0]) for t in tracks]
    joint = rest_error_mm(together[0])
    assert joint < 0.6 * np.mean(alone), f"{joint:.1f} mm off together, {np.round(alone, 1)} mm alone"
    worst = min(q.mask_iou or 0 for q in qualities), max(q.reprojection_pct_mean for q in qualities)
    assert worst[0] > 0.9 and worst[1] < 1.0, f"IoU {worst[0]:.3f}, reprojection {worst[1]:.2f} % at worst"


def test_photos_of_other_sizes_give_the_same_body() -> None:
    tracks = list(material()[1][:2])
    square = padded(tracks[1], 120, 120)
    half = padded(tracks[0], 0, 0, 0.5)
    plain, _ = fit_photos(tracks, body())
    mixed, _ = fit_photos([half, square], body())
    assert [p.camera for p in mixed] == [Camera.for_image(*half.size_px), Camera.for_image(960, 960)]
    for a, b in zip(plain, mixed, strict=True):
        joints = [body().mesh(p).joints_m[0].numpy() for p in (a, b)]
        off_mm = 1000 * np.linalg.norm(joints[0] - joints[1], axis=-1).max()
        assert off_mm < 15, f"a joint is {off_mm:.0f} mm elsewhere"  # of 3.4 m distance; the masks differ by rounding


def test_what_a_picture_cuts_off_is_no_outline() -> None:
    """A wide picture that ends at the shins: the body must not shrink to fit between the edges."""
    whole = material()[1][0]
    bottom = int(whole.joints_px[0, [25, 26], 1].max()) + 40
    cut = replace(whole, size_px=(SIZE_PX[0], bottom), masks=whole.masks[:, :, :bottom])
    wide = padded(cut, (bottom - SIZE_PX[0] + 200) // 2, (bottom - SIZE_PX[0] + 200) // 2)
    bodies, _ = fit_photos([whole, wide], body())
    height = [float(body().mesh(b).joints_m[0, :, 1].max() - body().mesh(b).joints_m[0, :, 1].min()) for b in bodies]
    assert abs(height[1] / height[0] - 1) < 0.03, f"{height[1]:.2f} m tall in the cut picture, {height[0]:.2f} m in the whole one"


def test_a_known_body_is_kept_and_lends_its_shape() -> None:
    truth, tracks = material()
    known = truth.at(10, *SIZE_PX)
    bodies, qualities = fit_photos(tracks[:2], body(), [None, known])
    assert bodies[1] is known and torch.equal(bodies[0].betas, known.betas)
    alone = fit_body(tracks[0], body(), betas=known.betas)[0]
    assert torch.equal(bodies[0].rotations, alone.rotations)
    assert (qualities[1].mask_iou or 0) > 0.96, "the truth against its own mask, at a quarter of its size"


def test_known_bodies_of_two_shapes_are_brought_to_the_first_ones() -> None:
    truth, tracks = material()
    known = [truth.at(0, *SIZE_PX), replace(truth.at(10, *SIZE_PX), betas=torch.zeros(10))]
    bodies, _ = fit_photos(tracks[:2], body(), known)
    assert bodies[0] is known[0] and torch.equal(bodies[1].betas, known[0].betas)


def test_closer_to_the_photo() -> None:
    truth, tracks = material()
    exact = truth.at(20, *SIZE_PX)
    tilt = torch.from_numpy(so3.exp(np.array([0.03, 0.1, 0.03]))).float()
    rough = replace(
        exact, rotations=exact.rotations.clone(), translation_m=exact.translation_m + torch.tensor([0.03, -0.02, 0.1])
    )
    rough.rotations[0, 0] = tilt @ rough.rotations[0, 0]
    found = fit_closer(tracks[2], body(), rough)
    before, after = (mask_agreement(tracks[2], p, body()) or 0 for p in (rough, found))
    assert after > 0.95 > before, f"IoU {before:.3f} before, {after:.3f} after"
    assert torch.equal(found.betas, rough.betas) and found.camera == rough.camera


def test_a_body_that_faces_elsewhere_is_believed() -> None:
    truth, tracks = material()
    away = replace(truth.at(20, *SIZE_PX), rotations=truth.rotations[20:21].clone())
    away.rotations[0, 0] = torch.from_numpy(so3.exp(np.array([0.0, np.pi / 2, 0.0]))).float() @ away.rotations[0, 0]
    assert fit_closer(tracks[2], body(), away) is away


def test_without_masks_landmarks_do() -> None:
    tracks = material(masked=False)[1]
    bodies, qualities = fit_photos(tracks[:3], body())
    error = max(q.reprojection_pct_mean for q in qualities)
    assert error < 0.8, f"{error:.2f} % of the height"
    assert qualities[0].mask_iou is None and torch.equal(bodies[0].betas, bodies[2].betas)


def test_wrong_calls_and_empty_photos() -> None:
    truth, tracks = material(masked=False)
    with pytest.raises(ValueError, match="as many known bodies"):
        fit_photos(tracks[:2], body(), [None])
    with pytest.raises(ValueError, match="one frame"):
        fit_photos([detect(truth, body())], body())
    unseen = replace(tracks[1], valid=torch.zeros(1, dtype=torch.bool), confidence=torch.zeros(1, 33))
    with pytest.raises(BadInput, match="^Photo 2 shows no person"):
        fit_photos([tracks[0], unseen], body())
