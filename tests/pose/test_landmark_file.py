"""Landmark files: both formats give the same person, depth is guessed sanely, and nothing but one sentence comes of bad ones."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motionimit.errors import BadInput
from motionimit.pose.keypoints import KEYPOINTS, keypoints_of
from motionimit.pose.landmark_file import read_landmarks
from motionimit.pose.lifting import FLAT, STANDING_M, lift
from motionimit.values import parse_person

WIDTH, HEIGHT, PX_PER_M = 400, 600, 250.0
FLAT_DEG = math.degrees(math.acos(1 / FLAT))  # turns up to here can't be told from broad people
BODY_25_ONLY = {8: "mid_hip", 19: 31, 21: 29, 22: 32, 24: 30}  # what of BODY_25 isn't COCO: number → landmark, where there is one
COCO_IN_25 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)  # COCO's keypoints in BODY_25


def in_picture(points_m: np.ndarray, middle_px: tuple[float, float] = (200, 310)) -> np.ndarray:
    """[33, 3] m → [33, 2] px, seen from far away."""
    return points_m[:, :2] * (PX_PER_M, -PX_PER_M) + middle_px


def turned(yaw_deg: float) -> np.ndarray:
    """[33, 3] m: the standing body, turned towards the picture's right."""
    c, s = math.cos(math.radians(yaw_deg)), math.sin(math.radians(yaw_deg))
    return STANDING_M @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T


def own(xy: np.ndarray, confidence: np.ndarray | None = None) -> dict[str, Any]:
    sure = np.ones(33) if confidence is None else confidence
    return {"size": [WIDTH, HEIGHT], "landmarks": np.column_stack([xy, sure]).tolist()}


def openpose(*people: np.ndarray, count: int = 18, size: bool = True) -> dict[str, Any]:
    """OpenPose's JSON of people [33, 2] px."""
    out = []
    for xy in people:
        coco = keypoints_of(torch.from_numpy(xy), torch.full((33,), 0.8, dtype=torch.float64)).numpy()
        points = coco
        if count == 25:
            points = np.zeros((25, 3))
            points[list(COCO_IN_25)] = coco
            for number, mark in BODY_25_ONLY.items():
                points[number] = (*(xy[[23, 24]].mean(0) if mark == "mid_hip" else xy[mark]), 0.8)
        out.append({"person_id": [-1], "pose_keypoints_2d": points.reshape(-1).tolist(), "face_keypoints_2d": []})
    return {"version": 1.3, "people": out} | ({"canvas_width": WIDTH, "canvas_height": HEIGHT} if size else {})


@pytest.fixture
def written(tmp_path: Path):
    def write(content: Any) -> Path:
        path = tmp_path / "pose.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def test_our_own_landmarks_come_back_as_they_are(written) -> None:
    xy, confidence = in_picture(turned(20)), np.linspace(0.2, 1, 33)
    track = read_landmarks(written(own(xy, confidence)))
    assert track.size_px == (WIDTH, HEIGHT)
    assert np.abs(track.joints_px[0].numpy() - xy).max() < 1e-3
    assert np.abs(track.confidence[0].numpy() - confidence).max() < 1e-6
    assert not len(track.masks) and track.valid.all()


@pytest.mark.parametrize("count", [18, 25])
def test_openpose_keypoints_land_on_their_landmarks(written, count: int) -> None:
    xy = in_picture(turned(-30))
    track = read_landmarks(written(openpose(xy, count=count)))
    back = keypoints_of(track.joints_px[0], track.confidence[0]).numpy()
    true = keypoints_of(torch.from_numpy(xy), torch.ones(33)).numpy()
    off = np.abs(back[:, :2] - true[:, :2]).max(1)
    assert off.max() < 1e-3, f"{KEYPOINTS[int(off.argmax())]} is {off.max():.1f} px off"
    known = track.confidence[0].numpy() > 0
    assert known.sum() == (17 if count == 18 else 21), "nose, eyes, ears, limbs; BODY_25 has heels and toes besides"
    guessed = np.linalg.norm(track.joints_px[0].numpy() - xy, axis=1)[~known] / (1.7 * PX_PER_M)
    assert guessed.max() < 0.1, f"a landmark that isn't known lies {100 * guessed.max():.0f} % of the height from its place"


