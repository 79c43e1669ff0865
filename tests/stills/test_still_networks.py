"""PG² and RSA-GAN: maps of poses, laws of the networks, windows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from still_material import TINY_PG2, TINY_RSA, person, still_batch

from motionimit.errors import BadInput, ShapeError
from motionimit.generator.pg2 import PG2, PG2_MARKET, Pg2Config
from motionimit.generator.rsa import RSAGAN, RsaConfig
from motionimit.generator.still_frame import render_still, still_input, window_of
from motionimit.generator.still_inputs import PARSING, StillInput
from motionimit.generator.still_maps import (
    FEATURES,
    discs,
    extent_px,
    frontality,
    limb_features,
    parsing_shares,
    pose_mask,
    region_prior,
)
from motionimit.pose.keypoints import KEYPOINTS, keypoints_of

SIZE = (64, 64)


def test_discs_lie_on_their_keypoints():
    points = person(192)[None]
    maps = discs(points, (192, 192))
    assert maps.shape == (1, 18, 192, 192) and set(maps.unique().tolist()) == {-1.0, 1.0}
    areas = (maps > 0).sum((2, 3))[0]
    assert (areas - 9 * torch.pi).abs().max() < 8, f"areas {areas.tolist()}"
    for k in (0, 4, 13):
        y, x = (maps[0, k] > 0).nonzero().float().mean(0) + 0.5
        assert (torch.stack([x, y]) - points[0, k, :2]).abs().max() < 0.6


@pytest.mark.parametrize("stride", [2, 8, 32])
def test_coarse_discs_are_never_lost_between_cells(stride):
    points = person(192)[None]
    maps = discs(points, (192, 192), stride)
    assert maps.shape == (1, 18, 192 // stride, 192 // stride)
    assert ((maps > 0).sum((2, 3)) > 0).all(), "a keypoint fell between the cells"
    for k in range(18):
        y, x = ((maps[0, k] > 0).nonzero().float().mean(0) + 0.5) * stride
        assert (torch.stack([x, y]) - points[0, k, :2]).abs().max() < stride


def test_a_missing_keypoint_draws_nothing():
    points = person()[None]
    points[0, 4, 2] = 0.0  # a wrist: its forearm goes too
    assert (discs(points, SIZE)[0, 4] == -1).all()
    assert pose_mask(points, SIZE).sum() < pose_mask(person()[None], SIZE).sum()
    assert (limb_features(points, SIZE, 8)[:, 2] == 0).all()


def test_pose_mask_covers_limbs_and_closes_gaps():
    points = person()[None]
    mask = pose_mask(points, SIZE, 0.03)[0, 0]
    for a, b in ((1, 2), (8, 9), (12, 13)):
        x, y = ((points[0, a, :2] + points[0, b, :2]) / 2).long().tolist()
        assert mask[y, x] == 1
    assert mask[0, 0] == 0 and set(mask.unique().tolist()) == {0.0, 1.0}


def test_pose_mask_covers_about_the_body_at_any_stride():
    batch = still_batch(1, side=256)
    body = batch.alpha > 0.5
    for stride in (1, 4):
        mask = torch.nn.functional.interpolate(pose_mask(batch.source.wanted, (256, 256), stride=stride), (256, 256)) > 0
        covered, inside = float((mask & body).sum() / body.sum()), float((mask & body).sum() / mask.sum())
        assert covered > 0.5 and inside > 0.9, f"stride {stride}: covers {covered:.2f} of the body, {inside:.2f} of it is body"


def test_region_prior_is_a_share_and_knows_its_places():
    points = person()[None]
    prior = region_prior(points, SIZE, 4)
    assert torch.allclose(prior.sum(1), torch.ones(1, 16, 16), atol=1e-5) and prior.min() >= 0
    best = prior[0].argmax(0)
    for name, keypoint in (("shoes", "left_ankle"), ("arms", "right_wrist")):
        x, y = (points[0, KEYPOINTS.index(keypoint), :2] / 4).long().tolist()
        assert PARSING[int(best[y, x])] == name
    assert PARSING[int(best[0, 0])] == "background"


def test_limb_features_travel_with_the_body():
    """Moved by whole cells, features on the body move along; those off it say where they are instead."""
    points = person(256)[None]
    moved = points.clone()
    moved[..., 0] += 8
    here, there = limb_features(points, (256, 256), 8), limb_features(moved, (256, 256), 8)
    assert here.shape[1] == FEATURES
    on_body = (here[:, :18].amax(1) > 0.99)[0].nonzero()
    assert len(on_body) > 5
    for r, c in on_body.tolist():
        assert (here[0, :, r, c] - there[0, :, r, c + 1]).abs().max() < 0.02


def test_frontality_and_extent():
    points = person()[None]
    assert frontality(points) > 0.5
    turned = points.clone()
    turned[..., 0] = 64 - turned[..., 0]
    assert torch.allclose(frontality(turned), -frontality(points))
    assert extent_px(points) == pytest.approx(float(points[0, :, 1].max() - points[0, :, 1].min()))
    assert torch.isfinite(extent_px(torch.zeros(1, 18, 3))).all()


def test_parsing_shares():
    labels = torch.zeros(1, 8, 8, dtype=torch.long)
    labels[:, :, 4:] = 3
    labels[:, :4, :4] = -1
    shares = parsing_shares(labels, 4)
    assert shares[0, 3, 0, 1] == 1 and shares[0, 0, 1, 0] == 1 and shares[0, :, 0, 0].sum() == 0


def test_keypoints_of_landmarks():
    landmarks = torch.rand(2, 33, 2) * 100
    confidence = torch.rand(2, 33)
    points = keypoints_of(landmarks, confidence)
    assert torch.equal(points[:, 0, :2], landmarks[:, 0]) and torch.equal(points[:, 4, :2], landmarks[:, 16])
    assert torch.allclose(points[:, 1, :2], (landmarks[:, 11] + landmarks[:, 12]) / 2)
    assert torch.equal(points[:, 1, 2], confidence[:, [11, 12]].amin(1))
    with pytest.raises(ShapeError):
        keypoints_of(landmarks[:, :32], confidence)


def shaken(model: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(3)
    for p in model.parameters():
        p.data += 0.02 * torch.randn_like(p)
    return model.eval()


@pytest.mark.parametrize(
    "build", [lambda: PG2(TINY_PG2), lambda: RSAGAN(TINY_RSA), lambda: RSAGAN(replace(TINY_RSA, semantics=False))]
)
def test_a_batch_is_its_examples(build):
    model, batch = shaken(build()), still_batch(2)
    with torch.no_grad():
        both = model(batch.source).rgb
        for k in range(2):
            one = StillInput(*(getattr(batch.source, n)[k : k + 1] for n in StillInput.__slots__))
            assert (model(one).rgb[0] - both[k]).abs().max() < 1e-4


def test_stage_two_begins_as_stage_one_and_leaves_it_alone():
    model, batch = PG2(TINY_PG2), still_batch(2)
    out = model(batch.source)
    assert torch.equal(out.rgb, out.coarse)
    shaken(model)
    model(batch.source).rgb.sum().backward()
    assert all(p.grad is None for p in model.integration.parameters())
    assert all(p.grad is not None for p in model.refinement.parameters())


def test_the_pose_reaches_every_place():
    """Stage I's bottleneck: a change of one wrist changes the far corner."""
    model, batch = shaken(PG2(TINY_PG2)), still_batch(1)
    wanted = batch.source.wanted.clone()
    wanted[0, 4, :2] += 9
    with torch.no_grad():
        change = (model.coarse(batch.source) - model.coarse(replace(batch.source, wanted=wanted))).abs().sum(1)[0]
    assert change[-1, -1] > 0 and change[0, 0] > 0


