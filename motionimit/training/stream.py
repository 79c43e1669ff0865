"""Files of a folder as an endless, repeatable stream of batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, TypeVar

B = TypeVar("B")
RELIST = 200


class FolderStream(ABC, Generic[B]):
    """Batch k depends on (seed, rank, k) and the files alone, so a stream goes on exactly where it stopped.

    The next batch is read in a thread while the current one is used. The folder may grow meanwhile: it is listed anew every
    `RELIST` batches.
    """

    def __init__(self, folder: Path, list_files: Callable[[Path], list[Path]]) -> None:
        """`list_files` raises `BadInput` for a folder without files."""
        self.folder, self._list = folder, list_files
        self._files = list_files(folder)
        self._k = 0
        self._reader = ThreadPoolExecutor(1)
        self._ahead: tuple[int, Future[B]] | None = None

    @abstractmethod
    def load(self, k: int) -> B:
        """Batch k."""

    def next(self) -> B:
        """The next batch."""
        k, ready = self._ahead or (-1, None)
        batch = ready.result() if ready is not None and k == self._k else self.load(self._k)
        self._k += 1
        if self._k % RELIST == 0:
            self._files = self._list(self.folder)
        self._ahead = self._k, self._reader.submit(self.load, self._k)
        return batch

    def state(self) -> dict[str, Any]:
        """Where the stream is, and the files that the next batch comes from."""
        return {"next": self._k, "files": [f.name for f in self._files]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on with the batch that `next` would have given. Raises ValueError where a file is gone."""
        there = {f.name: f for f in self._list(self.folder)}
        gone = [name for name in state["files"] if name not in there]
        if gone:
            raise ValueError(f"{self.folder} has lost {len(gone)} files, {gone[0]} among them")
        self._files = [there[name] for name in state["files"]]
        self._k, self._ahead = int(state["next"]), None