def test_the_neck_tells_where_a_missing_shoulder_is(written) -> None:
    content, xy = openpose(in_picture(STANDING_M)), in_picture(STANDING_M)
    content["people"][0]["pose_keypoints_2d"][6:9] = [0, 0, 0]  # the right shoulder
    track = read_landmarks(written(content))
    assert np.abs(track.joints_px[0, 12].numpy() - xy[12]).max() < 1e-3
    assert track.confidence[0, 12] > 0


def test_one_of_several_people_is_chosen(written) -> None:
    places = {"left": 80.0, "right": 320.0}
    people = [in_picture(STANDING_M, (x, 310)) for x in places.values()]
    path = written(openpose(*people[::-1]))
    for place, x in places.items():
        hips = read_landmarks(path, parse_person(place)).joints_px[0, [23, 24], 0].mean()
        assert abs(float(hips) - x) < 1, f"{place}: at {hips:.0f}"
    with pytest.raises(BadInput, match=r"Person 3 was asked for"):
        read_landmarks(path, parse_person(3))


def test_shares_of_the_picture_are_pixels_where_its_size_is_known(written) -> None:
    xy = in_picture(STANDING_M)
    content = openpose(xy / (WIDTH, HEIGHT))
    assert np.abs(read_landmarks(written(content)).joints_px[0, 11].numpy() - xy[11]).max() < 1e-2
    del content["canvas_width"], content["canvas_height"]
    with pytest.raises(BadInput, match="unknown size"):
        read_landmarks(written(content))


def test_a_picture_of_unknown_size_is_guessed_and_said(written) -> None:
    track = read_landmarks(written(openpose(in_picture(STANDING_M), size=False)))
    assert (track.joints_px[0].numpy().max(0) < track.size_px).all()
    assert "how large its picture was" in track.warnings[0]


@pytest.mark.parametrize("yaw_deg", range(-180, 180, 15))
def test_the_side_that_is_seen_is_the_side_that_is_found(yaw_deg: int) -> None:
    truth = turned(yaw_deg)
    found, _ = lift(in_picture(truth), np.ones(33))
    across = [p[11] - p[12] for p in (found, truth)]
    cosine = across[0] @ across[1] / np.prod([np.linalg.norm(a) for a in across])
    off_deg = math.degrees(math.acos(min(1, cosine)))
    assert off_deg < FLAT_DEG + 1, f"the shoulders are turned {off_deg:.0f}° from where they are"


def test_a_knee_bends_backwards_and_an_elbow_forwards() -> None:
    body = STANDING_M.copy()
    body[27] = body[25] + (0.01, -0.15, -0.34)  # the left shank lifted
    body[15] = body[13] + (-0.02, 0.02, 0.23)  # the left hand held forward
    found, _ = lift(in_picture(body), np.ones(33))
    assert found[27, 2] < found[25, 2] - 0.25, f"shank {found[27] - found[25]}"
    assert found[15, 2] > found[13, 2] + 0.15, f"forearm {found[15] - found[13]}"


def test_legs_outside_the_picture_hang_down() -> None:
    confidence = np.ones(33)
    confidence[23:] = 0
    found, pixels = lift(in_picture(STANDING_M), confidence)
    off = np.abs(pixels[23:] - in_picture(STANDING_M)[23:]).max() / PX_PER_M
    assert off < 0.15, f"{off:.2f} m from where they are"
    assert np.isfinite(found).all()


def test_the_body_fits_what_is_lifted(written) -> None:
    from motionimit.body.fit import fit_body
    from motionimit.body.model import load_body
    from motionimit.body.rig import Rig
    from motionimit.body.upright import rest_pose, turn
    from motionimit.geometry.camera import Camera
    from motionimit.types import BodyParams

    model = load_body()
    rotations = rest_pose("a")[None].clone()
    rotations[0, 0] = torch.from_numpy(turn(np.array(40.0))).float()
    true = BodyParams(rotations, torch.zeros(10), torch.tensor([[0.0, 0.0, -3.5]]), Camera.for_image(WIDTH, HEIGHT))
    posed = Rig.landmarks(model).shaped(np.zeros(10)).pose(rotations.double().numpy(), true.translation_m.double().numpy())
    xy = true.camera.project(torch.from_numpy(posed.points_m[0])).numpy()
    params, quality = fit_body(read_landmarks(written(openpose(xy))), model)
    assert quality.reprojection_pct_mean < 1.0, f"off by {quality.reprojection_pct_mean:.2f} % of the height"
    cosine = float(params.rotations[0, 0, :, 2] @ true.rotations[0, 0, :, 2])
    assert cosine > math.cos(math.radians(25)), f"turned {math.degrees(math.acos(cosine)):.0f}° from the truth"