def test_every_level_of_stage_one_is_told_the_pose():
    model, batch = PG2(TINY_PG2), still_batch(1)
    moved = replace(batch.source, wanted=batch.source.wanted + torch.tensor([8.0, 0.0, 0.0]))
    stem, hints = model.integration.stem, model.integration.hint
    assert hints is not None and len(hints) == TINY_PG2.levels - 1
    with torch.no_grad():
        stem.weight[:, -18:] = 0
        for deaf in range(len(hints)):
            others = [k for k in range(len(hints)) if k != deaf]
            kept = [hints[k].weight.clone() for k in others]
            for k in others:
                hints[k].weight.zero_()
            assert not torch.equal(model.coarse(batch.source), model.coarse(moved)), f"level {deaf + 1} is deaf"
            for k, weight in zip(others, kept, strict=True):
                hints[k].weight.copy_(weight)


def test_without_semantics_the_parsing_changes_nothing():
    batch = still_batch(1)
    other = replace(batch.source, parsing=torch.zeros_like(batch.source.parsing))
    with torch.no_grad():
        plain, full = shaken(RSAGAN(replace(TINY_RSA, semantics=False))), shaken(RSAGAN(TINY_RSA))
        assert torch.equal(plain(batch.source).rgb, plain(other).rgb)
        assert not torch.equal(full(batch.source).rgb, full(other).rgb)


