"""Written from known SMPL rotations and read again: rest poses, units, axes, names; and real recordings."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from bvh_samples import EYE, JOINTS, SHIN, Y_UP, Z_UP, about, bvh_text, error_deg, random_motion, read_text, rest_pose, whole
from scipy.spatial.transform import Rotation

from motionimit.body import so3
from motionimit.body.bvh import read_bvh, unit_m
from motionimit.body.bvh_names import map_joints, split_name
from motionimit.body.parts import JOINT_NAMES
from motionimit.errors import BadInput
from motionimit.training.poses import sample_pose

MOCAP = Path(__file__).parents[3] / "shared" / "data" / "mocap"


@pytest.fixture(scope="module")
def motion() -> np.ndarray:
    return random_motion()


@pytest.mark.parametrize("kind", ["t", "a", "hanging", "relaxed"])
def test_round_trip_whatever_the_arms_do_at_rest(tmp_path, motion, kind):
    rest = rest_pose(kind)
    read = read_text(tmp_path / "a.bvh", bvh_text(motion, rest))
    off = error_deg(motion, read.params.rotations.numpy())
    assert off.max() < 0.1, f"{kind}: {JOINT_NAMES[off.argmax()]} is off by {off.max():.3f} degrees"
    assert read.fps == 30 and read.frames == 12 and not read.extra["unused_joints"].size


@pytest.mark.parametrize("order", ["XYZ", "ZYX", "YXZ", "YZX"])
def test_channel_orders(tmp_path, motion, order):
    read = read_text(tmp_path / "a.bvh", bvh_text(motion, order=order))
    off = error_deg(motion, read.params.rotations.numpy())
    assert off.max() < 0.1, f"{order}: off by {off.max():.3f} degrees"


@pytest.mark.parametrize(
    ("world", "unit"),
    [(Z_UP, 0.01), (Z_UP, 1.0), (Y_UP, 0.0254), (Y_UP, 0.001), (about("x", 180), 0.01), (about("z", -90), 0.01)],
)
def test_axes_and_units_give_the_same_motion(tmp_path, motion, world, unit):
    root = np.random.default_rng(1).normal(0, 0.6, (12, 3))
    plain = read_text(tmp_path / "a.bvh", bvh_text(motion, root_m=root), True).params
    other = read_text(tmp_path / "b.bvh", bvh_text(motion, world=world, unit=unit, root_m=root), True).params
    off = error_deg(plain.rotations.numpy(), other.rotations.numpy()).max()
    away_mm = 1000 * float((plain.translation_m - other.translation_m).abs().max())
    assert off < 0.05 and away_mm < 1, f"off by {off:.3f} degrees and {away_mm:.2f} mm"


def test_first_frame_as_rest_where_the_zero_pose_is_no_person(tmp_path, motion):
    motion = np.concatenate([np.tile(EYE, (1, 24, 1, 1)), motion])
    turned = Rotation.random(24, rng=3).as_matrix()
    read = read_text(tmp_path / "a.bvh", bvh_text(motion, turned=turned))
    off = error_deg(motion, read.params.rotations.numpy())
    assert off.max() < 0.1, f"{JOINT_NAMES[off.argmax()]} is off by {off.max():.3f} degrees"


@pytest.mark.filterwarnings("ignore:Gimbal lock")  # any solution writes the same rotation
def test_movement_tells_the_rest_where_no_frame_does(tmp_path):
    """Bones along arbitrary local axes, no T-pose: limbs point right exactly, roll within degrees (the spine's split is free)."""
    rng = np.random.default_rng(2)
    motion = np.stack([sample_pose(rng) for _ in range(80)])
    motion[:, 0] = so3.exp(rng.normal(0, 0.1, (80, 3)) + rng.uniform(-3, 3, (80, 1)) * np.array([0, 1.0, 0]))
    motion[:, [22, 23]] = EYE
    turned = np.stack([about("xyz", 90.0 * rng.integers(0, 4, 3)) for _ in range(24)])
    read = read_text(tmp_path / "a.bvh", bvh_text(motion, turned=turned)).params.rotations.numpy().astype(float)
    ours, theirs = whole(motion), whole(read)
    for j, child in {1: 4, 2: 5, 4: 7, 5: 8, 16: 18, 17: 19, 18: 20, 19: 21}.items():
        bone = JOINTS[child] - JOINTS[j]
        cosine = np.einsum("tab,b,tac,c->t", ours[:, j], bone, theirs[:, j], bone) / (bone @ bone)
        off = np.rad2deg(np.arccos(cosine.min().clip(-1, 1)))
        assert off < 0.3, f"{JOINT_NAMES[j]} points {off:.2f} degrees wrong"
    roll = error_deg(motion, read)
    limits = dict.fromkeys((0, 9, 12, 15, 13, 14, 1, 2, 4, 5, 16, 17, 18, 19, 20, 21), 6.0) | {7: 20.0, 8: 20.0}
    for j, limit in limits.items():
        assert roll[j] < limit, f"{JOINT_NAMES[j]} is off by {roll[j]:.1f} degrees"


def test_facing_is_turned_to_the_camera(tmp_path, motion):
    turned = motion.copy()
    turned[:, 0] = about("y", 130) @ motion[:, 0]
    read = read_text(tmp_path / "a.bvh", bvh_text(turned), True).params
    front = read.rotations[:, 0, :, 2].mean(0).numpy()
    assert abs(np.rad2deg(np.arctan2(front[0], front[2]))) < 0.5
    assert read.translation_m[:, 2].median() == pytest.approx(-5.0) and not read.betas.any()


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        ("0.0333333", Fraction(30)), (".03333", Fraction(30)), ("0.033367", Fraction(30000, 1001)), ("0.008333", Fraction(120)),
        ("0.04", Fraction(25)), ("0.041667", Fraction(24)), ("0.01", Fraction(100)), ("0.0125", Fraction(80)),
    ],
)  # fmt: skip
def test_frame_rates(tmp_path, motion, step, rate):
    assert read_text(tmp_path / "a.bvh", bvh_text(motion[:2], step=step)).fps == rate


