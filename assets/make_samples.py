"""Render the sample photo and the sample dance clip from CC0 assets. See README.md beside this file.

python assets/make_samples.py --assets FOLDER [--out assets] [--only photo|dance]
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

import av
import choreography
import cv2
import music
import numpy as np
import torch

from motionimit.geometry.camera import Camera
from motionimit.training import surfaces
from motionimit.training.assets import AssetLibrary
from motionimit.training.backdrop import Backdrop, room
from motionimit.training.lighting import Lighting
from motionimit.training.people import BodyFactory, Person, PersonSpec, build_person, load_texture, srgb_to_linear
from motionimit.training.render import PersonRenderer, develop

SEED = 20240607
FPS = Fraction(30000, 1001)
FRAMES = 180
PHOTO_PX, CLIP_PX = (900, 1200), (720, 960)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True, help="folder of the MakeHuman asset pack, with manifest.csv")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--only", choices=("photo", "dance"))
    args = parser.parse_args()
    library, factory = AssetLibrary(args.assets, cc0_only=True), BodyFactory()
    if args.only != "dance":
        make_photo(library, factory, args.out / "photo.jpg")
    if args.only != "photo":
        make_dance(library, factory, args.out / "dance.mp4")


def make_photo(library: AssetLibrary, factory: BodyFactory, path: Path) -> None:
    """Person A, a woman, in front of a brick wall under a bright, hazy sky, with room for raised arms."""
    rng = np.random.default_rng(SEED)
    person = build_person(woman(library), library, factory)
    camera = Camera.for_image(*PHOTO_PX)
    height, distance = 0.98, 3.3
    rotations, translation = standing(person)
    backdrop = room(camera, surfaces.slabs(rng), surfaces.bricks(rng), -height, -distance - 1.7)
    light = Lighting(
        (0.55, 1.6, 0.9), key_rgb=(1.5, 1.42, 1.3), sky_rgb=(1.15, 1.18, 1.24), horizon_rgb=(0.9, 0.9, 0.91), key_size=0.16
    )
    picture = shot(
        PersonRenderer(person, supersample=3),
        rotations,
        translation + np.array([0.0, -height, -distance]),
        camera,
        light,
        backdrop,
        rng,
    )
    if not cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 93]):
        raise SystemExit(f"cannot write {path}")


def make_dance(library: AssetLibrary, factory: BodyFactory, path: Path) -> None:
    """Person B, a man, dances in a studio."""
    rng = np.random.default_rng(SEED + 1)
    person = build_person(man(library), library, factory)
    camera = Camera.for_image(*CLIP_PX)
    height, distance = 1.06, 3.9
    wall = surfaces.plaster(rng)
    wall = surfaces.hang(wall, poster(rng, ("#e8d9b8", "#c8553d", "#28536b", "#f2b134")), (-0.95, 2.15), (0.62, 0.86))
    wall = surfaces.hang(wall, poster(rng, ("#dfe7e2", "#3c6e71", "#d9a05b", "#284b63")), (0.85, 2.2), (0.8, 0.8))
    backdrop = room(camera, surfaces.planks(rng), wall, -height, -distance - 1.5)
    light = Lighting(
        (-0.7, 1.2, 0.9), key_rgb=(1.75, 1.6, 1.4), sky_rgb=(0.95, 0.94, 0.92), horizon_rgb=(0.74, 0.71, 0.66), key_size=0.09
    )
    renderer = PersonRenderer(person)
    times = np.arange(FRAMES) / float(FPS)
    rotations, translations = choreography.dance(person.joints_m, person.sole_m, times)
    offset = np.array([0.04, -height, -distance])
    frames = (shot(renderer, r, t + offset, camera, light, backdrop, rng) for r, t in zip(rotations, translations, strict=True))
    encode(path, frames, music.song(float(FRAMES / FPS), SEED))


def woman(library: AssetLibrary) -> PersonSpec:
    return PersonSpec(
        phenotype={"gender": 1.0, "age": 0.58, "muscle": 0.5, "weight": 0.42, "height": 0.55, "proportions": 0.85},
        skin="young_lightskinned_female2",
        eyes="eye_green",
        garments=("female_casualsuit01", "shoes05", "braid01", "eyebrow012", "eyelashes01"),
        tints={"braid01": (4.6, 2.7, 1.7)},
        textures={"female_casualsuit01": printed_shirt(library.image("female_casualsuit01"))},
    )


def man(library: AssetLibrary) -> PersonSpec:
    return PersonSpec(
        phenotype={"gender": 0.0, "age": 0.6, "muscle": 0.6, "weight": 0.45, "height": 0.52, "proportions": 0.85},
        skin="young_lightskinned_male3",
        eyes="eye_brown",
        garments=("male_casualsuit05", "shoes06", "short02", "eyebrow009", "eyelashes01"),
        tints={"short02": (0.5, 0.42, 0.36)},
        textures={"male_casualsuit05": chinos(library.image("male_casualsuit05"))},
    )


def printed_shirt(path: Path) -> np.ndarray:
    """The blue T-shirt in coral, its print replaced by a sun over waves. [1024, 1024, 4] linear RGBA."""
    rgba = load_texture(path, (1.0, 1.0, 1.0))
    srgb = read_srgb(path)
    size = srgb.shape[0]
    top, bottom, left, right = (int(f * size) for f in (0.155, 0.315, 0.712, 0.868))
    patch = srgb[top:bottom, left - (right - left) : left]
    srgb[top:bottom, left:right] = patch[:, ::-1]  # fabric without print
    hsv = cv2.cvtColor(srgb.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    shirt = np.zeros(srgb.shape[:2], bool)
    shirt[: int(0.44 * size)] = True
    shirt[int(0.57 * size) : int(0.87 * size), int(0.72 * size) :] = True
    blue = shirt & (np.abs(hsv[..., 0] - 215) < 25) & (hsv[..., 1] > 0.35)
    trim = shirt & (hsv[..., 0] < 60) & (hsv[..., 1] > 0.25)
    trim = cv2.dilate(trim.astype(np.uint8), np.ones((3, 3))).astype(bool)
    blue &= ~trim
    hsv[blue] = hsv[blue] * [0, 0.86, 1.28] + [6, 0, 0.06]
    hsv[trim] = [42, 0.14, 0.90]
    rgb = cv2.cvtColor(hsv.clip(0, [360, 1, 1]).astype(np.float32), cv2.COLOR_HSV2RGB)
    side = bottom - top
    mark = cv2.rotate(sun(side), cv2.ROTATE_90_CLOCKWISE)[..., None]  # the front piece lies on its side
    x = (left + right - side) // 2
    box = (slice(top, bottom), slice(x, x + side))
    rgb[box] += mark * (np.array([0.97, 0.94, 0.86]) * rgb[box].max(2, keepdims=True) ** 0.2 - rgb[box])
    rgba[..., :3] = srgb_to_linear(rgb)
    return rgba


def read_srgb(path: Path) -> np.ndarray:
    """[H, W, 3] uint8."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SystemExit(f"cannot read {path}")
    return image[..., ::-1].copy()


