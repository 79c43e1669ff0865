"""Pose-guided stills: every pair is prepared once, drawn by every method, and compared with the true picture."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import PoseSettings
from ..config.evaluate import BASELINE, StillsEvaluation
from ..run import Run, silent
from ..runtime import pick_device
from ..types import Progress
from .instruments import FEATURES, Instruments, gathered_fid
from .methods import Method, drawn, load_methods
from .pictures import resized
from .preview import write_preview
from .results import Item, Outcome, finite
from .runs import RunData, RunFolder, failed, read_run, sentence_of
from .still_pairs import Prepared, fingerprint, prepared, read_stills

if TYPE_CHECKING:
    from .datasets.pairs import StillPair

WORK = "work"


def evaluate_stills(settings: StillsEvaluation, progress: Progress | None = None) -> RunData:
    """Evaluate and write the run's folder; what is finished stays there, come what may. Raises `BadInput`, `BadUsage` and
    `MissingModel` before any work; a method that fails on a pair is recorded with its sentence and counted."""
    settings.check_paths()
    tell = progress or silent
    pairs, warnings = read_stills(settings)
    device = pick_device(settings.device)
    methods = load_methods(settings.methods, device, stills=True)
    facts = {"kind": settings.dataset, "items": len(pairs), "folder": str(settings.data), "files": fingerprint(pairs)}
    with Instruments(settings) as tools:
        run = RunFolder(settings, "stills", [m.facts() for m in methods], facts)
        run.head["unavailable"], run.head["notes"] = tools.unavailable(), warnings
        with run:
            job = Run.of(settings.compared(), settings.body, settings.device, None)
            for number, pair in enumerate(pairs):
                tell("pairs", number, len(pairs))
                if not run.done(pair.name):
                    run.add(_evaluated(pair, methods, settings, run, tools, job))
            tell("pairs", len(pairs), len(pairs))
            gathered_fid(run, [m.name for m in methods])
            shutil.rmtree(run.folder / WORK, ignore_errors=True)
    return read_run(settings.output)


def _evaluated(
    pair: StillPair, methods: Sequence[Method], settings: StillsEvaluation, run: RunFolder, tools: Instruments, job: Run
) -> Item:
    """One pair, whatever happens to it."""
    names, shown = [m.name for m in methods], {}
    try:
        ready = prepared(pair, settings.size_px, run.folder / WORK)
        for title, picture in (("source", ready.copy), ("target", ready.truth)):
            shown[title] = write_preview(run.pictures, f"{pair.name}.{title}", picture)
        seen = tools.finder(ready.truth)
        if seen is None:
            return Item(pair.name, failed(names, "Nobody was found in the true picture; leave the pair out."), shown, ready.notes)
    except Exception as error:
        return Item(pair.name, failed(names, sentence_of(error)), shown)
    made = _all_drawn(ready, methods, settings, job)
    outcomes: dict[str, Outcome] = {}
    for method in methods:
        result = made[method.name]
        if isinstance(result, Outcome):
            outcomes[method.name] = result
            continue
        picture, seconds = result
        try:
            fitting = resized(picture, ready.truth.shape[1], ready.truth.shape[0])
            scores = finite(score_of(ready.truth, fitting, seen, ready.mask, tools))
            path = write_preview(run.pictures, f"{pair.name}.{method.name}", fitting)
            outcomes[method.name] = Outcome(scores, seconds, path)
        except Exception as error:
            outcomes[method.name] = Outcome(failure=sentence_of(error))
    if not any(o.failure for o in outcomes.values()):
        pictures = {name: result[0] for name, result in made.items() if not isinstance(result, Outcome)}
        tools.keep_features(run.folder / FEATURES, pair.name, ready.truth, pictures)
    return Item(pair.name, outcomes, shown, ready.notes)


def score_of(truth: np.ndarray, made: np.ndarray, seen: Any, mask: np.ndarray | None, tools: Instruments) -> dict[str, float]:
    from .metrics import score_picture

    return score_picture(truth, made, seen, mask, tools.finder, tools.distances)


def _all_drawn(
    ready: Prepared, methods: Sequence[Method], settings: StillsEvaluation, job: Run
) -> dict[str, Outcome | tuple[np.ndarray, dict[str, float]]]:
    """Method → its picture and the seconds it took, or why there is none. The scene is prepared once for all of them."""
    out: dict[str, Outcome | tuple[np.ndarray, dict[str, float]]] = {}
    scene: Any = None
    prepare_s, failure = 0.0, None
    for method in methods:
        if method.kind == BASELINE:
            out[method.name] = ready.copy, {}
            continue
        if scene is None and failure is None:
            begin = time.perf_counter()
            try:
                scene = _scene(ready, settings, job)
            except Exception as error:
                failure = sentence_of(error)
            prepare_s = time.perf_counter() - begin
        if failure is not None:
            out[method.name] = Outcome(failure=failure)
            continue
        try:
            if method.kind == "network":
                _ = scene.parsing  # made when it is first asked for: not a part of drawing
            begin = time.perf_counter()
            picture = drawn(method, scene, job)
            out[method.name] = picture, {"generate": time.perf_counter() - begin, "prepare": prepare_s}
        except Exception as error:
            out[method.name] = Outcome(failure=sentence_of(error))
    return out


def _scene(ready: Prepared, settings: StillsEvaluation, job: Run) -> Any:
    """The pair's person in the target's pose and place."""
    from ..stills import still_scene

    pose = PoseSettings(
        sources=(ready.source,),
        output=ready.source.with_name("still.png"),
        target=ready.target,
        camera="copy",
        size_px=settings.size_px,
        seed=settings.seed,
        device=settings.device,
        body=settings.body,
    )
    return still_scene(pose, job)