def test_units_are_guessed_from_the_legs():
    for leg, unit in {0.85: 1.0, 82: 0.01, 33: 0.0254, 850: 0.001, 14.9: 0.0564444, 8.2: 0.1}.items():
        assert unit_m(leg) == unit
    assert unit_m(21.7) == pytest.approx(0.84 / 21.7)


# ---- names -----------------------------------------------------------------------------------------------------------------

_LIMBS = (1, 4, 7, 10, 13, 16, 18, 20)
SCHEMES = {
    "mixamo": ("mixamorig:{Side}{}", "UpLeg Leg Foot ToeBase Shoulder Arm ForeArm Hand"),
    "mixamo_blender": ("mixamorig_{Side}{}", "UpLeg Leg Foot ToeBase Shoulder Arm ForeArm Hand"),
    "humanik": ("Character1_{Side}{}", "UpLeg Leg Foot ToeBase Shoulder Arm ForeArm Hand"),
    "cmu": ("{Side}{}", "Hip Knee Ankle Toe Collar Shoulder Elbow Wrist"),
    "bandai": ("{}_{S}", "UpperLeg LowerLeg Foot Toes Shoulder UpperArm LowerArm Hand"),
    "daz": ("{s}{}", "Thigh Shin Foot Toe Collar Shldr ForeArm Hand"),
    "daz8": ("{s}{}", "ThighBend Shin Foot Toe Collar ShldrBend ForearmBend Hand"),
    "makehuman": ("{}.{S}", "upperleg01 lowerleg01 foot toe1-1 clavicle upperarm01 lowerarm01 wrist"),
    "unreal": ("{}_{s}", "thigh calf foot ball clavicle upperarm lowerarm hand"),
    "biped": ("Bip01 {S} {}", "Thigh Calf Foot Toe0 Clavicle UpperArm Forearm Hand"),
    "vrm": ("J_Bip_{S}_{}", "UpperLeg LowerLeg Foot ToeBase Shoulder UpperArm LowerArm Hand"),
    "asf": ("{s}{}", "femur tibia foot toes clavicle humerus radius wrist"),
    "smpl": ("m_avg_{S}_{}", "Hip Knee Ankle Foot Collar Shoulder Elbow Wrist"),
    "smplx": ("{side}_{}", "hip knee ankle foot collar shoulder elbow wrist"),
    "rigify": ("{}.{S}", "thigh shin foot toe shoulder upper_arm forearm hand"),
    "xsens": ("{Side}{}", "UpperLeg LowerLeg Foot Toe Shoulder UpperArm ForeArm Hand"),
}


def scheme_names(scheme: str) -> dict[int, str]:
    form, words = SCHEMES[scheme]
    out = {0: "Hips", 3: "Spine", 6: "Spine1", 9: "Chest", 12: "Neck", 15: "Head"}
    for left, word in zip(_LIMBS, words.split(), strict=True):
        for k, side in enumerate(("left", "right")):
            out[left + k] = form.format(word, Side=side.title(), side=side, S=side[0].upper(), s=side[0])
    return out


