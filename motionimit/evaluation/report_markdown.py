"""A run as Markdown: the tables of the page, and its pictures where a viewer shows them."""

from __future__ import annotations

from urllib.parse import quote

from .report import (
    TITLES,
    Table,
    caption,
    circumstances,
    difference_tables,
    failures,
    headline_table,
    meanings,
    sections,
    speed_table,
    verdict,
    warnings_of,
    whole_table,
)
from .results import Item
from .runs import RunData


def markdown_report(run: RunData) -> str:
    """The whole text."""
    parts = [f"# {TITLES.get(str(run.head['task']), 'Evaluation')}", verdict(run), *(_plain(t) for t in warnings_of(run))]
    parts.append(_table(headline_table(run)))
    found = failures(run)
    if found:
        rows = "\n".join(f"| {' | '.join(_plain(text) for text in row)} |" for row in found)
        parts += ["## Failures", f"| item | method | what happened |\n|---|---|---|\n{rows}"]
    for heading, items in sections(run):
        parts += [f"## {heading}", *(_item(item, run.methods) for item in items)]
    for heading, table in difference_tables(run):
        parts += [f"## Method against method: {heading}", _table(table)]
    parts += ["## All measures", _table(whole_table(run)), _list(meanings(run)), "## Time", _table(speed_table(run))]
    parts += ["## How it was made", _list(circumstances(run))]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    lines = [f"| {' | '.join(_plain(h) for h in table.headings)} |", "|---" + "|---:" * (len(table.headings) - 1) + "|"]
    for row in table.rows:
        lines.append("| " + " | ".join(f"**{_plain(c.text)}**" if c.best else _plain(c.text) for c in row) + " |")
    return "\n\n".join(["\n".join(lines), *(_plain(note) for note in table.notes)])


def _item(item: Item, methods: list[str]) -> str:
    cells = [(title, _image(title, path), "") for title, path in item.shown.items()]
    for method in methods:
        outcome = item.outcomes.get(method)
        if outcome is not None:
            picture = "" if outcome.picture is None else _image(method, outcome.picture)
            cells.append((method, picture, _plain(caption(outcome))))
    lines = [f"| {' | '.join(_plain(c[k]) if k == 0 else c[k] for c in cells)} |" for k in range(3)]
    lines.insert(1, "|" + "---|" * len(cells))
    return "\n\n".join([f"### {_plain(item.name)}", *(_plain(n) for n in item.notes), "\n".join(lines)])


def _image(title: str, path: str) -> str:
    return f"![{_plain(title)}]({quote(path)})"


def _list(rows: list[tuple[str, str]]) -> str:
    return "\n".join(f"- **{_plain(name)}**: {_plain(text)}" for name, text in rows)


def _plain(text: str) -> str:
    """Text that Markdown takes as it is, on one line."""
    out = " ".join(text.split())
    for mark in "\\`*_[]<>|":
        out = out.replace(mark, f"\\{mark}")
    return out
