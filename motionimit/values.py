"""Single values that a user gives: ranges, choices, colours, and paths that must not be the same."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from .errors import BadInput, BadUsage, MissingModel

NAMED_COLORS = {
    "black": (0, 0, 0), "white": (255, 255, 255), "gray": (128, 128, 128), "grey": (128, 128, 128),
    "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "magenta": (255, 0, 255),
}  # fmt: skip

SIZE_RANGE_PX = (256, 1024)
MAX_STEPS = 10_000

PersonPlace = Literal["left", "middle", "right", "largest"]
PERSON_PLACES: tuple[str, ...] = get_args(PersonPlace)

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")
_HEX_COLOR = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_COUNT = re.compile(r"[+-]?[0-9]{1,9}")
_SHARE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(\s*%)?")


@dataclass(frozen=True, slots=True)
class PersonChoice:
    """Which of several people is meant; exactly one of the three is set."""

    number: int | None = None  # counted from 1, left to right
    place: PersonPlace | None = None
    point: tuple[float, float] | None = None  # x, y as shares 0..1 of the frame's width and height


LARGEST_PERSON = PersonChoice(place="largest")


def parse_color(text: str) -> tuple[int, int, int] | None:
    """``#rgb``, ``#rrggbb`` or one of `NAMED_COLORS` → (r, g, b) in 0..255; None for anything else."""
    if text.lower() in NAMED_COLORS:
        return NAMED_COLORS[text.lower()]
    if not _HEX_COLOR.fullmatch(text):
        return None
    digits = text[1:] if len(text) == 7 else "".join(2 * d for d in text[1:])
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def parse_person(person: int | str | None) -> PersonChoice:
    """A number from 1, one of `PERSON_PLACES`, or a point ``X,Y`` (``0.3,0.5``, ``30%,50%``) → who is meant. None: the largest.

    Raises `BadUsage`.
    """
    if person is None:
        return LARGEST_PERSON
    text = str(person).strip().lower()
    if text in PERSON_PLACES:
        return PersonChoice(place=cast(PersonPlace, text))
    if _COUNT.fullmatch(text):
        if int(text) < 1:
            raise BadUsage(f"--person counts from 1, left to right, got {text}.")
        return PersonChoice(number=int(text))
    shares = [_share(part.strip()) for part in text.split(",")]
    if len(shares) == 2 and shares[0] is not None and shares[1] is not None:
        return PersonChoice(point=(shares[0], shares[1]))
    raise BadUsage(
        f"--person must be a number from 1, one of {', '.join(PERSON_PLACES)}, or a point X,Y inside the frame such as"
        f" 0.3,0.5 or 30%,50%, got {text[:40]!r}."
    )


def _share(text: str) -> float | None:
    """``0.3`` or ``30%`` → 0.3; None for what is not a share in 0..1."""
    match = _SHARE.fullmatch(text)
    if match is None:
        return None
    share = float(match[1]) / (100 if match[2] else 1)
    return share if share <= 1 else None


def check_span(start_s: float, duration_s: float | None, max_frames: int | None, person: int | str | None) -> None:
    if not 0 <= start_s < float("inf"):
        raise BadUsage(f"--start must be 0 seconds or more, got {start_s:g}.")
    if duration_s is not None and not 0 < duration_s < float("inf"):
        raise BadUsage(f"--duration must be more than 0 seconds, got {duration_s:g}.")
    if max_frames is not None and max_frames < 1:
        raise BadUsage(f"--max-frames must be 1 or more, got {max_frames}.")
    parse_person(person)


def check_size(size_px: int) -> None:
    low, high = SIZE_RANGE_PX
    if not low <= size_px <= high:
        raise BadUsage(f"--size must be between {low} and {high} pixels (the output's long side), got {size_px}.")


def check_seed(seed: int) -> None:
    if not 0 <= seed < 2**31:
        raise BadUsage(f"--seed must be between 0 and {2**31 - 1}, got {seed}.")


def check_steps(option: str, steps: int) -> None:
    if not 1 <= steps <= MAX_STEPS:
        raise BadUsage(f"{option} must be between 1 and {MAX_STEPS} steps, got {steps}.")


def check_device(device: str) -> None:
    if not _DEVICE.fullmatch(device):
        raise BadUsage(f"--device must be auto, cpu, cuda or cuda:N, got '{device}'.")


def check_choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BadUsage(f"{option} must be one of {', '.join(allowed)}, got '{value}'.")


def check_suffix(option: str, path: Path, allowed: tuple[str, ...]) -> None:
    if path.suffix.lower() not in allowed:
        names = ", ".join(s or "a folder name (for PNG files)" for s in allowed)
        raise BadUsage(f"{option} must end in {names}, got '{path.name}'.")


def check_distinct(outputs: dict[str, Path | None], inputs: tuple[Path, ...]) -> None:
    """No output may be one of the inputs or another output. Raises `BadUsage` with the option's name."""
    taken = {path.resolve(): f"the input '{path}'" for path in inputs}
    for option, path in outputs.items():
        if path is None:
            continue
        if path.resolve() in taken:
            raise BadUsage(f"{option} '{path}' is also {taken[path.resolve()]}; give it another name.")
        taken[path.resolve()] = option


def check_file_output(path: Path, option: str) -> None:
    """Check that the file `path` can be written, before any work; leaves nothing behind. Raises `BadInput`."""
    from .media.paths import check_folder_writable

    if path.is_dir():
        raise BadInput(f"{option} '{path}' is a folder; give the name of a file.")
    check_folder_writable(path.parent, path)


def check_weights(path: Path | None) -> None:
    """Check that a weight file that was named is there, before any work. Raises `MissingModel`, `BadInput`."""
    from .media.paths import check_input, shown

    if path is None:
        return
    if not os.path.lexists(path):
        raise MissingModel(f"The weight file {shown(path)} does not exist; check the spelling, or leave --weights out.")
    check_input(path, "weight file")
