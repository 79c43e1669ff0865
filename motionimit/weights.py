"""Weight files of the generator: safetensors with the configuration beside the tensors. Nothing is ever unpickled."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor

from .errors import BadInput, MissingModel
from .generator.config import GeneratorConfig
from .generator.model import Generator
from .media.paths import check_input, file_sha256, reason, shown, whole_file

FAMILY = "motionimit-generator-"
FORMAT = FAMILY + "1"
DATA = Path(__file__).parent / "data"
HASHES = "generator.sha256"  # JSON in DATA: file name → sha256
_AGAIN = "copy or download it again"


def shipped(size: str = "small") -> Path | None:
    """The weight file that comes with the package; None where there is none for this size."""
    path = DATA / f"generator_{size}.safetensors"
    return path if path.is_file() else None


def save_generator(path: Path | str, model: Generator, meta: dict[str, Any], dtype: torch.dtype | None = None) -> None:
    """Write weights and configuration; the file appears whole or not at all. Raises `BadInput` where it can't be written.

    `meta`: what else to keep, such as trained_on, steps, seed; values other than text are kept as JSON. `dtype` (e.g.
    torch.float16): how to store the weights, None: as they are.
    """
    texts = {name: value if isinstance(value, str) else json.dumps(value, sort_keys=True) for name, value in meta.items()}
    texts |= {"format": FORMAT, "config": json.dumps(model.config.to_dict(), sort_keys=True)}
    tensors = {name: t.detach().to("cpu", dtype or t.dtype).contiguous() for name, t in model.state_dict().items()}
    data = to_safetensors(tensors, texts)
    with whole_file(Path(path)) as temporary, temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_meta(path: Path | str) -> dict[str, Any]:
    """What `save_generator` wrote beside the weights, `config` included. Raises `MissingModel`, `BadInput`."""
    path = _existing(Path(path))
    try:
        with safe_open(path, framework="pt") as file:
            texts = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from None
    kind = texts.get("format", "")
    if not kind.startswith(FAMILY):
        raise BadInput(f"{shown(path)} holds no weights of motionimit's generator; name a file that `motionimit train` wrote.")
    if kind != FORMAT:
        raise BadInput(f"{shown(path)} is of version {kind[len(FAMILY) :]!r}, this motionimit reads {FORMAT}; update motionimit.")
    return {name: _plain(text) for name, text in texts.items()}


def load_generator(
    path: Path | str | None = None, device: torch.device | str = "cpu", size: str = "small", sha256: str | None = None
) -> Generator:
    """A generator in float32, in eval mode. `path` None: the shipped weights of `size`, checked against their shipped hash.

    Raises `MissingModel` where the file isn't there, `BadInput` where it is damaged, foreign, of another version, doesn't have
    the expected hash, or doesn't fit its own configuration.
    """
    if path is None:
        path, sha256 = _shipped_with_hash(size, sha256)
    path = _existing(Path(path))
    if sha256 is not None and file_sha256(path) != sha256.lower():
        raise BadInput(f"{shown(path)} is not the file that was expected (its SHA-256 is another one); {_AGAIN}.")
    meta = read_meta(path)
    try:
        config = GeneratorConfig.from_dict(meta["config"])
        with torch.device("meta"):  # no memory yet: a file can't ask for more than it holds itself
            model = Generator(config)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadInput(f"{shown(path)} names a configuration that no generator can be built from; {_AGAIN}.") from None
    shapes = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    model.load_state_dict(_tensors(path, shapes), strict=True, assign=True)
    return model.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return]


def _shipped_with_hash(size: str, sha256: str | None) -> tuple[Path, str | None]:
    path = shipped(size)
    if path is None:
        tried = shown(DATA / f"generator_{size}.safetensors")
        raise MissingModel(
            f"No weights for the generator of size {size!r} come with this installation ({tried}); name a file with "
            "--weights, or use --generator warp."
        )
    if sha256 is not None:
        return path, sha256
    try:
        return path, str(json.loads((DATA / HASHES).read_text(encoding="utf-8"))[path.name])
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{shown(DATA / HASHES)} doesn't say which hash {path.name} has; install motionimit again.") from None


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
