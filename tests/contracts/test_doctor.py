"""`motionimit doctor`: a good installation is called good, and each miss is named together with what to do about it."""

from __future__ import annotations

import json
import shutil
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
from motionimit_cli.main import main

from motionimit import doctor, selftest
from motionimit.body.loading import OPEN_BODY
from motionimit.selftest import Check


@pytest.fixture(scope="module")
def findings() -> dict[str, Check]:
    return {check.name: check for check in doctor.run_checks("cpu")}


def test_this_installation_is_fine(findings: dict[str, Check]) -> None:
    misses = [c for c in findings.values() if c.required and not c.ok]
    assert not misses, misses
    for name in ("package torch", "pose models", "body", "encoder libx264", "video round trip", "kernels", "disk"):
        assert name in findings
    assert all(c.detail for c in findings.values())


def test_the_bodys_search_order_is_said(findings: dict[str, Check]) -> None:
    said = findings["body"].detail
    assert str(OPEN_BODY) in said
    order = said[said.index("searched") :]
    places = [order.index(text) for text in ("$MOTIONIMIT_BODY", str(Path("body_models").absolute()), str(OPEN_BODY))]
    assert places == sorted(places), said


def lost_body(patch: pytest.MonkeyPatch) -> Check:
    patch.setenv("MOTIONIMIT_BODY", "/nowhere")
    return doctor.check_body()


def lost_package(patch: pytest.MonkeyPatch) -> Check:
    patch.setitem(sys.modules, "av", None)
    return doctor._guard("package av", True, lambda: doctor.check_package("av"), doctor._package_fix("av"))


def other_torch(patch: pytest.MonkeyPatch) -> Check:
    patch.setattr(doctor.metadata, "version", lambda name: "2.99.1")
    return doctor.check_package("torch")


def lost_encoder(patch: pytest.MonkeyPatch) -> Check:
    patch.setitem(selftest.ENCODERS, "libnothing", ("nothing", True))
    return doctor.check_encoder("libnothing")


def full_disk(patch: pytest.MonkeyPatch) -> Check:
    usage = namedtuple("usage", "total used free")
    patch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**6))
    return doctor.check_disk()


def closed_folder(patch: pytest.MonkeyPatch) -> Check:
    patch.chdir("/proc")
    return doctor.check_current_folder()


def old_python(patch: pytest.MonkeyPatch) -> Check:
    patch.setattr(sys, "version_info", (3, 9, 1))
    return doctor.check_python()


MISSES: dict[Callable[[pytest.MonkeyPatch], Check], str] = {
    lost_body: "unset $MOTIONIMIT_BODY",
    lost_package: "pip install --force-reinstall av",
    other_torch: "pip install 'torch==2.13.*'",
    lost_encoder: "--only-binary av",
    full_disk: "free 500 MB",
    closed_folder: "-o",
    old_python: "3.10, 3.11 or 3.12",
}


@pytest.mark.parametrize(("miss", "remedy"), MISSES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_miss_comes_with_its_remedy(miss, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        check = miss(patch)
    assert not check.ok, check
    assert remedy in check.fix, check


def test_misses_decide_the_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    good, missed = Check("a", True, True, "1.0"), Check("b", False, True, "gone", "get it")
    for checks, code, says in (
        ([good], 0, "Everything works."),
        ([good, missed], 1, "1 required check(s) failed"),
        ([good, Check("c", False, False, "old", "renew it")], 0, "Everything that is required works."),
    ):
        monkeypatch.setattr(doctor, "run_checks", lambda device, checks=checks: checks)
        assert main(["doctor"]) == code
        out = capsys.readouterr().out
        assert says in out
        assert all(check.fix in out for check in checks)
        assert main(["doctor", "--json"]) == code
        assert [c["name"] for c in json.loads(capsys.readouterr().out)["checks"]] == [c.name for c in checks]


def test_a_device_that_is_not_there_is_one_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("check_package", "check_pose_models", "check_body", "check_encoder", "check_round_trip"):
        monkeypatch.setattr(doctor, name, lambda *_: Check("quick", True, True, ""))
    misses = [check for check in doctor.run_checks("cuda:99") if not check.ok]
    assert [check.name for check in misses] == ["device"]
    assert misses[0].fix == "use --device cpu"
