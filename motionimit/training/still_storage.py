"""One synthetic person for pose-guided stills on disk: several views in one window, as bytes in one safetensors file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..checks import check_shape
from ..errors import BadInput
from ..generator.still_inputs import PARSING
from ..media.paths import reason, shown, whole_file
from ..pose.keypoints import KEYPOINTS

FORMAT = "motionimit-stills-1"
_SUFFIX = ".safetensors"
_AGAIN = "make it again with `motionimit train stills`"


@dataclass(frozen=True, slots=True)
class StillView:
    """A person in one pose. All views of a person share window, camera, light and background."""

    rgb: Tensor  # [3, S, S] uint8, background included
    alpha: Tensor  # [S, S] uint8, 255 = person
    parsing: Tensor  # [S, S] uint8, index into PARSING
    keypoints: Tensor  # [18, 3] float32: x, y in px of the window, confidence

    def __post_init__(self) -> None:
        axes = check_shape("rgb", self.rgb, (3, "S", "S"))
        check_shape("alpha", self.alpha, ("S", "S"), axes)
        check_shape("parsing", self.parsing, ("S", "S"), axes)
        check_shape("keypoints", self.keypoints, (len(KEYPOINTS), 3), axes)


_TYPES = {"rgb": torch.uint8, "alpha": torch.uint8, "parsing": torch.uint8, "keypoints": torch.float32}


def write_stills(path: Path, views: Sequence[StillView], about: dict[str, str]) -> None:
    """Write under a temporary name, then move into place. Raises `BadInput` on write errors."""
    from safetensors.torch import save_file

    arrays = {f"{k}.{n}": getattr(v, n).to(t).contiguous() for k, v in enumerate(views) for n, t in _TYPES.items()}
    with whole_file(path) as temporary:
        save_file(arrays, temporary, {"format": FORMAT, "views": str(len(views)), **about})


class StillFile:
    """An open file of views; close it, or use it in a `with`. Only the views that are asked for are read.

    Raises `BadInput` where the file is damaged or no file of views.
    """

    def __init__(self, path: Path) -> None:
        from safetensors import SafetensorError, safe_open

        self.path = path
        try:
            self._file = safe_open(path, "pt")
            self._file.__enter__()
        except (SafetensorError, OSError) as error:
            raise BadInput(f"The stills {shown(path)} can't be read ({reason(error)}); {_AGAIN}.") from None
        self.about: dict[str, str] = self._file.metadata() or {}
        self.views = self._count()

    def _count(self) -> int:
        if self.about.get("format") != FORMAT:
            raise BadInput(f"The file {shown(self.path)} holds no stills of this version; {_AGAIN}.")
        count = self.about.get("views", "")
        names = {f"{k}.{n}" for k in range(int(count) if count.isascii() and count.isdigit() else 0) for n in _TYPES}
        if not names or names != set(self._file.keys()):
            raise BadInput(f"The stills {shown(self.path)} lack some of their views; {_AGAIN}.")
        return int(count)

    def __enter__(self) -> StillFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.__exit__(None, None, None)

    def view(self, k: int) -> StillView:
        """View k, whole. Raises `BadInput` where what is stored can't be one, IndexError for a k that isn't there."""
        if not 0 <= k < self.views:
            raise IndexError(f"view {k} of {self.views}")
        planes = {n: self._file.get_tensor(f"{k}.{n}") for n in _TYPES}
        wrong = [n for n, t in _TYPES.items() if planes[n].dtype != t]
        try:
            view = StillView(**planes)
        except ValueError as error:
            raise BadInput(f"The stills {shown(self.path)} are damaged (view {k}: {reason(error)}); {_AGAIN}.") from None
        if wrong or int(view.parsing.max()) >= len(PARSING) or not bool(view.keypoints.isfinite().all()):
            raise BadInput(f"The stills {shown(self.path)} are damaged (view {k} holds impossible values); {_AGAIN}.")
        return view


def still_files(folder: Path) -> list[Path]:
    """The files of stills in a folder, sorted. Raises `BadInput` where there are none."""
    files = sorted(folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else []
    if not files:
        raise BadInput(
            f"{shown(folder)} holds no stills to train on; make some with `motionimit train stills --assets FOLDER -o FOLDER`."
        )
    return files
