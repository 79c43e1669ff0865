"""What measures: the person finder and the distances, with their notes for a report, and the features that FID gathers."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import TracebackType

import numpy as np

from ..config.evaluate import Evaluation
from ..errors import MotionimitError
from ..runtime import pick_device
from .availability import Distances, unavailable
from .frechet import fid
from .people import Finder, PersonFinder, Seen
from .runs import RunFolder

FEATURES = "features"
_TRUTH = "truth"


class Instruments:
    """Opened once for a run; a context, since the finder holds a graph."""

    def __init__(self, settings: Evaluation) -> None:
        """Raises `BadInput` for weights that were named and can't be used."""
        self.finder = PersonFinder()
        self.distances = Distances(settings.lpips, settings.inception, settings.faces, str(pick_device(settings.device)))

    def __enter__(self) -> Instruments:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.finder.close()

    def unavailable(self) -> list[str]:
        return unavailable(self.distances)

    def keep_features(self, folder: Path, name: str, truth: np.ndarray, made: dict[str, np.ndarray]) -> None:
        """Write the Inception features of a truth and of what each method made of it, for `gathered_fid`."""
        if self.distances.inception is None:
            return
        folder.mkdir(exist_ok=True)
        names = [_TRUTH, *made]
        rows = self.distances.inception.features([truth, *made.values()]).astype(np.float32)
        np.savez(folder / f"{name}.npz", **dict(zip(names, rows, strict=True)))


def gathered_fid(run: RunFolder, names: list[str]) -> None:
    """Give the run every method's FID over the items on which all methods worked, from the features that were kept."""
    rows: dict[str, list[np.ndarray]] = {}
    for item in run.items:
        path = run.folder / FEATURES / f"{item.name}.npz"
        if item.failures or not path.is_file():
            continue
        with np.load(path, allow_pickle=False) as file:
            if set(names) <= set(file.files):
                for name in (_TRUTH, *names):
                    rows.setdefault(name, []).append(file[name])
    for name in names if rows else ():
        try:
            found = fid(np.stack(rows[_TRUTH]), np.stack(rows[name]))
        except MotionimitError:  # a single picture has no distribution
            continue
        run.extra.setdefault(name, {})["fid"] = found.value
        if found.note and f"FID is {found.note}." not in run.head["notes"]:
            run.head["notes"].append(f"FID is {found.note}.")


class Remembering:
    """A finder that looks at equal pictures once: every method is compared with the same truth."""

    def __init__(self, finder: Finder) -> None:
        self._finder, self._seen = finder, dict[bytes, Seen | None]()

    def __call__(self, rgb: np.ndarray) -> Seen | None:
        key = hashlib.blake2b(np.ascontiguousarray(rgb), digest_size=16).digest()
        if key not in self._seen:
            self._seen[key] = self._finder(rgb)
        return self._seen[key]
