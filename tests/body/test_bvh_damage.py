"""Broken .bvh files are refused in one sentence that names the line, whatever is broken."""

from __future__ import annotations

import re
import resource
from pathlib import Path

import numpy as np
import pytest
from bvh_samples import bvh_text, error_deg, random_motion

from motionimit.body.bvh import read_bvh
from motionimit.errors import BadInput


@pytest.fixture(scope="module")
def motion() -> np.ndarray:
    return random_motion()


@pytest.fixture(scope="module")
def good(motion) -> str:
    return bvh_text(motion[:3])


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read_bvh(path)
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".") and len(text) < 400, text
    return text


DAMAGE = {
    "not a bvh": (lambda t: "hello\n" + t, "line 1 "),
    "only a head": (lambda t: "HIERARCHY\n", "MOTION"),
    "cut hierarchy": (lambda t: t[: t.index("MOTION") // 2], "line"),
    "unclosed": (lambda t: t.replace("}\nMOTION", "MOTION"), "before the hierarchy is complete"),
    "too many closed": (lambda t: t.replace("}\nMOTION", "}\n}\nMOTION"), "closes a brace"),
    "no brace": (lambda t: t.replace("JOINT left_hip\n\t{", "JOINT left_hip\n"), "open a brace"),
    "two skeletons": (lambda t: t.replace("MOTION", "ROOT Hips\n{\n}\nMOTION"), "second skeleton"),
    "joint in an end": (lambda t: t.replace("\t\tOFFSET 0 0 0", "JOINT x\n{\n}", 1), "inside an End Site"),
    "offset of two": (lambda t: re.sub(r"OFFSET (\S+ \S+) \S+", r"OFFSET \1", t, count=3), "instead of 3"),
    "no offset": (lambda t: re.sub(r"\tOFFSET .*\n", "", t, count=1), "no OFFSET"),
    "word offset": (lambda t: re.sub(r"OFFSET \S+", "OFFSET left", t, count=1), "other than numbers"),
    "nan offset": (lambda t: re.sub(r"OFFSET \S+", "OFFSET nan", t, count=1), "not finite"),
    "channel count": (lambda t: t.replace("CHANNELS 3", "CHANNELS 4", 1), "CHANNELS"),
    "channel name": (lambda t: t.replace("Xposition", "Wposition"), "names a channel"),
    "channels twice": (lambda t: t.replace("\tCHANNELS 3", "\tCHANNELS 1 Xrotation\nCHANNELS 3", 1), "second time"),
    "statement": (lambda t: t.replace("ROOT", "TREE", 1), "'TREE'"),
    "huge count": (lambda t: re.sub(r"Frames: \d+", "Frames: 150000", t), "fewer than"),
    "too long": (lambda t: re.sub(r"Frames: \d+", "Frames: 200001", t), "200001 frames"),
    "no count": (lambda t: re.sub(r"Frames: \d+", "Frames: many", t), "number of frames"),
    "giant count": (lambda t: re.sub(r"Frames: \d+", "Frames: " + "9" * 6000, t), "number of frames"),
    "zero frames": (lambda t: re.sub(r"Frames: \d+", "Frames: 0", t), "impossible"),
    "negative time": (lambda t: t.replace("Time: 0.0", "Time: -0.0"), "frame time"),
    "nan time": (lambda t: t.replace("Time: 0.0333333", "Time: nan"), "frame time"),
    "cut frames": (lambda t: t.rpartition("\n")[0].rpartition("\n")[0] + "\n", "after 2 of 3"),
    "cut line": (lambda t: t[:-60], "numbers instead of"),
    "extra frames": (lambda t: t + "1 2 3\n", "goes on after"),
    "nan angle": (lambda t: t[:-10] + " nan\n", "numbers instead of|not finite|other than"),
    "long line": (lambda t: t[: t.index("MOTION")] + "MOTION " + "x" * 400_000, "longer than any frame"),
    "no length": (lambda t: re.sub(r"OFFSET .*", "OFFSET 0 0 0", t), "no length"),
    "giant": (lambda t: re.sub(r"OFFSET \S+", "OFFSET 1e300", t, count=1), "far too large"),
    "many joints": (
        lambda t: "HIERARCHY\n" + "ROOT a\n{\nOFFSET 0 0 0\n" + "JOINT a\n{\nOFFSET 0 0 0\n" * 1500,
        "joint number 1001",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_one_sentence_with_its_line(tmp_path, good, kind):
    harm, words = DAMAGE[kind]
    harmed = harm(good)
    assert harmed != good, "the damage missed"
    text = refused(tmp_path / "x.bvh", harmed.encode())
    assert re.search(words, text), text
    assert kind == "no length" or re.search(r"line \d+ ", text), text


def test_foreign_bytes_are_refused(tmp_path, good):
    for content in (
        good.encode("utf-16"),
        good.replace("left_hip", "gauche_é").encode("latin-1"),
        b"\0" * 4000,
        b"\x89PNG\r\n" * 50,
    ):
        assert "line 1" in (text := refused(tmp_path / "x.bvh", content)) or "is not text" in text


def test_byte_order_marks_and_windows_line_ends_are_fine(tmp_path, good, motion):
    path = tmp_path / "x.bvh"
    path.write_bytes(b"\xef\xbb\xbf" + good.replace("\n", "\r\n").replace("Frame Time:", "Frame Time:\t").encode())
    assert error_deg(motion[:3], read_bvh(path, False).params.rotations.numpy()).max() < 0.1


def test_empty_missing_and_endless_files(tmp_path, good):
    refused(tmp_path / "empty.bvh", b"")
    with pytest.raises(BadInput, match="does not exist"):
        read_bvh(tmp_path / "none.bvh")
    large = tmp_path / "large.bvh"
    with large.open("wb") as file:
        file.truncate(2**31)  # sparse
    with pytest.raises(BadInput, match="cut it shorter"):
        read_bvh(large)


def test_random_damage_never_gives_another_error(tmp_path, good):
    rng, path = np.random.default_rng(0), tmp_path / "x.bvh"
    text, outcomes = good.encode(), {True: 0, False: 0}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(120):
        harmed = bytearray(text)
        for _ in range(rng.integers(1, 4)):
            at, length = int(rng.integers(len(harmed))), int(rng.integers(1, 30))
            choice = rng.integers(4)
            if choice == 0:
                del harmed[at : at + length]
            elif choice == 1:
                harmed[at:at] = bytes(rng.integers(0, 256, length, dtype=np.uint8))
            elif choice == 2:
                harmed[at : at + length] = bytes(rng.choice(np.frombuffer(b"0123456789.-e{}\n ", np.uint8), length))
            else:
                del harmed[at:]
            harmed = harmed or bytearray(b"H")
        path.write_bytes(bytes(harmed))
        try:
            read = read_bvh(path)
            assert np.isfinite(read.params.rotations.numpy()).all() and np.isfinite(read.params.translation_m.numpy()).all()
            outcomes[True] += 1
        except BadInput as error:
            assert "\n" not in str(error)
            outcomes[False] += 1
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert outcomes[False] > 70 and grown_mb < 100, f"{outcomes}, {grown_mb:.0f} MB more"