def test_attention_is_a_parsing():
    out = shaken(RSAGAN(TINY_RSA))(still_batch(2).source)
    assert out.regions.shape == (2, len(PARSING), 8, 8)
    assert (out.regions.exp().sum(1) < 1 + 1e-3).all()


@pytest.mark.parametrize("model", [PG2(TINY_PG2), RSAGAN(TINY_RSA)])
def test_another_size_is_refused(model):
    batch = still_batch(1, side=32)
    with pytest.raises(ShapeError):
        model(batch.source)


@pytest.mark.parametrize("config", [TINY_PG2, TINY_RSA, PG2_MARKET])
def test_config_survives_json(config):
    assert type(config).from_dict(config.to_dict()) == config
    with pytest.raises(ValueError, match="configuration must have"):
        type(config).from_dict({"width": 3})


@pytest.mark.parametrize(
    "make",
    [
        lambda: Pg2Config(width=100),
        lambda: Pg2Config(channels=0),
        lambda: Pg2Config(fold=3),
        lambda: Pg2Config(refinement_fold=8),
        lambda: RsaConfig(height=100),
        lambda: RsaConfig(channels=(1, 2)),  # type: ignore[arg-type]
    ],
)
def test_impossible_configs(make):
    with pytest.raises(ValueError, match=r"PG²|RSA-GAN"):
        make()


@settings(max_examples=25, deadline=None)
@given(st.floats(0.2, 5), st.floats(-50, 400), st.floats(-50, 400), st.sampled_from([0.5, 1.0]))
def test_the_window_holds_all_keypoints(scale, x, y, aspect):
    points = person()
    points[:, :2] = points[:, :2] * scale + torch.tensor([x, y])
    left, top, width, height = window_of(points, aspect)
    assert width / height == pytest.approx(aspect, rel=1e-4)
    inside = points[:, :2] - torch.tensor([left, top])
    assert inside.min() > 0 and (inside < torch.tensor([width, height])).all()


def test_too_few_keypoints():
    points = person()
    points[2:, 2] = 0
    with pytest.raises(BadInput, match="3 keypoints"):
        window_of(points, 1.0)


class Untouched(PG2):
    """Gives the photo back."""

    def forward(self, source, refine=True):
        return type(super().forward(source))(source.rgb, source.rgb)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_there_and_back_leaves_a_smooth_photo_as_it_is(scale):
    size = round(80 * scale)
    y, x = np.mgrid[:size, :size] / size
    photo = (np.stack([x, y, 0.5 + 0.4 * np.sin(6 * x + 4 * y)], -1) * 255).astype(np.uint8)
    points = person() * torch.tensor([scale, scale, 1.0])
    parsing = np.zeros((size, size), np.uint8)
    made = render_still(Untouched(TINY_PG2), photo, points, points, parsing)
    error = np.abs(made.rgb.astype(int) - photo).max()
    assert error <= 3, f"{error} grey levels"
    assert np.array_equal(made.rgb, made.coarse)


def test_labels_and_keypoints_move_with_the_picture():
    photo, parsing, points = np.zeros((80, 80, 3), np.uint8), np.zeros((80, 80), np.uint8), person()
    x, y = points[4, :2].round().long().tolist()
    photo[y - 2 : y + 2, x - 2 : x + 2], parsing[y - 2 : y + 2, x - 2 : x + 2] = 255, 5
    given = still_input(photo, points, points, parsing, window_of(points, 1.0), SIZE)
    for mask in (given.rgb[0, 0] > 0.5, given.parsing[0] == 5):
        centre = mask.nonzero().float().mean(0).flip(0) + 0.5
        assert (centre - given.keypoints[0, 4, :2]).abs().max() < 1.0
