"""What a run needs to go on exactly, in one file that is always whole; and a small file that carries the weights alone."""

from __future__ import annotations

import errno
import io
import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor

from ..errors import BadInput
from ..media.paths import check_input, reason, shown, temporary_beside
from ..weights import GENERATOR, STILLS

FORMAT = "motionimit-training-1"
HANDOVER_FORMAT = "motionimit-handover-1"
_WEIGHTS = tuple(family.format for family in (GENERATOR | STILLS).values())
Weights = dict[str, Tensor]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns a failed write of `path` into a `BadInput` that says what is still there."""
    try:
        yield
    except OSError as error:
        still = "; what was there before is untouched" if path.exists() else ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BadInput(f"The disk is full while writing {shown(path)}{still}: free some space and train again.") from error
        raise BadInput(f"Writing {shown(path)} failed ({reason(error)}){still}: choose another folder with --out.") from error


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write a file whose name holds all of the old or all of the new, whatever crashes meanwhile. Raises `BadInput`."""
    temporary = temporary_beside(path)
    with writing(path):
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain data as one file. Raises `BadInput`."""
    buffer = io.BytesIO()  # serialised in memory: torch's own file writer reports a full disk in its own ways
    torch.save({"format": FORMAT, **state}, buffer)
    write_whole(path, buffer.getbuffer())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote, on the CPU; no code in the file is run. Raises `BadInput`."""
    path = check_input(path, "checkpoint")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and torch each have their own
        raise BadInput(f"The checkpoint {shown(path)} can't be read ({reason(error)}); start anew with --fresh.") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise BadInput(f"{shown(path)} is no checkpoint of this version of motionimit; start anew with --fresh.")
    return state


def rng_state() -> dict[str, Any]:
    """The states of torch's, NumPy's and Python's global generators."""
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002
    version, numbers, gauss = random.getstate()
    state: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": [str(kind), [int(k) for k in keys], int(position), int(has_gauss), float(cached)],
        "python": [version, list(numbers), gauss],
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_rng_state(state: dict[str, Any]) -> None:
    """The inverse of `rng_state`; a CUDA state without a GPU is left out."""
    torch.set_rng_state(state["torch"])
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), position, has_gauss, cached))  # noqa: NPY002
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def save_handover(path: Path, parts: dict[str, Weights], metadata: dict[str, Any], half: bool = True) -> None:
    """Write weights alone as safetensors, keys `part/name`, as float16 unless `half` is False. Raises `BadInput`."""
    tensors = {f"{part}/{name}": _stored(value, half) for part, weights in parts.items() for name, value in weights.items()}
    write_whole(path, to_safetensors(tensors, {"format": HANDOVER_FORMAT, "training": json.dumps(metadata)}))


def load_handover(path: Path) -> tuple[dict[str, Weights], dict[str, Any]]:
    """Parts of float32 weights and the metadata; a network's weight file gives the parts 'model' and 'ema'. Raises `BadInput`."""
    path = check_input(path, "weights file")
    parts: dict[str, Weights] = {}
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            if header.get("format") not in (HANDOVER_FORMAT, *_WEIGHTS):
                raise BadInput(f"{shown(path)} holds no weights to start from; name a handover or generator file of motionimit.")
            for key in list(file.keys()):
                part, _, name = key.rpartition("/")
                value = file.get_tensor(key)
                parts.setdefault(part, {})[name] = value.float() if value.is_floating_point() else value
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"The weights file {shown(path)} can't be read ({reason(error)}); copy it again.") from None
    if header["format"] in _WEIGHTS:
        return {"model": parts[""], "ema": parts[""]}, {"config": json.loads(header.get("config", "null"))}
    return parts, json.loads(header["training"])


def save_tensors(path: Path, tensors: Weights, metadata: dict[str, str]) -> None:
    """Write named tensors as safetensors. Raises `BadInput`."""
    write_whole(path, to_safetensors({k: _stored(v, False) for k, v in tensors.items()}, metadata))


def flatten(maps: Any, prefix: str = "") -> Weights:
    """A dataclass of tensors, tuples and dataclasses → tensors by dotted name."""
    if isinstance(maps, Tensor):
        return {prefix: maps}
    parts = enumerate(maps) if isinstance(maps, tuple) else ((f.name, getattr(maps, f.name)) for f in fields(maps))
    found: Weights = {}
    for name, part in parts:
        found |= flatten(part, f"{prefix}.{name}" if prefix else str(name))
    return found


def _stored(value: Tensor, half: bool) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if half and value.is_floating_point() else value.clone()
