"""Novel views: the person of photos as other cameras saw them, compared cut out, since the cameras see different backgrounds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from ..avatar.avatar import Avatar
from ..avatar.portrait import output_size
from ..body.retarget import retarget
from ..compositing.place import over
from ..config.evaluate import BASELINE, ViewsEvaluation
from ..driving import DRIVER_SIDE_PX, recover_motion
from ..errors import BadInput, MotionimitError
from ..flow.fusion import fused
from ..flow.transfer import Renderer
from ..generator.refine import Refiner
from ..media.paths import file_sha256, shown
from ..media.reader import VideoReader
from ..media.stills import IMAGE_SUFFIXES
from ..pose.matting import refine_matte
from ..pose.photo import track_photo
from ..run import Run, silent
from ..sources import build_avatar, find_sources, read_sources
from ..types import BodyParams, Photo, Progress
from .datasets.files import files_in, result_names
from .film_jobs import frame_of
from .instruments import Instruments
from .methods import Method, load_methods
from .metrics import score_picture
from .preview import write_preview
from .results import Item, Outcome, finite
from .runs import RunData, RunFolder, failed, read_run, sentence_of
from .videos import evenly

GREY = 0.5
_BASELINE = f"{BASELINE}: the first photo's person, scaled and shifted onto the true one's box."


@dataclass(frozen=True, slots=True)
class View:
    """What one camera saw at one moment, and the body that was fitted to it."""

    name: str
    rgb: np.ndarray  # [H, W, 3] uint8
    params: BodyParams  # T = 1, in that camera


@dataclass(frozen=True, slots=True)
class Person:
    """The person of the photos, ready to be drawn."""

    avatar: Avatar
    cut_out: np.ndarray  # [H, W, 4] float32: the first photo's person
    run: Run


def evaluate_views(settings: ViewsEvaluation, progress: Progress | None = None) -> RunData:
    """Draw every view and compare it with the truth; writes the run's folder. Raises as `evaluate_stills`, and `BadInput` where
    the photos show nobody."""
    settings.check_paths()
    tell = progress or silent
    names = view_names(settings)
    run = Run.of(settings.compared(), settings.body, settings.device, None)
    methods = load_methods(settings.methods, run.device, stills=False)
    files = [file_sha256(p)[:16] for p in (*settings.sources, settings.truth) if p.is_file()]
    facts = {"kind": "views", "items": len(names), "files": files}
    with Instruments(settings) as tools:
        folder = RunFolder(settings, "views", [m.facts() for m in methods], facts)
        folder.head["unavailable"] = tools.unavailable()
        with folder:
            wanted = [name for name in names if not folder.done(name)]
            tell("views", len(names) - len(wanted), len(names))
            person = _person(settings, run) if wanted else None
            for number, view in enumerate(_views(settings, names, wanted, run), len(names) - len(wanted) + 1):
                assert person is not None
                folder.add(view if isinstance(view, Item) else _evaluated(view, person, methods, settings, folder, tools))
                tell("views", number, len(names))
            folder.head["notes"] = [_BASELINE, *dict.fromkeys(run.report.warnings)]
    return read_run(settings.output)


def view_names(settings: ViewsEvaluation) -> dict[str, Path | int]:
    """Name of each view → its picture, or its frame in the clip. Raises `BadInput` for a folder without pictures."""
    if settings.truth.is_dir():
        paths = [path for _, path in sorted(files_in(settings.truth, IMAGE_SUFFIXES).items())][: settings.limit]
        if not paths:
            raise BadInput(f"The folder {shown(settings.truth)} holds no pictures; name one with PNG or JPEG files, or a clip.")
        return dict(zip(result_names(p.stem for p in paths), paths, strict=True))
    with VideoReader(settings.truth, max_side_px=64) as reader:
        count = sum(1 for _ in reader)
    stem = result_names([settings.truth.stem])[0]
    return {f"{stem}-{t:05}": t for t in evenly(0, count - 1, settings.frames)[: settings.limit]}


def _views(settings: ViewsEvaluation, names: dict[str, Path | int], wanted: Sequence[str], run: Run) -> Iterator[View | Item]:
    """The views that are wanted, or an item that says why there is none."""
    methods = [m.name for m in settings.methods]
    motion = None
    for name in wanted:
        place = names[name]
        try:
            if isinstance(place, Path):
                with VideoReader(place, max_side_px=DRIVER_SIDE_PX) as reader:
                    found = recover_motion(reader, None, run)
                with VideoReader(place) as reader:
                    yield View(name, next(iter(reader)).rgb, found.params)
                continue
            if motion is None:
                with VideoReader(settings.truth, max_side_px=DRIVER_SIDE_PX) as reader:
                    motion = recover_motion(reader, None, run)
            rgb = frame_of(settings.truth, place)
            yield View(name, rgb, motion.params.at(place, *motion.params.camera.size_px))
        except MotionimitError as error:
            yield Item(name, failed(methods, sentence_of(error)))


def _person(settings: ViewsEvaluation, run: Run) -> Person:
    photos, bodies = read_sources(settings.sources, run)
    avatar = build_avatar(find_sources(photos, bodies, run), settings.size_px, run)
    rgba = np.dstack((avatar.picture.astype(np.float32) / 255, avatar.matte.numpy()))
    return Person(avatar, rgba, run)


def _evaluated(
    view: View, person: Person, methods: Sequence[Method], settings: ViewsEvaluation, folder: RunFolder, tools: Instruments
) -> Item:
    names = [m.name for m in methods]
    previews: dict[str, str] = {}
    try:
        truth = cut_out(view.rgb, settings.size_px)
        frame = (truth[..., :3] * 255 + 0.5).astype(np.uint8)
        pictures = {"source": over_grey(person.cut_out), "truth": over_grey(truth)}
        previews = {title: write_preview(folder.pictures, f"{view.name}.{title}", rgb) for title, rgb in pictures.items()}
        seen = tools.finder(frame)
        if seen is None:
            return Item(view.name, failed(names, "Nobody was found in the true picture; leave it out."), previews)
    except Exception as error:
        return Item(view.name, failed(names, sentence_of(error)), previews)
    outcomes = {}
    for method in methods:
        try:
            begin = time.perf_counter()
            rgba = moved_onto(person.cut_out, truth) if method.kind == BASELINE else drawn(view, person, method, truth.shape)
            seconds = {} if method.kind == BASELINE else {"generate": time.perf_counter() - begin}
            made = over_grey(rgba)
            mask = truth[..., 3] > 0.5
            scores = score_picture(over_grey(truth), made, seen, mask, tools.finder, tools.distances)
            path = write_preview(folder.pictures, f"{view.name}.{method.name}", made)
            outcomes[method.name] = Outcome(finite(scores), seconds, path)
        except Exception as error:
            outcomes[method.name] = Outcome(failure=sentence_of(error))
    return Item(view.name, outcomes, previews)


def drawn(view: View, person: Person, method: Method, shape: tuple[int, ...]) -> np.ndarray:
    """[H, W, 4] float32 straight alpha: the person in the pose and place that the view's camera saw, in its frame."""
    avatar, run = person.avatar, person.run
    camera = view.params.camera.resized(shape[1], shape[0])
    stood = BodyParams(avatar.params.rotations, avatar.params.betas, avatar.params.translation_m, camera)
    placed = retarget(stood, view.params, run.model, mode="copy")
    bones = run.model.transforms(placed)[0]
    artists = [Renderer(p.surface.to(run.device), p.layers, camera.size_px, p.known) for p in avatar.portraits]
    warped = [artist.render(bones, camera) for artist in artists]
    if method.chosen is None:
        return np.array(fused(warped).cpu().numpy())
    refiner = Refiner.of(method.chosen.generator, avatar.portraits, run.model, run.device)
    rgba, _ = refiner.refine(refiner.prepare(warped, bones, camera), None)
    return np.array(rgba.cpu().numpy())


