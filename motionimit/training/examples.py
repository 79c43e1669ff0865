"""One synthetic person → photos, target frames, truth, and the inputs that the product would have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ..avatar.portrait import Portrait, build_portrait
from ..body.fit import fit_body
from ..body.model import BodyModel
from ..body.retarget import retarget
from ..errors import MotionimitError
from ..generator.inputs import TargetMaps, Truth
from ..generator.maps import Box, box_of, cropped
from ..pose.detector import PoseDetector
from ..pose.matting import refine_matte
from ..pose.photo import track_photo
from ..types import BodyParams, PersonTrack, Photo
from .assets import AssetLibrary
from .backdrop import Backdrop
from .bodies import BodyMatcher, shaken
from .casting import cast_person
from .drawing import ASTRAY, MARGIN_PX, Ensemble, overlap, silhouettes
from .following import CLIP_FPS, joined, part
from .lighting import Lighting
from .motions import MotionPool
from .people import BodyFactory, Person, build_person
from .render import PersonRenderer, Rendered, develop
from .scenes import Scene, developed_person, random_scene
from .storage import Example
from .visibility import Sight, hidden_from, sight

SEQUENCE_FRAMES = 2
_KINDS = ("clip", "apart", "exact")  # photo and frames fitted together, the photo by itself, nothing fitted
_KIND_SHARES = (0.5, 0.38, 0.12)  # exact bodies lack the clothes' bulk that a fit takes in: too many teach people to swell
_SHAKEN = 0.6  # share of exact bodies that are shaken like a fit
_CONSTANT_DEG, _JITTER_DEG = 2.0, 0.4
_PHOTOS, _PHOTO_SHARES = (1, 2, 4), (0.6, 0.28, 0.12)
_MOST_PHOTOS = 8
_FRAME_S = 1 / 25


@dataclass(frozen=True, slots=True)
class Studio:
    """What all people share; made once per process."""

    library: AssetLibrary
    factory: BodyFactory
    model: BodyModel
    matcher: BodyMatcher
    pool: MotionPool
    detector: PoseDetector


@dataclass(frozen=True, slots=True)
class Shot:
    """One drawn picture and what is known of it."""

    drawn: Rendered
    rotations: np.ndarray  # [24, 3, 3]
    translation_m: np.ndarray  # [3]
    seen: Sight


class Session:
    """One person before one camera."""

    def __init__(self, studio: Studio, rng: np.random.Generator) -> None:
        self.studio, self.rng = studio, rng
        self.person: Person = build_person(cast_person(rng, studio.library), studio.library, studio.factory)
        self.renderer = PersonRenderer(self.person)
        self.betas = studio.matcher.betas(self.person)
        self.scene: Scene = random_scene(rng, tallness_m(self.person))
        self.backdrop = develop(self.scene.backdrop.lit(self.scene.lighting, None), self.scene.lighting.exposure)
        self.kind = str(rng.choice(_KINDS, p=_KIND_SHARES))
        self.shake = (_CONSTANT_DEG, _JITTER_DEG) if rng.random() < _SHAKEN else (0.0, 0.0)

    def shot(self, rotations: np.ndarray, offset_m: np.ndarray) -> Shot:
        """Stand the pose on the floor, `offset_m` (x, z) from the middle, and draw it."""
        place = standing(self.person, rotations, offset_m, self.scene.floor_y_m, self.scene.distance_m)
        camera, light = self.scene.camera, self.scene.lighting
        drawn = self.renderer.draw(rotations, place, camera, light)
        return Shot(drawn, rotations, place, sight(self.renderer, rotations, place, camera))

    def picture(self, shot: Shot, shadows: bool) -> np.ndarray:
        """[H, W, 3] uint8 with sensor noise."""
        return photographed(self.rng, shot.drawn, self.scene.backdrop, self.scene.lighting, shadows)

    def known(self, photos: list[Shot], sequences: list[list[Shot]]) -> tuple[list[Portrait], list[BodyParams]]:
        """What the product would know: a portrait of each photo, the body in each sequence's frames.

        Raises `MotionimitError` where it could not have worked with the pictures.
        """
        return self._drawn_from(photos, sequences) if self.kind == "exact" else self._followed(photos, sequences)

    def _drawn_from(self, photos: list[Shot], sequences: list[list[Shot]]) -> tuple[list[Portrait], list[BodyParams]]:
        """Exact bodies, shaken like a fit, and true mattes, worn like matting."""
        studio = self.studio

        def exact(shots: list[Shot]) -> BodyParams:
            rotations, places = np.stack([s.rotations for s in shots]), np.stack([s.translation_m for s in shots])
            true = studio.matcher.params(self.betas, self.person, rotations, places, self.scene.camera)
            return shaken(self.rng, true, *self.shake)

        size, portraits = self.scene.camera.size_px, []
        for shot in photos:
            matte, picture = _worn(self.rng, shot.drawn.alpha[0].numpy()), self.picture(shot, shadows=False)
            portraits.append(build_portrait(picture, matte, exact([shot]), studio.model, size))
        return portraits, [exact(s) for s in sequences]

    def _followed(self, photos: list[Shot], sequences: list[list[Shot]]) -> tuple[list[Portrait], list[BodyParams]]:
        """The product's own landmarks, matting and fit; "clip": photos are frames of the clip and share its shape."""
        model, size = self.studio.model, self.scene.camera.size_px
        pictures = [self.picture(s, shadows=True) for s in photos]
        tracks = [self._track(p) for p in pictures]
        frames = [self._track(self.picture(s, shadows=True)) for shots in sequences for s in shots]
        starts = np.cumsum([0, *(len(shots) for shots in sequences)])[:-1]
        if self.kind == "clip":
            cuts = (*range(1, len(tracks)), *(len(tracks) + starts))
            together, _ = fit_body(joined([*tracks, *frames], tuple(int(c) for c in cuts)), model)
            bodies = [part(together, k, 1) for k in range(len(tracks))]
            driver = part(together, len(tracks), len(frames))
        else:
            bodies = [fit_body(t, model)[0] for t in tracks]
            driver, _ = fit_body(joined(frames, tuple(int(c) for c in starts[1:])), model)
        mattes = [refine_matte(p, t.masks[0, 0].numpy(), t.box_xyxy_px[0].numpy()) for p, t in zip(pictures, tracks, strict=True)]
        portraits = [build_portrait(*seen, model, size) for seen in zip(pictures, mattes, bodies, strict=True)]
        return portraits, [part(driver, int(first), len(s)) for first, s in zip(starts, sequences, strict=True)]

    def _track(self, picture: np.ndarray) -> PersonTrack:
        return track_photo(Photo(Path("synthetic"), picture, None, ""), self.studio.detector)


