"""The data engine for stills: bad settings, windows and parsing everywhere; with anny and an asset folder also drawn people."""

import os
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from motionimit.errors import BadInput, BadUsage
from motionimit.generator.still_inputs import PARSING
from motionimit.geometry.camera import Camera
from motionimit.pose.keypoints import KEYPOINTS
from motionimit.training.assets import LABELS
from motionimit.training.still_examples import MARGIN, held, parsing_of, window_round
from motionimit.training.still_storage import StillFile, StillView
from motionimit.training.still_synth import StillSettings, synthesize_stills, write_pictures

ASSETS = Path(os.environ.get("MOTIONIMIT_ASSETS", Path(__file__).parents[3] / "shared" / "synth"))
SIDE = 160


def silent(stage, done, total):
    pass


@pytest.mark.parametrize(
    ("name", "value"), [("people", 0), ("views", 1), ("views", 65), ("side", 8), ("workers", 0), ("first", -1)]
)
def test_settings_outside_their_range_are_refused(name, value, tmp_path):
    with pytest.raises(BadUsage, match=f"--{name}"):
        StillSettings(tmp_path, tmp_path, **{name: value})


def test_a_folder_without_manifest_is_named_and_nothing_is_left(tmp_path):
    with pytest.raises(BadInput, match="manifest"):
        synthesize_stills(StillSettings(tmp_path, tmp_path / "out"), silent)
    assert not (tmp_path / "out").exists()


def test_pictures_come_in_pairs_with_masks(tmp_path):
    rgb = torch.zeros(3, 8, 8, dtype=torch.uint8)
    rgb[0] = 200
    alpha = torch.zeros(8, 8, dtype=torch.uint8)
    alpha[2:5] = 255
    view = StillView(rgb, alpha, torch.zeros(8, 8, dtype=torch.uint8), torch.zeros(18, 3))
    write_pictures(tmp_path, "person_00001", [view, view])
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"person_00001_{k}{end}" for k in (0, 1) for end in (".mask.png", ".png")
    ]
    assert cv2.imread(str(tmp_path / "person_00001_1.png"))[0, 0].tolist() == [0, 0, 200], (
        "OpenCV reads blue first: red must be last"
    )
    assert np.array_equal(cv2.imread(str(tmp_path / "person_00001_0.mask.png"), cv2.IMREAD_UNCHANGED), alpha.numpy())


def box(x: float, low: float, high: float) -> SimpleNamespace:
    """A person who is a box 0.6 m wide from `low` to `high`, at any pose; the pose moves nothing, the place does."""
    corners = np.array([(x + a, b, 0.0) for a in (-0.3, 0.3) for b in (low, high)])
    return SimpleNamespace(posed=lambda rotations, spot: [corners + spot])


def test_the_window_is_the_union_of_the_boxes_with_a_margin():
    camera, poses = Camera(300.0, (100, 150), (200, 300)), [np.zeros((24, 3, 3))] * 2
    spots = [np.array([-0.2, 0, -3.0]), np.array([0.2, 0, -3.0])]
    window = window_round(box(0, -0.9, 0.9), poses, spots, camera, 120)
    assert window is not None and not window.cut
    scale = window.camera.focal_px / 300
    assert scale == pytest.approx(120 / (180 * (1 + 2 * MARGIN))), "the height of 180 px decides"
    head = window.camera.project(torch.tensor([[0.0, 0.9, -3.0]]))[0]
    assert head.tolist() == pytest.approx([60, 120 * MARGIN / (1 + 2 * MARGIN)], abs=0.01)
    inside = window.picture
    assert inside[:2] == (0, 120) and inside[2] == pytest.approx(60 - 100 * scale, abs=1), "the frame's sides lie in the window"


def test_a_frame_that_cuts_the_legs_ends_the_window():
    camera, poses = Camera(300.0, (100, 150), (200, 300)), [np.zeros((24, 3, 3))]
    window = window_round(box(0, -1.9, 0.9), poses, [np.array([0, 0, -3.0])], camera, 120)
    assert window is not None and window.cut
    scale = window.camera.focal_px / 300
    bottom = (300 - 150) * scale + window.camera.center_px[1]
    assert bottom == pytest.approx(120, abs=0.01) and window.picture[1] == 120
    assert window_round(box(0, -3.9, -1.49), poses, [np.array([0, 0, -3.0])], camera, 120) is None, (
        "hardly anybody in the picture"
    )


