"""A run on disk: a folder with a journal of finished items, one JSON of everything, and the pictures."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ..config.evaluate import Evaluation
from ..errors import BadInput, BadUsage
from ..media.paths import reason, shown, whole_file, write_error
from .intervals import DRAWS, Mean
from .machine import session_facts
from .results import Item, Outcome, measure_of, measured, summary

FORMAT = "motionimit-evaluation-1"
RUN, JOURNAL, PICTURES, FILMS = "run.json", "items.jsonl", "pictures", "films"
_IDENTITY = ("format", "task", "settings", "methods", "dataset")  # what two stretches of one run must share


@dataclass(frozen=True, slots=True)
class RunData:
    """A run as `run.json` tells it."""

    folder: Path
    head: dict[str, Any]
    items: list[Item]

    @property
    def methods(self) -> list[str]:
        return [str(m["name"]) for m in self.head["methods"]]


class RunFolder:
    """A run being made. Every item is on disk as soon as it is done; leaving the context writes `run.json` and the
    reports, come what may."""

    def __init__(self, settings: Evaluation, task: str, methods: Sequence[Mapping[str, Any]], dataset: Mapping[str, Any]) -> None:
        """Open or make `settings.output`. Raises `BadUsage` for a folder that holds another run, or one to go on with without
        `resume`; `BadInput` for a damaged one."""
        self.folder, self.seed = settings.output, settings.seed
        self.pictures = self.folder / PICTURES
        self.head: dict[str, Any] = {
            "format": FORMAT,
            "task": task,
            "settings": settings.compared(),
            "methods": [dict(m) for m in methods],
            "dataset": dict(dataset),
            "sessions": [],
            "unavailable": [],
            "notes": [],
        }
        self.extra: dict[str, dict[str, float]] = {}  # method → measures of all pictures together
        self.items: list[Item] = []
        self._begin(settings)
        self.head["sessions"].append(session_facts(settings.device))
        self.pictures.mkdir(exist_ok=True)
        self._rewrite_journal()

    def _begin(self, settings: Evaluation) -> None:
        there = (self.folder / RUN).exists()
        if there and not settings.resume:
            raise BadUsage(f"-o {shown(self.folder)} holds a run already; add --resume to go on with it, or name another folder.")
        if there:
            self._go_on()
        elif self.folder.is_dir() and any(self.folder.iterdir()):
            raise BadUsage(f"-o {shown(self.folder)} is a folder with other files in it; name a new or empty one.")
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise write_error(self.folder, error) from None

    def _go_on(self) -> None:
        before = _read_json(self.folder / RUN)
        mine = json.loads(json.dumps(self.head))
        for name in _IDENTITY:
            if before.get(name) != mine[name]:
                what = _difference(name, before.get(name), mine[name])
                raise BadUsage(
                    f"--resume: the run in {shown(self.folder)} was made with other {what}; give the same options, or"
                    " name another folder."
                )
        self.head["sessions"] = list(before.get("sessions", []))
        self.items = read_journal(self.folder / JOURNAL)

    def __enter__(self) -> RunFolder:
        self.write()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        from .report import write_reports

        self.write()
        write_reports(self.folder)

    def done(self, name: str) -> bool:
        """Whether an earlier stretch has finished this item."""
        return any(item.name == name for item in self.items)

    def add(self, item: Item) -> None:
        """Keep a finished item, at once. Raises `BadInput` where it can't be written."""
        line = json.dumps(item.as_json(), ensure_ascii=False, allow_nan=False) + "\n"
        try:
            with (self.folder / JOURNAL).open("a", encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise write_error(self.folder / JOURNAL, error) from None
        self.items.append(item)

    def write(self) -> None:
        """Write `run.json`, whole or not at all."""
        names = [str(m["name"]) for m in self.head["methods"]]
        told = summary(self.items, names, self.seed)
        means = {method: dict(found) for method, found in told.means.items()}
        for method, scores in self.extra.items():
            means[method] |= {k: Mean(v, None, None, told.compared) for k, v in scores.items()}
        occurring = [*measured(self.items, names), *dict.fromkeys(k for scores in self.extra.values() for k in scores)]
        data = self.head | {
            "measures": [{"name": name, **asdict(measure_of(name))} for name in occurring],
            "items": told.items,
            "compared": told.compared,
            "interval": {"coverage_pct": 95, "method": "percentile bootstrap over items", "resamples": DRAWS},
            "means": {m: _plain(found) for m, found in means.items()},
            "differences": {m: {o: _plain(found) for o, found in rest.items()} for m, rest in told.differences.items()},
            "wins_pct": told.wins,
            "failures": [{"item": i.name, "method": m, "sentence": text} for i in self.items for m, text in i.failures.items()],
            "rows": [item.as_json() for item in self.items],
        }
        text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        with whole_file(self.folder / RUN) as half:
            half.write_text(text, encoding="utf-8")

    def _rewrite_journal(self) -> None:
        """Drop what a killed stretch left half-written."""
        lines = [json.dumps(i.as_json(), ensure_ascii=False, allow_nan=False) + "\n" for i in self.items]
        with whole_file(self.folder / JOURNAL) as half:
            half.write_text("".join(lines), encoding="utf-8")


def read_run(folder: Path) -> RunData:
    """The run in a folder. Raises `BadInput` where there is none or it is damaged."""
    data = _read_json(folder / RUN)
    head = {name: value for name, value in data.items() if name != "rows"}
    try:
        _check_head(head)
        return RunData(folder, head, [Item.of(row) for row in data["rows"]])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadInput(f"{shown(folder / RUN)} lacks parts of a run; make the run again, or copy it again.") from None


def _check_head(head: Mapping[str, Any]) -> None:
    """Raises KeyError, TypeError, ValueError or AttributeError where something isn't as `RunFolder.write` leaves it."""
    kinds = {"settings": dict, "dataset": dict, "differences": dict, "methods": list, "items": int, "compared": int, "task": str}
    lists = {"sessions": dict, "measures": dict, "methods": dict, "unavailable": str, "notes": str}
    good = all(isinstance(head[name], kind) for name, kind in kinds.items())
    good = good and all(
        isinstance(head[name], list) and all(isinstance(v, kind) for v in head[name]) for name, kind in lists.items()
    )
    if not good or not head["methods"] or not head["sessions"]:
        raise ValueError
    names = [method["name"] for method in head["methods"]]
    if not all(isinstance(name, str) for name in (*names, *(measure["name"] for measure in head["measures"]))):
        raise TypeError
    for name in names:
        means_of(head["means"][name])
        for found in head["differences"].get(name, {}).values():
            means_of(found)


def means_of(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Mean]:
    """Measure → mean, from what a run's JSON says. Raises KeyError, TypeError or ValueError."""

    def one(data: Mapping[str, Any]) -> Mean:
        low, high = (None if data[k] is None else float(data[k]) for k in ("low", "high"))
        return Mean(float(data["value"]), low, high, int(data["count"]))

    return {str(name): one(data) for name, data in found.items()}


def read_journal(path: Path) -> list[Item]:
    """Finished items, in order; a last line that was cut off is left out. Raises `BadInput` for any other damage."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadInput(f"{shown(path)} can't be read ({reason(error)}); make the run again.") from None
    items: list[Item] = []
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            items.append(Item.of(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError):
            if number == len(lines):  # no newline follows: the process died while writing it
                break
            raise BadInput(f"Line {number} of {shown(path)} is damaged; take the line out, or make the run again.") from None
    return items


def failed(methods: Sequence[str], sentence: str) -> dict[str, Outcome]:
    """The same failure for every method."""
    return {method: Outcome(failure=sentence) for method in methods}


def sentence_of(error: Exception) -> str:
    """What a failure's line says: the library's own sentence, or the kind of a surprise and its text."""
    from ..errors import MotionimitError

    text = " ".join(str(error).split())
    return text if isinstance(error, MotionimitError) else f"unexpected {type(error).__name__}: {text[:200] or 'no message'}"


def cleared(folder: Path) -> Path:
    """An empty folder of that name for intermediate files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _plain(found: Mapping[str, Mean]) -> dict[str, dict[str, float | None]]:
    return {name: asdict(mean) for name, mean in found.items()}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{shown(path)} does not exist; name the folder of a run that 'motionimit evaluate' made.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{shown(path)} is damaged ({reason(error)}); make the run again, or copy it again.") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        kind = data.get("format") if isinstance(data, dict) else None
        raise BadInput(f"{shown(path)} is no run that this version reads (format {str(kind)[:40]!r}, expected {FORMAT!r}).")
    return data


def _difference(name: str, before: object, now: object) -> str:
    """Which part differs, in a user's words."""
    if name != "settings" or not isinstance(before, dict) or not isinstance(now, dict):
        return {"methods": "methods or weights", "dataset": "data"}.get(name, name)
    keys = [k for k in {**before, **now} if before.get(k) != now.get(k)]
    return "settings (" + ", ".join(f"{k}: {before.get(k)} before, {now.get(k)} now" for k in keys[:3])[:200] + ")"
