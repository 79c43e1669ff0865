"""Scores of a result against the truth, a picture or a film: rows of numbers under the names of `MEASURES`.

PSNR, SSIM and LPIPS are of the person's box (the mask's, wider by 8 % of the person's height), AKD and PCK in % of the person's
height. PSNR, SSIM and LPIPS depend on the pictures' size: compare at one size only. A measure that a picture can't have is absent
from its row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import pairwise

import numpy as np

from ..checks import check_shape
from .availability import Distances
from .crops import HAND_PX, HEAD_PX, cut, hand_boxes, head_box
from .identity import likeness
from .people import Finder, LandmarkErrors, Seen, landmark_errors, mask_iou
from .pictures import WINDOW_PX, check_pair, mask_l1, mask_psnr, mask_ssim, motion, psnr, ssim

Row = dict[str, float]
Film = Iterable[np.ndarray]


def score_picture(
    truth: np.ndarray, made: np.ndarray, seen: Seen, mask: np.ndarray | None, finder: Finder, distances: Distances
) -> Row:
    """One result against the truth, both uint8 [H, W, 3].

    Args:
        seen: the person in the truth, by the same `finder`.
        mask: [H, W] bool, the true person; None: the finder's mask. AKD and IoU always use what the finder sees.
    Raises `ShapeError` where sizes differ, `BadInput` for pictures under 7 px.
    """
    check_pair(truth, made)
    check_shape("seen.mask", seen.mask, truth.shape[:2])
    found = finder(made)
    return {
        **_frame_scores(truth, made, distances),
        **_person_scores(truth, made, seen, seen.mask if mask is None else mask, distances),
        **landmark_errors(seen, found).scores(seen.height_px),
        "detected": 100.0 * (found is not None),
        "iou": mask_iou(seen, found),
        **face_scores(distances, face_of(distances, truth, seen), made, found),
    }


def score_film(truth: Film, made: Film, finder: Finder, distances: Distances, wanted: Collection[int] | None = None) -> list[Row]:
    """Frames of a result against the true ones, paired by order, uint8 [H, W, 3] of one size; as far as the shorter reaches.

    `wanted`: the indices to score (None: all); 0 never is, because it has no predecessor and is often the source itself. Each row
    has its `index`. Percentages are of the median height over the scored frames, since a crouching person isn't a shorter one.
    Frames in whose truth nobody is found have whole-frame measures alone. Raises `ShapeError`, `BadInput`.
    """
    rows: list[Row] = []
    sightings: list[tuple[Row, LandmarkErrors, float]] = []
    for index, ((truth_was, made_was), (truth_now, made_now)) in enumerate(pairwise(zip(truth, made, strict=False)), 1):
        if wanted is not None and index not in wanted:
            continue
        row: Row = {"index": float(index), **_frame_scores(truth_now, made_now, distances)}
        rows.append(row)
        seen = finder(truth_now)
        if seen is None:
            continue
        found = finder(made_now)
        row.update(_person_scores(truth_now, made_now, seen, seen.mask, distances))
        was, now, was_made, now_made = (cut(p, seen.box) for p in (truth_was, truth_now, made_was, made_now))
        row.update(motion((was, now), (was_made, now_made)))
        row.update({"detected": 100.0 * (found is not None), "iou": mask_iou(seen, found)})
        row.update(face_scores(distances, face_of(distances, truth_now, seen), made_now, found))
        sightings.append((row, landmark_errors(seen, found), seen.height_px))
    height_px = float(np.median([tall for _, _, tall in sightings])) if sightings else 1.0
    for row, errors, _ in sightings:
        row.update(errors.scores(height_px))
    return rows


def face_of(distances: Distances, rgb: np.ndarray, seen: Seen | None) -> np.ndarray | None:
    """[128] descriptor of the person's face; None where there is none to be seen or no network to describe it."""
    return None if distances.faces is None else distances.faces(rgb, seen)


def face_scores(distances: Distances, reference: np.ndarray | None, made: np.ndarray, found: Seen | None) -> Row:
    """Identity against a reference descriptor and whether there is a face at all; nothing where there is no reference."""
    if reference is None:
        return {}
    face = face_of(distances, made, found)
    return {"face_rate": 0.0} if face is None else {"face_rate": 100.0, "identity": likeness(reference, face)}


def _frame_scores(truth: np.ndarray, made: np.ndarray, distances: Distances) -> Row:
    return _present(psnr_frame=psnr(truth, made), ssim_frame=ssim(truth, made), lpips_frame=distances.perceptual(truth, made))


def _person_scores(truth: np.ndarray, made: np.ndarray, seen: Seen, mask: np.ndarray, distances: Distances) -> Row:
    """The box, the mask, the head and the hands."""
    a, b = cut(truth, seen.box), cut(made, seen.box)
    row: Row = {}
    if min(a.shape[:2]) >= WINDOW_PX:
        row = _present(psnr=psnr(a, b), ssim=ssim(a, b), lpips=distances.perceptual(a, b))
    similarity = mask_ssim(truth, made, mask)
    whole, inside = similarity if similarity is not None else (None, None)
    row |= _present(mask_psnr=mask_psnr(truth, made, mask), mask_ssim=whole, body_ssim=inside, l1_mask=mask_l1(truth, made, mask))
    head = head_box(seen)
    if head is not None:
        a, b = cut(truth, head, HEAD_PX), cut(made, head, HEAD_PX)
        row |= _present(head_psnr=psnr(a, b), head_ssim=ssim(a, b), head_lpips=distances.perceptual(a, b, None))
    hands = [(cut(truth, box, HAND_PX), cut(made, box, HAND_PX)) for box in hand_boxes(seen)]
    if hands:
        row["hands_psnr"] = float(np.mean([psnr(a, b) for a, b in hands]))
        row["hands_ssim"] = float(np.mean([ssim(a, b) for a, b in hands]))
    return row


def _present(**values: float | None) -> Row:
    return {name: value for name, value in values.items() if value is not None}
