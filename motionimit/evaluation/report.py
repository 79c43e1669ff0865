"""What a report says of a run, before it becomes HTML or Markdown: tables, captions, and the order of the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..config.evaluate import COARSE
from ..media.paths import whole_file
from .intervals import Mean
from .results import HEADLINES, Item, Outcome, best_of, by_difficulty, heading, measure_of
from .runs import RunData, means_of, read_run

REPORT = "report"
EXTREMES = 5  # worst and best items, each, that come first
TITLES = {
    "stills": "Pose-guided stills",
    "self": "Self-imitation: each clip drives its own first frame",
    "cross": "Cross-imitation: another person's motion",
    "views": "Novel views against other cameras' pictures",
}
THINGS = {"stills": "pairs", "self": "clips", "cross": "films", "views": "views"}
NONE = "-"
_INTERVAL = "95 % intervals of the mean, by resampling items"
_COMPARED = ("lpips", "ssim", "mask_ssim", "akd", "akd_torso")  # method against method
_CAPTIONED = ("ssim", "lpips", "akd", "akd_torso", "identity")


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    best: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows begin with their name; every other cell is a figure."""

    headings: list[str]
    rows: list[list[Cell]]
    notes: list[str]


def write_reports(folder: Path) -> tuple[Path, Path]:
    """Render `report.html` and `report.md` of the run in a folder; returns their paths. Raises `BadInput`."""
    from .report_html import html_report
    from .report_markdown import markdown_report

    run = read_run(folder)
    texts = {".html": html_report(run), ".md": markdown_report(run)}
    for suffix, text in texts.items():
        with whole_file(folder / f"{REPORT}{suffix}") as half:
            half.write_text(text, encoding="utf-8")
    return folder / f"{REPORT}.html", folder / f"{REPORT}.md"


def all_means(run: RunData) -> dict[str, dict[str, Mean]]:
    """Method → measure → mean, as `run.json` has them."""
    return {method: means_of(run.head["means"][method]) for method in run.methods}


def headline_table(run: RunData) -> Table:
    """A method per row, the most telling measures as columns; the best of each column marked."""
    means = all_means(run)
    names = [n for n in HEADLINES if any(n in v for v in means.values())]
    best = {n: best_of(means, n) for n in names}
    rows = []
    for method, values in means.items():
        cells = [Cell(figure(values[n].value, n), method in best[n]) if n in values else Cell(NONE) for n in names]
        rows.append([Cell(method), *cells])
    return Table(["method", *(heading(n) for n in names)], rows, _counted(run, names, means))


def whole_table(run: RunData) -> Table:
    """A measure per row, means with their intervals, a method per column."""
    means = all_means(run)
    names = [str(m["name"]) for m in run.head.get("measures", []) if any(m["name"] in v for v in means.values())]
    rows = []
    for name in names:
        best, cells = best_of(means, name), []
        for method, values in means.items():
            if name not in values:
                cells.append(Cell(NONE))
                continue
            cells.append(Cell(spread(values[name], name), method in best))
        rows.append([Cell(heading(name)), *cells])
    return Table(["measure", *means], rows, [f"In brackets: {_INTERVAL}."])


def difference_tables(run: RunData) -> list[tuple[str, Table]]:
    """Method against method on the same items, for the measures that matter: (title, table), nothing for a single method.

    A cell is the row's mean less the column's; it is marked where its interval says that the row is better.
    """
    out = []
    found = run.head.get("differences", {})
    for name in _COMPARED:
        rows, better = [], measure_of(name).better
        for method in run.methods:
            against = {o: means_of(v).get(name) for o, v in found.get(method, {}).items()}
            cells = [_compared(against.get(other), name, better) for other in run.methods]
            rows.append([Cell(method), *cells])
        if any(c.text != NONE for row in rows for c in row[1:]):
            notes = [f"The row's mean less the column's, with {_INTERVAL}; marked where the row is better beyond doubt."]
            out.append((heading(name), Table(["", *run.methods], rows, notes)))
    return out


def _compared(difference: Mean | None, name: str, better: str) -> Cell:
    if difference is None:
        return Cell(NONE)
    sign = 1 if better == "higher" else -1
    bounds = [b for b in (difference.low, difference.high) if b is not None]
    return Cell(spread(difference, name, signed=True), bool(bounds) and min(sign * b for b in bounds) > 0)


def meanings(run: RunData) -> list[tuple[str, str]]:
    """(heading, what it says) of every measure that the run has."""
    return [(heading(str(m["name"])), measure_of(str(m["name"])).meaning) for m in run.head.get("measures", [])]


def speed_table(run: RunData) -> Table:
    """Medians of the seconds that each method took, and the size of its network."""
    rows = []
    for facts in run.head["methods"]:
        name = str(facts["name"])
        taken = [i.outcomes[name].seconds for i in run.items if name in i.outcomes and i.outcomes[name].seconds]
        alone = [1000 * t["generate"] for t in taken if "generate" in t]
        whole = [1000 * (t["generate"] + t.get("prepare", 0.0)) for t in taken if "generate" in t]
        parameters = facts.get("parameters")
        cells = [f"{parameters / 1e6:.2f} M" if isinstance(parameters, int) else NONE]
        cells += [f"{np.median(v):.0f} ({min(v):.0f} to {max(v):.0f})" if v else NONE for v in (alone, whole)]
        rows.append([Cell(name), *(Cell(text) for text in cells)])
    unit = "ms per picture" if run.head["task"] == "stills" else "ms per frame"
    headings = ["method", "parameters", f"{unit}, drawing alone", f"{unit}, with preparation"]
    notes = ["Medians, in brackets the fastest and the slowest."]
    if any(method.endswith(COARSE) for method in run.methods):
        notes.append(f"NAME{COARSE} is timed with both stages, since they run together.")
    return Table(headings, rows, notes)