def sun(side: int) -> np.ndarray:
    """[side, side] 0..1 coverage of the print, drawn four times larger."""
    n = 4 * side
    image = np.zeros((n, n), np.uint8)
    center = (n // 2, int(0.44 * n))
    cv2.circle(image, center, int(0.17 * n), 255, -1, cv2.LINE_AA)
    for k in range(9):
        ray = np.array([np.cos(k * np.pi / 8), -np.sin(k * np.pi / 8)])
        a, b = ((np.array(center) + r * n * ray).astype(int) for r in (0.22, 0.31 + 0.04 * (k % 2)))
        cv2.line(image, tuple(map(int, a)), tuple(map(int, b)), 255, int(0.028 * n), cv2.LINE_AA)
    x = np.arange(n)
    for row in (0.66, 0.75, 0.84):
        y = n * (row + 0.03 * np.sin(x / n * 6 * np.pi))
        shape = np.stack([x, y], 1)[int(0.14 * n) : int(0.86 * n)].astype(np.int32)
        cv2.polylines(image, [shape], False, 0, int(0.075 * n), cv2.LINE_AA)
        cv2.polylines(image, [shape], False, 255, int(0.035 * n), cv2.LINE_AA)
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def chinos(path: Path) -> np.ndarray:
    """The jeans of the jacket suit in sand. [H, W, 4] linear RGBA."""
    rgba = load_texture(path, (1.0, 1.0, 1.0))
    hsv = cv2.cvtColor(read_srgb(path).astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    denim = ((np.abs(hsv[..., 0] - 210) < 35) & (hsv[..., 1] > 0.12)).astype(np.float32)
    denim = cv2.GaussianBlur(cv2.morphologyEx(denim, cv2.MORPH_CLOSE, np.ones((9, 9))), (0, 0), 1.0)[..., None]
    value = rgba[..., :3].mean(2, keepdims=True) ** 0.55
    rgba[..., :3] += denim * (value * np.array([0.95, 0.74, 0.50], np.float32) - rgba[..., :3])
    return rgba


def poster(rng: np.random.Generator, colors: tuple[str, ...]) -> np.ndarray:
    """An abstract sRGB poster [600, 480, 3] of arcs and bars."""
    paper, *inks = (np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255 for c in colors)
    image = np.ones((600, 480, 3), np.float32) * paper
    for k in range(7):
        ink = inks[k % len(inks)].tolist()
        center = (int(rng.uniform(60, 420)), int(rng.uniform(80, 520)))
        radius = int(rng.uniform(40, 130))
        if k % 3 == 2:
            cv2.rectangle(image, center, (center[0] + radius, center[1] + radius // 3), ink, -1, cv2.LINE_AA)
        else:
            turn, sweep = float(rng.integers(4) * 90), float(rng.choice([180, 270, 360]))
            cv2.ellipse(image, center, (radius, radius), turn, 0, sweep, ink, -1, cv2.LINE_AA)
    return image


def standing(person: Person) -> tuple[np.ndarray, np.ndarray]:
    """A relaxed stand: arms a little away from the body, weight on both feet, toes slightly out."""
    rotations = np.tile(np.eye(3), (24, 1, 1))
    x, y, z = choreography.turn_x, choreography.turn_y, choreography.turn_z
    for side, (hip, knee, ankle, collar) in ((1.0, (1, 4, 7, 13)), (-1.0, (2, 5, 8, 14))):
        spread, bend = 0.005, 0.05
        rotations[hip] = z(side * spread) @ y(side * 0.10) @ x(-bend)
        rotations[knee] = x(2 * bend)
        rotations[ankle] = x(-bend) @ z(-side * spread)
        rotations[collar] = z(-side * 0.06)
        rotations[collar + 3] = z(-side * 1.13) @ y(-side * 0.06)
        rotations[collar + 5] = y(-side * 0.32)
        rotations[collar + 7] = y(-side * 0.08) @ z(side * 0.06)
    rotations[0] = y(0.05)
    rotations[15] = y(-0.05) @ x(0.02) @ z(0.03)
    lowest = min(v[:, 1].min() for v in person.posed(rotations, np.zeros(3)))
    return rotations, np.array([0.0, -lowest, 0.0])


def shot(
    renderer: PersonRenderer,
    rotations: np.ndarray,
    translation_m: np.ndarray,
    camera: Camera,
    light: Lighting,
    backdrop: Backdrop,
    rng: np.random.Generator,
) -> np.ndarray:
    """One finished picture [H, W, 3] uint8: person over backdrop, a faint vignette, a little sensor noise."""
    person = renderer.draw(rotations, translation_m, camera, light)
    linear = person.rgb + (1 - person.alpha) * backdrop.lit(light, person.occlusion)
    height, width = linear.shape[1:]
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    srgb = develop(linear * (1 - 0.10 * (x**2 + y**2)), light.exposure).permute(1, 2, 0).numpy()
    grain = cv2.GaussianBlur(rng.standard_normal((height, width, 1)).astype(np.float32), (0, 0), 0.7)[..., None]
    return ((srgb + 0.006 * grain) * 255 + 0.5).clip(0, 255).astype(np.uint8)


def encode(path: Path, frames: object, sound: np.ndarray) -> None:
    """H.264 yuv420p at exactly 30000/1001 and stereo AAC, moov first."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as file:
        video = file.add_stream("libx264", rate=FPS, options={"crf": "23", "preset": "slow"})
        video.width, video.height, video.pix_fmt = *CLIP_PX, "yuv420p"
        video.codec_context.time_base = 1 / FPS
        audio = file.add_stream("aac", rate=music.RATE, layout="stereo")
        audio.bit_rate = 128000
        for picture in frames:  # type: ignore[attr-defined]
            file.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(video.encode(None))
        block = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), format="fltp", layout="stereo")
        block.sample_rate = music.RATE
        file.mux(audio.encode(block))
        file.mux(audio.encode(None))


if __name__ == "__main__":
    main()