def cut_out(rgb: np.ndarray, long_side_px: int) -> np.ndarray:
    """[h, w, 4] float32 straight alpha: the picture's person by the product's own matte. Raises `BadInput` where nobody is."""
    track = track_photo(Photo(Path("view"), rgb, None, ""))
    matte = refine_matte(rgb, track.masks[0, 0].numpy(), track.box_xyxy_px[0].numpy())
    rgba = np.dstack((rgb.astype(np.float32) / 255, matte))
    size = output_size((rgb.shape[1], rgb.shape[0]), long_side_px)
    way = cv2.INTER_AREA if size[0] < rgb.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgba, size, interpolation=way)).clip(0, 1)


def over_grey(rgba: np.ndarray) -> np.ndarray:
    """[H, W, 4] float32 → [H, W, 3] uint8."""
    return over(torch.from_numpy(np.ascontiguousarray(rgba)), torch.full((*rgba.shape[:2], 3), GREY))


def moved_onto(rgba: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The person of one cut-out [h, w, 4], scaled and shifted so that their box has the height and the middle of another's."""
    ours, theirs = box(rgba), box(truth)
    zoom = (theirs[3] - theirs[1]) / max(ours[3] - ours[1], 1)
    middle = [(b[0] + b[2]) / 2 for b in (ours, theirs)]
    affine = np.array([[zoom, 0, middle[1] - zoom * middle[0]], [0, zoom, theirs[1] - zoom * ours[1]]])
    return np.asarray(cv2.warpAffine(rgba, affine, truth.shape[1::-1], flags=cv2.INTER_LINEAR))


def box(rgba: np.ndarray) -> tuple[int, int, int, int]:
    """left, top, right, bottom of what is more than half opaque; the whole picture where nothing is."""
    rows, columns = (np.flatnonzero((rgba[..., 3] > 0.5).any(k)) for k in (1, 0))
    if not len(rows):
        return 0, 0, rgba.shape[1], rgba.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
