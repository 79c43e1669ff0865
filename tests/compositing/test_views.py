"""Several sides of a motion beside each other, and the moment that stands still: order, windows, names, and what is refused."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from itertools import count, islice, repeat
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionimit.body.model import BodyModel, load_body
from motionimit.body.orbit import outline, seen_from
from motionimit.body.upright import rest_pose
from motionimit.compositing.views import Strip, arranged, held
from motionimit.config import TransferSettings, ViewSettings
from motionimit.config.view import Bullet, parse_bullet, parse_pose, parse_views
from motionimit.errors import BadInput, BadUsage
from motionimit.geometry.camera import Camera
from motionimit.types import BodyParams

PHOTO, DANCE, OUT = Path("photo.jpg"), Path("dance.mp4"), Path("out.mp4")
SIZE = (320, 180)
FPS = Fraction(25)


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_body()


def motion(frames: int = 6, size_px: tuple[int, int] = SIZE) -> BodyParams:
    """Someone with arms out on the way to the right of a wide picture."""
    place = torch.tensor([[0.0, 0.0, -6.0]]).repeat(frames, 1)
    place[:, 0] = torch.linspace(-0.2, 0.2, frames)
    return BodyParams(rest_pose("a").expand(frames, 24, 3, 3).clone(), torch.zeros(10), place, Camera.for_image(*size_px))


def numbered(frames: int, channels: int = 3) -> Generator[np.ndarray]:
    """Frames whose pixels hold their number, and, in the second channel, their column."""
    for number in range(frames):
        frame = np.full((SIZE[1], SIZE[0], channels), number, np.uint8)
        frame[..., 1] = np.arange(SIZE[0]) % 256
        yield frame


def test_a_strip_holds_all_views_of_a_moment_in_their_order(body: BodyModel) -> None:
    views = (0.0, 90.0, 180.0)
    programme = arranged(motion(), body, FPS, (), views)
    assert programme.strip is not None and programme.views == 3 and programme.moments == 6
    strips = list(programme.finished(numbered(18)))
    width = programme.strip.width_px
    assert len(strips) == 6 and all(s.shape == (SIZE[1], 3 * width, 3) for s in strips)
    for moment, strip in enumerate(strips):
        assert [int(strip[-1, (k + 1) * width - 1, 0]) for k in range(3)] == [3 * moment + k for k in range(3)]
        assert [int(strip[-1, k * width, 1]) for k in range(3)] == [left % 256 for left in programme.strip.lefts_px]
    assert (strips[0][:20, :20] != np.array([0, 0, 0])).any(), "the first view carries its name"


@pytest.mark.parametrize("size_px", [SIZE, (200, 300)])
def test_windows_are_narrow_and_hold_whatever_the_person_reaches(body: BodyModel, size_px: tuple[int, int]) -> None:
    yaws = (0.0, 45.0, 180.0)
    views = seen_from(motion(size_px=size_px), body, yaws)
    strip = Strip.of(views, yaws, body)
    assert strip.width_px % 2 == 0 and strip.width_px <= size_px[0]
    for view, left in zip(views, strip.lefts_px, strict=True):
        x_px = view.camera.project(torch.from_numpy(outline(view, body)))[..., 0]
        assert 0 <= left <= size_px[0] - strip.width_px
        spare = float(x_px.min()) - left, left + strip.width_px - float(x_px.max())
        assert min(spare) >= 0, f"the window cuts {-min(spare):.1f} px of the person"
    if size_px == SIZE:
        assert strip.width_px < 0.7 * SIZE[0], f"{strip.width_px} px for each view of a picture {SIZE[0]} px wide"


def test_one_view_alone_is_the_whole_picture_without_a_name(body: BodyModel) -> None:
    programme = arranged(motion(), body, FPS, (), (45.0,))
    (first, *_) = programme.finished(numbered(6))
    assert first.shape == (SIZE[1], SIZE[0], 3) and not first[..., 0].any()


def test_a_photo_may_drive_views(body: BodyModel) -> None:
    programme = arranged(motion(1), body, FPS, (), (0.0, 45.0, 180.0))
    assert programme.moments == 1 and len(list(programme.finished(numbered(3)))) == 1


def test_transparent_views_keep_their_alpha_untouched(body: BodyModel) -> None:
    programme = arranged(motion(), body, FPS, (), (0.0, 90.0))
    first = next(programme.finished(numbered(12, channels=4)))
    assert first.shape[2] == 4
    assert set(np.unique(first[..., 3])) == {0, 1}, "no name is written into transparent frames"


def test_closing_a_strip_closes_what_draws(body: BodyModel) -> None:
    drawn = numbered(12)
    finished = arranged(motion(), body, FPS, (), (0.0, 90.0)).finished(drawn)
    next(finished)
    finished.close()
    assert next(drawn, None) is None


def test_a_bullet_moves_cuts_and_silence_and_holds_the_driver(body: BodyModel) -> None:
    programme = arranged(motion(10), body, FPS, (2, 7), (), Bullet(4, 0.4))
    assert programme.moments == 20 and programme.cuts == (2, 17)
    assert programme.pause_s == (Fraction(5, 25), Fraction(10, 25))
    assert list(programme.driven(iter(range(10)))) == [*range(5), *[4] * 10, *range(5, 10)]


def test_views_and_a_bullet_go_together(body: BodyModel) -> None:
    programme = arranged(motion(5), body, FPS, (3,), (0.0, 90.0), Bullet(2, 0.2))
    assert programme.moments == 10 and len(programme.motion.rotations) == 20 and programme.cuts == (8,)
    driven = list(programme.driven(count()))
    assert driven[::2] == driven[1::2] == [0, 1, 2, 2, 2, 2, 2, 2, 3, 4]


def test_without_views_and_bullet_the_motion_is_drawn_as_it_is(body: BodyModel) -> None:
    given_motion = motion()
    programme = arranged(given_motion, body, FPS, (3,))
    assert programme.motion is given_motion and programme.cuts == (3,) and programme.pause_s is None
    assert list(islice(programme.driven(repeat(None)), 9)) == [None] * 6


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 40))
def test_held_items_are_those_that_were_asked_for(steps: list[int], there_are: int) -> None:
    shows = np.cumsum(steps)
    got = list(held(iter(range(there_are)), shows))
    assert got == [int(k) for k in shows if k < there_are]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=20) | st.from_regex(r"[-0-9.,:enaif]{1,12}", fullmatch=True))
def test_texts_are_understood_or_refused_in_one_sentence(text: str) -> None:
    for parse in (parse_views, parse_bullet, parse_pose):
        try:
            parse(text)  # type: ignore[operator]
        except BadUsage as error:
            assert str(error).startswith("--") and str(error).endswith(".")


def test_what_is_written_is_what_is_meant() -> None:
    assert parse_views("0,45,-90.5, 180") == (0, 45, -90.5, 180)
    assert parse_bullet("48:2") == Bullet(48, 2) and parse_bullet("0:.5") == Bullet(0, 0.5)
    assert parse_pose("a") == ("a", None, 0) and parse_pose("source") == ("source", None, 0)
    assert parse_pose("walk.npz:12") == ("file", Path("walk.npz"), 12)
    assert parse_pose("C:/m/walk.BVH") == ("file", Path("C:/m/walk.BVH"), 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [("nan", "between -360 and 360"), ("0,,3", "such as 0,45,180"), ("1e9", "between"), ("0," * 8 + "0", "1 to 8 angles, got 9")],
)
def test_bad_views_are_refused(text: str, message: str) -> None:
    with pytest.raises(BadUsage, match=message):
        parse_views(text)


@pytest.mark.parametrize("text", ["", "12", "12:", ":2", "-1:2", "1:2:3", "1:nan", "1:0", "1:61", "1.5:2", "\u0661:2", "1:1e400"])
def test_bad_bullets_are_refused(text: str) -> None:
    with pytest.raises(BadUsage, match="--bullet"):
        parse_bullet(text)


@pytest.mark.parametrize("text", ["", "b", "walk", "walk.npz:", "walk.npz:-1", "walk.mp4:3", ":3"])
def test_bad_poses_are_refused(text: str) -> None:
    with pytest.raises(BadUsage, match="--pose must be source, a, t or a motion file"):
        parse_pose(text)


def test_views_are_not_shown_beside_the_driver() -> None:
    with pytest.raises(BadUsage, match="--views"):
        TransferSettings(sources=(PHOTO,), driving=DANCE, output=OUT, views=(0, 90), side_by_side=True)


def test_a_png_holds_one_view_and_a_video_a_turn() -> None:
    assert ViewSettings(sources=(PHOTO,), output=OUT).frame_count == 120
    assert ViewSettings(sources=(PHOTO,), output=Path("o.png"), turn_deg=90).frame_count == 1
    assert ViewSettings(sources=(PHOTO,), output=Path("o/%04d.png")).frame_count == 120


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"turn_deg": float("nan")}, "--turn must be between -720 and 720 degrees, got nan"),
        ({"elevation_deg": 61.0}, "--elevation must be between -30 and 60 degrees, got 61"),
        ({"fps": 0.0}, "--fps must be between 1 and 240"),
        ({"frames": 0}, "--frames must be between 1 and 10000, got 0"),
        ({"frames": 5, "output": Path("o.png")}, "'o.png' holds one picture, not 5"),
        ({"background": "driving"}, "view has no driving video"),
        ({"pose": "x"}, "--pose must be"),
        ({"pose": "p.npz", "output": Path("p.npz")}, "--output must end in"),
    ],
)
def test_bad_view_settings_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(BadUsage, match=message) as caught:
        ViewSettings(**{"sources": (PHOTO,), "output": OUT, **options})  # type: ignore[arg-type]
    assert str(caught.value).count(".") >= 1 and "\n" not in str(caught.value)


def test_a_missing_pose_file_is_named_before_any_work(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"x")
    with pytest.raises(BadInput, match=r"nowhere\.npz"):
        ViewSettings(sources=(photo,), output=tmp_path / "o.mp4", pose=str(tmp_path / "nowhere.npz:3")).check_paths()
