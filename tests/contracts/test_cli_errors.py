"""The command line's refusals: exit codes, one sentence each, before any work."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from motionimit_cli.main import main

sys.path.insert(0, str(Path(__file__).parent))
from cli_runs import assert_one_sentence, done

from motionimit.errors import BadInput, MissingModel
from motionimit.types import RunReport

BAD_USAGE = {
    "no such command": ["transform"],
    "no such option": ["transfer", "photo.jpg", "dance.mp4", "--speed", "2"],
    "one path": ["transfer", "photo.jpg"],
    "a photo twice": ["transfer", "photo.jpg", "photo.jpg", "dance.mp4"],
    "size too small": ["transfer", "photo.jpg", "dance.mp4", "--size", "255"],
    "size too big": ["transfer", "photo.jpg", "dance.mp4", "--size", "1025"],
    "size no number": ["transfer", "photo.jpg", "dance.mp4", "--size", "big"],
    "camera": ["transfer", "photo.jpg", "dance.mp4", "--camera", "shaky"],
    "generator": ["transfer", "photo.jpg", "dance.mp4", "--generator", "magic"],
    "device": ["transfer", "photo.jpg", "dance.mp4", "--device", "tpu"],
    "start": ["transfer", "photo.jpg", "dance.mp4", "--start", "-1"],
    "start nan": ["transfer", "photo.jpg", "dance.mp4", "--start", "nan"],
    "duration": ["transfer", "photo.jpg", "dance.mp4", "--duration", "0"],
    "max-frames": ["transfer", "photo.jpg", "dance.mp4", "--max-frames", "0"],
    "person": ["transfer", "photo.jpg", "dance.mp4", "--person", "0"],
    "person nowhere": ["transfer", "photo.jpg", "dance.mp4", "--person", "120%,50%"],
    "fit somebody": ["fit", "dance.mp4", "--person", "somebody"],
    "people start": ["doctor", "--people", "dance.mp4", "--start", "-1"],
    "people output kind": ["doctor", "--people", "dance.mp4", "-o", "people.jpg"],
    "people onto the file": ["doctor", "--people", "photo.png", "-o", "photo.png"],
    "people of nothing": ["doctor", "-o", "people.png"],
    "seed": ["transfer", "photo.jpg", "dance.mp4", "--seed", "-1"],
    "colour": ["transfer", "photo.jpg", "dance.mp4", "--background", "#12345"],
    "output kind": ["transfer", "photo.jpg", "dance.mp4", "-o", "out.avi"],
    "output is the photo": ["transfer", "photo.jpg", "dance.mp4", "-o", "./dance.mp4"],
    "alpha in mp4": ["transfer", "photo.jpg", "dance.mp4", "--alpha", "-o", "out.mp4"],
    "alpha with a background": ["transfer", "photo.jpg", "dance.mp4", "--alpha", "--background", "white"],
    "motion file beside": ["transfer", "photo.jpg", "m.npz", "--side-by-side"],
    "motion file behind": ["transfer", "photo.jpg", "m.npz", "--background", "driving"],
    "alpha beside": ["transfer", "photo.jpg", "dance.mp4", "--alpha", "--side-by-side"],
    "report kind": ["transfer", "photo.jpg", "dance.mp4", "--report", "report.txt"],
    "fit output kind": ["fit", "dance.mp4", "-o", "motion.pkl"],
    "fit mesh kind": ["fit", "dance.mp4", "--mesh", "body.obj"],
    "fit twice the same file": ["fit", "dance.mp4", "-o", "a.npz", "--overlay", "dance.mp4"],
    "weights of warp": ["transfer", "photo.jpg", "dance.mp4", "--generator", "warp", "--weights", "dance.mp4"],
    "personalised warp": ["transfer", "photo.jpg", "dance.mp4", "--generator", "warp", "--personalize", "5"],
    "no steps": ["transfer", "photo.jpg", "dance.mp4", "--generator", "attlwb", "--personalize", "0"],
    "personalize nothing": ["personalize"],
    "personalize no steps": ["personalize", "photo.jpg", "--steps", "0"],
    "personalize size": ["personalize", "photo.jpg", "--size", "100"],
    "personalize seed": ["personalize", "photo.jpg", "--seed", "-1"],
    "personalize device": ["personalize", "photo.jpg", "--device", "tpu"],
    "personalize kind": ["personalize", "photo.jpg", "-o", "person.pt"],
    "personalize onto its start": ["personalize", "photo.jpg", "--weights", "a.safetensors", "-o", "a.safetensors"],
    "personalize too many": ["personalize", *["photo.jpg"] * 9],
    "sheet kind": ["sheet", "photo.jpg", "dance.mp4", "dance.mp4", "-o", "sheet.jpg"],
    "sheet columns": ["sheet", "photo.jpg", "dance.mp4", "dance.mp4", "--columns", "0"],
}  # fmt: skip


@pytest.mark.parametrize("arguments", BAD_USAGE.values(), ids=BAD_USAGE.keys())
def test_bad_usage_is_exit_2_and_one_sentence(
    arguments: list[str], inputs: Path, capsys: pytest.CaptureFixture[str], pipeline
) -> None:
    pipeline(done)
    before = {p: p.read_bytes() for p in inputs.iterdir()}
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert_one_sentence(err)
    assert {p: p.read_bytes() for p in inputs.iterdir()} == before, "files were touched"


BAD_INPUT = {
    "no photo": (["transfer", "nobody.jpg", "dance.mp4"], "nobody.jpg"),
    "no driver": (["transfer", "photo.jpg", "nothing.mp4"], "nothing.mp4"),
    "a folder": (["transfer", ".", "dance.mp4"], "folder"),
    "empty": (["transfer", "photo.jpg", "empty.mp4"], "0 bytes"),
    "no background": (["transfer", "photo.jpg", "dance.mp4", "--background", "beach.png"], "beach.png"),
    "no output folder": (["transfer", "photo.jpg", "dance.mp4", "-o", "nowhere/out.mp4"], "nowhere"),
    "no report folder": (["transfer", "photo.jpg", "dance.mp4", "--report", "nowhere/r.json"], "nowhere"),
    "output is a folder in use": (["transfer", "photo.jpg", "dance.mp4", "-o", "letters"], "letters"),
    "fit output is a folder": (["fit", "dance.mp4", "-o", "taken.npz"], "taken.npz"),
    "fit: no input": (["fit", "nothing.mp4"], "nothing.mp4"),
    "fit: no mesh folder": (["fit", "dance.mp4", "--mesh", "nowhere/b.glb"], "nowhere"),
    "personalize: no photo": (["personalize", "photo.jpg", "nobody.jpg"], "nobody.jpg"),
    "personalize: no output folder": (["personalize", "photo.jpg", "-o", "nowhere/p.safetensors"], "nowhere"),
    "people: no file": (["doctor", "--people", "nothing.mp4"], "nothing.mp4"),
    "people: no output folder": (["doctor", "--people", "dance.mp4", "-o", "nowhere/p.png"], "nowhere"),
    "sheet: no result": (["sheet", "photo.jpg", "dance.mp4", "nothing.mp4"], "nothing.mp4"),
}


@pytest.mark.parametrize(("arguments", "named"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
def test_bad_paths_are_exit_3_before_any_work(
    arguments: list[str], named: str, inputs: Path, capsys: pytest.CaptureFixture[str], pipeline
) -> None:
    pipeline(lambda *_: pytest.fail("work began"))
    (inputs / "empty.mp4").touch()
    (inputs / "taken.npz").mkdir()
    (inputs / "letters").mkdir()
    (inputs / "letters" / "dear.txt").touch()
    assert main(arguments) == 3
    err = capsys.readouterr().err
    assert_one_sentence(err)
    assert named in err


@pytest.mark.parametrize("command", ["transfer photo.jpg dance.mp4 --generator attlwb", "personalize photo.jpg"])
def test_missing_weights_are_exit_4_before_any_work(
    command: str, inputs: Path, capsys: pytest.CaptureFixture[str], pipeline
) -> None:
    pipeline(lambda *_: pytest.fail("work began"))
    assert main([*command.split(), "--weights", "no.safetensors"]) == 4
    err = capsys.readouterr().err
    assert_one_sentence(err)
    assert "'no.safetensors'" in err
    (inputs / "no.safetensors").touch()
    assert main([*command.split(), "--weights", "no.safetensors"]) == 3, "an empty file is bad input"


@pytest.mark.parametrize(
    ("error", "code"), [(BadInput("no person\nin 'a.jpg'; take another."), 3), (MissingModel("no body."), 4)]
)
def test_library_errors_keep_their_exit_code(error, code, inputs, capsys, pipeline) -> None:
    def fails(*_: object) -> RunReport:
        raise error

    pipeline(fails)
    assert main(["transfer", "photo.jpg", "dance.mp4"]) == code
    assert_one_sentence(capsys.readouterr().err)


def test_unexpected_errors_are_one_sentence_and_a_traceback_only_with_debug(inputs, capsys, pipeline) -> None:
    def fails(*_: object) -> RunReport:
        raise ZeroDivisionError("division by zero")

    pipeline(fails)
    assert main(["transfer", "photo.jpg", "dance.mp4"]) == 1
    err = capsys.readouterr().err
    assert_one_sentence(err)
    assert "ZeroDivisionError" in err
    assert "--debug" in err
    for arguments in (["--debug", "transfer", "photo.jpg", "dance.mp4"], ["transfer", "photo.jpg", "dance.mp4", "--debug"]):
        assert main(arguments) == 1
        assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_ctrl_c_is_exit_130(inputs, capsys, pipeline) -> None:
    def interrupted(*_: object) -> RunReport:
        raise KeyboardInterrupt

    pipeline(interrupted)
    assert main(["transfer", "photo.jpg", "dance.mp4"]) == 130
    assert_one_sentence(capsys.readouterr().err.lstrip("\n"))  # the terminal shows ^C before it
