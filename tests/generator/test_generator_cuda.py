"""On a CUDA device the generator gives what it gives on the CPU. Skipped where torch or Warp sees none."""

import pytest
import torch
import warp as wp
from generator_maps import frame, largest, photos, shaken

from motionimit.generator.inputs import moved
from motionimit.generator.warp import warp_features
from motionimit.runtime import init_warp

init_warp()
pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available() or not wp.is_cuda_available(), reason="no CUDA device: torch or Warp sees none"
)


@pytest.mark.parametrize(("batch", "persons", "stride"), [(1, 1, 2), (3, 3, 4), (3, 1, 8)])
def test_fused_warp_agrees_with_torch_there(batch, persons, stride):
    target = moved(frame(batch, 2), "cuda")
    features = torch.randn(persons, 2, 80 // stride, 96 // stride, 32, device="cuda")
    ours, theirs = (warp_features(features, target.source_px, target.seen, stride, fused) for fused in (True, False))
    assert largest(ours[0] - theirs[0]) < 1e-4 and largest(ours[1] - theirs[1]) < 1e-6


@pytest.mark.parametrize(("half", "bound"), [(False, 5e-3), (True, 0.05)])
def test_generator_agrees_with_the_cpu(half, bound):
    model, source, target = shaken(), photos(1, 2), frame(2, 2)
    with torch.inference_mode():
        cpu = model(model.encode(source), target)
        model, source, target = model.cuda(), moved(source, "cuda"), moved(target, "cuda")
        with torch.autocast("cuda", torch.float16, enabled=half):
            identity = model.encode(source)
            gpu = model(identity, target)
            model(identity, target, gpu.state)
    for name in ("rgb", "alpha", "gate"):
        difference = float((getattr(cpu, name) - getattr(gpu, name).cpu().float()).abs().mean())
        assert difference < bound, f"{name} differs by {difference:.2g} in the mean"
