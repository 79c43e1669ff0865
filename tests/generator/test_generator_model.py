"""The generator as a whole: untrained it changes nothing; what its result may depend on; that it learns."""

from dataclasses import fields, replace

import pytest
import torch
from generator_maps import TINY, frame, largest, oval, photos, shaken

from motionimit.errors import ShapeError
from motionimit.generator.config import BASE, SIZES, SMALL, GeneratorConfig
from motionimit.generator.inputs import GROUPS, SourceMaps, TargetMaps
from motionimit.generator.model import Generator, State

VARIANTS = {
    "full": TINY,
    "no semantics": replace(TINY, semantics=False),
    "no correspondence": replace(TINY, correspondence=False),
    "added": replace(TINY, attention="add"),
    "bare": replace(TINY, attention="add", semantics=False, correspondence=False),
}


def each(maps, function):
    return type(maps)(*(function(getattr(maps, f.name)) for f in fields(maps)))


@pytest.mark.parametrize("config", [*VARIANTS.values(), SMALL], ids=[*VARIANTS, "small"])
def test_untrained_it_returns_the_geometric_result(config):
    torch.manual_seed(0)
    model, target = Generator(config).eval(), frame(2, 2)
    with torch.inference_mode():
        out = model(model.encode(photos(2, 2)), target)
    alpha = target.rgba[:, 3:]
    assert largest(out.alpha - alpha) < 1e-3
    assert largest(out.rgb * out.alpha - target.rgba[:, :3] * alpha) < 1e-3
    assert (out.regions is None) != config.semantics


def test_soft_edges_keep_their_colour():
    model, target = Generator(TINY).eval(), frame()
    ramp = torch.linspace(0, 1, target.rgba.shape[-1]).expand_as(target.rgba[:, 3:])
    target = replace(target, rgba=torch.cat([target.rgba[:, :3], ramp], 1))
    with torch.inference_mode():
        out = model(model.encode(photos()), target)
    assert largest(out.rgb * out.alpha - target.rgba[:, :3] * ramp) < 1e-3
    assert largest(out.alpha - ramp) < 1e-3


def test_sizes_are_small_enough_to_ship():
    counts = {name: sum(p.numel() for p in Generator(config).parameters()) for name, config in SIZES.items()}
    assert counts["small"] < 3e6 and counts["base"] < 6e6, counts
    assert SIZES == {"small": SMALL, "base": BASE}


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_gradients_reach_every_parameter(config):
    model = shaken(config).train()
    identity = model.encode(photos(2, 2), reconstruct=True)
    first = model(identity, frame(2, 2))
    second = model(identity, frame(2, 2, seed=5), first.state)
    total = second.rgb.square().mean() + second.alpha.square().mean() + identity.reconstruction.square().mean()
    if second.regions is not None:
        total = total + second.regions[:, 0].mean()
    total.backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not without, without


def test_it_fits_one_batch():
    torch.manual_seed(0)
    model, source, target = Generator(TINY).train(), photos(height=32, width=32), frame(height=32, width=32)
    inside = oval(32, 32).float()
    truth = source.rgb[:, 0]
    optimizer = torch.optim.Adam(model.parameters(), 6e-3)
    errors = []
    for _ in range(40):
        out = model(model.encode(source), target)
        error = (out.rgb * inside - truth).abs().mean() + (out.alpha - inside).abs().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(float(error.detach()))
    assert errors[-1] < 0.7 * errors[0], errors[:: len(errors) - 1]


def test_no_veil_far_from_the_person():
    model = shaken()
    with torch.no_grad():
        model.head.bias.add_(2.0)
    target = frame(height=128, width=128)
    person = torch.zeros(128, 128)
    person[:48, :48] = oval(48, 48)
    rgba = torch.cat([target.rgba[:, :3], person.expand(1, 1, -1, -1)], 1)
    labels = torch.where(person > 0, 2, -1)[None]
    target = replace(target, rgba=rgba, body=labels, parsing=labels)
    with torch.inference_mode():
        alpha = model(model.encode(photos(height=128, width=128)), target).alpha[0, 0]
    assert float((alpha - person).max()) < 1e-6, "no veil may lie on the background"


def test_damping_lets_that_share_of_the_residual_colour_through():
    model, source, target = shaken(), photos(), frame()
    with torch.inference_mode():
        whole = model(model.encode(source), target)
    model.damp(0.25)
    with torch.inference_mode():
        part = model(model.encode(source), target)
    base, drawn = target.rgba[:, :3], (target.rgba[:, 3:] > 0.5).expand(-1, 3, -1, -1)
    free = drawn & (whole.rgb > 0.01) & (whole.rgb < 0.99)
    assert int(free.sum()) > 50 and largest((whole.rgb - base)[free]) > 0.01
    assert largest(((part.rgb - base) - 0.25 * (whole.rgb - base))[free]) < 1e-5
    assert torch.equal(part.alpha, whole.alpha) and torch.equal(part.gate, whole.gate)


def test_the_order_of_photos_does_not_matter():
    model, source, target = shaken(), photos(2, 3), frame(2, 3)
    order = [2, 0, 1]
    other = replace(target, source_px=target.source_px[:, order], seen=target.seen[:, order])
    with torch.inference_mode():
        here = model(model.encode(source), target)
        there = model(model.encode(each(source, lambda t: t[:, order])), other)
    for name in ("rgb", "alpha", "gate", "regions"):
        difference = largest(getattr(here, name) - getattr(there, name))
        assert difference < 1e-4, f"{name} differs by {difference:.2g}"


def test_one_identity_serves_many_frames():
    model, source, target = shaken(), photos(1, 2), frame(3, 2)
    copies = each(source, lambda t: t.expand(3, *t.shape[1:]))
    with torch.inference_mode():
        shared = model(model.encode(source), target)
        single = model(model.encode(copies), target)
    assert largest(shared.rgb - single.rgb) < 1e-5 and largest(shared.alpha - single.alpha) < 1e-5