@pytest.mark.parametrize("scheme", SCHEMES)
def test_names_of_common_skeletons(tmp_path, motion, scheme):
    names = scheme_names(scheme)
    read = read_text(tmp_path / "a.bvh", bvh_text(motion[:3], names=names))
    assert not read.extra["unused_joints"].size, read.extra["unused_joints"]
    off = error_deg(motion[:3], read.params.rotations.numpy())
    assert off.max() < 0.1, f"{scheme}: {JOINT_NAMES[off.argmax()]} is off by {off.max():.2f} degrees"


def test_split_limbs_dummies_and_fingers():
    """Anny's split bones: upper parts give way to lower ones, fingers are no joints here, tails are reported."""
    tree = [("root", -1), ("spine05", 0), ("spine01", 1), ("tail", 0)]
    for side in "LR":
        at = len(tree)
        leg = ["pelvis", "upperleg01", "upperleg02", "lowerleg01", "lowerleg02", "foot", "toe1-1"]
        tree += [(f"{name}.{side}", 0 if k == 0 else at + k - 1) for k, name in enumerate(leg)]
        at = len(tree)
        arm = ["clavicle", "shoulder01", "upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist", "finger2-1"]
        tree += [(f"{name}.{side}", 2 if k == 0 else at + k - 1) for k, name in enumerate(arm)]
    names = [name for name, _ in tree]
    found = map_joints(names, [parent for _, parent in tree])
    got = {JOINT_NAMES[smpl]: names[j] for smpl, j in found.joints.items()}
    assert not found.missing and found.spine == (1, 2)
    assert got["left_hip"] == "upperleg02.L" and got["right_shoulder"] == "upperarm02.R" and got["left_elbow"] == "lowerarm01.L"
    assert got["left_collar"] == "clavicle.L" and got["pelvis"] == "root" and got["left_wrist"] == "wrist.L"
    assert "tail" in found.unused and "finger2-1.L" not in found.unused


def test_sides_of_names():
    expected = {
        "lShldr": ("left", "shldr"),
        "RightArm": ("right", "arm"),
        "rfemur": ("right", "femur"),
        "lowerback": ("", "lowerback"),
    }
    assert {name: split_name(name) for name in expected} == expected


def test_missing_limbs_and_unused_joints_are_named(tmp_path, motion):
    names = scheme_names("mixamo") | {18: "Schmidt", 22: "Propeller"}
    with pytest.raises(BadInput, match="left elbow"):
        read_text(tmp_path / "a.bvh", bvh_text(motion[:2], names=names))
    names = scheme_names("mixamo") | {22: "Propeller", 12: "Hat", 10: "Banana"}
    read = read_text(tmp_path / "b.bvh", bvh_text(motion[:2], names=names))
    assert list(read.extra["unused_joints"]) == ["Banana"], "the hat lies between chest and head, the propeller on the hand"


# ---- real recordings -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not MOCAP.is_dir(), reason="needs the shared motion recordings")
@pytest.mark.parametrize(
    "name",
    [
        "anidraw_cmu1_jumping_jacks", "anidraw_fair1_wave_hello", "anidraw_rokoko_jesse_dance",
        "bandai_dataset-1_kick_normal_001", "bandai_dataset-2_walk_normal_001",
    ],
)  # fmt: skip
def test_recordings_stand_upright_and_bend_the_right_way(name):
    motion = read_bvh(MOCAP / f"{name}.bvh").part(max_frames=400)
    rotations = motion.params.rotations.double().numpy()[::8]
    frames = whole(rotations)
    up = np.median(frames[:, [0, 9, 15], 1, 1], 0)
    assert up.min() > 0.85, f"pelvis, chest, head point up by {up}"
    shank, thigh = frames[:, [4, 5]] @ SHIN, frames[:, [1, 2]] @ np.array([0, 0, 1.0])
    backwards = -(shank * thigh).sum(-1) / np.linalg.norm(SHIN)
    assert np.quantile(backwards, 0.05) > -0.2, "a knee bends forwards"
    for side, sign in ((0, 1), (1, -1)):
        forearm, inner = frames[:, 18 + side, :, 0] * sign, frames[:, 16 + side, :, 2]
        assert np.quantile((forearm * inner).sum(-1), 0.05) > -0.25, f"elbow {side} bends backwards"
    feet = np.rad2deg(np.arcsin(np.median(frames[:, [7, 8], 1, 2])))
    assert abs(feet) < 25, f"feet are pitched by {feet:.0f} degrees"
