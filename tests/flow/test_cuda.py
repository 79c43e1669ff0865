"""On a CUDA device the same kernels give the same picture as on the CPU. Skipped where torch or Warp sees none."""

import pytest
import torch
import warp as wp
from flow_scenes import soup, turned

from motionimit.flow import kernels
from motionimit.flow.raster import rasterize
from motionimit.flow.transfer import Renderer
from motionimit.geometry.camera import Camera

kernels.init_warp()
pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available() or not wp.is_cuda_available(), reason="no CUDA device: torch or Warp sees none"
)


@pytest.mark.parametrize(("seed", "size"), [(0, (48, 32)), (1, (33, 47)), (2, (256, 320))])
def test_renderer_agrees_with_the_cpu(seed, size):
    surface, layers = soup(seed)
    camera, transforms = Camera.for_image(*size), turned(seed)
    cpu = Renderer(surface, layers, size).render(transforms, camera)
    device = torch.device("cuda", 0)
    gpu = Renderer(surface.to(device), layers.to(device), size).render(transforms.to(device), camera)
    torch.cuda.synchronize()
    assert gpu.rgba.device == device
    for name in ("rgba", "source_px", "confidence"):
        ours, theirs = getattr(cpu, name), getattr(gpu, name).cpu()
        share = float(((ours - theirs).abs().reshape(*size[::-1], -1).amax(-1) > 2e-3).float().mean())
        assert share < 0.01, f"{name}: {share:.2%} of pixels differ by more than 0.002"
    assert float(cpu.rgba[..., 3].max()) > 0.5


def test_raster_agrees_with_the_cpu():
    g = torch.Generator().manual_seed(0)
    screen = torch.rand(60, 3, generator=g) * torch.tensor([64.0, 48.0, 3.0]) + torch.tensor([0.0, 0.0, 1.0])
    faces = torch.randint(0, 60, (80, 3), generator=g)
    cpu, gpu = rasterize(screen, faces, (64, 48)), rasterize(screen.cuda(), faces.cuda(), (64, 48))
    same = cpu.face == gpu.face.cpu()
    assert float(same.float().mean()) >= 0.999, f"{int((~same).sum())} pixels see another face"
    hit = same & (cpu.face >= 0)
    assert int(hit.sum()) > 50
    assert float((cpu.barycentric - gpu.barycentric.cpu())[hit].abs().max()) < 1e-3
    assert float((cpu.depth_m - gpu.depth_m.cpu())[hit].abs().max()) < 1e-3
