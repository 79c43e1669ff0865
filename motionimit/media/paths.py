"""Files as users meet them: checks before work begins, one-sentence errors, and output that appears whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import struct
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import BadInput


def shown(path: Path | str) -> str:
    """The path as an error message shows it: quoted, on one line."""
    text = str(path)
    return f"'{text}'" if text.isprintable() else ascii(text)


def check_input(path: Path | str, kind: str, folder_ok: bool = False) -> Path:
    """Check that `path` is a regular, readable, non-empty file (or a folder, where that is allowed).

    `kind` names the role in the message ("photo", "video"). Raises `BadInput`.
    """
    path = Path(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            if not folder_ok:
                raise BadInput(f"The {kind} {shown(path)} is a folder; name a file in it.")
            os.listdir(path)
            return path
        if not stat.S_ISREG(status.st_mode):
            raise BadInput(f"The {kind} {shown(path)} is not a regular file; save it to disk first.")
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise BadInput(f"The {kind} {shown(path)} does not exist; check the spelling and the folder.") from None
    except PermissionError:
        raise BadInput(f"The {kind} {shown(path)} can't be read: permission denied; change its rights or copy it.") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"The {kind} {shown(path)} can't be opened ({reason(error)}); check the name.") from None
    if status.st_size == 0:
        raise BadInput(f"The {kind} {shown(path)} is empty (0 bytes); copy or download it again.")
    return path


def check_whole(path: Path) -> None:
    """Refuse an MP4 or MOV that was cut off, by the sizes of its outermost boxes; other files pass. Raises `BadInput`."""
    if not path.is_file():
        return
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            length, kind, large = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
            if at == 0 and kind != b"ftyp":
                return
            length = large if length == 1 else length
            if length < 8:  # 0: to the end of the file
                return
            at += length
    if at > size:
        share = 100 * size // at
        raise BadInput(f"The video {shown(path)} is cut off (at most {share} % of it are there); copy or download it again.")


def reason(error: BaseException) -> str:
    """The short cause of a system or codec error, without numbers and paths, on one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:120]


def write_error(path: Path, error: BaseException) -> BadInput:
    """The sentence for a failed write of `path`."""
    code = getattr(error, "errno", None)
    if code in (errno.ENOSPC, errno.EDQUOT):
        return BadInput(f"The disk is full while writing {shown(path)}; free some space or choose another folder with -o.")
    if code == errno.EFBIG:
        return BadInput(f"{shown(path)} grows beyond the largest allowed file; choose another folder or a shorter clip.")
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return BadInput(f"{shown(path)} can't be written ({reason(error)}); choose another folder with -o.")
    return BadInput(f"Writing {shown(path)} failed ({reason(error)}); try another folder or format with -o.")


def check_folder_writable(folder: Path, path: Path) -> None:
    """Check that files can be made in `folder`, by making one. `path` is named in the message. Raises `BadInput`."""
    try:
        if not folder.exists():
            raise BadInput(f"The folder {shown(folder)} for {shown(path)} does not exist; create it first.")
        if not folder.is_dir():
            raise BadInput(f"{shown(folder)} is not a folder, so {shown(path)} can't be written there; choose another place.")
        probe = temporary_beside(folder / "probe")
        probe.touch(exist_ok=False)
        probe.unlink()
    except (OSError, ValueError) as error:
        raise write_error(path, error) from None


def temporary_beside(path: Path) -> Path:
    """An unused hidden name in the same folder, so that the move into place stays on one file system."""
    return path.parent / f".motionimit-{uuid.uuid4().hex[:12]}.part"


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path; move it to `path` on success, remove it on any exception. Raises `BadInput` on write errors."""
    temporary = temporary_beside(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


@contextmanager
def all_or_none(paths: Iterable[Path | None]) -> Iterator[None]:
    """Where writing several files fails halfway, remove those that were new and are complete already. Earlier results stay."""
    new = [path for path in paths if path is not None and not path.exists()]
    try:
        yield
    except BaseException:
        for path in new:
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        raise
