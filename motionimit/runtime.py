"""The machine: device, threads, caches, clocks, memory, and native libraries that talk too much."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from .errors import BadUsage

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

CACHE_VARIABLE = "MOTIONIMIT_CACHE"


def pick_device(name: str = "auto") -> torch.device:
    """'auto' (the first CUDA device if torch sees one, else the CPU), 'cpu', 'cuda' or 'cuda:N' → torch.device.

    Raises `BadUsage` where a CUDA device is asked for that torch doesn't see.
    """
    import torch

    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda", 0) if found else torch.device("cpu")
    device = torch.device(name)
    if device.type != "cuda":
        return device
    if not found:
        raise BadUsage(
            f"--device {name}: torch {torch.__version__} sees no CUDA device; use --device cpu or install a CUDA build of torch."
        )
    index = device.index or 0
    if index >= found:
        raise BadUsage(f"--device {name}: torch sees only {found} CUDA device(s), numbered from 0.")
    return torch.device("cuda", index)


def half_precision(device: torch.device) -> torch.dtype | None:
    """The type of 16 bits in which this device computes layers faster than in float32; None where there is none.

    float16 with CUDA, bfloat16 on CPUs with AVX512-BF16 or AMX; others emulate it slowly.
    """
    import torch

    if device.type == "cuda":
        return torch.float16
    able = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else None


def available_cores() -> int:
    """Cores that this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(threads: int | None = None) -> int:
    """Give torch and OpenCV `threads` threads (default: `available_cores()`). Returns the number."""
    import cv2
    import torch

    count = threads or available_cores()
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    return count


def cache_dir() -> Path:
    """Where compiled kernels are kept between runs: $MOTIONIMIT_CACHE, else the user's cache folder, else a temporary one."""
    if os.environ.get(CACHE_VARIABLE):
        folder = Path(os.environ[CACHE_VARIABLE]).expanduser()
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "motionimit"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.gettempdir()) / f"motionimit-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"
        folder.mkdir(parents=True, exist_ok=True)
    return folder


_quiet_lock = threading.Lock()
_quiet_users: list[int] = []  # one entry per open `quiet_stderr`; the first is the descriptor that the last one restores


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send file descriptor 2 to nowhere while native code runs that can't be told to be silent.

    May be open several times at once, in several threads: only the last to end restores the descriptor.
    """
    with _quiet_lock:
        _quiet_users.append(_quiet_users[0] if _quiet_users else _mute_stderr())
    try:
        yield
    finally:
        with _quiet_lock:
            saved = _quiet_users.pop()
            if not _quiet_users and saved >= 0:
                os.dup2(saved, 2)
                os.close(saved)


def _mute_stderr() -> int:
    """Point descriptor 2 to nowhere. Returns a copy of it as it was; -1 where there is none, so nothing to silence."""
    try:
        saved = os.dup(2)
    except OSError:
        return -1
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    return saved


def init_warp() -> None:
    """Initialise Warp once, silently, with its kernel cache under `cache_dir()`. Call it before the first kernel launch."""
    import warp

    if warp.config.kernel_cache_dir is None:
        warp.config.kernel_cache_dir = str(cache_dir() / f"warp-{warp.__version__}")
    warp.config.log_level = warp.LOG_ERROR
    with quiet_stderr():  # its C++ part says on every machine without a GPU that there is none
        warp.init()


@contextmanager
def warming_up(device: torch.device, generator: bool = False) -> Iterator[None]:
    """Meanwhile compile or load the kernels (the generator's too, where it is used), which takes seconds in the first run ever.

    Waits for the end, come what may: a process must not exit under a running compiler.
    """

    def load() -> None:
        from .avatar import inpaint
        from .flow import kernels

        with suppress(Exception):  # the first launch meets it again, where it can be told to the user
            inpaint.load()
            kernels.load(str(device))
            if generator:
                from .generator import kernels as features

                features.load(str(device))

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def quiet_native_logs() -> None:
    """Ask MediaPipe, TFLite, absl and jax for errors only. Works only before they are imported; a user's own settings stay."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")


def calm_blas() -> None:
    """Give NumPy's linear algebra one thread, and let torch's threads sleep while they wait, unless the user has set otherwise.

    Works only before NumPy and torch are imported. The fit solves many small systems; OpenBLAS' spinning threads then cost more
    than they bring, and on a busy machine twenty times as much. OpenMP's, beside renderers and codecs, do so eight times.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def peak_rss_mb() -> float:
    """Peak resident memory of this process in MB (10⁶ bytes); 0 where the system doesn't say.

    Linux' VmHWM is preferred to `getrusage`, whose maximum is inherited from the parent through fork and exec.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


class StageClock:
    """Adds up busy seconds per stage; stages may run at once in several threads, so their sum can exceed the wall time.

    >>> clock = StageClock()
    >>> with clock.stage("fit"):
    ...     pass
    >>> list(clock.seconds)
    ['fit']
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    @property
    def seconds(self) -> dict[str, float]:
        """A copy: stage → busy seconds so far, in the order the stages were first entered."""
        with self._lock:
            return dict(self._seconds)

    def add(self, stage: str, seconds: float) -> None:
        with self._lock:
            self._seconds[stage] = self._seconds.get(stage, 0.0) + seconds

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.add(name, 0.0)
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - begin)

    def timed(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Pass `items` through and book the time spent producing them (not consuming them) on stage `name`."""
        iterator = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item
