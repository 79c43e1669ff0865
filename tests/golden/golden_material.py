"""Small photos and drivers cut from the shipped samples, and what the tests look for in results."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

ASSETS = Path(__file__).parents[2] / "assets"
FPS = Fraction(30000, 1001)
RATE_HZ = 48_000
CLICK_EVERY_S, CLICK_S, CLICK_HZ = 0.2, 0.005, 3000
DRIVER_SIDE_PX = 400
PHOTO_SIDE_PX = 420
SIZE_PX = 256  # of results


def dance_frames(count: int, every: int = 1, side_px: int = DRIVER_SIDE_PX) -> list[np.ndarray]:
    """`count` frames of the sample clip, every `every`-th, [H, W, 3] uint8 with even sides."""
    out: list[np.ndarray] = []
    with av.open(str(ASSETS / "dance.mp4")) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % every == 0:
                out.append(shrunk(frame.to_ndarray(format="rgb24"), side_px))
            if len(out) == count:
                break
    return out


def shrunk(rgb: np.ndarray, side_px: int) -> np.ndarray:
    """The picture with its long side at `side_px`, both sides even."""
    scale = side_px / max(rgb.shape[:2])
    size = tuple(2 * round(v * scale / 2) for v in (rgb.shape[1], rgb.shape[0]))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX))


def sample_photo(side_px: int = PHOTO_SIDE_PX) -> np.ndarray:
    """The sample photo [H, W, 3] uint8."""
    with Image.open(ASSETS / "photo.jpg") as image:
        return shrunk(np.asarray(image.convert("RGB")), side_px)


def scene_without_person(rgb: np.ndarray) -> np.ndarray:
    """A frame [H, W, 3] uint8 with its person's surroundings filled in."""
    from motionimit.avatar.inpaint import inpaint
    from motionimit.pose.photo import track_photo
    from motionimit.types import Photo

    left, top, right, bottom = track_photo(Photo(Path("frame"), rgb, None, "")).box_xyxy_px[0].round().int().tolist()
    hole = np.zeros(rgb.shape[:2], bool)
    margin = (bottom - top) // 12
    hole[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin] = True
    return np.asarray(inpaint(rgb.astype(np.float32) / 255, hole) * 255 + 0.5).astype(np.uint8)


def on_canvas(rgb: np.ndarray, side_px: int, scene: np.ndarray) -> np.ndarray:
    """The picture with its long side at `side_px`, in the middle of a scene [H, W, 3] uint8."""
    small, out = shrunk(rgb, side_px), scene.copy()
    top, left = (out.shape[0] - small.shape[0]) // 2, (out.shape[1] - small.shape[1]) // 2
    out[top : top + small.shape[0], left : left + small.shape[1]] = small
    return out


def save_photo(path: Path, rgb: np.ndarray) -> Path:
    Image.fromarray(rgb).save(path, quality=95)
    return path


def save_video(path: Path, frames: Sequence[np.ndarray], fps: Fraction = FPS, sound: bool = True) -> Path:
    """H.264 with AAC clicks every 0.2 s."""
    with av.open(f"file:{path}", "w") as output:
        stream = output.add_stream("libx264", rate=fps, options={"crf": "14", "preset": "veryfast"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        noise = output.add_stream("aac", rate=RATE_HZ, layout="mono") if sound else None
        for number, rgb in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            picture.pts, picture.time_base = number, 1 / fps
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
        if noise is not None:
            _add_clicks(output, noise, round(len(frames) / fps * RATE_HZ))
    return path


def save_sound(path: Path, seconds: float = 0.5) -> Path:
    """A file with clicks only."""
    with av.open(f"file:{path}", "w") as output:
        _add_clicks(output, output.add_stream("aac", rate=RATE_HZ, layout="mono"), round(seconds * RATE_HZ))
    return path


def _add_clicks(output: Any, stream: Any, samples: int) -> None:
    time_s = np.arange(samples) / RATE_HZ
    tone = 0.7 * np.sin(2 * np.pi * CLICK_HZ * time_s) * (time_s % CLICK_EVERY_S < CLICK_S)
    frame = av.AudioFrame.from_ndarray(tone[None].astype(np.float32), format="fltp", layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = RATE_HZ, Fraction(1, RATE_HZ), 0
    output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def pictures(path: Path, layout: str = "rgb24") -> np.ndarray:
    """All frames of a video [T, H, W, C] uint8, by a decoder that is not the project's."""
    with av.open(f"file:{path}") as container:
        stream = container.streams.video[0]
        if stream.codec_context.name == "vp9" and layout == "rgba":
            decoder = av.CodecContext.create("libvpx-vp9", "r")  # FFmpeg's own leaves the alpha out
            frames = [f for p in container.demux(stream) for f in decoder.decode(p)]
        else:
            frames = list(container.decode(stream))
        return np.stack([f.to_ndarray(format=layout) for f in frames])


def folder_pictures(folder: Path) -> np.ndarray:
    """All PNGs of a folder, by name [T, H, W, C] uint8."""
    return np.stack([np.asarray(Image.open(p)) for p in sorted(folder.glob("*.png"))])


def video_rate(path: Path) -> Fraction:
    with av.open(f"file:{path}") as container:
        return Fraction(container.streams.video[0].average_rate)


def heard(path: Path) -> tuple[int, np.ndarray]:
    """(number of samples, times of the clicks in seconds from the first picture)."""
    with av.open(f"file:{path}") as container:
        zero_s = float(next(container.decode(video=0)).time)
    with av.open(f"file:{path}") as container:
        frames = list(container.decode(audio=0))
        samples = np.concatenate([f.to_ndarray()[0] for f in frames])
        first_s = float(frames[0].pts * frames[0].time_base) - zero_s
    loud = np.flatnonzero(np.abs(samples) > 0.2)
    begins = loud[np.diff(loud, prepend=-RATE_HZ) > 0.05 * RATE_HZ]
    return len(samples), begins / RATE_HZ + first_s


def psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    """Of two uint8 pictures."""
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def listing(folder: Path) -> dict[str, bytes | None]:
    """Every entry under a folder with a file's bytes: what a failed run must leave as it was."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}
