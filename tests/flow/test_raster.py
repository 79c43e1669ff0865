"""The z-buffer rasteriser: its backends against each other, and against what geometry says."""

import pytest
import torch

from motionimit.flow.raster import NO_FACE, rasterize
from motionimit.geometry.camera import Camera


def random_mesh(seed, size, vertices=60, faces=80):
    g = torch.Generator().manual_seed(seed)
    screen = torch.rand(vertices, 3, generator=g) * torch.tensor([*map(float, size), 3.0]) + torch.tensor([0.0, 0.0, 1.0])
    return screen, torch.randint(0, vertices, (faces, 3), generator=g)


def assert_agree(a, b, same_share, barycentric, depth_m):
    same = a.face == b.face
    share = float(same.float().mean())
    assert share >= same_share, f"{int((~same).sum())} pixels ({1 - share:.2%}) see another face"
    hit = same & (a.face >= 0)
    assert int(hit.sum()) > 50, "the scene is empty: the test would not see a difference"
    off = float((a.barycentric - b.barycentric)[hit].abs().max())
    assert off < barycentric, f"barycentrics differ by {off:.1e}"
    deep = float((a.depth_m - b.depth_m)[hit].abs().max())
    assert deep < depth_m, f"depths differ by {deep:.1e} m"


@pytest.mark.parametrize(("seed", "size"), [(0, (64, 48)), (1, (31, 77)), (5, (96, 20)), (6, (128, 96)), (7, (9, 9))])
def test_raster_backends_agree(seed, size):
    screen, faces = random_mesh(seed, size)
    assert_agree(rasterize(screen, faces, size), rasterize(screen, faces, size, backend="torch"), 0.999, 1e-3, 1e-3)


def test_raster_backends_agree_beyond_the_image():
    screen, faces = random_mesh(8, (64, 48))
    screen[:, :2] = (screen[:, :2] - 24) * 3
    assert_agree(rasterize(screen, faces, (64, 48)), rasterize(screen, faces, (64, 48), backend="torch"), 0.999, 1e-3, 1e-3)


def test_raster_agrees_with_pytorch3d():
    pytest.importorskip("pytorch3d", reason="pytorch3d is an optional backend and not installed")
    for seed, size in ((0, (64, 48)), (1, (48, 64))):
        screen, faces = random_mesh(seed, size)
        assert_agree(rasterize(screen, faces, size), rasterize(screen, faces, size, backend="pytorch3d"), 0.995, 5e-3, 5e-3)


@pytest.mark.parametrize("backend", ["warp", "torch"])
def test_depth_and_barycentrics_are_those_of_the_plane(backend):
    """A slanted quad: every pixel's ray meets the plane where the interpolated corners say."""
    camera = Camera.for_image(40, 30)
    corner = torch.tensor([[-0.9, -0.8, -2.0], [0.9, -0.8, -3.0], [-0.9, 0.8, -2.0], [0.9, 0.8, -3.0]])
    screen = torch.cat((camera.project(corner), -corner[:, 2:]), 1)
    faces = torch.tensor([[0, 1, 2], [2, 1, 3]])
    found = rasterize(screen, faces, camera.size_px, backend=backend)
    hit = found.face >= 0
    assert int(hit.sum()) > 300
    point = (corner[faces[found.face[hit]]] * found.barycentric[hit][..., None]).sum(1)
    y, x = torch.nonzero(hit, as_tuple=True)
    off = (camera.project(point) - torch.stack((x, y), -1) - 0.5).abs().max()
    assert float(off) < 1e-3, f"the interpolated points lie {float(off):.1e} px off their pixels' centres"
    plane = -2.5 - point[:, 0] / 1.8
    assert float((point[:, 2] - plane).abs().max()) < 1e-4
    assert float((found.depth_m[hit] + point[:, 2]).abs().max()) < 1e-4


@pytest.mark.parametrize("backend", ["warp", "torch"])
def test_neighbours_leave_no_gap_and_uncovered_pixels_say_so(backend):
    """A fan of triangles inside a square: every pixel centre inside it is covered, none outside."""
    angle = torch.arange(12) * (2 * torch.pi / 12)
    rim = torch.stack((16 + 11.3 * angle.cos(), 16 + 11.3 * angle.sin()), -1)
    screen = torch.cat((torch.cat((torch.tensor([[16.2, 15.7]]), rim)), torch.full((13, 1), 2.0)), 1)
    faces = torch.tensor([[0, 1 + k, 1 + (k + 1) % 12] for k in range(12)])
    found = rasterize(screen, faces, (32, 32), backend=backend)
    y, x = torch.meshgrid(torch.arange(32) + 0.5, torch.arange(32) + 0.5, indexing="ij")
    radius = (x - 16).square().add((y - 16).square()).sqrt()
    inner = 11.3 * torch.cos(torch.tensor(torch.pi / 12))
    holes = int(((found.face < 0) & (radius < inner - 0.01)).sum())
    assert holes == 0, f"{holes} holes between neighbouring faces"
    outside = radius > 11.31
    assert (found.face[outside] == NO_FACE).all()
    assert found.depth_m[outside].isinf().all()
    assert float(found.barycentric[outside].abs().max()) == 0


@pytest.mark.parametrize("backend", ["warp", "torch"])
def test_the_nearer_face_wins_and_both_sides_are_drawn(backend):
    quad = torch.tensor([[0.0, 0.0, 3.0], [8.0, 0.0, 3.0], [0.0, 8.0, 3.0]])
    near = quad.clone()
    near[:, 2] = 2.0
    screen = torch.cat((quad, near))
    for faces in (torch.tensor([[0, 1, 2], [3, 4, 5]]), torch.tensor([[0, 2, 1], [3, 5, 4]])):
        found = rasterize(screen, faces, (8, 8), backend=backend)
        hit = found.face >= 0
        assert 28 <= int(hit.sum()) <= 36, f"half of 64 pixels, up to the diagonal: {int(hit.sum())}"
        assert (found.face[hit] == 1).all()
        assert torch.allclose(found.depth_m[hit], torch.tensor(2.0))


@pytest.mark.parametrize("backend", ["warp", "torch"])
def test_degenerate_faces_draw_nothing(backend):
    screen = torch.tensor([[1.0, 1.0, 2.0], [6.0, 6.0, 2.0], [3.5, 3.5, 2.0]])
    for faces in ([[0, 1, 2]], [[0, 0, 0]], [[0, 1, 1]]):
        assert (rasterize(screen, torch.tensor(faces), (8, 8), backend=backend).face == NO_FACE).all(), faces


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="screen"):
        rasterize(torch.zeros(3, 2), torch.zeros(1, 3, dtype=torch.int64), (4, 4))
