"""The sizes of the generator, and the switches of its ablations."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

ATTENTIONS = ("att", "add")


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """Everything that decides the network's layers; kept beside the weights.

    Raises ValueError for values that no network can be built from.
    """

    channels: tuple[int, int, int] = (32, 48, 96)  # at 1/2, 1/4, 1/8 of the crop
    key_channels: int = 16  # of the attention over photos
    token_channels: int = 96  # of the style that travels along the correspondence of poses
    residual_blocks: int = 2  # at 1/8, in the encoder of the photos and in the target branch each
    attention: str = "att"  # "att": liquid warping with attention (AttLWB); "add": warped features are added (AddLWB)
    semantics: bool = True  # regional fusion of parsing and pose, region styles
    correspondence: bool = True  # style injection along the correspondence of poses

    def __post_init__(self) -> None:
        whole = (*self.channels, self.key_channels, self.token_channels, self.residual_blocks)
        if len(self.channels) != 3 or not all(type(n) is int and 1 <= n <= 1024 for n in whole):
            raise ValueError(f"the generator's sizes must be three channel counts and whole numbers from 1 to 1024, got {self}")
        if self.channels[2] % 2 or self.residual_blocks > 16 or self.attention not in ATTENTIONS:
            raise ValueError(
                f"channels at 1/8 must be even, residual blocks at most 16, attention one of {ATTENTIONS}, got {self}"
            )
        if type(self.semantics) is not bool or type(self.correspondence) is not bool:
            raise ValueError(f"semantics and correspondence are switches, got {self}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "channels": list(self.channels)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> GeneratorConfig:
        """The inverse of `to_dict`. Raises ValueError for unknown or missing names."""
        names = {f.name for f in fields(cls)}
        if set(values) != names:
            raise ValueError(f"the generator's configuration must have {sorted(names)}, got {sorted(values)}")
        return cls(**{**values, "channels": tuple(values["channels"])})


SMALL = GeneratorConfig()
BASE = GeneratorConfig(channels=(64, 112, 192), key_channels=32, token_channels=192)
SIZES = {"small": SMALL, "base": BASE}