def test_beyond_the_picture_its_border_is_held():
    plane = torch.arange(36).reshape(1, 6, 6)
    out = held(plane, (1, 4, 2, 5))
    assert torch.equal(out[:, 1:4, 2:5], plane[:, 1:4, 2:5])
    assert out[0, 0, 0] == plane[0, 1, 2] and out[0, 5, 5] == plane[0, 3, 4]


def test_bare_skin_is_named_after_the_nearest_part_of_the_body():
    from motionimit.body.parts import Region

    label = torch.full((3, 9), LABELS.index("skin"), dtype=torch.uint8)
    label[0] = torch.tensor([LABELS.index(n) for n in ("background", "hair", "hat", "dress", "upper", "lower", "shoes")] + [0, 0])
    regions = torch.full((3, 9), -1)
    regions[2, 1], regions[2, 4], regions[2, 5], regions[2, 8] = Region.NECK, Region.CHEST, Region.LEFT_HAND, Region.RIGHT_FOOT
    out = [[PARSING[k] for k in row] for row in parsing_of(SimpleNamespace(label=label), regions).tolist()]
    assert out[0] == ["background", "hair", "hair", "upper", "upper", "lower", "shoes", "background", "background"]
    assert out[1][:3] == out[2][:3] == ["face"] * 3 and out[1][-2:] == out[2][-2:] == ["legs"] * 2
    assert out[2][5] == "arms" and out[2][4] == "arms", "skin of the chest goes to the nearest bare part"


needs_assets = pytest.mark.skipif(not (ASSETS / "manifest.csv").is_file(), reason="no asset folder (set MOTIONIMIT_ASSETS)")


@cache
def drawn() -> list[list[StillView]]:
    pytest.importorskip("anny", reason="drawing people needs anny: pip install motionimit[train]")
    from motionimit.training.crew import open_studio
    from motionimit.training.still_examples import make_stills

    studio = open_studio(StillSettings(ASSETS, ASSETS))
    made = [make_stills(studio, (9, number), 2, SIDE) for number in (1, 1, 2)]
    assert all(views is not None for views in made), "these seeds must give usable people"
    return made


@needs_assets
def test_the_same_seed_draws_the_same_views():
    for first, second in zip(*drawn()[:2], strict=True):
        assert torch.equal(first.rgb, second.rgb) and torch.equal(first.keypoints, second.keypoints)


@needs_assets
def test_keypoints_and_parsing_lie_on_the_drawn_person():
    for views in drawn()[1:]:
        for k, view in enumerate(views):
            person = view.alpha.numpy() > 127
            grown = cv2.dilate(person.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            seen = view.keypoints[view.keypoints[:, 2] > 0, :2].long().numpy()
            on = np.mean([grown[y, x] for x, y in seen])
            assert on > 0.9, f"{on:.0%} of the keypoints of view {k} lie on the person"
            named = view.parsing.numpy() > 0
            overlap = (named & person).sum() / (named | person).sum()
            assert overlap > 0.97, f"parsing and matte of view {k} overlap by {overlap:.2f}"
            share = np.bincount(view.parsing.numpy()[person], minlength=len(PARSING)) / person.sum()
            assert share[PARSING.index("hair")] + share[PARSING.index("face")] > 0.02, "no head"


@needs_assets
def test_a_photo_shows_the_front_with_the_own_right_on_the_left():
    right, left, nose = (KEYPOINTS.index(n) for n in ("right_shoulder", "left_shoulder", "nose"))
    for views in drawn()[1:]:
        points = views[0].keypoints
        assert points[right, 0] < points[left, 0], "left and right shoulder are exchanged"
        assert points[nose, 2] == 1, "the first view must show the face"


@needs_assets
def test_views_share_their_background():
    first, second = drawn()[1]
    empty = (first.alpha == 0) & (second.alpha == 0)
    off = (first.rgb.int() - second.rgb.int()).abs().float()[:, empty].median()
    assert off < 6, f"the backgrounds differ by {off:.0f} of 255"


@needs_assets
def test_a_folder_of_people_is_made_and_continued(tmp_path):
    pytest.importorskip("anny", reason="drawing people needs anny: pip install motionimit[train]")
    settings = StillSettings(ASSETS, tmp_path, people=1, views=2, side=48)
    report = synthesize_stills(settings, silent)
    assert (report.made, report.there) == (1, 0)
    with StillFile(tmp_path / "person_00000.safetensors") as file:
        assert file.views == 2 and file.view(0).rgb.shape == (3, 48, 48)
    again = synthesize_stills(settings, silent)
    assert (again.made, again.there) == (0, 1), "what is there must stay"
