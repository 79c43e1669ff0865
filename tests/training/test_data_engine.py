"""The data engine: patterns, recipes and bad settings everywhere; with anny and an asset folder also drawn people."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from motionimit.body.model import load_body
from motionimit.errors import BadInput, BadUsage
from motionimit.training.patterns import patterned
from motionimit.training.synth import SynthSettings, synthesize

ASSETS = Path(os.environ.get("MOTIONIMIT_ASSETS", Path(__file__).parents[3] / "shared" / "synth"))


def silent(stage, done, total):
    pass


@pytest.mark.parametrize("seed", range(8))
def test_a_pattern_keeps_alpha_and_shading_and_changes_colour(seed):
    rng = np.random.default_rng(seed)
    texture = np.ones((64, 64, 4), np.float32) * [0.5, 0.4, 0.3, 1.0]
    texture[:, :32, :3] *= 0.6
    texture[:8, :, 3] = 0
    out = patterned(rng, texture.astype(np.float32))
    assert np.array_equal(out[..., 3], texture[..., 3]) and out.min() >= 0 and out.max() <= 1
    assert np.abs(out[..., :3] - texture[..., :3]).max() > 0.02, "nothing has changed"
    assert out[:, :32, :3].mean() < out[:, 32:, :3].mean(), "the shading is lost"


@pytest.mark.parametrize(("name", "value"), [("people", 0), ("sequences", 0), ("workers", 0), ("photos", 9)])
def test_settings_outside_their_range_are_refused(name, value, tmp_path):
    with pytest.raises(BadUsage, match=f"--{name}"):
        SynthSettings(tmp_path, tmp_path, **{name: value})


def test_a_folder_without_manifest_and_a_missing_motion_are_named(tmp_path):
    with pytest.raises(BadInput, match="manifest"):
        synthesize(SynthSettings(tmp_path, tmp_path / "out"), silent)
    assert not (tmp_path / "out").exists(), "nothing must be left behind"


needs_assets = pytest.mark.skipif(not (ASSETS / "manifest.csv").is_file(), reason="no asset folder (set MOTIONIMIT_ASSETS)")


@cache
def people():
    pytest.importorskip("anny", reason="drawing people needs anny: pip install motionimit[bake]")
    from motionimit.training.assets import AssetLibrary
    from motionimit.training.casting import cast_person
    from motionimit.training.people import BodyFactory, build_person

    library, factory = AssetLibrary(ASSETS), BodyFactory()
    return factory, [build_person(cast_person(np.random.default_rng(k), library), library, factory) for k in range(3)]


@needs_assets
def test_the_exact_body_lies_on_the_drawn_one():
    from motionimit.geometry.camera import Camera
    from motionimit.training.bodies import BodyMatcher

    factory, drawn = people()
    matcher = BodyMatcher(factory, load_body())
    for person in drawn:
        betas = matcher.betas(person)
        rotations, place = np.tile(np.eye(3), (1, 24, 1, 1)), np.array([[0.1, -0.2, -3.0]])
        mesh = matcher.model.mesh(matcher.params(betas, person, rotations, place, Camera.for_image(64, 64)))
        ours = mesh.vertices_m[0, matcher.vertex].numpy()
        theirs = person.posed(rotations[0], place[0])[0][matcher.base]
        off_mm = 1000 * float(np.median(np.linalg.norm(ours - theirs, axis=1)))
        assert off_mm < 12, f"the matched body is {off_mm:.1f} mm off the drawn one"
        joints_mm = 1000 * float(np.linalg.norm(mesh.joints_m[0].numpy() - (person.joints_m + place[0]), axis=1).max())
        assert joints_mm < 25, f"a joint is {joints_mm:.1f} mm off"


@needs_assets
def test_hidden_is_what_turns_away():
    from motionimit.geometry.camera import Camera
    from motionimit.training.render import PersonRenderer
    from motionimit.training.visibility import hidden_from, sight

    renderer, camera = PersonRenderer(people()[1][0]), Camera.for_image(96, 128)
    front = np.tile(np.eye(3), (24, 1, 1))
    behind = front.copy()
    behind[0] = np.diag([-1.0, 1.0, -1.0])
    views = [sight(renderer, pose, np.array([0, 0, -3.2]), camera) for pose in (front, behind)]
    person = views[0].depth_m.isfinite()
    same = float(hidden_from(renderer, views[0], [views[0]])[person].float().mean())
    back = float(hidden_from(renderer, views[1], [views[0]])[views[1].depth_m.isfinite()].float().mean())
    both = float(hidden_from(renderer, views[1], views)[views[1].depth_m.isfinite()].float().mean())
    assert same < 0.25, f"{same:.0%} of what a photo shows counts as hidden from itself (grazing surface only)"
    assert back > 0.85, f"only {back:.0%} of the back counts as hidden from the front"
    assert both == pytest.approx(same, abs=0.15), "a photo of the back must show the back"


@needs_assets
def test_a_person_is_drawn_the_same_again_and_truth_fits_the_drawing(tmp_path):
    pytest.importorskip("anny")
    from motionimit.training.storage import PairFile

    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        report = synthesize(SynthSettings(ASSETS, folder, people=1, first=4, sequences=1), silent)
        assert report.made + report.skipped == 1
    files = [sorted(f.glob("*.safetensors")) for f in folders]
    assert [f.name for f in files[0]] == [f.name for f in files[1]] and files[0], "the seed must give a usable person"
    batches = []
    for file in (f[0] for f in files):
        with PairFile(file) as pairs:
            batches.append((pairs.source(), pairs.sequence(0)))
    assert torch.equal(batches[0][0].rgb, batches[1][0].rgb), "the same seed must give the same photo"
    targets, truths = batches[0][1]
    drawn, true = targets[0].rgba[:, 3] > 0.5, truths[0].alpha[:, 0] > 0.5
    overlap = float((drawn & true).sum() / (drawn | true).sum())
    assert overlap > 0.6, f"drawing and truth overlap by {overlap:.2f}"
    on_body = truths[0].body[0][true[0]]
    assert float((on_body >= 0).float().mean()) > 0.5, "the true body must lie on the true person"
