"""`motionimit doctor --people`: who can be followed, as a table and a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from motionimit.errors import BadUsage
from motionimit.values import check_distinct, check_file_output, check_span

from .progress import progress_display

if TYPE_CHECKING:
    from motionimit.pose.listing import Listed, Listing


def list_people_of(path: Path, output: Path | None, start_s: float, as_json: bool) -> None:
    """Print how to follow each person of a video, photo or folder, and write a picture of them. Raises `BadUsage`, `BadInput`."""
    from motionimit.media.paths import check_input, check_whole

    picture = output or Path(f"{path.resolve().stem}_people.png")
    if picture.suffix.lower() != ".png":
        raise BadUsage(f"--output must end in .png, got '{picture.name}'.")
    check_span(start_s, None, None, None)
    check_distinct({"--output": picture}, (path,))
    check_input(path, "video or picture", folder_ok=True)
    check_whole(path)
    check_file_output(picture, "--output")
    from motionimit.compositing.people_sheet import people_sheet
    from motionimit.media.image import write_png
    from motionimit.pose.listing import list_people

    with progress_display(as_json) as progress:
        listing = list_people(path, start_s, progress=progress)
    write_png(picture, people_sheet(listing.people))
    if as_json:
        click.echo(json.dumps(_facts(listing, picture), indent=2, ensure_ascii=False))
    else:
        for line in people_table(listing):
            click.echo(line)
        click.echo(str(picture))


def people_table(listing: Listing) -> list[str]:
    """Lines: a heading, one row per person that begins with the options that follow them, and what is worth knowing."""
    from motionimit.compositing.people_sheet import options_text

    count = len(listing.people)
    frames = f"{listing.looked} frames" if listing.looked > 1 else "one frame"
    lines = [f"{count} {'person' if count == 1 else 'people'} in {listing.path} ({frames} looked at)"]
    heading = ("options", "in the frame at", "height", "sure", "seen in", "also")
    rows = [heading, *((options_text(p), *_cells(listing, p)) for p in listing.people)]
    widths = [max(len(row[c]) for row in rows) for c in range(len(heading))]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if any(not p.tall_enough for p in listing.people):
        lines.append("Small: not enough pixels to be followed.")
    if count > 1:
        lines.append("Without --person, the largest is followed.")
    return lines


def _cells(listing: Listing, person: Listed) -> tuple[str, ...]:
    x, y = person.position
    small = "" if person.tall_enough else " (small)"
    return (
        f"{100 * x:.0f}%,{100 * y:.0f}%",
        f"{listing.height_px(person):.0f} px{small}",
        f"{100 * person.plausibility:.0f} %",
        f"{person.seen} of {listing.looked}",
        ", ".join(person.places),
    )


def _facts(listing: Listing, picture: Path) -> dict[str, object]:
    from motionimit.compositing.people_sheet import options_text

    people = [
        {
            "person": p.number,
            "start_s": p.start_s,
            "options": options_text(p),
            "position": [round(share, 4) for share in p.position],
            "height_px": round(listing.height_px(p)),
            "tall_enough": p.tall_enough,
            "plausibility": round(p.plausibility, 3),
            "seen_in": p.seen,
            "places": list(p.places),
        }
        for p in listing.people
    ]
    return {
        "file": str(listing.path),
        "size": list(listing.size_px),
        "looked_at": listing.looked,
        "picture": str(picture),
        "people": people,
    }
