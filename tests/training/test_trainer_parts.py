"""The parts of training: losses, perceptual distance, discriminators, schedules, log."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from trainer_material import toy_batch

from motionimit.errors import BadInput, BadUsage
from motionimit.training.discriminator import Discriminators, head_boxes, head_crops, hinge_generator, hinge_real_fake
from motionimit.training.logbook import Logbook, read_log, write_curves
from motionimit.training.losses import (
    composite,
    pixel_weights,
    region_error,
    temporal_error,
    true_composite,
    variation,
    weighted_l1,
)
from motionimit.training.perceptual import LaplacianDistance, Lpips
from motionimit.training.schedule import ema_decay, learning_rate_share, update_ema
from motionimit.training.settings import LossWeights, TrainSettings

SHARED = Path(__file__).parents[3] / "shared"
LPIPS_FILE = SHARED / "data" / "weights" / "lpips_alex_full.npz"
needs_lpips = pytest.mark.skipif(not LPIPS_FILE.exists(), reason="no LPIPS weights on this machine")


pytestmark = pytest.mark.usefixtures("one_thread")


# --- schedules ----------------------------------------------------------------------------------------------------------------


def test_learning_rate_law() -> None:
    share = [learning_rate_share(k, 1000, 100, floor=0.1) for k in range(1001)]
    assert share[0] == pytest.approx(0.01)
    assert max(share) == pytest.approx(learning_rate_share(99, 1000, 100, floor=0.1))
    assert share[500] == pytest.approx(0.55)
    assert share[1000] == pytest.approx(0.1)
    assert all(a > b for a, b in itertools.pairwise(share[99:]))
    assert learning_rate_share(5000, 1000, 100, floor=0.1) == pytest.approx(0.1)
    assert learning_rate_share(600, 1000, 100, warm_from=600) < learning_rate_share(650, 1000, 100, warm_from=600)


def test_ema_law() -> None:
    model, average = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    values, expected = [3.0, -1.0, 2.0, 5.0], 7.0
    average.weight.data.fill_(expected)
    for n, value in enumerate(values):
        model.weight.data.fill_(value)
        decay = min(0.2, (1 + n) / (10 + n))
        assert ema_decay(n, 0.2) == decay
        expected = decay * expected + (1 - decay) * value
        update_ema(average, model, n, 0.2)
    assert average.weight.item() == pytest.approx(expected, abs=1e-6)
    assert ema_decay(10**6, 0.999) == 0.999


# --- losses -------------------------------------------------------------------------------------------------------------------


def test_perfect_result_has_no_error() -> None:
    truth = toy_batch(0).truths[0]
    straight = truth.rgb / truth.alpha.clamp(min=1e-6)
    result = composite(straight, truth.alpha, truth.backdrop)
    worst = float((result - true_composite(truth)).abs().max())
    assert worst < 1e-6, f"composites differ by {worst}"


def test_colour_under_zero_alpha_does_not_matter() -> None:
    truth = toy_batch(0).truths[0]
    a, b = (composite(torch.full_like(truth.rgb, v), truth.alpha, truth.backdrop) for v in (0.0, 1.0))
    off = truth.alpha.expand_as(a) == 0
    assert torch.equal(a[off], b[off])


def test_pixel_weights_name_head_hands_and_hidden() -> None:
    truth = replace(toy_batch(0).truths[0], hidden=torch.zeros(2, 1, 32, 32))
    w = pixel_weights(truth, LossWeights(head=3.0, hands=2.5, hidden=2.0))
    assert float(w[0, 0, 6, 16]) == 3.0
    assert float(w[0, 0, 26, 16]) == 2.5
    assert float(w[0, 0, 10, 4]) == 3.0, "4 px beside the head, where hair is"
    assert float(w[0, 0, 10, 2]) == 1.0
    hidden = pixel_weights(replace(truth, hidden=torch.ones(2, 1, 32, 32)), LossWeights(hidden=2.0))
    assert torch.allclose(hidden, 2 * w)


def test_weighted_l1_is_a_mean() -> None:
    a, b = torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.25)
    assert float(weighted_l1(a, b, torch.rand(1, 1, 4, 4))) == pytest.approx(0.25)


def test_temporal_error_sees_flicker_but_no_constant_error() -> None:
    truth = (torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8))
    ones = torch.ones(1, 1, 8, 8)
    assert float(temporal_error((truth[0] + 0.3, truth[1] + 0.3), truth, ones)) == pytest.approx(0, abs=1e-6)
    assert float(temporal_error((truth[0], truth[1] + 0.3), truth, ones)) == pytest.approx(0.3, abs=1e-6)


def test_variation_of_a_ramp() -> None:
    ramp = torch.arange(5.0).expand(1, 1, 5, 5)
    assert float(variation(ramp)) == pytest.approx(1.0)


def test_region_error_ignores_minus_one_and_reads_cell_centres() -> None:
    body = torch.full((1, 16, 16), -1)
    logits = torch.randn(1, 10, 2, 2)
    assert float(region_error(logits, body)) == 0
    body[0, 4, 12] = 7
    expected = -torch.log_softmax(logits[0, :, 0, 1], 0)[7]
    assert float(region_error(logits, body)) == pytest.approx(float(expected), rel=1e-5)


# --- perceptual ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lpips() -> Lpips:
    return Lpips(LPIPS_FILE)


@needs_lpips
def test_lpips_laws(lpips: Lpips) -> None:
    a, b = torch.rand(2, 3, 64, 48), torch.rand(2, 3, 64, 48)
    assert float(lpips(a, a).abs().max()) == 0
    assert torch.allclose(lpips(a, b), lpips(b, a), atol=1e-6)
    assert (lpips(a, b) > 0.01).all()
    near = lpips(a, (a + 0.02 * torch.randn_like(a)).clamp(0, 1))
    assert (near < lpips(a, b)).all()
    assert lpips(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)).isfinite().all()
    with pytest.raises(ValueError, match="32 px"):
        lpips(torch.rand(1, 3, 31, 40), torch.rand(1, 3, 31, 40))


@needs_lpips
def test_lpips_has_gradients_for_the_result_alone(lpips: Lpips) -> None:
    a, b = torch.rand(1, 3, 40, 40, requires_grad=True), torch.rand(1, 3, 40, 40, requires_grad=True)
    lpips(a, b).sum().backward()
    assert a.grad is not None
    assert a.grad.abs().max() > 0
    assert b.grad is None
    assert not list(lpips.parameters())
    assert not lpips.state_dict(), "the frozen weights must stay out of checkpoints"


@needs_lpips
def test_lpips_gradient_is_finite_for_equal_and_flat_pictures(lpips: Lpips) -> None:
    for picture in (torch.zeros(1, 3, 64, 64), torch.full((1, 3, 64, 64), 0.5), torch.rand(1, 3, 64, 64)):
        a = picture.clone().requires_grad_()
        lpips(a, picture).sum().backward()
        assert a.grad is not None
        assert a.grad.isfinite().all()


@needs_lpips
def test_lpips_agrees_with_the_scoring_tool(lpips: Lpips) -> None:
    score = _scoring_tool()
    rng = np.random.default_rng(3)
    smooth = np.kron(rng.integers(0, 256, (8, 6, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    noisy = np.clip(smooth + rng.normal(0, 25, smooth.shape), 0, 255).astype(np.uint8)
    expected = score.Lpips(str(LPIPS_FILE))(smooth, noisy, height=0)
    tensors = [torch.from_numpy(x).permute(2, 0, 1)[None] / 255 for x in (smooth, noisy)]
    got = float(lpips(*tensors))
    assert got == pytest.approx(expected, abs=1e-4), f"{got:.5f} here, {expected:.5f} there"


def _scoring_tool() -> Any:
    import importlib.util

    pytest.importorskip("skimage", reason="the scoring tool needs scikit-image")
    path = SHARED / "tools" / "score.py"
    if not path.exists():
        pytest.skip("no scoring tool on this machine")
    spec = importlib.util.spec_from_file_location("score_tool", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["score_tool"] = module
    spec.loader.exec_module(module)
    return module


def test_lpips_file_errors_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        Lpips(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"no zip")
    with pytest.raises(BadInput, match="can't be read"):
        Lpips(tmp_path / "bad.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(BadInput, match="holds no LPIPS weights"):
        Lpips(tmp_path / "other.npz")


def test_laplacian_distance_laws() -> None:
    distance = LaplacianDistance()
    a = torch.rand(2, 3, 33, 47)
    assert float(distance(a, a).abs().max()) == 0
    b = torch.rand(2, 3, 33, 47)
    assert torch.allclose(distance(a, b), distance(b, a))
    assert float(distance(a, a + 0.2).max()) < 1e-5, "a constant shift is the pixel term's business"
    assert distance(torch.rand(1, 3, 1, 1), torch.rand(1, 3, 1, 1)).shape == (1,)


# --- discriminators -----------------------------------------------------------------------------------------------------------


def test_discriminators_learn_to_tell_two_distributions() -> None:
    torch.manual_seed(0)
    critics = Discriminators(4)
    optimizer = torch.optim.Adam(critics.parameters(), 2e-3, (0.5, 0.9))
    condition, boxes = torch.zeros(4, 5, 32, 32), [(4, 4, 20, 20)] * 4

    def draw() -> tuple[torch.Tensor, torch.Tensor]:
        stripes = (torch.arange(32) // 4 % 2).float().expand(4, 3, 32, 32) * 0.6
        noise = torch.rand(4, 3, 32, 32) * 0.4
        return stripes + noise, stripes.transpose(-1, -2) + noise

    for _ in range(60):
        real, fake = draw()
        loss = hinge_real_fake(critics(real, condition, boxes), critics(fake, condition, boxes))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    real, fake = draw()
    with torch.no_grad():
        for r, f in zip(critics(real, condition, boxes), critics(fake, condition, boxes), strict=True):
            right = ((r > 0).float().mean() + (f < 0).float().mean()) / 2
            assert right > 0.9, f"only {right:.0%} of the patches were told apart"
        assert float(hinge_generator(critics(fake, condition, boxes))) > float(hinge_generator(critics(real, condition, boxes)))


def test_head_boxes_follow_the_head_and_skip_the_headless() -> None:
    body = torch.full((3, 64, 48), 2)
    body[0, 10:26, 20:32] = 1
    body[2, 0:3, 0:3] = 0  # too small to judge
    boxes = head_boxes(body)
    assert boxes[1:] == [None, None]
    left, top, right, bottom = boxes[0] or (0, 0, 0, 0)
    assert left <= 20 < 32 <= right <= 48
    assert top <= 10 < 26 <= bottom <= 64
    assert right - left == bottom - top == 24
    crops = head_crops(torch.rand(3, 8, 64, 48), boxes)
    assert crops is not None
    assert crops.shape == (1, 8, 64, 64)
    critics = Discriminators(4)
    assert len(critics(torch.rand(3, 3, 64, 48), torch.rand(3, 5, 64, 48), boxes)) == 2
    assert len(critics(torch.rand(1, 3, 64, 48), torch.rand(1, 5, 64, 48), [None])) == 1


# --- log and settings ---------------------------------------------------------------------------------------------------------


def test_log_is_readable_after_a_kill_in_mid_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    book = Logbook(path, 0)
    for step in (1, 2, 3):
        book.add({"step": step, "loss": 1 / step})
    with path.open("ab") as file:
        file.write(b'{"step": 4, "lo')
    assert [e["step"] for e in read_log(path)] == [1, 2, 3]
    again = Logbook(path, 2)  # the last checkpoint was of step 2
    again.add({"step": 3, "loss": 0.5})
    assert [(e["step"], e["loss"]) for e in read_log(path)] == [(1, 1.0), (2, 0.5), (3, 0.5)]
    assert read_log(tmp_path / "none") == []


def test_curves_of_odd_logs(tmp_path: Path) -> None:
    log, picture = tmp_path / "log.jsonl", tmp_path / "curves.png"
    write_curves(log, picture)
    assert not picture.exists()
    book = Logbook(log, 0)
    book.add({"step": 1, "loss": 0.5, "same": 1.0})
    write_curves(log, picture)
    book.add({"step": 2, "loss": math.inf, "new": -3.0})
    write_curves(log, picture)
    assert picture.stat().st_size > 500


def test_settings_are_json_data_and_refuse_nonsense() -> None:
    import json

    settings = TrainSettings(steps=7, minutes=2.5, weights=LossWeights(pixel=9.0))
    assert json.loads(json.dumps(settings.as_dict()))["weights"]["pixel"] == 9.0
    wrong: list[dict[str, Any]] = [{"steps": 0}, {"frames": 3}, {"seed": -1}, {"minutes": 0.0}, {"lr": 0.0}, {"precision": "fp8"}]
    for values in wrong:
        with pytest.raises(BadUsage, match=rf"^--{next(iter(values))} .*\.$"):
            TrainSettings(**values)
