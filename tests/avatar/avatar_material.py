"""A person for the avatar's tests: the open body, posed, painted in flat colours and drawn with soft edges before a wall."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch

from motionimit.avatar.posed import PosedBody, pose_body
from motionimit.body.model import BodyModel, load_body
from motionimit.body.parts import JOINT_NAMES, Region
from motionimit.flow.raster import rasterize
from motionimit.geometry.camera import Camera
from motionimit.geometry.rotation import axis_angle_to_matrix
from motionimit.types import BodyParams

SIZE_PX = (160, 240)
SOFT = 4  # samples per pixel and axis
SKIN, HAIR, SHIRT, TROUSERS, SHOES = (0.85, 0.65, 0.52), (0.22, 0.13, 0.08), (0.8, 0.12, 0.15), (0.15, 0.2, 0.6), (0.1, 0.1, 0.1)
STANDING_DEG = {"left_shoulder": (0, 0, -50), "right_shoulder": (0, 0, 50), "left_hip": (0, 0, 6), "right_hip": (0, 0, -6)}
ARM_ACROSS_DEG = STANDING_DEG | {"left_shoulder": (0, -40, -75), "left_elbow": (0, -110, 0)}


@dataclass(frozen=True)
class Person:
    """A painted photo with everything that is true about it."""

    rgb: np.ndarray  # [H, W, 3] float32, 0..1, over the wall
    colors: np.ndarray  # [H, W, 3] float32, the person's own, undefined off the matte
    matte: np.ndarray  # [H, W] float32
    wall: np.ndarray  # [H, W, 3] float32, what is behind
    params: BodyParams

    @property
    def rgb8(self) -> np.ndarray:
        return (self.rgb * 255 + 0.5).astype(np.uint8)


@cache
def model() -> BodyModel:
    return load_body()


def paint() -> np.ndarray:
    """[Region] colours: hair, skin, a red shirt with short sleeves, blue trousers, dark shoes."""
    out = np.tile(np.float32(SKIN), (len(Region), 1))
    out[Region.SCALP] = HAIR
    out[[Region.CHEST, Region.LEFT_UPPER_ARM, Region.RIGHT_UPPER_ARM]] = SHIRT
    out[[Region.PELVIS, Region.LEFT_THIGH, Region.RIGHT_THIGH, Region.LEFT_SHIN, Region.RIGHT_SHIN]] = TROUSERS
    out[[Region.LEFT_FOOT, Region.RIGHT_FOOT]] = SHOES
    return out


def posed(
    joints_deg: dict[str, tuple[float, float, float]], turn_deg: float = 0.0, size: tuple[int, int] = SIZE_PX
) -> BodyParams:
    """One frame: the open body's mean shape, standing whole in the picture, joints turned by axis-angle vectors in degrees."""
    vectors = torch.zeros(1, 24, 3)
    vectors[0, 0, 1] = turn_deg
    for name, degrees in joints_deg.items():
        vectors[0, JOINT_NAMES.index(name)] = torch.tensor(degrees, dtype=torch.float32)
    rotations = axis_angle_to_matrix(torch.deg2rad(vectors))
    params = BodyParams(rotations, torch.zeros(10), torch.tensor([[0.0, 0.0, -3.2]]), Camera.for_image(*size))
    middle = model().mesh(params).vertices_m[0].aminmax(dim=0)
    shift = params.translation_m - torch.tensor([0.0, 1.0, 0.0]) * (middle.min + middle.max) / 2
    return BodyParams(rotations, params.betas, shift, params.camera)


def striped_wall(size: tuple[int, int] = SIZE_PX) -> np.ndarray:
    """[H, W, 3] a pale wall with soft vertical stripes, in no colour of the person."""
    x = np.arange(size[0], dtype=np.float32)
    stripe = 0.5 + 0.5 * np.sin(x * (2 * np.pi / 16))
    row = np.float32((0.55, 0.75, 0.55)) + stripe[:, None] * np.float32((0.1, 0.15, 0.2))
    return np.tile(row, (size[1], 1, 1)).astype(np.float32)


