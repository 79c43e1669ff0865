"""The drawable surface: joining parts, choosing bones, checking shapes."""

import pytest
import torch
from flow_scenes import soup

from motionimit.flow.surface import BONES_PER_VERTEX, Surface, join, top_bones


def test_top_bones_are_the_heaviest_and_sum_to_one():
    weights = torch.rand(50, 24, generator=torch.Generator().manual_seed(0)) ** 8
    bones, kept = top_bones(weights)
    assert bones.shape == kept.shape == (50, BONES_PER_VERTEX)
    assert float((kept.sum(1) - 1).abs().max()) < 1e-6
    assert (kept[:, :-1] >= kept[:, 1:]).all(), "heaviest first"
    dropped = weights.scatter(1, bones.long(), 0.0).amax(1)
    assert (weights.gather(1, bones.long()).amin(1) >= dropped).all(), "a bone left out weighs more than one kept"
    ratio = weights.gather(1, bones.long()) / kept
    assert float((ratio / ratio[:, :1] - 1).abs().max()) < 1e-4, "shares among the kept bones stay"


def test_joining_renumbers_faces_and_keeps_everything():
    parts = [soup(seed, vertices=20 + seed, faces=10 + seed)[0] for seed in range(3)]
    whole = join(parts)
    assert len(whole.rest_m) == 20 + 21 + 22
    first_face = 0
    for part in parts:
        faces = slice(first_face, first_face + len(part.faces))
        for name in ("rest_m", "uv_px", "bones", "weights"):
            ours, own = getattr(whole, name)[whole.faces[faces].long()], getattr(part, name)[part.faces.long()]
            assert torch.equal(ours, own), f"{name} of a face changed"
        for name in ("layer", "bias_m", "confidence"):
            assert torch.equal(getattr(whole, name)[faces], getattr(part, name)), name
        first_face += len(part.faces)
    assert first_face == len(whole.faces)


def test_axes_are_checked_across_fields():
    surface, _ = soup(0)
    fields = {name: getattr(surface, name) for name in Surface.__slots__}
    with pytest.raises(ValueError, match="uv_px"):
        Surface(**fields | {"uv_px": surface.uv_px[:-1]})
    with pytest.raises(ValueError, match="confidence"):
        Surface(**fields | {"confidence": surface.confidence[:-1]})
