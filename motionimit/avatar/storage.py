"""The avatar as a file: safetensors with JSON beside the tensors. Nothing is ever unpickled or believed unchecked."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from .. import __version__
from ..config import MAX_PHOTOS
from ..errors import BadInput
from ..media.paths import check_input, reason, shown, whole_file
from ..types import BodyParams
from .avatar import Avatar
from .packing import Flaw, pack_portrait, portrait_head, unpack_portrait
from .portrait import Portrait, output_size

FAMILY = "motionimit-avatar-"
FORMAT = FAMILY + "3"
MAX_BYTES = 1 << 30
_TYPES: dict[type, str] = {np.float32: "F32", np.uint8: "U8", np.int8: "I8", np.uint16: "U16", np.uint32: "U32"}
_AGAIN = "copy it again, or make it anew with 'motionimit avatar'"


def write_avatar(path: Path, avatar: Avatar) -> None:
    """Write the avatar as one file, whole or not at all. Raises `BadInput` where it can't be written.

    Metadata: format, version (of motionimit) and avatar, which is JSON: photos (SHA-256 each) and, per portrait, the two cameras
    and the number of layers. Tensors: picture, and those of `packing.pack_portrait` as "0.rest_m" for the first portrait.
    """
    head = {"photos": list(avatar.photos), "portraits": [portrait_head(p) for p in avatar.portraits]}
    arrays = {"picture": avatar.picture}
    for k, portrait in enumerate(avatar.portraits):
        arrays |= {f"{k}.{name}": array for name, array in pack_portrait(portrait).items()}
    texts = {"format": FORMAT, "version": __version__, "avatar": json.dumps(head, allow_nan=False)}
    data = to_safetensors({name: np.ascontiguousarray(array) for name, array in arrays.items()}, texts)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_avatar(path: Path) -> Avatar:
    """Read what `write_avatar` wrote. Raises `BadInput` for any file that is none, damaged, or of another version."""
    path = check_input(path, "avatar")
    if path.stat().st_size > MAX_BYTES:
        raise BadInput(f"{shown(path)} is larger than any avatar ({path.stat().st_size >> 20} MiB); name another file.")
    try:
        with safe_open(path, framework="np") as file:
            head = _head(path, file.metadata() or {})
            content = _Content(file)
            portraits = tuple(unpack_portrait(p, content.of(k)) for k, p in enumerate(head["portraits"]))
            width, height = portraits[0].params.camera.size_px
            picture = content.take("picture", height, width, 3)
            content.check_all_taken()
    except (SafetensorError, OSError) as error:
        raise BadInput(f"The avatar {shown(path)} is damaged or no avatar file ({reason(error)}); {_AGAIN}.") from None
    except Flaw as flaw:
        raise BadInput(f"The avatar {shown(path)} is damaged: {flaw}; {_AGAIN}.") from None
    if any(not torch.equal(p.params.betas, portraits[0].params.betas) for p in portraits):
        raise BadInput(f"The avatar {shown(path)} is damaged: its portraits show different people; {_AGAIN}.")
    return Avatar(portraits, picture, tuple(head["photos"]))


def resized(avatar: Avatar, long_side_px: int) -> Avatar:
    """The same avatar for an output of another size. Surfaces and textures stay as they are: they keep the detail they have."""
    size_px = output_size(avatar.size_px, long_side_px)
    if size_px == avatar.size_px:
        return avatar
    return replace(
        avatar,
        portraits=tuple(_resized(p, output_size(p.params.camera.size_px, long_side_px)) for p in avatar.portraits),
        picture=_scaled(avatar.picture, size_px),
    )


def _resized(portrait: Portrait, size_px: tuple[int, int]) -> Portrait:
    p = portrait.params
    background, matte = (_scaled(image.numpy(), size_px).clip(0, 1) for image in (portrait.background, portrait.matte))
    return replace(
        portrait,
        params=BodyParams(p.rotations, p.betas, p.translation_m, p.camera.resized(*size_px)),
        background=torch.from_numpy(background),
        matte=torch.from_numpy(matte),
    )


def _scaled(image: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    how = cv2.INTER_AREA if size_px[0] < image.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size_px, interpolation=how))


class _Content:
    """The tensors of an open file. What is declared is checked before anything is read."""

    def __init__(self, file: Any) -> None:
        self._file, self._names = file, set(file.keys())
        self._taken: set[str] = set()

    def of(self, portrait: int) -> Any:
        """`packing.Take` for one portrait."""
        return lambda name, *shape, dtype=np.uint8: self.take(f"{portrait}.{name}", *shape, dtype=dtype)

    def take(self, name: str, *shape: int | None, dtype: type = np.uint8) -> np.ndarray:
        """The array `name`; None in `shape` is any length. Raises `Flaw`."""
        if name not in self._names:
            raise Flaw(f"{name} is missing")
        declared = self._file.get_slice(name)
        found = tuple(declared.get_shape())
        fits = len(found) == len(shape) and all(want in (None, have) for want, have in zip(shape, found, strict=True))
        if not fits or declared.get_dtype() != _TYPES[dtype]:
            raise Flaw(f"{name} has another shape or type than it must have")
        self._taken.add(name)
        return np.asarray(self._file.get_tensor(name))

    def check_all_taken(self) -> None:
        if self._taken != self._names:
            raise Flaw(f"{min(self._names - self._taken)!r} doesn't belong in it")


def _head(path: Path, texts: dict[str, str]) -> dict[str, list[Any]]:
    kind = texts.get("format", "")
    if not kind.startswith(FAMILY):
        raise BadInput(f"{shown(path)} holds no avatar; name a file that 'motionimit avatar' wrote.")
    if kind != FORMAT:
        theirs = kind[len(FAMILY) :][:20]
        ours, remedy = FORMAT[len(FAMILY) :], "make it anew with 'motionimit avatar', or update motionimit"
        raise BadInput(f"{shown(path)} is of version {theirs!r}, this motionimit reads version {ours!r}; {remedy}.")
    try:
        head = json.loads(texts["avatar"])
        photos, portraits = head["photos"], head["portraits"]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise Flaw("its description can't be read") from None
    if not isinstance(portraits, list) or not 1 <= len(portraits) <= MAX_PHOTOS:
        raise Flaw("it must have 1 to 8 portraits")
    if not isinstance(photos, list) or not all(isinstance(p, str) and p.isalnum() and len(p) <= 128 for p in photos):
        raise Flaw("it doesn't say which photos it was made of")
    return {"photos": photos, "portraits": portraits}
