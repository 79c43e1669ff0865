"""Fusion of several photos' drawings: laws, and who wins where."""

from __future__ import annotations

import pytest
import torch

from motionimit.flow.fusion import fused, mixed
from motionimit.flow.transfer import Warped

SIZE = 96
RED, BLUE = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 1.0])


def drawing(color: torch.Tensor, knows: torch.Tensor, columns: slice = slice(24, 72), texels: float = 1.0) -> Warped:
    """A strip of one colour on nothing, seen by its photo at `texels` texture pixels per pixel; knows [SIZE, SIZE] 0..1."""
    rgba = torch.zeros(SIZE, SIZE, 4)
    rgba[8:88, columns, :3], rgba[8:88, columns, 3] = color, 1.0
    y, x = torch.meshgrid(torch.arange(SIZE) + 0.5, torch.arange(SIZE) + 0.5, indexing="ij")
    return Warped(rgba, torch.stack((x, y), -1) * texels, knows * rgba[..., 3])


def everywhere(value: float) -> torch.Tensor:
    return torch.full((SIZE, SIZE), value)


def test_one_photo_is_left_as_it_is() -> None:
    alone = drawing(RED, everywhere(0.3))
    assert fused([alone]) is alone.rgba


def test_equal_drawings_give_the_same_whatever_their_confidence() -> None:
    out = fused([drawing(RED, everywhere(0.9)), drawing(RED, everywhere(0.2)), drawing(RED, everywhere(0.0))])
    off = (out - drawing(RED, everywhere(1.0)).rgba).abs().max()
    assert off < 1e-5, f"off by {off:.2g}"


def test_the_order_of_photos_does_not_matter() -> None:
    generator = torch.Generator().manual_seed(0)
    photos = [drawing(c, torch.rand(SIZE, SIZE, generator=generator)) for c in (RED, BLUE, torch.tensor([0.2, 0.9, 0.4]))]
    off = (fused(photos) - fused(photos[::-1])).abs().max()
    assert off < 1e-5, f"off by {off:.2g}"


@pytest.mark.parametrize("worse", [drawing(BLUE, everywhere(0.6)), drawing(BLUE, everywhere(1.0), texels=0.3)])
def test_who_saw_it_better_wins(worse: Warped) -> None:
    """Less confident (the back of a shell), or seen at a grazing angle (stretched texture)."""
    out = fused([worse, drawing(RED, everywhere(1.0))])
    red = out[30:60, 30:66, 0].min()
    assert red > 0.95, f"the better photo has a share of {red:.3f} only"


def test_each_side_comes_from_the_photo_that_saw_it() -> None:
    left = torch.zeros(SIZE, SIZE)
    left[:, :48] = 1.0
    out = fused([drawing(RED, left), drawing(BLUE, 1 - left)])
    assert out[20:80, 26:40, 0].min() > 0.99 and out[20:80, 56:70, 2].min() > 0.99
    assert out[8:88, 24:72, 3].min() > 0.9999, "the seam shows through"


def test_a_photo_that_saw_the_outline_well_decides_where_it_ends() -> None:
    """The other one, which guesses, draws a wider strip; it must not stick out."""
    out = fused([drawing(RED, everywhere(1.0)), drawing(BLUE, everywhere(0.3), slice(14, 82))])
    halo = out[16:80, 14:23, 3].max()
    assert halo < 0.05, f"the guess sticks out with an alpha of {halo:.3f}"


def test_what_no_photo_saw_is_filled_by_all_of_them() -> None:
    out = mixed(
        [drawing(c, everywhere(0.0)).rgba.permute(2, 0, 1) for c in (RED, BLUE)], [torch.zeros(1, SIZE, SIZE) for _ in range(2)]
    )
    assert torch.allclose(out[:, 40, 48], torch.tensor([0.5, 0.0, 0.5, 1.0]), atol=1e-5)
    assert out.isfinite().all()
