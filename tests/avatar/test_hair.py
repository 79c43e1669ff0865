"""Heads from behind show no face, and hair has volume."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from avatar_material import HAIR, SKIN, STANDING_DEG, big_hair, body_of, close_to, paint, photograph, posed, standing

from motionimit.avatar.fill import nearest_index
from motionimit.avatar.hair import head_from_behind
from motionimit.avatar.labels import label_matte
from motionimit.avatar.posed import PosedBody
from motionimit.avatar.volume import ReliefGrid, with_hair
from motionimit.body.parts import Part, Region

CELL_PX = 2

GREEN = (0.1, 0.8, 0.2)


def large():
    """Short hair in a photo of twice the size."""
    return photograph(posed(STANDING_DEG, size=(320, 480)))


def head_of(photo):
    body = body_of(photo)
    label = label_matte(body, photo.colors, photo.matte)
    return body, (label == Part.HEAD) & (photo.matte > 0.5)


def face_above_nape(body: PosedBody, head):
    """The face without its lowest 40 %, where the nape of a short-haired head may show skin."""
    rows = np.flatnonzero((body.region == Region.FACE).any(1))
    end = int(rows[0] + 0.6 * (rows[-1] - rows[0]))
    return head & (body.region == Region.FACE) & (np.arange(len(head)) < end)[:, None]


@pytest.mark.parametrize(("person", "nearness"), [(large, 1.0), (big_hair, 0.5)])
def test_no_face_is_left_on_the_back_of_a_head(person, nearness):
    """Where only a rim of short hair is seen, it is mixed with skin: it need but be nearer to hair than to skin."""
    photo = person()
    body, head = head_of(photo)
    behind, face = head_from_behind(body, photo.colors, head), face_above_nape(body, head)
    assert close_to(photo.colors, SKIN, 0.15)[face].mean() > 0.7, "the photo shows no face"
    skin = close_to(behind, SKIN, 0.25)[face].mean()
    assert skin == 0, f"{skin:.1%} of the face's pixels are still skin from behind"
    to_hair, to_skin = (np.abs(behind - np.float32(color)).sum(-1)[face] for color in (HAIR, SKIN))
    hair = (to_hair < nearness * to_skin).mean()
    assert hair > 0.98, f"{hair:.1%} of the face's pixels look like hair from behind"


def test_a_bald_head_is_bald_from_behind():
    table = paint()
    table[Region.SCALP] = SKIN
    photo = photograph(posed({}), table)
    body, head = head_of(photo)
    behind = head_from_behind(body, photo.colors, head)
    share = close_to(behind, SKIN, 0.1)[head].mean()
    assert share > 0.97, f"{share:.1%} of a bald head is skin from behind"


def test_nothing_but_the_head_changes():
    photo = standing()
    body, head = head_of(photo)
    behind = head_from_behind(body, photo.colors, head)
    rows, columns = np.flatnonzero(head.any(1)), np.flatnonzero(head.any(0))
    outside = np.ones(head.shape, bool)
    outside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = False
    assert np.array_equal(behind[outside], photo.colors[outside])
    assert np.array_equal(head_from_behind(body, photo.colors, np.zeros_like(head)), photo.colors), "no head, no change"


def relief(body: PosedBody, alpha) -> ReliefGrid:
    """The bare head's two sides over the picture, run on outside it, closing over 3 cm as the shells do."""
    view = body.parts[Part.HEAD]
    covered = (view.front.depth_m.isfinite() & view.back.depth_m.isfinite()).numpy()
    index, distance = nearest_index(covered)
    rows, columns = -(-alpha.shape[0] // CELL_PX), -(-alpha.shape[1] // CELL_PX)
    y, x = np.mgrid[: rows + 1, : columns + 1] * CELL_PX
    at = np.minimum(y, alpha.shape[0] - 1), np.minimum(x, alpha.shape[1] - 1)
    near, far = (r.depth_m.numpy().reshape(-1)[index[at]] for r in (view.front, view.back))
    reach_px = 0.03 * body.camera.focal_px / float(np.median(near))
    return ReliefGrid(
        np.stack((x, y), -1).astype(np.float32),
        near,
        far,
        np.clip(distance[at] / reach_px, 0, 1),
        np.zeros((*near.shape, 24), np.float32),
        np.ones((rows, columns), bool),
    )


def closed(grid: ReliefGrid):
    """Depths of both sides after closing towards their middle plane."""
    middle = (grid.near + grid.far) / 2
    return (side + (middle - side) * grid.closing for side in (grid.near, grid.far))


def bare_head(person):
    """The body, the head's matte, its grid without hair, and rows and columns of the pixels under the grid's vertices."""
    photo = person()
    body, head = head_of(photo)
    alpha = head * photo.matte
    grid = relief(body, alpha)
    return body, alpha, grid, *(np.minimum(grid.uv[..., k].astype(int), alpha.shape[1 - k] - 1) for k in (1, 0))


@pytest.mark.parametrize("person", [standing, big_hair])
def test_hair_makes_the_relief_deeper_and_never_thinner(person):
    body, alpha, grid, row, column = bare_head(person)
    hairy = with_hair(body, grid, alpha)
    (near, far), (front, back) = closed(grid), closed(hairy)
    gain = (back - front) - (far - near)
    depth = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 5)[row, column]
    inner = gain[depth >= 2 * CELL_PX]
    assert inner.min() > -1e-5, f"{(inner < -1e-5).sum()} vertices come up to {-1000 * inner.min():.1f} mm thinner"
    assert gain.max() > 0.02, f"no vertex comes more than {1000 * gain.max():.1f} mm deeper"
    face = body.region[row, column] == Region.FACE
    moved = np.abs(front - near)[face].max()
    assert moved < 1e-6, f"the face moves by {1000 * moved:.1f} mm"