def make_example(studio: Studio, seed: Sequence[int], sequences: int, photos: int | None = None) -> Example | None:
    """Draw one person. None where the product could not have worked with the photos (nobody found, or a fit gone astray).

    `photos` fixes the number of source photos, which is drawn at random otherwise.
    """
    rng = np.random.default_rng(seed)
    session = Session(studio, rng)
    chance = int(rng.choice(_PHOTOS, p=_PHOTO_SHARES))
    count = photos or chance
    wobble = rng.normal(0, 0.3, _MOST_PHOTOS)  # always as many draws, so that the first photos are the same for any number
    turns = [0.0, *(np.pi + 2.0 * k + wobble[k] for k in range(count - 1))]
    shots = [session.shot(turned(studio.pool.source(rng), t), rng.normal(0, 0.06, 2)) for t in turns]
    session.rng = frames = np.random.default_rng((*seed, 1))  # so that frames are the same for any number of photos
    clips = [studio.pool.sequence(frames, SEQUENCE_FRAMES, _FRAME_S) for _ in range(sequences)]
    acted = [[session.shot(pose, offset) for pose in clip] for clip in clips for offset in (frames.normal(0, 0.12, 2),)]
    try:
        portraits, motions = session.known(shots, acted)
        stage = _Stage(session, shots, portraits)
        made = (stage.sequence(s, m) for s, m in zip(acted, motions, strict=True))
        done = [s for s in made if s is not None]
    except MotionimitError:  # nobody found, too small: the product would have said so
        return None
    if not done:
        return None
    return Example(
        stage.ensemble.source, tuple(done), {"seed": ",".join(map(str, seed)), "kind": session.kind, "photos": str(count)}
    )


