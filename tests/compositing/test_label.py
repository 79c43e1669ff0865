"""Labels, panels and contact sheets."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionimit.compositing.label import GAP_PX, PAPER, contact_sheet, fit_height, grid, label, side_by_side


def plain(height: int, width: int, color: tuple[int, int, int]) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def test_label_draws_in_its_corner_only_and_leaves_its_input() -> None:
    picture = plain(240, 320, (90, 120, 150))
    before = picture.copy()
    out = label(picture, "driver 1.25 s")
    assert np.array_equal(picture, before)
    changed = np.argwhere((out != before).any(-1))
    assert changed.size, "nothing was drawn"
    assert changed.max(0)[0] < 240 // 8, f"the label reaches row {changed.max(0)[0]} of 240"
    assert out.max() > 240, "the text is not white"


def test_label_fits_tiny_pictures() -> None:
    assert label(plain(8, 5, (0, 0, 0)), "long text").shape == (8, 5, 3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 90)), min_size=1, max_size=4), st.integers(1, 80))
def test_panels_are_even_and_keep_their_aspect(sizes: list[tuple[int, int]], height: int) -> None:
    row = side_by_side([plain(h, w, (10, 20, 30)) for h, w in sizes], height)
    assert row.shape[0] % 2 == 0
    assert row.shape[1] % 2 == 0
    assert row.shape[0] == height + height % 2
    expected = sum(max(1, round(w * height / h)) for h, w in sizes)
    assert row.shape[1] == expected + expected % 2
    assert (row == (10, 20, 30)).all(), "a panel of one colour changed it"


def test_panels_stand_in_order() -> None:
    row = side_by_side([plain(40, 20, (255, 0, 0)), plain(80, 40, (0, 255, 0)), plain(20, 10, (0, 0, 255))], 40)
    assert [tuple(row[20, x]) for x in (10, 30, 50)] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def test_fit_height_of_the_same_height_is_the_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (33, 17, 3), dtype=np.uint8)
    assert np.array_equal(fit_height(picture, 33), picture)


def test_grid_puts_every_cell_on_paper() -> None:
    sheet = grid([[plain(20, 10, (1, 1, 1)), plain(20, 30, (2, 2, 2))], [plain(20, 14, (3, 3, 3))]], 20)
    assert sheet.shape == (2 * 20 + 3 * GAP_PX, 14 + 30 + 3 * GAP_PX, 3)
    areas = {value: int((sheet[..., 0] == value).sum()) for value in (1, 2, 3)}
    assert areas == {1: 200, 2: 600, 3: 280}
    assert (sheet[:GAP_PX] == PAPER).all()


def test_nothing_to_show_is_an_error() -> None:
    for build in (lambda: grid([], 20), lambda: grid([[]], 20), lambda: side_by_side([], 20)):
        with pytest.raises(ValueError, match="at least one"):
            build()


def test_contact_sheet_shows_moments_side_by_side() -> None:
    greys = [40, 80, 120]
    rows = [(name, [plain(60, 40, (g + r, g + r, g + r)) for g in greys]) for r, name in enumerate(("driver", "result"))]
    sheet = contact_sheet(plain(100, 50, (200, 0, 0)), rows, [0.0, 1.0, 2.0], 60)
    middle = [[int(v) for v in sheet[GAP_PX + r * (60 + GAP_PX) + 50, :, 1]] for r in (0, 1)]
    for r, values in enumerate(middle):
        seen = [v for v, after in pairwise(values) if v != after and v in {g + r for g in greys}]
        assert seen == [g + r for g in greys], f"row {r} shows {seen}"
    with pytest.raises(ValueError, match="2 frames for 3 moments"):
        contact_sheet(plain(10, 10, (0, 0, 0)), [("a", [plain(10, 10, (0, 0, 0))] * 2)], [0.0, 1.0, 2.0])


def test_samples_are_the_frames_of_their_moments(tmp_path: Path) -> None:
    from motionimit.compositing.sheet import moments, sample_frames
    from motionimit.media.image import write_png

    for i in range(20):  # a folder of stills counts as a video
        write_png(tmp_path / f"{i:03}.png", plain(16, 16, (10 * i, 10 * i, 10 * i)))
    times_s = moments(tmp_path, 4)
    assert len(times_s) == 4
    fps = 25
    assert [int(f[0, 0, 0]) for f in sample_frames(tmp_path, times_s)] == [10 * round(t * fps) for t in times_s]
    assert [int(f[0, 0, 0]) for f in sample_frames(tmp_path, [0.0, 9.0], start_s=0.2)] == [50, 190]
    assert len(moments(tmp_path, 99)) == 20
