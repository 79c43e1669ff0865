"""The real estimator: its interface on drawn pictures, its figures on real material where there is some."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from motionimit.errors import BadInput
from motionimit.pose.detector import LEFT_RIGHT, MediaPipeDetector
from motionimit.pose.matting import refine_matte
from motionimit.pose.people import find_people
from motionimit.pose.photo import track_photo
from motionimit.pose.roi import Roi
from motionimit.pose.tracking import track_person
from motionimit.types import Frame, Photo
from motionimit.values import PersonChoice


def _landscape() -> np.ndarray:
    rng = np.random.default_rng(3)
    hills = cv2.GaussianBlur(rng.normal(128, 400, (270, 360, 3)).astype(np.float32), (0, 0), 9)
    return np.clip(hills, 0, 255).astype(np.uint8)


def test_nobody_in_a_landscape(mediapipe_detector: MediaPipeDetector) -> None:
    with pytest.raises(BadInput, match="^No person was found in 'hills.png'"):
        track_photo(Photo(Path("hills.png"), _landscape(), None, ""), mediapipe_detector)
    frames = iter([Frame(i, i / 25, np.roll(_landscape(), i, 1)) for i in range(3)])
    with pytest.raises(BadInput, match="^No person was found in hills.mp4"):
        track_person(frames, Fraction(25), mediapipe_detector, where="hills.mp4")


def test_an_empty_window_gives_none_or_a_well_formed_answer(mediapipe_detector: MediaPipeDetector) -> None:
    for roi in (Roi((200.0, 200.0), 300.0), Roi((-900.0, -900.0), 100.0), Roi((200.0, 200.0), 4000.0, 1.0)):
        answer = mediapipe_detector.detect(_landscape(), roi)
        assert answer is None or (answer.joints_px.shape == (33, 2) and np.isfinite(answer.joints_m).all())


def test_nothing_is_written_to_stderr() -> None:
    code = (
        "import numpy as np; from motionimit.pose.detector import MediaPipeDetector; from motionimit.pose.roi import Roi;"
        "d = MediaPipeDetector(); z = np.zeros((64, 64, 3), np.uint8); d.find(z); d.detect(z, Roi((32., 32.), 64.));"
        "d.people_mask(z); d.close()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == "" and done.stdout == "", done.stderr[-600:]


def test_importing_the_stage_does_not_load_mediapipe() -> None:
    code = "import sys, motionimit.pose.tracking; sys.exit('mediapipe' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


def test_closing_twice_is_fine() -> None:
    detector = MediaPipeDetector()
    detector.find(np.zeros((64, 64, 3), np.uint8))
    detector.close()
    detector.close()


def _frames(path: Path, count: int, tall: int = 540) -> list[Frame]:
    with av.open(str(path)) as container:
        out = []
        for i, f in enumerate(islice(container.decode(video=0), count)):
            scale = min(tall / f.height, 1)
            rgb = f.to_ndarray(format="rgb24", width=int(f.width * scale) // 2 * 2, height=int(f.height * scale) // 2 * 2)
            out.append(Frame(i, i / 30, rgb))
        return out


def _photo(folder: Path, pattern: str) -> Photo:
    path = next((folder / "photos").glob(pattern), None)
    if path is None:
        pytest.skip(f"photos/{pattern} is not there")
    return Photo(path, cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), None, "")


CLIPS = ["unianimate_dance_yellow_sweater.mp4", "golfdb_golf_swing.mp4", "alphapose_breakdance.mp4"]


@pytest.mark.parametrize("name", CLIPS)
def test_people_of_real_clips_are_seen_throughout(name: str, real_material: Path, mediapipe_detector: MediaPipeDetector) -> None:
    frames = _frames(real_material / "clips" / name, 30)
    track = track_person(iter(frames), Fraction(30), mediapipe_detector)
    rate = float(track.valid.float().mean())
    assert rate > 0.97, f"seen in {100 * rate:.0f} % of the frames"
    assert track.cuts == ()


def test_landmarks_agree_with_those_of_the_mirrored_picture(real_material: Path, mediapipe_detector: MediaPipeDetector) -> None:
    """Checks the half-pixel convention: an offset of the crop would show twice as a bias between picture and mirror."""
    rgb = _frames(real_material / "clips" / CLIPS[0], 1)[0].rgb
    width = rgb.shape[1]
    roi = mediapipe_detector.find(rgb)[0]
    first = mediapipe_detector.detect(rgb, roi)
    mirror = mediapipe_detector.detect(
        np.ascontiguousarray(rgb[:, ::-1]), Roi((width - roi.center_px[0], roi.center_px[1]), roi.side_px, -roi.angle_rad)
    )
    assert first is not None and mirror is not None
    bias = float(np.median(first.joints_px[:, 0] - (width - mirror.joints_px[LEFT_RIGHT, 0]))) / roi.side_px * 256
    assert abs(bias) < 0.6, f"bias of {bias:.2f} px of the 256-px crop"


def test_a_lying_picture_is_seen_and_mapped_back(real_material: Path, mediapipe_detector: MediaPipeDetector) -> None:
    photo = _photo(real_material, "physio_motion_tr_309*")
    small = cv2.resize(photo.rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    upright = track_photo(Photo(photo.path, small, None, ""), mediapipe_detector)
    lying = track_photo(Photo(photo.path, np.ascontiguousarray(np.rot90(small)), None, ""), mediapipe_detector)
    x, y = upright.joints_px[0].numpy().T
    turned = np.stack((y, small.shape[1] - x), -1)  # np.rot90 turns counter-clockwise
    off = float(np.median(np.linalg.norm(lying.joints_px[0].numpy() - turned, axis=-1)))
    tall = float(upright.box_xyxy_px[0, 3] - upright.box_xyxy_px[0, 1])
    assert off < 0.03 * tall, f"landmarks differ by {100 * off / tall:.1f} % of the person's height"


def test_six_people_on_a_beach(real_material: Path, mediapipe_detector: MediaPipeDetector) -> None:
    photo = _photo(real_material, "awkward_econ_064*")
    small = cv2.resize(photo.rgb, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    assert len(find_people(small, mediapipe_detector)) == 6
    with pytest.raises(BadInput, match="Person 7 was asked for but 6 people were found"):
        track_photo(Photo(photo.path, small, None, ""), mediapipe_detector, person=PersonChoice(number=7))


@pytest.mark.parametrize("pattern", ["physio_motion_tr_309*", "awkward_physio_motion_tr_310*"])
def test_a_green_screen_person_is_cut_out_as_a_key_would(
    pattern: str, real_material: Path, mediapipe_detector: MediaPipeDetector
) -> None:
    photo = _photo(real_material, pattern)
    track = track_photo(photo, mediapipe_detector)
    matte = refine_matte(photo.rgb, track.masks[0, 0].numpy(), track.box_xyxy_px[0].numpy())
    red, green, blue = (photo.rgb[..., c].astype(int) for c in range(3))
    keyed = (green - np.maximum(red, blue)) < 12
    x0, y0, x1, y1 = (int(v) for v in track.box_xyxy_px[0])
    a, b = matte[y0:y1, x0:x1] > 0.5, keyed[y0:y1, x0:x1]
    iou = float((a & b).sum() / (a | b).sum())
    assert iou > 0.95, f"IoU with the chroma key {iou:.3f}"
