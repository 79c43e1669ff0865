"""Stills on disk and as a stream: storage, windows, augmentation and the stream's laws on made-up files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionimit.errors import BadInput
from motionimit.generator.still_frame import window_of
from motionimit.generator.still_inputs import PARSING
from motionimit.pose.keypoints import KEYPOINTS
from motionimit.training.still_augment import MIRROR_KEYPOINT, mirrored_keypoints, shaken_keypoints, shaken_parsing
from motionimit.training.still_dataset import Cut, Seen, StillDataset, cut_round, mirrored, seen_in
from motionimit.training.still_storage import FORMAT, StillFile, StillView, still_files, write_stills

SIDE = 64
FIELDS = ("rgb", "alpha", "parsing")


def made_up(seed: int, box: tuple[int, int, int, int] = (10, 58, 24, 40)) -> StillView:
    """A person who is a rectangle (top, bottom, left, right): smooth colours, each keypoint on a pixel of its own colour."""
    rng = np.random.default_rng(seed)
    top, bottom, left, right = box
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    rgb = torch.stack((x * 3, y * 3, (x + y + seed * 16) % 200)).to(torch.uint8)
    alpha = torch.zeros(SIDE, SIDE, dtype=torch.uint8)
    alpha[top:bottom, left:right] = 255
    parsing = torch.where(alpha > 0, 1 + (y * 7 // SIDE), 0).to(torch.uint8)
    points = torch.from_numpy(rng.uniform((left, top), (right, bottom), (len(KEYPOINTS), 2)))
    return StillView(rgb, alpha, parsing, torch.cat((points, torch.ones(len(KEYPOINTS), 1)), 1).float())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for person in range(3):
        views = [made_up(3 * person + k, (8 + k, 56, 20 + 2 * k, 38 + 2 * k)) for k in range(3)]
        write_stills(tmp_path / f"person_{person}.safetensors", views, {"seed": str(person)})
    return tmp_path


def tensors(batch):
    source = batch.source
    return (source.rgb, source.keypoints, source.wanted, source.parsing, batch.rgb, batch.alpha, batch.parsing)


def test_what_is_written_is_read(folder):
    with StillFile(folder / "person_1.safetensors") as file:
        assert file.views == 3 and file.about["format"] == FORMAT and file.about["seed"] == "1"
        for k in range(3):
            expected, view = made_up(3 + k, (8 + k, 56, 20 + 2 * k, 38 + 2 * k)), file.view(k)
            assert all(torch.equal(getattr(view, n), getattr(expected, n)) for n in (*FIELDS, "keypoints")), f"view {k} changed"
        with pytest.raises(IndexError):
            file.view(3)


def test_a_folder_without_stills_and_foreign_files_are_named(tmp_path):
    with pytest.raises(BadInput, match="train stills"):
        still_files(tmp_path / "nothing")
    with pytest.raises(BadInput, match="train stills"):
        StillDataset(tmp_path)
    from safetensors.torch import save_file

    save_file({"0.rgb": torch.zeros(1)}, tmp_path / "other.safetensors", {"format": "something"})
    with pytest.raises(BadInput, match=r"other\.safetensors.*no stills of this version"):
        StillFile(tmp_path / "other.safetensors")
    save_file({"0.rgb": torch.zeros(1)}, tmp_path / "other.safetensors", {"format": FORMAT, "views": "2"})
    with pytest.raises(BadInput, match="lack some of their views"):
        StillFile(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("rgb", torch.zeros(3, SIDE, SIDE)),
        ("alpha", torch.zeros(SIDE, SIDE + 1, dtype=torch.uint8)),
        ("parsing", torch.full((SIDE, SIDE), len(PARSING), dtype=torch.uint8)),
        ("keypoints", torch.full((18, 3), float("nan"))),
    ],
)
def test_impossible_values_are_refused(tmp_path, name, wrong):
    from safetensors.torch import save_file

    view = made_up(0)
    arrays = {f"{k}.{n}": getattr(view, n).clone() for k in range(2) for n in (*FIELDS, "keypoints")} | {f"1.{name}": wrong}
    save_file(arrays, tmp_path / "a.safetensors", {"format": FORMAT, "views": "2"})
    with StillFile(tmp_path / "a.safetensors") as file:
        file.view(0)
        with pytest.raises(BadInput, match=r"damaged \(view 1"):
            file.view(1)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_damaged_file_gives_a_view_or_one_sentence(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "a.safetensors"
    write_stills(path, [made_up(0)], {})
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:  # the header's length, the header, or what follows
        for at in data.draw(st.lists(st.integers(0, 700), min_size=1, max_size=4)):
            content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        with StillFile(path) as file:
            assert file.view(0).rgb.shape[0] == 3
    except BadInput as error:
        assert "\n" not in str(error) and "a.safetensors" in str(error)


def test_flipping_is_an_involution_and_swaps_the_sides():
    for k, name in enumerate(KEYPOINTS):
        other = KEYPOINTS[MIRROR_KEYPOINT[k]]
        assert MIRROR_KEYPOINT[MIRROR_KEYPOINT[k]] == k
        assert (other != name) == name.startswith(("left_", "right_")) and other.split("_")[-1] == name.split("_")[-1]
    keypoints = made_up(5).keypoints
    flipped = mirrored_keypoints(keypoints, SIDE)
    left, right = KEYPOINTS.index("left_wrist"), KEYPOINTS.index("right_wrist")
    assert flipped[right, 0] == SIDE - keypoints[left, 0] and flipped[right, 1] == keypoints[left, 1]
    assert torch.allclose(mirrored_keypoints(flipped, SIDE), keypoints, atol=1e-5)


def test_a_flipped_view_shows_each_keypoint_on_the_same_colour():
    view = seen_in(made_up(1), Cut(0, 0, SIDE, SIDE), (SIDE, SIDE))
    flipped = mirrored(view)
    for k in range(len(KEYPOINTS)):
        before, after = color_at(view, k), color_at(flipped, MIRROR_KEYPOINT[k])
        assert torch.equal(before, after), f"{KEYPOINTS[k]} lies on {before.tolist()} and, flipped, on {after.tolist()}"


def color_at(view: Seen, k: int) -> torch.Tensor:
    """The colour under a keypoint; ramps of 3/255 per px tell places apart."""
    x, y = view.keypoints[k, :2].floor().long().tolist()
    return view.rgb[:, y, x]


@pytest.mark.parametrize("size", [(128, 128), (64, 128), (32, 32)])
@pytest.mark.parametrize("cut", [Cut(0, 0, 64, 64), Cut(12, 6, 40, 40), Cut(-9, -20, 90, 90)])
def test_keypoints_stay_on_their_place_in_any_window(size, cut):
    view = made_up(2)
    cut = Cut(cut.left, cut.top, round(cut.height * size[0] / size[1]), cut.height)
    seen = seen_in(view, cut, size)
    assert seen.rgb.shape[1:] == (size[1], size[0]) and seen.parsing.shape == (size[1], size[0])
    factor = size[1] / cut.height
    for k, (x, y, sure) in enumerate(seen.keypoints.tolist()):
        inside = 0 <= x < size[0] and 0 <= y < size[1]
        assert sure == float(inside), f"{KEYPOINTS[k]} at ({x:.1f}, {y:.1f}) has confidence {sure}"
        if 2 < x < size[0] - 2 and 2 < y < size[1] - 2:
            ramp = seen.rgb[:2, int(y), int(x)] * 255 / 3  # x and y of the stored picture, less the half of a pixel
            off = (ramp + 0.5 - view.keypoints[k, :2]).abs().max().item()
            assert off < 0.7 + 0.5 / factor, f"{KEYPOINTS[k]} is {off:.2f} px off its place"


def test_training_cuts_the_window_that_the_product_cuts():
    views = [made_up(0, (20, 50, 10, 20)), made_up(1, (10, 40, 40, 60))]
    for aspect in (1.0, 0.5):
        left, top, width, height = window_of(torch.cat([v.keypoints for v in views]), aspect)
        cut = cut_round(views, aspect)
        assert (cut.left, cut.top) == (round(left), round(top)) and (cut.width, cut.height) == (round(width), round(height))
        moved = cut_round(views, aspect, 1.5, np.array([0.1, -0.2]))
        assert moved.height == pytest.approx(1.5 * height, abs=1)
        assert moved.left + moved.width / 2 == pytest.approx(left + 0.6 * width, abs=1)
        assert moved.top + moved.height / 2 == pytest.approx(top + 0.3 * height, abs=1)
    nobody = replace(views[0], keypoints=views[0].keypoints * torch.tensor([1.0, 1.0, 0.0]))
    assert cut_round([nobody], 1.0) == Cut(0, 0, SIDE, SIDE), "without a pose the whole picture serves"


def test_keypoint_errors_are_those_of_a_detector():
    rng, points = np.random.default_rng(0), made_up(0).keypoints
    shaken = torch.stack([shaken_keypoints(rng, points, 200.0, wanted=False) for _ in range(600)])
    wanted = torch.stack([shaken_keypoints(rng, points, 200.0, wanted=True) for _ in range(600)])
    error = (shaken - points)[..., :2]
    spread, calmer = (100 * (s - points)[:, 2:8, :2].std() / 200 for s in (shaken, wanted))
    assert 1.0 < spread < 2.0, f"joints are off by {spread:.2f} % of the height"
    assert 0.4 < calmer / spread < 0.6, "the wanted pose must be surer"
    face = [KEYPOINTS.index(n) for n in ("nose", "left_eye", "right_eye")]
    apart, together = (error[:, face[0]] - error[:, face[1]]).std(), error[:, face].std()
    assert apart < 0.5 * together, "points of a face must move together"
    dropped = (shaken[..., 2] == 0).float().mean().item()
    assert 0.005 < dropped < 0.08, f"{dropped:.1%} of the keypoints are missed"


def test_a_shaken_parsing_is_near_the_true_one_and_never_new():
    rng, true = np.random.default_rng(0), made_up(0).parsing.long()
    share = [float((shaken_parsing(rng, true) == true).float().mean()) for _ in range(60)]
    assert 0.9 < np.mean(share) < 0.995, f"{np.mean(share):.1%} of the labels agree"
    assert torch.equal(true, made_up(0).parsing.long()), "the true parsing was changed in place"
    empty = torch.zeros(SIDE, SIDE, dtype=torch.int64)
    assert all(not shaken_parsing(rng, empty).any() for _ in range(20)), "a person has come from nowhere"


@pytest.mark.parametrize("augment", [False, True])
def test_a_stream_repeats_itself_and_goes_on_where_it_stopped(folder, augment):
    first, second = (StillDataset(folder, batch=2, size_px=(32, 64), seed=4, augment=augment) for _ in range(2))
    batches = [first.next() for _ in range(3)]
    assert all(torch.equal(a, b) for a, b in zip(tensors(batches[0]), tensors(second.next()), strict=True))
    state = second.state()
    again = StillDataset(folder, batch=2, size_px=(32, 64), seed=4, augment=augment)
    again.load_state(state)
    for expected in batches[1:]:
        assert all(torch.equal(a, b) for a, b in zip(tensors(expected), tensors(again.next()), strict=True))
    other = StillDataset(folder, batch=2, size_px=(32, 64), seed=4, rank=1, augment=augment).next()
    assert not torch.equal(other.source.keypoints, batches[0].source.keypoints), "each process needs pairs of its own"


def test_batches_are_whole_and_pairs_are_of_one_person(folder):
    dataset = StillDataset(folder, batch=6, size_px=(48, 48), augment=False)
    batch = dataset.next()
    assert batch.rgb.shape == batch.source.rgb.shape == (6, 3, 48, 48) and batch.alpha.shape == (6, 1, 48, 48)
    assert batch.parsing.shape == (6, 48, 48) and batch.parsing.dtype == torch.int64
    assert batch.rgb.min() >= 0 and batch.rgb.max() <= 1 and batch.alpha.max() == 1
    same = [torch.equal(batch.source.keypoints[k], batch.source.wanted[k]) for k in range(6)]
    assert not any(same), "a view was paired with itself"
    augmented = StillDataset(folder, batch=6, size_px=(48, 48)).next()
    assert augmented.rgb.min() >= 0 and augmented.rgb.max() <= 1 and int(augmented.source.parsing.max()) < len(PARSING)


def test_a_grown_folder_is_seen_and_a_lost_file_is_told(folder, monkeypatch):
    monkeypatch.setattr("motionimit.training.stream.RELIST", 2)
    dataset = StillDataset(folder, batch=1, size_px=(32, 32))
    write_stills(folder / "person_9.safetensors", [made_up(k) for k in range(2)], {})
    for _ in range(2):
        dataset.next()
    state = dataset.state()
    assert "person_9.safetensors" in state["files"]
    (folder / "person_9.safetensors").unlink()
    with pytest.raises(ValueError, match="lost 1 files"):
        StillDataset(folder).load_state(state)


def test_a_damaged_file_stops_the_stream_with_its_name(folder):
    for file in still_files(folder):
        file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(BadInput, match=r"person_\d\.safetensors"):
        StillDataset(folder).next()
