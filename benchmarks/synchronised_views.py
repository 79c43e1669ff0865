"""Novel views against other cameras' pictures: a photo from one camera, moved as another camera saw the same moment.

python benchmarks/synchronised_views.py PHOTO_CLIP TRUTH_CLIP... --score SCORE.PY [--sheet sheet.png] [--photos 1 2]

Frames of TRUTH_CLIP (synchronised with PHOTO_CLIP, the same person) are the truth. The photo is frame 0 of PHOTO_CLIP; with 2
photos, the last frame of TRUTH_CLIP joins it and is left out of the score. Person and truth are compared cut out, over grey,
because the cameras see different rooms: PSNR, SSIM and LPIPS (SCORE.PY's) in the true person's box. The baseline is the photo's
person, scaled and shifted onto the true one's box.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import torch

from motionimit.avatar.avatar import Avatar
from motionimit.body.retarget import retarget
from motionimit.compositing.label import grid
from motionimit.compositing.place import over
from motionimit.driving import DRIVER_SIDE_PX, recover_motion
from motionimit.flow.fusion import fused
from motionimit.flow.transfer import renderers
from motionimit.media.image import write_png
from motionimit.media.reader import VideoReader
from motionimit.pose.matting import refine_matte
from motionimit.pose.photo import track_photo
from motionimit.run import Run
from motionimit.sources import build_avatar, find_sources
from motionimit.types import Photo

SIZE_PX = 512
GREY = 0.5
FRAMES = 8  # compared per clip
BOX_MARGIN = 0.08


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo_clip", type=Path)
    parser.add_argument("truth_clips", type=Path, nargs="+")
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--photos", type=int, nargs="+", choices=(1, 2), default=[1, 2])
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    score, run, rows = loaded(args.score), Run(), []
    lpips = score.Lpips(score.WEIGHTS)
    first = frame_of(args.photo_clip, 0)
    print("truth", "photos", "frames", "psnr", "ssim", "lpips", sep="\t")
    for clip in args.truth_clips:
        truth = {t: frame_of(clip, t) for t in times(clip)}
        cut = {t: cut_out(photo) for t, photo in truth.items()}
        results = {0: {t: scaled(cut_out(first), cut[t]) for t in cut}}
        results |= {n: drawn(clip, [first, *list(truth.values())[-1:]][:n], list(cut), run) for n in args.photos}
        for count, pictures in results.items():
            kept = list(cut)[:-1]
            means = np.mean([scores(pictures[t], cut[t], score, lpips) for t in kept], axis=0)
            print(clip.stem, count or "similarity", len(kept), *(f"{m:.4f}" for m in means), sep="\t", flush=True)
        rows += [[over(torch.from_numpy(p[t]), grey(p[t])) for t in cut] for p in (cut, *results.values())]
    if args.sheet is not None:
        write_png(args.sheet, grid(rows, 300))


def loaded(path: Path) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location("score", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def times(clip: Path) -> list[int]:
    with VideoReader(clip) as reader:
        count = reader.frames or sum(1 for _ in reader)
    return [int(t) for t in np.linspace(0, count - 1, FRAMES + 1).round()]


def frame_of(clip: Path, index: int) -> Photo:
    with VideoReader(clip) as reader:
        rgb = next(frame.rgb for frame in reader if frame.index == index)
    return Photo(Path(f"{clip.stem}.{index}"), rgb, None, f"{clip.stem}.{index}")


def cut_out(photo: Photo) -> np.ndarray:
    """[h, w, 4] float32 straight alpha: the photo's person by the product's own matte, long side `SIZE_PX`."""
    track = track_photo(photo)
    matte = refine_matte(photo.rgb, track.masks[0, 0].numpy(), track.box_xyxy_px[0].numpy())
    rgba = np.dstack((photo.rgb.astype(np.float32) / 255, matte))
    scale = SIZE_PX / max(rgba.shape[:2])
    size = (2 * round(rgba.shape[1] * scale / 2), 2 * round(rgba.shape[0] * scale / 2))
    return np.asarray(cv2.resize(rgba, size, interpolation=cv2.INTER_AREA))


def drawn(clip: Path, photos: list[Photo], shown: list[int], run: Run) -> dict[int, np.ndarray]:
    """Frame → [H, W, 4] of the photos' person in the pose and place that the clip's camera saw, in the clip's frame."""
    with VideoReader(clip, max_side_px=DRIVER_SIDE_PX) as reader:
        motion = recover_motion(reader, None, run)
    avatar: Avatar = build_avatar(find_sources(photos, [None] * len(photos), run), SIZE_PX, run)
    placed = retarget(avatar.params, motion.params, run.model, mode="copy", fps=float(motion.fps), cuts=motion.cuts)
    bones, artists = run.model.transforms(placed), renderers(avatar)
    return {t: fused([a.render(bones[t], placed.camera) for a in artists]).numpy().copy() for t in shown}


def scaled(rgba: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The person of one picture shifted and scaled to the box of another's."""
    ours, theirs = box(rgba), box(truth)
    zoom = (theirs[3] - theirs[1]) / (ours[3] - ours[1])
    middle = [(b[0] + b[2]) / 2 for b in (ours, theirs)]
    affine = np.array([[zoom, 0, middle[1] - zoom * middle[0]], [0, zoom, theirs[1] - zoom * ours[1]]])
    return np.asarray(cv2.warpAffine(rgba, affine, truth.shape[1::-1], flags=cv2.INTER_AREA))


def box(rgba: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = (np.flatnonzero((rgba[..., 3] > 0.5).any(k)) for k in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def grey(rgba: np.ndarray) -> torch.Tensor:
    return torch.full((*rgba.shape[:2], 3), GREY)


def scores(result: np.ndarray, truth: np.ndarray, score: ModuleType, lpips: object) -> tuple[float, float, float]:
    """PSNR, SSIM and LPIPS in the true person's box, both over grey."""
    left, top, right, bottom = box(truth)
    margin = round(BOX_MARGIN * (bottom - top))
    window = np.s_[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
    a, b = (np.ascontiguousarray(over(torch.from_numpy(p), grey(p))[window]) for p in (result, truth))
    return score.psnr(b, a), score.ssim(b, a), lpips(b, a)  # type: ignore[operator]


if __name__ == "__main__":
    main()
