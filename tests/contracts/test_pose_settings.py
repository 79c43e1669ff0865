"""`pose`: how its target is named, what contradicts what, and what the command hands over."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from motionimit_cli.main import main

sys.path.insert(0, str(Path(__file__).parent))
from cli_runs import assert_one_sentence, done

from motionimit.config import PoseSettings
from motionimit.config.pose import TargetName, parse_target
from motionimit.errors import BadUsage

TARGETS = {
    "other.jpg": TargetName("picture", Path("other.jpg")),
    "a/b.PNG": TargetName("picture", Path("a/b.PNG")),
    "pose.json": TargetName("landmarks", Path("pose.json")),
    "motion.npz:48": TargetName("motion", Path("motion.npz"), 48),
    "walk.bvh": TargetName("motion", Path("walk.bvh")),
    "walk.bvh:1.5s": TargetName("motion", Path("walk.bvh"), 0, 1.5),
    "dance.mp4:75": TargetName("clip", Path("dance.mp4"), 75),
    "dance.mp4:.5s": TargetName("clip", Path("dance.mp4"), 0, 0.5),
    "dance.gif:3": TargetName("clip", Path("dance.gif"), 3),
    "frames:3": TargetName("clip", Path("frames"), 3),
    "12:30.mp4:7": TargetName("clip", Path("12:30.mp4"), 7),
}


@pytest.mark.parametrize(("text", "meant"), TARGETS.items(), ids=TARGETS.keys())
def test_targets_are_told_by_their_names(text: str, meant: TargetName) -> None:
    assert parse_target(text) == meant


@given(st.text(max_size=30))
def test_any_name_is_a_target_or_bad_usage(text: str) -> None:
    try:
        parse_target(text)
    except BadUsage as error:
        assert str(error).endswith(".")


def build(**options: Any) -> PoseSettings:
    return PoseSettings(**{"sources": (Path("photo.jpg"),), "target": "other.jpg", "output": Path("out.png")} | options)


CONTRADICTIONS = {
    "a photo has no frames": {"target": "other.jpg:3"},
    "landmarks have no frames": {"target": "pose.json:3"},
    "a film as output": {"output": Path("out.mp4")},
    "transparent JPEG": {"alpha": True, "output": Path("out.jpg")},
    "transparent before something": {"alpha": True, "background": "white"},
    "transparent beside": {"alpha": True, "side_by_side": True},
    "landmarks beside": {"target": "pose.json", "side_by_side": True},
    "behind a motion file": {"target": "m.npz:3", "background": "target"},
    "a driving video": {"background": "driving"},
    "camera": {"camera": "shaky"},
    "generator": {"generator": "magic"},
    "person": {"person": "0"},
    "network with alpha": {"generator": "pg2", "alpha": True},
    "network before something": {"generator": "rsa", "background": "white"},
    "network, personal": {"generator": "pg2-small", "personalize": 5},
    "onto the target": {"output": Path("other.png"), "target": "other.png"},
}


@pytest.mark.parametrize("options", CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_contradictions_are_bad_usage(options: dict[str, Any]) -> None:
    with pytest.raises(BadUsage, match=r"\.$"):
        build(**options)


def test_other_jobs_know_no_stills() -> None:
    from motionimit.config import TransferSettings

    with pytest.raises(BadUsage, match="--generator"):
        TransferSettings(sources=(Path("a.jpg"),), driving=Path("d.mp4"), output=Path("o.mp4"), generator="pg2")
    with pytest.raises(BadUsage, match="--output"):
        TransferSettings(sources=(Path("a.jpg"),), driving=Path("d.mp4"), output=Path("o.jpg"))


def test_backgrounds() -> None:
    assert build().background_kind == "source"
    assert build(background="target").background_kind == "driving"
    assert build(background="white").background_kind == "color"
    assert build(background="wall.png").background_path == Path("wall.png")


def test_the_command_hands_over_what_was_asked_for(inputs: Path, pipeline) -> None:
    seen = []
    pipeline(lambda settings, progress: (seen.append(settings), done(settings))[1])
    (inputs / "back.jpg").write_bytes(b"x")
    options = ["--camera", "copy", "--person", "left", "--size", "640", "--generator", "rsa", "--seed", "3", "-q"]
    assert main(["pose", "photo.jpg", "back.jpg", "dance.mp4:2.5s", *options]) == 0
    (settings,) = seen
    assert settings.sources == (Path("photo.jpg"), Path("back.jpg"))
    assert settings.output == Path("photo_pose.png")
    assert settings.target_name == TargetName("clip", Path("dance.mp4"), 0, 2.5)
    assert (settings.camera, settings.person, settings.size_px, settings.seed) == ("copy", "left", 640, 3)
    assert (settings.generator, settings.by_network) == ("rsa", True)


BAD = {
    "one path": (["pose", "photo.jpg"], 2),
    "no target": (["pose", "photo.jpg", "nowhere.jpg"], 3),
    "no clip": (["pose", "photo.jpg", "nowhere.mp4:3"], 3),
    "no landmarks": (["pose", "photo.jpg", "nowhere.json"], 3),
    "no output folder": (["pose", "photo.jpg", "dance.mp4", "-o", "nowhere/a.jpg"], 3),
    "no weights": (["pose", "photo.jpg", "dance.mp4", "--generator", "pg2", "--weights", "no.safetensors"], 4),
    "weights of warp": (["pose", "photo.jpg", "dance.mp4", "--weights", "dance.mp4"], 2),
}


@pytest.mark.parametrize(("arguments", "code"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_done_is_said_before_any_work(arguments, code, inputs: Path, capsys, pipeline) -> None:
    pipeline(lambda *_: pytest.fail("work began"))
    assert main(arguments) == code
    assert_one_sentence(capsys.readouterr().err)
