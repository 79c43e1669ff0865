"""Read the text of a .bvh file: hierarchy, channels, frames. Every fault is one sentence with its line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np

from ..errors import BadInput
from ..media.paths import check_input, reason, shown

MAX_BYTES = 128 * 2**20
MAX_LINE_BYTES = 2**18
MAX_JOINTS = 1000
MAX_FRAMES = 200_000
LARGEST = 1e7  # of any number: no skeleton in any unit needs more
CHANNELS = {f"{axis}{kind}": (k, kind) for k, axis in enumerate("xyz") for kind in ("position", "rotation")}


@dataclass(slots=True)
class BvhJoint:
    name: str
    parent: int  # -1 for the root
    offset: tuple[float, float, float] | None = None
    end: tuple[float, float, float] | None = None  # of its End Site
    first_channel: int = 0
    channels: tuple[str, ...] = ()  # such as "xposition", in the order of the numbers


@dataclass(frozen=True, slots=True)
class BvhFile:
    joints: list[BvhJoint]  # parents before children
    values: np.ndarray  # [T, C] float64, degrees and the file's unit of length
    step_s: float
    step_text: str  # as written: its digits say how exact it is


@dataclass(slots=True)
class _Reader:
    """The file's lines with their numbers; everything that can be wrong with text alone."""

    path: Path
    file: BinaryIO
    line: int = 0
    pieces: list[str] = field(default_factory=list)

    def fail(self, what: str) -> NoReturn:
        raise BadInput(f"The motion file {shown(self.path)} is no usable .bvh: line {self.line} {what}; export or copy it again.")

    def next_line(self) -> str | None:
        """The next line that isn't blank, stripped; None at the end."""
        while raw := self.file.readline(MAX_LINE_BYTES):
            self.line += 1
            if len(raw) == MAX_LINE_BYTES:
                self.fail("is longer than any frame")
            try:
                text = raw.decode("utf-8-sig" if self.line == 1 else "utf-8").strip()
            except UnicodeDecodeError:
                self.fail("is not text")
            if text:
                return text
        return None

    def statements(self) -> Iterator[str]:
        """Lines of the hierarchy, with braces as statements of their own."""
        while (text := self.next_line()) is not None:
            yield from (piece.strip() for piece in re.split(r"([{}])", text) if piece.strip())

    def numbers(self, words: list[str]) -> np.ndarray:
        try:
            out = np.array(words, np.float64)
        except ValueError:
            self.fail("holds something other than numbers")
        if not (np.abs(out) <= LARGEST).all():
            self.fail("holds a number that is not finite or far too large")
        return out


def read_file(path: Path) -> BvhFile:
    """Read a .bvh file. Raises `BadInput` with the line of the fault; memory stays in proportion to the file's size."""
    path = check_input(path, "motion file")
    size = os.path.getsize(path)
    if size > MAX_BYTES:
        raise BadInput(
            f"The motion file {shown(path)} has {size / 2**20:.0f} MB, more than {MAX_BYTES >> 20} MB; cut it shorter."
        )
    try:
        with path.open("rb") as file:
            reader = _Reader(path, file)
            joints = _hierarchy(reader)
            return _motion(reader, joints, size)
    except OSError as error:
        raise BadInput(f"The motion file {shown(path)} can't be read ({reason(error)}); copy it again.") from None


def _hierarchy(reader: _Reader) -> list[BvhJoint]:
    joints: list[BvhJoint] = []
    stack: list[int | None] = []  # open braces; None for an End Site
    opening: int | None = -1  # what the next brace opens; -1 = nothing
    started = False
    for text in reader.statements():
        words = text.split()
        keyword = words[0].lower()
        if not started and keyword != "hierarchy":
            reader.fail("is not HIERARCHY, the word that a .bvh begins with")
        if opening != -1 and keyword != "{":
            reader.fail("should open a brace for the joint before it")
        if keyword == "motion":
            if stack or not joints:
                reader.fail("begins the motion before the hierarchy is complete")
            return _complete(reader, joints)
        if keyword == "{":
            if opening == -1:
                reader.fail("opens a brace without a joint")
            stack.append(opening)
            opening = -1
        elif keyword == "}":
            if not stack:
                reader.fail("closes a brace that was not opened")
            stack.pop()
        elif keyword in ("root", "joint", "end"):
            opening = _begin(reader, joints, stack, keyword, text)
        elif keyword in ("offset", "channels"):
            _property(reader, joints, stack, words)
        elif keyword != "hierarchy" or started:
            reader.fail(f"begins with {words[0][:20]!a}, which a hierarchy does not have")
        started = True
    reader.fail("is the last one, and no MOTION follows")


