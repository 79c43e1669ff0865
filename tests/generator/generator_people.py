"""A painted person and tiny generators for the tests of the generator's run time."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import cv2
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "avatar"))

from avatar_material import STANDING_DEG, Person, model, photograph, posed

from motionimit.avatar.avatar import Avatar
from motionimit.avatar.portrait import Portrait, build_portrait
from motionimit.generator.config import GeneratorConfig
from motionimit.generator.model import Generator

__all__ = ["SIZE", "TINY", "avatar", "generator", "model", "person", "portrait"]

SIZE = (150, 226)  # neither side a multiple of 16
TINY = GeneratorConfig(channels=(8, 8, 16), key_channels=4, token_channels=16, residual_blocks=1)


@cache
def person() -> Person:
    return photograph(posed(STANDING_DEG, size=SIZE))


@cache
def portrait() -> Portrait:
    return build_portrait(person().rgb8, person().matte, person().params, model(), SIZE)


@cache
def avatar() -> Avatar:
    picture = cv2.resize(person().rgb8, SIZE, interpolation=cv2.INTER_AREA)
    return Avatar((portrait(),), picture, ("0" * 64,))


@cache
def generator(paints: bool) -> Generator:
    """Untrained; with `paints`, one whose random head changes much of what it sees."""
    torch.manual_seed(0)
    made = Generator(TINY).eval()
    if paints:
        with torch.no_grad():
            made.head.weight.normal_(0, 0.3)
    return made
