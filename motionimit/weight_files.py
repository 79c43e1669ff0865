"""Weight files: safetensors with the network's family and configuration beside the tensors. Nothing is ever unpickled."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from .errors import BadInput, MissingModel
from .media.paths import check_input, file_sha256, reason, shown, whole_file

OWNER = "motionimit-"
_AGAIN = "copy or download it again"


@dataclass(frozen=True, slots=True)
class Family:
    """Networks that one kind of file holds."""

    name: str  # in the file's format tag
    title: str  # for people
    version: str
    configured: Callable[[Any], Any]  # JSON data → configuration; raises ValueError, KeyError, TypeError or AttributeError
    build: Callable[[Any], nn.Module]

    @property
    def format(self) -> str:
        return f"{OWNER}{self.name}-{self.version}"


def save_weights(path: Path, family: Family, model: Any, meta: dict[str, Any], dtype: torch.dtype | None = None) -> None:
    """Write weights and configuration; the file appears whole or not at all. Raises `BadInput` where it can't be written.

    `meta`: what else to keep, such as trained_on, steps, seed; values other than text are kept as JSON. `dtype` (e.g.
    torch.float16): how to store the weights, None: as they are.
    """
    texts = {name: value if isinstance(value, str) else json.dumps(value, sort_keys=True) for name, value in meta.items()}
    texts |= {"format": family.format, "config": json.dumps(model.config.to_dict(), sort_keys=True)}
    tensors = {name: t.detach().to("cpu", dtype or t.dtype).contiguous() for name, t in model.state_dict().items()}
    data = to_safetensors(tensors, texts)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def family_of(path: Path, families: Mapping[str, Family]) -> tuple[Family, dict[str, Any]]:
    """Which of the families' networks a file holds, and what stands beside the weights, `config` included.

    Raises `MissingModel` where there is no file, `BadInput` where it is damaged, or of another family or version.
    """
    path = _existing(path)
    try:
        with safe_open(path, framework="pt") as file:
            texts = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from None
    kind, titles = texts.get("format", ""), " or ".join(f.title for f in families.values())
    name, _, version = kind.removeprefix(OWNER).rpartition("-")
    if not kind.startswith(OWNER) or name not in families:
        raise BadInput(f"{shown(path)} holds no weights of motionimit's {titles}; name a file that `motionimit train` wrote.")
    family = families[name]
    if kind != family.format:
        raise BadInput(f"{shown(path)} is of version {version!r}, this motionimit reads {family.format}; update motionimit.")
    return family, {name: _plain(text) for name, text in texts.items()}


def load_weights(path: Path, families: Mapping[str, Family], sha256: str | None = None) -> Any:
    """The network in float32, channels last, in eval mode, on the CPU. `sha256`: the hash the file must have.

    Raises as `family_of`, and `BadInput` where the hash is another one or the tensors don't fit the configuration.
    """
    path = _existing(path)
    if sha256 is not None and file_sha256(path) != sha256.lower():
        raise BadInput(f"{shown(path)} is not the file that was expected (its SHA-256 is another one); {_AGAIN}.")
    family, meta = family_of(path, families)
    try:
        config = family.configured(meta["config"])
        with torch.device("meta"):  # no memory yet: a file can't ask for more than it holds itself
            model = family.build(config)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadInput(f"{shown(path)} names a configuration that no {family.title} can be built from; {_AGAIN}.") from None
    shapes = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    model.load_state_dict(_tensors(path, shapes), strict=True, assign=True)
    return model.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def _existing(path: Path) -> Path:
    try:
        there = path.exists()
    except (OSError, ValueError):
        there = True  # a name that can't be a file: `check_input` says why
    if not there:
        raise MissingModel(
            f"The weight file {shown(path)} does not exist; check the spelling, or leave it out for the shipped one."
        )
    return check_input(path, "weight file")


def _tensors(path: Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The file's tensors as float32, if it holds exactly these."""
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 not a dict
            wrong = sorted(name for name in shapes.keys() | found.keys() if shapes.get(name) != found.get(name))
            if wrong:
                raise BadInput(
                    f"{shown(path)} doesn't fit its configuration ({len(wrong)} tensors, first {wrong[0]!r}); {_AGAIN}."
                )
            tensors = {name: file.get_tensor(name) for name in found}
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from None
    bad = next((n for n, t in tensors.items() if not t.is_floating_point() or not math.isfinite(float(t.float().sum()))), None)
    if bad is not None:
        raise BadInput(f"{shown(path)} holds values that are no finite numbers (in {bad!r}); {_AGAIN}.")
    return {name: tensor.float() for name, tensor in tensors.items()}


def _plain(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _unreadable(path: Path, error: BaseException) -> BadInput:
    return BadInput(f"The weight file {shown(path)} is damaged or no safetensors file ({reason(error)}); {_AGAIN}.")
