"""The maps that the generator sees: in the photo's own pose they must lead from every drawn pixel back to the photo."""

from functools import cache

import numpy as np
import pytest
import torch
from generator_people import model, portrait
from hypothesis import given, settings
from hypothesis import strategies as st

from motionimit.body.parts import Region
from motionimit.flow.transfer import Renderer, Warped
from motionimit.generator.inputs import GROUPS, STRIDE_PX, Batch, Truth, group_table, moved
from motionimit.generator.maps import Box, TargetMapper, box_of, cropped, source_maps, stacked
from motionimit.geometry.grid import grid_from_pixels, sample


@cache
def still():
    """The avatar drawn in its own pose, its maps, and the photo's."""
    a = portrait()
    maps, scale = source_maps(a, model())
    transforms = model().joint_transforms(a.params.rotations, model().rest_joints(a.params.betas), a.params.translation_m)[0]
    drawn = Renderer(a.surface, a.layers, a.params.camera.size_px, a.known).render(transforms, a.params.camera)
    drawn = Warped(drawn.rgba.clone(), drawn.source_px.clone(), drawn.confidence.clone())
    box = box_of(drawn.rgba[..., 3], 12)
    mapper = TargetMapper([a], [scale], model(), "cpu")
    return maps, mapper.maps([drawn], transforms, a.params.camera, box), drawn, box, (mapper, transforms, scale)


def test_groups_cover_all_regions_and_know_nothing_as_nothing():
    table = group_table()
    assert len(table) == len(Region) + 1 and table[-1] == -1
    assert set(table[:-1].tolist()) == set(range(GROUPS))
    for left in (r for r in Region if r.name.startswith("LEFT")):
        assert table[left] == table[Region[left.name.replace("LEFT", "RIGHT")]], f"{left.name} and its mirror must share a group"


def test_the_flow_leads_back_to_the_photo():
    source, target, *_ = still()
    height, width = source.rgb.shape[-2:]
    grid = grid_from_pixels(target.source_px[0, 0].permute(1, 2, 0), width, height)
    photo = sample(source.rgb[:, 0], grid[None])
    sure = (target.seen[:, 0] > 0.9) & (target.rgba[:, 3:] > 0.99)
    assert float(sure.float().mean()) > 0.1, "hardly anything is sure in the photo's own pose"
    off = float(((photo - target.rgba[:, :3]).abs() * sure).sum() / sure.sum() / 3)
    assert off < 0.02, f"photo and drawing differ by {off:.3f} where the photo showed the surface"


def test_parsing_and_body_agree_in_the_photos_own_pose():
    source, target, *_ = still()
    both = (target.parsing >= 0) & (target.body >= 0)
    share = float((target.parsing == target.body)[both].float().mean())
    assert share > 0.9, f"parsing map and body agree on {share:.0%} only"
    both = (source.parsing >= 0) & (source.body >= 0)
    assert float((source.parsing == source.body)[both].float().mean()) > 0.9
    facing = source.place[0, 0, 3][source.body[0, 0] >= 0]
    assert float(facing.min()) > -0.05 and float(facing.max()) <= 1.001, "a visible surface faces the camera"


def test_place_is_the_rest_pose_in_metres():
    _, target, *_ = still()
    y = target.place[0, 1]
    head, feet = target.body[0] == 0, target.body[0] == 9
    tall = float(y[head].mean() - y[feet].mean())
    assert 1.2 < tall < 2.0, f"scalp and feet are {tall:.2f} m apart in the rest pose"
    assert float(target.place[0][:, target.body[0] < 0].abs().max()) == 0


def test_boxes_are_on_the_lattice_and_hold_the_person():
    _, target, drawn, box, _ = still()
    assert all(n % STRIDE_PX == 0 for n in (box.left, box.top, box.width, box.height))
    outside = drawn.rgba[..., 3].clone()
    outside[max(box.top, 0) : box.top + box.height, max(box.left, 0) : box.left + box.width] = 0
    assert float(outside.max()) <= 1e-3 and target.rgba.shape[2:] == (box.height, box.width)
    assert box_of(torch.zeros(8, 8), 4) is None


@settings(max_examples=120, deadline=None)
@given(st.integers(-3, 3), st.integers(-3, 3), st.integers(1, 5), st.integers(1, 5))
def test_a_crop_is_the_frame_moved(left, top, width, height):
    box = Box(16 * left, 16 * top, 16 * width, 16 * height)
    plane = torch.arange(1.0, 1 + 40 * 56).reshape(1, 40, 56)
    out = cropped(plane, box)
    assert out.shape == (1, box.height, box.width)
    y, x = np.random.default_rng(abs(left + 7 * top)).integers(0, (box.height, box.width))
    inside = 0 <= y + box.top < 40 and 0 <= x + box.left < 56
    assert float(out[0, y, x]) == (float(plane[0, y + box.top, x + box.left]) if inside else 0.0)


def test_two_photos_are_mixed_by_what_each_saw():
    source, _, drawn, box, (_, transforms, scale) = still()
    a = portrait()
    blind = Warped(drawn.rgba * torch.tensor([0.0, 0, 0, 1]), drawn.source_px, torch.zeros_like(drawn.confidence))
    mapper = TargetMapper([a, a], [scale, scale], model(), "cpu")
    both = mapper.maps([blind, drawn], transforms, a.params.camera, box)
    alone = still()[1]
    sure = (alone.confidence > 0.9) & (alone.rgba[:, 3:] > 0.5)
    off = float(((both.rgba - alone.rgba)[:, :3].abs() * sure).max())
    assert off < 0.01, f"a photo that saw nothing changes what another showed by {off:.3f}"
    assert torch.equal(both.confidence, alone.confidence) and both.source_px.shape[1] == 2
    two = stacked([source, source])
    assert two.rgb.shape[1] == 2 and torch.equal(two.rgb[:, 1], source.rgb[:, 0])


def test_stretched_texture_has_little_confidence():
    from motionimit.flow.fusion import density

    x = torch.arange(32.0).repeat(32, 1)
    y = x.T
    full, stretched, torn = torch.stack((x, y)), torch.stack((x, y * 0.1)), torch.stack((x, y))
    torn[0, :, 16:] += 100
    assert float(density(full)[0, 4:-4, 4:-4].min()) == 1
    assert float(density(stretched)[0, 4:-4, 4:-4].max()) == pytest.approx(0.1 / 0.7, abs=1e-3)
    assert float(density(torn)[0, 8, 16]) == 0.5, "a seam is no stretch"


def test_maps_check_their_axes_and_move_together():
    _, target, *_ = still()
    wrong = Truth.__dataclass_fields__
    assert set(wrong) == {"rgb", "alpha", "body", "hidden", "backdrop"}
    one = torch.zeros(1, 1, 16, 16)
    with pytest.raises(ValueError, match="backdrop"):
        Truth(torch.zeros(1, 3, 16, 16), one, torch.zeros(1, 16, 16), one, torch.zeros(1, 3, 16, 8))
    batch = Batch(still()[0], (target,), ())
    assert moved(batch, "meta").targets[0].rgba.device.type == "meta"