class _Stage:
    """Draws target sequences of a session from its portraits."""

    def __init__(self, session: Session, shots: list[Shot], portraits: list[Portrait]) -> None:
        self.session, self.shots = session, shots
        self.ensemble = Ensemble(portraits, session.studio.model, session.scene.camera.size_px)

    def sequence(self, shots: list[Shot], params: BodyParams) -> tuple[tuple[TargetMaps, ...], tuple[Truth, ...]] | None:
        """Inputs and truth of consecutive frames; None where the fit went astray."""
        session = self.session
        truth_alpha = torch.stack([s.drawn.alpha[0] for s in shots])
        posed = [self._posed(a, params) for a in self.ensemble.portraits]
        camera, mapper = session.scene.camera, self.ensemble.mapper
        drawn = [self.ensemble.draw([p[t] for p in posed], camera) for t in range(len(shots))]
        alpha = silhouettes(drawn)
        box = box_of(torch.maximum(alpha, truth_alpha).amax(0), MARGIN_PX)
        if box is None or overlap(alpha, truth_alpha) < ASTRAY:
            return None
        targets = tuple(mapper.maps(f, posed[0][t], camera, box) for t, f in enumerate(drawn))
        return targets, tuple(self._truth(s, box) for s in shots)

    def _posed(self, portrait: Portrait, params: BodyParams) -> Tensor:
        """Skinning transforms [T, 24, 4, 4] of one photo's body in the frames' poses."""
        model = self.session.studio.model
        if self.session.kind != "exact":
            params = retarget(portrait.params, params, model, mode="copy", fps=float(CLIP_FPS))
        return model.transforms(params)

    def _truth(self, shot: Shot, box: Box) -> Truth:
        session = self.session
        exact = session.studio.matcher.params(
            session.betas, session.person, shot.rotations[None], shot.translation_m[None], session.scene.camera
        )
        body = self.ensemble.mapper.regions_of(session.studio.model.mesh(exact).vertices_m[0], session.scene.camera, box)
        alpha = cropped(shot.drawn.alpha, box)
        hidden = hidden_from(session.renderer, shot.seen, [s.seen for s in self.shots])
        rgb = developed_person(shot.drawn.rgb, shot.drawn.alpha, session.scene.lighting.exposure)
        return Truth(
            rgb=cropped(rgb, box)[None],
            alpha=alpha[None],
            body=torch.where(alpha[0] > 0.5, body, -1)[None],
            hidden=cropped(hidden[None].float(), box)[None],
            backdrop=cropped(session.backdrop, box, held=True)[None],
        )


def tallness_m(person: Person) -> float:
    """Height of the person in the T-pose, shoes and hair included."""
    return float(np.ptp(np.concatenate(person.posed(np.tile(np.eye(3), (24, 1, 1)), np.zeros(3)))[:, 1]))


def standing(person: Person, rotations: np.ndarray, offset_m: np.ndarray, floor_y_m: float, distance_m: float) -> np.ndarray:
    """Translation [3] that stands the pose on the floor, `offset_m` (x, z) from the place at `distance_m` before the camera."""
    lowest = min(float(v[:, 1].min()) for v in person.posed(rotations, np.zeros(3)))
    return np.array([offset_m[0], floor_y_m - lowest, offset_m[1] - distance_m])


def photographed(
    rng: np.random.Generator, drawn: Rendered, backdrop: Backdrop, lighting: Lighting, shadows: bool = True
) -> np.ndarray:
    """The person before the backdrop, [H, W, 3] uint8 with sensor noise."""
    behind = backdrop.lit(lighting, drawn.occlusion if shadows else None)
    srgb = develop(drawn.rgb + (1 - drawn.alpha) * behind, lighting.exposure).permute(1, 2, 0).numpy()
    noise = rng.normal(0, rng.uniform(0.002, 0.012), srgb.shape)
    return (np.clip(srgb + noise, 0, 1) * 255 + 0.5).astype(np.uint8)


def turned(rotations: np.ndarray, angle: float) -> np.ndarray:
    """The pose turned about the vertical."""
    c, s = np.cos(angle), np.sin(angle)
    out = rotations.copy()
    out[0] = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ out[0]
    return out


def _worn(rng: np.random.Generator, alpha: np.ndarray) -> np.ndarray:
    """A matte as matting leaves it: a little too wide or too narrow, a little too soft."""
    grown = rng.normal(0, 0.7)
    size = 1 + 2 * round(abs(grown))
    kernel = np.ones((size, size), np.uint8)
    out = cv2.dilate(alpha, kernel) if grown > 0 else cv2.erode(alpha, kernel)
    return np.clip(cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 1.2)), 0, 1)
