"""Training pairs from real clips: the clip's own frames are photo and truth. One file per clip and first photo.

Rights: weights that were trained with such pairs carry the rights of the clips and of the people in them. The weights that come
with this package were trained on synthetic people only; say so beside yours if real clips took part.
"""

from __future__ import annotations

import glob
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from ..avatar.portrait import build_portrait
from ..body.model import BodyModel, load_body
from ..errors import BadInput, BadUsage
from ..media.paths import check_input, check_whole, shown
from ..pose.detector import MediaPipeDetector, PoseDetector
from ..types import Progress
from .footage import Footage, Span
from .real_truth import RealStage, cut_out
from .storage import FILMED, Example, write_example

HEIGHT_PX = 512
_TRIES = 2  # pairs of frames looked at in each stretch of a clip, sharpest first


@dataclass(frozen=True, slots=True)
class RealSettings:
    """Raises `BadUsage` for a value outside its range."""

    clips: tuple[Path, ...]  # one person each, a still camera or nearly so; two clips of one name can't share a folder
    out: Path
    photos: int = 1  # source frames per clip: the first from the front, further ones from other sides
    sequences: int = 4  # per clip, two consecutive frames each
    seed: int = 0
    start_s: float = 0.0
    duration_s: float | None = None
    max_frames: int | None = None
    height_px: int = HEIGHT_PX  # of the target frames; smaller clips keep their own

    def __post_init__(self) -> None:
        if not self.clips:
            raise BadUsage("Name at least one clip to take training pairs from.")
        twice = [name for name, count in Counter(c.stem for c in self.clips).items() if count > 1]
        if twice:
            raise BadUsage(f"Two clips are called {shown(twice[0])} and would share a file; rename one or use another --out.")
        if not 1 <= self.photos <= 8:
            raise BadUsage(f"--photos must be between 1 and 8, got {self.photos}.")
        if self.sequences < 1:
            raise BadUsage(f"--sequences must be 1 or more, got {self.sequences}.")
        if self.seed < 0:
            raise BadUsage(f"--seed must be 0 or more, got {self.seed}.")
        if self.height_px < 64:
            raise BadUsage(f"The height of target frames must be 64 px or more, got {self.height_px}.")
        if self.start_s < 0:
            raise BadUsage(f"--start must be 0 or more seconds, got {self.start_s:g}.")
        if (self.duration_s is not None and self.duration_s <= 0) or (self.max_frames is not None and self.max_frames < 3):
            raise BadUsage("The span must hold at least 3 frames: one photo and two to learn from.")

    @property
    def span(self) -> Span:
        return self.start_s, self.duration_s, self.max_frames


@dataclass(frozen=True, slots=True)
class RealReport:
    made: int
    there: int  # clips whose file an earlier run had made
    unusable: tuple[str, ...]  # a sentence for each clip that gave no pair
    seconds: float


def pairs_from_clips(settings: RealSettings, progress: Progress) -> RealReport:
    """Make one file `real_CLIP_FRAME.safetensors` per clip; FRAME is the first photo's. What is there already stays, whatever its
    settings were.

    Raises `BadInput` where a clip is missing or cut off, before any work; clips that turn out unusable are reported instead.
    """
    for clip in settings.clips:
        check_whole(check_input(clip, "video"))
    begin, model, made, unusable = time.perf_counter(), load_body(), 0, []
    settings.out.mkdir(parents=True, exist_ok=True)
    todo = [c for c in settings.clips if not _files(settings, c)]
    there = len(settings.clips) - len(todo)
    progress("clips", there, len(settings.clips))
    with closing(MediaPipeDetector()) as detector:
        for done, clip in enumerate(todo, there + 1):
            try:
                frame, example = example_of_clip(clip, settings, model, detector)
                write_example(settings.out / f"real_{clip.stem}_{frame:05d}.safetensors", example)
                made += 1
            except BadInput as error:
                unusable.append(str(error))
            progress("clips", done, len(settings.clips))
    return RealReport(made, there, tuple(unusable), time.perf_counter() - begin)


def example_of_clip(clip: Path, settings: RealSettings, model: BodyModel, detector: PoseDetector) -> tuple[int, Example]:
    """The first photo's frame and the pairs of one clip, by the product's own path: one track and one fit, which photos share.

    Raises `BadInput` where nobody is found or no pair of frames can be used.
    """
    rng = np.random.default_rng((settings.seed, crc32(clip.stem.encode())))
    footage = Footage(clip, settings.span, model, detector)
    size = footage.output_size(settings.height_px)
    chosen = footage.source_frames(settings.photos)
    photos = footage.frames(chosen)
    portraits = []
    for t in chosen:
        matte = cut_out(footage, t, photos[t])
        if matte is None:
            raise BadInput(f"The person in frame {t} of {shown(clip)} could not be cut out; use a span that shows them better.")
        height, width = matte.shape
        portraits.append(build_portrait(photos[t], matte, footage.params.at(t, width, height), model, size))
    stage = RealStage(footage, portraits, model, size)
    stretches = [s[:_TRIES] for s in footage.stretches(rng, settings.sequences, chosen)]
    frames = footage.frames({t + k for stretch in stretches for t in stretch for k in (0, 1)})
    sequences = []
    for stretch in stretches:
        order = sorted(stretch, key=lambda t: -footage.sharpness(t, frames[t]))
        sequences += [s for s in (stage.sequence(t, frames) for t in order) if s is not None][:1]
    if not sequences:
        raise BadInput(f"No two frames of {shown(clip)} could be used: fit or mask went astray; try another clip or span.")
    about = {"seed": str(settings.seed), "kind": FILMED, "photos": str(len(chosen)), "clip": clip.name}
    return chosen[0], Example(stage.ensemble.source, tuple(sequences), about)


def _files(settings: RealSettings, clip: Path) -> list[Path]:
    """What an earlier run made of the clip."""
    return list(settings.out.glob(f"real_{glob.escape(clip.stem)}_[0-9][0-9][0-9][0-9][0-9].safetensors"))
