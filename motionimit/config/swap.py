"""What `swap` is asked for, and how garments and photos are named on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from ..errors import BadUsage
from ..values import check_choice, check_distinct, check_span
from .common import AVATAR_SUFFIX, Rendering
from .transfer import CAMERA_MODES, CameraMode, TransferSettings

GarmentPart = Literal["upper", "lower", "shoes", "hair", "all"]
GARMENT_PARTS: tuple[str, ...] = get_args(GarmentPart)
EVERY_PART = ("upper", "lower", "shoes", "hair")
DEFAULT_PARTS = "upper,lower"


def parse_parts(texts: Sequence[str], photos: Sequence[Path]) -> dict[str, Path]:
    """Part → photo, from ``upper,lower`` or ``upper=a.jpg`` texts and the photos given beside them. Raises `BadUsage`.

    Parts without a photo of their own take the only photo, or one photo each in order.
    """
    out: dict[str, Path] = {}
    plain: list[str] = []
    for token in (t.strip() for text in texts for t in text.split(",")):
        part, given, path = token.partition("=")
        check_choice("--parts", part, GARMENT_PARTS)
        if part in out or part in plain:
            raise BadUsage(f"--parts names '{part}' twice; name it once.")
        if given and not path:
            raise BadUsage(f"--parts {part}= lacks the photo; write {part}=photo.jpg.")
        if given:
            out[part] = Path(path)
        else:
            plain.append(part)
    if not photos and plain:
        raise BadUsage(
            f"swap needs a photo of the clothes for '{plain[0]}'; give it after the person's, or as {plain[0]}=photo.jpg."
        )
    if photos and not plain:
        raise BadUsage(f"No part is taken from '{photos[0].name}'; name one in --parts, or leave the photo out.")
    if len(photos) not in (0, 1, len(plain)):
        raise BadUsage(f"{len(photos)} photos of clothes don't match {len(plain)} parts; write --parts part=photo.jpg for each.")
    return out | dict(zip(plain, photos if len(photos) > 1 else list(photos) * len(plain), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapSettings(Rendering):
    """The person of `sources` in other people's clothes, as a still or moving as `driving` does.

    Raises `BadUsage` as `TransferSettings` does.
    """

    clothes: dict[str, Path]  # part → photo (or .avatar) of whoever wears it; 'all' stands for every part not named besides
    driving: Path | None = None  # None: a still in the person's own pose
    camera: CameraMode = "smooth"
    start_s: float = 0.0
    duration_s: float | None = None
    max_frames: int | None = None
    person: int | str | None = None
    side_by_side: bool = False

    def __post_init__(self) -> None:
        Rendering.__post_init__(self)
        if not self.clothes:
            raise BadUsage("swap needs at least one part to take from another photo, such as --parts upper=photo.jpg.")
        for part in self.clothes:
            check_choice("--parts", part, GARMENT_PARTS)
        if self.generator != "warp":
            raise BadUsage("swap draws the photos' own pixels; leave --generator out.")
        check_choice("--camera", self.camera, CAMERA_MODES)
        check_span(self.start_s, self.duration_s, self.max_frames, self.person)
        if self.driving is not None:
            self.driven()
        elif not self.is_picture:
            raise BadUsage(f"A still is one .png, got '{self.output.name}'; name a .png, or add --drive dance.mp4 for a film.")
        elif self.background == "driving" or self.side_by_side:
            raise BadUsage("--background driving and --side-by-side show a driver; add --drive dance.mp4, or leave them out.")
        check_distinct(self.output_paths, self.input_paths)

    @property
    def whose(self) -> dict[str, Path]:
        """Part → photo with 'all' spelt out; parts named besides keep their own photo."""
        named = {part: path for part, path in self.clothes.items() if part != "all"}
        rest = {part: self.clothes["all"] for part in EVERY_PART if "all" in self.clothes}
        return rest | named

    def driven(self) -> TransferSettings:
        """The same job as a transfer, for all that concerns the driver."""
        assert self.driving is not None
        own = {field.name for field in fields(self)}
        return TransferSettings(**{f.name: getattr(self, f.name) for f in fields(TransferSettings) if f.name in own})

    @property
    def driver_paths(self) -> tuple[Path, ...]:
        unique = tuple(dict.fromkeys(self.clothes.values()))
        return unique if self.driving is None else (*unique, self.driving)

    def check_paths(self) -> None:
        """Fail before any work: inputs are there, the output's folder is writable. Raises `BadInput`."""
        from ..media.paths import check_input

        Rendering.check_paths(self)
        for path in dict.fromkeys(self.clothes.values()):
            check_input(path, "avatar" if path.suffix.lower() == AVATAR_SUFFIX else "photo of the clothes")
        if self.driving is not None:
            self.driven().check_paths()
