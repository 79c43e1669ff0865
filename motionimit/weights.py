"""The learned networks by name: which families there are, what comes with the package, how a user's own file is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from .errors import BadInput, MissingModel
from .generator.config import GeneratorConfig
from .generator.model import Generator
from .generator.pg2 import PG2, Pg2Config
from .generator.rsa import RSAGAN, RsaConfig
from .media.paths import shown
from .weight_files import Family, family_of, load_weights, save_weights

DATA = Path(__file__).parent / "data"
HASHES = "weights.sha256"  # JSON in DATA: file name → sha256
GENERATOR = {"generator": Family("generator", "generator", "2", GeneratorConfig.from_dict, Generator)}
STILLS = {
    "pg2": Family("pg2", "PG²", "1", Pg2Config.from_dict, PG2),
    "rsa": Family("rsa", "RSA-GAN", "1", RsaConfig.from_dict, RSAGAN),
}
STILL_NAMES = {"pg2": "pg2_256", "pg2-small": "pg2_128x64", "rsa": "rsa_256"}
"""Networks for stills by the name a user gives them → the shipped file, without its ending."""

FORMAT = GENERATOR["generator"].format


def shipped(size: str = "small") -> Path | None:
    """The generator's weight file that comes with the package; None where there is none for this size."""
    return _in_package(f"generator_{size}")


def save_generator(path: Path | str, model: Generator, meta: dict[str, Any], dtype: torch.dtype | None = None) -> None:
    """Write the video generator's weights; see `save_weights`."""
    save_weights(Path(path), GENERATOR["generator"], model, meta, dtype)


def save_still(path: Path | str, model: PG2 | RSAGAN, meta: dict[str, Any], dtype: torch.dtype | None = None) -> None:
    """Write the weights of a network for stills; see `save_weights`."""
    save_weights(Path(path), STILLS["pg2" if isinstance(model, PG2) else "rsa"], model, meta, dtype)


def read_meta(path: Path | str) -> dict[str, Any]:
    """What stands beside the weights, `format` and `config` included. Raises `MissingModel`, `BadInput`."""
    return family_of(Path(path), GENERATOR | STILLS)[1]


def load_generator(
    path: Path | str | None = None, device: torch.device | str = "cpu", size: str = "small", sha256: str | None = None
) -> Generator:
    """A generator in float32, in eval mode. `path` None: the shipped weights of `size`, checked against their shipped hash.

    Raises `MissingModel` where the file isn't there, `BadInput` where it is damaged, foreign, of another version, doesn't have
    the expected hash, or doesn't fit its own configuration.
    """
    if path is None:
        path, sha256 = _shipped_with_hash(f"generator_{size}", f"the generator of size {size!r}", sha256)
    return load_weights(Path(path), GENERATOR, sha256).to(device)  # type: ignore[no-any-return]


def load_still(name: str, path: Path | str | None = None, device: torch.device | str = "cpu") -> PG2 | RSAGAN:
    """A network for stills by its name in `STILL_NAMES`, with the shipped weights or those of a file. Raises as `load_generator`,
    and `BadInput` for a file of another network than the one named."""
    family, sha256 = STILLS[name.partition("-")[0]], None
    if path is None:
        path, sha256 = _shipped_with_hash(STILL_NAMES[name], family.title, None)
    return load_weights(Path(path), {family.name: family}, sha256).to(device)  # type: ignore[no-any-return]


def still_file(name: str) -> Path | None:
    """The shipped weight file of a network for stills; None where there is none."""
    return _in_package(STILL_NAMES[name])


def _in_package(stem: str) -> Path | None:
    path = DATA / f"{stem}.safetensors"
    return path if path.is_file() else None


def _shipped_with_hash(stem: str, title: str, sha256: str | None) -> tuple[Path, str | None]:
    path = _in_package(stem)
    if path is None:
        tried = shown(DATA / f"{stem}.safetensors")
        raise MissingModel(
            f"No weights for {title} come with this installation ({tried}); name a file with --weights, or use --generator warp."
        )
    if sha256 is not None:
        return path, sha256
    try:
        return path, str(json.loads((DATA / HASHES).read_text(encoding="utf-8"))[path.name])
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{shown(DATA / HASHES)} doesn't say which hash {path.name} has; install motionimit again.") from None
