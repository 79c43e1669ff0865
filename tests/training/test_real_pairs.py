"""Training pairs from real clips, on a few frames of the repository's sample clip (whose person is synthetic)."""

import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from motionimit.errors import BadInput, BadUsage
from motionimit.flow.transfer import Warped
from motionimit.generator.maps import Box
from motionimit.media.reader import VideoReader
from motionimit.training.footage import Footage
from motionimit.training.real import RealSettings, pairs_from_clips
from motionimit.training.real_truth import RealFrame, RealStage, taken_apart
from motionimit.training.storage import PairFile

CLIP = Path(__file__).parents[2] / "assets" / "dance.mp4"
START_S, FRAMES, HEIGHT_PX = 1.0, 10, 256


def silent(stage, done, total):
    pass


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One file of the sample clip, its report, and how progress went."""
    told = []
    out = tmp_path_factory.mktemp("real")
    settings = RealSettings((CLIP,), out, sequences=1, start_s=START_S, max_frames=FRAMES, height_px=HEIGHT_PX)
    report = pairs_from_clips(settings, lambda *step: told.append(step))
    assert report.made == 1, report.unusable
    return SimpleNamespace(settings=settings, report=report, told=told, path=next(out.glob("*.safetensors")))


@cache
def pairs(path):
    with PairFile(path) as file:
        return file.about, file.source(), file.sequence(0)


@cache
def true_frames():
    """[T, H, W, 3] float 0..1 of the span at the height of the targets."""
    import cv2

    with VideoReader(CLIP, START_S, None, FRAMES) as reader:
        size = (round(reader.info.size_px[0] * HEIGHT_PX / reader.info.size_px[1]), HEIGHT_PX)
        return np.stack([cv2.resize(f.rgb, size, interpolation=cv2.INTER_AREA) for f in reader]) / 255


def places(truth):
    """(largest error of the composite, frame) where a truth lies in the clip: the best of all frames and lattice places."""
    whole = (truth.rgb + truth.backdrop * (1 - truth.alpha))[0].permute(1, 2, 0).numpy()
    frames = true_frames()
    best = (np.inf, None)
    tall, wide = frames.shape[1:3]
    for top in range(-whole.shape[0] + 16, tall, 16):
        for left in range(-whole.shape[1] + 16, wide, 16):
            y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + whole.shape[0], tall), min(left + whole.shape[1], wide)
            if (y1 - y0) * (x1 - x0) < 0.8 * whole.shape[0] * whole.shape[1]:
                continue
            part = whole[y0 - top : y1 - top, x0 - left : x1 - left]
            for t, frame in enumerate(frames):
                best = min(best, (float(np.abs(part - frame[y0:y1, x0:x1]).max()), t))
    return best


def test_person_over_backdrop_is_the_frame(made):
    _, _, (_, truths) = pairs(made.path)
    found = [places(truth) for truth in truths]
    for worst, _ in found:
        assert worst <= 2 / 255 + 1e-6, f"person and backdrop miss the frame by {255 * worst:.2f} of 255"
    assert found[1][1] == found[0][1] + 1, f"frames {[t for _, t in found]} do not follow each other"
    source = int(re.search(r"_(\d{5})\.safetensors$", made.path.name)[1])
    assert source not in [t for _, t in found], "a photo must not be its own target"


def test_any_frame_and_matte_can_be_taken_apart():
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (60, 48, 3), np.uint8)  # noise: nothing that matting or inpainting guess is right
    matte = rng.random((60, 48)).astype(np.float32)
    matte[:20], matte[40:] = 0, 1
    parts = taken_apart(rgb, matte)
    whole = (parts.rgb + parts.backdrop * (1 - parts.alpha)).permute(1, 2, 0).numpy()
    off = 255 * float(np.abs(whole - rgb / np.float32(255)).max())
    assert off < 0.6, f"the parts miss the frame by {off:.2f} of 255"
    assert float((parts.rgb - parts.alpha).max()) < 1e-6 and float(parts.rgb.min()) >= 0, "colour must be premultiplied"
    assert float(parts.backdrop.min()) >= 0 and float(parts.backdrop.max()) <= 1
    assert float(parts.rgb[:, :20].abs().max()) == 0, "nothing of the person where the matte is 0"


def test_the_drawing_lies_on_the_truth(made):
    about, source, (targets, truths) = pairs(made.path)
    expected = {"seed": "0", "kind": "real", "photos": "1", "clip": "dance.mp4", "sequences": "1"}
    assert expected.items() <= about.items(), about
    assert source.rgb.shape[:2] == (1, 1)
    for target, truth in zip(targets, truths, strict=True):
        drawn, true = target.rgba[0, 3] > 0.5, truth.alpha[0, 0] > 0.5
        overlap = float((drawn & true).sum() / (drawn | true).sum())
        assert overlap > 0.75, f"drawing and matte overlap by {overlap:.2f}"
        behind = truth.backdrop[0]
        shown = target.rgba[0, :3] * target.rgba[0, 3:] + behind * (1 - target.rgba[0, 3:])
        off = float((shown - truth.rgb[0] - behind * (1 - truth.alpha[0]))[:, drawn & true].abs().mean())
        assert off < 0.12, f"within the person the drawing is {off:.3f} off a frame a fraction of a second away"


def test_body_and_hidden_lie_within_the_person(made):
    _, _, (targets, truths) = pairs(made.path)
    for target, truth in zip(targets, truths, strict=True):
        inside = truth.alpha[0, 0] > 0.5
        assert bool((truth.body[0][~inside] == -1).all()), "the parsing loss must not look beside the person"
        on_body = float((truth.body[0][inside] >= 0).float().mean())
        assert on_body > 0.6, f"the fitted body covers {on_body:.0%} of the person"
        agree = float((truth.body == target.body)[0][inside].float().mean())
        assert agree > 0.7, f"only {agree:.0%} of the person have the same group in target and truth"
        hidden = truth.hidden[0, 0] > 0.5
        assert not bool((hidden & ~inside).any()), "hidden surface must be on the person"
        assert float(hidden.sum() / inside.sum()) < 0.4, "the photo is a frame nearby and shows most of it"


def test_hidden_is_what_was_drawn_without_confidence_but_no_thin_rim():
    box = Box(0, 0, 64, 48)
    stage = object.__new__(RealStage)
    mapper = SimpleNamespace(regions_of=lambda *_: torch.zeros(48, 64, dtype=torch.int64))
    stage.camera, stage.ensemble = None, SimpleNamespace(mapper=mapper)
    alpha = torch.ones(1, 48, 64)
    alpha[:, :8] = 0
    rgba, confidence = torch.ones(48, 64, 4), torch.full((48, 64), 0.9)
    confidence[:, 40:], confidence[:, 10:12] = 0.1, 0.1  # a hidden part, and a rim
    rgba[40:, :, 3] = 0  # nothing is drawn there, so nothing is known
    drawn = [Warped(rgba, torch.zeros(48, 64, 2), confidence), Warped(rgba, torch.zeros(48, 64, 2), torch.zeros(48, 64))]
    plane = torch.zeros(3, 48, 64)
    truth = stage._truth(RealFrame(plane, alpha, plane), drawn, torch.zeros(0, 3), box)
    expected = torch.zeros(48, 64, dtype=torch.bool)
    expected[8:40, 40:] = True
    wrong = int((truth.hidden[0, 0].bool() != expected).sum())
    assert wrong <= 8, f"{wrong} px beyond the corners that the rim filter rounds off"
    assert bool((truth.body[0, :8] == -1).all()) and bool((truth.body[0, 8:] == 0).all())


def test_what_is_there_stays_and_progress_ends(made):
    assert made.told[0] == ("clips", 0, 1) and made.told[-1] == ("clips", 1, 1)
    before = made.path.stat().st_mtime_ns
    again = pairs_from_clips(made.settings, silent)
    assert (again.made, again.there) == (0, 1)
    assert made.path.stat().st_mtime_ns == before and len(list(made.path.parent.iterdir())) == 1


def turned_footage(yaw_rad, sharp):
    """A clip of a body that turns; frame t has sharpness `sharp[t]`."""
    footage = object.__new__(Footage)
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    rotations = np.tile(np.eye(3, dtype=np.float32), (len(c), 24, 1, 1))
    rotations[:, 0, 0, 0], rotations[:, 0, 0, 2], rotations[:, 0, 2, 0], rotations[:, 0, 2, 2] = c, s, -s, c
    footage.path = Path("turn.mp4")
    footage.params = SimpleNamespace(rotations=torch.from_numpy(rotations))
    footage._pelvis_m = np.tile(np.array([[0.0, 0.0, -3.0]], np.float32), (len(c), 1))
    valid = torch.ones(len(c), dtype=torch.bool)
    joints = torch.zeros(len(c), 33, 2)
    joints[:, 11:13, 1], joints[:, 15:25, 1] = 20.0, 70.0  # nose at the origin, hands beside the hips
    footage.track = SimpleNamespace(confidence=torch.ones(len(c), 33), valid=valid, fps=25, cuts=(40,), joints_px=joints)
    footage.frames = lambda wanted: dict.fromkeys(wanted)
    footage.sharpness = lambda t, rgb: float(sharp[t])
    return footage


def test_photos_are_frontal_then_of_other_sides_and_sharp():
    yaw = np.linspace(-1.0, 2 * np.pi - 1.0, 100, endpoint=False)
    sharp = np.random.default_rng(1).random(100)
    footage = turned_footage(yaw, sharp)
    assert np.allclose(np.cos(footage.yaw_rad()), np.cos(yaw), atol=1e-5)
    front, back, side = footage.source_frames(3)
    off_deg = np.degrees(np.abs(np.angle(np.exp(1j * yaw[[front, back, side]]))))
    assert off_deg[0] < 30, f"the first photo is turned by {off_deg[0]:.0f}°"
    assert off_deg[1] > 140, f"the second shows {off_deg[1]:.0f}°, not the back"
    assert 50 < off_deg[2] < 130, f"the third shows {off_deg[2]:.0f}°, not a side"
    near = [t for t in range(100) if abs(t - front) <= 4 and np.cos(yaw[t]) > 0.99]
    assert sharp[front] >= np.median(sharp[near]), "of frames nearly as frontal a blurred one was taken"


def test_no_photo_with_hands_before_the_face():
    footage = turned_footage(np.zeros(100), np.ones(100))
    footage.track.joints_px[:90, 16] = 2.0
    chosen = footage.source_frames(1)[0]
    assert chosen >= 90, f"frame {chosen} was taken, in which a hand covers the face"


def test_targets_are_spread_and_never_cross_a_cut_or_touch_a_photo():
    footage = turned_footage(np.zeros(100), np.ones(100))
    footage.track.valid[60] = False
    stretches = footage.stretches(np.random.default_rng(0), 4, [10])
    assert len(stretches) == 4 and [min(s) for s in stretches] == sorted(min(s) for s in stretches)
    firsts = sorted(t for s in stretches for t in s)
    assert not {39, 59, 60} & set(firsts), "a pair crosses a cut or a frame without the person"
    assert all(abs(t - 10) > 6 and abs(t + 1 - 10) > 6 for t in firsts), "a target next to the photo"
    assert firsts[0] < 3 and firsts[-1] > 95


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"photos": 0}, "--photos"),
        ({"sequences": 0}, "--sequences"),
        ({"seed": -1}, "--seed"),
        ({"start_s": -1.0}, "--start"),
        ({"max_frames": 2}, "3 frames"),
        ({"clips": ()}, "one clip"),
        ({"clips": (Path("a/x.mp4"), Path("b/x.mp4"))}, "Two clips"),
    ],
)
def test_settings_outside_their_range_are_refused(change, word, tmp_path):
    with pytest.raises(BadUsage, match=word):
        RealSettings(**({"clips": (CLIP,), "out": tmp_path} | change))


def test_a_missing_clip_is_named_before_any_work(tmp_path):
    with pytest.raises(BadInput, match=r"gone\.mp4"):
        pairs_from_clips(RealSettings((CLIP, tmp_path / "gone.mp4"), tmp_path / "out"), silent)
    assert not (tmp_path / "out").exists(), "nothing must be left behind"


def test_a_clip_without_people_is_reported_and_the_rest_goes_on(tmp_path):
    import av

    path = tmp_path / "empty_room.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 128, "yuv420p"
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((128, 96, 3), 90, np.uint8), format="rgb24")))
        container.mux(stream.encode())
    report = pairs_from_clips(RealSettings((path,), tmp_path / "out"), silent)
    assert report.made == 0 and len(report.unusable) == 1 and "empty_room.mp4" in report.unusable[0]
    assert not list((tmp_path / "out").iterdir())
