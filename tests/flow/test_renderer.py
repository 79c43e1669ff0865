"""The fused Warp kernels against their plain-torch twins, and the laws of the flow."""

import pytest
import torch

from motionimit.flow.raster import rasterize
from motionimit.flow.reference import render_reference
from motionimit.flow.surface import Surface, join, top_bones
from motionimit.flow.transfer import Renderer
from motionimit.geometry.camera import Camera


def soup(seed: int, vertices: int = 40, faces: int = 30, layers: int = 2, texture: int = 16) -> tuple[Surface, torch.Tensor]:
    """A random triangle soup two metres before the camera, with random soft layers."""
    g = torch.Generator().manual_seed(seed)
    rest = torch.rand(vertices, 3, generator=g) * torch.tensor([1.6, 1.6, 0.5]) - torch.tensor([0.8, 0.8, 2.5])
    bones, weights = top_bones(torch.rand(vertices, 24, generator=g))
    surface = Surface(
        rest_m=rest,
        bones=bones,
        weights=weights,
        uv_px=torch.rand(vertices, 2, generator=g) * texture,
        faces=torch.randint(0, vertices, (faces, 3), generator=g, dtype=torch.int32),
        layer=torch.randint(0, layers, (faces,), generator=g, dtype=torch.int32),
        bias_m=torch.rand(faces, generator=g) * 0.02,
        confidence=torch.rand(faces, generator=g) * 0.9 + 0.1,
    )
    image = torch.rand(layers, texture, texture, 4, generator=g)
    image[..., 3] = (image[..., 3] * 2).clamp_max(1)
    return surface, (image * 255).to(torch.uint8)


def random_transforms(seed: int) -> torch.Tensor:
    out = torch.eye(4).repeat(24, 1, 1)
    out[:, :3, 3] = torch.randn(24, 3, generator=torch.Generator().manual_seed(seed)) * 0.02
    return out


@pytest.mark.parametrize(("seed", "size"), [(0, (48, 32)), (1, (33, 47)), (2, (64, 64)), (3, (17, 5)), (4, (5, 90))])
def test_fused_kernels_agree_with_the_torch_twin(seed, size):
    surface, layers = soup(seed)
    camera = Camera.for_image(*size)
    ours = Renderer(surface, layers, size).render(random_transforms(seed), camera).rgba
    twin = render_reference(surface, layers, size, random_transforms(seed), camera)
    worst = (ours - twin).abs().amax(-1)
    share = float((worst > 2e-3).float().mean())  # a pixel centre on an edge may fall to either side
    assert share < 0.01, f"{share:.2%} of pixels differ by more than 0.002 (worst {float(worst.max()):.4f})"
    assert float(twin[..., 3].max()) > 0.5, "the scene is empty: the test would not see a difference"


@pytest.mark.parametrize(("seed", "size"), [(0, (64, 48)), (1, (31, 77)), (5, (96, 20))])
def test_raster_backends_agree(seed, size):
    g = torch.Generator().manual_seed(seed)
    screen = torch.rand(60, 3, generator=g) * torch.tensor([*map(float, size), 3.0]) + torch.tensor([0.0, 0.0, 1.0])
    faces = torch.randint(0, 60, (80, 3), generator=g)
    a, b = rasterize(screen, faces, size), rasterize(screen, faces, size, backend="torch")
    same = a.face == b.face
    assert float(same.float().mean()) > 0.999, f"{int((~same).sum())} pixels see another face"
    assert float((a.barycentric - b.barycentric)[same].abs().max()) < 1e-5
    assert int((a.face >= 0).sum()) > 50


def test_raster_agrees_with_pytorch3d():
    pytest.importorskip("pytorch3d", reason="pytorch3d is an optional backend and not installed")
    g = torch.Generator().manual_seed(0)
    screen = torch.rand(60, 3, generator=g) * torch.tensor([64.0, 48.0, 3.0]) + torch.tensor([0.0, 0.0, 1.0])
    faces = torch.randint(0, 60, (80, 3), generator=g)
    a, b = rasterize(screen, faces, (64, 48)), rasterize(screen, faces, (64, 48), backend="pytorch3d")
    assert float((a.face == b.face).float().mean()) > 0.995
    both = (a.face == b.face) & (a.face >= 0)
    assert float((a.barycentric - b.barycentric)[both].abs().max()) < 5e-3


def plane(z: float, layer: int, size: int, camera: Camera) -> Surface:
    """A quad that fills the camera's view at depth -z, its uv the identity."""
    corner = torch.tensor([[0.0, 0.0], [size, 0.0], [0.0, size], [size, size]])
    bones, weights = top_bones(torch.eye(24)[:1].repeat(4, 1))
    return Surface(
        rest_m=camera.unproject(corner, torch.full((4,), z)),
        bones=bones,
        weights=weights,
        uv_px=corner,
        faces=torch.tensor([[0, 2, 1], [1, 2, 3]], dtype=torch.int32),
        layer=torch.full((2,), layer, dtype=torch.int32),
        bias_m=torch.zeros(2),
        confidence=torch.ones(2),
    )


def test_identity_pose_reproduces_the_photo_and_the_identity_flow():
    size, camera = 24, Camera.for_image(24, 24)
    photo = torch.randint(0, 256, (1, size, size, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    photo[..., 3] = 255
    warped = Renderer(plane(-2.0, 0, size, camera), photo, (size, size)).render(torch.eye(4).repeat(24, 1, 1), camera)
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    off = float((warped.source_px - torch.stack((x, y), -1)).abs().max())
    assert off < 1e-3, f"identity flow is off by {off} px"
    assert float((warped.rgba - photo[0].float() / 255).abs().max()) < 1e-3


def test_translucent_layer_lies_over_the_opaque_one_behind():
    size, camera = 16, Camera.for_image(16, 16)
    layers = torch.zeros(2, size, size, 4, dtype=torch.uint8)
    layers[0] = torch.tensor([255, 0, 0, 255])
    layers[1] = torch.tensor([0, 0, 255, 64])
    scene = join([plane(-2.0, 0, size, camera), plane(-1.5, 1, size, camera)])
    rgba = Renderer(scene, layers, (size, size)).render(torch.eye(4).repeat(24, 1, 1), camera).rgba[8, 8]
    expected = torch.tensor([1 - 64 / 255, 0.0, 64 / 255, 1.0])
    assert torch.allclose(rgba, expected, atol=2e-3), rgba


def test_back_faces_are_not_drawn():
    size, camera = 8, Camera.for_image(8, 8)
    quad = plane(-2.0, 0, size, camera)
    turned = Surface(
        quad.rest_m,
        quad.bones,
        quad.weights,
        quad.uv_px,
        quad.faces.flip(1).contiguous(),
        quad.layer,
        quad.bias_m,
        quad.confidence,
    )
    opaque = torch.full((1, size, size, 4), 255, dtype=torch.uint8)
    assert float(Renderer(turned, opaque, (size, size)).render(torch.eye(4).repeat(24, 1, 1), camera).rgba[..., 3].max()) == 0