def _begin(reader: _Reader, joints: list[BvhJoint], stack: list[int | None], keyword: str, text: str) -> int | None:
    """Note a new joint; its index, or None for an End Site."""
    if keyword == "root" and joints:
        reader.fail("begins a second skeleton; one person per file is needed")
    if keyword != "root" and not stack:
        reader.fail("has a joint outside the root's braces")
    above = stack[-1] if stack else -1
    if above is None:
        reader.fail("has a joint inside an End Site")
    if keyword == "end":
        return None
    if len(joints) >= MAX_JOINTS:
        reader.fail(f"has joint number {MAX_JOINTS + 1}, more than any person")
    joints.append(BvhJoint(text.partition(" ")[2].strip() or text.partition("\t")[2].strip() or f"joint{len(joints)}", above))
    return len(joints) - 1


def _property(reader: _Reader, joints: list[BvhJoint], stack: list[int | None], words: list[str]) -> None:
    if not stack:
        reader.fail(f"has {words[0].upper()} outside a joint")
    joint = joints[stack[-1]] if stack[-1] is not None else None
    if words[0].lower() == "offset":
        if len(words) != 4:
            reader.fail(f"gives OFFSET {len(words) - 1} numbers instead of 3")
        x, y, z = reader.numbers(words[1:]).tolist()
        if joint is None:
            last = _owner(stack)
            joints[last].end = joints[last].end or (x, y, z)
        else:
            joint.offset = (x, y, z)
        return
    channels = tuple(word.lower() for word in words[2:])
    if joint is None or joint.channels or len(words) < 2 or words[1] != str(len(channels)) or len(channels) > 6:
        reader.fail("has CHANNELS that don't match their number, or a second time")
    if any(name not in CHANNELS for name in channels):
        reader.fail("names a channel other than X, Y, Z position and rotation")
    joint.channels = channels


def _owner(stack: list[int | None]) -> int:
    return next(joint for joint in reversed(stack) if joint is not None)


def _complete(reader: _Reader, joints: list[BvhJoint]) -> list[BvhJoint]:
    count = 0
    for joint in joints:
        if joint.offset is None:
            reader.fail(f"ends a hierarchy whose joint {joint.name[:40]!a} has no OFFSET")
        joint.first_channel = count
        count += len(joint.channels)
    if count == 0:
        reader.fail("ends a hierarchy without channels")
    return joints


def _motion(reader: _Reader, joints: list[BvhJoint], size: int) -> BvhFile:
    width = joints[-1].first_channel + len(joints[-1].channels)
    count_text, step_text = _after(reader, "frames:"), _after(reader, "frame time:")
    try:
        count, step_s = int(count_text), float(step_text)
    except ValueError:
        reader.fail("or the one before has no number of frames or frame time")
    if not (0.001 <= step_s <= 1) or count < 1:
        reader.fail("or the one before has an impossible number of frames or frame time (0.001 to 1 s)")
    if count > MAX_FRAMES:
        reader.fail(f"or the one before announces {count} frames, more than {MAX_FRAMES}")
    if count * width * 2 > size:
        reader.fail(f"is followed by fewer than the {count_text[:20]} frames of {width} numbers that the file announces")
    values = np.empty((count, width))
    for k in range(count):
        text = reader.next_line()
        if text is None:
            reader.fail(f"is the last one, after {k} of {count} frames")
        words = text.split()
        if len(words) != width:
            reader.fail(f"has {len(words)} numbers instead of {width}")
        values[k] = reader.numbers(words)
    if reader.next_line() is not None:
        reader.fail(f"goes on after the {count} frames that the file announces")
    return BvhFile(joints, values, step_s, step_text)


def _after(reader: _Reader, keyword: str) -> str:
    text = reader.next_line()
    if text is None:
        reader.fail("is the last one, and no frames follow")
    head, colon, tail = text.partition(":")
    if " ".join(head.lower().split()) + colon != keyword:
        reader.fail(f"does not say {keyword.capitalize()}")
    return tail.strip()
