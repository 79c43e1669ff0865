"""What surrounds every command: errors in one sentence, exit codes, Ctrl-C and SIGTERM, and silence for native libraries."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from motionimit.errors import MotionimitError
from motionimit.runtime import calm_blas, quiet_native_logs

STARTED_S = time.perf_counter()  # for the report: the whole command, imports included

INTERRUPTED = 130
TERMINATED = 143
HINTS = {
    "libGL.so": "on Debian or Ubuntu run 'apt-get install libgl1 libglib2.0-0', "
    "or replace the package opencv-contrib-python by opencv-contrib-python-headless of the same version",
    "libgthread": "on Debian or Ubuntu run 'apt-get install libglib2.0-0'",
    "libglib": "on Debian or Ubuntu run 'apt-get install libglib2.0-0'",
}


class Terminated(BaseException):
    """SIGTERM, raised as an exception so that `finally` blocks remove half-written files."""


def run_session(command: click.Command, arguments: list[str]) -> int:
    """Run a click command; returns the exit code. Prints one sentence on stderr for every failure."""
    debug = "--debug" in arguments
    with _sigterm_raises(), _quiet_natives(enabled=not debug):
        try:
            result = command.main(arguments, prog_name="motionimit", standalone_mode=False)
            return result if isinstance(result, int) else 0
        except (KeyboardInterrupt, click.Abort):
            return _say("interrupted; nothing was left half-written.", INTERRUPTED)
        except Terminated:
            return _say("stopped by SIGTERM; nothing was left half-written.", TERMINATED)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            return error.exit_code
        except Exception as error:
            if debug:
                traceback.print_exc()
            return _say(*_sentence(error))


def _sentence(error: Exception) -> tuple[str, int]:
    """An exception → (one sentence, exit code)."""
    if isinstance(error, click.UsageError):
        where = error.ctx.command_path if error.ctx else "motionimit"
        return f"{error.format_message().rstrip('.')} (see '{where} --help').", error.exit_code
    if isinstance(error, click.ClickException):
        return error.format_message(), error.exit_code
    if isinstance(error, MotionimitError):
        return " ".join(str(error).split()), error.exit_code
    text = " ".join(str(error).split()) or "no message"
    if isinstance(error, ImportError):
        hint = next((h for key, h in HINTS.items() if key in text), "install the package again, or run 'motionimit doctor'")
        return f"a library can't be loaded ({text}); {hint}.", 1
    return f"unexpected {type(error).__name__}: {text[:300]}; run again with --debug to see where.", 1


def _say(sentence: str, code: int) -> int:
    click.echo(f"motionimit: {sentence}", err=True)
    return code


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    try:
        before: Callable[..., object] | int | None = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread: whoever embeds us keeps their own handler
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _quiet_natives(enabled: bool) -> Iterator[None]:
    """Send what C++ libraries write to file descriptor 2 to nowhere, while Python's sys.stderr keeps reaching the user."""
    if not enabled:
        yield
        return
    quiet_native_logs()
    calm_blas()
    try:
        stderr_fd = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # replaced by something without a descriptor
        yield
        return
    ours = os.dup(stderr_fd)
    before = sys.stderr
    with (
        warnings.catch_warnings(),
        open(ours, "w", buffering=1, encoding=before.encoding, errors="backslashreplace") as user_stderr,
    ):
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        null = os.open(os.devnull, os.O_WRONLY)
        saved = os.dup(2)
        os.dup2(null, 2)
        os.close(null)
        sys.stderr = user_stderr
        try:
            yield
        finally:
            user_stderr.flush()
            sys.stderr = before
            os.dup2(saved, 2)
            os.close(saved)
