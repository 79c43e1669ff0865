"""Where a result goes: which kind of output a path asks for, whether it can be written, and the move into place."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput
from .image import STILL_SUFFIXES
from .paths import check_folder_writable, shown, temporary_beside, write_error

SOFTWARE = "motionimit"
DEFAULT_PATTERN = "%06d.png"
SUPPORTED = (
    ".mp4, .mov, .mkv, .webm, .gif, a folder (or a name such as out/%05d.png) for PNG frames, .png, .jpg or .webp for one frame"
)
WITH_ALPHA = ".mov, .webm, .gif, a folder or .png"

_SUFFIXES = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "mkv", ".webm": "webm", ".gif": "gif"}
_ALPHA_KINDS = ("mov", "webm", "gif", "folder", "still")
_PATTERN = re.compile(r"[^%]*%(0\d+)?d[^%]*\.png", re.IGNORECASE)
_HEAD_BYTES = 4096  # our mark stands right behind the PNG header


@dataclass(frozen=True, slots=True)
class Target:
    """`kind`: mp4, mov, mkv, webm, gif, still, folder; `path`: the file, or the folder that gets frames named by `pattern`."""

    kind: str
    path: Path
    pattern: str = DEFAULT_PATTERN


def check_output(path: Path | str, alpha: bool = False, inputs: Sequence[Path | str] = (), frames: int | None = None) -> Target:
    """Check, before any work is done, that a result can be written to `path`.

    Refuses unknown suffixes, kinds that can't hold alpha, missing or unwritable folders, things that are not files, a folder with
    anything but frames made by motionimit in it, one of the `inputs`, and a lone still for more than one of `frames`.
    Raises `BadInput`.
    """
    target = _target(path)
    if alpha and (target.kind not in _ALPHA_KINDS or target.path.suffix.lower() in (".jpg", ".jpeg")):
        raise BadInput(f"{shown(path)} can't hold transparency; choose {WITH_ALPHA}.")
    if target.kind == "still" and frames is not None and frames > 1:
        raise BadInput(_one_frame_only(path))
    check_folder_writable(target.path.parent, Path(path))
    if target.kind == "folder":
        _check_frames_folder(target)
    elif target.path.exists() and not target.path.is_file():
        raise BadInput(f"{shown(path)} exists and is not a file; choose another name with -o.")
    for source in inputs:
        if target.path.exists() and Path(source).exists() and target.path.samefile(source):
            raise BadInput(f"{shown(path)} is an input of this run and would be overwritten; choose another name with -o.")
    return target


def one_frame_only(path: Path | str) -> BadInput:
    """The error for a second frame on its way to a single still."""
    return BadInput(_one_frame_only(path))


def move_into_place(temporary: Path, target: Target) -> None:
    """Put a finished temporary file or folder where it belongs, over an earlier result. Raises `BadInput`."""
    try:
        if target.kind != "folder" or not target.path.exists():
            os.replace(temporary, target.path)
            return
        _check_frames_folder(target)  # once more: rendering took its time
        aside = temporary_beside(target.path)
        os.rename(target.path, aside)
        try:
            os.rename(temporary, target.path)
        except OSError:
            os.rename(aside, target.path)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise write_error(target.path, error) from error


def _target(path: Path | str) -> Target:
    text, path = os.fspath(path), Path(path)
    try:
        is_folder = path.is_dir() and path.suffix.lower() not in (*_SUFFIXES, *STILL_SUFFIXES)
        path = path if path.name and "%" in path.name else path.resolve()  # a link is written through
    except (OSError, ValueError, RuntimeError):
        raise BadInput(f"{shown(text)} is not a usable file name; choose another with -o.") from None
    suffix = path.suffix.lower()
    if is_folder or text.endswith(("/", os.sep)) or (not suffix and path.name):
        return Target("folder", path)
    if suffix == ".png" and "%" in path.name:
        if not _PATTERN.fullmatch(path.name):
            raise BadInput(f"{shown(text)} is not a usable name for numbered frames; write it like out/%05d.png.")
        return Target("folder", path.parent.resolve(), path.name)
    if suffix in STILL_SUFFIXES:
        return Target("still", path)
    if suffix not in _SUFFIXES:
        raise BadInput(f"The output {shown(text)} has an unknown format {shown(suffix)}; supported are {SUPPORTED}.")
    return Target(_SUFFIXES[suffix], path)


def _check_frames_folder(target: Target) -> None:
    """Accept a folder that is missing, empty, or holds only PNGs with our mark, under the names we are about to write."""
    folder = target.path
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BadInput(f"{shown(folder)} is a file, not a folder for frames; choose another name with -o.")
    number = re.compile("%(0\\d+)?d")
    before, after = number.split(target.pattern)[0], number.split(target.pattern)[-1]
    name = re.compile(re.escape(before) + r"\d+" + re.escape(after))
    try:
        for entry in folder.iterdir():
            if not name.fullmatch(entry.name) or not entry.is_file() or not _is_ours(entry):
                raise BadInput(
                    f"The folder {shown(folder)} holds files that are not frames made by motionimit, such as {shown(entry.name)};"
                    " name a new or empty folder with -o."
                )
    except OSError as error:
        raise write_error(folder, error) from None


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return f"tEXtSoftware\0{SOFTWARE}".encode() in file.read(_HEAD_BYTES)


def _one_frame_only(path: Path | str) -> str:
    return f"{shown(path)} can hold one frame only; name a folder, or a pattern such as out/%05d.png, or a video file."