def test_photos_are_seen():
    model, target = shaken(), frame(1, 1)
    with torch.inference_mode():
        here, there = (model(model.encode(photos(seed=s)), target).rgb for s in (0, 9))
    assert largest(here - there) > 1e-3


def test_a_moved_crop_gives_the_same_pixels():
    """Away from the borders. The same scene moved by 8 px, or InstanceNorm in the place of ChannelNorm, breaks these bounds."""
    model, source, whole = shaken(), photos(height=320, width=320), frame(height=320, width=320)
    shifted = each(whole, lambda t: t[..., 16:, 16:])
    with torch.inference_mode():
        identity = model.encode(source)
        here, there = model(identity, whole), model(identity, shifted)
    for name, bound in (("rgb", 3e-4), ("alpha", 3e-4), ("gate", 3e-4)):
        full, part = getattr(here, name)[..., 16:, 16:], getattr(there, name)
        middle = largest((full - part)[..., 112:-112, 112:-112])
        assert middle < bound, f"{name} changes by {middle:.2g} where the crop moves by 16 px"


def test_the_state_matters_and_moves():
    model, source, target = shaken(), photos(), frame()
    with torch.inference_mode():
        identity = model.encode(source)
        first = model(identity, target)
        second = model(identity, target, first.state)
    assert largest(first.rgb - second.rgb) > 1e-5
    hidden = first.state.hidden
    assert hidden.shape[2:] == (8, 6)
    moved = first.state.moved(2, -4, 10, 12)
    assert moved.hidden.shape[2:] == (10, 12)
    assert torch.equal(moved.hidden[:, :, 0:6, 4:10], hidden[:, :, 2:8]), "old cell (2, 0) lies at (0, 4) now"
    assert largest(moved.hidden[:, :, 6:]) == 0 and largest(moved.hidden[..., :4]) == 0
    back = moved.moved(-2, 4, 8, 6).hidden
    assert torch.equal(back[:, :, 2:], hidden[:, :, 2:]) and largest(back[:, :, :2]) == 0
    assert torch.equal(first.state.moved(0, 0, 8, 6).hidden, hidden)
    assert largest(first.state.moved(40, 0, 8, 6).hidden) == 0, "nothing of the old crop is left"


def test_regions_are_probabilities():
    model = shaken()
    with torch.inference_mode():
        regions = model(model.encode(photos(2, 2)), frame(2, 2)).regions.exp()
    assert regions.shape == (2, GROUPS, 8, 6)
    total = regions.sum(1)
    assert float(total.min()) > 0.1 and float(total.max()) < 1 + 1e-4, "the rest of 1 goes to none of the regions"


def test_corruption_is_for_training_alone_and_repeatable():
    model, source = shaken(), photos()
    plain = model.encode(source, reconstruct=True)
    assert torch.equal(plain.levels[0], model.encode(source).levels[0])
    model.train()
    assert torch.equal(plain.levels[0], model.encode(source).levels[0])
    torch.manual_seed(3)
    once = model.encode(source, reconstruct=True).reconstruction
    torch.manual_seed(3)
    assert torch.equal(once, model.encode(source, reconstruct=True).reconstruction)
    assert largest(once - plain.reconstruction) > 1e-4
    assert once.shape == (1, 1, 4, 64, 48)


@pytest.mark.parametrize("autocast", [torch.bfloat16, torch.float16])
def test_half_precision_stays_close(autocast):
    model, source, target = shaken(), photos(), frame()
    with torch.inference_mode():
        full = model(model.encode(source), target)
        with torch.autocast("cpu", autocast):
            identity = model.encode(source)
            half = model(identity, target, model(identity, target).state)
    assert full.rgb.dtype == half.rgb.dtype == torch.float32
    assert float((full.alpha - half.alpha).abs().mean()) < 0.02


def test_wrong_shapes_are_refused():
    model, source, target = shaken(), photos(2, 2), frame(2, 2)
    identity = model.encode(source)
    with pytest.raises(ShapeError, match="rgb must have shape"):
        model.encode(each(source, lambda t: t[..., :40]))
    with pytest.raises(ShapeError, match="rgba must have shape"):
        model(identity, each(target, lambda t: t[..., :40, :]))
    with pytest.raises(ShapeError, match="source_px"):
        model(identity, frame(2, 1))
    with pytest.raises(ShapeError, match="source_px"):
        model(identity, frame(3, 2))
    with pytest.raises(ShapeError, match=r"state\.hidden"):
        model(identity, target, State(torch.zeros(2, 8, 4, 4)))
    with pytest.raises(ShapeError, match="alpha"):
        SourceMaps(source.rgb, source.alpha[:, :1], source.parsing, source.body, source.place)
    with pytest.raises(ShapeError, match="place"):
        TargetMaps(*(getattr(target, f.name) for f in fields(target)[:-1]), target.place[:, :3])


@pytest.mark.parametrize(
    "values",
    [
        {"channels": (8, 8)},
        {"channels": (8, 8, 15)},
        {"channels": (8, 0, 16)},
        {"attention": "none"},
        {"residual_blocks": 99},
        {"semantics": 1},
        {"key_channels": 4.0},
    ],
)
def test_impossible_configurations(values):
    with pytest.raises(ValueError, match="generator|channels|switches"):
        replace(TINY, **values)


def test_configuration_round_trip():
    assert GeneratorConfig.from_dict(BASE.to_dict()) == BASE
    with pytest.raises(ValueError, match="must have"):
        GeneratorConfig.from_dict({**BASE.to_dict(), "more": 1})