@pytest.mark.parametrize("person", [standing, big_hair])
def test_both_sides_meet_at_the_outline_of_the_crown(person):
    """Else the last cells of both stand up as two sheets, which are horns in profile."""
    body, alpha, grid, row, column = bare_head(person)
    front, back = closed(with_hair(body, grid, alpha))
    rim = (alpha[row, column] < 0.5) & (row < np.flatnonzero((body.region == Region.FACE).any(1))[0])
    apart = (back - front)[rim].max()
    assert rim.any() and apart < 1e-6, f"the sides are up to {1000 * apart:.0f} mm apart"


def test_a_ball_of_hair_is_as_deep_as_it_is_wide():
    photo = big_hair()
    body, head = head_of(photo)
    alpha = head * photo.matte
    grid = relief(body, alpha)
    front, back = closed(with_hair(body, grid, alpha))
    bare_front, bare_back = closed(grid)
    rows = np.flatnonzero((body.region == Region.FACE).any(1))
    width_px = head[rows[0] + 4].sum()
    at = (rows[0] + 4) // CELL_PX
    width_m = width_px * float(np.median(grid.near[at])) / body.camera.focal_px
    depth, bare = float((back - front)[at].max()), float((bare_back - bare_front)[at].max())
    assert depth > 0.8 * width_m, f"hair {100 * width_m:.0f} cm wide is {100 * depth:.0f} cm deep"
    assert depth < 1.3 * width_m, f"hair {100 * width_m:.0f} cm wide is {100 * depth:.0f} cm deep"
    assert depth > bare + 0.02, f"{100 * depth:.1f} cm with hair, {100 * bare:.1f} cm without"


def test_a_body_without_a_face_keeps_its_relief():
    photo = standing()
    body, head = head_of(photo)
    alpha = head * photo.matte
    grid = relief(body, alpha)
    faceless = replace(body, region=np.full_like(body.region, -1))
    assert with_hair(faceless, grid, alpha) is grid


def test_no_mouth_is_left_on_the_nape():
    """Short hair: the nape is bare, but what the photo shows there is mouth and chin."""
    photo = large()
    body, head = head_of(photo)
    face = body.region == Region.FACE
    rows, columns = np.flatnonzero(face.any(1)), np.flatnonzero(face.any(0))
    mouth, across = np.zeros_like(face), len(columns) // 3
    mouth[rows[-1] - (rows[-1] - rows[0]) // 5 : rows[-1] - 1, columns[0] + across : columns[-1] - across] = True
    colors = np.where((mouth & face & head)[..., None], np.float32(GREEN), photo.colors).astype(np.float32)
    behind = head_from_behind(body, colors, head)[head]
    green = behind[:, 1] - behind[:, 0] > 0.2
    assert (mouth & face & head).sum() > 20 and not green.any(), f"{green.sum()} px of the mouth are on the back of the head"


def beside_the_neck(body, head, reach_px):
    """[h, w] bool: off the body, beside face and neck, from the eyes down to where the head ends."""
    near = cv2.dilate((np.isin(body.region, (Region.FACE, Region.NECK)) & head).astype(np.uint8), np.ones((1, 2 * reach_px + 1)))
    eyes = np.flatnonzero((body.region == Region.FACE).any(1))[0] + 4
    return (near > 0) & (body.region < 0) & (np.arange(len(head)) > eyes)[:, None]


@pytest.mark.parametrize("ends", [HAIR, (0.62, 0.45, 0.25)], ids=["dark", "bleached"])
def test_long_hair_hides_the_nape(ends):
    """Its ends may be nearer to the face's colour than to its roots'."""
    photo = large()
    body, head = head_of(photo)
    hair = beside_the_neck(body, head, 16)
    colors = np.where(hair[..., None], np.float32(ends), photo.colors).astype(np.float32)
    behind, neck = head_from_behind(body, colors, head | hair), head & (body.region == Region.NECK)
    to_hair, to_skin = (np.abs(behind - np.float32(color)).sum(-1)[neck] for color in (ends, SKIN))
    assert neck.sum() > 50 and (to_hair < to_skin).mean() > 0.95, f"{(to_hair < to_skin).mean():.1%} of the nape is under hair"


def test_a_collar_is_neither_hair_nor_nape():
    """In the colour of a suit, beside the neck up to the jaw; between its sides the nape is bare."""
    photo = large()
    body, head = head_of(photo)
    chin = np.flatnonzero((body.region == Region.FACE).any(1))[-1]
    collar = beside_the_neck(body, head, 5) & (np.arange(len(head)) > chin - 4)[:, None]
    navy = np.float32((0.08, 0.1, 0.3))
    colors = np.where(collar[..., None], navy, photo.colors).astype(np.float32)
    behind, neck = head_from_behind(body, colors, head | collar), head & (body.region == Region.NECK)
    assert collar.sum() > 30 and (np.abs(behind - navy).sum(-1) < np.abs(behind - np.float32(SKIN)).sum(-1))[neck].mean() < 0.05
    assert close_to(behind, SKIN, 0.25)[neck].mean() > 0.8
