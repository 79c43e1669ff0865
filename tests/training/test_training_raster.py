"""Z-buffer, peeling, textures and light on scenes whose answer is known."""

from __future__ import annotations

import math

import pytest
import torch

from motionimit.training.lighting import Lighting, Occlusion
from motionimit.training.raster import ZBuffer, key_depth_m
from motionimit.training.render import develop
from motionimit.training.texture import MipTexture

QUAD = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)


def quad(x0, y0, x1, y1, depth):
    w = 1.0 / depth
    return torch.tensor([[x0, y0, w], [x1, y0, w], [x1, y1, w], [x0, y1, w]])


def test_quad_covers_exactly_the_pixels_whose_centres_it_holds():
    buffer = ZBuffer(20, 16)
    keys = buffer.nearest(quad(2.4, 3.6, 12.4, 9.6, 2.0), QUAD)
    covered = torch.isfinite(key_depth_m(keys))
    expected = torch.zeros(16, 20, dtype=torch.bool)
    expected[4:10, 2:12] = True  # centres 4.5..9.5 and 2.5..11.5; the seam between the triangles leaves no hole
    expected[3, 2:12] = False
    assert torch.equal(covered, expected), f"{covered.sum()} pixels covered, {expected.sum()} expected"
    depth = key_depth_m(keys)[covered]
    assert (depth - 2.0).abs().max() < 1e-6


def test_barycentrics_are_perspective_correct():
    """Along a plane that recedes, the attribute at a pixel is that of the ray's true hit, not of the screen's midpoint."""
    near, far = 1.0, 4.0
    xyw = torch.tensor([[0.0, 0.0, 1 / near], [100.0, 0.0, 1 / far], [100.0, 100.0, 1 / far], [0.0, 100.0, 1 / near]])
    buffer = ZBuffer(100, 100)
    fragments = buffer.fragments(buffer.nearest(xyw, QUAD), xyw, QUAD)
    attribute = torch.tensor([0.0, 1.0, 1.0, 0.0])
    value = (attribute[QUAD[fragments.face].long()] * fragments.barycentric).sum(1)
    s = (fragments.x + 0.5) / 100
    expected = s / far / ((1 - s) / near + s / far)
    assert (value - expected).abs().max() < 1e-4
    assert (fragments.barycentric.sum(1) - 1).abs().max() < 1e-5
    assert (fragments.depth_m - (near + expected * (far - near))).abs().max() < 1e-3


def test_peeling_returns_every_layer_once_in_order():
    depths = (3.0, 1.0, 2.0, 1.0)  # two coincide: both must come, one after the other
    xyw = torch.cat([quad(0, 0, 8, 8, d) for d in depths])
    faces = torch.cat([QUAD + 4 * k for k in range(4)])
    buffer, seen, layer = ZBuffer(8, 8), [], None
    for _ in range(5):
        layer = buffer.nearest(xyw, faces, above=layer)
        seen.append(key_depth_m(layer)[2, 5].item())
    assert [round(d, 5) for d in seen[:4]] == [1.0, 1.0, 2.0, 3.0]
    assert math.isinf(seen[4])


def test_opaque_surface_ends_the_peeling():
    solid = ZBuffer(8, 8)
    wall = solid.nearest(quad(-0.2, 0, 8.1, 8, 1.5), QUAD)
    hair = torch.cat([quad(-0.2, 0, 8.1, 8, d) for d in (1.0, 2.0)])  # no pixel centre lies on the diagonal
    faces = torch.cat([QUAD, QUAD + 4])
    first = solid.nearest(hair, faces, below=wall)
    second = solid.nearest(hair, faces, above=first, below=wall)
    assert key_depth_m(first).max().item() == pytest.approx(1.0, abs=1e-6)
    assert torch.isinf(key_depth_m(second)).all()


def test_what_is_behind_the_camera_is_not_drawn():
    keys = ZBuffer(8, 8).nearest(quad(0, 0, 8, 8, -1.0), QUAD)
    assert torch.isinf(key_depth_m(keys)).all()


def test_texture_is_exact_at_texel_centres_and_v_points_up():
    image = torch.rand(32, 24, 3)
    row, column = torch.meshgrid(torch.arange(32), torch.arange(24), indexing="ij")
    uv = torch.stack(((column + 0.5) / 24, 1 - (row + 0.5) / 32), -1).reshape(-1, 2)
    assert (MipTexture(image).sample(uv, 0.0) - image.reshape(-1, 3)).abs().max() < 1e-4


def test_texture_level_follows_the_size_on_screen():
    texture = MipTexture(torch.rand(256, 256, 3))
    uv = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
    for pixels, level in ((256.0, 0.0), (64.0, 2.0), (512.0, 0.0)):
        assert texture.level(uv, uv * pixels) == pytest.approx(level, abs=1e-4)
    mean = texture.levels[0].mean((0, 1))
    assert (texture.sample(torch.tensor([[0.5, 0.5]]), 4.0)[0] - mean).abs().max() < 0.1


def roof(y: float) -> torch.Tensor:
    return torch.tensor([[-1.0, y, -1.0], [1.0, y, -1.0], [1.0, y, 1.0], [-1.0, y, 1.0]])


def test_open_ground_sees_the_whole_sky_and_ground_under_a_roof_sees_little():
    light = Lighting((0, 1, 0), sky_rgb=(1, 1, 1), horizon_rgb=(1, 1, 1), ground_rgb=(0, 0, 0))
    occlusion = Occlusion(roof(0.2), QUAD, light, directions=128)
    points = torch.tensor([[0.0, 0.0, 0.0], [40.0, 0.0, 0.0]])
    up = torch.tensor([[0.0, 1.0, 0.0]] * 2)
    covered, free = occlusion.ambient(points, up)[:, 0].tolist()
    assert free == pytest.approx(1.0, abs=0.02), "irradiance / pi under a uniform sky of radiance 1"
    assert covered < 0.12, f"{covered:.3f} of the sky seen 0.2 m under a 2 m roof"


def test_key_shadow_falls_where_the_light_says():
    occlusion = Occlusion(roof(1.0), QUAD, Lighting((1, 1, 0), key_size=0.02))
    points = torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [-1.0, 0.0, 3.0]])
    lit = occlusion.key(points, torch.tensor([[0.0, 1.0, 0.0]] * 3)).tolist()
    assert lit[0] == pytest.approx(0, abs=1e-3)  # the shadow lies to the left of the roof
    assert lit[1] == pytest.approx(1, abs=1e-3)
    assert lit[2] == pytest.approx(1, abs=1e-3)


def test_developing_is_monotone_and_stays_in_range():
    picture = develop(torch.linspace(0, 50, 500).expand(3, 1, -1), 0.55)[0, 0]
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert (picture.diff() >= -1e-6).all()
    assert picture[0].item() == pytest.approx(0, abs=1e-6)
