"""Under which circumstances something was measured: command, commit, processor, versions."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from .. import __version__
from ..runtime import available_cores, pick_device

_PROGRAM = "motionimit"  # also where it was started as a module
_PACKAGE = Path(__file__).parents[1]


def session_facts(device: str) -> dict[str, Any]:
    """Plain JSON values: command, version, commit, date (UTC), device and processor, versions, threads."""
    import torch

    picked = pick_device(device)
    return {
        "command": shlex.join([_PROGRAM if Path(sys.argv[0]).name == "main.py" else Path(sys.argv[0]).name, *sys.argv[1:]]),
        "version": __version__,
        "commit": commit(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "device": device_name(picked.type, picked.index),
        "cpu": cpu_model(),
        "cores": available_cores(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def device_name(kind: str, index: int | None) -> str:
    """``cpu``, or a GPU with its model: ``cuda:0 (NVIDIA ...)``."""
    if kind != "cuda":
        return kind
    import torch

    return f"cuda:{index or 0} ({torch.cuda.get_device_name(index or 0)})"


def commit() -> str | None:
    """The checkout's commit, with '+changes' where files differ from it; None where the package isn't in a checkout."""
    if not (_PACKAGE.parent / ".git").exists():
        return None
    found = _git("rev-parse", "--short=12", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return found and found + ("+changes" if changed else "")


def _git(*arguments: str) -> str | None:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", str(_PACKAGE.parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True, env=environment)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def cpu_model() -> str:
    """The processor's name; its architecture where the system doesn't say."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    except OSError:
        pass
    return platform.processor() or platform.machine()
