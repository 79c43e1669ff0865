"""Video out: encoded in a thread beside the rendering, whole or not at all."""

from __future__ import annotations

import queue
import shutil
import threading
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from ..errors import BadInput, MotionimitError, ShapeError
from .output import Target, check_output, move_into_place
from .paths import shown, temporary_beside, write_error
from .sinks import Encoding, Job, Sink, open_sink

__all__ = ["Encoding", "Target", "VideoWriter", "check_output"]

_QUEUED_FRAMES = 4
_POLL_S = 0.1


class VideoWriter:
    """Writes pictures of one size at a constant rate, with the sound of another file, to any target of `check_output`.

    Time 0 of the sound is the frame of `audio_from` nearest to `start_s`; the sound ends with the pictures, or after
    `duration_s`; `pause_s` (when, how long) puts silence into it. H.264 with an odd side is one pixel larger (the edge
    repeated). The result appears under its name only when `finish` (or the end of the `with` block) succeeds; an exception or
    `abort` leaves nothing behind. `warnings` says what could not be kept. Raises `BadInput` where something can't be written,
    also from later calls: encoding runs in its own thread.
    """

    def __init__(
        self,
        path: Path | str,
        fps: Fraction,
        size_px: tuple[int, int],
        audio_from: Path | None = None,
        start_s: float = 0.0,
        duration_s: float | None = None,
        alpha: bool = False,
        metadata: dict[str, str] | None = None,
        encoding: Encoding | None = None,
        pause_s: tuple[Fraction, Fraction] | None = None,
    ) -> None:
        self.frames = 0
        self.warnings: list[str] = []
        self._target = check_output(path, alpha)
        self._shape = (size_px[1], size_px[0], 4 if alpha else 3)
        self._temporary = temporary_beside(self._target.path)
        job = Job(
            self._target,
            Fraction(fps),
            size_px,
            alpha,
            metadata or {},
            encoding or Encoding(),
            audio_from,
            start_s,
            duration_s,
            pause_s,
        )
        self._sink: Sink | None = None
        self._error: BaseException | None = None
        self._queue: queue.Queue[np.ndarray | None] = queue.Queue(_QUEUED_FRAMES)
        self._abandoned = threading.Event()
        try:
            self._sink = open_sink(self._temporary, job, self.warnings)
        except BaseException as error:
            self._remove()
            raise self._readable(error) from error
        self._thread: threading.Thread | None = threading.Thread(
            target=self._work, args=(self._sink,), name="encode", daemon=True
        )
        self._thread.start()

    def write(self, pixels: np.ndarray) -> None:
        """Hand over one picture, rgb [H, W, 3] or with `alpha` rgba [H, W, 4] uint8; it is copied. Waits for a slow encoder."""
        if pixels.dtype != np.uint8 or pixels.shape != self._shape:
            raise ShapeError("pixels (uint8)", self._shape, tuple(pixels.shape))
        if self._thread is None:
            raise ValueError("write() after the writer was finished or aborted")
        self._put(np.array(pixels, order="C"))
        self.frames += 1

    def finish(self) -> None:
        """Complete the file and move it into place. Raises `BadInput`, also if no picture was written; then nothing is left."""
        if self._thread is None:
            return
        try:
            if self.frames == 0:
                raise BadInput(f"{shown(self._target.path)} was not written because there was no frame to write.")
            self._put(None)
            while self._thread.is_alive():
                self._thread.join(_POLL_S)  # in steps, so that Ctrl-C gets through
            self._raise_error()
            move_into_place(self._temporary, self._target)
            self._thread = None
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Stop and remove what was written so far. Harmless after `finish`."""
        if self._thread is None:
            return
        self._abandoned.set()
        try:
            self._thread.join()
        finally:  # a second Ctrl-C
            self._thread = None
            self._remove()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.finish()
        else:
            self.abort()

    def _work(self, sink: Sink) -> None:
        """The thread: encode until the end mark, an error, or abandonment."""
        try:
            while not self._abandoned.is_set():
                with suppress(queue.Empty):
                    pixels = self._queue.get(timeout=_POLL_S)
                    if pixels is None:
                        sink.finish()
                        return
                    sink.write(pixels)
        except BaseException as error:
            self._error = error
        finally:
            sink.close()

    def _put(self, item: np.ndarray | None) -> None:
        while True:
            self._raise_error()
            with suppress(queue.Full):
                self._queue.put(item, timeout=_POLL_S)
                return

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._readable(self._error) from self._error

    def _readable(self, error: BaseException) -> BaseException:
        if isinstance(error, OSError | ValueError | av.error.FFmpegError) and not isinstance(error, MotionimitError | ShapeError):
            return write_error(self._target.path, error)
        return error

    def _remove(self) -> None:
        if self._temporary.is_dir():
            shutil.rmtree(self._temporary, ignore_errors=True)
        else:
            with suppress(OSError):
                self._temporary.unlink()
