"""One synthetic person on disk: photos, frame sequences and their truth, as compact tensors in one safetensors file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..errors import BadInput
from ..generator.inputs import Batch, SourceMaps, TargetMaps, Truth
from ..media.paths import whole_file

Window = tuple[int, int, int, int]  # top, left, height, width
_SUBPIXEL = 32  # steps per pixel of stored coordinates
_SUFFIX = ".safetensors"
FORMAT = "motionimit-pairs-1"
FILMED = "real"  # the kind of pairs that were taken from a clip


@dataclass(frozen=True, slots=True)
class Example:
    """All pairs of one person: `batches[k]` shares `source` and is one short sequence."""

    source: SourceMaps
    sequences: tuple[tuple[tuple[TargetMaps, ...], tuple[Truth, ...]], ...]
    about: dict[str, str]

    def batch(self, k: int) -> Batch:
        return Batch(self.source, *self.sequences[k])


def write_example(path: Path, example: Example) -> None:
    """Write under a temporary name, then move into place."""
    from safetensors.torch import save_file

    arrays = {f"source.{name}": _packed(name, getattr(example.source, name)) for name in SourceMaps.__slots__}
    for k, (targets, truths) in enumerate(example.sequences):
        for prefix, frames, kind in (("target", targets, TargetMaps), ("truth", truths, Truth)):
            for name in kind.__slots__:
                arrays[f"{k}.{prefix}.{name}"] = torch.cat([_packed(name, getattr(f, name), True) for f in frames])
    with whole_file(path) as temporary:
        save_file(arrays, temporary, {"format": FORMAT, "sequences": str(len(example.sequences)), **example.about})


def read_about(path: Path) -> dict[str, str]:
    """The file's metadata. Raises `BadInput` where it is no file of pairs."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            about: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise BadInput(
            f"{path} cannot be read as training pairs ({error}); make it again with `motionimit train synth`."
        ) from None
    if about.get("format") != FORMAT:
        raise BadInput(f"{path} holds no training pairs of this version; make them again with `motionimit train synth`.")
    return about


class PairFile:
    """An open file of pairs; close it, or use it in a `with`. Planes are read in parts, so a patch costs no more than itself."""

    def __init__(self, path: Path) -> None:
        from safetensors import safe_open

        self.about = read_about(path)
        self._file = safe_open(path, "pt")
        self._file.__enter__()

    def __enter__(self) -> PairFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.__exit__(None, None, None)

    @property
    def sequences(self) -> int:
        return int(self.about["sequences"])

    def size(self, sequence: int) -> tuple[int, int]:
        """(height, width) of a sequence's crop."""
        height, width = self._file.get_slice(f"{sequence}.truth.alpha").get_shape()[-2:]
        return height, width

    def source(self) -> SourceMaps:
        """B = 1."""
        return SourceMaps(**{n: _unpacked(n, self._file.get_tensor(f"source.{n}")) for n in SourceMaps.__slots__})

    def sequence(self, k: int, window: Window | None = None) -> tuple[tuple[TargetMaps, ...], tuple[Truth, ...]]:
        """Consecutive frames (B = 1), whole or a window of them, sides and position in multiples of 2 px."""
        top, left, height, width = window or (0, 0, *self.size(k))
        targets, truths = (
            {n: self._cut(f"{k}.{prefix}.{n}", n, top, left, height, width) for n in kind.__slots__}
            for prefix, kind in (("target", TargetMaps), ("truth", Truth))
        )
        frames = range(len(truths["alpha"]))
        return (
            tuple(TargetMaps(**{n: p[t : t + 1] for n, p in targets.items()}) for t in frames),
            tuple(Truth(**{n: p[t : t + 1] for n, p in truths.items()}) for t in frames),
        )

    def interest(self, k: int, window: Window) -> float:
        """How much a window of a sequence has to teach: the person's share of it, hidden surface counted threefold."""
        alpha, hidden = (self._cut(f"{k}.truth.{n}", n, *window)[0].mean() for n in ("alpha", "hidden"))
        return float(alpha + 2 * hidden)

    def _cut(self, key: str, name: str, *window: int) -> Tensor:
        top, left, height, width = (n // 2 for n in window) if name == "place" else window
        part = self._file.get_slice(key)[..., top : top + height, left : left + width]
        return _unpacked(name, part, True)


def people_in(folder: Path) -> str:
    """Whom the pairs of a folder show, for those who read what weights were trained on. Raises `BadInput`."""
    kinds = [read_about(path).get("kind") for path in example_files(folder)]
    filmed = kinds.count(FILMED)
    told = [f"{n} {what}" for n, what in ((len(kinds) - filmed, "synthetic people"), (filmed, "clips of real people")) if n]
    return " and ".join(told)


def read_batch(path: Path, sequence: int) -> Batch:
    """One whole sequence of a person (B = 1). Raises `BadInput` where the file holds no pairs."""
    with PairFile(path) as file:
        return Batch(file.source(), *file.sequence(sequence))


def _packed(name: str, plane: Tensor, frame: bool = False) -> Tensor:
    if name in ("parsing", "body"):
        return plane.to(torch.int8).contiguous()
    if name == "source_px":
        return (plane * _SUBPIXEL).round().clamp(-32768, 32767).to(torch.int16).contiguous()
    if name == "place":
        return (plane[..., ::2, ::2] if frame else plane).half().contiguous()
    return (plane.clamp(0, 1) * 255 + 0.5).to(torch.uint8).contiguous()


def _unpacked(name: str, plane: Tensor, frame: bool = False) -> Tensor:
    if name in ("parsing", "body"):
        return plane.long()
    if name == "source_px":
        return plane.float() / _SUBPIXEL
    if name == "place":
        return interpolate(plane.float(), scale_factor=2.0) if frame else plane.float()
    return plane.float() / 255


def example_files(folder: Path) -> list[Path]:
    """The files of pairs in a folder, sorted. Raises `BadInput` where there are none."""
    files = sorted(folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else []
    if not files:
        raise BadInput(f"{folder} holds no training pairs; make some with `motionimit train synth --assets FOLDER -o {folder}`.")
    return files