def sections(run: RunData) -> list[tuple[str, list[Item]]]:
    """Every item once, in sections: the worst, the best, the others."""
    things = THINGS.get(str(run.head["task"]), "items")
    ordered = by_difficulty(run.items, run.methods)
    if len(ordered) <= 2 * EXTREMES:
        return [(f"All {things}, the worst first", ordered)] if ordered else []
    middle = ordered[EXTREMES:-EXTREMES]
    return [
        (f"The {EXTREMES} worst {things}", ordered[:EXTREMES]),
        (f"The {EXTREMES} best {things}", ordered[: -EXTREMES - 1 : -1]),
        (f"The other {len(middle)} {things}, from worse to better", middle),
    ]


def caption(outcome: Outcome) -> str:
    """``SSIM 0.812 · LPIPS 0.101 · AKD 1.52``."""
    if outcome.failure is not None:
        return f"failed: {outcome.failure}"
    return " · ".join(f"{measure_of(n).title} {figure(outcome.scores[n], n)}" for n in _CAPTIONED if n in outcome.scores)


def figure(value: float, name: str, signed: bool = False) -> str:
    return f"{value:{'+' if signed else ''}.{measure_of(name).digits}f}"


def spread(mean: Mean, name: str, signed: bool = False) -> str:
    """``0.812 (0.790 to 0.831)``; the mean alone where there is no interval."""
    text = figure(mean.value, name, signed)
    if mean.low is None or mean.high is None:
        return text
    return f"{text} ({figure(mean.low, name, signed)} to {figure(mean.high, name, signed)})"


def failures(run: RunData) -> list[tuple[str, str, str]]:
    """(item, methods, sentence); methods that failed alike stand together."""
    out = []
    for item in run.items:
        together: dict[str, list[str]] = {}
        for method, sentence in item.failures.items():
            together.setdefault(sentence, []).append(method)
        for sentence, methods in together.items():
            everyone = len(methods) == len(run.methods)
            out.append((item.name, "all methods" if everyone else ", ".join(methods), sentence))
    return out


def circumstances(run: RunData) -> list[tuple[str, str]]:
    """How the run was made, as (name, text)."""
    head = run.head
    rows = []
    for number, session in enumerate(head.get("sessions", []), 1):
        stretch = f" (stretch {number})" if len(head["sessions"]) > 1 else ""
        where = f"{session.get('device')}, {session.get('cpu')}, {session.get('cores')} cores, {session.get('threads')} threads"
        versions = f"motionimit {session.get('version')} at {session.get('commit') or 'no commit'}"
        versions += f", torch {session.get('torch')}, Python {session.get('python')}, {session.get('system')}"
        rows += [(f"command{stretch}", str(session.get("command"))), ("date", str(session.get("date")))]
        rows += [("machine", where), ("versions", versions)]
    rows.append(("data", _listed(head["dataset"])))
    rows.append(
        ("settings", _listed({k: v for k, v in head["settings"].items() if v is not None and k not in ("data", "methods")}))
    )
    for facts in head["methods"]:
        rows.append((f"method {facts['name']}", _listed({k: v for k, v in facts.items() if k != "name"})))
    return rows


def verdict(run: RunData) -> str:
    """One sentence: on how many items the means are, and what was left out."""
    things, head = THINGS.get(str(run.head["task"]), "items"), run.head
    text = f"Means over {head['compared']} of {head['items']} {things}"
    left = int(head["items"]) - int(head["compared"])
    text += f"; {left} left out because a method failed there." if left else ", none failed."
    planned = head["dataset"].get("items")
    if isinstance(planned, int) and planned > int(head["items"]):
        text += f" The run was stopped early: {planned} were planned; the same command with --resume goes on."
    return text


def warnings_of(run: RunData) -> list[str]:
    """What a reader must know besides the figures."""
    commits = list(dict.fromkeys(str(s.get("commit")) for s in run.head.get("sessions", [])))
    notes = [f"The run's stretches were made with different commits: {', '.join(commits)}."] if len(commits) > 1 else []
    return [*notes, *(str(n) for n in run.head.get("notes", [])), *(str(u) for u in run.head.get("unavailable", []))]


def _counted(run: RunData, names: Sequence[str], means: dict[str, dict[str, Mean]]) -> list[str]:
    """Which columns rest on fewer items than the others."""
    compared = int(run.head["compared"])
    fewer = {n: min(v[n].count for v in means.values() if n in v) for n in names}
    texts = [f"{measure_of(n).title} on {count}" for n, count in fewer.items() if count < compared]
    return [f"Not every item shows everything: {', '.join(texts)}."] if texts else []


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{k} {v}" for k, v in values.items() if v is not None)
