"""The data engine for pose-guided stills: one file of views per synthetic person, or held-out pairs of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ..media.paths import whole_file, write_error
from ..types import Progress
from .crew import Maker, PeopleSettings, SynthReport, make_people, open_studio
from .still_storage import StillView, write_stills

# Usual views per person and side of the window in px. A pair of views is cut out of the window round all views of a person, so
# that 320 px leave about 256.
TRAINING, PAIRS = (6, 320), (2, 512)


@dataclass(frozen=True, slots=True)
class StillSettings(PeopleSettings):
    """Raises `BadUsage` for a value outside its range."""

    views: int = TRAINING[0]  # per person
    side: int = TRAINING[1]  # px of the square window
    pictures: bool = False  # PNG pictures with masks in place of files for training

    def __post_init__(self) -> None:
        PeopleSettings.__post_init__(self)
        self.check_range("views", 2, 64)
        self.check_range("side", 32, 2048)


def synthesize_stills(settings: StillSettings, progress: Progress) -> SynthReport:
    """Make `settings.people` files `person_NNNNN.safetensors`, or pictures `person_NNNNN_K.png` with `person_NNNNN_K.mask.png`.

    What is there already stays. Raises `BadInput`, `MissingModel`.
    """
    return make_people(settings, partial(_start, settings), partial(_file, settings), progress)


def _start(settings: StillSettings) -> Maker:
    from .still_examples import make_stills

    studio = open_studio(settings)

    def make(number: int) -> bool:
        views = make_stills(studio, (settings.seed, number), settings.views, settings.side)
        if views is None:
            return False
        if settings.pictures:
            write_pictures(settings.out, _name(number), views)
        else:
            about = {"seed": f"{settings.seed},{number}"}
            write_stills(_file(settings, number), views, about)
        return True

    return make


def write_pictures(folder: Path, name: str, views: list[StillView]) -> None:
    """`NAME_K.png` and `NAME_K.mask.png` of every view, the first picture last: it tells that all are there."""
    for k, view in reversed(list(enumerate(views))):
        _write_png(folder / f"{name}_{k}.mask.png", view.alpha.numpy())
        _write_png(folder / f"{name}_{k}.png", view.rgb.permute(1, 2, 0).flip(-1).contiguous().numpy())


def _write_png(path: Path, picture: np.ndarray) -> None:
    """Grey [H, W] or BGR [H, W, 3]. Raises `BadInput`."""
    with whole_file(path) as temporary:
        try:
            temporary.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        except OSError as error:
            raise write_error(path, error) from None


def _name(number: int) -> str:
    return f"person_{number:05d}"


def _file(settings: StillSettings, number: int) -> Path:
    """The file that tells that a person is done."""
    return settings.out / (f"{_name(number)}_0.png" if settings.pictures else f"{_name(number)}.safetensors")
