"""Device, precision, processes and signals; accelerate does the work on a laptop and, under torchrun, on several GPUs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import torch

from ..errors import BadUsage, MissingModel
from ..runtime import pick_device


def make_accelerator(device: str = "auto", precision: str = "auto") -> Any:
    """An `accelerate.Accelerator` for 'auto', 'cpu', 'cuda' or 'cuda:N' and precision 'auto', 'no', 'fp16' or 'bf16'.

    Raises `MissingModel` without accelerate, `BadUsage` for a device that isn't there and for float16 on the CPU. bfloat16
    on the CPU makes training 1.4 to 2 times as fast where it has the instructions (AVX512-BF16, AMX), and slower elsewhere.
    """
    try:
        from accelerate import Accelerator
        from accelerate.utils import DistributedDataParallelKwargs
    except ImportError:
        raise MissingModel("Training needs the package accelerate; run 'pip install \"motionimit[train]\"'.") from None
    chosen = pick_device(device)
    on_cpu = chosen.type == "cpu"
    if on_cpu and precision == "fp16":
        raise BadUsage("--precision fp16 needs a GPU; take bf16, or leave it out, on the CPU.")
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if precision == "auto":
        precision = "bf16" if not on_cpu and torch.cuda.is_bf16_supported() else "no"
    # a term that is switched off leaves parameters without gradients
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    return Accelerator(cpu=on_cpu, mixed_precision=precision, kwargs_handlers=[unused])


def any_process(accelerator: Any, flag: bool) -> bool:
    """True in every process if `flag` is true in one."""
    if accelerator.num_processes == 1:
        return flag
    raised = torch.tensor(float(flag), device=accelerator.device)
    return bool(accelerator.reduce(raised, "sum") > 0)


def gather(accelerator: Any, value: Any) -> list[Any]:
    """One plain Python value per process, in every process."""
    if accelerator.num_processes == 1:
        return [value]
    from accelerate.utils import gather_object

    return list(gather_object([value]))


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; a second one acts as before."""
    stopped = threading.Event()
    before: dict[int, Any] = {}

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()
        signal.signal(number, before[number])

    with suppress(ValueError):  # not in the main thread: whoever embeds us stops us otherwise
        for number in (int(signal.SIGINT), int(signal.SIGTERM)):
            before[number] = signal.signal(number, stop)
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
