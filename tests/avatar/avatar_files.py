"""Avatar files for the tests: a whole one, and ways to change it."""

from __future__ import annotations

import json
import struct
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from avatar_material import SIZE_PX, arm_across, full_skirt, model
from safetensors.numpy import load_file, save_file

from motionimit.avatar.avatar import Avatar
from motionimit.avatar.portrait import build_portrait
from motionimit.avatar.storage import read_avatar, write_avatar
from motionimit.errors import BadInput


@cache
def avatar() -> Avatar:
    """Two photos of one person: a skirt, and an arm before the belly."""
    people = (full_skirt(), arm_across())
    portraits = tuple(build_portrait(p.rgb8, p.matte, p.params, model(), SIZE_PX) for p in people)
    return Avatar(portraits, people[0].rgb8, ("0a" * 32, "1b" * 32))


@cache
def whole() -> bytes:
    """The file of `avatar()`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "person.avatar"
        write_avatar(path, avatar())
        return path.read_bytes()


def whole_file(folder: Path) -> Path:
    path = folder / "person.avatar"
    path.write_bytes(whole())
    return path


def metadata(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    return dict(json.loads(data[8 : 8 + size])["__metadata__"])


def described(path: Path) -> dict[str, Any]:
    """The JSON that says what the tensors are."""
    return dict(json.loads(metadata(path)["avatar"]))


def rewritten(path: Path, change: dict[str, np.ndarray | None] | None = None, **texts: str | None) -> Path:
    """The file with other arrays (None: without) and other metadata."""
    meta = metadata(path) | texts
    arrays = {k: v for k, v in (load_file(path) | (change or {})).items() if v is not None}
    save_file(arrays, path, {k: v for k, v in meta.items() if v is not None})
    return path


def refused(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        read_avatar(path)
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".") and text.count(". ") == 0 and len(text) < 400, text
    return text