def photograph(params: BodyParams, colors: np.ndarray | None = None) -> Person:
    """The body drawn with area-sampled edges. `colors` [Region] rows, `paint()` by default."""
    table = paint() if colors is None else colors
    width, height = params.camera.size_px
    camera = params.camera.resized(width * SOFT, height * SOFT)
    vertices = model().mesh(params).vertices_m[0]
    screen = torch.cat((camera.project(vertices), -vertices[:, 2:]), 1)
    face = rasterize(screen, model().faces, camera.size_px).face.numpy()
    hit = (face >= 0).astype(np.float32)
    fine = table[model().region_of_face.numpy()[np.maximum(face, 0)]] * hit[..., None]
    matte = cv2.resize(hit, (width, height), interpolation=cv2.INTER_AREA)
    premultiplied = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    own = premultiplied / np.maximum(matte, 1e-6)[..., None]
    return composed(own, matte, params)


def composed(colors: np.ndarray, matte: np.ndarray, params: BodyParams) -> Person:
    """The photo of foreground colours [H, W, 3] under a matte [H, W]."""
    wall = striped_wall(params.camera.size_px)
    rgb = colors * matte[..., None] + wall * (1 - matte[..., None])
    return Person(rgb.astype(np.float32), colors.astype(np.float32), matte.astype(np.float32), wall, params)


@cache
def standing() -> Person:
    """Arms half raised, legs apart: nothing hides anything."""
    return photograph(posed(STANDING_DEG))


@cache
def arm_across() -> Person:
    """The left forearm before the belly."""
    return photograph(posed(ARM_ACROSS_DEG))


def body_of(person: Person) -> PosedBody:
    return pose_body(model(), person.params, person.params.camera)


def close_to(image: np.ndarray, color: tuple[float, float, float], within: float) -> np.ndarray:
    """[H, W] bool: pixels at most `within` (0..1, per channel) from a colour."""
    return np.abs(image - np.float32(color)).max(-1) <= within


def drawn(person: Person, outline_px: list[tuple[float, float]], color: tuple[float, float, float]) -> Person:
    """The person with a polygon of cloth or hair before them, x and y in pixels."""
    points = np.round(np.float32(outline_px) * 16 * SOFT).astype(np.int32)
    height, width = person.matte.shape
    fine = np.zeros((height * SOFT, width * SOFT), np.uint8)
    cv2.fillPoly(fine, [points], 255, shift=4)
    cover = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    matte = cover + person.matte * (1 - cover)
    own = np.float32(color) * cover[..., None] + person.colors * (person.matte * (1 - cover))[..., None]
    return composed(own / np.maximum(matte, 1e-6)[..., None], matte, person.params)


SKIRT_COLOR = (0.75, 0.6, 0.1)


@cache
def bare_legged() -> Person:
    """Legs in the colour of skin."""
    table = paint()
    table[[Region.LEFT_THIGH, Region.RIGHT_THIGH, Region.LEFT_SHIN, Region.RIGHT_SHIN]] = SKIN
    return photograph(posed(STANDING_DEG), table)


def skirt_rows(body: PosedBody) -> tuple[float, float, float, float]:
    """Middle column, hips, knees and feet in pixels, by the body's joints."""
    joints = model().mesh(standing().params).joints_m[0]
    xy = body.camera.project(joints)
    return float(xy[0, 0]), float(xy[[1, 2], 1].mean()), float(xy[[4, 5], 1].mean()), float(xy[[7, 8], 1].mean())


@cache
def full_skirt() -> Person:
    """A flared skirt from the hips to the knees."""
    person = bare_legged()
    x, hips, knees, _ = skirt_rows(body_of(person))
    return drawn(person, [(x - 17, hips - 12), (x + 17, hips - 12), (x + 40, knees), (x - 40, knees)], SKIRT_COLOR)


@cache
def narrow_skirt() -> Person:
    """A pencil skirt: no wider than the parted legs, ending above the knees over bare skin."""
    person = bare_legged()
    x, hips, knees, _ = skirt_rows(body_of(person))
    hem = hips + 0.75 * (knees - hips)
    return drawn(person, [(x - 20, hips - 12), (x + 20, hips - 12), (x + 27, hem), (x - 27, hem)], SKIRT_COLOR)


@cache
def big_hair() -> Person:
    """A ball of hair round the head, the face drawn over it again."""
    person = standing()
    body = body_of(person)
    rows, columns = np.nonzero(body.region == Region.FACE)
    x, y, radius = columns.mean(), rows.min() + 4.0, 15.0
    angle = np.linspace(0, 2 * np.pi, 60)
    hairy = drawn(person, [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angle], HAIR)
    face = cv2.erode((body.region == Region.FACE).astype(np.float32), np.ones((3, 3), np.uint8))[..., None]
    return composed(hairy.colors * (1 - face) + person.colors * face, hairy.matte, person.params)