NOBODY = [[1.0, 2.0, 0.0]] * 33
BAD = {
    "not JSON": ("Dear Sir or Madam", "is not JSON"),
    "deep": ("[" * 100_000, "is not JSON"),
    "a list": ("[1, 2]", "neither 'landmarks' nor 'people'"),
    "something else": ({"hello": 1}, "neither 'landmarks' nor 'people'"),
    "32 landmarks": ({"size": [10, 10], "landmarks": NOBODY[:32]}, "[32, 3]"),
    "two numbers each": ({"size": [10, 10], "landmarks": [[1, 2]] * 33}, "[33, 2]"),
    "no size": ({"landmarks": [[1.0, 2.0, 1.0]] * 33}, "how large the picture is"),
    "size 0": ({"size": [0, 10], "landmarks": [[1.0, 2.0, 1.0]] * 33}, "no usable picture size"),
    "NaN": ('{"size": [10, 10], "landmarks": [' + ", ".join(["[NaN, 2, 1]"] * 33) + "]}", "finite numbers"),
    "text": ({"size": [10, 10], "landmarks": [["a", 2, 1]] * 33}, "finite numbers"),
    "huge": ({"size": [10, 10], "landmarks": [[1e300, 2, 1]] * 33}, "finite numbers"),
    "confidence 0": ({"size": [10, 10], "landmarks": NOBODY}, "all confidences are 0"),
    "no people": ({"people": []}, "'people' is empty"),
    "people no list": ({"people": 3}, "'people' is empty"),
    "a person no object": ({"people": [3]}, "has 0 numbers"),
    "17 keypoints": ({"people": [{"pose_keypoints_2d": [1.0] * 51}]}, "has 51 numbers; 54 (18 keypoints, COCO) or 75"),
    "nobody": ({"people": [{"pose_keypoints_2d": [0] * 54}]}, "all confidences are 0"),
    "a face alone": ({"people": [{"pose_keypoints_2d": [100, 50, 1, *[0] * 51]}], "canvas_width": 200, "canvas_height": 200},
                     "too little of a person"),
    "half a canvas": (openpose(in_picture(STANDING_M)) | {"canvas_width": None}, "finite numbers"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD.keys())
def test_bad_files_are_one_sentence_with_the_name(written, content: Any, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_landmarks(written(content))
    sentence = str(caught.value)
    assert said in sentence and "pose.json" in sentence, sentence
    assert sentence.endswith(".") and "\n" not in sentence


numbers = st.one_of(st.floats(-2000, 2000), st.integers(-50, 5000), st.just(0))
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
triples = st.lists(numbers, min_size=54, max_size=54) | st.lists(numbers, min_size=75, max_size=75)
files = st.one_of(
    st.fixed_dictionaries({"people": st.lists(st.fixed_dictionaries({"pose_keypoints_2d": triples | anything}), max_size=3)}),
    st.fixed_dictionaries({"size": st.just([300, 200]), "landmarks": st.lists(st.lists(numbers, min_size=3, max_size=3),
                                                                              min_size=33, max_size=33)}),
    st.fixed_dictionaries({"people": anything, "canvas_width": anything, "canvas_height": anything}),
    st.fixed_dictionaries({"landmarks": anything, "size": anything}),
    anything,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=files)
def test_any_json_gives_a_person_or_one_sentence(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "any.json"
    path.write_text(json.dumps(content))
    try:
        track = read_landmarks(path)
    except BadInput as error:
        assert str(error).endswith(".") and "\n" not in str(error)
        return
    for name in ("joints_px", "joints_m", "confidence", "box_xyxy_px"):
        assert torch.isfinite(getattr(track, name)).all(), name
    assert 0 <= float(track.confidence.min()) <= float(track.confidence.max()) <= 1
