"""Where synthetic people stand: camera, light and room, all from one seeded generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from torch import Tensor

from ..geometry.camera import Camera
from . import surfaces
from .backdrop import Backdrop, Surface, room
from .lighting import Lighting

FRAMES_PX = ((288, 512), (384, 512), (512, 512))
_HALF_BODY = 0.12  # share of scenes that cut the person off below
_WALLS: tuple[Callable[[np.random.Generator], Surface], ...] = (surfaces.bricks, surfaces.plaster)
_FLOORS: tuple[Callable[[np.random.Generator], Surface], ...] = (surfaces.planks, surfaces.slabs)
_POOL = 4  # painted surfaces of each kind per process: painting one takes a second


@dataclass(frozen=True, slots=True)
class Scene:
    camera: Camera
    lighting: Lighting
    backdrop: Backdrop
    floor_y_m: float  # of the camera-aligned world, negative
    distance_m: float  # of the person


@dataclass(frozen=True, slots=True)
class Place:
    """A room and where one stands in it, before any picture is taken."""

    camera: Camera
    floor: Surface
    wall: Surface
    floor_y_m: float
    distance_m: float
    wall_z_m: float

    def backdrop(self, camera: Camera) -> Backdrop:
        """What a camera at the origin sees of the room."""
        return room(camera, self.floor, self.wall, self.floor_y_m, self.wall_z_m)


def random_scene(rng: np.random.Generator, height_m: float) -> Scene:
    """A scene for a person of `height_m`, filling 62 to 88 % of the height, or so near that the legs are cut."""
    place = random_place(rng, height_m)
    return Scene(place.camera, random_lighting(rng), place.backdrop(place.camera), place.floor_y_m, place.distance_m)


def random_place(rng: np.random.Generator, height_m: float) -> Place:
    """Camera, room and standing place of a random scene."""
    camera = Camera.for_image(*FRAMES_PX[rng.integers(len(FRAMES_PX))])
    if rng.random() < _HALF_BODY:
        share, floor = rng.uniform(1.3, 1.7), rng.uniform(0.66, 0.74)
    else:
        share, floor = rng.uniform(0.62, 0.88), rng.uniform(0.5, 0.56)
    distance = camera.focal_px * height_m / (share * camera.size_px[1])
    floor_y = -floor * height_m
    wall, ground = (
        _painted(int(rng.integers(2)), int(rng.integers(_POOL))),
        _painted(2 + int(rng.integers(2)), int(rng.integers(_POOL))),
    )
    return Place(camera, ground, wall, floor_y, distance, -distance - rng.uniform(0.8, 2.5))


def random_lighting(rng: np.random.Generator) -> Lighting:
    """From flat studio light to hard sun, from any side in front or above, warm or cool."""
    around, up = rng.uniform(-1.9, 1.9), rng.uniform(0.25, 1.4)
    hard = rng.uniform(0.15, 1.0)
    warm = np.exp(rng.normal(0, 0.12, 3))
    key = hard * 2.2 * warm
    sky = (1.3 - 0.6 * hard) * np.exp(rng.normal(0, 0.08, 3))
    horizon, ground = sky * rng.uniform(0.6, 1.0), sky * rng.uniform(0.2, 0.6)
    return Lighting(
        key_towards=(float(np.sin(around)), float(up), float(np.cos(around))),
        key_rgb=_rgb(key),
        sky_rgb=_rgb(sky),
        horizon_rgb=_rgb(horizon),
        ground_rgb=_rgb(ground),
        key_size=float(rng.uniform(0.04, 0.25)),
        exposure=float(rng.uniform(0.42, 0.75)),
    )


def _rgb(color: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = color.tolist()
    return red, green, blue


@lru_cache(maxsize=4 * _POOL)
def _painted(kind: int, seed: int) -> Surface:
    return (*_WALLS, *_FLOORS)[kind](np.random.default_rng((kind, seed)))


def developed_person(rgb: Tensor, alpha: Tensor, exposure: float) -> Tensor:
    """Premultiplied linear [3, H, W] → premultiplied sRGB: the person's own colours, developed, times alpha."""
    from .render import develop

    return develop(rgb / alpha.clamp_min(1e-4), exposure) * alpha
