"""Motions as files, by the suffix: .npz keeps everything, .bvh is for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadInput
from ..media.paths import shown
from .bvh import read_bvh
from .bvh_write import write_bvh
from .export import Motion, read_motion, write_motion

if TYPE_CHECKING:
    from .model import BodyModel


def read_motion_file(path: Path, model: BodyModel | None = None) -> Motion:
    """Read a .npz (ours, SMPL, AMASS) or .bvh file; see `export.read_motion` and `bvh.read_bvh`.

    With the body `model`, a .bvh of ours gives its betas too. `Motion.warnings` says what of the file can't be used.
    Raises `BadInput` for other suffixes and unusable files.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        return read_motion(path)
    if suffix == ".bvh":
        return read_bvh(path, model=model)
    raise BadInput(f"The motion file {shown(path)} must be an .npz or .bvh file; name one that ends so.")


def write_motion_file(path: Path, motion: Motion, model: BodyModel) -> tuple[str, ...]:
    """Write a .npz or .bvh file, whole or not at all; returns warnings about what the format can't hold.

    Raises `BadInput` for other suffixes and where it can't be written.
    """
    suffix = path.suffix.lower()
    if suffix == ".npz":
        write_motion(path, motion.params, motion.fps, motion.extra, motion.gender, motion.cuts, motion.thumbs)
        return ()
    if suffix != ".bvh":
        raise BadInput(f"The motion file {shown(path)} must be an .npz or .bvh file; choose such a name.")
    write_bvh(path, motion.params, model, motion.fps)
    if not motion.cuts:
        return ()
    times = "cut" if len(motion.cuts) == 1 else f"{len(motion.cuts)} cuts"
    return (f"{path.name} can't hold the {times} of the clip, across which a film driven by it is smoothed; .npz files do",)
