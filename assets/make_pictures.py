"""Make the README's pictures from the samples: `readme_transfer.jpg`, `readme_view.jpg` and the animated `readme.webp`.

python assets/make_pictures.py [--result made.mp4] [--out assets]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy loads; the fit's small solves get slower with more

import cv2
import numpy as np
from PIL import Image

from motionimit.compositing.label import contact_sheet, fit_height, label, side_by_side
from motionimit.compositing.sheet import sample_frames
from motionimit.config import TransferSettings, ViewSettings
from motionimit.config.view import DEFAULT_VIEW_FPS
from motionimit.media.image import read_photo
from motionimit.media.reader import probe
from motionimit.pipeline import transfer, view

HERE = Path(__file__).resolve().parent
MOMENTS_S = (0.6, 1.4, 2.45, 3.6, 4.9, 5.6)  # groove, side step, both arms up, in the turn, jump, final pose
SHEET_WIDTH_PX, SHEET_LIMIT_B = 1200, 250_000
CELL_PX = 320  # cells are drawn larger than shown, so that the shrunk labels are smooth
VIEW_PX = 768
PREVIEW_HEIGHT_PX, PREVIEW_FPS, PREVIEW_LIMIT_B = 320, 15, 1_500_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path, default=HERE / "photo.jpg")
    parser.add_argument("--driver", type=Path, default=HERE / "dance.mp4")
    parser.add_argument("--result", type=Path, help="a result of `motionimit transfer`; made anew where not given")
    parser.add_argument("--size", type=int, default=768, help="long side of the result that is made")
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = args.result or Path(folder) / "result.mp4"
        if args.result is None:
            transfer(TransferSettings(sources=(args.photo,), driving=args.driver, output=result, size_px=args.size))
        for path in (
            write_transfer(args.photo, args.driver, result, args.out / "readme_transfer.jpg"),
            write_views(args.photo, Path(folder) / "turn.mp4", args.out / "readme_view.jpg"),
            write_preview(args.photo, args.driver, result, args.out / "readme.webp"),
        ):
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def write_transfer(photo: Path, driver: Path, result: Path, path: Path) -> Path:
    """The photo at the left, driver frames over result frames; the best JPEG quality that stays below the size limit."""
    rows = [(name, sample_frames(video, MOMENTS_S)) for name, video in (("driver", driver), ("result", result))]
    sheet = contact_sheet(read_photo(photo).rgb, rows, MOMENTS_S, CELL_PX)
    height = round(sheet.shape[0] * SHEET_WIDTH_PX / sheet.shape[1])
    small = Image.fromarray(cv2.resize(sheet, (SHEET_WIDTH_PX, height), interpolation=cv2.INTER_AREA))
    for quality in range(92, 40, -4):
        small.save(path, quality=quality, optimize=True, progressive=True)
        if path.stat().st_size < SHEET_LIMIT_B:
            return path
    raise SystemExit(f"{path} does not get below {SHEET_LIMIT_B} bytes: choose fewer moments")


def write_views(photo: Path, turn: Path, path: Path) -> Path:
    """The person of the photo, arms down, from eight sides."""
    view(ViewSettings(sources=(photo,), output=turn, pose="a", frames=8, size_px=VIEW_PX))
    frames = sample_frames(turn, [i / DEFAULT_VIEW_FPS for i in range(8)])
    height, width = frames[0].shape[:2]
    window = np.s_[int(0.17 * height) :, int(0.1 * width) : int(0.9 * width)]
    strip = Image.fromarray(np.concatenate([frame[window] for frame in frames], 1))
    strip.thumbnail((SHEET_WIDTH_PX, SHEET_WIDTH_PX))
    strip.save(path, quality=86, optimize=True, progressive=True)
    return path


def write_preview(photo: Path, driver: Path, result: Path, path: Path) -> Path:
    """Photo, driver and result beside each other, looping; the best WebP quality that stays below the size limit."""
    info = probe(result)
    count = int((info.frames or 0) * PREVIEW_FPS / float(info.fps))
    if count == 0:
        raise SystemExit(f"{result} does not say how many frames it has: give an .mp4")
    times_s = [i / PREVIEW_FPS for i in range(count)]
    still = label(fit_height(read_photo(photo).rgb, PREVIEW_HEIGHT_PX), "photo")
    columns = [_labelled(video, times_s, name) for name, video in (("driver", driver), ("result", result))]
    frames = [Image.fromarray(side_by_side([still, *pair], PREVIEW_HEIGHT_PX)) for pair in zip(*columns, strict=True)]
    for quality in range(80, 20, -10):
        frames[0].save(
            path, save_all=True, append_images=frames[1:], duration=round(1000 / PREVIEW_FPS), loop=0, quality=quality, method=4
        )
        if path.stat().st_size < PREVIEW_LIMIT_B:
            return path
    raise SystemExit(f"{path} does not get below {PREVIEW_LIMIT_B} bytes: lower PREVIEW_FPS")


def _labelled(video: Path, times_s: list[float], name: str) -> list[np.ndarray]:
    frames = sample_frames(video, times_s, max_side_px=3 * PREVIEW_HEIGHT_PX)
    return [label(fit_height(frame, PREVIEW_HEIGHT_PX), name) for frame in frames]


if __name__ == "__main__":
    main()
