"""A run as one HTML page beside its pictures: no scripts, nothing from elsewhere."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from .report import (
    TITLES,
    Cell,
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

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1f23; --dim: #667; --paper: #fff; --line: #dde1e6; --best: #e4f3e5; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --dim: #9aa3ad; --paper: #17191c; --line: #33383e; --best: #1f3a24; --bad: #ff8a80; } }
body { margin: 2rem auto; padding: 0 1.5rem; max-width: 1500px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; } h2 { margin-top: 2.4rem; font-size: 1.2rem; }
h3 { margin: 0 0 .4rem; font-size: 1rem; }
p.lead, .dim, figcaption, dt { color: var(--dim); } .bad { color: var(--bad); }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { font-weight: 600; vertical-align: bottom; } th:first-child, td:first-child { text-align: left; }
td.best { font-weight: 700; background: var(--best); } table.failures td { text-align: left; white-space: normal; }
section.item { border-top: 1px solid var(--line); padding: 1rem 0; }
.strip { display: flex; flex-wrap: wrap; gap: .7rem; align-items: flex-start; }
figure { margin: 0; max-width: 100%; } figure img { display: block; height: 256px; max-width: 100%; object-fit: contain;
  background: #8882; border-radius: 3px; }
.rows .strip { flex-direction: column; } .rows figure img { height: auto; max-height: 300px; }
figcaption { font-size: .8rem; max-width: 22rem; } .rows figcaption { max-width: none; } figcaption b { color: var(--ink); }
figure.failed { width: 12rem; min-height: 6rem; border: 1px dashed var(--line); padding: .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; } dt, dd { margin: 0; }
dd { overflow-wrap: anywhere; }
""".strip()


def html_report(run: RunData) -> str:
    """The whole page."""
    title = TITLES.get(str(run.head["task"]), "Evaluation")
    rows = ' class="rows"' if run.head["task"] in ("self", "cross") else ""  # strips of frames stand under each other
    parts = [
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>',
        f'<meta name="viewport" content="width=device-width">\n<style>\n{_STYLE}\n</style>\n</head>\n<body{rows}>',
        f'<h1>{escape(title)}</h1>\n<p class="lead">{escape(verdict(run))}</p>',
        *(f"<p>{escape(text)}</p>" for text in warnings_of(run)),
        _table(headline_table(run)),
        *_failures(run),
    ]
    for heading, items in sections(run):
        parts += [f"<h2>{escape(heading)}</h2>", *(_item(item, run.methods) for item in items)]
    for heading, table in difference_tables(run):
        parts += [f"<h2>Method against method: {escape(heading)}</h2>", _table(table)]
    parts += ["<h2>All measures</h2>", _table(whole_table(run)), _pairs(meanings(run))]
    parts += ["<h2>Time</h2>", _table(speed_table(run)), "<h2>How it was made</h2>", _pairs(circumstances(run))]
    return "\n".join([*parts, "</body>\n</html>\n"])


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in table.headings)
    body = "\n".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in table.rows)
    notes = "".join(f'<p class="dim">{escape(note)}</p>' for note in table.notes)
    return f'<div class="wide"><table>\n<tr>{head}</tr>\n{body}\n</table></div>{notes}'


def _cell(cell: Cell) -> str:
    return f'<td class="best">{escape(cell.text)}</td>' if cell.best else f"<td>{escape(cell.text)}</td>"


def _failures(run: RunData) -> list[str]:
    found = failures(run)
    if not found:
        return []
    rows = "\n".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in found)
    head = "<tr><th>item</th><th>method</th><th>what happened</th></tr>"
    return [f'<h2 class="bad">Failures</h2>\n<div class="wide"><table class="failures">\n{head}\n{rows}\n</table></div>']


def _item(item: Item, methods: list[str]) -> str:
    figures = [_figure(title, path, "") for title, path in item.shown.items()]
    for method in methods:
        outcome = item.outcomes.get(method)
        if outcome is None:
            continue
        if outcome.picture is None:
            text = f"<b>{escape(method)}</b> <span class='bad'>{escape(caption(outcome))}</span>"
            figures.append(f'<figure class="failed"><figcaption>{text}</figcaption></figure>')
        else:
            film = "" if outcome.film is None else f' · <a href="{quote(outcome.film)}">film</a>'
            figures.append(_figure(method, outcome.picture, escape(caption(outcome)) + film))
    notes = "".join(f'<p class="dim">{escape(note)}</p>' for note in item.notes)
    inside = "\n".join(figures)
    return f'<section class="item">\n<h3>{escape(item.name)}</h3>{notes}\n<div class="strip">\n{inside}\n</div>\n</section>'


def _figure(title: str, path: str, told: str) -> str:
    image = f'<img src="{quote(path)}" alt="{escape(title, quote=True)}" loading="lazy">'
    return f"<figure>{image}<figcaption><b>{escape(title)}</b> {told}</figcaption></figure>"


def _pairs(rows: list[tuple[str, str]]) -> str:
    inside = "\n".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in rows)
    return f"<dl>\n{inside}\n</dl>"
