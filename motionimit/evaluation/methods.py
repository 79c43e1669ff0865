"""What is compared: ways of making a picture of somebody in a pose, each loaded once, and what a report says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..config import STILL_GENERATORS
from ..config.evaluate import BASELINE, COARSE, MethodSpec
from ..errors import BadInput
from ..media.paths import file_sha256, shown

if TYPE_CHECKING:
    from ..generator.chosen import Chosen
    from ..run import Run
    from ..stills import StillScene


@dataclass(frozen=True, slots=True)
class Method:
    """One way, ready to draw."""

    name: str
    kind: str  # 'copy', 'warp', 'attlwb', or 'network': one for stills
    weights: Path | None = None  # the user's own
    chosen: Chosen | None = None  # of 'attlwb'
    network: Any = None  # of 'network'
    coarse: bool = False  # stage I of the network

    def facts(self) -> dict[str, Any]:
        """For the report: plain JSON values."""
        facts: dict[str, Any] = {"name": self.name, "kind": self.kind}
        module = self.network
        if self.chosen is not None:
            module, told = self.chosen.generator, self.chosen.facts()
            facts |= {"weights": told["weights"], "sha256": told["sha256"]}
        elif self.network is not None:
            path = self.weights or _shipped_file(self.name.removesuffix(COARSE))
            facts["kind"] = type(self.network).__name__.lower()
            facts |= {} if path is None else {"weights": str(self.weights or path.stem), "sha256": file_sha256(path)}
        if isinstance(module, torch.nn.Module):
            facts["parameters"] = sum(p.numel() for p in module.parameters())
        return facts


def load_methods(specs: Sequence[MethodSpec], device: torch.device, stills: bool) -> list[Method]:
    """Load every method's weights, before any work. `stills`: networks that paint stills are welcome.

    Raises `MissingModel` and `BadInput` as loading does, and `BadInput` for a network where none is welcome.
    """
    networks: dict[tuple[str, Path | None], Any] = {}
    methods = []
    for spec in specs:
        family = _family(spec)
        if family in (BASELINE, "warp"):
            methods.append(Method(spec.name, family))
        elif family == "attlwb":
            from ..generator.chosen import chosen_generator

            methods.append(Method(spec.name, family, spec.weights, chosen_generator("attlwb", spec.weights, {}, device)))
        elif not stills:
            raise BadInput(f"--method {spec.name} paints stills only; evaluate it with 'motionimit evaluate stills'.")
        else:
            key = family, spec.weights
            if key not in networks:
                networks[key] = _network(family, spec.weights, device)
            coarse = spec.name.endswith(COARSE)
            if coarse and not hasattr(networks[key], "coarse"):
                raise BadInput(f"--method {spec.name}: this network has no stage I; leave '{COARSE}' out of the name.")
            methods.append(Method(spec.name, "network", spec.weights, network=networks[key], coarse=coarse))
    return methods


def drawn(method: Method, scene: StillScene, run: Run) -> np.ndarray:
    """The scene's person in the wanted pose [H, W, 3] uint8. Raises `BadInput` for personal weights of somebody else."""
    from ..generator.chosen import check_bound
    from ..stills import painted, rendered

    if method.kind == "network":
        made = painted(scene, method.network)
        return np.asarray(made.coarse if method.coarse else made.rgb)
    if method.chosen is not None and method.weights is not None:
        check_bound(method.chosen.meta, scene.cast.whose, method.weights)
    return rendered(scene, replace(scene.cast, chosen=method.chosen), run)


def _family(spec: MethodSpec) -> str:
    """What a method is made with: 'copy', 'warp', 'attlwb', or the name of a network for stills."""
    if spec.weights is None:
        return spec.name.removesuffix(COARSE)
    from ..weights import read_meta

    tag = str(read_meta(spec.weights).get("format", "")).removeprefix("motionimit-").rpartition("-")[0]
    if tag == "generator":
        return "attlwb"
    if tag not in STILL_GENERATORS:
        raise BadInput(f"{shown(spec.weights)} holds weights of {tag!r}, which can't be evaluated; name another file.")
    return tag


def _network(name: str, weights: Path | None, device: torch.device) -> Any:
    from ..weights import load_still

    return load_still(name, weights, device)


def _shipped_file(name: str) -> Path | None:
    from ..weights import still_file

    return still_file(name) if name in STILL_GENERATORS else None
