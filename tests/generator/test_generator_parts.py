"""Attention over photos, region styles, correspondence of poses, canvas: the laws that each of them keeps."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from generator_maps import body, frame, largest, oval

from motionimit.errors import ShapeError
from motionimit.generator.attention import LiquidWarpingBlock
from motionimit.generator.blocks import ChannelNorm, ConvGRU
from motionimit.generator.correspondence import SURFACE_FEATURES, StyleInjection, pose_tokens
from motionimit.generator.decoder import RAW, RIM_PX, Canvas, within_unit
from motionimit.generator.inputs import GROUPS
from motionimit.generator.regions import SemanticFusion, StyleIntegration, soft_groups
from motionimit.generator.warp import warp_features

SCENES = [(1, 1, 1, 2), (3, 3, 2, 4), (3, 1, 2, 8), (4, 1, 1, 2), (2, 2, 4, 8), (1, 1, 3, 4)]


@pytest.mark.parametrize(("batch", "persons", "count", "stride"), SCENES)
@pytest.mark.parametrize("size", [(64, 48), (16, 80)])
def test_fused_warp_agrees_with_torch(batch, persons, count, stride, size):
    target = frame(batch, count, *size, seed=stride)
    features = torch.randn(persons, count, 80 // stride, 96 // stride, 7, generator=torch.Generator().manual_seed(0))
    ours, seen = warp_features(features, target.source_px, target.seen, stride, fused=True)
    theirs, seen_too = warp_features(features, target.source_px, target.seen, stride, fused=False)
    assert ours.shape == theirs.shape == (batch, count, size[0] // stride, size[1] // stride, 7)
    assert largest(ours - theirs) < 1e-4, f"{largest(ours - theirs):.2g}"
    assert largest(seen - seen_too) < 1e-6
    assert largest(ours) > 0.5


def test_warp_of_the_identity_is_the_identity():
    features = torch.randn(1, 1, 8, 6, 5)
    y, x = torch.meshgrid(torch.arange(32) + 0.5, torch.arange(24) + 0.5, indexing="ij")
    source_px, seen = torch.stack([x, y])[None, None], torch.full((1, 1, 1, 32, 24), 0.7)
    for fused in (False, True):
        warped, mean = warp_features(features, source_px, seen, 4, fused)
        assert largest(warped - features) < 1e-5
        assert largest(mean - 0.7) < 1e-6
    nothing, mean = warp_features(features, source_px * float("nan"), 0 * seen, 4)
    assert largest(nothing) == 0 and largest(mean) == 0, "where nothing was seen, nothing may leak, whatever source_px holds"


def test_gradients_take_the_torch_path():
    target = frame()
    features = torch.randn(1, 1, 16, 12, 3, requires_grad=True)
    warp_features(features, target.source_px, target.seen, 4)[0].sum().backward()
    assert features.grad is not None and largest(features.grad) > 0


def test_warp_refuses_other_shapes():
    target = frame(2, 2)
    with pytest.raises(ShapeError, match="features"):
        warp_features(torch.zeros(3, 2, 8, 8, 4), target.source_px, target.seen, 4)
    with pytest.raises(ShapeError, match="features"):
        warp_features(torch.zeros(1, 1, 8, 8, 4), target.source_px, target.seen, 4)


def test_attention_prefers_the_photo_that_saw_the_pixel():
    torch.manual_seed(0)
    block = LiquidWarpingBlock(8, 4, 2, "att", 3)
    own, warped = torch.zeros(1, 2, 2, 16), torch.zeros(1, 2, 2, 2, 12)
    own[..., 8:], warped[:, 0, ..., 4:], warped[:, 1, ..., 4:] = 0.0, 1.0, 2.0
    seen = torch.zeros(1, 2, 2, 2)
    seen[:, 0, 0, 0], seen[:, 1, 1, 1] = 1.0, 1.0
    with torch.no_grad():
        mixed = block._attend(own, warped, seen)
        block.trust[1] = 12.0
        sure = block._attend(own, warped, seen)
    assert 0.5 < float(mixed[0, 0, 0, 0]) < 1 and 1 < float(mixed[0, 1, 1, 0]) < 2, mixed[..., 0]
    assert largest(sure[0, 0, 0] - 1) < 0.01 and largest(sure[0, 1, 1] - 2) < 0.01
    assert largest(mixed[0, 0, 1]) < 0.02, "the target's own slot (0) wins where no photo saw anything"


def test_keys_and_values_commute_with_the_warp():
    torch.manual_seed(0)
    block, target = LiquidWarpingBlock(8, 4, 4, "att", 3), frame()
    features = torch.randn(1, 8, 16, 12)
    with torch.no_grad():
        before = warp_features(block.prepare(features, 1), target.source_px, target.seen, 4)[0]
        plain = warp_features(features.permute(0, 2, 3, 1)[:, None], target.source_px, target.seen, 4)[0]
        after = block.photo(plain[:, 0].permute(0, 3, 1, 2)).permute(0, 2, 3, 1)[:, None]
    assert largest(before - after) < 1e-5


def integration(channels=16, seed=0):
    torch.manual_seed(seed)
    return StyleIntegration(channels).eval()


def region_scene(count=2):
    groups, _ = body(count, 64, 48)
    shares = soft_groups(groups)
    return torch.nn.functional.avg_pool2d(shares, 2), torch.randn(count, 16, 8, 6), torch.rand(count, 4, 8, 6)


def test_region_attention_sums_to_one():
    module, (parsing, features, rgba) = integration(), region_scene()
    with torch.no_grad():
        styles, share = module.prepare(features, rgba, parsing, 2)
        assert styles.shape == (1, 2 * GROUPS, 36) and share.shape == (1, 2 * GROUPS)
        assert largest(share.exp().unflatten(1, (2, GROUPS)).sum(1) - 1) < 1e-5
        mixed, attention = module.attend(torch.randn(1, 48, 16), styles, share)
    assert mixed.shape == (1, 48, 20) and attention.shape == (1, 48, 2 * GROUPS + 1)
    assert largest(attention.sum(-1) - 1) < 1e-5
    assert float(attention.min()) > 0


def test_a_photo_given_twice_counts_once():
    module, (parsing, features, rgba) = integration(), region_scene(1)
    x = torch.randn(1, 16, 8, 6)
    with torch.no_grad():
        once = module(x, *module.prepare(features, rgba, parsing, 1))
        twice = module(x, *module.prepare(*(t.repeat(2, 1, 1, 1) for t in (features, rgba, parsing)), 2))
    for name, a, b in zip(("feature", "colour", "regions"), once, twice, strict=True):
        assert largest(a - b) < 1e-4, name


def test_a_region_is_asked_of_the_photo_that_shows_it():
    module, (parsing, features, rgba) = integration(), region_scene(2)
    parsing[0, 3] = 0  # the first photo lacks the pelvis
    with torch.no_grad():
        _, share = module.prepare(features, rgba, parsing, 2)
        parsing[1, 3] = 0  # nor does the second show it
        styles, equal = module.prepare(features, rgba, parsing, 2)
    lacking, having = share.exp().unflatten(1, (2, GROUPS))[0, :, 3].tolist()
    assert lacking < 0.01 and having > 0.99, (lacking, having)
    assert largest(equal.exp().unflatten(1, (2, GROUPS))[0, :, 3] - 0.5) < 1e-5
    assert largest(styles[:, 3, 32:]) == 0 and bool(styles.isfinite().all()), "no colour is known, the learned default remains"


def test_soft_groups_count_pixels():
    labels = torch.full((1, 16, 16), -1)
    labels[:, :8] = 4
    shares = soft_groups(labels)
    assert shares.shape == (1, GROUPS, 4, 4)
    assert torch.equal(shares[0, 4], torch.tensor([[1.0], [1.0], [0.0], [0.0]]).expand(4, 4)) and float(shares.sum()) == 8


def test_fusion_keeps_regions_apart():
    torch.manual_seed(0)
    fusion = SemanticFusion(12)
    seen = []
    fusion.merge.register_forward_hook(lambda _module, inputs, _out: seen.append(inputs[0]))
    parsing, pose = torch.rand(1, GROUPS, 8, 8), torch.rand(1, GROUPS, 8, 8)
    with torch.no_grad():
        fusion(parsing, pose)
        parsing[:, 3] += 1
        fusion(parsing, pose)
    changed = (seen[0] - seen[1]).abs().amax((0, 2, 3)).unflatten(0, (GROUPS, -1)).amax(-1) > 0
    assert changed.nonzero().flatten().tolist() == [3]


def test_style_comes_from_the_same_place():
    torch.manual_seed(0)
    groups, place = body(1, 128, 64)
    shares, half = soft_groups(groups), place[:, :, ::2, ::2]
    on_body = (groups[:, None, ::2, ::2] >= 0).float()
    pose = pose_tokens(half, on_body, shares)
    module = StyleInjection(16, 12, SURFACE_FEATURES + GROUPS)
    with torch.no_grad():
        module.temperature.fill_(8.0)  # sharp: each token finds itself
        rgba = torch.rand(1, 4, 16, 8)
        tokens = module.prepare(torch.randn(1, 16, 16, 8), rgba, pose, 1)
        x, colour = module(torch.randn(1, 16, 16, 8), pose, *tokens)
    wanted = torch.nn.functional.avg_pool2d(rgba, 2) * pose.near
    found = torch.nn.functional.avg_pool2d(colour, 2)
    inner = pose.near[0, 0, 2:-2, 1:-1]
    error = (found - wanted)[0, :, 2:-2, 1:-1][:, inner].abs().mean()
    other = (wanted.flip(2) - wanted)[0, :, 2:-2, 1:-1][:, inner].abs().mean()
    assert x.shape == (1, 16, 16, 8)
    assert float(error) < 0.5 * float(other), (float(error), float(other))


def test_correspondence_without_any_body():
    module = StyleInjection(16, 12, SURFACE_FEATURES)
    place, nobody = torch.zeros(1, 4, 32, 32), torch.zeros(1, 1, 32, 32)
    pose = pose_tokens(place, nobody, None)
    with torch.no_grad():
        tokens = module.prepare(torch.randn(1, 16, 8, 8), torch.rand(1, 4, 8, 8), pose, 1)
        x, colour = module(torch.randn(1, 16, 8, 8), pose, *tokens)
    assert bool(x.isfinite().all()) and largest(colour) == 0


def test_norm_is_per_pixel():
    x = torch.randn(1, 16, 8, 8) * 3 + 1
    whole = ChannelNorm()(x)
    assert largest(whole.mean(1)) < 1e-5 and largest(whole.var(1, unbiased=False) - 1) < 1e-3
    assert largest(whole[..., 4:, 4:] - ChannelNorm()(x[..., 4:, 4:])) < 1e-5


def test_memory_stays_bounded():
    torch.manual_seed(0)
    gru, hidden = ConvGRU(8), torch.zeros(1, 8, 4, 4)
    with torch.no_grad():
        for _ in range(50):
            hidden = gru(10 * torch.randn(1, 8, 4, 4), hidden)
    assert largest(hidden) <= 1


def canvas(alpha, colour=0.8):
    rgba = torch.cat([torch.full((1, 3, *alpha.shape), colour), alpha.expand(1, 1, -1, -1)], 1)
    return Canvas.of(rgba, torch.zeros(1, 1, *alpha.shape))


def test_what_is_not_drawn_gets_the_persons_colour_nearby():
    made = canvas(oval(64, 64).float())
    near = F.max_pool2d(made.alpha, 33, 1, 16) > 0
    assert int((near & (made.alpha == 0)).sum()) > 100
    assert largest(made.base[near.expand(-1, 3, -1, -1)] - 0.8) < 0.02


def test_alpha_falls_where_nothing_was_shown_and_never_grows():
    made = canvas(oval(64, 64).float())
    raw = torch.zeros(1, RAW, 64, 64, requires_grad=True)
    _, alpha, gate = made.painted(raw)
    assert largest(alpha - made.alpha) < 1e-5, "what was 0 or 1 stays so"
    assert float(gate.detach().max()) == pytest.approx(float(torch.sigmoid(torch.tensor(3.0))), abs=1e-5)
    (alpha.sum()).backward()
    assert largest(raw.grad[:, 4] - 1) < 1e-6, "the clamp must not hold gradients back"
    with torch.no_grad():
        raw[:, 4] = -20.0
        assert bool((made.painted(raw)[1] == 0).all()), "unknown surface may go"
        raw[:, 4] = 20.0
        assert largest(made.painted(raw)[1] - made.alpha) < 1e-5, "nothing may be added"
    assert torch.equal(within_unit(torch.tensor([-0.5, 0.25, 1.5])), torch.tensor([0.0, 0.25, 1.0]))


def test_the_gate_closes_along_the_silhouette():
    alpha = torch.zeros(64, 64)
    alpha[16:48, 16:48] = 1
    made = replace(canvas(alpha), confidence=torch.ones(1, 1, 64, 64))
    gate = made.painted(torch.zeros(1, RAW, 64, 64))[2][0, 0, 32]
    assert float(gate[32]) < 0.05 and float(gate[4]) < 0.05, "what is sure must pass, inside and outside"
    blind = replace(made, confidence=torch.zeros(1, 1, 64, 64)).painted(torch.zeros(1, RAW, 64, 64))[2][0, 0, 32]
    assert float(blind[32]) > 0.9 and float(blind[4]) > 0.9, "what is unknown must be open"
    across = blind[16 - RIM_PX : 17 + RIM_PX]
    assert float(across.min()) < 0.15, f"the silhouette must stay as drawn, gate {float(across.min()):.2f}"


def test_alpha_next_to_what_a_photo_showed_stays_as_drawn():
    alpha = torch.zeros(64, 64)
    alpha[16:48, 16:48] = 1
    made, raw = canvas(alpha), torch.zeros(1, RAW, 64, 64)
    raw[:, 4] = torch.where(alpha > 0.5, -20.0, 20.0)
    assert float(made.painted(raw)[1].max()) == 0, "unknown surface may go, and nothing may come"
    sure = replace(made, confidence=torch.ones(1, 1, 64, 64)).painted(raw)[1][0, 0]
    reach = RIM_PX // 2
    assert largest(sure - alpha) < 1e-5, "what a photo showed must stay"
    half = torch.zeros(1, 1, 64, 64)
    half[..., :24] = 1
    cut = replace(made, confidence=half).painted(raw)[1][0, 0]
    assert largest(cut[20:44, 16 : 24 + reach] - 1) < 1e-5, f"and what lies within {reach} px of it"
    assert largest(cut[20:44, 24 + reach : 48]) == 0


def test_what_styles_would_change():
    made = canvas(oval(64, 64).float())
    opaque = torch.cat([torch.full((1, 3, 8, 8), 0.3), torch.ones(1, 1, 8, 8)], 1)
    missing = made.missing(torch.cat([opaque, 0 * opaque], 1))
    assert missing.shape == (1, 6, 32, 32)
    assert largest(missing[:, :3, 16, 16] + 0.5) < 1e-5 and largest(missing[:, 3:]) == 0
