"""What every reader of a data set needs: its folder, the files in it, names for results, what to do about missing files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from ...config.evaluate import MISSING, Missing
from ...errors import BadInput
from ...media.paths import check_input, reason, shown
from ...values import check_choice

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
NAMED = 10  # of the files that are missing
MAX_LIST_BYTES = 1 << 28

_LONGEST_NAME_BYTES = 150  # leaves room for a suffix within the 255 that file systems allow


def check_folder(folder: Path | str, what: str, missing: Missing) -> Path:
    """The folder of the data set `what`, after a look at it and at the choice of `missing`. Raises `BadInput`, `BadUsage`."""
    check_choice("--missing", missing, MISSING)
    path = check_input(folder, f"{what} folder", folder_ok=True)
    if not path.is_dir():
        raise BadInput(f"{shown(path)} is a file, not a {what} folder; name the folder that it lies in.")
    return path


def files_in(folder: Path, suffixes: Collection[str] = PICTURES) -> dict[str, Path]:
    """Files directly in a folder by name, in one reading of it; hidden ones are left out. Empty where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return {
                entry.name: Path(entry.path)
                for entry in entries
                if not entry.name.startswith(".") and os.path.splitext(entry.name)[1].lower() in suffixes and entry.is_file()
            }
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise BadInput(f"The folder {shown(folder)} can't be read ({reason(error)}); change its rights or copy it.") from None


def folders_in(folder: Path) -> list[Path]:
    """Folders directly in a folder, sorted; hidden ones are left out. Empty where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise BadInput(f"The folder {shown(folder)} can't be read ({reason(error)}); change its rights or copy it.") from None


def read_text(path: Path, kind: str) -> str:
    """A UTF-8 list (with or without a byte order mark). Raises `BadInput`."""
    check_input(path, kind)
    if path.stat().st_size > MAX_LIST_BYTES:
        raise BadInput(f"The {kind} {shown(path)} is larger than {MAX_LIST_BYTES >> 20} MiB, which no list is; check the name.")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"The {kind} {shown(path)} is not text in UTF-8 (byte {error.start}); download it again.") from None


def some(names: Sequence[str]) -> str:
    """The first ten names on one line, and how many more there are."""
    first = ", ".join(name if name.isprintable() else ascii(name) for name in names[:NAMED])
    return first if len(names) <= NAMED else f"{first} and {len(names) - NAMED} more"


def settle_missing(
    gone: Sequence[str], missing: Missing, *, where: str, left_out: int, kept: int, things: str = "pairs"
) -> list[str]:
    """Stop at missing files, or go on without the `things` that need them.

    `gone` are the files' names, `where` says where they were looked for and who names them. Gives one warning, or none
    where nothing is missing. Raises `BadInput` with the first ten names and their number.
    """
    if not gone:
        return []
    files = "1 file is" if len(gone) == 1 else f"{len(gone)} files are"
    whole = left_out + kept
    if missing == "stop":
        raise BadInput(
            f"{files} missing from {where}: {some(gone)}; put them there, or leave their {things} ({left_out} of {whole}) out"
            " with --missing skip."
        )
    if not kept:
        raise BadInput(f"{files} missing from {where}, so none of the {whole} {things} is whole: {some(gone)}; put them there.")
    return [f"{files} missing from {where}, so {left_out} of {whole} {things} were left out: {some(gone)}"]


def result_names(wanted: Iterable[str]) -> list[str]:
    """Names to write results under: letters and digits of any script and ``._-``, of bearable length, and no two alike, not even
    on a disk that ignores case. What is fine already stays as it is."""
    taken: set[str] = set()
    out = []
    for text in wanted:
        name = base = _safe(text)
        count = 1
        while name.casefold() in taken:
            count += 1
            name = f"{base}-{count}"
        taken.add(name.casefold())
        out.append(name)
    return out


def _safe(text: str) -> str:
    name = "".join(c if c.isalnum() or c in "._-" else "_" for c in text) or "_"
    if name[0] in ".-":
        name = f"_{name[1:]}"
    if len(name.encode()) > _LONGEST_NAME_BYTES:
        mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        name = f"{name.encode()[: _LONGEST_NAME_BYTES - 9].decode(errors='ignore')}-{mark}"
    return name
