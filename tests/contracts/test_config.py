"""Settings: defaults, ranges, colours."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionimit.config import FitRequest, PersonalizeRequest, TransferSettings, parse_color
from motionimit.errors import BadInput, BadUsage

PHOTO, DANCE = Path("photo.jpg"), Path("dance.mp4")


@pytest.fixture
def settings() -> TransferSettings:
    return TransferSettings(sources=(PHOTO,), driving=DANCE, output=Path("out.mp4"))


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_hex_colours_round_trip(r: int, g: int, b: int) -> None:
    assert parse_color(f"#{r:02x}{g:02X}{b:02x}") == (r, g, b)


def test_colours() -> None:
    assert parse_color("#0f8") == (0, 255, 136)
    assert parse_color("White") == (255, 255, 255)
    for text in ("", "#", "#12", "#1234567", "#gggggg", "whitest", "12ab34"):
        assert parse_color(text) is None, text


@pytest.mark.parametrize(
    ("text", "kind"),
    [("source", "source"), ("driving", "driving"), ("#102030", "color"), ("white", "color"), ("./white", "file")],
)
def test_background_kinds(settings: TransferSettings, text: str, kind: str) -> None:
    changed = replace(settings, background=text)
    assert changed.background_kind == kind
    assert (changed.background_path is not None) is (kind == "file")


@given(st.integers(-5000, 5000))
def test_size_is_accepted_exactly_in_its_range(size_px: int) -> None:
    def build() -> TransferSettings:
        return TransferSettings(sources=(PHOTO,), driving=DANCE, output=Path("o.mp4"), size_px=size_px)

    if 256 <= size_px <= 1024:
        assert build().size_px == size_px
    else:
        with pytest.raises(BadUsage, match=rf"--size must be between 256 and 1024 .* got {size_px}\."):
            build()


def test_settings_are_frozen(settings: TransferSettings) -> None:
    with pytest.raises(FrozenInstanceError):
        settings.size_px = 256  # type: ignore[misc]


def test_alpha_outputs(settings: TransferSettings) -> None:
    for name in ("o.mov", "o.webm", "o.gif", "o.png", "frames"):
        assert replace(settings, alpha=True, output=Path(name)).alpha
    for name in ("o.mp4", "o.m4v", "o.mkv"):
        with pytest.raises(BadUsage, match="--alpha needs"):
            replace(settings, alpha=True, output=Path(name))


def test_an_output_through_a_link_to_the_input_is_refused(tmp_path: Path) -> None:
    photo, link = tmp_path / "photo.mp4", tmp_path / "link.mp4"
    photo.write_bytes(b"x")
    link.symlink_to(photo)
    with pytest.raises(BadUsage, match="also the input"):
        TransferSettings(sources=(PHOTO,), driving=photo, output=link)


def test_weights_and_personalisation_need_the_learned_generator(settings: TransferSettings) -> None:
    for name in ("attlwb", "auto"):
        assert replace(settings, generator=name, weights=Path("w.safetensors"), personalize=5).personalize == 5
    for wrong in ({"weights": Path("w.safetensors")}, {"personalize": 5}):
        with pytest.raises(BadUsage, match="--generator attlwb"):
            replace(settings, generator="warp", **wrong)
    with pytest.raises(BadUsage, match="--personalize must be between 1 and"):
        replace(settings, generator="attlwb", personalize=0)
    with pytest.raises(BadUsage, match="1 to 8 photos"):
        PersonalizeRequest(sources=(), output=Path("p.safetensors"))


def test_reports_are_json(settings: TransferSettings) -> None:
    person = PersonalizeRequest(sources=(PHOTO,), output=Path("p.safetensors"))
    for value in (settings, FitRequest(input=DANCE, output=Path("m.npz"), mesh=Path("b.glb")), person):
        report = json.loads(json.dumps(value.as_report()))
        assert report["output"] == str(value.output)


def test_an_output_folder_that_is_missing_is_found_before_any_work(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"x")
    request = FitRequest(input=clip, output=tmp_path / "m.npz", mesh=tmp_path / "nowhere" / "b.glb")
    with pytest.raises(BadInput, match="nowhere"):
        request.check_paths()
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"], "the check left a file"
