"""Reports: every item with every picture, nothing from elsewhere, and text that can't break the page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from evaluate_material import item, started
from PIL import Image

from motionimit.evaluation.preview import HEIGHT_PX, strip, write_preview
from motionimit.evaluation.report import (
    EXTREMES,
    caption,
    circumstances,
    difference_tables,
    failures,
    headline_table,
    sections,
    speed_table,
    verdict,
    whole_table,
    write_reports,
)
from motionimit.evaluation.results import Outcome
from motionimit.evaluation.runs import read_run

VOID = {"meta", "img", "br", "link", "hr"}


class Page(HTMLParser):
    """Collects tags and text, and checks that they close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[str] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        self.images += [given["src"] or ""] if tag == "img" else []
        self.links += [given["href"] or ""] if tag == "a" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h2", "h3"):
            self.headings.append(data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of 13 items with a failure, a note and a film."""
    with started(tmp_path / "run") as run:
        for k in range(12):
            run.add(item(f"pair{k}", copy=0.3 + 0.01 * k, warp=0.5 + 0.03 * k, mine=0.6 + 0.02 * k))
        odd = item("<b>odd|one</b>", copy=0.2, warp="Nobody was found in <b>'x'</b>; take another.", mine=0.9)
        odd.notes.append("pictures were enlarged")
        odd.outcomes["mine"] = Outcome(odd.outcomes["mine"].scores, {}, "pictures/a b#.jpg", "films/odd one.mp4")
        run.add(odd)
        run.head["unavailable"] = ["fid: unavailable (no weights); name a file with --inception"]
    return tmp_path / "run"


def test_the_page_holds_every_item_once_with_every_picture(folder: Path) -> None:
    page = Page((folder / "report.html").read_text())
    items = [h for h in page.headings if h.startswith(("pair", "<b>"))]
    assert sorted(items) == sorted([*(f"pair{k}" for k in range(12)), "<b>odd|one</b>"])
    wanted = {p for i in read_run(folder).items for p in (*i.shown.values(), *(o.picture for o in i.outcomes.values())) if p}
    assert {unquote(src) for src in page.images} == wanted
    assert [unquote(link) for link in page.links] == ["films/odd one.mp4"]


def test_the_page_needs_nothing_from_elsewhere(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    page = Page(text)
    assert not page.tags & {"script", "link", "iframe", "object", "base"}
    assert not re.search(r"https?:|url\(|@import|javascript:|\son\w+=", text), "the page refers to something outside"
    assert all(not src.startswith(("/", "http", "..")) for src in (*page.images, *page.links))


def test_names_and_sentences_of_users_stay_text(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    assert "<b>odd" not in text
    assert "<b>'x'" not in text
    assert "&lt;b&gt;odd|one&lt;/b&gt;" in text
    markdown = (folder / "report.md").read_text()
    assert "\\<b\\>odd\\|one" in markdown
    for line in (line for line in markdown.splitlines() if line.startswith("|")):
        assert line.endswith("|"), line


def test_markdown_tables_have_as_many_cells_as_their_headings(folder: Path) -> None:
    blocks = re.findall(r"(?:^\|.*\n)+", (folder / "report.md").read_text(), re.MULTILINE)
    assert len(blocks) > 15
    for block in blocks:
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(counts) == 1, f"cells differ: {block}"


def test_worst_come_first_best_next_and_nothing_twice(folder: Path) -> None:
    run = read_run(folder)
    worst, best, others = sections(run)
    assert len(worst[1]) == len(best[1]) == EXTREMES
    assert [i.name for i in best[1]][:2] == ["<b>odd|one</b>", "pair11"], "the best of all comes first among the best"
    names = [i.name for _, items in sections(run) for i in items]
    assert len(names) == len(set(names)) == 13
    assert worst[1][0].name == "pair0"
    assert all(i.name in ("pair5", "pair6", "pair7") for i in others[1])


def test_the_verdict_counts_what_was_left_out(folder: Path) -> None:
    run = read_run(folder)
    assert "12 of 13 pairs; 1 left out" in verdict(run)
    run.head["dataset"]["items"] = 40
    assert "40 were planned" in verdict(run)
    assert failures(run) == [("<b>odd|one</b>", "warp", "Nobody was found in <b>'x'</b>; take another.")]


def test_a_failure_of_all_methods_is_one_line(tmp_path: Path) -> None:
    with started(tmp_path / "run") as run:
        run.add(item("a", copy="No person.", warp="No person.", mine="No person."))
    assert failures(read_run(tmp_path / "run")) == [("a", "all methods", "No person.")]
    assert "Means over 0 of 1 pairs" in (tmp_path / "run" / "report.md").read_text()


def test_tables_mark_the_best_and_show_intervals(folder: Path) -> None:
    run = read_run(folder)
    short = headline_table(run)
    assert short.headings[:2] == ["method", "SSIM ↑"]
    marked = {row[0].text: [c.best for c in row[1:]] for row in short.rows}
    assert marked == {"copy": [False, False], "warp": [False, False], "mine": [True, True]}
    ssim = next(row for row in whole_table(run).rows if row[0].text == "SSIM ↑")
    assert re.fullmatch(r"0\.\d{3} \(0\.\d{3} to 0\.\d{3}\)", ssim[3].text), ssim[3].text
    low, mean, high = (float(re.findall(r"0\.\d{3}", ssim[3].text)[k]) for k in (1, 0, 2))
    assert low < mean < high


def test_method_against_method_marks_what_is_better_beyond_doubt(folder: Path) -> None:
    tables = dict(difference_tables(read_run(folder)))
    ssim = {row[0].text: row[1:] for row in tables["SSIM ↑"].rows}
    lpips = {row[0].text: row[1:] for row in tables["LPIPS ↓"].rows}
    assert [c.best for c in ssim["mine"]] == [True, True, False]
    assert [c.best for c in lpips["mine"]] == [True, True, False], "lower LPIPS is better"
    assert not any(c.best for c in ssim["copy"])
    assert ssim["warp"][0].text.startswith("+")


def test_times_are_medians_in_ms(folder: Path) -> None:
    row = speed_table(read_run(folder)).rows[0]
    assert [c.text for c in row] == ["copy", "-", "20 (20 to 20)", "1020 (1020 to 1020)"]


def test_circumstances_name_command_machine_and_weights(folder: Path) -> None:
    told = dict(circumstances(read_run(folder)))
    assert {"command", "date", "machine", "versions", "data", "settings", "method mine"} <= told.keys()
    assert "size_px 256" in told["settings"]


def test_captions_name_the_measures() -> None:
    assert caption(Outcome({"ssim": 0.81234, "lpips": 0.1, "akd": 1.234})) == "SSIM 0.812 · LPIPS 0.100 · AKD 1.23"
    assert caption(Outcome(failure="No person.")) == "failed: No person."


def test_an_empty_run_has_a_report(tmp_path: Path) -> None:
    with started(tmp_path / "run"):
        pass
    page, text = write_reports(tmp_path / "run")
    Page(page.read_text())
    assert "0 of 0" in text.read_text()


def test_previews_are_small_jpegs(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    rgb = np.full((900, 600, 3), (200, 40, 90), np.uint8)
    path = tmp_path / write_preview(folder, "a.b", rgb)
    with Image.open(path) as image:
        assert (image.format, image.size) == ("JPEG", (round(600 * HEIGHT_PX / 900), HEIGHT_PX))
        assert np.abs(np.asarray(image).astype(int) - rgb[0, 0]).max() <= 4
    row = strip([rgb, rgb], 90)
    assert row.shape == (90, 120, 3)
